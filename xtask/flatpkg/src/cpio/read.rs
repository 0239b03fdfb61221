//! Reads an archive that anybody may have made, odc, newc or crc, as a stream.
//!
//! Must not know: whether names or owners are right; it hands out what is there.

use std::io::{self, Read};

use thiserror::Error;

use super::header::{Format, HEADER_LEN_MAX};
use super::{Header, TRAILER, TYPE_FILE};
use crate::PATHS_READ_MAX;
use crate::unpack::Input;

/// The longest name that is read, in bytes with its NUL: four times what a path on a
/// Mac can have.
pub const NAME_LEN_MAX: u32 = 4096;

/// An entry without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// The header's fields.
    pub header: Header,
    /// The name without its NUL, such as `./Library`. Need not be UTF-8, nor safe.
    pub name: Vec<u8>,
    /// Where the header starts in the archive, in bytes.
    pub offset: u64,
}

/// What follows the trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How many bytes there are.
    pub length: u64,
    /// Whether they are all zero, as padding is.
    pub is_zero: bool,
    /// The whole archive's length in bytes.
    pub archive_len: u64,
}

/// Why an archive cannot be read. Offsets are in bytes from its start.
#[derive(Debug, Error)]
pub enum CpioReadError {
    /// The input failed.
    #[error("cannot read the archive at byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// What was reported.
        #[source]
        source: io::Error,
    },
    /// The archive ends before its trailer.
    #[error("the archive ends at byte {offset}, within {what}")]
    Truncated {
        /// Where.
        offset: u64,
        /// Within what.
        what: &'static str,
    },
    /// An entry does not start as one.
    #[error("no entry of a cpio archive (odc, newc or crc) starts at byte {offset}")]
    Magic {
        /// Where.
        offset: u64,
    },
    /// A field is not a number.
    #[error("the {field} of the entry at byte {offset} is not a number")]
    Field {
        /// Which.
        field: &'static str,
        /// Where the entry starts.
        offset: u64,
    },
    /// A name has a wrong length.
    #[error("the name of the entry at byte {offset} has a length of {length}; 2 to {NAME_LEN_MAX} are read")]
    NameLength {
        /// Where the entry starts.
        offset: u64,
        /// The stated length.
        length: u32,
    },
    /// A name does not end with its only NUL.
    #[error("the name of the entry at byte {offset} does not end with a NUL, or has another")]
    NameEnd {
        /// Where the entry starts.
        offset: u64,
    },
    /// A file's bytes do not add up to what its header in the format crc says.
    #[error("the content of the entry at byte {offset} does not have the checksum that it says")]
    Checksum {
        /// Where the entry starts.
        offset: u64,
    },
    /// More than [`PATHS_READ_MAX`] entries.
    #[error("the archive has more than {PATHS_READ_MAX} entries")]
    TooManyEntries,
}

/// Reads entries one after the other; as a [`Read`] it gives the current entry's
/// content.
#[derive(Debug)]
pub struct ArchiveReader<R> {
    input: Input<R>,
    position: u64,
    format: Option<Format>,
    content_left: u64,
    /// Bytes behind the content up to the next entry.
    padding: u64,
    /// In the format crc: the sum so far, what it must come to, and the entry's place.
    sum: Option<(u32, u32, u64)>,
    entries: usize,
    ended: bool,
}

impl<R: Read> ArchiveReader<R> {
    /// Reads from an archive's start.
    pub fn new(input: R) -> Self {
        Self::of_input(Input::new(input))
    }

    /// The same, of an input that was looked at.
    pub fn of_input(input: Input<R>) -> Self {
        Self {
            input,
            position: 0,
            format: None,
            content_left: 0,
            padding: 0,
            sum: None,
            entries: 0,
            ended: false,
        }
    }

