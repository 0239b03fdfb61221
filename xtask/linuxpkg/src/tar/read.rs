//! Reads a tar archive that anybody may have made, as a stream: v7, ustar, GNU's long
//! names and large numbers, and pax.
//!
//! Must not know: whether paths or owners are right; it hands out what is there.

use std::io::{self, Read};

use thiserror::Error;

use super::BLOCK;
use super::pax::Extra;

/// The longest name, target or pax header that is read, in bytes.
const TEXT_MAX: u64 = 1 << 20;
/// The longest path or target that is handed out, in bytes: what Linux takes.
const PATH_MAX: usize = 4096;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A regular file.
    File,
    /// The same file as an earlier one.
    HardLink,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// Anything else, with tar's letter for it.
    Other(u8),
}

/// An entry without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path as it is in the archive. Need not be UTF-8, nor safe.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Type,
    /// Permissions.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's.
    pub gid: u64,
    /// The owner's name; may be empty.
    pub user: String,
    /// The group's.
    pub group: String,
    /// Bytes of content.
    pub size: u64,
    /// Modification time in seconds since 1970.
    pub time: i64,
    /// Where a link leads.
    pub link: Vec<u8>,
}

/// Why an archive cannot be read. Offsets are in bytes from its start.
#[derive(Debug, Error)]
pub enum TarError {
    /// The input failed.
    #[error("cannot read the archive at byte {offset}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// What was reported.
        source: io::Error,
    },
    /// The archive ends within an entry.
    #[error("the archive ends at byte {offset}, within an entry")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// A header is none.
    #[error("the header at byte {offset} {reason}")]
    Header {
        /// Where.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Reads entries one after the other; as a [`Read`] it gives the current entry's content.
pub struct Reader<R> {
    input: R,
    position: u64,
    left: u64,
    padding: u64,
    /// What a global pax header says of all that follows.
    global: Extra,
    /// Whether its end was there; `None` before.
    ended: Option<bool>,
}

impl<R: Read> Reader<R> {
    /// Reads from an archive's start.
    pub fn new(input: R) -> Self {
        Self { input, position: 0, left: 0, padding: 0, global: Extra::default(), ended: None }
    }

    /// Goes to the next entry, past what is left of the current one. `None` after the last.
    ///
    /// # Errors
    /// [`TarError`], if there is no such entry or it goes beyond a limit.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extra = self.global.clone();
        let mut long_path = None;
        let mut long_link = None;
        while self.ended.is_none() {
            self.skip()?;
            let offset = self.position;
            let wrong = |reason| TarError::Header { offset, reason };
            let Some(block) = self.block()? else {
                self.ended = Some(false);
                break;
            };
            if block.iter().all(|byte| *byte == 0) {
                // A second block of zeros follows, which `finish` counts with the rest.
                self.ended = Some(true);
                break;
            }
            let header = Header(&block);
            header.check().map_err(wrong)?;
            let size = extra.size.unwrap_or(header.number(124, 12).map_err(wrong)?);
            let letter = block[156];
            match letter {
                b'L' => long_path = Some(self.text(header.number(124, 12).map_err(wrong)?)?),
                b'K' => long_link = Some(self.text(header.number(124, 12).map_err(wrong)?)?),
                b'x' => {
                    let text = self.text(header.number(124, 12).map_err(wrong)?)?;
                    extra.read(&text).map_err(wrong)?;
                }
                b'g' => {
                    let text = self.text(header.number(124, 12).map_err(wrong)?)?;
                    self.global.read(&text).map_err(wrong)?;
                    extra.read(&text).map_err(wrong)?;
                }
                _ => {
                    let mut entry = header.entry().map_err(wrong)?;
                    extra.apply(&mut entry);
                    entry.size = size;
                    until_nul(long_path.take(), &mut entry.path);
                    until_nul(long_link.take(), &mut entry.link);
                    if extra.is_sparse || letter == b'S' {
                        return Err(wrong("is of a file with holes, which packages do not have"));
                    }
                    if entry.path.len() > PATH_MAX || entry.link.len() > PATH_MAX {
                        return Err(wrong("has a path of more than 4096 bytes"));
                    }
                    // Old archives mark a folder by the slash alone.
                    if entry.kind == Type::File && entry.path.ends_with(b"/") {
                        entry.kind = Type::Folder;
                    }
                    if entry.kind != Type::File && !matches!(entry.kind, Type::Other(_)) {
                        entry.size = 0;
                    }
                    self.set_content(entry.size);
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    /// Bytes that were read of the archive: behind [`Self::next_entry`], where the entry's
    /// content starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads what follows the archive's end, to the input's end: how many bytes, whether
    /// all are zeros, whether the end was marked; and gives the input back.
    ///
    /// # Errors
    /// [`TarError::Read`], if the input fails.
    pub fn finish(mut self) -> Result<(Rest, R), TarError> {
        let start = self.position;
        let mut rest = Rest { length: 0, is_zero: true, is_marked: self.ended == Some(true) };
        let mut buffer = [0; 8192];
        loop {
            match self.some(&mut buffer)? {
                0 => break,
                count => rest.is_zero &= buffer[..count].iter().all(|byte| *byte == 0),
            }
        }
        rest.length = self.position - start;
        Ok((rest, self.input))
    }

    fn set_content(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    /// Past the rest of an entry.
    fn skip(&mut self) -> Result<(), TarError> {
        let mut buffer = [0; 8192];
        let mut left = self.left.saturating_add(self.padding);
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.some(&mut buffer[..wanted])? {
                0 => return Err(TarError::Truncated { offset: self.position }),
                count => left -= count as u64,
            }
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// A block; nothing at the input's end.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.some(&mut block[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(TarError::Truncated { offset: self.position }),
                count => filled += count,
            }
        }
        Ok(Some(block))
    }

    /// The content of an entry that says something about the next one.
    fn text(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > TEXT_MAX {
            return Err(TarError::Header { offset: self.position, reason: "has a name of more than 1 MiB" });
        }
        self.set_content(size);
        let mut text = vec![0; size as usize];
        let mut filled = 0;
        while filled < text.len() {
            match self.some(&mut text[filled..])? {
                0 => return Err(TarError::Truncated { offset: self.position }),
                count => filled += count,
            }
        }
        self.left = 0;
        self.skip()?;
        Ok(text)
    }

    fn some(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        loop {
            match self.input.read(buffer) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(TarError::Read { offset: self.position, source }),
            }
        }
    }
}

impl<R: Read> Read for Reader<R> {
    /// The current entry's content; an archive that ends within it is an error.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.some(&mut buffer[..wanted]).map_err(|error| match error {
            TarError::Read { source, .. } => source,
            other => io::Error::other(other),
        })?;
        if count == 0 {
            let ended = TarError::Truncated { offset: self.position };
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, ended));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// What follows an archive's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How many bytes there are.
    pub length: u64,
    /// Whether they are all zeros, as padding is.
    pub is_zero: bool,
    /// Whether a block of zeros marks the end.
    pub is_marked: bool,
}

