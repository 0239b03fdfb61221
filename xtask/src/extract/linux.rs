//! Unpacks a package for Linux into a new folder, and never writes outside it, in the
//! same three ways as one for Macs.
//!
//! The files lie in the folder as they would below `/`; what says what a `.deb` is lies in
//! `DEBIAN/`, as dpkg-deb -R has it, and the documents of an Arch package beside the files,
//! as in the package.
//!
//! Must not know: whether the package is sound.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use flatpkg::Severity;
use flatpkg::cpio::TYPE_FILE;
use linuxpkg::{File, FileKind, Format, Part, ReadError};

use super::last::{self, Last};
use super::{Extracted, NO_ROOM, inside, make_folder, write};
use crate::verify::linux;

/// Where dpkg-deb puts what is not installed.
const DOCUMENTS: &str = "DEBIAN";

/// Unpacks every file. Not more than `max_size` bytes are unpacked; if there is none, what
/// a package of its length may have.
///
/// # Errors
/// What cannot be read as a package, and what cannot be written; the message says what
/// was left in the folder.
pub fn extract<R: Read + Seek>(input: &mut R, folder: &Path, max_size: Option<u64>) -> Result<Extracted> {
    let mut start = [0; 8];
    let is_deb = input.read_exact(&mut start).is_ok() && Format::of_start(&start) == Some(Format::Deb);
    fs::create_dir(folder)
        .with_context(|| format!("could not create {}; name a new folder", folder.display()))?;
    let mut unpacking = Unpacking {
        folder,
        is_deb,
        extracted: Extracted::default(),
        last: Last::default(),
        hard: Vec::new(),
    };
    let mut failure = None;
    let read = linux::read(input, max_size, &mut |file, content| {
        unpacking.take(file, content).map_err(|error| {
            failure = Some(error);
            io::Error::other("nothing more can be written")
        })
    });
    let result = match (read, failure) {
        (_, Some(error)) => Err(error),
        (Err(ReadError::Stopped(error)), None) => Err(anyhow!(error)),
        // An empty folder is nobody's.
        (Err(error), None) => {
            fs::remove_dir(folder).ok();
            return Err(anyhow!(error).context("it could not be read as a package"));
        }
        (Ok(contents), None) => {
            for lie in contents.archive.of(Severity::Lie) {
                unpacking.extracted.leave_out(lie.to_string());
            }
            Ok(())
        }
    };
    let left = unpacking.extracted.written;
    result.and_then(|()| unpacking.finish()).with_context(|| {
        format!(
            "{} holds the {left} files and folders that were unpacked before; remove it and try again",
            folder.display()
        )
    })
}

/// What is being unpacked.
struct Unpacking<'a> {
    folder: &'a Path,
    is_deb: bool,
    extracted: Extracted,
    last: Last,
    /// Other paths of a file: they are made when all files are there.
    hard: Vec<(PathBuf, PathBuf, String)>,
}

impl Unpacking<'_> {
    /// Unpacks a path. An error is this machine's.
    fn take(&mut self, file: &File, content: &mut dyn Read) -> Result<()> {
        let path = &file.path;
        let below = match file.part {
            Part::Document if self.is_deb => self.folder.join(DOCUMENTS),
            Part::Document | Part::Content => self.folder.to_owned(),
        };
        let Some(place) = inside(&below, path) else {
            self.extracted.leave_out(format!("{path:?} leads out of the folder"));
            return Ok(());
        };
        let is_folder = file.kind == FileKind::Folder;
        let is_there = place.symlink_metadata().is_ok() && !(is_folder && place.is_dir());
        if is_there || self.last.has_link(&place) {
            let text = "is there twice, or differs in upper and lower case alone";
            self.extracted.leave_out(format!("{path:?} {text}"));
            return Ok(());
        }
        if self.is_below_no_folder(&place) {
            self.extracted.leave_out(format!("{path:?} lies below something that is not a folder"));
            return Ok(());
        }
        let time = u64::try_from(file.time).unwrap_or_default();
        match &file.kind {
            FileKind::Folder => {
                make_folder(&place)?;
                if !self.last.folder(place, file.mode, time) {
                    self.extracted.leave_out(format!("mode and time of {path:?} {NO_ROOM}"));
                }
            }
            FileKind::File => {
                // What cannot be read is said by the reader too, and ends it.
                let mut content = content;
                if !write(&place, &mut content, path, file.size, &mut self.extracted)? {
                    return Ok(());
                }
                last::set(&place, TYPE_FILE | file.mode, time)?;
            }
            FileKind::Link(target) => {
                if target.is_empty() || target.contains('\0') {
                    self.extracted.leave_out(format!("{path:?} is a link whose target is not a path"));
                    return Ok(());
                }
                if !self.last.link(&place, target.clone(), time) {
                    self.extracted.leave_out(format!("{path:?} {NO_ROOM}"));
                    return Ok(());
                }
            }
            FileKind::HardLink(target) => {
                match inside(self.folder, target).filter(|_| self.last.take(&place, target.len())) {
                    Some(other) => self.hard.push((place, other, path.clone())),
                    None => {
                        self.extracted.leave_out(format!("{path:?} is a hard link to no path, or {NO_ROOM}"))
                    }
                }
                return Ok(());
            }
            FileKind::Special(what) => {
                self.extracted.leave_out(format!("{path:?} is a {what}, which is not made"));
                return Ok(());
            }
        }
        self.extracted.written += 1;
        Ok(())
    }

    fn is_below_no_folder(&self, place: &Path) -> bool {
        let mut above = place.ancestors().skip(1).take_while(|above| *above != self.folder);
        above.any(|above| {
            self.last.has_link(above) || above.symlink_metadata().is_ok_and(|found| !found.is_dir())
        })
    }

    /// Makes what waited: hard links while nothing leads elsewhere yet, then links and times.
    fn finish(mut self) -> Result<Extracted> {
        for (place, other, path) in &self.hard {
            // Nothing was made through a link, so this is a file of the package's.
            let is_file = other.symlink_metadata().is_ok_and(|one| one.is_file());
            let is_there = place.symlink_metadata().is_ok() || self.last.has_link(place);
            if !is_file || is_there || self.is_below_no_folder(place) {
                self.extracted.leave_out(format!("{path:?} is a hard link to no file, or there twice"));
                continue;
            }
            if let Some(folder) = place.parent() {
                make_folder(folder)?;
            }
            fs::hard_link(other, place)
                .with_context(|| format!("could not make the hard link {}", place.display()))?;
            self.extracted.written += 1;
        }
        self.last.apply(&mut self.extracted)?;
        Ok(self.extracted)
    }
}
