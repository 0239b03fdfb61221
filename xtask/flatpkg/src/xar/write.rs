//! Writes an archive in one go, signatures included.
//!
//! Must not know: what members are. Large members wait in the caller's scratch
//! space, since the TOC with their lengths and digests comes first.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Write};

use sha1::{Digest, Sha1};

use super::toc::{SignatureSlot, TocData, TocMember, to_xml};
use super::{DIGEST_LEN, HEADER_LEN, MAGIC, XarError};
use crate::deflate;
use crate::signer::Signer;
use crate::xml;

/// The checksum algorithm's number in the header: SHA-1, which Apple's tools write
/// to this day.
const ALGORITHM_SHA1: u32 = 1;

/// A member of the archive or of one of its folders.
#[derive(Debug)]
pub struct Member {
    name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Directory(Vec<Member>),
    File {
        heap: Heap,
        length: u64,
        size: u64,
        encoding: &'static str,
        extracted: [u8; 20],
        archived: [u8; 20],
    },
}

/// Where a member's bytes wait.
#[derive(Debug)]
enum Heap {
    Memory(Vec<u8>),
    Spool { start: u64 },
}

/// Bytes that were written to the scratch space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spooled {
    /// Where in the scratch space they start.
    pub start: u64,
    /// How many there are.
    pub length: u64,
    /// Their SHA-1.
    pub digest: [u8; DIGEST_LEN],
}

impl Member {
    /// A folder.
    pub fn directory(name: &str, members: Vec<Member>) -> Self {
        Self { name: name.to_owned(), content: Content::Directory(members) }
    }

    /// A file that the archive compresses.
    pub fn compressed(name: &str, plain: &[u8]) -> Self {
        let bytes = deflate::zlib(plain);
        let content = Content::File {
            length: bytes.len() as u64,
            size: plain.len() as u64,
            encoding: "application/x-gzip",
            extracted: Sha1::digest(plain).into(),
            archived: Sha1::digest(&bytes).into(),
            heap: Heap::Memory(bytes),
        };
        Self { name: name.to_owned(), content }
    }

    /// A file that is stored as it is, from the scratch space.
    pub fn stored(name: &str, spooled: Spooled) -> Self {
        let content = Content::File {
            heap: Heap::Spool { start: spooled.start },
            length: spooled.length,
            size: spooled.length,
            encoding: "application/octet-stream",
            extracted: spooled.digest,
            archived: spooled.digest,
        };
        Self { name: name.to_owned(), content }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The archive's length in bytes.
    pub size: u64,
    /// SHA-1 over the compressed TOC, which the signatures are for.
    pub toc_digest: [u8; DIGEST_LEN],
}

/// Writes an archive. Members lie in the heap in the order given, folders before
/// what follows them; `created` is in seconds since 1970.
///
/// # Errors
/// [`XarError`], if a name is not one, the signer fails or a signature does not fit
/// its slot, or the scratch space or `out` fails.
pub fn write<S: Read + Seek, W: Write>(
    members: &[Member],
    created: u32,
    signer: Option<&dyn Signer>,
    spool: &mut S,
    out: &mut W,
) -> Result<Written, XarError> {
    validate(members)?;
    let mut offset = DIGEST_LEN as u64;
    let mut slots = Vec::new();
    if let Some(signer) = signer {
        if signer.certificates().is_empty() {
            return Err(XarError::NoCertificate);
        }
        for (element, style, size) in [
            ("signature", "RSA", signer.rsa_signature_len() as u64),
            ("x-signature", "CMS", signer.cms_slot_len() as u64),
        ] {
            slots.push(SignatureSlot { element, style, offset, size });
            offset += size;
        }
    }
    let certificates = signer.map(Signer::certificates).unwrap_or_default();
    let toc_members = placed(members, &mut offset);
    let heap_size = offset;
    let toc =
        to_xml(created, DIGEST_LEN as u64, &slots, certificates, &toc_members).map_err(XarError::Toc)?;
    let compressed = deflate::zlib(&toc);
    let toc_digest: [u8; DIGEST_LEN] = Sha1::digest(&compressed).into();

    // Signed before anything is written: a signer that fails leaves nothing behind.
    let signatures = signer.map(|signer| sign(signer, &toc_digest)).transpose()?.unwrap_or_default();

    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&(HEADER_LEN as u16).to_be_bytes());
    header.extend_from_slice(&1u16.to_be_bytes());
    header.extend_from_slice(&(compressed.len() as u64).to_be_bytes());
    header.extend_from_slice(&(toc.len() as u64).to_be_bytes());
    header.extend_from_slice(&ALGORITHM_SHA1.to_be_bytes());
    for part in [header.as_slice(), &compressed, &toc_digest, &signatures] {
        out.write_all(part).map_err(XarError::Write)?;
    }
    write_heap(members, spool, out)?;
    out.flush().map_err(XarError::Write)?;
    Ok(Written { size: (HEADER_LEN + compressed.len()) as u64 + heap_size, toc_digest })
}

