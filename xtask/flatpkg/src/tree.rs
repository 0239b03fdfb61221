//! The content model: what a package installs (or its scripts), sorted.
//!
//! Must not know: any archive format, the disk. Every format is a function from
//! a [`Tree`] to bytes, so that Payload and Bom cannot disagree.
//!
//! Order is depth first, siblings by bytes, a directory right before what it
//! holds: the order in which Apple's tools number paths. This is not the order
//! of the whole path's bytes (`a-b` sorts before `a/b` there).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use thiserror::Error;

#[cfg(test)]
mod tests;

/// The largest mode: permissions, set-user-ID, set-group-ID and sticky.
pub const MODE_MAX: u32 = 0o7777;

/// Who owns an entry, by number: names are looked up on the Mac.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The user, 0 for root.
    pub uid: u32,
    /// The group: 0 is wheel, 80 is admin.
    pub gid: u32,
}

impl Owner {
    /// `root:wheel`, the owner of nearly everything outside a home.
    pub const ROOT_WHEEL: Self = Self { uid: 0, gid: 0 };
    /// `root:admin`, the owner of `/Applications` and `/Library/Application Support`.
    pub const ROOT_ADMIN: Self = Self { uid: 0, gid: 80 };
}

/// Opens a stream's content from its start.
pub type OpenStream = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// A file's content.
#[derive(Clone)]
pub enum Source {
    /// Held in memory.
    Bytes(Vec<u8>),
    /// Read once while the package is written, never held as a whole.
    Stream {
        /// Its length in bytes. If more or less is read, writing fails.
        size: u64,
        /// Opens it.
        open: Arc<OpenStream>,
    },
}

impl Source {
    /// The content's length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream { size, .. } => *size,
        }
    }

    /// Opens the content from its start.
    ///
    /// # Errors
    /// What the stream's opener reports.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        match self {
            Self::Bytes(bytes) => Ok(Box::new(bytes.as_slice())),
            Self::Stream { open, .. } => open(),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(formatter, "Bytes({} bytes)", bytes.len()),
            Self::Stream { size, .. } => write!(formatter, "Stream({size} bytes)"),
        }
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// What an entry is.
#[derive(Debug, Clone)]
pub enum Content {
    /// A directory.
    Directory,
    /// A regular file.
    File(Source),
    /// A symbolic link and where it points, as written into the link.
    Symlink(String),
}

/// One path with what is recorded about it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Permission bits, at most [`MODE_MAX`]; the file type is in `content`.
    pub mode: u32,
    /// Who owns it once installed.
    pub owner: Owner,
    /// What it is.
    pub content: Content,
}

/// Why a path cannot be added.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TreeError {
    /// The path does not have the form that archives can carry.
    #[error("path {path:?}: {reason}; give it relative to the install location, as in \"usr/local/bin\"")]
    InvalidPath {
        /// As given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The mode has bits beyond [`MODE_MAX`].
    #[error("path {path:?}: mode {mode:#o} is more than {MODE_MAX:#o}; leave the file type out of it")]
    InvalidMode {
        /// As given.
        path: String,
        /// As given.
        mode: u32,
    },
    /// The path is there already.
    #[error("path {path:?} was added before; a package holds a path once")]
    Duplicate {
        /// As given.
        path: String,
    },
    /// A parent was not added. Parents are never made up: with
    /// `overwrite-permissions` the Installer applies what a package records
    /// about `/Library` to the system's own `/Library`.
    #[error("path {path:?}: its directory {parent:?} is missing; add it first, with its mode and owner")]
    MissingParent {
        /// As given.
        path: String,
        /// The nearest missing ancestor.
        parent: String,
    },
    /// A parent is a file or a link.
    #[error("path {path:?}: {parent:?} is not a directory, so nothing can lie in it")]
    ParentNotDirectory {
        /// As given.
        path: String,
        /// The ancestor in question.
        parent: String,
    },
    /// A symbolic link's target is empty or holds a NUL.
    #[error("symbolic link {path:?}: its target {target:?} is empty or holds a NUL")]
    InvalidTarget {
        /// The link.
        path: String,
        /// As given.
        target: String,
    },
}

/// Files, directories and links below one root, sorted.
#[derive(Debug, Clone)]
pub struct Tree {
    mtime: u32,
    entries: BTreeMap<PathKey, Entry>,
}

impl Tree {
    /// An empty tree: the root alone, which is a directory of mode 0755 owned by
    /// root:wheel, as `/` is on a Mac. `mtime` is every entry's modification time
    /// in seconds since 1970.
    pub fn new(mtime: u32) -> Self {
        Self { mtime, entries: BTreeMap::new() }
    }

    /// Every entry's modification time in seconds since 1970.
    pub fn mtime(&self) -> u32 {
        self.mtime
    }

