//! Reads an `.rpm`, anybody's.
//!
//! Must not know: the disk, keys, what is installed.

use std::collections::HashMap;
use std::io::{self, Read};

use flatpkg::cpio::ArchiveReader;
use flatpkg::unpack::Budget;

use super::facts::{Stated, describe, files, signatures};
use super::parse::Header;
use super::{LEAD_LEN, LEAD_MAGIC, tag};
use crate::contents::{
    Collector, Contents, Each, FileKind, Flow, Format, ReadError, check_paths, plain, settle,
};
use crate::digest::{Algorithm, Hasher, Hashing, hex};
use crate::unpack::{Packed, Stream};

/// Longest target of a link.
const LINK_MAX: u64 = 4096;

/// What stands before the payload.
#[derive(Debug, Clone)]
pub struct Start {
    /// Sums and signatures.
    pub signature: Header,
    /// What the package is.
    pub header: Header,
    /// Where the header begins in the file, in bytes.
    pub header_start: u64,
}

impl Start {
    /// Reads up to the payload.
    ///
    /// # Errors
    /// Why it is no `.rpm`.
    pub fn read(input: &mut impl Read) -> Result<Self, ReadError> {
        let damaged =
            |what: &str, error: String| ReadError::Damaged(format!("its {what} cannot be read: {error}"));
        let mut lead = [0; LEAD_LEN];
        input.read_exact(&mut lead).map_err(|error| damaged("lead", error.to_string()))?;
        if lead[..4] != LEAD_MAGIC {
            return Err(ReadError::Unknown);
        }
        if !matches!(lead[4], 3 | 4) {
            return Err(ReadError::Damaged(format!("it is of version {}, and 3 and 4 are read", lead[4])));
        }
        let signature =
            Header::read(input, tag::SIGNATURE_REGION).map_err(|error| damaged("signature", error))?;
        let length = signature.bytes.len();
        let mut padding = [0; 7];
        let padding = &mut padding[..length.next_multiple_of(8) - length];
        input.read_exact(padding).map_err(|error| damaged("signature", error.to_string()))?;
        let header_start = (LEAD_LEN + length.next_multiple_of(8)) as u64;
        let header = Header::read(input, tag::HEADER_REGION).map_err(|error| damaged("header", error))?;
        Ok(Self { signature, header, header_start })
    }
}

/// Reads a package, whose content it hands to `each`.
///
/// # Errors
/// What cannot be read as a package at all, and what `each` reports.
pub fn read(mut input: impl Read, budget: &Budget, each: &mut Each<'_>) -> Result<Contents, ReadError> {
    let start = Start::read(&mut input)?;
    let mut contents = Contents::new(Format::Rpm);
    let (signature, header) = (&start.signature, &start.header);
    for (part, one) in [("signature", signature), ("header", header)] {
        if !one.is_whole {
            contents.archive.note(part, "has no region that covers all of it");
        }
        if one.bytes[4..8] != [0; 4] {
            contents.archive.note(part, "has something else than zeros where they are kept free");
        }
        for tag in one.repeated() {
            contents.archive.lie(part, format!("has the tag {tag} twice"));
        }
    }
    contents.signatures = signatures(signature);
    describe(header, &mut contents);
    header_sums(&start, &mut contents);
    let stated = match files(header) {
        Ok(stated) => stated,
        Err(fault) => {
            contents.archive.lie("header", format!("has a list of files that cannot be read: {fault}"));
            return Ok(contents);
        }
    };
    let flow = payload(input, &start, stated, budget, each, &mut contents);
    settle(flow, "payload", &mut contents.archive)?;
    check_paths(&contents.files, &mut contents.path_findings);
    Ok(contents)
}

/// A sum that has to be right.
fn compare(what: &str, stated: Option<String>, found: &str, contents: &mut Contents) {
    let Some(stated) = stated else { return };
    contents.sums_checked += 1;
    if !stated.eq_ignore_ascii_case(found) {
        contents.sum_findings.lie(what, format!("has the sum {found}, and not {stated:.200}"));
    }
}

