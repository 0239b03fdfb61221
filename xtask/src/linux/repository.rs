//! Repositories of all Linux packages of a run, one for each package manager: copies of
//! the packages, and the lists that apt, dnf and pacman read.
//!
//! ```text
//! linux-repository/apt/     *.deb, Packages, Packages.gz, Release
//!                  dnf/     *.rpm, repodata/
//!                  pacman/  *.pkg.tar.zst, lima-autostart.db
//! ```
//!
//! Unsigned: whoever serves them signs `Release`, `repomd.xml`, and the packages.
//!
//! Must not know: the formats' bytes, the disk.

use super::package::Format;
use super::{LINUX_REPOSITORY, artifacts};
use crate::artifact::{Artifact, Kind};
use crate::settings::{Instance, Spec};

/// Its folder, beside those of the instances.
pub const FOLDER: &str = "linux-repository";

/// The packages of an instance in the repositories, each with what it is a copy of.
pub fn copies(spec: &Spec, instance: &Instance) -> [(Artifact, String); 3] {
    [Format::Deb, Format::Rpm, Format::Arch].map(|format| {
        let original = artifacts::package_path(format, spec, instance);
        let name = original.rsplit('/').next().unwrap_or(&original);
        let artifact = Artifact {
            path: format!("{FOLDER}/{}/{name}", folder(format)),
            kind: Kind::new(LINUX_REPOSITORY),
            instance: Some(instance.name.to_string()),
            identifier: Some(instance.name.linux_package()),
        };
        (artifact, original)
    })
}

/// The folder of a package manager.
fn folder(format: Format) -> &'static str {
    match format {
        Format::Deb => "apt",
        Format::Rpm => "dnf",
        Format::Arch => "pacman",
    }
}

/// What a file of them is.
pub fn words(path: &str) -> &'static str {
    let below = path.strip_prefix(FOLDER).unwrap_or(path);
    if below.starts_with("/apt/") {
        "repository for apt"
    } else if below.starts_with("/dnf/") {
        "repository for dnf"
    } else {
        "repository for pacman"
    }
}
