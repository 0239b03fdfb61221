//! The xar archive: header, TOC digest, members, and that the heap holds
//! nothing else.
//!
//! Must not know: what members mean.

use std::io::{self, Read, Seek};

use flatpkg::xar::{Archive, TocData, XarReadError};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::{Check, causes};
use crate::digest::hex;

/// Longest TOC digest that is read, in bytes: SHA-512's.
const DIGEST_MAX: u64 = 64;

/// A digest whose algorithm is known by the TOC's name for it.
pub enum Hasher {
    /// `sha1`.
    Sha1(Sha1),
    /// `sha256`.
    Sha256(Sha256),
    /// `sha512`.
    Sha512(Sha512),
}

impl Hasher {
    /// The algorithm that a TOC calls `style`.
    pub fn new(style: &str) -> Option<Self> {
        match style.to_ascii_lowercase().as_str() {
            "sha1" => Some(Self::Sha1(sha1::Digest::new())),
            "sha256" => Some(Self::Sha256(Sha256::new())),
            "sha512" => Some(Self::Sha512(Sha512::new())),
            _ => None,
        }
    }

    /// The header's number for it (xar's `xar.h`).
    fn number(&self) -> u32 {
        match self {
            Self::Sha1(_) => 1,
            Self::Sha256(_) => 3,
            Self::Sha512(_) => 4,
        }
    }

    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => sha1::Digest::update(hasher, bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hasher) => sha1::Digest::finalize(hasher).to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// The checks of this module.
pub fn checks<R: Read + Seek>(archive: &Archive, input: &mut R) -> Vec<Check> {
    vec![
        Check::of("xar-header", header(archive)),
        Check::of("xar-toc-digest", toc_digest(archive, input)),
        Check::of("xar-members", members(archive, input)),
        Check::of("xar-heap", heap(archive)),
    ]
}

fn header(archive: &Archive) -> Vec<String> {
    let header = &archive.header;
    let mut faults = Vec::new();
    if header.version != 1 {
        faults.push(format!("its version is {}; packages have version 1", header.version));
    }
    let style = archive.toc.checksum.as_ref().map_or("", |checksum| checksum.style.as_str());
    match Hasher::new(style) {
        Some(hasher) if hasher.number() == header.checksum_algorithm => {}
        Some(_) => faults.push(format!(
            "it names the checksum algorithm {}, and the table of contents {style}",
            header.checksum_algorithm
        )),
        None => {
            faults.push(format!("the table of contents' checksum style {style:?} is not one that is known"))
        }
    }
    faults
}

fn toc_digest<R: Read + Seek>(archive: &Archive, input: &mut R) -> Vec<String> {
    let Some(checksum) = &archive.toc.checksum else {
        return vec!["the table of contents names no checksum of its own".to_owned()];
    };
    let Some(mut hasher) = Hasher::new(&checksum.style) else {
        return vec![format!("its style {:?} is not one that is known", checksum.style)];
    };
    hasher.update(&archive.toc_compressed);
    let computed = hasher.finish();
    match archive.heap(input, "the digest", checksum.offset, checksum.size, DIGEST_MAX) {
        Ok(stored) if stored == computed => Vec::new(),
        Ok(stored) => {
            vec![format!(
                "the archive says {}, and its table of contents has {}",
                hex(&stored),
                hex(&computed)
            )]
        }
        Err(error) => vec![causes(&error)],
    }
}

fn members<R: Read + Seek>(archive: &Archive, input: &mut R) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, file) in archive.files() {
        let Some(data) = &file.data else { continue };
        if let Err(fault) = member(archive, input, &path, data) {
            faults.push(format!("{path:?}: {fault}"));
        }
    }
    for path in archive.duplicate_paths() {
        faults.push(format!("{path:?} is there twice"));
    }
    faults
}

/// Archived and extracted digest and sizes of one member.
fn member<R: Read + Seek>(
    archive: &Archive,
    input: &mut R,
    path: &str,
    data: &TocData,
) -> Result<(), String> {
    let is_stored = matches!(data.encoding.as_deref(), None | Some("application/octet-stream"));
    let stored = TocData { encoding: None, size: data.length, ..data.clone() };
    let stated = data.archived_checksum.as_ref().ok_or("the table of contents has no digest of it")?;
    let (size, archived) = digest(archive, input, path, &stored, &stated.style)?;
    if size != data.length {
        return Err(format!("the table of contents says {} bytes, and {size} are there", data.length));
    }
    if archived != stated.hex.to_ascii_lowercase() {
        return Err(format!("its archived digest is {archived}, and not {}", stated.hex));
    }
    let Some(stated) = &data.extracted_checksum else {
        return Err("the table of contents has no digest of its content".to_owned());
    };
    // What is stored as it is has one digest and one size.
    let same = is_stored && data.archived_checksum.as_ref().is_some_and(|one| one.style == stated.style);
    let (size, extracted) =
        if same { (size, archived) } else { digest(archive, input, path, data, &stated.style)? };
    if size != data.size {
        return Err(format!(
            "the table of contents says {} bytes of content, and there are others",
            data.size
        ));
    }
    if extracted != stated.hex.to_ascii_lowercase() {
        return Err(format!("its content's digest is {extracted}, and not {}", stated.hex));
    }
    Ok(())
}

/// Size and digest of a member's decoded content, read to a byte beyond what is
/// stated: a member that unpacks to more than it says is not unpacked further.
fn digest<R: Read + Seek>(
    archive: &Archive,
    input: &mut R,
    path: &str,
    data: &TocData,
    style: &str,
) -> Result<(u64, String), String> {
    let mut hasher =
        Hasher::new(style).ok_or_else(|| format!("the digest style {style:?} is not one that is known"))?;
    let reader = archive.open(input, path, data).map_err(|error: XarReadError| causes(&error))?;
    let mut limited = reader.take(data.size.saturating_add(1));
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        match limited.read(&mut buffer) {
            Ok(0) => return Ok((size, hex(hasher.finish()))),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("it cannot be unpacked: {error}")),
        }
    }
}

/// Every byte of the heap belongs to one thing that the TOC knows.
fn heap(archive: &Archive) -> Vec<String> {
    let toc = &archive.toc;
    let mut ranges: Vec<(u64, u64, String)> = Vec::new();
    if let Some(checksum) = &toc.checksum {
        ranges.push((checksum.offset, checksum.size, "the digest".to_owned()));
    }
    for signature in &toc.signatures {
        ranges.push((signature.offset, signature.size, format!("the {} signature", signature.style)));
    }
    for (path, file) in archive.files() {
        if let Some(data) = &file.data {
            ranges.push((data.offset, data.length, format!("{path:?}")));
        }
    }
    // What is empty is nowhere.
    ranges.retain(|(_, length, _)| *length > 0);
    ranges.sort();
    let mut faults = Vec::new();
    let mut end = 0_u64;
    for (offset, length, name) in ranges {
        if offset > end {
            faults.push(format!("{} bytes before {name} belong to nothing", offset - end));
        } else if offset < end {
            faults.push(format!("{name} begins within what is before it"));
        }
        end = end.max(offset.saturating_add(length));
    }
    let there = archive.file_len - archive.heap_start;
    if end > there {
        faults.push(format!("the heap ends {} bytes early", end - there));
    }
    faults
}
