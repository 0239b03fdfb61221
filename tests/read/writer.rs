//! A writer of packages that has nothing in common with ours: what a test says, as it says.

use std::io::Write;

use sha1::{Digest, Sha1};

/// A member of the archive: a path with at most one folder, the encoding, what is stored,
/// and the size that it unpacks to.
pub struct Member<'a> {
    pub path: &'a str,
    pub encoding: &'a str,
    pub stored: &'a [u8],
    pub size: usize,
}

/// A member as it is.
pub fn plain<'a>(path: &'a str, content: &'a [u8]) -> Member<'a> {
    Member { path, encoding: "application/octet-stream", stored: content, size: content.len() }
}

pub fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// An archive with right digests of what is stored.
pub fn xar(members: &[Member<'_>]) -> Vec<u8> {
    let mut heap = Vec::new();
    let mut toc = String::new();
    let mut folder = "";
    for member in members {
        let (above, name) = member.path.split_once('/').unwrap_or(("", member.path));
        if above != folder {
            toc += if folder.is_empty() { "" } else { "</file>" };
            if !above.is_empty() {
                toc += &format!("<file id=\"0\"><name>{above}</name><type>directory</type>");
            }
            folder = above;
        }
        toc += &format!(
            "<file id=\"1\"><name>{name}</name><type>file</type><data><length>{}</length><size>{}</size>\
             <offset>{}</offset><encoding style=\"{}\"/><archived-checksum style=\"sha1\">{}</archived-checksum>\
             </data></file>",
            member.stored.len(),
            member.size,
            20 + heap.len(),
            member.encoding,
            hex(&Sha1::digest(member.stored)),
        );
        heap.extend_from_slice(member.stored);
    }
    toc += if folder.is_empty() { "" } else { "</file>" };
    around(&toc, &heap)
}

/// An archive with this table of contents.
pub fn around(toc: &str, heap: &[u8]) -> Vec<u8> {
    let toc = format!(
        "<?xml version=\"1.0\"?><xar><toc><checksum style=\"sha1\"><offset>0</offset><size>20</size></checksum>\
         {toc}</toc></xar>"
    );
    let packed = zlib(toc.as_bytes());
    let mut out = b"xar!\0\x1c\0\x01".to_vec();
    out.extend_from_slice(&(packed.len() as u64).to_be_bytes());
    out.extend_from_slice(&(toc.len() as u64).to_be_bytes());
    out.extend_from_slice(&1u32.to_be_bytes());
    out.extend_from_slice(&packed);
    out.extend_from_slice(&Sha1::digest(&packed));
    out.extend_from_slice(heap);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub const PACKAGE_INFO: &[u8] = b"<pkg-info identifier=\"org.example\" version=\"1\"/>";

/// A component package around a payload that is packed already.
pub fn component(payload: &[u8]) -> Vec<u8> {
    xar(&[plain("PackageInfo", PACKAGE_INFO), plain("Payload", payload)])
}

/// An entry of an archive.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub name: &'a str,
    pub mode: u32,
    pub content: &'a [u8],
    pub inode: u32,
    pub links: u32,
}

pub fn entry<'a>(name: &'a str, mode: u32, content: &'a [u8]) -> Entry<'a> {
    Entry { name, mode, content, inode: 0, links: 1 }
}

/// The time of every entry, 2020-01-01.
pub const MTIME: u32 = 1_577_836_800;

/// An archive in the format odc.
pub fn odc(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for Entry { name, mode, content, inode, links } in with_trailer(entries) {
        let header = format!(
            "070707000000{inode:06o}{mode:06o}000000000000{links:06o}000000{MTIME:011o}{:06o}{:011o}{name}\0",
            name.len() + 1,
            content.len(),
        );
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
    }
    out
}

/// An archive in the format newc, or crc with `sums`.
pub fn newc(entries: &[Entry<'_>], sums: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for Entry { name, mode, content, inode, links } in with_trailer(entries) {
        let magic = if sums { "070702" } else { "070701" };
        let sum: u32 = if sums { content.iter().map(|byte| u32::from(*byte)).sum() } else { 0 };
        let header = format!(
            "{magic}{inode:08x}{mode:08x}0000000000000000{links:08x}{MTIME:08x}{:08x}{:032x}{:08x}{sum:08X}{name}\0",
            content.len(),
            0,
            name.len() + 1,
        );
        for bytes in [header.as_bytes(), content] {
            out.extend_from_slice(bytes);
            out.resize(out.len().next_multiple_of(4), 0);
        }
    }
    out
}

fn with_trailer<'a>(entries: &[Entry<'a>]) -> Vec<Entry<'a>> {
    [entries, &[entry("TRAILER!!!", 0, b"")]].concat()
}

/// pbzx of chunks: what each unpacks to, and what is stored.
pub fn pbzx(chunks: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"pbzx\0\0\0\0\x01\0\0\0".to_vec();
    for (size, stored) in chunks {
        out.extend_from_slice(&(*size as u64).to_be_bytes());
        out.extend_from_slice(&(stored.len() as u64).to_be_bytes());
        out.extend_from_slice(stored);
    }
    out
}
