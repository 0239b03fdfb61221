//! Every key of a pkginfo against the package that it describes.
//!
//! Keys: munki/munki `pkginfolib.py`; what Munki does with them: `installationstate.py`,
//! `installer/rmpkgs.py`. Scripts: `scriptutils.py`, which splits them as Python's
//! `splitlines` does.
//!
//! Must not know: where either of them is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use flatpkg::product::PackageFacts;
use md5::{Digest, Md5};
use plist::{Dictionary, Value};

use super::identity_fault;
use crate::digest::hex;
use crate::macos::launchd::UNINSTALLER_FILE;
use crate::verify::payload::{Found, Look, each_entry};

/// A text of a dictionary.
pub fn text<'a>(keys: &'a Dictionary, key: &str) -> Option<&'a str> {
    keys.get(key).and_then(Value::as_string)
}

fn number(keys: &Dictionary, key: &str) -> Option<u64> {
    keys.get(key).and_then(Value::as_unsigned_integer)
}

fn texts(keys: &Dictionary, key: &str) -> Option<Vec<String>> {
    let values = keys.get(key)?.as_array()?;
    Some(values.iter().filter_map(Value::as_string).map(str::to_owned).collect())
}

/// What a package lays down: MD5 by absolute path, and the uninstallers among it.
#[derive(Default)]
struct LaidDown {
    files: BTreeMap<String, Option<String>>,
    uninstallers: BTreeMap<String, Vec<u8>>,
}

impl LaidDown {
    fn read<R: Read + Seek>(facts: &PackageFacts, file: &mut R) -> Result<Self, String> {
        let mut found = Self::default();
        for component in &facts.components {
            let Some(data) = &component.payload else { continue };
            let location = component.package_info.as_ref().and_then(|info| info.install_location.as_deref());
            let root = location.unwrap_or("/").trim_end_matches('/').to_owned();
            each_entry(
                facts,
                file,
                "Payload",
                data,
                Look { kept: |_: &str| true, code: None },
                |Found { entry, .. }| {
                    if entry.is_file() {
                        let path = format!("{root}/{}", entry.path.trim_start_matches("./"));
                        let sum = entry.content.as_ref().map(|content| hex(Md5::digest(content)));
                        if path.ends_with(&format!("/{UNINSTALLER_FILE}")) {
                            found.uninstallers.insert(path.clone(), entry.content.unwrap_or_default());
                        }
                        found.files.insert(path, sum);
                    }
                    Ok(())
                },
            )?;
        }
        Ok(found)
    }
}

/// What does not agree with a package that was read.
pub fn faults<R: Read + Seek>(
    pkginfo: &Dictionary,
    package: &str,
    facts: &PackageFacts,
    file: &mut R,
) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    let infos: Vec<_> =
        facts.components.iter().filter_map(|component| component.package_info.as_ref()).collect();
    let identities: BTreeSet<(String, String)> =
        infos.iter().filter_map(|info| Some((info.identifier.clone()?, info.version.clone()?))).collect();
    let version = text(pkginfo, "version").ok_or("it has no text version")?;
    if !identities.iter().any(|(_, of_package)| of_package == version) {
        faults.push(format!("its version is {version}, and {package:?} has another"));
    }
    let size: Option<u64> = infos.iter().map(|info| info.install_kbytes).sum();
    if let (Some(said), Some(size)) = (number(pkginfo, "installed_size"), size)
        && said != size
    {
        faults.push(format!("its installed_size is {said} KiB, and {package:?} takes {size}"));
    }
    for receipt in pkginfo.get("receipts").and_then(Value::as_array).into_iter().flatten() {
        let keys = receipt.as_dictionary().ok_or("it has a receipt that is not a dictionary")?;
        let (Some(identifier), Some(version)) = (text(keys, "packageid"), text(keys, "version")) else {
            return Err("it has a receipt without packageid or version".to_owned());
        };
        faults.extend(identity_fault(&identities, identifier, version, package));
        let component = infos.iter().find(|info| info.identifier.as_deref() == Some(identifier));
        let size = component.and_then(|info| info.install_kbytes);
        if let (Some(said), Some(size)) = (number(keys, "installed_size"), size)
            && said != size
        {
            faults.push(format!("its receipt {identifier} has {said} KiB, and {package:?} takes {size}"));
        }
    }
    faults.extend(mac_faults(pkginfo, package, facts));
    let laid_down = LaidDown::read(facts, file)?;
    faults.extend(installs_faults(pkginfo, package, &laid_down)?);
    faults.extend(script_faults(pkginfo, package, &laid_down));
    Ok(faults)
}

