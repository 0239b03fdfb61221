//! What the targets share: inputs of several sections, and archives made of them.
//!
//! A fuzzer that changes bytes of a package gets no further than the table of
//! contents, which is compressed and has a digest. So the inputs of most targets
//! are the plain parts, with [`SEPARATOR`] between them, and the target makes
//! the archive.

pub mod der;
#[cfg(feature = "xtask")]
pub mod managed;

use std::io::{Cursor, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};
use flatpkg::xar::Archive;
use sha1::{Digest, Sha1};

/// What stands between the sections of an input.
pub const SEPARATOR: &[u8] = b"\n--8<--\n";

/// An input's sections.
pub fn sections(mut data: &[u8]) -> Vec<&[u8]> {
    let mut sections = Vec::new();
    while let Some(at) = data.windows(SEPARATOR.len()).position(|part| part == SEPARATOR) {
        sections.push(&data[..at]);
        data = &data[at + SEPARATOR.len()..];
    }
    sections.push(data);
    sections
}

/// An input made of sections.
pub fn joined<T: AsRef<[u8]>>(sections: &[T]) -> Vec<u8> {
    let sections: Vec<&[u8]> = sections.iter().map(AsRef::as_ref).collect();
    sections.join(SEPARATOR)
}

/// Gives a few bytes at a time.
pub struct Pieces<R>(pub R, pub usize);

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.1);
        self.0.read(&mut buffer[..length])
    }
}

/// Compresses as xar's members and tables of contents are.
pub fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// Compresses as payloads are.
pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// An archive around a compressed table of contents that has `plain_len` bytes.
/// The heap's first 20 bytes become the digest.
pub fn xar(compressed: &[u8], plain_len: usize, heap: &[u8]) -> Vec<u8> {
    let mut out = b"xar!\0\x1c\0\x01".to_vec();
    out.extend_from_slice(&(compressed.len() as u64).to_be_bytes());
    out.extend_from_slice(&(plain_len as u64).to_be_bytes());
    out.extend_from_slice(&1u32.to_be_bytes());
    out.extend_from_slice(compressed);
    out.extend_from_slice(&toc_digest(compressed));
    out.extend_from_slice(heap.get(20..).unwrap_or_default());
    out
}

fn toc_digest(compressed: &[u8]) -> [u8; 20] {
    Sha1::digest(compressed).into()
}

/// An archive around a plain table of contents.
pub fn xar_of_plain(toc: &[u8], heap: &[u8]) -> Vec<u8> {
    xar(&zlib(toc), toc.len(), heap)
}

/// A signature's element in a table of contents, with its certificates.
fn signature(element: &str, style: &str, offset: usize, size: usize, certificates: &[&[u8]]) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let certificates: String = certificates
        .iter()
        .map(|der| format!("<X509Certificate>{}</X509Certificate>", STANDARD.encode(der)))
        .collect();
    format!(
        "<{element} style=\"{style}\"><offset>{offset}</offset><size>{size}</size>\
         <KeyInfo><X509Data>{certificates}</X509Data></KeyInfo></{element}>"
    )
}

/// The bytes of the RSA signature's place, and of the other one's.
const SLOTS: (usize, usize) = (256, 16 << 10);

/// The plain table of contents of an archive that holds nothing but its signatures.
fn signed_toc(certificates: &[&[u8]]) -> String {
    let (rsa, cms) = SLOTS;
    format!(
        "<?xml version=\"1.0\"?><xar><toc><creation-time>2026-01-01T00:00:00Z</creation-time>\
         <checksum style=\"sha1\"><offset>0</offset><size>20</size></checksum>{}{}</toc></xar>",
        signature("signature", "RSA", 20, rsa, certificates),
        signature("x-signature", "CMS", 20 + rsa, cms, certificates),
    )
}

/// The digest over which signatures in an archive of these certificates are.
pub fn signed_digest(certificates: &[&[u8]]) -> [u8; 20] {
    toc_digest(&zlib(signed_toc(certificates).as_bytes()))
}

/// The longest table of contents and heap of [`signed_archive`].
const SIGNED_MAX: u64 = 1 << 20;

/// An archive of these sections: a compressed table of contents, or nothing; the RSA
/// signature's place; the CMS signature; certificates.
///
/// Without a table of contents one is made with the certificates. With one, signatures
/// that hold over it still do when something that they do not cover is changed.
pub fn signed_archive(sections: &[&[u8]]) -> Option<Vec<u8>> {
    let [toc, rsa, cms, certificates @ ..] = sections else { return None };
    let (compressed, plain_len) = if toc.is_empty() {
        let plain = signed_toc(certificates);
        (zlib(plain.as_bytes()), plain.len())
    } else {
        let mut plain = Vec::new();
        ZlibDecoder::new(*toc).take(SIGNED_MAX).read_to_end(&mut plain).ok()?;
        (toc.to_vec(), plain.len())
    };
    // The digest first and both signatures behind it, as Apple's tools lay them out.
    let mut heap = vec![0; 20];
    heap.extend_from_slice(rsa);
    if toc.is_empty() {
        heap.resize(20 + SLOTS.0, 0);
    }
    heap.extend_from_slice(cms);
    heap.resize(SIGNED_MAX as usize, 0);
    // As long as the table of contents says.
    let archive = Archive::read(&mut Cursor::new(xar(&compressed, plain_len, &heap))).ok()?;
    let end = archive.toc.signatures.iter().map(|one| one.offset.saturating_add(one.size)).max()?;
    heap.truncate(usize::try_from(end).ok()?);
    Some(xar(&compressed, plain_len, &heap))
}
