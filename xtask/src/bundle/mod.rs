//! What travels in a package beside the instances: Lima's release files, and files that the
//! guest is made of.
//!
//! ```text
//! FILE, sha256 ── file ─┬─ as it is: a disk image, nerdctl's archive
//!                       └─ archive: tar.gz ── entries, which processor, which version
//! ```
//!
//! A file is read once to check its digest, before anything is built, and once more, with its
//! digest, while a package is written. It is never held as a whole.
//!
//! Must not know: what the settings say, places on a Mac, how packages are written.

pub mod archive;
pub mod file;
pub mod sign;

use std::fmt;
use std::sync::Arc;

use flatpkg::tree::Source;

use crate::settings::Architecture;

pub use file::File;

/// Lima, for one processor or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lima {
    /// Its version, as the archives' names have it: digits and dots, then perhaps a hyphen and
    /// letters, digits, dots and hyphens.
    pub version: String,
    /// By processor, each once; not empty.
    pub archives: Vec<Release>,
}

impl Lima {
    /// The processors that it is for; sorted.
    pub fn architectures(&self) -> Vec<Architecture> {
        self.archives.iter().map(|one| one.architecture).collect()
    }
}

/// One of Lima's release archives, opened.
#[derive(Clone)]
pub struct Release {
    /// What it is for.
    pub architecture: Architecture,
    /// SHA-256 of the archive, hexadecimal.
    pub sha256: String,
    /// Length of the archive in bytes.
    pub size: u64,
    /// What is in it, folders before what they hold.
    pub entries: Arc<[Entry]>,
    /// Who signed its programs anew; nobody, where they are as they were in the archive.
    pub signed_by: Option<String>,
}

impl Release {
    /// Length of all files in bytes.
    pub fn unpacked(&self) -> u64 {
        self.entries.iter().map(Entry::size).sum()
    }
}

impl fmt::Debug for Release {
    // The parts of one run are told by this: the same archive, wherever it lies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, sha256, signed_by, .. } = self;
        write!(f, "Release({architecture:?}, {sha256}, {signed_by:?})")
    }
}

impl PartialEq for Release {
    fn eq(&self, other: &Self) -> bool {
        let facts = |one: &Self| (one.architecture, one.sha256.clone(), one.signed_by.clone());
        facts(self) == facts(other)
    }
}

impl Eq for Release {}

/// Something in an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where, relative, with `/`; no segment of it is empty, `.` or `..`.
    pub path: String,
    /// Whether it is a program that may be run.
    pub executable: bool,
    /// What it is.
    pub content: Content,
}

impl Entry {
    fn size(&self) -> u64 {
        match &self.content {
            Content::File(source) => source.size(),
            Content::Folder | Content::Link(_) => 0,
        }
    }
}

/// What an entry is.
#[derive(Debug, Clone)]
pub enum Content {
    /// A folder.
    Folder,
    /// A file.
    File(Source),
    /// A symbolic link, to something in the same archive.
    Link(String),
}

/// A file that a guest is made of, for one of the processors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFile {
    /// The processor of the Mac, and so of the guest.
    pub architecture: Architecture,
    /// The file.
    pub file: File,
}
