//! The cpio archives inside a package: the portable ASCII format, called odc. The reader
//! takes newc and crc too, which other builders write.
//!
//! Must not know: gzip, what the archive is for. Each entry is a header of 76
//! octal digits without separators, the name with a NUL, and the content; there
//! is not padding between entries:
//!
//! ```text
//! offset  digits
//!  0      6       magic 070707
//!  6      6       device            Apple's tools write 0
//! 12      6       inode             0, 1, 2 … in order
//! 18      6       mode              with the file type
//! 24      6       user
//! 30      6       group
//! 36      6       links             1; a directory has 2 and 1 for each one in it
//! 42      6       special device    0
//! 48     11       modification time in seconds since 1970
//! 59      6       length of the name, the NUL counted
//! 65     11       length of the content; a link's content is its target
//! ```
//!
//! The names are `.` and then `./` with the path. The end is an entry named
//! `TRAILER!!!` with the next inode, 1 link and zeros otherwise, then zeros up to a multiple of 512 bytes. Six digits hold up to
//! 262143, eleven up to 8589934591. Sources: POSIX.1-2001, `pax`, "cpio
//! Interchange Format"; the payloads of 64 of Apple's packages.

use std::io;

use thiserror::Error;

mod header;
mod read;
mod write;

pub use header::{Format, HEADER_LEN_MAX};
pub use read::{ArchiveReader, CpioReadError, EntryFacts, NAME_LEN_MAX, Rest};
pub use write::{ArchiveStream, write};

/// A header's length in bytes.
pub const HEADER_LEN: usize = 76;
/// The first six digits of each header.
pub const MAGIC: &[u8; 6] = b"070707";
/// The last entry's name.
pub const TRAILER: &str = "TRAILER!!!";
/// The archive's length is a multiple of this.
pub const PADDING: u64 = 512;
/// The largest number in a field of six digits, 8^6 - 1.
pub const SIX_DIGITS_MAX: u64 = 0o777_777;
/// The largest number in a field of eleven digits, 8^11 - 1: a file has at most
/// 8 GiB less a byte.
pub const ELEVEN_DIGITS_MAX: u64 = 0o77_777_777_777;

/// The file type in a mode: a regular file.
pub const TYPE_FILE: u32 = 0o100_000;
/// The file type in a mode: a directory.
pub const TYPE_DIRECTORY: u32 = 0o040_000;
/// The file type in a mode: a symbolic link.
pub const TYPE_SYMLINK: u32 = 0o120_000;

/// An entry's header, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Device.
    pub device: u32,
    /// Inode; with the device it tells which entries are the same file.
    pub inode: u32,
    /// Mode with the file type.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of links.
    pub links: u32,
    /// Device of a device file.
    pub special_device: u32,
    /// Modification time in seconds since 1970.
    pub mtime: u64,
    /// Length of the name in bytes, the NUL counted.
    pub name_len: u32,
    /// Length of the content in bytes.
    pub size: u64,
}

/// Why an archive cannot be written.
#[derive(Debug, Error)]
pub enum CpioError {
    /// A number has more digits than its field.
    #[error(
        "path {path:?}: the {field} {value} is more than {limit}, the largest that a cpio entry can hold"
    )]
    FieldOverflow {
        /// The entry.
        path: String,
        /// What the number is.
        field: &'static str,
        /// The number.
        value: u64,
        /// The largest that fits.
        limit: u64,
    },
    /// A file's content could not be opened or read.
    #[error("cannot read the content of {path:?}")]
    Read {
        /// The file.
        path: String,
        /// What was reported.
        #[source]
        source: io::Error,
    },
    /// A stream ended early.
    #[error("path {path:?}: its content ends after {actual} of {expected} bytes; did it change meanwhile?")]
    TooShort {
        /// The file.
        path: String,
        /// Its promised length in bytes.
        expected: u64,
        /// What was read.
        actual: u64,
    },
    /// A stream went on.
    #[error("path {path:?}: its content goes on after {expected} bytes; did it change meanwhile?")]
    TooLong {
        /// The file.
        path: String,
        /// Its promised length in bytes.
        expected: u64,
    },
    /// The archive could not be handed on.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
}
