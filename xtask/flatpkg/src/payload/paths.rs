//! Holds the paths of an archive against each other while it is read.
//!
//! Of each path a number is kept, its FNV-1a hash. Two paths with the same number can
//! make a finding where there is none, once in a hundred million packages of a million
//! paths; no path can hide that way.
//!
//! Must not know: contents.

use std::collections::HashSet;

use super::TYPE_MASK;
use crate::cpio::{TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK};
use crate::findings::Findings;

/// Set-user-ID and set-group-ID.
const SET_ID: u32 = 0o6000;

/// The paths so far.
#[derive(Debug, Default)]
pub struct Paths {
    /// All of them.
    all: HashSet<u64>,
    /// All of them without regard to case, as a Mac's disk takes them; the last bit is set
    /// for a folder.
    folded: HashSet<u64>,
    /// The same of those that something lies below, always with the last bit.
    holders: HashSet<u64>,
    /// The folder of the path before, whose ancestors were looked at.
    folder: Option<u64>,
}

/// FNV-1a.
struct Hash;

impl Hash {
    const START: u64 = 0xcbf2_9ce4_8422_2325;

    fn add(hash: u64, byte: u8) -> u64 {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    }

    fn of(path: &str, fold: bool) -> u64 {
        let bytes = path.bytes().map(|byte| if fold { byte.to_ascii_lowercase() } else { byte });
        bytes.fold(Self::START, Self::add)
    }
}

impl Paths {
    /// Adds a path and gives it in its one form.
    pub fn add(&mut self, name: String, mode: u32, findings: &mut Findings) -> String {
        let path = match normal(&name) {
            Some(path) => path,
            None => {
                findings.lie(&name, "leads out of the payload");
                return name;
            }
        };
        let kind = mode & TYPE_MASK;
        match kind {
            TYPE_DIRECTORY | TYPE_SYMLINK => {}
            TYPE_FILE if mode & SET_ID != 0 => {
                let who = match mode & SET_ID {
                    0o4000 => "its owner",
                    0o2000 => "its group",
                    _ => "its owner and its group",
                };
                findings.note(&path, format!("runs as {who}, whoever starts it (mode {:o})", mode & 0o7777));
            }
            TYPE_FILE => {}
            0o060_000 | 0o020_000 => findings.lie(&path, "is a device, which a payload has no use for"),
            0o010_000 => findings.lie(&path, "is a named pipe, which a payload has no use for"),
            0o140_000 => findings.lie(&path, "is a socket, which a payload has no use for"),
            _ => findings.lie(&path, format!("is of the unknown kind {kind:o}")),
        }
        self.place(&path, kind == TYPE_DIRECTORY, findings);
        path
    }

    fn place(&mut self, path: &str, is_folder: bool, findings: &mut Findings) {
        let (exact, folded) = (Hash::of(path, false), Hash::of(path, true));
        let above = path.rfind('/').map_or("", |at| &path[..at]);
        let folder = Hash::of(above, true);
        // The paths of a folder come one after the other: the others need no look.
        let mut below = None;
        if self.folder != Some(folder) {
            let mut hash = Hash::START;
            for (at, byte) in path.bytes().enumerate() {
                // The root is above everything.
                if byte == b'/' && at > 1 {
                    self.holders.insert(hash | 1);
                    if self.folded.contains(&(hash & !1)) {
                        below = Some(at);
                    }
                }
                hash = Hash::add(hash, byte.to_ascii_lowercase());
            }
        }
        if let Some(at) = below {
            findings.lie(path, format!("lies below {:?}, which is not a folder", &path[..at]));
        } else {
            self.folder = Some(folder);
        }
        if !self.all.insert(exact) {
            if is_folder {
                findings.note(path, "is there twice");
            } else {
                findings.lie(path, "is there twice");
            }
        } else if self.folded.contains(&(folded | 1)) || self.folded.contains(&(folded & !1)) {
            findings.note(path, "differs from another path in upper and lower case alone");
        }
        self.folded.insert(if is_folder { folded | 1 } else { folded & !1 });
        if !is_folder && self.holders.contains(&(folded | 1)) {
            findings.lie(path, "is not a folder, and other paths lie below it");
        }
    }
}

