//! Records of artifacts that are built: what `artifacts.json` says of each.
//!
//! Must not know: how a list of them is written or read.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Artifact;
use crate::digest::FileDigest;
use crate::sign::SignedBy;

/// The user of a record that stands for whoever is found at install time.
const FOUND_AT_INSTALL_TIME: &str = "auto";

/// One file that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When Apple notarized a package whose ticket is stapled to it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notarized: Option<DateTime<Utc>>,
    /// What a package holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub package: Option<PackageRecord>,
}

/// What a package is for and what it does, for people who choose one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRecord {
    /// The oldest macOS that it installs on.
    pub minimum_macos: String,
    /// The processors that it is for, as Apple names them.
    pub architectures: Vec<String>,
    /// What it brings beside the instances: Lima, and files for guests.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub bundled: Vec<BundledRecord>,
    /// Its parts, one for each instance.
    pub components: Vec<ComponentRecord>,
}

/// Something that a package brings beside the instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledRecord {
    /// The identifier of its receipt.
    pub identifier: String,
    /// Its version: Lima's.
    pub version: String,
    /// How many files it lays down.
    pub files: u64,
    /// What they take on the Mac's disk, in KiB, as Installer shows it.
    pub installed_kbytes: u64,
    /// Scripts that it runs as root, in their order.
    pub runs: Vec<String>,
}

impl PackageRecord {
    /// What all of it takes on the Mac's disk, in KiB, as Installer shows it.
    pub fn installed_kbytes(&self) -> u64 {
        let bundled = self.bundled.iter().map(|one| one.installed_kbytes);
        bundled.chain(self.components.iter().map(|one| one.installed_kbytes)).sum()
    }
}

/// What a package does for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentRecord {
    /// The identifier of its receipt.
    pub identifier: String,
    /// The instance.
    pub instance: String,
    /// `boot` or `login`.
    pub condition: String,
    /// The user that the instance runs as; `auto` is found at install time.
    pub user: String,
    /// launchd's name for the job.
    pub label: String,
    /// limactl, or `auto`: looked for at every start.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub limactl: String,
    /// LIMA_HOME, where the settings give one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lima_home: Option<String>,
    /// The environment that the settings give limactl.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub env: BTreeMap<String, String>,
    /// Where the script that removes all of it is, once installed.
    pub uninstaller: String,
    /// Files that it lays down, absolute.
    pub installs: Vec<String>,
    /// What they take on the Mac's disk, in KiB, as Installer shows it.
    pub installed_kbytes: u64,
    /// Scripts that it runs as root, in their order.
    pub runs: Vec<String>,
}

impl Built {
    /// A file that holds nothing more to tell.
    pub fn new(artifact: Artifact, version: &str, digest: FileDigest) -> Self {
        let FileDigest { size, sha256 } = digest;
        Self {
            artifact,
            version: version.to_owned(),
            size,
            sha256,
            signed_by: None,
            notarized: None,
            package: None,
        }
    }

    /// Its size and digest.
    pub fn digest(&self) -> FileDigest {
        FileDigest { size: self.size, sha256: self.sha256.clone() }
    }
}

impl ComponentRecord {
    /// The user that it names; `None` where the Mac is to find one.
    pub fn user(&self) -> Option<&str> {
        Some(self.user.as_str()).filter(|user| *user != FOUND_AT_INSTALL_TIME)
    }

    /// Whether the instance starts at boot, and not at login.
    pub fn is_at_boot(&self) -> bool {
        self.condition == "boot"
    }
}

/// What the records say of an instance: the same in each of its packages.
pub fn component_of<'a>(instance: &str, built: &'a [Built]) -> Option<&'a ComponentRecord> {
    let components = built.iter().filter_map(|one| one.package.as_ref()).flat_map(|one| &one.components);
    components.into_iter().find(|component| component.instance == instance)
}
