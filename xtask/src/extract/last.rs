//! What is done when everything else is there: links, times and modes.
//!
//! Must not know: packages.

use std::collections::HashSet;
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

/// What waits.
#[derive(Default)]
pub struct Last {
    links: Vec<(PathBuf, String)>,
    link_places: HashSet<PathBuf>,
    /// Of folders and links: a folder's time changes while it is filled.
    attributes: Vec<(PathBuf, u32, u64)>,
}

impl Last {
    /// A symbolic link is to be made.
    pub fn link(&mut self, place: PathBuf, target: String) {
        self.link_places.insert(place.clone());
        self.links.push((place, target));
    }

    /// Whether a symbolic link is to be made here.
    pub fn has_link(&self, place: &Path) -> bool {
        !self.link_places.is_empty() && self.link_places.contains(place)
    }

    /// A mode and a modification time in seconds since 1970 are to be set.
    pub fn attributes(&mut self, place: PathBuf, mode: u32, mtime: u64) {
        self.attributes.push((place, mode, mtime));
    }

    /// Does all of it.
    pub fn apply(mut self, extracted: &mut Extracted) -> Result<()> {
        for (place, target) in &self.links {
            if place.symlink_metadata().is_ok() {
                extracted.leave_out(format!("{} is there twice", place.display()));
                continue;
            }
            symlink(target, place).with_context(|| format!("could not make the link {}", place.display()))?;
        }
        // The deepest first: a folder may not let us in afterwards, and what is made in
        // one changes its time. Of a path that is there twice, the later counts.
        self.attributes.sort_by_key(|(place, ..)| std::cmp::Reverse(place.components().count()));
        for (place, mode, mtime) in &self.attributes {
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
