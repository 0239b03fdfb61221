//! The archives inside a package, plain or, where the input begins as gzip,
//! compressed. What is skipped and what is read must come to the same, in
//! pieces of any size.

#![no_main]

use std::io::Read;

use flatpkg::cpio::{ArchiveReader, EntryFacts, Rest};
use flatpkg::gzip::Decoder;
use libfuzzer_sys::fuzz_target;
use lima_autostart_fuzz::Pieces;

/// Most bytes that are unpacked.
const LIMIT: u64 = 1 << 20;

/// All entries, and what follows the trailer or what went wrong.
fn walk<R: Read>(input: R, read_contents: bool) -> (Vec<EntryFacts>, Result<Rest, String>) {
    let mut reader = ArchiveReader::new(input);
    let mut entries = Vec::new();
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) => {
                if read_contents {
                    let mut content = Vec::new();
                    if let Ok(length) = reader.read_to_end(&mut content) {
                        assert_eq!(length as u64, entry.header.size);
                    }
                }
                entries.push(entry);
            }
            Ok(None) => return (entries, reader.rest().map_err(|error| error.to_string())),
            Err(error) => return (entries, Err(error.to_string())),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    if data.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = Decoder::new(data);
        let _ = walk(Read::take(&mut decoder, LIMIT), true);
        let _ = decoder.facts();
        let _ = decoder.has_more();
        return;
    }
    let read = walk(data, true);
    assert_eq!(read, walk(data, false));
    assert_eq!(read, walk(Pieces(data, 7), true));
});
