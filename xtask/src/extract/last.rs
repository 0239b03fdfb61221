//! What is done when everything else is there: links, times and modes.
//!
//! Must not know: packages.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flatpkg::cpio::TYPE_SYMLINK;
use flatpkg::payload::TYPE_MASK;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::Extracted;

/// Permission bits that are applied: not set-user-ID and its like.
const MODE_MASK: u32 = 0o777;

/// Limit of what waits, in bytes.
const WAITING_MAX: usize = 96 << 20;
/// Bytes that a path takes beside its text.
const ENTRY_LEN: usize = 100;

/// What waits.
pub struct Last {
    /// Where each leads, and when it was made.
    links: BTreeMap<PathBuf, (String, u64)>,
    /// A folder's time changes while it is filled.
    folders: Vec<(PathBuf, u32, u64)>,
    /// How many bytes may still wait.
    room: usize,
}

impl Default for Last {
    fn default() -> Self {
        Self { links: BTreeMap::new(), folders: Vec::new(), room: WAITING_MAX }
    }
}

impl Last {
    /// Whether there is room for one more path and `more` bytes, which it takes.
    pub fn take(&mut self, place: &Path, more: usize) -> bool {
        let left = self.room.checked_sub(place.as_os_str().len() + more + ENTRY_LEN);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    /// A symbolic link is to be made, with a modification time in seconds since 1970.
    /// Whether there is room for it.
    pub fn link(&mut self, place: &Path, target: String, mtime: u64) -> bool {
        let has_room = self.take(place, target.len());
        if has_room {
            self.links.insert(place.to_owned(), (target, mtime));
        }
        has_room
    }

    /// Whether a symbolic link is to be made here.
    pub fn has_link(&self, place: &Path) -> bool {
        !self.links.is_empty() && self.links.contains_key(place)
    }

    /// A folder's mode and modification time in seconds since 1970 are to be set. Whether
    /// there is room for it.
    pub fn folder(&mut self, place: PathBuf, mode: u32, mtime: u64) -> bool {
        let has_room = self.take(&place, 0);
        if has_room {
            self.folders.push((place, mode, mtime));
        }
        has_room
    }

    /// Makes the links and sets the times.
    pub fn apply(mut self, extracted: &mut Extracted) -> Result<()> {
        for (place, (target, mtime)) in &self.links {
            if place.symlink_metadata().is_ok() {
                extracted.leave_out(format!("{} is there twice", place.display()));
                continue;
            }
            symlink(target, place).with_context(|| format!("could not make the link {}", place.display()))?;
            set(place, TYPE_SYMLINK, *mtime)?;
        }
        // The deepest first: a folder may not let us in afterwards, and what is made in
        // one changes its time. Of a path that is there twice, the later counts.
        self.folders.sort_by_key(|(place, ..)| std::cmp::Reverse(place.components().count()));
        for (place, mode, mtime) in &self.folders {
            set(place, *mode, *mtime)?;
        }
        Ok(())
    }
}

/// Sets a modification time, in seconds since 1970, and a mode.
pub fn set(place: &Path, mode: u32, mtime: u64) -> Result<()> {
    let failed = |what| format!("could not set the {what} of {}", place.display());
    let time = Timespec { tv_sec: i64::try_from(mtime).unwrap_or(i64::MAX), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW).with_context(|| failed("time"))?;
    if mode & TYPE_MASK != TYPE_SYMLINK {
        fs::set_permissions(place, fs::Permissions::from_mode(mode & MODE_MASK))
            .with_context(|| failed("mode"))?;
    }
    Ok(())
}

/// Makes one file of several that are hard links of each other: those without content,
/// and those with the same.
pub fn join(places: &[PathBuf]) -> Result<()> {
    let length = |place: &&PathBuf| fs::metadata(place).map_or(0, |metadata| metadata.len());
    let Some(content) = places.iter().find(|place| length(place) > 0) else { return Ok(()) };
    for place in places.iter().filter(|place| *place != content) {
        let failed = || format!("could not make the hard link {}", place.display());
        if length(&place) == 0 || is_same(content, place).with_context(failed)? {
            fs::remove_file(place).with_context(failed)?;
            fs::hard_link(content, place).with_context(failed)?;
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |place| Ok::<_, io::Error>(BufReader::with_capacity(1 << 16, File::open(place)?).bytes());
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(true),
            (left, right) if left == right => {}
            _ => return Ok(false),
        }
    }
}