fn header_sums(start: &Start, contents: &mut Contents) {
    for (tag, algorithm) in [(tag::SIG_SHA1, Algorithm::Sha1), (tag::SIG_SHA256, Algorithm::Sha256)] {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&start.header.bytes);
        compare("header", start.signature.text(tag), &hasher.finish(), contents);
    }
    if start.signature.has(tag::SIG_SHA3_256) {
        contents.sum_findings.note("header", "has a SHA3 sum, which is not looked at");
    }
}

/// The payload's files against the header's list, and all sums over the payload.
fn payload(
    input: impl Read,
    start: &Start,
    stated: Vec<Stated>,
    budget: &Budget,
    each: &mut Each<'_>,
    contents: &mut Contents,
) -> Result<(), Flow> {
    let broken = |error: io::Error| Flow::Broken(error.to_string());
    let header = &start.header;
    let format = header.text(tag::PAYLOAD_FORMAT).unwrap_or_else(|| "cpio".to_owned());
    if format != "cpio" {
        return Err(Flow::Broken(format!("it is of the format {format:?}, and cpio is read")));
    }
    let said = match header.text(tag::PAYLOAD_COMPRESSOR) {
        // Packages without a word on it are old.
        None => Packed::Gzip,
        Some(name) => Packed::of_compressor(&name)
            .ok_or_else(|| Flow::Broken(format!("it is packed with {name:?}, which is not known")))?,
    };
    let algorithm = match header.number(tag::FILE_DIGEST_ALGORITHM) {
        None => Some(Algorithm::Md5),
        Some(number) => algorithm(number),
    };
    // MD5 is over header and payload.
    let mut md5 = Hasher::new(Algorithm::Md5);
    md5.update(&header.bytes);
    let packed = Hashing::new(input, vec![Hasher::new(Algorithm::Sha256), md5]);
    let (stream, _) = Stream::open(packed, Some(said), budget.clone()).map_err(broken)?;
    let plain_sum = Hashing::new(stream, vec![Hasher::new(Algorithm::Sha256)]);
    let mut archive = ArchiveReader::new(plain_sum);
    let mut collector = Collector::new(each, algorithm.as_slice());
    let walked = entries(&mut archive, stated, algorithm, &mut collector, contents);
    contents.files.append(&mut collector.files);
    walked?;
    let cannot = |error: flatpkg::cpio::CpioReadError| Flow::Broken(error.to_string());
    let (rest, plain_sum) = archive.finish().map_err(cannot)?;
    if !rest.is_zero {
        contents.archive.lie("payload", "has something other than zeros behind the archive's end");
    }
    let (plain_digests, plain_len, stream) = plain_sum.finish();
    let (behind, packed) = stream.finish().map_err(broken)?;
    behind.report("payload", "the packed archive", &mut contents.archive);
    let (packed_digests, packed_len, _) = packed.finish();
    let first = |tag: u32| header.text(tag).filter(|text| !text.is_empty());
    if header.number(tag::PAYLOAD_DIGEST_ALGORITHM).is_none_or(|number| number == u64::from(tag::SHA256)) {
        compare("payload", first(tag::PAYLOAD_SHA256), &packed_digests[0], contents);
        compare("unpacked payload", first(tag::PAYLOAD_SHA256_PLAIN), &plain_digests[0], contents);
    } else {
        contents.sum_findings.note("payload", "has sums of a kind that is not looked at");
    }
    sizes(start, packed_len, plain_len, contents);
    let stated = start.signature.binary(tag::SIG_MD5).map(hex);
    compare("header and payload", stated, &packed_digests[1], contents);
    Ok(())
}

fn sizes(start: &Start, packed_len: u64, plain_len: u64, contents: &mut Contents) {
    let size = start.header.bytes.len() as u64 + packed_len;
    let signature = &start.signature;
    let said = |short, long| signature.number(short).or_else(|| signature.number(long));
    for (what, stated, found) in [
        ("header and payload", said(tag::SIG_SIZE, tag::SIG_LONG_SIZE), size),
        ("unpacked payload", said(tag::SIG_PAYLOAD_SIZE, tag::SIG_LONG_PAYLOAD_SIZE), plain_len),
    ] {
        if let Some(stated) = stated.filter(|stated| *stated != found) {
            contents.sum_findings.lie(what, format!("has {found} bytes, and the signature says {stated}"));
        }
    }
}