/// The Macs that a package is for.
fn mac_faults(pkginfo: &Dictionary, package: &str, facts: &PackageFacts) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(distribution) = &facts.distribution else { return faults };
    let said = text(pkginfo, "minimum_os_version");
    if let (Some(said), [needed, ..]) = (said, &distribution.minimum_macos[..])
        && numbers(said) != numbers(needed)
    {
        faults.push(format!("its minimum_os_version is {said}, and {package:?} needs {needed}"));
    }
    let said = texts(pkginfo, "supported_architectures");
    if let (Some(mut said), Some(host)) = (said, &distribution.host_architectures) {
        let mut of_package: Vec<&str> = host.split(',').map(str::trim).collect();
        said.sort();
        of_package.sort_unstable();
        if said != of_package {
            faults.push(format!(
                "its supported_architectures are {}, and {package:?} is for {host}",
                said.join(", ")
            ));
        }
    }
    faults
}

/// A version's numbers; 13 and 13.0 are the same.
fn numbers(version: &str) -> Vec<&str> {
    let mut numbers: Vec<&str> = version.split('.').collect();
    while numbers.last() == Some(&"0") {
        numbers.pop();
    }
    numbers
}

/// A path that never comes, or a sum that is another, has Munki install again and again.
fn installs_faults(pkginfo: &Dictionary, package: &str, found: &LaidDown) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for item in pkginfo.get("installs").and_then(Value::as_array).into_iter().flatten() {
        let keys = item.as_dictionary().ok_or("it has something in installs that is not a dictionary")?;
        if text(keys, "type") != Some("file") {
            continue;
        }
        let path = text(keys, "path").ok_or("it has a file without path in installs")?;
        let name = path.rsplit('/').next().unwrap_or(path);
        match (found.files.get(path), text(keys, "md5checksum")) {
            (Some(Some(sum)), Some(said)) if !sum.eq_ignore_ascii_case(said) => {
                faults.push(format!("the md5checksum of {path:?} is not that of the file in {package:?}"));
            }
            (Some(_), _) => {}
            // An installation may put a file elsewhere that the package brings, changed.
            (None, None) if found.files.keys().any(|file| file.rsplit('/').next() == Some(name)) => {}
            (None, _) => faults
                .push(format!("{path:?} is in its installs, but {package:?} does not contain that file")),
        }
    }
    Ok(faults)
}

fn script_faults(pkginfo: &Dictionary, package: &str, found: &LaidDown) -> Vec<String> {
    let mut faults = Vec::new();
    for (key, script) in pkginfo.iter().filter(|(key, _)| key.ends_with("_script")) {
        let Some(script) = script.as_string() else {
            faults.push(format!("its {key} is not text"));
            continue;
        };
        if !script.starts_with("#!/") {
            faults.push(format!("its {key} does not start with the program that runs it, as #!/bin/sh"));
        }
        if script.contains(['\u{2028}', '\u{2029}']) {
            faults.push(format!("its {key} contains U+2028 or U+2029, where Munki breaks the line"));
        }
    }
    let method = text(pkginfo, "uninstall_method");
    let is_uninstallable = pkginfo.get("uninstallable").and_then(Value::as_boolean) == Some(true);
    match (method, text(pkginfo, "uninstall_script")) {
        (Some("uninstall_script"), Some(script)) => {
            // It is the one that the package brings, or runs all that it brings.
            let is_right = match found.uninstallers.len() {
                1 => found.uninstallers.values().all(|brought| brought == script.as_bytes()),
                _ => found.uninstallers.keys().all(|path| script.contains(path.as_str())),
            };
            if !is_right {
                faults.push(format!("its uninstall_script is not the uninstaller in {package:?}"));
            }
        }
        (Some("uninstall_script"), None) => {
            faults
                .push("its uninstall_method is uninstall_script, but uninstall_script is missing".to_owned());
        }
        (Some("removepackages"), _) if !pkginfo.contains_key("receipts") => {
            faults.push("its uninstall_method is removepackages, but receipts are missing".to_owned());
        }
        (None, _) if is_uninstallable => {
            faults.push("it is uninstallable, but uninstall_method is missing".to_owned());
        }
        _ => {}
    }
    if let Some(script) = text(pkginfo, "uninstallcheck_script") {
        for path in found.uninstallers.keys().filter(|path| !script.contains(path.as_str())) {
            faults.push(format!("its uninstallcheck_script does not look for {path:?}"));
        }
    }
    faults
}
