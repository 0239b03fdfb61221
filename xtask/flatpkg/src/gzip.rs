//! gzip, written on all cores, as one member.
//!
//! Must not know: what is compressed. One member, because what Apple's reader
//! makes of a second one is unknown. The blocks' size is fixed, so the bytes do
//! not depend on the number of threads:
//!
//! ```text
//! header   1f 8b, method 8, flags 0, time 0 (4 bytes), extra flags 0, system 3 (Unix)
//! blocks   raw deflate of each 128 KiB, with the 32 KiB before it as dictionary,
//!          ending at a byte boundary (sync flush), one after the other
//! end      03 00: an empty final block
//! trailer  CRC-32 of the content, its length modulo 2^32, both little-endian
//! ```
//!
//! Sources: RFC 1951, RFC 1952; the way of the blocks is that of `pigz`.

use flate2::{Compress, Compression, FlushCompress, Status};
use rayon::prelude::*;

/// How much is compressed at a time. Smaller costs compression, larger memory.
const BLOCK: usize = 128 * 1024;

/// How far back deflate refers, hence how much of a dictionary is of use.
const WINDOW: usize = 32 * 1024;

/// How many blocks are read and compressed together. It bounds the memory (two
/// batches of 4 MiB and what becomes of one) and has no influence on the bytes.
const BATCH: usize = 32;

/// zlib's default level, which Apple's tools use.
const LEVEL: u32 = 6;

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
const FINAL_BLOCK: [u8; 2] = [3, 0];

/// Lengths of what went in and what came out, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Before compression.
    pub plain: u64,
    /// After.
    pub compressed: u64,
}