    /// Goes to the next entry, past what is left of the current one. `None` after the
    /// trailer.
    ///
    /// # Errors
    /// [`CpioReadError`], if there is no such entry or it goes beyond a limit.
    pub fn next_entry(&mut self) -> Result<Option<EntryFacts>, CpioReadError> {
        if self.ended {
            return Ok(None);
        }
        self.skip_content()?;
        let offset = self.position;
        let mut bytes = [0; HEADER_LEN_MAX];
        self.fill(&mut bytes[..6], "a header")?;
        // An archive has one format throughout.
        let format = Format::of(&bytes[..6]).filter(|one| self.format.is_none_or(|format| format == *one));
        let format = format.ok_or(CpioReadError::Magic { offset })?;
        self.format = Some(format);
        let bytes = &mut bytes[..format.header_len()];
        self.fill(&mut bytes[6..], "a header")?;
        let header = format.parse(bytes).map_err(|field| CpioReadError::Field { field, offset })?;
        if !(2..=NAME_LEN_MAX).contains(&header.name_len) {
            return Err(CpioReadError::NameLength { offset, length: header.name_len });
        }
        let mut name = vec![0; header.name_len as usize];
        self.fill(&mut name, "a name")?;
        if name.pop() != Some(0) || name.contains(&0) {
            return Err(CpioReadError::NameEnd { offset });
        }
        self.content_left = format.padding(header.name_len as usize + format.header_len());
        self.skip_content()?;
        self.content_left = header.size;
        self.padding = format.padding((header.size % 4) as usize);
        let has_sum = format == Format::Crc && header.mode & 0o170_000 == TYPE_FILE;
        self.sum = has_sum.then_some((0, format.checksum(bytes), offset));
        if name == TRAILER.as_bytes() {
            self.skip_content()?;
            self.ended = true;
            return Ok(None);
        }
        self.entries += 1;
        if self.entries > PATHS_READ_MAX {
            return Err(CpioReadError::TooManyEntries);
        }
        Ok(Some(EntryFacts { header, name, offset }))
    }

    /// Where it is in the archive, in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads what follows the trailer, to the input's end. Before the trailer, that is
    /// everything from the current position.
    ///
    /// # Errors
    /// [`CpioReadError::Read`], if the input fails.
    pub fn rest(self) -> Result<Rest, CpioReadError> {
        self.finish().map(|(rest, _)| rest)
    }

    /// The same, and gives the input back.
    ///
    /// # Errors
    /// As [`rest`](Self::rest).
    pub fn finish(mut self) -> Result<(Rest, R), CpioReadError> {
        let start = self.position;
        let mut is_zero = true;
        let mut buffer = [0; 8192];
        loop {
            let count = self.read_some(&mut buffer)?;
            if count == 0 {
                let length = self.position - start;
                let rest = Rest { length, is_zero, archive_len: self.position };
                return Ok((rest, self.input.into_inner()));
            }
            is_zero &= buffer[..count].iter().all(|byte| *byte == 0);
        }
    }

    /// Past the rest of the content, and what is behind it up to the next entry.
    fn skip_content(&mut self) -> Result<(), CpioReadError> {
        let mut buffer = [0; 8192];
        while self.content_left > 0 {
            let wanted = buffer.len().min(usize::try_from(self.content_left).unwrap_or(usize::MAX));
            if self.content(&mut buffer[..wanted])? == 0 {
                return Err(CpioReadError::Truncated { offset: self.position, what: "a file's content" });
            }
        }
        if let Some((_, _, offset)) = self.sum.take_if(|(sum, stated, _)| sum != stated) {
            return Err(CpioReadError::Checksum { offset });
        }
        self.sum = None;
        let mut padding = [0; 3];
        let length = std::mem::take(&mut self.padding) as usize;
        self.fill(&mut padding[..length], "what fills up a file's content")
    }

    /// Some of the content; nothing at the input's end.
    fn content(&mut self, buffer: &mut [u8]) -> Result<usize, CpioReadError> {
        let count = self.read_some(buffer)?;
        self.content_left -= count as u64;
        if let Some((sum, ..)) = &mut self.sum {
            *sum = buffer[..count].iter().fold(*sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        }
        Ok(count)
    }

    fn fill(&mut self, buffer: &mut [u8], what: &'static str) -> Result<(), CpioReadError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_some(&mut buffer[filled..])? {
                0 => return Err(CpioReadError::Truncated { offset: self.position, what }),
                count => filled += count,
            }
        }
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, CpioReadError> {
        loop {
            match self.input.read(buffer) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(CpioReadError::Read { offset: self.position, source }),
            }
        }
    }
}

