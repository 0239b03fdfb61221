//! A component's payload as it lies in a package, packed in any way and in any of cpio's
//! formats: paths come out in one form, and what is skipped and what is read come to the
//! same findings.

#![no_main]

use std::io::{Cursor, Read};

use flatpkg::findings::Findings;
use flatpkg::payload::{self, PayloadEntry};
use flatpkg::xar::Archive;
use libfuzzer_sys::fuzz_target;
use lima_autostart_fuzz::xar_of_plain;

/// Most bytes that are unpacked.
const LIMIT: u64 = 1 << 20;

fn walk(archive: &Archive, input: &mut Cursor<Vec<u8>>, read: bool) -> Option<(Vec<PayloadEntry>, Findings)> {
    archive.budget.restart();
    let data = archive.find("Payload")?.data.clone()?;
    let mut reader = payload::open(archive, input, "Payload", &data).ok()?;
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().ok()? {
        assert!(entry.path == "." || !entry.path.is_empty());
        if let Some(inner) = entry.path.strip_prefix("./").filter(|inner| !inner.contains("..")) {
            assert!(!inner.starts_with('/'));
        }
        if read {
            let mut content = Vec::new();
            let length = reader.read_to_end(&mut content).ok()?;
            assert_eq!(length as u64, entry.header.size);
        }
        entries.push(entry);
    }
    let (_, findings) = reader.finish().ok()?;
    Some((entries, findings))
}

fuzz_target!(|data: &[u8]| {
    let length = data.len();
    let toc = format!(
        "<xar><toc><checksum style=\"sha1\"><offset>0</offset><size>20</size></checksum><file id=\"1\">\
         <name>Payload</name><type>file</type><data><length>{length}</length><size>{length}</size>\
         <offset>20</offset></data></file></toc></xar>"
    );
    let mut input = Cursor::new(xar_of_plain(toc.as_bytes(), &[&[0; 20], data].concat()));
    let archive = Archive::read(&mut input).expect("an archive");
    archive.budget.set_limit(LIMIT);
    assert_eq!(walk(&archive, &mut input, false), walk(&archive, &mut input, true));
});
