//! Moving a complete run into place, and undoing one that did not get there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{NEW, OLD, OutputError, STAGING_PREFIX, at};
use crate::manifest;
use crate::plan::{MANIFEST_FILE, SUMS_FILE};

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

/// One rename, for undoing.
struct Move {
    from: PathBuf,
    to: PathBuf,
}

pub(super) fn commit(root: &Path, staging: TempDir, paths: &[String]) -> Result<Committed, OutputError> {
    let mut committed = Committed::default();
    let earlier = earlier_files(root, &mut committed.unreadable_manifest)?;
    let mut new: Vec<&str> = paths.iter().map(String::as_str).collect();
    // The manifest last: while it is not in place, the run is not complete.
    new.sort_unstable_by_key(|path| (*path == MANIFEST_FILE, *path));
    for path in &new {
        let place = root.join(path);
        if !lists(&earlier, path) && exists(&place)? {
            return Err(OutputError::InTheWay { path: place });
        }
    }
    committed.removed = earlier.iter().filter(|path| !new.contains(&path.as_str())).cloned().collect();

    let marker = staging.path().join(MOVING);
    fs::write(&marker, "").map_err(at("create", &marker))?;
    let mut done = Vec::new();
    if let Err(cause) = move_all(root, staging.path(), &new, &mut committed.removed, &mut done) {
        return Err(match undo(&done) {
            Ok(()) => {
                remove_empty_folders(root, new.iter().copied());
                cause
            }
            Err(undo) => {
                let kept = staging.keep().join(OLD);
                OutputError::NotUndone { cause: Box::new(cause), undo: Box::new(undo), kept }
            }
        });
    }
    remove_empty_folders(root, committed.removed.iter().map(String::as_str));
    committed.left_alone = left_alone(root, &new)?;
    Ok(committed)
}

/// Renames everything; every finished rename is in `done`, also on failure.
fn move_all(
    root: &Path,
    staging: &Path,
    new: &[&str],
    removed: &mut Vec<String>,
    done: &mut Vec<Move>,
) -> Result<(), OutputError> {
    let mut rename = |from: PathBuf, to: PathBuf| -> Result<(), OutputError> {
        let folder = to.parent().expect("a file has a folder");
        fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
        fs::rename(&from, &to).map_err(at("move into place", &to))?;
        done.push(Move { from, to });
        Ok(())
    };
    // Stale files go first: a folder of this run may need the place of a file.
    let mut gone = Vec::new();
    for path in removed.drain(..) {
        if exists(&root.join(&path))? {
            rename(root.join(&path), staging.join(OLD).join(&path))?;
            gone.push(path);
        }
    }
    *removed = gone;
    for path in new {
        if exists(&root.join(path))? {
            rename(root.join(path), staging.join(OLD).join(path))?;
        }
        rename(staging.join(NEW).join(path), root.join(path))?;
    }
    Ok(())
}

fn undo(done: &[Move]) -> Result<(), OutputError> {
    for step in done.iter().rev() {
        if let Some(folder) = step.from.parent() {
            fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
        }
        fs::rename(&step.to, &step.from).map_err(at("put back", &step.from))?;
    }
    Ok(())
}

/// What an earlier run wrote, as far as its manifest can be read.
fn earlier_files(root: &Path, unreadable: &mut Option<String>) -> Result<BTreeSet<String>, OutputError> {
    let path = root.join(MANIFEST_FILE);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(at("read", &path)(error)),
    };
    let own = [MANIFEST_FILE, SUMS_FILE].map(str::to_owned);
    match manifest::earlier_paths(&json) {
        Ok(paths) => Ok(paths.into_iter().chain(own).collect()),
        Err(error) => {
            *unreadable = Some(error.to_string());
            Ok(own.into_iter().collect())
        }
    }
}

/// Whether the earlier run wrote what lies at `path`. A Mac's file system does
/// not tell upper from lower case.
fn lists(earlier: &BTreeSet<String>, path: &str) -> bool {
    earlier.contains(path)
        || (cfg!(target_os = "macos")
            && earlier.iter().any(|other| other.to_lowercase() == path.to_lowercase()))
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
        let manifest = staging.join(NEW).join(MANIFEST_FILE);
        if staging.join(MOVING).exists()
            && let Ok(json) = fs::read(&manifest)
        {
            // Killed before the manifest was in place. Whatever that run had
            // already moved there goes, whatever it had moved away comes back.
            let paths = manifest::earlier_paths(&json).unwrap_or_default();
            let moved = paths.into_iter().chain([SUMS_FILE.to_owned()]);
            for path in moved.filter(|path| !staging.join(NEW).join(path).exists()) {
                let place = root.join(&path);
                fs::remove_file(&place).or_else(missing_is_fine).map_err(at("remove", &place))?;
            }
            restore(&staging.join(OLD), root)?;
        }
        fs::remove_dir_all(&staging).map_err(at("remove the folder", &staging))?;
    }
    Ok(())
}

/// Moves every file below `old` back to its place below `root`.
fn restore(old: &Path, root: &Path) -> Result<(), OutputError> {
    let mut paths = Vec::new();
    if old.exists() {
        list(old, old, &mut paths)?;
    }
    for path in paths {
        let place = root.join(&path);
        let folder = place.parent().expect("a file has a folder");
        fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
        fs::rename(old.join(&path), &place).map_err(at("put back", &place))?;
    }
    Ok(())
}

/// Everything below `folder` that is no folder, relative to `base`, sorted.
fn list(base: &Path, folder: &Path, found: &mut Vec<String>) -> Result<(), OutputError> {
    let mut entries = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<io::Result<Vec<_>>>())
        .map_err(at("read the folder", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links are listed, never followed.
        if entry.file_type().map_err(at("look at", &path))?.is_dir() {
            list(base, &path, found)?;
        } else {
            let relative = path.strip_prefix(base).expect("it lies below");
            found.push(relative.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// What lies in the folder and is not of this run. Names with a leading dot at
/// the top (`.gitignore`) are the folder's own.
fn left_alone(root: &Path, new: &[&str]) -> Result<Vec<String>, OutputError> {
    let new: BTreeSet<&str> = new.iter().copied().collect();
    let mut found = Vec::new();
    list(root, root, &mut found)?;
    found.retain(|path| !path.starts_with('.') && !new.contains(path.as_str()));
    Ok(found)
}

/// Removes the folders of `paths` that are empty now. Those that are not stay;
/// that is no error.
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
