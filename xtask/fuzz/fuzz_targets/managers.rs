//! What device managers read, over a folder with one package: the files that the
//! checks of `verify::managers` look at, each a section of the input.

#![no_main]

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use libfuzzer_sys::fuzz_target;
use lima_autostart_fuzz::managed::{FILES, PACKAGE, package};
use lima_autostart_fuzz::sections;
use xtask::digest::FileDigest;
use xtask::verify::managers::{Folder, checks};

fuzz_target!(|data: &[u8]| {
    let mut contents: BTreeMap<String, &[u8]> = BTreeMap::new();
    for (path, section) in FILES.iter().zip(sections(data)) {
        if !section.is_empty() {
            contents.insert((*path).to_owned(), section);
        }
    }
    let (bytes, sha256) = package();
    contents.insert(PACKAGE.to_owned(), bytes);
    contents.insert("munki/pkgs/lima-autostart/lima-k3s-1.0.0.pkg".to_owned(), bytes);
    let files = contents
        .iter()
        .map(|(path, content)| {
            (path.clone(), FileDigest { size: content.len() as u64, sha256: sha256.clone() })
        })
        .collect();
    let open = |path: &str| match contents.get(path) {
        Some(content) => Ok(Cursor::new(*content)),
        None => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let found = checks(&Folder { files: &files, open: &open });
    assert_eq!(found.len(), 5);
});
