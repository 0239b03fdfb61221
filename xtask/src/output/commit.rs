//! Moving a complete run into place, and undoing one that did not get there.
//!
//! What is moved is what the two manifests list, the staged one and the earlier
//! run's. They are read as often as needed: of a path, memory holds sixteen
//! bytes.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{NEW, OLD, OutputError, STAGING_PREFIX, at};
use crate::run::manifest::{self, MANIFEST_FILE, SUMS_FILE};

/// Marks a staging folder whose files are being moved into place.
const MOVING: &str = "moving";

/// What a finished run did to the folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Files of an earlier run that are gone, relative.
    pub removed: Vec<String>,
    /// Files and folders that no run wrote, relative; left alone.
    pub left_alone: Vec<String>,
    /// Why the earlier run's manifest could not be read, where it could not.
    pub unreadable_manifest: Option<String>,
}

/// A set of paths that knows which ones are in it, and no more.
#[derive(Default)]
struct Paths(HashSet<[u8; 16]>);

impl Paths {
    /// A Mac's file system does not tell upper from lower case.
    fn key(path: &str) -> [u8; 16] {
        let digest = if cfg!(target_os = "macos") {
            Sha256::digest(path.to_lowercase())
        } else {
            Sha256::digest(path)
        };
        digest[..16].try_into().expect("a digest has 32 bytes")
    }

    fn insert(&mut self, path: &str) {
        self.0.insert(Self::key(path));
    }

    fn contains(&self, path: &str) -> bool {
        self.0.contains(&Self::key(path))
    }
}

pub(super) fn commit(root: &Path, staging: TempDir) -> Result<Committed, OutputError> {
    let mut committed = Committed::default();
    let earlier = earlier_paths(root, &mut committed.unreadable_manifest)?;
    let mut new = Paths::default();
    each_staged(staging.path(), |path| {
        new.insert(path);
        let place = root.join(path);
        if !earlier.contains(path) && exists(&place)? {
            return Err(OutputError::InTheWay { path: place });
        }
        Ok(())
    })?;
    if committed.unreadable_manifest.is_none() {
        each_earlier(root, |path| {
            if !new.contains(path) {
                committed.removed.push(path.to_owned());
            }
            Ok(())
        })?;
    }

    let marker = staging.path().join(MOVING);
    fs::write(&marker, "").map_err(at("create", &marker))?;
    if let Err(cause) = move_all(root, staging.path(), &mut committed.removed) {
        return Err(match undo(root, staging.path()) {
            Ok(()) => cause,
            Err(undo) => {
                let kept = staging.keep().join(OLD);
                OutputError::NotUndone { cause: Box::new(cause), undo: Box::new(undo), kept }
            }
        });
    }
    remove_empty_folders(root, committed.removed.iter().map(String::as_str));
    left_alone(root, &new, &mut committed.left_alone)?;
    Ok(committed)
}

/// Renames everything.
fn move_all(root: &Path, staging: &Path, removed: &mut Vec<String>) -> Result<(), OutputError> {
    let (new, old) = (staging.join(NEW), staging.join(OLD));
    let rename = |from: &Path, to: &Path| -> Result<(), OutputError> {
        let folder = to.parent().expect("a file has a folder");
        fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
        fs::rename(from, to).map_err(at("move into place", to))
    };
    // Stale files go first: a folder of this run may need the place of a file.
    let mut gone = Vec::new();
    for path in removed.drain(..) {
        if exists(&root.join(&path))? {
            rename(&root.join(&path), &old.join(&path))?;
            gone.push(path);
        }
    }
    *removed = gone;
    // The manifest last: while it is not in place, the run is not complete.
    each_staged(staging, |path| {
        if exists(&root.join(path))? {
            rename(&root.join(path), &old.join(path))?;
        }
        rename(&new.join(path), &root.join(path))
    })
}

/// Moves back what was moved into place, then puts back what was there. Killed
/// on the way, it can be done again: a file that is back in `new` is not taken
/// for one that is in place. The staged manifest must not have been moved.
fn undo(root: &Path, staging: &Path) -> Result<(), OutputError> {
    let mut folders = BTreeSet::new();
    let mut failed = None;
    let listed = each_staged(staging, |path| {
        let (new, place) = (staging.join(NEW).join(path), root.join(path));
        if path == MANIFEST_FILE || exists(&new)? {
            return Ok(());
        }
        folders.extend(path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")));
        // One that cannot be moved must not keep the others from coming back.
        if let Err(error) = fs::rename(&place, &new).or_else(missing_is_fine) {
            failed.get_or_insert(at("move back", &place)(error));
        }
        Ok(())
    });
    restore(&staging.join(OLD), root)?;
    remove_empty_folders(root, folders.iter().map(String::as_str));
    listed?;
    failed.map_or(Ok(()), Err)
}

/// Calls `each` with every path of the staged run, its manifest last.
fn each_staged(
    staging: &Path,
    mut each: impl FnMut(&str) -> Result<(), OutputError>,
) -> Result<(), OutputError> {
    let manifest = staging.join(NEW).join(MANIFEST_FILE);
    let file = File::open(&manifest).map_err(at("read back", &manifest))?;
    each_path(&manifest, file, &mut each)?;
    each(SUMS_FILE)?;
    each(MANIFEST_FILE)
}

/// Calls `each` with every path that the earlier run wrote, if its manifest can
/// be read.
fn each_earlier(
    root: &Path,
    mut each: impl FnMut(&str) -> Result<(), OutputError>,
) -> Result<(), OutputError> {
    let manifest = root.join(MANIFEST_FILE);
    match File::open(&manifest) {
        Ok(file) => each_path(&manifest, file, &mut each),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at("read", &manifest)(error)),
    }
}

