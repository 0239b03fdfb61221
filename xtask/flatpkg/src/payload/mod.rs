//! A component's `Payload` or `Scripts`, unpacked and taken apart on the way, whatever it
//! is packed with and in whatever of cpio's formats.
//!
//! ```text
//! member ─ gzip, bzip2, xz, pbzx or nothing ─ odc, newc or crc ─ entries
//! ```
//!
//! Names come out in one form: `.` for the root and `./` with the path for everything
//! else, also where a builder wrote `usr/` or `./`. What is odd or deceitful in the
//! archive is found while it is read; nothing of it is kept but a number for each path.
//!
//! Apple Archive, Apple's newest format of payloads, is named and not taken apart.
//!
//! Must not know: where the entries land.

use std::collections::HashMap;
use std::io::{self, Read, Seek};

use thiserror::Error;

use crate::cksum::Cksum;
use crate::cpio::{ArchiveReader, CpioReadError, Header, Rest, TYPE_FILE};
use crate::findings::Findings;
use crate::unpack::{Budget, Input, Packing, Unpacker};
use crate::xar::{Archive, MemberReader, TocData, XarReadError};

mod paths;

use paths::Paths;

/// The file type in a mode.
pub const TYPE_MASK: u32 = 0o170_000;
/// How many files with several names are read of an archive: of each one, a little is kept.
pub const LINKED_MAX: usize = 1 << 17;

/// An entry without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadEntry {
    /// The header's fields.
    pub header: Header,
    /// The path in the form `./Library`; `.` is the root. One that leads elsewhere
    /// (absolute, or with empty segments, `.` or `..`) stays as it is in the archive,
    /// and is a finding.
    pub path: String,
    /// Where the header starts in the unpacked archive, in bytes.
    pub offset: u64,
    /// The inode that it shares with others, if it is a file with several links: the
    /// content can be in any one of them.
    pub hard_link: Option<(u32, u32)>,
}

/// Why a payload cannot be read.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// It is not in the file.
    #[error(transparent)]
    Member(#[from] XarReadError),
    /// It cannot be unpacked.
    #[error("it cannot be unpacked")]
    Unpack(#[source] io::Error),
    /// It is an Apple Archive.
    #[error(
        "it is an Apple Archive ({magic}), whose contents were not looked at; `aa extract` on a Mac unpacks it"
    )]
    AppleArchive {
        /// How it starts: `AA01` or `YAA1`, or `pbze` and the like where it is compressed.
        magic: String,
    },
    /// The archive is not one.
    #[error(transparent)]
    Archive(#[from] CpioReadError),
    /// More than [`LINKED_MAX`] files with several names.
    #[error("more than {LINKED_MAX} files in the archive have several names")]
    TooManyLinked,
    /// A name is not UTF-8.
    #[error("the name of the entry at byte {offset} is not UTF-8")]
    NotUtf8 {
        /// Where the entry starts.
        offset: u64,
    },
}

type Packed<'input, R> = Unpacker<MemberReader<'input, R>>;

/// Reads entries one after the other; as a [`Read`] it gives the current entry's content.
pub struct PayloadReader<'input, R: Read> {
    what: String,
    archive: ArchiveReader<Packed<'input, R>>,
    packing: Packing,
    paths: Paths,
    findings: Findings,
    links: HashMap<(u32, u32), Option<(u64, u32)>>,
    current: Option<Linked>,
}

/// The file with several links that is being read.
struct Linked {
    key: (u32, u32),
    path: String,
    size: u64,
    checksum: Cksum,
}

/// Opens a component's payload or scripts. `what` names it in errors and findings.
///
/// # Errors
/// [`PayloadError`], if it is not in the file, cannot be unpacked or is an Apple Archive.
pub fn open<'input, R: Read + Seek>(
    archive: &Archive,
    input: &'input mut R,
    what: &str,
    data: &TocData,
) -> Result<PayloadReader<'input, R>, PayloadError> {
    PayloadReader::new(archive.open(input, what, data)?, what, archive.budget.clone())
}

