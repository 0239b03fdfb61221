//! What a run's packages bring beside the instances, for people who look at a plan: what it is,
//! how large it is, and which instances' packages have it.
//!
//! Must not know: how packages are written, so their own sizes are not known here.

use serde::Serialize;

use super::Plan;
use crate::bundle::File;
use crate::settings::Instance;

/// Something that packages bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// Lima with its version, or the file's name.
    pub name: String,
    /// The processor that it is for.
    pub architecture: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Bytes of the file that it comes from.
    pub size: u64,
    /// Bytes of what is laid down.
    pub installed_size: u64,
    /// The instances whose packages have it; what is of all instances has all of it.
    pub instances: Vec<String>,
}

impl Plan<'_> {
    /// What the packages bring: Lima first, then the files for guests by name.
    pub fn brought(&self) -> Vec<Brought> {
        let mut all: Vec<Brought> = Vec::new();
        for instance in self.instances() {
            let lima = self.spec().lima.as_ref().filter(|_| instance.uses_bundled_lima());
            let releases = lima.iter().flat_map(|lima| &lima.archives).map(|release| Brought {
                name: format!("Lima {}", lima.map_or("", |lima| lima.version.as_str())),
                architecture: release.architecture.to_string(),
                sha256: release.sha256.clone(),
                size: release.size,
                installed_size: release.unpacked(),
                instances: Vec::new(),
            });
            let files = instance.bundled.files.iter().map(|file| Brought {
                name: file.file.name.clone(),
                architecture: file.architecture.to_string(),
                sha256: file.file.sha256.clone(),
                size: file.file.size,
                installed_size: file.file.size,
                instances: Vec::new(),
            });
            for one in releases.chain(files) {
                let same = |other: &Brought| {
                    (&other.sha256, &other.architecture) == (&one.sha256, &one.architecture)
                };
                let at = all.iter().position(same).unwrap_or_else(|| {
                    all.push(one.clone());
                    all.len() - 1
                });
                all[at].instances.push(instance.name.to_string());
            }
        }
        all
    }

    /// The files for guests, each once.
    pub fn files_to_pack(&self) -> Vec<File> {
        let mut files: Vec<File> = Vec::new();
        for file in self.instances().iter().flat_map(|instance| &instance.bundled.files) {
            if !files.contains(&file.file) {
                files.push(file.file.clone());
            }
        }
        files
    }

    /// Bytes of the files for guests that are read while packages are written, each as often
    /// as it is packed.
    pub fn bytes_to_pack(&self) -> u64 {
        let builds = |kind: &str| self.artifacts().any(|one| one.kind == kind);
        let (combined, single) = (builds(crate::macos::COMBINED_PKG), builds(crate::macos::PKG));
        let packed = |file: &File| {
            let uses = |one: &&&Instance| one.bundled.files.iter().any(|other| other.file == *file);
            let instances = self.instances().iter().filter(uses).count() as u64;
            file.size * (u64::from(combined) + if single { instances } else { 0 })
        };
        self.files_to_pack().iter().map(packed).sum()
    }
}
