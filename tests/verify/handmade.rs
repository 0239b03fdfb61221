//! Archives made by hand, with right digests and whatever content a test wants.

/// A xar whose TOC says what a test wants, with right digests.
pub fn xar(toc_body: &str, heap: &[u8]) -> Vec<u8> {
    use sha1::{Digest, Sha1};
    let toc = format!(
        "<?xml version=\"1.0\"?><xar><toc><checksum style=\"sha1\"><offset>0</offset><size>20</size></checksum>\
         {toc_body}</toc></xar>"
    );
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, toc.as_bytes()).unwrap();
    let compressed = encoder.finish().unwrap();
    let mut out = b"xar!\0\x1c\0\x01".to_vec();
    out.extend_from_slice(&(compressed.len() as u64).to_be_bytes());
    out.extend_from_slice(&(toc.len() as u64).to_be_bytes());
    out.extend_from_slice(&1u32.to_be_bytes());
    out.extend_from_slice(&compressed);
    out.extend_from_slice(&Sha1::digest(&compressed));
    out.extend_from_slice(heap);
    out
}

/// A member's part of the TOC, stored as it is.
pub fn member(name: &str, offset: u64, content: &[u8]) -> String {
    use sha1::{Digest, Sha1};
    let digest: String = Sha1::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "<file id=\"1\"><name>{name}</name><type>file</type><data><length>{0}</length><size>{0}</size>\
         <offset>{offset}</offset><encoding style=\"application/octet-stream\"/>\
         <archived-checksum style=\"sha1\">{digest}</archived-checksum>\
         <extracted-checksum style=\"sha1\">{digest}</extracted-checksum></data></file>",
        content.len()
    )
}

/// A folder of the TOC.
pub fn folder(name: &str, members: &str) -> String {
    format!("<file id=\"2\"><name>{name}</name><type>directory</type>{members}</file>")
}

/// A component package around a hand-made payload archive.
pub fn around(cpio: &[u8]) -> Vec<u8> {
    around_gzip(&gzip(cpio))
}

/// Packs an archive as pkgbuild does.
pub fn gzip(archive: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, archive).unwrap();
    encoder.finish().unwrap()
}

/// The same, around the compressed archive.
pub fn around_gzip(payload: &[u8]) -> Vec<u8> {
    let info = b"<pkg-info identifier=\"a\" version=\"1\"/>";
    let toc = member("PackageInfo", 20, info) + &member("Payload", 20 + info.len() as u64, payload);
    xar(&toc, &[info.as_slice(), payload].concat())
}

/// An archive's last entry.
pub fn end() -> Vec<u8> {
    entry("TRAILER!!!", 0, b"")
}

pub fn entry(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let header = format!(
        "070707{:06o}{:06o}{mode:06o}{:06o}{:06o}{:06o}{:06o}{:011o}{:06o}{:011o}",
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        name.len() + 1,
        content.len()
    );
    [header.as_bytes(), name.as_bytes(), b"\0", content].concat()
}

/// Puts members one after the other into a heap, and makes their part of the TOC.
#[derive(Default)]
pub struct Heap {
    bytes: Vec<u8>,
}

impl Heap {
    /// A member's part of the TOC.
    pub fn member(&mut self, name: &str, content: &[u8]) -> String {
        let offset = 20 + self.bytes.len() as u64;
        self.bytes.extend_from_slice(content);
        member(name, offset, content)
    }

    /// The whole archive.
    pub fn xar(&self, toc: &str) -> Vec<u8> {
        xar(toc, &self.bytes)
    }
}
