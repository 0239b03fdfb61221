//! Compression in memory.
//!
//! Must not know: what is compressed, gzip. Each stream has a compressor of its
//! own: one that is used again after a reset would save time, but with zlib-rs 0.6
//! what it writes depends on what it wrote before.

use flate2::{Compress, Compression, FlushCompress, Status};

/// zlib's default level, which Apple's tools use.
const LEVEL: u32 = 6;

/// Raw deflate of a block, up to a byte boundary and without an end. It may refer to
/// `dictionary`, which was before it.
pub(crate) fn block(block: &[u8], dictionary: &[u8]) -> Vec<u8> {
    let mut compressor = Compress::new(Compression::new(LEVEL), false);
    if !dictionary.is_empty() {
        compressor
            .set_dictionary(dictionary)
            .expect("a raw deflate stream takes a dictionary before its first byte");
    }
    run(compressor, block, FlushCompress::Sync)
}

/// How much is tried before a block is taken for compressed already, in pieces from its start,
/// middle and end.
const PIECE: usize = 4096;
/// The most that a stored block holds (RFC 1951, 3.2.4).
const STORED_MAX: usize = 0xffff;

/// Whether a block is compressed already, or random: a try on some of it saves less than a
/// thirtieth. Depends on nothing but the block.
pub(crate) fn is_compressed(block: &[u8]) -> bool {
    if block.len() < 8 * PIECE {
        return false;
    }
    let middle = (block.len() - PIECE) / 2;
    let mut pieces = Vec::with_capacity(3 * PIECE);
    for start in [0, middle, block.len() - PIECE] {
        pieces.extend_from_slice(&block[start..start + PIECE]);
    }
    let tried = run(Compress::new(Compression::fast(), false), &pieces, FlushCompress::Sync);
    tried.len() > pieces.len() - pieces.len() / 30
}

/// Raw deflate of a block as it is, without an end.
pub(crate) fn stored(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() + 5 * block.len().div_ceil(STORED_MAX));
    for part in block.chunks(STORED_MAX) {
        let length = part.len() as u16;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

/// A zlib stream.
pub(crate) fn zlib(plain: &[u8]) -> Vec<u8> {
    run(Compress::new(Compression::new(LEVEL), true), plain, FlushCompress::Finish)
}

fn run(mut compressor: Compress, plain: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() / 2 + 1024);
    loop {
        let consumed = compressor.total_in() as usize;
        let status = compressor
            .compress_vec(&plain[consumed..], &mut out, flush)
            .expect("deflating from memory into memory cannot fail");
        // A flush is complete once it leaves room in the output, a stream once it says so.
        let is_flushed = flush == FlushCompress::Sync
            && compressor.total_in() as usize == plain.len()
            && out.len() < out.capacity();
        if is_flushed || status == Status::StreamEnd {
            return out;
        }
        out.reserve(plain.len() / 2 + 1024);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_stream_does_not_depend_on_the_one_before() {
        let plain: Vec<u8> =
            (0..100_000_u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect();
        let first = zlib(&plain);
        let raw = block(&plain, b"");
        let with_dictionary = block(&plain, &plain[..1000]);
        zlib(b"something else");
        assert!(zlib(&plain) == first && block(&plain, b"") == raw);
        assert!(with_dictionary != raw && block(&plain, &plain[..1000]) == with_dictionary);
        let mut read_back = Vec::new();
        flate2::read::ZlibDecoder::new(first.as_slice()).read_to_end(&mut read_back).unwrap();
        assert!(read_back == plain);
    }

    #[test]
    fn what_is_compressed_is_told_from_what_is_not() {
        let text: Vec<u8> = b"what is compressed already ".repeat(8000);
        let compressed = crate::gzip::tests_noise(200_000);
        assert!(!is_compressed(&text) && is_compressed(&compressed));
        assert!(!is_compressed(&compressed[..1000]), "too little to tell");
        // A part that can be compressed is worth it.
        let mixed = [&compressed[..100_000], &text[..100_000]].concat();
        assert!(!is_compressed(&mixed));
    }

    #[test]
    fn a_stored_block_is_read_back() {
        for length in [0, 1, STORED_MAX, STORED_MAX + 1, 200_000] {
            let plain = crate::gzip::tests_noise(length);
            let stream = [stored(&plain), vec![3, 0]].concat();
            assert!(stream.len() <= length + 2 + 5 * length.div_ceil(STORED_MAX));
            let mut read_back = Vec::new();
            flate2::read::DeflateDecoder::new(stream.as_slice()).read_to_end(&mut read_back).unwrap();
            assert!(read_back == plain);
        }
    }

    #[test]
    fn nothing_is_a_stream_too() {
        let mut read_back = Vec::new();
        flate2::read::ZlibDecoder::new(zlib(b"").as_slice()).read_to_end(&mut read_back).unwrap();
        assert!(read_back.is_empty());
    }
}