/// The first bytes of an Apple Archive, plain, or compressed in blocks (pbze: LZFSE, pbzz:
/// zlib, pbz4: LZ4, pbzb: LZBITMAP, pbz-: nothing). pbzx is used by older payloads too.
fn apple_archive(start: &[u8]) -> Option<String> {
    let magic = start.first_chunk::<4>()?;
    let is_one = matches!(magic, b"AA01" | b"YAA1" | b"pbze" | b"pbzz" | b"pbz4" | b"pbzb" | b"pbz-");
    is_one.then(|| String::from_utf8_lossy(magic).into_owned())
}

impl<'input, R: Read> PayloadReader<'input, R> {
    fn new(member: MemberReader<'input, R>, what: &str, budget: Budget) -> Result<Self, PayloadError> {
        let unpacker = Unpacker::detect(member, budget).map_err(PayloadError::Unpack)?;
        let packing = unpacker.packing();
        let mut input = Input::new(unpacker);
        if let Some(magic) = apple_archive(input.peek(4).map_err(PayloadError::Unpack)?) {
            return Err(PayloadError::AppleArchive { magic });
        }
        Ok(Self {
            what: what.to_owned(),
            archive: ArchiveReader::of_input(input),
            packing,
            paths: Paths::default(),
            findings: Findings::default(),
            links: HashMap::new(),
            current: None,
        })
    }

    /// What it is packed with.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Goes to the next entry, past what is left of the current one. `None` after the
    /// last.
    ///
    /// # Errors
    /// [`PayloadError`], if there is no such entry or it goes beyond a limit.
    pub fn next_entry(&mut self) -> Result<Option<PayloadEntry>, PayloadError> {
        self.settle_link()?;
        let Some(entry) = self.archive.next_entry()? else { return Ok(None) };
        let offset = entry.offset;
        let name = String::from_utf8(entry.name).map_err(|_| PayloadError::NotUtf8 { offset })?;
        let header = entry.header;
        let path = self.paths.add(name, header.mode, &mut self.findings);
        let is_linked = header.mode & TYPE_MASK == TYPE_FILE && header.links > 1;
        let hard_link = is_linked.then_some((header.device, header.inode));
        self.current = hard_link.filter(|_| header.size > 0).map(|key| Linked {
            key,
            path: path.clone(),
            size: header.size,
            checksum: Cksum::default(),
        });
        if let Some(key) = hard_link {
            self.links.entry(key).or_default();
            if self.links.len() > LINKED_MAX {
                return Err(PayloadError::TooManyLinked);
            }
        }
        Ok(Some(PayloadEntry { header, path, offset, hard_link }))
    }

    /// Reads a linked file to its end and holds its content against that of the others.
    fn settle_link(&mut self) -> Result<(), PayloadError> {
        let mut buffer = [0; 8192];
        while self.current.is_some() {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(PayloadError::Unpack(error)),
            }
        }
        let Some(Linked { key, path, size, checksum }) = self.current.take() else { return Ok(()) };
        let content = (size, checksum.finish());
        let first = self.links.entry(key).or_default().get_or_insert(content);
        if *first != content {
            self.findings.lie(path, "is a hard link with another content than the link before it");
        }
        Ok(())
    }

    /// Reads what follows the last entry, and says everything that is odd or deceitful in
    /// the archive. Before the last entry, what is left counts as following.
    ///
    /// # Errors
    /// [`PayloadError`], if the input fails.
    pub fn finish(mut self) -> Result<(Rest, Findings), PayloadError> {
        self.settle_link()?;
        let end = self.archive.position();
        let (rest, unpacker) = self.archive.finish()?;
        let (what, mut findings, packing) = (self.what, self.findings, self.packing);
        let is_behind = rest.length > 0 && unpacker.last_stream() >= end;
        match (rest.is_zero, is_behind) {
            (false, true) => {
                findings.lie(&what, format!("has a second {packing} stream behind the archive's end"));
            }
            (false, false) => findings.lie(&what, "has something other than zeros behind the archive's end"),
            (true, _) => {}
        }
        let (behind, member) = unpacker.finish().map_err(PayloadError::Unpack)?;
        let around = member.finish().map_err(PayloadError::Unpack)?;
        for (behind, of) in [(behind, "the packed archive"), (around, "the packed member")] {
            behind.report(&what, of, &mut findings);
        }
        Ok((rest, findings))
    }
}

impl<R: Read> Read for PayloadReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(buffer)?;
        if let Some(current) = &mut self.current {
            current.checksum.update(&buffer[..count]);
        }
        Ok(count)
    }
}