impl<R: Read> Read for ArchiveReader<R> {
    /// The current entry's content; an archive that ends within it is an error.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.content_left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.content(&mut buffer[..wanted]).map_err(|error| match error {
            CpioReadError::Read { source, .. } => source,
            other => io::Error::other(other),
        })?;
        if count == 0 {
            let ended = CpioReadError::Truncated { offset: self.position, what: "a file's content" };
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, ended));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpio::{self, MAGIC};
    use crate::tree::{Owner, Tree};

    fn archive() -> Vec<u8> {
        let mut tree = Tree::new(7);
        tree.directory("a", 0o755, Owner::ROOT_WHEEL).unwrap();
        tree.file("a/b", 0o600, Owner { uid: 262_143, gid: 1 }, b"content".to_vec()).unwrap();
        tree.symlink("c", "a/b", Owner::ROOT_ADMIN).unwrap();
        let mut out = Vec::new();
        cpio::write(&tree, &mut out).unwrap();
        out
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = archive();
        let mut reader = ArchiveReader::new(bytes.as_slice());
        let mut seen = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            assert_eq!(content.len() as u64, entry.header.size);
            assert_eq!(bytes[entry.offset as usize..][..6], *MAGIC);
            seen.push((String::from_utf8(entry.name).unwrap(), entry.header.mode, entry.header.uid, content));
        }
        let expected = [
            (".", 0o40755, 0, b"".as_slice()),
            ("./a", 0o40755, 0, b""),
            ("./a/b", 0o100_600, 262_143, b"content"),
            ("./c", 0o120_755, 0, b"a/b"),
        ];
        let expected: Vec<_> =
            expected.map(|(name, mode, uid, content)| (name.to_owned(), mode, uid, content.to_vec())).into();
        assert_eq!(seen, expected);
        assert!(reader.next_entry().unwrap().is_none());
        let rest = reader.rest().unwrap();
        assert!(rest.is_zero && rest.archive_len == bytes.len() as u64);
    }

    #[test]
    fn contents_may_be_skipped() {
        let bytes = archive();
        let mut reader = ArchiveReader::new(bytes.as_slice());
        let mut count = 0;
        while reader.next_entry().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 4);
    }

    #[test]
    fn every_truncation_is_noticed() {
        let bytes = archive();
        let end = bytes.windows(10).position(|window| window == b"TRAILER!!!").unwrap() + 11;
        for length in 0..end {
            let mut reader = ArchiveReader::new(&bytes[..length]);
            let error = loop {
                match reader.next_entry() {
                    Ok(entry) => assert!(entry.is_some(), "{length}"),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, CpioReadError::Truncated { .. }), "{length}: {error}");
        }
    }

    #[test]
    fn names_are_checked_at_their_limit() {
        let with_name = |length: u32, name: Vec<u8>| {
            let header = Header { name_len: length, ..Header::default() };
            let bytes = [header.to_bytes("").unwrap().to_vec(), name].concat();
            ArchiveReader::new(bytes.as_slice()).next_entry()
        };
        let name = |length: u32| [vec![b'n'; length as usize - 1], vec![0]].concat();
        assert!(with_name(NAME_LEN_MAX, name(NAME_LEN_MAX)).is_ok());
        for length in [0, 1, NAME_LEN_MAX + 1, 262_143] {
            assert!(matches!(with_name(length, name(5)), Err(CpioReadError::NameLength { .. })));
        }
        assert!(matches!(with_name(3, b"abc".to_vec()), Err(CpioReadError::NameEnd { .. })));
        assert!(matches!(with_name(3, b"\0b\0".to_vec()), Err(CpioReadError::NameEnd { .. })));
    }
}
