//! Repositories of all Linux packages of a run, one for each package manager: copies of
//! the packages, and the lists that apt, dnf and pacman read.
//!
//! ```text
//! linux-repository/apt/     *.deb, Packages, Packages.gz, Release
//!                  dnf/     *.rpm, repodata/
//!                  pacman/  *.pkg.tar.zst, lima-autostart.db, lima-autostart.files
//! ```
//!
//! Unsigned: whoever serves them signs `Release`, `repomd.xml`, and the packages.
//!
//! Must not know: the formats' bytes, the disk.

use std::io::{self, Read, Write};

use linuxpkg::repository::{ListFile, apt, dnf, pacman};

use super::package::Format;
use super::{LINUX_REPOSITORY, LINUX_REPOSITORY_LIST, artifacts};
use crate::artifact::{Artifact, Kind, RunFiles};
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

/// What pacman knows the repository by; its database is named so.
const PACMAN_NAME: &str = "lima-autostart";

/// The lists of each repository.
const LISTS: [(Format, &[&str]); 3] = [
    (Format::Deb, &["Packages", "Packages.gz", "Release"]),
    (
        Format::Rpm,
        &[
            "repodata/filelists.xml.gz",
            "repodata/other.xml.gz",
            "repodata/primary.xml.gz",
            "repodata/repomd.xml",
        ],
    ),
    (Format::Arch, &["lima-autostart.db", "lima-autostart.files"]),
];

/// The lists of a run, which [`write_list`] writes.
pub fn lists() -> Vec<Artifact> {
    let of = |(format, names): (Format, &'static [&'static str])| {
        names.iter().map(move |name| Artifact {
            path: format!("{FOLDER}/{}/{name}", folder(format)),
            kind: Kind::new(LINUX_REPOSITORY_LIST),
            instance: None,
            identifier: None,
        })
    };
    LISTS.into_iter().flat_map(of).collect()
}

/// Writes a list of a repository, made of the run's packages in it. Those of one package
/// manager are made together.
///
/// # Errors
/// What the run's files or `out` report, and a package that cannot be listed.
pub fn write_list(artifact: &Artifact, run: &mut dyn RunFiles, out: &mut dyn Write) -> io::Result<()> {
    if !run.left().contains_key(&artifact.path) {
        let of = |format| artifact.path.starts_with(&format!("{FOLDER}/{}/", folder(format)));
        let (format, _) = LISTS.into_iter().find(|(format, _)| of(*format)).ok_or_else(unknown)?;
        let made = made(format, run)?;
        let place = |(name, bytes): ListFile| (format!("{FOLDER}/{}/{name}", folder(format)), bytes);
        run.left().extend(made.into_iter().map(place));
    }
    out.write_all(&run.left().remove(&artifact.path).ok_or_else(unknown)?)
}

fn unknown() -> io::Error {
    io::Error::other("this list of a repository is not known")
}

/// All lists of a repository.
fn made(format: Format, run: &mut dyn RunFiles) -> io::Result<Vec<ListFile>> {
    let start = format!("{FOLDER}/{}/", folder(format));
    let mut paths = Vec::new();
    for built in run.records()? {
        let artifact = built?.artifact;
        if artifact.kind == LINUX_REPOSITORY && artifact.path.starts_with(&start) {
            paths.push(artifact.path);
        }
    }
    let time = run.time();
    let (mut debs, mut rpms, mut archs) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let mut bytes = Vec::new();
        run.open(&path)?.read_to_end(&mut bytes)?;
        let name = &path[start.len()..];
        match format {
            Format::Deb => debs.push(apt::entry(name, &bytes).map_err(io::Error::other)?),
            Format::Rpm => rpms.push(dnf::entry(name, &bytes, time).map_err(io::Error::other)?),
            Format::Arch => archs.push(pacman::entry(name, &bytes).map_err(io::Error::other)?),
        }
    }
    match format {
        Format::Deb => Ok(apt::lists(&debs, time)),
        Format::Rpm => dnf::lists(&rpms, time).map_err(io::Error::other),
        Format::Arch => pacman::lists(PACMAN_NAME, &archs, time).map_err(io::Error::other),
    }
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
