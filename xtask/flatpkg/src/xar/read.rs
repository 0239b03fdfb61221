//! Reads an archive that anybody may have made.
//!
//! Must not know: whether what it reads is right; it hands out what is there.
//! Nothing is allocated because a length says so: lengths are checked against
//! limits and against what the input really has.

use std::io::{self, Read, Seek, SeekFrom, Take};

use flate2::bufread::ZlibDecoder;
use thiserror::Error;

use super::facts::{Toc, TocData, TocFile};
use super::member::MemberReader;
use super::{HEADER_LEN, MAGIC, parse};
use crate::findings::Findings;
use crate::unpack::Budget;
use crate::xml::{self, DOCUMENT_MAX, XmlError};

/// The largest header that is read, in bytes: 28 and what a digest's name may take.
pub const HEADER_MAX: u16 = 4096;
/// The largest TOC in bytes, compressed and plain.
pub const TOC_MAX: u64 = DOCUMENT_MAX as u64;

/// An archive's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveHeader {
    /// The header's own length in bytes.
    pub size: u16,
    /// The format's version, 1 in all that are known.
    pub version: u16,
    /// The compressed TOC's length in bytes.
    pub toc_compressed: u64,
    /// The plain TOC's length in bytes, as stated.
    pub toc_plain: u64,
    /// 0 none, 1 SHA-1, 2 MD5, 3 another that is named, SHA-256 in Apple's.
    pub checksum_algorithm: u32,
}

/// An archive whose table of contents was read.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The header.
    pub header: ArchiveHeader,
    /// The TOC as it is in the file: what digest and signatures are of.
    pub toc_compressed: Vec<u8>,
    /// The TOC's document.
    pub toc_plain: Vec<u8>,
    /// What the TOC says.
    pub toc: Toc,
    /// Where the heap starts in the file, in bytes.
    pub heap_start: u64,
    /// The file's length in bytes.
    pub file_len: u64,
    /// What is odd or deceitful in the header and the TOC.
    pub findings: Findings,
    /// How much is unpacked of its members.
    pub budget: Budget,
}

/// Why an archive or a member cannot be read.
#[derive(Debug, Error)]
pub enum XarReadError {
    /// The input failed.
    #[error("cannot read {what}")]
    Read {
        /// What was read.
        what: String,
        /// What was reported.
        #[source]
        source: io::Error,
    },
    /// It is not a xar archive.
    #[error("it does not start with \"xar!\", so it is not a flat package")]
    NotXar,
    /// A length in the header cannot be.
    #[error("the header's {field} is {value}; at most {limit} is read")]
    HeaderField {
        /// Which.
        field: &'static str,
        /// The number.
        value: u64,
        /// The largest, or the length that the file has for it.
        limit: u64,
    },
    /// The TOC is not compressed as it should be.
    #[error("the table of contents does not decompress: {reason}")]
    TocCompression {
        /// What was wrong.
        reason: String,
    },
    /// The TOC's document cannot be read.
    #[error("the table of contents")]
    TocXml(#[from] XmlError),
    /// Something that must be there is not.
    #[error("the table of contents lacks {what}")]
    Missing {
        /// What.
        what: String,
    },
    /// Something in the TOC has the wrong form.
    #[error("the table of contents: {what} in {place} is {reason}")]
    Invalid {
        /// What.
        what: String,
        /// In which file or element.
        place: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The TOC has more of something than is read.
    #[error("the table of contents has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// Members share so much of the heap that reading all of them would be reading it
    /// again and again.
    #[error("the members in the heap are said to have {length} bytes together; the heap has {heap_len}")]
    SharedHeap {
        /// What they have together, in bytes.
        length: u64,
        /// What the file has after its TOC, in bytes.
        heap_len: u64,
    },
    /// A range goes beyond the end of the file.
    #[error("{what} is said to lie at {offset} of the heap with {length} bytes; the heap has {heap_len}")]
    OutOfHeap {
        /// What.
        what: String,
        /// Where in the heap, in bytes.
        offset: u64,
        /// How long, in bytes.
        length: u64,
        /// What the file has after its TOC, in bytes.
        heap_len: u64,
    },
    /// More than the caller wants in memory.
    #[error("{what} has more than {limit} bytes")]
    TooLarge {
        /// What.
        what: String,
        /// The caller's limit in bytes.
        limit: u64,
    },
    /// A member is packed in a way that packages do not use.
    #[error(
        "{what} is packed as {encoding:?}; zlib (application/x-gzip), bzip2, lzma, xz and stored members are read"
    )]
    Encoding {
        /// The member.
        what: String,
        /// As in the TOC.
        encoding: String,
    },
}

