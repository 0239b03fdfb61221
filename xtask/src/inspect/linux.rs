//! What a package for Linux is and does: `.deb`, `.rpm`, Arch's.
//!
//! Must not know: whether it is sound (that is `verify`), how it is printed.

use std::io::{Read, Seek};

use flatpkg::Severity;
use linuxpkg::{Contents, FileKind, ReadError};
use serde::Serialize;

use crate::verify::linux::{Kept, keep, read};

/// Longest text of a script that is kept, in bytes, and of all of them together.
const TEXT_MAX: usize = 1 << 20;

/// A package.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// Version of this structure as JSON.
    pub schema: u32,
    /// `deb`, `rpm` or `pkg.tar`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its version with epoch and revision.
    pub version: String,
    /// The processor that it is for.
    pub architecture: String,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintainer: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Its licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// What it says of other packages.
    pub relations: Vec<Relation>,
    /// What runs as root when it is installed or removed.
    pub scripts: Vec<Script>,
    /// The units that systemd finds in it.
    pub units: Vec<Unit>,
    /// Files that are kept where somebody changed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub configuration: Vec<String>,
    /// What it installs.
    pub files: Vec<File>,
    /// Signatures in it. Whether they hold is not told.
    pub signatures: Vec<String>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// Another package.
#[derive(Debug, Serialize)]
pub struct Relation {
    /// Such as `Depends`.
    pub kind: String,
    /// Its name and version.
    pub text: String,
}

/// A script.
#[derive(Debug, Serialize)]
pub struct Script {
    /// Its name in its format.
    pub name: String,
    /// What runs it, where the package says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Bytes.
    pub size: usize,
    /// Its text, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A unit of systemd's.
#[derive(Debug, Serialize)]
pub struct Unit {
    /// Where it is installed.
    pub path: String,
    /// `system` or `user`: whose manager reads it.
    pub manager: &'static str,
    /// What it runs.
    pub runs: Vec<String>,
    /// As whom, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A path.
#[derive(Debug, Serialize)]
pub struct File {
    /// Without a slash before it.
    pub path: String,
    /// `file`, `folder`, `link`, `hard link`, or what else it is.
    pub kind: &'static str,
    /// Permissions, in octal digits.
    pub mode: String,
    /// The owner.
    pub user: String,
    /// The group.
    pub group: String,
    /// Bytes.
    pub size: u64,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Reads everything; the scripts' text with `texts`.
///
/// # Errors
/// What cannot be read as a package.
pub fn inspect<R: Read + Seek>(
    input: &mut R,
    texts: bool,
    max_size: Option<u64>,
) -> Result<Inspection, ReadError> {
    let mut kept = Vec::new();
    let contents = read(input, max_size, &mut |file, content| keep(file, content, &mut kept))?;
    let Contents { name, version, architecture, maintainer, summary, license, homepage, .. } = contents;
    let findings = [&contents.archive, &contents.field_findings, &contents.path_findings];
    let lies = findings.iter().flat_map(|findings| findings.of(Severity::Lie));
    Ok(Inspection {
        schema: 1,
        kind: contents.format.name(),
        name,
        version,
        architecture,
        maintainer,
        summary,
        license,
        homepage,
        relations: contents.relations.into_iter().map(|(kind, text)| Relation { kind, text }).collect(),
        unreadable: lies.map(ToString::to_string).collect(),
        scripts: scripts(contents.scripts, texts),
        units: kept.iter().filter_map(unit).collect(),
        configuration: contents.configuration,
        files: contents.files.into_iter().map(file).collect(),
        signatures: contents.signatures,
    })
}

fn scripts(scripts: Vec<linuxpkg::Script>, texts: bool) -> Vec<Script> {
    let mut room = TEXT_MAX;
    let script = |script: linuxpkg::Script| {
        let size = script.text.len();
        let left = room.checked_sub(size).filter(|_| texts);
        room = left.unwrap_or(room);
        Script { name: script.name, program: script.program, size, text: left.map(|_| script.text) }
    };
    scripts.into_iter().map(script).collect()
}

fn unit(kept: &Kept) -> Option<Unit> {
    let (_, below) = kept.path.split_once("lib/systemd/")?;
    let (manager, _) = below.split_once('/')?;
    let manager = match manager {
        "system" => "system",
        "user" => "user",
        _ => return None,
    };
    let values = |key: &str| {
        let lines = kept.text.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        lines.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let runs = ["ExecStartPre", "ExecStart", "ExecStartPost", "ExecStop"].iter().flat_map(|key| values(key));
    let runs: Vec<String> = runs.collect();
    let user = values("User").pop();
    (!runs.is_empty()).then(|| Unit { path: kept.path.clone(), manager, runs, user })
}

fn file(file: linuxpkg::File) -> File {
    let (kind, link) = match file.kind {
        FileKind::File => ("file", None),
        FileKind::Folder => ("folder", None),
        FileKind::Link(target) => ("link", Some(target)),
        FileKind::HardLink(target) => ("hard link", Some(target)),
        FileKind::Special(what) => (what, None),
    };
    File {
        path: file.path,
        kind,
        mode: format!("{:o}", file.mode),
        user: file.user,
        group: file.group,
        size: file.size,
        link,
    }
}
