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

/// Where the heap goes on behind the `PackageInfo` of [`packaged`].
pub const FIRST: u64 = 20 + PACKAGE_INFO.len() as u64;
const PACKAGE_INFO: &[u8] = b"<pkg-info/>";

/// The same, with a `PackageInfo` in front: without one it would be no package.
pub fn packaged(toc_body: &str, heap: &[u8]) -> Vec<u8> {
    xar(&(member("PackageInfo", 20, PACKAGE_INFO) + toc_body), &[PACKAGE_INFO, heap].concat())
}

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