impl Archive {
    /// Reads header and TOC.
    ///
    /// # Errors
    /// [`XarReadError`], if they cannot be read or go beyond a limit.
    pub fn read<R: Read + Seek>(input: &mut R) -> Result<Self, XarReadError> {
        let failed = |source| XarReadError::Read { what: "the header".to_owned(), source };
        let file_len = input.seek(SeekFrom::End(0)).map_err(failed)?;
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut bytes = Vec::new();
        input.take(HEADER_LEN as u64).read_to_end(&mut bytes).map_err(failed)?;
        let header = parse_header(&bytes).ok_or(XarReadError::NotXar)?;
        for (field, value, limit) in [
            ("length", header.size.into(), HEADER_MAX.into()),
            ("compressed length of the table of contents", header.toc_compressed, TOC_MAX),
            ("plain length of the table of contents", header.toc_plain, TOC_MAX),
        ] {
            if value > limit {
                return Err(XarReadError::HeaderField { field, value, limit });
            }
        }
        if usize::from(header.size) < HEADER_LEN {
            let limit = HEADER_LEN as u64;
            return Err(XarReadError::HeaderField { field: "length", value: header.size.into(), limit });
        }
        let heap_start = u64::from(header.size) + header.toc_compressed;
        if heap_start > file_len {
            return Err(XarReadError::HeaderField {
                field: "compressed length of the table of contents",
                value: header.toc_compressed,
                limit: file_len.saturating_sub(header.size.into()),
            });
        }
        let failed = |source| XarReadError::Read { what: "the table of contents".to_owned(), source };
        input.seek(SeekFrom::Start(header.size.into())).map_err(failed)?;
        let mut toc_compressed = Vec::new();
        input.take(header.toc_compressed).read_to_end(&mut toc_compressed).map_err(failed)?;
        let mut findings = Findings::default();
        let toc_plain = decompress_toc(&toc_compressed, header.toc_plain, &mut findings)?;
        let toc = parse::toc(&xml::read(&toc_plain)?, &mut findings)?;
        let budget = Budget::of_package(file_len);
        let archive = Self { header, toc_compressed, toc_plain, toc, heap_start, file_len, findings, budget };
        archive.check_sharing()?;
        Ok(archive)
    }

    /// Refuses members that lie on each other: a small file could hold ten thousand that
    /// each unpack to gigabytes. Twice the heap is let through, for whoever judges it.
    fn check_sharing(&self) -> Result<(), XarReadError> {
        let heap_len = self.file_len - self.heap_start;
        let files = self.files();
        let in_heap = files
            .iter()
            .filter_map(|(_, file)| file.data.as_ref())
            .filter(|data| data.offset.checked_add(data.length).is_some_and(|end| end <= heap_len));
        let length = in_heap.fold(0, |length: u64, data| length.saturating_add(data.length));
        if length > heap_len.saturating_mul(2) {
            return Err(XarReadError::SharedHeap { length, heap_len });
        }
        Ok(())
    }

    /// Every file and folder with its path, a folder before what it holds. Paths can
    /// occur more than once and hold anything: see [`duplicate_paths`](Self::duplicate_paths).
    pub fn files(&self) -> Vec<(String, &TocFile)> {
        fn add<'a>(folder: &str, files: &'a [TocFile], all: &mut Vec<(String, &'a TocFile)>) {
            for file in files {
                let path = format!("{folder}{}", file.name());
                all.push((path.clone(), file));
                add(&format!("{path}/"), &file.files, all);
            }
        }
        let mut all = Vec::new();
        add("", &self.toc.files, &mut all);
        all
    }

    /// The first file with a path.
    pub fn find(&self, path: &str) -> Option<&TocFile> {
        let mut files = &self.toc.files;
        let mut found = None;
        for name in path.split('/') {
            found = files.iter().find(|file| file.name() == name);
            files = &found?.files;
        }
        found
    }

