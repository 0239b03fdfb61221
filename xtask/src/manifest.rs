//! `artifacts.json` and `SHA256SUMS`: what a run built, for machines.
//!
//! Must not know: how files are built or where `out/` is.

use serde::{Deserialize, Serialize};

use crate::plan::Artifact;
use crate::sign::SignedBy;

/// `artifacts.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// [`crate::plan::SCHEMA`].
    pub schema: u32,
    /// Version of every package of the run.
    pub version: String,
    /// Every file but the manifest and the checksums, sorted by path.
    pub artifacts: Vec<Built>,
}

/// One file that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Built {
    /// What was planned.
    #[serde(flatten)]
    pub artifact: Artifact,
    /// The package version.
    pub version: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Who signed; `null` where nobody did.
    pub signed_by: Option<SignedBy>,
}

/// What an earlier run's manifest is read for: the files that it wrote.
#[derive(Debug, Deserialize)]
struct Earlier {
    artifacts: Vec<EarlierArtifact>,
}

#[derive(Debug, Deserialize)]
struct EarlierArtifact {
    path: String,
}

impl Manifest {
    /// `artifacts.json`, one field a line, with a newline at the end.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("the manifest holds strings and numbers");
        json.push(b'\n');
        json
    }
}

/// The paths that an earlier run's `artifacts.json` lists. A path that leaves
/// the folder is no path of ours and is dropped.
pub fn earlier_paths(json: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let earlier: Earlier = serde_json::from_slice(json)?;
    Ok(earlier
        .artifacts
        .into_iter()
        .map(|artifact| artifact.path)
        .filter(|path| stays_inside(path))
        .collect())
}

fn stays_inside(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// `SHA256SUMS` as sha256sum writes and checks it: digest, two spaces, path.
/// `files` are pairs of path and digest; the lines are sorted by path.
pub fn sums<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_unstable();
    files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_cannot_name_files_outside_its_folder() {
        let json = br#"{"artifacts":[{"path":"a/b"},{"path":"/etc/passwd"},{"path":"../x"},{"path":"a/../../x"},{"path":""}]}"#;
        assert_eq!(earlier_paths(json).unwrap(), ["a/b"]);
    }
}