/// Both signatures in their slots.
fn sign(signer: &dyn Signer, toc_digest: &[u8]) -> Result<Vec<u8>, XarError> {
    let expected = signer.rsa_signature_len();
    let slot = signer.cms_slot_len();
    let rsa = signer.sign_rsa(toc_digest).map_err(|source| XarError::Sign { signature: "RSA", source })?;
    if rsa.len() != expected {
        return Err(XarError::RsaLength { expected, actual: rsa.len() });
    }
    let cms = signer.sign_cms(toc_digest).map_err(|source| XarError::Sign { signature: "CMS", source })?;
    if cms.len() > slot {
        return Err(XarError::CmsTooLong { slot, actual: cms.len() });
    }
    let mut bytes = rsa;
    bytes.extend_from_slice(&cms);
    bytes.resize(expected + slot, 0);
    Ok(bytes)
}

/// The members with their places in the heap.
fn placed<'a>(members: &'a [Member], offset: &mut u64) -> Vec<TocMember<'a>> {
    members
        .iter()
        .map(|member| match &member.content {
            Content::Directory(members) => {
                TocMember::Directory { name: &member.name, members: placed(members, offset) }
            }
            Content::File { length, size, encoding, extracted, archived, .. } => {
                let data = TocData {
                    length: *length,
                    offset: *offset,
                    size: *size,
                    encoding,
                    extracted: *extracted,
                    archived: *archived,
                };
                *offset += length;
                TocMember::File { name: &member.name, data }
            }
        })
        .collect()
}

fn write_heap<S: Read + Seek, W: Write>(
    members: &[Member],
    spool: &mut S,
    out: &mut W,
) -> Result<(), XarError> {
    for member in members {
        match &member.content {
            Content::Directory(members) => write_heap(members, spool, out)?,
            Content::File { heap: Heap::Memory(bytes), .. } => {
                out.write_all(bytes).map_err(XarError::Write)?;
            }
            Content::File { heap: Heap::Spool { start }, length, .. } => {
                copy(&member.name, *start, *length, spool, out)?;
            }
        }
    }
    Ok(())
}

/// Copies from the scratch space and keeps apart which side failed.
fn copy<S: Read + Seek, W: Write>(
    name: &str,
    start: u64,
    length: u64,
    spool: &mut S,
    out: &mut W,
) -> Result<(), XarError> {
    let failed = |source| XarError::Spool { name: name.to_owned(), source };
    spool.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut rest = length;
    while rest > 0 {
        let wanted = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        spool.read_exact(&mut buffer[..wanted]).map_err(failed)?;
        out.write_all(&buffer[..wanted]).map_err(XarError::Write)?;
        rest -= wanted as u64;
    }
    Ok(())
}

fn validate(members: &[Member]) -> Result<(), XarError> {
    let mut names = HashSet::new();
    for member in members {
        let name = &member.name;
        if matches!(name.as_str(), "" | "." | "..")
            || name.contains('/')
            || name.chars().any(char::is_control)
            || !xml::can_carry(name)
        {
            return Err(XarError::InvalidName { name: name.clone() });
        }
        if !names.insert(name) {
            return Err(XarError::DuplicateName { name: name.clone() });
        }
        if let Content::Directory(members) = &member.content {
            validate(members)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
