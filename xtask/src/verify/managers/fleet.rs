//! Software for Fleet, against the package and the scripts that it names, and policies,
//! against the software.
//!
//! Keys: Fleet's `docs/Configuration/yaml-files.md`; see `crate::managers`.
//!
//! Must not know: what else is in a folder.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use serde::Deserialize;

use super::{Folder, instance_folder, is_in_folder};

#[derive(Deserialize)]
struct Software {
    url: String,
    hash_sha256: String,
    install_script: Option<Script>,
    post_install_script: Option<Script>,
    uninstall_script: Option<Script>,
}

#[derive(Deserialize)]
struct Script {
    path: String,
}

#[derive(Deserialize)]
struct Policy {
    name: String,
    query: String,
    install_software: Option<InstallSoftware>,
}

#[derive(Deserialize)]
struct InstallSoftware {
    package_path: Option<String>,
}

/// What does not agree in a file. How deep and how large the YAML may be is bounded by
/// serde-saphyr's own budget.
pub fn faults<R: Read + Seek>(folder: &Folder<'_, R>, path: &str) -> Result<Vec<String>, String> {
    let bytes = folder.read(path)?;
    if path.ends_with(".policies.yml") {
        return policies_faults(folder, path, &bytes);
    }
    software_faults(folder, path, &bytes)
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_saphyr::from_slice(bytes).map_err(|error| {
        format!("it cannot be read: {}", error.to_string().lines().next().unwrap_or_default())
    })
}

/// The place of a file that is named relative to the one at `path`.
fn beside(path: &str, named: &str) -> String {
    let here = path.rsplit_once('/').map_or("", |(here, _)| here);
    format!("{here}/{}", named.strip_prefix("./").unwrap_or(named))
}

fn software_faults<R: Read + Seek>(
    folder: &Folder<'_, R>,
    path: &str,
    bytes: &[u8],
) -> Result<Vec<String>, String> {
    let software: Software = read(bytes)?;
    let mut faults = Vec::new();
    let package = folder.file_at(&software.url)?;
    if !is_in_folder(package, instance_folder(path)) {
        faults.push(format!("it names {package:?}, which is another instance's"));
    }
    // Fleet takes no capitals here.
    if software.hash_sha256 != folder.files[package].sha256 {
        faults.push(format!("its hash_sha256 is not that of {package:?}"));
    }
    for script in [software.install_script, software.post_install_script, software.uninstall_script]
        .into_iter()
        .flatten()
    {
        if !folder.files.contains_key(&beside(path, &script.path)) {
            faults.push(format!("it names the script {:?}, which is not beside it", script.path));
        }
    }
    Ok(faults)
}

/// Policies of one name are one to Fleet, and one without a query is none.
fn policies_faults<R: Read + Seek>(
    folder: &Folder<'_, R>,
    path: &str,
    bytes: &[u8],
) -> Result<Vec<String>, String> {
    let policies: Vec<Policy> = read(bytes)?;
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    if policies.is_empty() {
        faults.push("it has no policies".to_owned());
    }
    for policy in &policies {
        let name = &policy.name;
        if !names.insert(name) {
            faults.push(format!("it has two policies {name:?}"));
        }
        if policy.query.trim().is_empty() {
            faults.push(format!("its policy {name:?} has no query"));
        }
        let named = policy.install_software.as_ref().and_then(|software| software.package_path.as_deref());
        if let Some(named) = named.filter(|named| !folder.files.contains_key(&beside(path, named))) {
            faults.push(format!("its policy {name:?} installs {named:?}, which is not beside it"));
        }
    }
    Ok(faults)
}
