//! What lies where in a package: sorted, with every folder above a path.
//!
//! Must not know: any format's bytes.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::package::{Content, Entry};

/// Longest name of a file or folder in bytes, on every file system of Linux.
const NAME_MAX: usize = 255;
/// Mode of folders.
pub const FOLDER_MODE: u32 = 0o755;
/// Mode of links.
pub const LINK_MODE: u32 = 0o777;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A folder that belongs to the package alone.
    OwnFolder,
    /// A folder above something.
    Folder,
    /// A file with its content.
    File(&'a [u8]),
    /// A link with where it leads.
    Link(&'a str),
}

/// A path with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Without a slash at either end.
    pub path: &'a str,
    /// Permissions.
    pub mode: u32,
    /// What is there.
    pub kind: Kind<'a>,
}

impl Item<'_> {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::OwnFolder | Kind::Folder)
    }

    /// Bytes of a file; 0 of anything else.
    pub fn size(&self) -> u64 {
        match self.kind {
            Kind::File(content) => content.len() as u64,
            Kind::OwnFolder | Kind::Folder | Kind::Link(_) => 0,
        }
    }
}

/// Sorts entries by path, in bytes, and adds the folders above them, so that each folder
/// is before what is in it.
///
/// # Errors
/// A path that is not a plain relative one, or that is there twice; more than 4 GiB.
pub fn layout<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Vec<Item<'a>>, Error> {
    let mut items: BTreeMap<&'a str, Item<'a>> = BTreeMap::new();
    for entry in entries {
        let path = entry.path.as_str();
        let wrong = |reason| Error::Path { path: path.to_owned(), reason };
        check(path).map_err(wrong)?;
        if entry.mode & !0o7777 != 0 {
            return Err(wrong("has a mode that is more than permissions"));
        }
        let (kind, mode) = match &entry.content {
            Content::File(content) => (Kind::File(content), entry.mode),
            Content::Link(target) => {
                if target.is_empty() || target.chars().any(char::is_control) {
                    return Err(wrong("is a link that leads nowhere"));
                }
                (Kind::Link(target), LINK_MODE)
            }
            Content::Folder => (Kind::OwnFolder, entry.mode),
        };
        match items.insert(path, Item { path, mode, kind }) {
            None => {}
            Some(Item { kind: Kind::Folder, .. }) if kind == Kind::OwnFolder => {}
            Some(_) => return Err(wrong("is there twice")),
        }
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        for folder in above {
            let item = Item { path: folder, mode: FOLDER_MODE, kind: Kind::Folder };
            let there = items.entry(folder).or_insert(item);
            if !there.is_folder() {
                return Err(wrong("lies below a path that is not a folder"));
            }
        }
    }
    total("the files", items.values().map(Item::size))?;
    Ok(items.into_values().collect())
}

/// The sum of sizes, as all formats can hold it.
///
/// # Errors
/// If it is 4 GiB or more.
pub fn total(what: &'static str, sizes: impl IntoIterator<Item = u64>) -> Result<u32, Error> {
    let size = sizes.into_iter().fold(0, u64::saturating_add);
    u32::try_from(size).map_err(|_| Error::Size { what, size })
}

fn check(path: &str) -> Result<(), &'static str> {
    if path.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    for part in path.split('/') {
        match part {
            "" => return Err("begins or ends with a slash, or has two in a row"),
            "." | ".." => return Err("holds . or .. as a part"),
            _ if part.len() > NAME_MAX => return Err("has a part of more than 255 bytes"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Entry {
        Entry { path: path.to_owned(), mode: 0o644, content: Content::File(b"x".to_vec()) }
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let entries = [file("usr/lib/a/b"), file("usr/lib/a.d"), file("etc/x")];
        let paths: Vec<_> = layout(&entries).unwrap().iter().map(|item| item.path).collect();
        assert_eq!(paths, ["etc", "etc/x", "usr", "usr/lib", "usr/lib/a", "usr/lib/a.d", "usr/lib/a/b"]);
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in ["", "/usr", "usr/", "usr//x", "usr/../x", "./x", "..", "a\nb", &"x".repeat(256)] {
            assert!(layout(&[file(path)]).is_err(), "{path:?}");
        }
        let link = |target: &str| Entry { content: Content::Link(target.to_owned()), ..file("usr/x") };
        assert!(layout(&[link("../y")]).is_ok());
        assert!(layout(&[link("")]).is_err());
        assert!(layout(&[link("a\nb")]).is_err());
        assert!(layout(&[file("a"), file("a")]).is_err());
        assert!(layout(&[file("a"), file("a/b")]).is_err());
        assert!(layout(&[file("a/b"), file("a")]).is_err());
        let own = |path| Entry { mode: 0o750, content: Content::Folder, ..file(path) };
        for entries in [[own("a"), file("a/b")], [file("a/b"), own("a")]] {
            let items = layout(&entries).unwrap();
            assert_eq!((items[0].kind, items[0].mode), (Kind::OwnFolder, 0o750));
        }
        assert!(layout(&[own("a"), own("a")]).is_err());
        assert!(layout(&[Entry { mode: 0o100_644, ..file("a") }]).is_err());
    }

    #[test]
    fn four_gibibytes_are_too_many() {
        assert_eq!(total("x", [u64::from(u32::MAX) - 1, 1]), Ok(u32::MAX));
        assert!(total("x", [u64::from(u32::MAX), 1]).is_err());
        assert!(total("x", [u64::MAX, u64::MAX]).is_err());
    }
}