/// GNU's long names end with a NUL.
fn until_nul(text: Option<Vec<u8>>, into: &mut Vec<u8>) {
    if let Some(mut text) = text {
        text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
        *into = text;
    }
}

struct Header<'a>(&'a [u8; BLOCK]);

impl Header<'_> {
    fn check(&self) -> Result<(), &'static str> {
        let stated = self.number(148, 8)?;
        let sum = |of: fn(u8) -> i64| -> i64 {
            let bytes = self.0.iter().enumerate();
            bytes.map(|(at, byte)| if (148..156).contains(&at) { 32 } else { of(*byte) }).sum()
        };
        // Old programs took bytes for signed ones.
        let stated = i64::try_from(stated).unwrap_or(-1);
        if stated == sum(i64::from) || stated == sum(|byte| i64::from(byte as i8)) {
            Ok(())
        } else {
            Err("does not have the checksum that it says, or is none")
        }
    }

    fn field(&self, at: usize, length: usize) -> &[u8] {
        let field = &self.0[at..at + length];
        &field[..field.iter().position(|byte| *byte == 0).unwrap_or(length)]
    }

    /// Octal digits, or as GNU has it, a number of 8 bytes at the field's end.
    fn number(&self, at: usize, length: usize) -> Result<u64, &'static str> {
        let field = &self.0[at..at + length];
        if field[0] & 0x80 != 0 {
            let (high, low) = field.split_at(length.saturating_sub(8));
            let low = low.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
            let is_small = match high.split_first() {
                Some((first, rest)) => *first == 0x80 && rest.iter().all(|byte| *byte == 0),
                None => false,
            };
            return match (high.is_empty(), is_small) {
                (false, true) => Ok(low),
                // A field of 8 bytes keeps 63 bits.
                (true, _) => Ok(low & (u64::MAX >> 1)),
                _ => Err("has a number that is negative or too large"),
            };
        }
        let text = self.field(at, length);
        let digits = text.trim_ascii();
        digits.iter().try_fold(0u64, |number, byte| match byte {
            b'0'..=b'7' => number
                .checked_mul(8)
                .ok_or("has a number that is too large")
                .map(|number| number | u64::from(byte - b'0')),
            _ => Err("has a number that is none"),
        })
    }

    fn entry(&self) -> Result<Entry, &'static str> {
        let block = self.0;
        let text = |at, length| String::from_utf8_lossy(self.field(at, length)).into_owned();
        let mut path = self.field(0, 100).to_vec();
        let is_posix = &block[257..263] == b"ustar\0";
        let prefix = self.field(345, 155);
        if is_posix && !prefix.is_empty() {
            path = [prefix, b"/", &path].concat();
        }
        let has_names = &block[257..262] == b"ustar";
        Ok(Entry {
            path,
            kind: match block[156] {
                0 | b'0' | b'7' => Type::File,
                b'1' => Type::HardLink,
                b'2' => Type::Link,
                b'5' => Type::Folder,
                other => Type::Other(other),
            },
            mode: (self.number(100, 8)? & 0o7777) as u32,
            uid: self.number(108, 8)?,
            gid: self.number(116, 8)?,
            user: if has_names { text(265, 32) } else { String::new() },
            group: if has_names { text(297, 32) } else { String::new() },
            size: self.number(124, 12)?,
            time: i64::try_from(self.number(136, 12)?).unwrap_or(i64::MAX),
            link: self.field(157, 100).to_vec(),
        })
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
