//! What Apple's device management reads: manifest, declaration, profile.
//!
//! Keys: apple/device-management; see `crate::managers`.
//!
//! Must not know: what else is in a folder.

use std::io::{self, Read, Seek};
use std::num::NonZeroU64;

use plist::{Dictionary, Value};
use serde::Deserialize;

use super::munki::REPOSITORIES;
use super::{Folder, INSTALL_MANIFEST, below_mdm, instance_folder, is_in_folder, is_of_fleet};
use crate::digest::sums::Digester;
use crate::managers::artifacts::WHOLE_PROFILE_FILE;
use crate::run::manifest::{self, MANIFEST_FILE};
use crate::verify::payload::{Found, Look, each_entry};
use crate::verify::{cms, property_list};

fn dictionary(value: &Value) -> Result<&Dictionary, String> {
    value.as_dictionary().ok_or_else(|| "a dictionary is missing where one belongs".to_owned())
}

fn list<'a>(keys: &'a Dictionary, key: &str) -> Result<&'a [Value], String> {
    keys.get(key).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| format!("it has no array {key}"))
}

fn text<'a>(keys: &'a Dictionary, key: &str) -> Result<&'a str, String> {
    keys.get(key).and_then(Value::as_string).ok_or_else(|| format!("it has no string {key}"))
}

fn number(keys: &Dictionary, key: &str) -> Option<u64> {
    keys.get(key).and_then(Value::as_unsigned_integer)
}

/// Every package of a manifest.
pub fn manifest_faults<R: Read + Seek>(folder: &Folder<'_, R>, path: &str) -> Result<Vec<String>, String> {
    let value = property_list::read(&folder.read(path)?)?;
    let mut faults = Vec::new();
    let items = list(dictionary(&value)?, "items")?;
    if items.is_empty() {
        faults.push("it names no package".to_owned());
    }
    for item in items {
        let item = dictionary(item)?;
        let metadata = dictionary(item.get("metadata").ok_or("it has no metadata")?)?;
        let assets = list(item, "assets")?;
        if assets.is_empty() {
            faults.push("it names no package".to_owned());
        }
        for asset in assets {
            let asset = dictionary(asset)?;
            let kind = text(asset, "kind")?;
            if kind != "software-package" {
                faults.push(format!("it has an asset of the kind {kind:?}, which is not a package"));
                continue;
            }
            let package = folder.file_at(text(asset, "url")?)?;
            if !is_in_folder(package, instance_folder(path)) {
                faults.push(format!("it names {package:?}, which is another instance's"));
            }
            faults.extend(digest_fault(folder, asset, package)?);
            let (identifier, version) =
                (text(metadata, "bundle-identifier")?, text(metadata, "bundle-version")?);
            faults.extend(folder.identity_faults(package, identifier, version));
            let size = folder.files[package].size;
            if number(metadata, "sizeInBytes").is_some_and(|said| said != size) {
                faults.push(format!("its sizeInBytes is not that of {package:?}, which has {size}"));
            }
        }
    }
    Ok(faults)
}