fn algorithm(number: u64) -> Option<Algorithm> {
    Some(match number {
        1 => Algorithm::Md5,
        2 => Algorithm::Sha1,
        8 => Algorithm::Sha256,
        9 => Algorithm::Sha384,
        10 => Algorithm::Sha512,
        11 => Algorithm::Sha224,
        _ => return None,
    })
}

fn entries<R: Read>(
    archive: &mut ArchiveReader<R>,
    stated: Vec<Stated>,
    algorithm: Option<Algorithm>,
    collector: &mut Collector<'_, '_>,
    contents: &mut Contents,
) -> Result<(), Flow> {
    let cannot = |error: flatpkg::cpio::CpioReadError| Flow::Broken(error.to_string());
    let mut by_path: HashMap<String, Stated> = HashMap::with_capacity(stated.len());
    for one in stated {
        if let Some(other) = by_path.insert(one.file.path.clone(), one) {
            contents.archive.lie(&other.file.path, "is twice in the header's list of files");
        }
    }
    if algorithm.is_none() {
        contents.sum_findings.note("header", "has files' sums of a kind that is not looked at");
    }
    while let Some(entry) = archive.next_entry().map_err(cannot)? {
        let (path, _) = plain(&entry.name);
        if path.is_empty() {
            continue;
        }
        let Some(Stated { mut file, digest, .. }) = by_path.remove(&path) else {
            contents.archive.lie(&path, "is in the payload, and not in the header's list of files");
            continue;
        };
        let is_second = entry.header.links > 1 && entry.header.size == 0 && file.size > 0;
        let mut content = Vec::new();
        match &file.kind {
            FileKind::Link(target) => {
                archive
                    .by_ref()
                    .take(LINK_MAX)
                    .read_to_end(&mut content)
                    .map_err(|error| Flow::Broken(error.to_string()))?;
                if content != target.as_bytes() {
                    contents.archive.lie(&path, "leads elsewhere in the payload than in the header");
                }
            }
            FileKind::File if is_second => file.kind = FileKind::HardLink(String::new()),
            FileKind::File if entry.header.size != file.size => {
                contents.archive.lie(&path, "has another size in the payload than in the header");
                file.size = entry.header.size;
            }
            _ => {}
        }
        if entry.header.mode != file.mode | mode_of(&file.kind, entry.header.mode) {
            contents.archive.lie(&path, "has another mode in the payload than in the header");
        }
        let is_file = file.kind == FileKind::File;
        collector.take(file, &mut &mut *archive)?;
        let Some(file) = collector.files.last().filter(|_| is_file) else { continue };
        let found = algorithm.and_then(|algorithm| file.digest(algorithm));
        match (digest, found) {
            (Some(stated), Some(found)) => compare(&path, Some(stated), found, contents),
            (None, Some(_)) => contents.sum_findings.note(&path, "has no sum"),
            (_, None) => {}
        }
    }
    let mut missing: Vec<_> =
        by_path.into_values().filter(|one| !one.is_ghost).map(|one| one.file.path).collect();
    missing.sort_unstable();
    for path in missing {
        contents.archive.lie(path, "is in the header's list of files, and not in the payload");
    }
    Ok(())
}

/// The type bits that a mode has to have; what has no kind of its own has any.
fn mode_of(kind: &FileKind, found: u32) -> u32 {
    match kind {
        FileKind::File | FileKind::HardLink(_) => flatpkg::cpio::TYPE_FILE,
        FileKind::Folder => flatpkg::cpio::TYPE_DIRECTORY,
        FileKind::Link(_) => flatpkg::cpio::TYPE_SYMLINK,
        FileKind::Special(_) => found & flatpkg::payload::TYPE_MASK,
    }
}
