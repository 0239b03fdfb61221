//! gzip, written on all cores, as one member.
//!
//! Must not know: what is compressed. One member, because what Apple's reader
//! makes of a second one is unknown. The blocks' size is fixed, so the bytes do
//! not depend on the number of threads:
//!
//! ```text
//! header   1f 8b, method 8, flags 0, time 0 (4 bytes), extra flags 0, system 3 (Unix)
//! blocks   raw deflate of each 128 KiB, with the 32 KiB before it as dictionary,
//!          ending at a byte boundary (sync flush), one after the other; stored as they
//!          are (RFC 1951, 3.2.4), where a try says that they are compressed already
//! end      03 00: an empty final block
//! trailer  CRC-32 of the content, its length modulo 2^32, both little-endian
//! ```
//!
//! Sources: RFC 1951, RFC 1952; the way of the blocks is that of `pigz`.

mod read;
mod write;

pub use read::{Decoder, MemberFacts};
pub use write::{Totals, compress};

/// Bytes that do not compress, the same each time.
#[cfg(test)]
pub(crate) fn tests_noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
