//! The archive: header, table of contents, members, heap and what follows it.
//! Inputs are whole archives, or a plain table of contents and a heap.

#![no_main]

use std::io::{Cursor, Read};

use flatpkg::product::PackageFacts;
use flatpkg::xar::Archive;
use flatpkg::xar::ticket;
use libfuzzer_sys::{Corpus, fuzz_target};
use lima_autostart_fuzz::{sections, xar_of_plain};

/// How much of anything is read.
const LIMIT: u64 = 1 << 16;

fuzz_target!(|data: &[u8]| -> Corpus {
    let mut input = Cursor::new(match *sections(data) {
        [toc, heap] => xar_of_plain(toc, heap),
        _ => data.to_vec(),
    });
    let Ok(archive) = Archive::read(&mut input) else { return Corpus::Keep };
    for (path, file) in archive.files() {
        // A name with a slash in it can hide a path.
        if !file.name().contains('/') {
            let _ = archive.find(&path);
        }
        let Some(data) = &file.data else { continue };
        if let Ok(reader) = archive.open(&mut input, &path, data) {
            let _ = reader.take(LIMIT).read_to_end(&mut Vec::new());
        }
        if let Ok(content) = archive.content(&mut input, &path, data, LIMIT) {
            assert!(content.len() as u64 <= LIMIT);
        }
    }
    for signature in &archive.toc.signatures {
        if let Ok(slot) = archive.heap(&mut input, "a slot", signature.offset, signature.size, LIMIT) {
            assert_eq!(slot.len() as u64, signature.size);
        }
    }
    let _ = archive.heap_findings(&mut input);
    let end = archive.heap_end();
    let _ = archive.duplicate_paths();
    if let Ok(trailer) = archive.trailer(&mut input, LIMIT) {
        assert_eq!(
            trailer.len() as u64,
            archive.file_len.saturating_sub(archive.heap_start.saturating_add(end))
        );
        if let Some(last) = trailer.last_chunk() {
            let _ = ticket::framed_len(last);
        }
        let _ = ticket::read(&trailer);
    }
    let _ = PackageFacts::read(&mut input);
    Corpus::Keep
});
