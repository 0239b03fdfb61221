//! The licence's text as RPM and Arch have it, in `/usr/share/licenses`.
//!
//! Must not know: archives.

use crate::package::{Content, Entry, Package};

/// The folder of a package's licences and the file in it.
pub fn entries(package: &Package) -> [Entry; 2] {
    let folder = format!("usr/share/licenses/{}", package.name);
    let holders = package.copyright.holders.iter().map(|holder| format!("Copyright (c) {holder}\n"));
    let text = format!("{}\n{}\n", holders.collect::<String>(), package.copyright.text.trim_end());
    [
        Entry { path: folder.clone(), mode: 0o755, content: Content::Folder },
        Entry { path: format!("{folder}/LICENSE"), mode: 0o644, content: Content::File(text.into_bytes()) },
    ]
}
