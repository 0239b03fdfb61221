//! cpio in the format newc, the payload of an `.rpm`. flatpkg reads it.
//!
//! ```text
//! header   "070701", then 8 hexadecimal digits each: inode, mode, user, group, links,
//!          time, size, device (2), special device (2), length of the name, checksum 0
//! name     with its NUL; with the header padded with zeros to a multiple of 4
//! content  padded likewise
//! end      an entry named "TRAILER!!!"
//! ```
//!
//! Must not know: what is packed. Source: cpio(5) of FreeBSD.

/// An entry of root's.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Name, such as `./usr`.
    pub name: &'a str,
    /// Inode.
    pub inode: u32,
    /// Mode with the file type.
    pub mode: u32,
    /// Modification time in seconds since 1970.
    pub time: u32,
    /// A file's content, or a link's target.
    pub content: &'a [u8],
}

/// Adds an entry to an archive. Content of 4 GiB has no place; it was counted before.
pub fn add(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let links = 1;
    let numbers = [
        entry.inode,
        entry.mode,
        0,
        0,
        links,
        entry.time,
        entry.content.len() as u32,
        0,
        0,
        0,
        0,
        entry.name.len() as u32 + 1,
        0,
    ];
    out.extend_from_slice(b"070701");
    for number in numbers {
        out.extend_from_slice(format!("{number:08x}").as_bytes());
    }
    out.extend_from_slice(entry.name.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(entry.content);
    pad(out);
}

/// Ends an archive.
pub fn finish(out: &mut Vec<u8>) {
    add(out, &Entry { name: flatpkg::cpio::TRAILER, inode: 0, mode: 0, time: 0, content: b"" });
}

/// An archive's parts all begin at a multiple of 4.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}