/// Whether the digests of a package are not those that an asset has. A Mac takes
/// `sha256` where there is one, or else the digests of the parts.
fn digest_fault<R: Read + Seek>(
    folder: &Folder<'_, R>,
    asset: &Dictionary,
    package: &str,
) -> Result<Option<String>, String> {
    let found = &folder.files[package];
    if asset.contains_key("sha256") {
        let holds = found.sha256.eq_ignore_ascii_case(text(asset, "sha256")?);
        return Ok((!holds).then(|| format!("its sha256 is not that of {package:?}")));
    }
    let said = list(asset, "sha256s")?;
    let length = number(asset, "sha256-size").and_then(NonZeroU64::new).ok_or("it has no sha256-size")?;
    // Before the digests: of parts of a byte each there would be millions.
    let count = found.size.div_ceil(length.get());
    if said.len() as u64 != count {
        return Ok(Some(format!("it has {} sums, and {package:?} has {count} parts", said.len())));
    }
    let mut digester = Digester::with_chunks_of(length);
    (folder.open)(package)
        .and_then(|mut file| io::copy(&mut file, &mut digester))
        .map_err(|error| format!("{package:?} could not be read: {error}"))?;
    let chunks = digester.finish().chunks;
    let holds =
        |said: &Value, chunk: &str| said.as_string().is_some_and(|said| said.eq_ignore_ascii_case(chunk));
    let wrong = said.iter().zip(&chunks).position(|(said, chunk)| !holds(said, chunk));
    Ok(wrong.map(|at| format!("sum {} of {count} is not that of {package:?}", at + 1)))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Declaration {
    r#type: String,
    identifier: String,
    server_token: String,
    payload: PackagePayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PackagePayload {
    #[serde(rename = "ManifestURL")]
    manifest_url: String,
    install_behavior: Option<InstallBehavior>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstallBehavior {
    install: Option<String>,
}

/// In bytes; declarationbase.yaml says "64 octets".
const IDENTIFIER_MAX: usize = 64;

/// A declaration against the manifest that it names.
pub fn declaration_faults<R: Read + Seek>(folder: &Folder<'_, R>, path: &str) -> Result<Vec<String>, String> {
    let declaration: Declaration =
        serde_json::from_slice(&folder.read(path)?).map_err(|error| format!("it cannot be read: {error}"))?;
    let mut faults = Vec::new();
    if declaration.r#type != "com.apple.configuration.package" {
        faults.push(format!("its type is {:?}, which is not a package's", declaration.r#type));
    }
    let length = declaration.identifier.len();
    if !(1..=IDENTIFIER_MAX).contains(&length) {
        faults.push(format!("its Identifier has {length} bytes, and 1 to {IDENTIFIER_MAX} are taken"));
    }
    let behavior = declaration.payload.install_behavior.and_then(|behavior| behavior.install);
    match behavior.as_deref() {
        Some("Required") => {}
        None | Some("Optional") => faults.push(
            "its InstallBehavior has the user decide whether to install; `Install` is to be `Required`"
                .to_owned(),
        ),
        Some(other) => faults.push(format!("its InstallBehavior is {other:?}, which Apple does not have")),
    }
    let manifest = folder.file_at(&declaration.payload.manifest_url)?;
    if !is_in_folder(manifest, instance_folder(path)) || below_mdm(manifest) != Some(INSTALL_MANIFEST) {
        faults.push(format!("it names {manifest:?}, which is not this instance's manifest"));
    }
    if declaration.server_token != folder.files[manifest].sha256 {
        faults.push(format!(
            "its ServerToken is not the SHA-256 of {manifest:?}: a Mac that applied the earlier one would not apply this one"
        ));
    }
    Ok(faults)
}

/// A profile: its signature, if it has one, and that it speaks of jobs that the
/// instance's packages install.
pub fn profile_faults<R: Read + Seek>(folder: &Folder<'_, R>, path: &str) -> Result<Vec<String>, String> {
    /// The first byte of a SignedData.
    const SEQUENCE: u8 = 0x30;
    let mut bytes = folder.read(path)?;
    if bytes.first() == Some(&SEQUENCE) {
        if is_of_fleet(path) {
            return Err("it is signed, and Fleet takes no profile that is".to_owned());
        }
        bytes = cms::attached(&bytes).map_err(|fault| format!("its signature: {fault}"))?;
    }
    let value = property_list::read(&bytes)?;
    let profile = dictionary(&value)?;
    let mut labels = Vec::new();
    for payload in list(profile, "PayloadContent")? {
        let payload = dictionary(payload)?;
        if text(payload, "PayloadType")? != "com.apple.servicemanagement" {
            continue;
        }
        for rule in list(payload, "Rules")? {
            let rule = dictionary(rule)?;
            if text(rule, "RuleType")? == "Label" {
                labels.push(text(rule, "RuleValue")?);
            }
        }
    }
    if labels.is_empty() {
        return Err("it allows no job by its label".to_owned());
    }
    // A part of a run has the jobs of some instances, and the profile of all.
    if path == WHOLE_PROFILE_FILE && is_part_of_a_run(folder) {
        return Ok(Vec::new());
    }
    let unknown = not_installed(folder, instance_folder(path), labels)?;
    Ok(unknown.into_iter().map(|label| format!("no package of the instance has a job {label:?}")).collect())
}

fn is_part_of_a_run<R: Read + Seek>(folder: &Folder<'_, R>) -> bool {
    let manifest = (folder.open)(MANIFEST_FILE).map(manifest::read_header);
    matches!(manifest, Ok(Ok(header)) if header.partition.is_some())
}

/// Those of the labels that no job of an instance has, or of any where no folder of one
/// is given, by the names of the property lists
/// that its packages install. That these are the labels is checked of each package.
fn not_installed<'a, R: Read + Seek>(
    folder: &Folder<'_, R>,
    instance: &str,
    mut labels: Vec<&'a str>,
) -> Result<Vec<&'a str>, String> {
    // The packages of the Munki repository are the same once more.
    let packages = folder.files.keys().filter(|path| {
        path.starts_with(instance) && path.ends_with(".pkg") && !path.starts_with(REPOSITORIES[0])
    });
    for path in packages {
        let (facts, mut file) = folder.package(path)?;
        for component in &facts.components {
            let Some(data) = &component.payload else { continue };
            // What cannot be read is a fault of the package, which has checks of its own.
            let _ = each_entry(
                &facts,
                &mut file,
                "Payload",
                data,
                Look { kept: |_: &str| false, code: None },
                |Found { entry, .. }| {
                    let name = entry.path.strip_suffix(".plist").and_then(|path| path.rsplit('/').next());
                    labels.retain(|label| name != Some(*label));
                    Ok(())
                },
            );
        }
    }
    Ok(labels)
}
