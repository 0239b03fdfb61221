//! The archive in a payload: cpio, or what rpm makes of it where cpio's sizes do not reach.
//!
//! ```text
//! stripped   "07070X", index in the header's list of files (8 hexadecimal digits), padded
//!            with zeros to a multiple of 4; the content, padded likewise; at the end an
//!            entry of cpio's, named "TRAILER!!!"
//! ```
//!
//! Must not know: sums. Source: rpm's `docs/manual/format_v6.md`, `lib/cpio.cc`.

use std::collections::HashMap;
use std::io::{self, Read};

use flatpkg::cpio::{ArchiveReader, CpioReadError, Rest};
use flatpkg::unpack::Input;

use super::facts::Stated;
use crate::contents::{Contents, FileKind, Flow, plain};

/// How an entry begins that has an index instead of a name.
const STRIPPED: &[u8; 6] = b"07070X";
/// Bytes of its header with what pads it.
const HEADER_LEN: usize = 16;

/// The header's list of files.
pub struct List {
    /// Each, until it was found in the payload.
    pub stated: Vec<Option<Stated>>,
    /// The last path of each inode, which has the content.
    pub last: HashMap<(u64, u64), String>,
    by_path: HashMap<String, usize>,
}

impl List {
    /// A path that is there twice is a finding.
    pub fn new(stated: Vec<Stated>, contents: &mut Contents) -> Self {
        let last = stated.iter().map(|one| (one.inode, one.file.path.clone())).collect();
        let mut by_path = HashMap::with_capacity(stated.len());
        for (at, one) in stated.iter().enumerate() {
            if by_path.insert(one.file.path.clone(), at).is_some() {
                contents.archive.lie(&one.file.path, "is twice in the header's list of files");
            }
        }
        Self { stated: stated.into_iter().map(Some).collect(), last, by_path }
    }

    /// How many bytes a file is said to have that was not found yet.
    pub fn size(&self, at: usize) -> u64 {
        self.stated[at].as_ref().map_or(0, |one| one.file.size)
    }
}

/// What was found in the archive.
pub struct Found {
    /// Its path.
    pub path: String,
    /// Where it is in the list.
    pub index: Option<usize>,
    /// Its mode with the type, if the archive has one.
    pub mode: Option<u32>,
    /// Bytes of content.
    pub size: u64,
    /// How many paths it has.
    pub links: u32,
}

/// An archive of either kind.
pub enum Archive<R> {
    /// With names.
    Cpio(Box<ArchiveReader<R>>),
    /// With indexes.
    Stripped(Box<Stripped<R>>),
}

fn cannot(error: CpioReadError) -> Flow {
    // The reader's own words, and what the input said below them.
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    Flow::Broken(format!("{error}{}", cause.unwrap_or_default()))
}

impl<R: Read> Archive<R> {
    /// Reads from its start.
    pub fn new(input: R) -> Result<Self, Flow> {
        let mut input = Input::new(input);
        let start = input.peek(STRIPPED.len()).map_err(|error| Flow::Broken(error.to_string()))?;
        Ok(if start == STRIPPED {
            Self::Stripped(Box::new(Stripped { input, left: 0, padding: 0 }))
        } else {
            Self::Cpio(Box::new(ArchiveReader::of_input(input)))
        })
    }

    /// Goes to the next entry.
    pub fn next_entry(&mut self, list: &List) -> Result<Option<Found>, Flow> {
        match self {
            Self::Stripped(stripped) => {
                stripped.next_entry(list).map_err(|error| Flow::Broken(error.to_string()))
            }
            Self::Cpio(cpio) => {
                let Some(entry) = cpio.next_entry().map_err(cannot)? else { return Ok(None) };
                let (path, _) = plain(&entry.name);
                Ok(Some(Found {
                    index: list.by_path.get(&path).copied(),
                    path,
                    mode: Some(entry.header.mode),
                    size: entry.header.size,
                    links: entry.header.links,
                }))
            }
        }
    }

    /// What follows it, and the input.
    pub fn finish(self) -> Result<(Rest, R), Flow> {
        match self {
            Self::Cpio(cpio) => cpio.finish().map_err(cannot),
            // Its end is an entry of cpio's, which has an end itself.
            Self::Stripped(stripped) => {
                let mut end = ArchiveReader::of_input(stripped.input);
                match end.next_entry().map_err(cannot)? {
                    None => end.finish().map_err(cannot),
                    Some(_) => Err(Flow::Broken("it does not end as an archive".to_owned())),
                }
            }
        }
    }
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Cpio(cpio) => cpio.read(buffer),
            Self::Stripped(stripped) => stripped.read(buffer),
        }
    }
}

/// Entries without names.
pub struct Stripped<R> {
    input: Input<R>,
    left: u64,
    padding: u64,
}

impl<R: Read> Stripped<R> {
    fn next_entry(&mut self, list: &List) -> io::Result<Option<Found>> {
        let wrong = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason);
        let rest = self.left.saturating_add(self.padding);
        let skipped = io::copy(&mut (&mut self.input).take(rest), &mut io::sink())?;
        if skipped < rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (self.left, self.padding) = (0, 0);
        if self.input.peek(STRIPPED.len())? != STRIPPED {
            return Ok(None);
        }
        let mut header = [0; HEADER_LEN];
        self.input.read_exact(&mut header)?;
        let digits = std::str::from_utf8(&header[6..14]).ok();
        let index = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let index = index.ok_or_else(|| wrong("an entry's index is not a number"))? as usize;
        let stated = list.stated.get(index).ok_or_else(|| wrong("an entry is of no file in the header"))?;
        let Some(stated) = stated else { return Err(wrong("an entry is there twice")) };
        let is_last = list.last.get(&stated.inode).is_none_or(|last| *last == stated.file.path);
        let size = match &stated.file.kind {
            FileKind::File if is_last => stated.file.size,
            FileKind::Link(target) => target.len() as u64,
            _ => 0,
        };
        (self.left, self.padding) = (size, (4 - size % 4) % 4);
        let path = stated.file.path.clone();
        Ok(Some(Found { path, index: Some(index), mode: None, size, links: if is_last { 1 } else { 2 } }))
    }
}

impl<R: Read> Read for Stripped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.input.read(&mut buffer[..wanted])?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}
