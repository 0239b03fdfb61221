//! The headers of the three formats, digits to numbers.
//!
//! odc is described in the [module above](super). newc (`070701`) and crc (`070702`) have
//! 110 bytes, each number 8 hexadecimal digits:
//!
//! ```text
//! magic (6), inode, mode, user, group, links, modification time, size, device (major,
//! minor), special device (major, minor), length of the name, checksum
//! ```
//!
//! After header and name, and after the content, zeros fill up to a multiple of four. The
//! checksum is 0 in newc; in crc the sum of a file's bytes. Source: POSIX `pax`; cpio(5)
//! of FreeBSD.
//!
//! Must not know: names and contents.

use super::{HEADER_LEN, Header, MAGIC};

/// The longest header, in bytes.
pub const HEADER_LEN_MAX: usize = 110;

/// A format of cpio archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The portable ASCII format, which Apple's tools write.
    Odc,
    /// The format of System V.
    Newc,
    /// The same with checksums.
    Crc,
}

impl Format {
    /// By a header's first six bytes.
    pub fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            magic if magic == MAGIC => Some(Self::Odc),
            b"070701" => Some(Self::Newc),
            b"070702" => Some(Self::Crc),
            _ => None,
        }
    }

    /// A header's length in bytes.
    pub fn header_len(self) -> usize {
        match self {
            Self::Odc => HEADER_LEN,
            Self::Newc | Self::Crc => HEADER_LEN_MAX,
        }
    }

    /// How many zeros come after so many bytes.
    pub fn padding(self, length: usize) -> u64 {
        match self {
            Self::Odc => 0,
            Self::Newc | Self::Crc => (length.next_multiple_of(4) - length) as u64,
        }
    }

    /// The checksum that a header of [`HEADER_LEN_MAX`] bytes states, once it was parsed.
    pub fn checksum(self, header: &[u8]) -> u32 {
        let digits = header.get(HEADER_LEN_MAX - 8..).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
    }

    /// The fields of a header of [`header_len`](Self::header_len) bytes; else the name of
    /// that which is not a number.
    pub fn parse(self, bytes: &[u8]) -> Result<Header, &'static str> {
        match self {
            Self::Odc => odc(bytes),
            Self::Newc | Self::Crc => newc(bytes),
        }
    }
}

fn odc(bytes: &[u8]) -> Result<Header, &'static str> {
    let mut fields = Fields { rest: &bytes[MAGIC.len()..], radix: 8 };
    // Six octal digits have 18 bits.
    Ok(Header {
        device: fields.number("device", 6)? as u32,
        inode: fields.number("inode", 6)? as u32,
        mode: fields.number("mode", 6)? as u32,
        uid: fields.number("user", 6)? as u32,
        gid: fields.number("group", 6)? as u32,
        links: fields.number("number of links", 6)? as u32,
        special_device: fields.number("special device", 6)? as u32,
        mtime: fields.number("modification time", 11)?,
        name_len: fields.number("name's length", 6)? as u32,
        size: fields.number("size", 11)?,
    })
}

fn newc(bytes: &[u8]) -> Result<Header, &'static str> {
    let mut fields = Fields { rest: &bytes[MAGIC.len()..], radix: 16 };
    let mut next = |field| fields.number(field, 8);
    let (inode, mode, uid, gid) = (next("inode")?, next("mode")?, next("user")?, next("group")?);
    let (links, mtime, size) = (next("number of links")?, next("modification time")?, next("size")?);
    let mut device = |field| Ok::<_, &'static str>(next(field)? << 20 ^ next(field)?);
    let (device, special) = (device("device")?, device("special device")?);
    let name_len = next("name's length")?;
    next("checksum")?;
    // Eight hexadecimal digits have 32 bits; a device's numbers are joined, and only
    // compared.
    Ok(Header {
        device: device as u32,
        inode: inode as u32,
        mode: mode as u32,
        uid: uid as u32,
        gid: gid as u32,
        links: links as u32,
        special_device: special as u32,
        mtime,
        name_len: name_len as u32,
        size,
    })
}

struct Fields<'a> {
    rest: &'a [u8],
    radix: u32,
}

impl Fields<'_> {
    fn number(&mut self, field: &'static str, digits: usize) -> Result<u64, &'static str> {
        let (text, rest) = self.rest.split_at_checked(digits).ok_or(field)?;
        self.rest = rest;
        text.iter().try_fold(0u64, |number, byte| {
            let digit = char::from(*byte).to_digit(self.radix).ok_or(field)?;
            Ok(number * u64::from(self.radix) + u64::from(digit))
        })
    }
}