/// A name in the form `./a/b`; `None`, if it leads elsewhere.
fn normal(name: &str) -> Option<String> {
    let inner = name.trim_end_matches('/');
    let inner = match inner {
        // Absolute, the root of the disk included.
        "" => return None,
        "." => return Some(".".to_owned()),
        inner => inner.strip_prefix("./").unwrap_or(inner),
    };
    let is_plain = inner.split('/').all(|part| !matches!(part, "" | "." | ".."));
    is_plain.then(|| format!("./{inner}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(entries: &[(&str, u32)]) -> Vec<String> {
        let mut paths = Paths::default();
        let mut findings = Findings::default();
        for (name, mode) in entries {
            paths.add((*name).to_owned(), *mode, &mut findings);
        }
        findings.iter().map(|one| format!("{:?} {one}", one.severity)).collect()
    }

    #[test]
    fn names_come_in_one_form() {
        for (name, path) in [
            (".", Some(".")),
            ("./", Some(".")),
            ("usr", Some("./usr")),
            ("usr/", Some("./usr")),
            ("./usr/bin", Some("./usr/bin")),
            ("/", None),
            ("/usr", None),
            ("", None),
            ("./../x", None),
            ("..", None),
            ("a//b", None),
            ("a/./b", None),
        ] {
            assert_eq!(normal(name).as_deref(), path, "{name:?}");
        }
    }

    #[test]
    fn nothing_lies_below_what_is_no_folder() {
        let (folder, file, link) = (0o040_755, 0o100_644, 0o120_755);
        assert_eq!(findings(&[(".", folder), ("./a", folder), ("./a/b", file), ("./a/c", link)]), [""; 0]);
        assert_eq!(
            findings(&[("./a", link), ("./a/b", file), ("./a/c", file)]),
            [
                "Lie \"./a/b\" lies below \"./a\", which is not a folder",
                "Lie \"./a/c\" lies below \"./a\", which is not a folder"
            ]
        );
        // In any order, at any depth, and as a disk takes names that ignores case.
        assert_eq!(
            findings(&[("./a/x/b", file), ("./A", link)]),
            ["Lie \"./A\" is not a folder, and other paths lie below it"]
        );
        assert_eq!(
            findings(&[("./Lib", link), ("./lib/x/y/b", file)]),
            ["Lie \"./lib/x/y/b\" lies below \"./lib\", which is not a folder"]
        );
        // A folder that was looked at before its name became a link's.
        assert_eq!(
            findings(&[("./a", folder), ("./a/b", file), ("./a", link), ("./a/c", file)]),
            [
                "Lie \"./a\" is there twice",
                "Lie \"./a\" is not a folder, and other paths lie below it",
                "Lie \"./a/c\" lies below \"./a\", which is not a folder"
            ]
        );
    }

    #[test]
    fn kinds_and_modes() {
        assert_eq!(
            findings(&[("a", 0o060_600), ("b", 0o010_600), ("c", 0o140_600), ("d", 0o020_600), ("e", 0)]),
            [
                "Lie \"./a\" is a device, which a payload has no use for",
                "Lie \"./b\" is a named pipe, which a payload has no use for",
                "Lie \"./c\" is a socket, which a payload has no use for",
                "Lie \"./d\" is a device, which a payload has no use for",
                "Lie \"./e\" is of the unknown kind 0"
            ]
        );
        assert_eq!(
            findings(&[("a", 0o104_755), ("A", 0o042_775), ("b", 0o040_755), ("b/", 0o040_755)]),
            [
                "Note \"./a\" runs as its owner, whoever starts it (mode 4755)",
                "Note \"./A\" differs from another path in upper and lower case alone",
                "Note \"./b\" is there twice"
            ]
        );
    }
}