    /// The root, which [`entries`](Self::entries) leaves out.
    pub fn root(&self) -> Entry {
        Entry { mode: 0o755, owner: Owner::ROOT_WHEEL, content: Content::Directory }
    }

    /// Adds a directory. Its parents must be there already.
    ///
    /// # Errors
    /// [`TreeError`], if the path or the mode is not one, or does not fit in.
    pub fn directory(&mut self, path: &str, mode: u32, owner: Owner) -> Result<(), TreeError> {
        self.insert(path, Entry { mode, owner, content: Content::Directory })
    }

    /// Adds whatever is missing of `path` and its parents, all with this mode and
    /// owner; directories that are there stay as they are.
    ///
    /// # Errors
    /// [`TreeError`], as [`directory`](Self::directory); what was added before the
    /// failing segment stays.
    pub fn directories(&mut self, path: &str, mode: u32, owner: Owner) -> Result<(), TreeError> {
        validate_path(path)?;
        for ancestor in ancestors(path).chain([path]) {
            match self.get(ancestor).map(|entry| &entry.content) {
                Some(Content::Directory) => {}
                Some(_) => {
                    return Err(TreeError::ParentNotDirectory {
                        path: path.to_owned(),
                        parent: ancestor.to_owned(),
                    });
                }
                None => self.directory(ancestor, mode, owner)?,
            }
        }
        Ok(())
    }

    /// Adds a file. Its parents must be there already.
    ///
    /// # Errors
    /// [`TreeError`], if the path or the mode is not one, or does not fit in.
    pub fn file(
        &mut self,
        path: &str,
        mode: u32,
        owner: Owner,
        source: impl Into<Source>,
    ) -> Result<(), TreeError> {
        self.insert(path, Entry { mode, owner, content: Content::File(source.into()) })
    }

    /// Adds a symbolic link to `target`, with the mode 0755 that macOS gives
    /// links. Its parents must be there already.
    ///
    /// # Errors
    /// [`TreeError`], if the path or the target is not one, or does not fit in.
    pub fn symlink(&mut self, path: &str, target: &str, owner: Owner) -> Result<(), TreeError> {
        if target.is_empty() || target.contains('\0') {
            return Err(TreeError::InvalidTarget { path: path.to_owned(), target: target.to_owned() });
        }
        self.insert(path, Entry { mode: 0o755, owner, content: Content::Symlink(target.to_owned()) })
    }

    /// The entry at a path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(&PathKey(path.to_owned()))
    }

    /// How many entries there are, the root not counted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Paths and entries without the root, depth first, siblings by bytes.
    pub fn entries(&self) -> Entries<'_> {
        Entries(self.entries.iter())
    }

    fn insert(&mut self, path: &str, entry: Entry) -> Result<(), TreeError> {
        validate_path(path)?;
        if entry.mode > MODE_MAX {
            return Err(TreeError::InvalidMode { path: path.to_owned(), mode: entry.mode });
        }
        for parent in ancestors(path) {
            let (path, parent_name) = (path.to_owned(), parent.to_owned());
            match self.get(parent).map(|entry| &entry.content) {
                Some(Content::Directory) => {}
                Some(_) => return Err(TreeError::ParentNotDirectory { path, parent: parent_name }),
                None => return Err(TreeError::MissingParent { path, parent: parent_name }),
            }
        }
        match self.entries.entry(PathKey(path.to_owned())) {
            btree_map::Entry::Occupied(_) => Err(TreeError::Duplicate { path: path.to_owned() }),
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(entry);
                Ok(())
            }
        }
    }
}

/// The iterator of [`Tree::entries`].
#[derive(Debug, Clone)]
pub struct Entries<'tree>(btree_map::Iter<'tree, PathKey, Entry>);

impl<'tree> Iterator for Entries<'tree> {
    type Item = (&'tree str, &'tree Entry);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, entry)| (key.0.as_str(), entry))
    }
}

/// A path that sorts segment by segment, which is depth first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PathKey(String);

impl Ord for PathKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.split('/').cmp(other.0.split('/'))
    }
}

impl PartialOrd for PathKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The directories above a path, the outermost first: `a/b/c` has `a`, `a/b`.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(position, _)| &path[..position])
}

/// The directory above a path (empty for the root) and the path's last segment.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn validate_path(path: &str) -> Result<(), TreeError> {
    let reason = if path.is_empty() {
        "is empty"
    } else if path.starts_with('/') {
        "starts with a slash"
    } else if path.contains('\0') {
        "holds a NUL"
    } else if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        "has an empty, \".\" or \"..\" segment"
    } else {
        return Ok(());
    };
    Err(TreeError::InvalidPath { path: path.to_owned(), reason })
}
