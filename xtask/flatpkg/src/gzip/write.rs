//! Compresses on all cores, block by block.
//!
//! Must not know: what is compressed, or where it goes.

use rayon::prelude::*;

use crate::deflate;

/// How much is compressed at a time. Smaller costs compression, larger memory.
const BLOCK: usize = 128 * 1024;

/// How far back deflate refers, hence how much of a dictionary is of use.
const WINDOW: usize = 32 * 1024;

/// How many blocks are read and compressed together. It bounds the memory (two
/// batches of 4 MiB and what becomes of one) and has no influence on the bytes.
const BATCH: usize = 32;

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
            // What did not fill a batch was the end.
            next.clear();
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

    fn clear(&mut self) {
        self.bytes.clear();
        self.dictionary = 0;
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
        while filled < full {
            // A block at a time: most scripts need but one.
            if filled == self.bytes.len() {
                self.bytes.resize(filled + BLOCK, 0);
            }
            match read(&mut self.bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }

    fn compress(&self) -> Vec<(Vec<u8>, crc32fast::Hasher)> {
        let blocks = self.content().len().div_ceil(BLOCK);
        let one = |index: usize| {
            let start = self.dictionary + index * BLOCK;
            let end = (start + BLOCK).min(self.bytes.len());
            let block = &self.bytes[start..end];
            let mut checksum = crc32fast::Hasher::new();
            checksum.update(block);
            // What is compressed already stays as it is. Every block before ended with a byte.
            if deflate::is_compressed(block) {
                return (deflate::stored(block), checksum);
            }
            (deflate::block(block, &self.bytes[start.saturating_sub(WINDOW)..start]), checksum)
        };
        // One block is done before another thread would have woken up.
        if blocks == 1 { vec![one(0)] } else { (0..blocks).into_par_iter().map(one).collect() }
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
