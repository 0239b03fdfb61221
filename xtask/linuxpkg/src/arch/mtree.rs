//! `.MTREE`: every path with its mode, time and sums.
//!
//! ```text
//! #mtree
//! /set type=file uid=0 gid=0 mode=644
//! ./.PKGINFO time=1750000000.0 size=300 md5digest=… sha256digest=…
//! ./usr time=1750000000.0 mode=755 type=dir
//! ./usr/x time=1750000000.0 mode=777 type=link link=y
//! ```
//!
//! Bytes of a path that are no printable ASCII, and blanks, `#`, `=` and `\`, are `\` and
//! three octal digits. pacman before 6.1 takes a file without an MD5 for an altered one.
//!
//! Must not know: archives. Sources: mtree(5), ALPM-MTREE(5).

use crate::digest;
use crate::layout::{Item, Kind};

const DEFAULT_MODE: u32 = 0o644;

/// The file before it is compressed. `first` are the package's own documents.
pub fn mtree<'a>(first: &[(&'a str, &'a [u8])], items: &[Item<'a>], time: u32) -> String {
    let mut text = format!("#mtree\n/set type=file uid=0 gid=0 mode={DEFAULT_MODE:o}\n");
    let document =
        |(path, content): &(&'a str, &'a [u8])| Item { path, mode: DEFAULT_MODE, kind: Kind::File(content) };
    for item in first.iter().map(document).chain(items.iter().copied()) {
        text.push_str(&format!("./{} time={time}.0", quoted(item.path)));
        if item.mode != DEFAULT_MODE {
            text.push_str(&format!(" mode={:o}", item.mode));
        }
        match item.kind {
            Kind::File(content) => text.push_str(&format!(
                " size={} md5digest={} sha256digest={}",
                content.len(),
                digest::md5(content),
                digest::sha256(content)
            )),
            Kind::Link(target) => text.push_str(&format!(" type=link link={}", quoted(target))),
            Kind::Folder | Kind::OwnFolder => text.push_str(" type=dir"),
        }
        text.push('\n');
    }
    text
}

fn quoted(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut text, byte| {
        match byte {
            b'#' | b'=' | b'\\' => text.push_str(&format!("\\{byte:03o}")),
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(quoted("lima@x_1.2-3/y"), "lima@x_1.2-3/y");
        assert_eq!(quoted("a b#c=d\\é"), "a\\040b\\043c\\075d\\134\\303\\251");
    }
}
