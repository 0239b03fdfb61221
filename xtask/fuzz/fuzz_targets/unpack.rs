//! Whatever a member or a payload is packed with. What is unpacked must be the same in
//! pieces of any size, and no more than the budget.
//!
//! The first byte chooses a packing or, as for payloads, has it found out.

#![no_main]

use std::io::Read;

use flatpkg::unpack::{Behind, Budget, Packing, Unpacker};
use libfuzzer_sys::fuzz_target;
use lima_autostart_fuzz::Pieces;

/// Most bytes that are unpacked.
const LIMIT: u64 = 1 << 20;

/// What came out, and how it ended.
fn unpacked<R: Read>(input: R, choice: u8, piece: usize) -> (Vec<u8>, Option<Behind>) {
    let budget = Budget::new(LIMIT);
    let unpacker = match choice % 6 {
        0 => Unpacker::detect(input, budget),
        1 => Unpacker::one(input, Packing::Gzip, budget),
        2 => Unpacker::one(input, Packing::Zlib, budget),
        3 => Unpacker::one(input, Packing::Bzip2, budget),
        4 => Unpacker::one(input, Packing::Xz, budget),
        _ => Unpacker::one(input, Packing::Lzma, budget),
    };
    let Ok(mut unpacker) = unpacker else { return (Vec::new(), None) };
    let mut content = Vec::new();
    let mut buffer = vec![0; piece];
    loop {
        match unpacker.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => content.extend_from_slice(&buffer[..count]),
            // How much is there before an error depends on the pieces.
            Err(_) => return (Vec::new(), None),
        }
    }
    assert!(unpacker.packing() == Packing::None || content.len() as u64 <= LIMIT);
    assert!(unpacker.last_stream() <= content.len() as u64);
    (content, unpacker.finish().ok().map(|(behind, _)| behind))
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let whole = unpacked(data, *choice, 1 << 16);
    assert_eq!(whole, unpacked(Pieces(data, 7), *choice, 1 << 16));
    assert_eq!(whole, unpacked(data, *choice, 97));
});
