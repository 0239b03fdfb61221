//! Kinds of artifacts: a name for `--only` and the manifest, and what is to be known
//! of every artifact of a kind.
//!
//! Must not know: which kinds there are.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::{Artifact, Maker, RunFiles};

/// What a file is: the name that `--only` takes and the manifest records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// The kind of this name.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for Kind {
    fn eq(&self, name: &&str) -> bool {
        self.0 == *name
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The flag that a kind is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// `--combined`.
    Combined,
    /// `--base-url`.
    BaseUrl,
    /// `--linux-repository`.
    LinuxRepository,
}

/// Writes an artifact that is made of all other files of a run.
pub type MakeOfRun = fn(&Artifact, &mut dyn RunFiles, &mut dyn Write) -> io::Result<()>;

/// What is known of all artifacts of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// Its name.
    pub name: &'static str,
    /// What `--help` says of it.
    pub help: &'static str,
    /// Whether it is a package for a Mac, which is signed and has a record.
    pub is_package: bool,
    /// Whether it is a package that `verify` reads, for a Mac or for Linux: it is checked
    /// once it is built, and other files may be about it.
    pub is_verified: bool,
    /// Whether its bytes are compressed already.
    pub is_compressed: bool,
    /// What the run has to be asked for.
    pub needs: Option<Needs>,
    /// Kinds that are built too where this one is asked for by `--only`.
    pub brings: &'static [&'static str],
    /// Whether the file at a path is a program.
    pub is_program: fn(&str) -> bool,
    /// Whether the zip holds the file at a path.
    pub is_in_zip: fn(&str) -> bool,
    /// What the page says of the file at a path.
    pub words: fn(&str) -> Option<&'static str>,
    /// For whom the file at a path is, where files for several are listed together.
    pub for_whom: fn(&str) -> Option<&'static str>,
    /// What its reader calls the address of the file at a path, where somebody has to enter
    /// it there.
    pub address: fn(&str) -> Option<&'static str>,
    /// Whether the page lists the file at a path. What is below a folder that is entered
    /// somewhere as a whole, nobody looks for by itself.
    pub is_listed: fn(&str) -> bool,
    /// Makes the file, if it is made of all other files of the run.
    pub of_run: Option<MakeOfRun>,
}

impl Description {
    /// A kind of file that is in the zip, and of which nothing more is to be said.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            is_package: false,
            is_verified: false,
            is_compressed: false,
            needs: None,
            brings: &[],
            is_program: |_| false,
            is_in_zip: |_| true,
            words: |_| None,
            for_whom: |_| None,
            address: |_| None,
            is_listed: |_| true,
            of_run: None,
        }
    }

    /// A kind of package for a Mac.
    pub const fn package(name: &'static str, help: &'static str) -> Self {
        Self { is_package: true, is_verified: true, is_compressed: true, ..Self::new(name, help) }
    }

    /// Permission bits of the file at `path`, on disk and in the zip.
    pub fn mode(&self, path: &str) -> u32 {
        if (self.is_program)(path) { 0o755 } else { 0o644 }
    }
}

/// Every maker of a run.
pub struct Makers(pub &'static [&'static dyn Maker]);

impl fmt::Debug for Makers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds().map(|one| one.name)).finish()
    }
}

impl Makers {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn Maker> + use<> {
        self.0.iter().copied()
    }

    /// Every kind.
    pub fn kinds(&self) -> impl Iterator<Item = &'static Description> + use<> {
        self.iter().flat_map(|maker| maker.kinds())
    }

    /// What is known of a kind; of one that a later version of this program
    /// recorded, nothing.
    pub fn find(&self, kind: &Kind) -> Option<&'static Description> {
        self.kinds().find(|one| *kind == one.name)
    }

    /// The kinds that are built where `--only` names this: one kind, or a group of them.
    pub fn named(&self, name: &str) -> Vec<Kind> {
        let is_meant =
            |maker: &&dyn Maker, one: &Description| one.name == name || maker.groups().contains(&name);
        let of = |maker: &'static dyn Maker| {
            maker.kinds().iter().filter(move |one| is_meant(&maker, one)).map(|one| Kind::new(one.name))
        };
        self.iter().flat_map(of).collect()
    }

    /// Whether it is a kind of package.
    pub fn is_package(&self, kind: &Kind) -> bool {
        self.find(kind).is_some_and(|one| one.is_package)
    }

    /// Whether an artifact is a package that `verify` reads.
    pub fn is_verified(&self, artifact: &Artifact) -> bool {
        self.find(&artifact.kind).is_some_and(|one| one.is_verified)
    }

    /// Whether the bytes of an artifact are compressed already.
    pub fn is_compressed(&self, artifact: &Artifact) -> bool {
        self.find(&artifact.kind).is_some_and(|one| one.is_compressed)
    }

    /// Permission bits of an artifact, on disk and in the zip.
    pub fn mode(&self, artifact: &Artifact) -> u32 {
        self.find(&artifact.kind).map_or(0o644, |one| one.mode(&artifact.path))
    }

    /// Whether the zip holds an artifact.
    pub fn is_in_zip(&self, artifact: &Artifact) -> bool {
        self.find(&artifact.kind).is_none_or(|one| (one.is_in_zip)(&artifact.path))
    }

    /// What the page says of an artifact.
    pub fn words(&self, artifact: &Artifact) -> Option<&'static str> {
        self.find(&artifact.kind).and_then(|one| (one.words)(&artifact.path))
    }

    /// For whom an artifact is, where it says so.
    pub fn for_whom(&self, artifact: &Artifact) -> Option<&'static str> {
        self.find(&artifact.kind).and_then(|one| (one.for_whom)(&artifact.path))
    }

    /// What its reader calls the address of an artifact.
    pub fn address(&self, artifact: &Artifact) -> Option<&'static str> {
        self.find(&artifact.kind).and_then(|one| (one.address)(&artifact.path))
    }

    /// Whether the page lists an artifact.
    pub fn is_listed(&self, artifact: &Artifact) -> bool {
        self.find(&artifact.kind).is_none_or(|one| (one.is_listed)(&artifact.path))
    }
}