/// Compresses what `read` gives, until it gives 0, and hands it to `write`. The
/// next batch is read while the current one is compressed.
///
/// # Errors
/// The first error of `read` or `write`, as it is.
pub fn compress<E: Send>(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, E> + Send,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Totals, E> {
    let mut totals = Totals { plain: 0, compressed: 0 };
    let mut emit = |bytes: &[u8]| {
        totals.compressed += bytes.len() as u64;
        write(bytes)
    };
    let mut checksum = crc32fast::Hasher::new();
    emit(&HEADER)?;
    // Each batch starts with the end of the one before, as a dictionary.
    let mut batch = Batch::new();
    let mut next = Batch::new();
    batch.fill(&[], &mut read)?;
    while !batch.content().is_empty() {
        let (blocks, filled) = if batch.is_full() {
            rayon::join(|| batch.compress(), || next.fill(batch.last_window(), &mut read))
        } else {
            // What did not fill was the end: there is nothing to read meanwhile.
            next.bytes.clear();
            next.dictionary = 0;
            (batch.compress(), Ok(()))
        };
        for (bytes, block_checksum) in blocks {
            emit(&bytes)?;
            checksum.combine(&block_checksum);
        }
        totals.plain += batch.content().len() as u64;
        filled?;
        std::mem::swap(&mut batch, &mut next);
    }
    emit(&FINAL_BLOCK)?;
    emit(&checksum.finalize().to_le_bytes())?;
    emit(&(totals.plain as u32).to_le_bytes())?;
    Ok(totals)
}

/// Up to [`BATCH`] blocks and the dictionary before them, in one piece.
struct Batch {
    bytes: Vec<u8>,
    dictionary: usize,
}

impl Batch {
    fn new() -> Self {
        Self { bytes: Vec::new(), dictionary: 0 }
    }

    fn content(&self) -> &[u8] {
        &self.bytes[self.dictionary..]
    }

    fn is_full(&self) -> bool {
        self.content().len() == BATCH * BLOCK
    }

    /// The dictionary for what comes next.
    fn last_window(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(WINDOW)..]
    }

    fn fill<E>(
        &mut self,
        dictionary: &[u8],
        read: &mut impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.dictionary = dictionary.len();
        self.bytes.clear();
        self.bytes.extend_from_slice(dictionary);
        let full = dictionary.len() + BATCH * BLOCK;
        let mut filled = dictionary.len();
        loop {
            // A block more at a time: most archives are smaller than one, and
            // clearing a batch's memory would take longer than compressing them.
            if filled == self.bytes.len() {
                self.bytes.resize((filled + BLOCK).min(full), 0);
            }
            match read(&mut self.bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
            if filled == full {
                break;
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }

    fn compress(&self) -> Vec<(Vec<u8>, crc32fast::Hasher)> {
        let content = self.content();
        (0..content.len().div_ceil(BLOCK))
            .into_par_iter()
            .map(|index| {
                let start = self.dictionary + index * BLOCK;
                let end = (start + BLOCK).min(self.bytes.len());
                let block = &self.bytes[start..end];
                let mut checksum = crc32fast::Hasher::new();
                checksum.update(block);
                (deflate(block, &self.bytes[start.saturating_sub(WINDOW)..start]), checksum)
            })
            .collect()
    }
}

/// Raw deflate of a block, up to a byte boundary and without an end.
fn deflate(block: &[u8], dictionary: &[u8]) -> Vec<u8> {
    let mut compressor = Compress::new(Compression::new(LEVEL), false);
    if !dictionary.is_empty() {
        compressor
            .set_dictionary(dictionary)
            .expect("a raw deflate stream takes a dictionary before its first byte");
    }
    let mut out = Vec::with_capacity(block.len() / 2 + 1024);
    loop {
        let consumed = compressor.total_in() as usize;
        let status = compressor
            .compress_vec(&block[consumed..], &mut out, FlushCompress::Sync)
            .expect("deflating from memory into memory cannot fail");
        // A flush is complete once it leaves room in the output.
        let complete = compressor.total_in() as usize == block.len() && out.len() < out.capacity();
        if complete || status == Status::StreamEnd {
            return out;
        }
        out.reserve(block.len() / 2 + 1024);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Read;

    use super::*;

    /// Bytes that neither repeat nor are random.
    fn sample(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                b"the quick brown fox jumps "[(state >> 24) as usize % 26]
            })
            .collect()
    }

    /// Compresses, `step` bytes at a time.
    fn compress_bytes(bytes: &[u8], step: usize) -> Vec<u8> {
        let mut rest = bytes;
        let mut out = Vec::new();
        let totals = compress::<Infallible>(
            |buffer| {
                let count = buffer.len().min(rest.len()).min(step);
                buffer[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                Ok(count)
            },
            |part| {
                out.extend_from_slice(part);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(totals, Totals { plain: bytes.len() as u64, compressed: out.len() as u64 });
        out
    }

    fn with_threads(threads: usize, work: impl FnOnce() -> Vec<u8> + Send) -> Vec<u8> {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn one_member_holds_it_all_at_every_boundary() {
        for length in
            [0, 1, WINDOW, BLOCK - 1, BLOCK, BLOCK + 1, BATCH * BLOCK, BATCH * BLOCK + 1, 2 * BATCH * BLOCK]
        {
            let plain = sample(length);
            let compressed = compress_bytes(&plain, usize::MAX);
            let mut decoder = flate2::bufread::GzDecoder::new(compressed.as_slice());
            let mut read_back = Vec::new();
            decoder.read_to_end(&mut read_back).unwrap();
            assert!(read_back == plain, "{length} bytes");
            assert!(decoder.into_inner().is_empty(), "a second member after {length} bytes");
        }
    }

    #[test]
    fn the_header_names_no_time_and_unix() {
        let compressed = compress_bytes(b"x", 1);
        assert_eq!(compressed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn bytes_depend_neither_on_threads_nor_on_how_much_is_read_at_a_time() {
        let plain = sample(BATCH * BLOCK + 3 * BLOCK + 17);
        let one = with_threads(1, || compress_bytes(&plain, usize::MAX));
        assert!(one == with_threads(5, || compress_bytes(&plain, usize::MAX)));
        assert!(one == with_threads(3, || compress_bytes(&plain, 4093)));
    }

    #[test]
    fn content_that_does_not_compress_survives() {
        let mut state = 7u64;
        let plain: Vec<u8> = (0..3 * BLOCK)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        let compressed = compress_bytes(&plain, usize::MAX);
        let mut read_back = Vec::new();
        flate2::bufread::GzDecoder::new(compressed.as_slice()).read_to_end(&mut read_back).unwrap();
        assert!(read_back == plain);
    }
}
