//! A whole output folder: SHA256SUMS and artifacts.json against what is there.
//!
//! Must not know: the disk. The caller lists the files and their digests.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Check;
use crate::digest::FileDigest;
use crate::run::manifest::{MANIFEST_FILE, SCHEMA, SUMS_FILE};

#[derive(Debug, Deserialize)]
struct Manifest {
    schema: u32,
    artifacts: Vec<Artifact>,
}

#[derive(Debug, Deserialize)]
struct Artifact {
    path: String,
    size: u64,
    sha256: String,
}

/// Checks the records of a folder against `files`, which are all files there by
/// relative path.
pub fn checks(
    sums: Option<&str>,
    manifest: Option<&[u8]>,
    files: &BTreeMap<String, FileDigest>,
) -> Vec<Check> {
    let sums = match sums {
        None => vec![format!("{SUMS_FILE} is missing")],
        Some(text) => sums_faults(text, files),
    };
    let manifest = match manifest {
        None => vec![format!("{MANIFEST_FILE} is missing")],
        Some(json) => manifest_faults(json, files),
    };
    vec![Check::of("folder-sums", sums), Check::of("folder-manifest", manifest)]
}

/// The same for a folder that nobody recorded.
pub fn none(why: &str) -> Vec<Check> {
    ["folder-sums", "folder-manifest"].map(|name| Check::not_applicable(name, why)).into()
}

fn sums_faults(text: &str, files: &BTreeMap<String, FileDigest>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut listed = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        match line.split_once("  ") {
            Some((digest, path)) if digest.len() == 64 => {
                if listed.insert(path, digest).is_some() {
                    faults.push(format!("{path:?} is listed twice"));
                }
            }
            _ => faults.push(format!("line {} is not a digest, two spaces and a path", number + 1)),
        }
    }
    for (path, digest) in &listed {
        match files.get(*path) {
            None => faults.push(format!("{path:?} is listed but missing")),
            Some(found) if !found.sha256.eq_ignore_ascii_case(digest) => {
                faults.push(format!("{path:?} has another digest: {}", found.sha256));
            }
            Some(_) => {}
        }
    }
    let unlisted = files.keys().filter(|path| *path != SUMS_FILE && !listed.contains_key(path.as_str()));
    faults.extend(unlisted.map(|path| format!("{path:?} exists but is not listed")));
    faults
}

fn manifest_faults(json: &[u8], files: &BTreeMap<String, FileDigest>) -> Vec<String> {
    let manifest: Manifest = match serde_json::from_slice(json) {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{MANIFEST_FILE} cannot be read: {error}")],
    };
    let mut faults = Vec::new();
    if manifest.schema != SCHEMA {
        faults.push(format!("its schema is {}, and this program knows {}", manifest.schema, SCHEMA));
    }
    let mut listed = BTreeMap::new();
    for artifact in &manifest.artifacts {
        let path = &artifact.path;
        if listed.insert(path.as_str(), ()).is_some() {
            faults.push(format!("{path:?} is listed twice"));
        }
        match files.get(path) {
            None => faults.push(format!("{path:?} is listed but missing")),
            Some(found) if found.size != artifact.size => {
                faults.push(format!("{path:?} has {} bytes, and not {}", found.size, artifact.size));
            }
            Some(found) if !found.sha256.eq_ignore_ascii_case(&artifact.sha256) => {
                faults.push(format!("{path:?} has another digest: {}", found.sha256));
            }
            Some(_) => {}
        }
    }
    let own = [MANIFEST_FILE, SUMS_FILE];
    let unlisted =
        files.keys().filter(|path| !own.contains(&path.as_str()) && !listed.contains_key(path.as_str()));
    faults.extend(unlisted.map(|path| format!("{path:?} exists but is not listed")));
    faults
}