    /// The paths that more than one file has, sorted.
    pub fn duplicate_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.files().into_iter().map(|(path, _)| path).collect();
        paths.sort_unstable();
        let mut duplicates: Vec<String> =
            paths.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
        duplicates.dedup();
        duplicates
    }

    /// Bytes of the heap as they are, such as a signature's.
    ///
    /// # Errors
    /// [`XarReadError`], if the range is not in the file or longer than `limit`.
    pub fn heap<R: Read + Seek>(
        &self,
        input: &mut R,
        what: &str,
        offset: u64,
        length: u64,
        limit: u64,
    ) -> Result<Vec<u8>, XarReadError> {
        if length > limit {
            return Err(XarReadError::TooLarge { what: what.to_owned(), limit });
        }
        let mut bytes = Vec::new();
        self.seek(input, what, offset, length)?
            .read_to_end(&mut bytes)
            .map_err(|source| XarReadError::Read { what: what.to_owned(), source })?;
        Ok(bytes)
    }

    /// A member's content as a stream, decoded. It can turn out longer or shorter than
    /// stated.
    ///
    /// # Errors
    /// [`XarReadError`], if it is not in the file or packed in another way.
    pub fn open<'input, R: Read + Seek>(
        &self,
        input: &'input mut R,
        what: &str,
        data: &TocData,
    ) -> Result<MemberReader<'input, R>, XarReadError> {
        let stored = self.seek(input, what, data.offset, data.length)?;
        MemberReader::new(stored, what, data, &self.budget)
    }

    /// A member's content in memory, decoded.
    ///
    /// # Errors
    /// [`XarReadError`], if it cannot be read, or has more than `limit` bytes once
    /// decoded, whatever is stated.
    pub fn content<R: Read + Seek>(
        &self,
        input: &mut R,
        what: &str,
        data: &TocData,
        limit: u64,
    ) -> Result<Vec<u8>, XarReadError> {
        self.content_found(input, what, data, limit, &mut Findings::default())
    }

    /// The same, and says what is behind the packed content.
    ///
    /// # Errors
    /// As [`content`](Self::content).
    pub fn content_found<R: Read + Seek>(
        &self,
        input: &mut R,
        what: &str,
        data: &TocData,
        limit: u64,
        findings: &mut Findings,
    ) -> Result<Vec<u8>, XarReadError> {
        let failed = |source| XarReadError::Read { what: what.to_owned(), source };
        let mut bytes = Vec::new();
        let mut reader = self.open(input, what, data)?.take(limit.saturating_add(1));
        reader.read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(XarReadError::TooLarge { what: what.to_owned(), limit });
        }
        let behind = reader.into_inner().finish().map_err(failed)?;
        behind.report(what, "its packed content", findings);
        Ok(bytes)
    }

    /// Where the last thing in the heap that the TOC knows of ends, in bytes from the
    /// heap's start; beyond the file's end if the TOC says so.
    pub fn heap_end(&self) -> u64 {
        let toc = &self.toc;
        let checksum = toc.checksum.iter().map(|one| (one.offset, one.size));
        let signatures = toc.signatures.iter().map(|one| (one.offset, one.size));
        let files = self.files();
        let data = files.iter().filter_map(|(_, file)| file.data.as_ref());
        let end = checksum
            .chain(signatures)
            .chain(data.map(|data| (data.offset, data.length)))
            .map(|(offset, length)| offset.saturating_add(length))
            .max()
            .unwrap_or(0);
        // The places of extended attributes are wrong in some packages; those count
        // that can be right.
        let heap_len = self.file_len - self.heap_start;
        let attributes = files.iter().flat_map(|(_, file)| &file.extended_attributes);
        let attributes = attributes.filter_map(|data| data.offset.checked_add(data.length));
        end.max(attributes.filter(|end| *end <= heap_len).max().unwrap_or(0))
    }

    /// What follows the heap: a stapled ticket, or nothing.
    ///
    /// # Errors
    /// [`XarReadError`], if it cannot be read or has more than `limit` bytes.
    pub fn trailer<R: Read + Seek>(&self, input: &mut R, limit: u64) -> Result<Vec<u8>, XarReadError> {
        let heap_len = self.file_len - self.heap_start;
        let end = self.heap_end().min(heap_len);
        self.heap(input, "what follows the heap", end, heap_len - end, limit)
    }

    /// Goes to a range of the heap, which must be in the file.
    fn seek<'input, R: Read + Seek>(
        &self,
        input: &'input mut R,
        what: &str,
        offset: u64,
        length: u64,
    ) -> Result<Take<&'input mut R>, XarReadError> {
        let heap_len = self.file_len - self.heap_start;
        if offset.checked_add(length).is_none_or(|end| end > heap_len) {
            return Err(XarReadError::OutOfHeap { what: what.to_owned(), offset, length, heap_len });
        }
        input
            .seek(SeekFrom::Start(self.heap_start + offset))
            .map_err(|source| XarReadError::Read { what: what.to_owned(), source })?;
        Ok(input.take(length))
    }
}

/// The header's fields; `None`, if these are not 28 bytes that start as one.
fn parse_header(bytes: &[u8]) -> Option<ArchiveHeader> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (size, rest) = rest.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (toc_compressed, rest) = rest.split_first_chunk()?;
    let (toc_plain, rest) = rest.split_first_chunk()?;
    Some(ArchiveHeader {
        size: u16::from_be_bytes(*size),
        version: u16::from_be_bytes(*version),
        toc_compressed: u64::from_be_bytes(*toc_compressed),
        toc_plain: u64::from_be_bytes(*toc_plain),
        checksum_algorithm: u32::from_be_bytes(*rest.first_chunk()?),
    })
}

/// The plain TOC, of exactly the stated length.
fn decompress_toc(compressed: &[u8], stated: u64, findings: &mut Findings) -> Result<Vec<u8>, XarReadError> {
    let wrong = |reason: String| XarReadError::TocCompression { reason };
    let mut plain = Vec::new();
    let mut decoder = ZlibDecoder::new(compressed).take(stated + 1);
    decoder.read_to_end(&mut plain).map_err(|error| wrong(error.to_string()))?;
    let behind = decoder.into_inner().into_inner();
    if !behind.is_empty() {
        let text = format!("is followed by {} bytes within its place", behind.len());
        findings.lie("the table of contents", text);
    }
    if plain.len() as u64 != stated {
        let length = if plain.len() as u64 > stated { "more".to_owned() } else { plain.len().to_string() };
        return Err(wrong(format!("it has {length} instead of {stated} bytes")));
    }
    Ok(plain)
}
