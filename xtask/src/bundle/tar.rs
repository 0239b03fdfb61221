//! Reads tar archives, of whoever made them.
//!
//! ```text
//! header, 512 bytes
//!     0 name 100      100 mode 8       124 size 12      148 checksum 8
//!   156 type 1        157 link 100     257 "ustar" 6    345 prefix 155
//! content, with zeros up to a multiple of 512; two empty headers at the end
//!
//! type  0 or NUL file, 1 another name of a file, 2 symbolic link, 5 folder,
//!       x records about the next entry, g about all ("LENGTH KEY=VALUE\n"),
//!       L name and K link of the next entry (GNU)
//! ```
//!
//! Numbers are octal digits; GNU tar writes larger ones in binary, with the first bit set.
//! Source: POSIX.1-2024, `pax`; GNU tar's manual, "Basic Tar Format".
//!
//! Must not know: what the archive is for.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// Longest record about an entry, in bytes.
const RECORD_MAX: u64 = 64 * 1024;
/// So many records may come before an entry.
const RECORDS_MAX: usize = 8;

/// An entry without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, as it is in the archive.
    pub name: String,
    /// Permissions.
    pub mode: u32,
    /// What it is.
    pub kind: Kind,
    /// Length of its content in bytes.
    pub size: u64,
    /// Where its content starts in the archive, in bytes.
    pub offset: u64,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link and where it points.
    Link(String),
    /// Another name of the file with this name.
    SameAs(String),
    /// Something else, with its letter.
    Other(char),
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum TarError {
    #[error("it cannot be unpacked: {0}")]
    Read(#[from] io::Error),
    #[error("it is not a tar archive, or damaged: byte {offset}: {reason}")]
    Damaged { offset: u64, reason: &'static str },
}

/// Reads entries one after the other.
pub struct Reader<R> {
    input: R,
    /// Bytes read.
    position: u64,
    /// Where the next header starts.
    next: u64,
}

impl<R: Read> Reader<R> {
    /// Reads an archive from its start.
    pub fn new(input: R) -> Self {
        Self { input, position: 0, next: 0 }
    }

    /// Reads the next entry's header. `None`: there is none.
    ///
    /// # Errors
    /// [`TarError`].
    pub fn next_entry(&mut self) -> Result<Option<Header>, TarError> {
        let (mut name, mut link, mut size) = (None, None, None);
        for _ in 0..=RECORDS_MAX {
            self.skip_to(self.next)?;
            let offset = self.position;
            let damaged = |reason| TarError::Damaged { offset, reason };
            let mut block = [0; BLOCK];
            if !self.fill(&mut block)? {
                return Ok(None);
            }
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if number(&block[148..156]) != Some(checksum(&block)) {
                return Err(damaged("the checksum of a header is wrong"));
            }
            let length = number(&block[124..136]).ok_or_else(|| damaged("a size is not a number"))?;
            let kind = block[156];
            let length = match kind {
                // Of these, old archives say a size all the same.
                b'1' | b'2' | b'5' => 0,
                b'x' | b'g' | b'L' | b'K' => length,
                _ => size.unwrap_or(length),
            };
            let end = length.checked_next_multiple_of(BLOCK as u64);
            let end = end.and_then(|padded| self.position.checked_add(padded));
            self.next = end.ok_or_else(|| damaged("a size is too large"))?;
            match kind {
                b'L' | b'K' => {
                    let text = self.record(length, offset)?;
                    let text = text.trim_end_matches('\0').to_owned();
                    *(if kind == b'L' { &mut name } else { &mut link }) = Some(text);
                }
                b'x' => {
                    let text = self.record(length, offset)?;
                    for (key, value) in pax(&text).ok_or_else(|| damaged("a record is not one"))? {
                        match key {
                            "path" => name = Some(value.to_owned()),
                            "linkpath" => link = Some(value.to_owned()),
                            "size" => {
                                let parsed = value.parse().map_err(|_| damaged("a size is not a number"))?;
                                size = Some(parsed);
                            }
                            _ => {}
                        }
                    }
                }
                // A comment, mostly: git archive's commit.
                b'g' => drop(self.record(length, offset)?),
                _ => {
                    let own = ustar_name(&block).ok_or_else(|| damaged("a name is not UTF-8"))?;
                    let target = text(&block[157..257]).ok_or_else(|| damaged("a name is not UTF-8"))?;
                    let target = link.unwrap_or(target);
                    let kind = match kind {
                        b'0' | 0 => Kind::File,
                        b'1' => Kind::SameAs(target),
                        b'2' => Kind::Link(target),
                        b'5' => Kind::Folder,
                        other => Kind::Other(char::from(other)),
                    };
                    return Ok(Some(Header {
                        name: name.unwrap_or(own),
                        mode: number(&block[100..108]).unwrap_or(0o644) as u32 & 0o7777,
                        kind,
                        size: length,
                        offset: self.position,
                    }));
                }
            }
        }
        Err(TarError::Damaged { offset: self.position, reason: "there are too many records about an entry" })
    }

    /// The content of the entry whose header was read last, from where it was read to.
    pub fn content(&mut self) -> impl Read + '_ {
        Content(self)
    }

    fn record(&mut self, length: u64, offset: u64) -> Result<String, TarError> {
        let damaged = |reason| TarError::Damaged { offset, reason };
        if length > RECORD_MAX {
            return Err(damaged("a record about an entry is too long"));
        }
        let mut bytes = vec![0; length as usize];
        if !self.fill(&mut bytes)? && length > 0 {
            return Err(damaged("it ends within an entry"));
        }
        String::from_utf8(bytes).map_err(|_| damaged("a name is not UTF-8"))
    }

    fn skip_to(&mut self, end: u64) -> Result<(), TarError> {
        let wanted = end - self.position;
        let skipped = io::copy(&mut (&mut self.input).take(wanted), &mut io::sink())?;
        self.position += skipped;
        if skipped < wanted {
            return Err(TarError::Damaged { offset: self.position, reason: "it ends within an entry" });
        }
        Ok(())
    }

    /// Fills the buffer. `false`: the archive ended before its first byte.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, TarError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => {
                    return Err(TarError::Damaged {
                        offset: self.position,
                        reason: "it ends within an entry",
                    });
                }
                Ok(count) => {
                    filled += count;
                    self.position += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

struct Content<'a, R>(&'a mut Reader<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The padding is read as well; who reads knows the size.
        let rest = self.0.next - self.0.position;
        let most = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let count = self.0.input.read(&mut buffer[..most])?;
        self.0.position += count as u64;
        Ok(count)
    }
}

/// The sum of a header's bytes, its own field taken for spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let own: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
    sum - own + 8 * u64::from(b' ')
}

fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (first, rest) = field.split_first()?;
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(['\0', ' ']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn text(field: &[u8]) -> Option<String> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8(field[..end].to_vec()).ok()
}

fn ustar_name(block: &[u8; BLOCK]) -> Option<String> {
    let name = text(&block[..100])?;
    let is_posix = &block[257..263] == b"ustar\0";
    match text(&block[345..500]).filter(|prefix| is_posix && !prefix.is_empty()) {
        Some(prefix) => Some(format!("{prefix}/{name}")),
        None => Some(name),
    }
}

/// The records of an extended header.
fn pax(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut records = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, _) = rest.split_once(' ')?;
        let end: usize = length.parse().ok()?;
        let record = rest.get(length.len() + 1..end)?.strip_suffix('\n')?;
        records.push(record.split_once('=')?);
        rest = rest.get(end..)?;
    }
    Some(records)
}

#[cfg(test)]
#[path = "tar_tests.rs"]
mod tests;
