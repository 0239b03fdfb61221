//! Writes ustar, everything owned by root. A path that its header has no room for comes
//! before it as GNU tar writes it (type `L`), which dpkg and libarchive read (dpkg,
//! `lib/dpkg/tarfn.c`; tar(5)).
//!
//! Must not know: what is packed.

use super::BLOCK;
use crate::error::Error;
use crate::layout::Kind;

/// Bytes of a header's name and of a link's target.
const NAME_LEN: usize = 100;
/// The name of a member that holds the next one's.
const LONG_NAME: &str = "././@LongLink";
/// Bytes of a header's prefix.
const PREFIX_LEN: usize = 155;

/// An archive that grows.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    time: u32,
}

impl Writer {
    /// An empty one, whose members all have this modification time.
    pub fn new(time: u32) -> Self {
        Self { out: Vec::new(), time }
    }

    /// Adds a path; a folder's has to end with a slash.
    ///
    /// # Errors
    /// A target that a header has no room for.
    pub fn add(&mut self, path: &str, mode: u32, kind: Kind<'_>) -> Result<(), Error> {
        let wrong = |reason| Error::Path { path: path.to_owned(), reason };
        let (prefix, name) = match split(path) {
            Some(parts) => parts,
            None => {
                let long = [path.as_bytes(), b"\0"].concat();
                self.member(LONG_NAME, b'L', 0, &long, "", "");
                // What a reader without the extension would take for it.
                ("", head(path))
            }
        };
        let (type_flag, content, target): (u8, &[u8], &str) = match kind {
            Kind::File(content) => (b'0', content, ""),
            Kind::Link(target) => (b'2', b"", target),
            Kind::OwnFolder | Kind::Folder => (b'5', b"", ""),
        };
        if target.len() > NAME_LEN {
            return Err(wrong("is a link whose target is too long for a tar archive"));
        }
        self.member(name, type_flag, mode, content, target, prefix);
        Ok(())
    }

    fn member(&mut self, name: &str, type_flag: u8, mode: u32, content: &[u8], target: &str, prefix: &str) {
        let mut header = [0u8; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name.as_bytes());
        put(100, format!("{mode:07o}").as_bytes());
        put(108, b"0000000");
        put(116, b"0000000");
        put(124, format!("{:011o}", content.len()).as_bytes());
        put(136, format!("{:011o}", self.time).as_bytes());
        put(148, b"        ");
        put(156, &[type_flag]);
        put(157, target.as_bytes());
        put(257, b"ustar\x0000");
        put(265, b"root");
        put(297, b"root");
        put(329, b"0000000");
        put(337, b"0000000");
        put(345, prefix.as_bytes());
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.out.extend_from_slice(&header);
        self.out.extend_from_slice(content);
        self.out.resize(self.out.len().next_multiple_of(BLOCK), 0);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.resize(self.out.len() + 2 * BLOCK, 0);
        self.out
    }
}

/// As much of a path as a header has room for.
fn head(path: &str) -> &str {
    let end = (0..=NAME_LEN).rev().find(|at| path.is_char_boundary(*at)).unwrap_or(0);
    &path[..end]
}

/// Prefix and name of a path, where it has to be split, at the first slash that will do.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME_LEN {
        return Some(("", path));
    }
    let slashes = path.match_indices('/').map(|(at, _)| at);
    slashes
        .filter(|at| *at > 0 && *at <= PREFIX_LEN)
        .map(|at| (&path[..at], &path[at + 1..]))
        .find(|(_, name)| !name.is_empty() && name.len() <= NAME_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_are_split_at_a_slash() {
        let (folder, name) = ("f".repeat(155), "n".repeat(100));
        assert_eq!(split(&name), Some(("", name.as_str())));
        let longest = format!("{folder}/{name}");
        assert_eq!(split(&longest), Some((folder.as_str(), name.as_str())));
        assert_eq!(split(&format!("f{longest}")), None);
        assert_eq!(split(&format!("{longest}n")), None);
        assert_eq!(split(&"n".repeat(101)), None);
        assert_eq!(split(&format!("{}/", "n".repeat(100))), None);
        let mut writer = Writer::new(0);
        assert!(writer.add("x", 0o777, Kind::Link(&"t".repeat(100))).is_ok());
        assert!(writer.add("x", 0o777, Kind::Link(&"t".repeat(101))).is_err());
    }

    #[test]
    fn a_path_that_cannot_be_split_comes_before_its_header() {
        let path = format!("{}é/", "n".repeat(99));
        let mut writer = Writer::new(0);
        writer.add(&path, 0o755, Kind::Folder).unwrap();
        let out = writer.finish();
        assert_eq!((&out[..13], out[156]), (LONG_NAME.as_bytes(), b'L'));
        assert_eq!(out[BLOCK..BLOCK + path.len() + 1], [path.as_bytes(), b"\0"].concat());
        assert_eq!(
            (&out[2 * BLOCK..][..100], out[2 * BLOCK + 156]),
            ([&[b'n'; 99][..], b"\0"].concat().as_slice(), b'5')
        );
        assert_eq!(out.len(), 5 * BLOCK);
    }
}
