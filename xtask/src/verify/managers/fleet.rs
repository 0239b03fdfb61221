//! Software for Fleet, against the package and the scripts that it names.
//!
//! Keys: Fleet's `docs/Configuration/yaml-files.md`; see `crate::managers`.
//!
//! Must not know: what else is in a folder.

use std::io::{Read, Seek};

use serde::Deserialize;

use super::{Folder, instance_folder};

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

/// What does not agree in a software file. How deep and how large the YAML may be is
/// bounded by serde-saphyr's own budget.
pub fn faults<R: Read + Seek>(folder: &Folder<'_, R>, path: &str) -> Result<Vec<String>, String> {
    let software: Software = serde_saphyr::from_slice(&folder.read(path)?).map_err(|error| {
        format!("it cannot be read: {}", error.to_string().lines().next().unwrap_or_default())
    })?;
    let mut faults = Vec::new();
    let package = folder.file_at(&software.url)?;
    if !package.starts_with(instance_folder(path)) {
        faults.push(format!("it names {package:?}, which is another instance's"));
    }
    // Fleet takes no capitals here.
    if software.hash_sha256 != folder.files[package].sha256 {
        faults.push(format!("its hash_sha256 is not that of {package:?}"));
    }
    let here = path.rsplit_once('/').map_or("", |(here, _)| here);
    for script in [software.install_script, software.post_install_script, software.uninstall_script]
        .into_iter()
        .flatten()
    {
        let named = script.path.strip_prefix("./").unwrap_or(&script.path);
        if !folder.files.contains_key(&format!("{here}/{named}")) {
            faults.push(format!("it names the script {:?}, which is not beside it", script.path));
        }
    }
    Ok(faults)
}