/// Calls `each` with every path that the manifest in `file` lists.
fn each_path(
    manifest: &Path,
    file: File,
    each: &mut impl FnMut(&str) -> Result<(), OutputError>,
) -> Result<(), OutputError> {
    let mut failed = None;
    let read = manifest::paths(file, |path| {
        each(path).map_err(|error| {
            failed = Some(error);
            io::Error::other("stopped")
        })
    });
    match (failed, read) {
        (Some(error), _) => Err(error),
        (None, read) => read.map_err(at("read", manifest)),
    }
}

/// What an earlier run wrote, as far as its manifest can be read.
fn earlier_paths(root: &Path, unreadable: &mut Option<String>) -> Result<Paths, OutputError> {
    let mut paths = Paths::default();
    let read = each_earlier(root, |path| {
        paths.insert(path);
        Ok(())
    });
    match read {
        Ok(()) => {}
        // What is not a manifest; what cannot be opened is another matter.
        Err(OutputError::Io { source, .. }) if source.raw_os_error().is_none() => {
            *unreadable = Some(source.to_string());
            paths = Paths::default();
        }
        Err(error) => return Err(error),
    }
    for own in [MANIFEST_FILE, SUMS_FILE] {
        paths.insert(own);
    }
    Ok(paths)
}

/// Undoes runs that were killed. The caller holds the lock, so a staging
/// folder belongs to nobody who lives.
pub(super) fn recover(root: &Path) -> Result<(), OutputError> {
    for entry in fs::read_dir(root).map_err(at("read the folder", root))? {
        let entry = entry.map_err(at("read the folder", root))?;
        if !entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) {
            continue;
        }
        let staging = entry.path();
        // Killed before the manifest was in place. Whatever that run had
        // already moved there goes, whatever it had moved away comes back.
        if staging.join(MOVING).exists() && staging.join(NEW).join(MANIFEST_FILE).exists() {
            undo(root, &staging)?;
        }
        fs::remove_dir_all(&staging).map_err(at("remove the folder", &staging))?;
    }
    Ok(())
}

/// Moves every file below `old` back to its place below `root`.
fn restore(old: &Path, root: &Path) -> Result<(), OutputError> {
    if !old.exists() {
        return Ok(());
    }
    each_file(old, old, &mut |path| {
        let place = root.join(path);
        let folder = place.parent().expect("a file has a folder");
        fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
        fs::rename(old.join(path), &place).map_err(at("put back", &place))
    })
}

/// Calls `found` with everything below `folder` that is not a folder, relative to
/// `base`, sorted.
fn each_file(
    base: &Path,
    folder: &Path,
    found: &mut dyn FnMut(&str) -> Result<(), OutputError>,
) -> Result<(), OutputError> {
    let mut entries = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<io::Result<Vec<_>>>())
        .map_err(at("read the folder", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links are listed, never followed.
        if entry.file_type().map_err(at("look at", &path))?.is_dir() {
            each_file(base, &path, found)?;
        } else {
            let relative = path.strip_prefix(base).expect("it lies below");
            found(&relative.to_string_lossy())?;
        }
    }
    Ok(())
}

/// What lies in the folder and is not of this run. Names with a leading dot at
/// the top (`.gitignore`) are the folder's own.
fn left_alone(root: &Path, new: &Paths, found: &mut Vec<String>) -> Result<(), OutputError> {
    each_file(root, root, &mut |path| {
        if !path.starts_with('.') && !new.contains(path) {
            found.push(path.to_owned());
        }
        Ok(())
    })
}

/// Removes the folders of `paths` that are empty now. Those that are not stay;
/// that is not an error.
fn remove_empty_folders<'a>(root: &Path, paths: impl Iterator<Item = &'a str>) {
    let mut folders = BTreeSet::new();
    for path in paths {
        folders.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
    }
    for folder in folders.iter().rev() {
        let _ = fs::remove_dir(root.join(folder));
    }
}

/// Whether anything is there, a dangling link too.
fn exists(path: &Path) -> Result<bool, OutputError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(at("look at", path)(error)),
    }
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
