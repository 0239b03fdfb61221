//! A package's size and digests, of the whole and of its parts, in one pass.
//!
//! Must not know: where the bytes come from.

use std::io::{self, Write};
use std::num::NonZeroU64;

use sha2::{Digest, Sha256};

use crate::digest::hex;

/// The length of the parts of which a manifest lists digests. 10 MiB is what
/// Apple's own manifests have had since those lists were of MD5.
pub const CHUNK_SIZE: u64 = 10 << 20;

/// A file's size and digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the whole, hexadecimal.
    pub sha256: String,
    /// SHA-256 of each part, hexadecimal; the last one may be shorter.
    pub chunks: Vec<String>,
}

/// Computes [`Sums`] of what is written to it.
#[derive(Debug, Clone)]
pub struct Digester {
    chunk_size: u64,
    size: u64,
    whole: Sha256,
    chunk: Sha256,
    chunks: Vec<String>,
}

impl Digester {
    /// With parts of [`CHUNK_SIZE`].
    pub fn new() -> Self {
        Self::with_chunks_of(NonZeroU64::new(CHUNK_SIZE).expect("it is not zero"))
    }

    /// With parts of another length.
    pub fn with_chunks_of(length: NonZeroU64) -> Self {
        Self {
            chunk_size: length.get(),
            size: 0,
            whole: Sha256::new(),
            chunk: Sha256::new(),
            chunks: Vec::new(),
        }
    }

    /// The sums of everything that was written.
    pub fn finish(mut self) -> Sums {
        if !self.size.is_multiple_of(self.chunk_size) {
            self.chunks.push(hex(self.chunk.finalize()));
        }
        Sums { size: self.size, sha256: hex(self.whole.finalize()), chunks: self.chunks }
    }
}

impl Default for Digester {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.whole.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.chunk_size - self.size % self.chunk_size;
            let taken = rest.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let (part, behind) = rest.split_at(taken);
            self.chunk.update(part);
            self.size += taken as u64;
            if self.size.is_multiple_of(self.chunk_size) {
                self.chunks.push(hex(self.chunk.finalize_reset()));
            }
            rest = behind;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(bytes: &[u8], chunk: u64, step: usize) -> Sums {
        let mut digester = Digester::with_chunks_of(NonZeroU64::new(chunk).unwrap());
        bytes.chunks(step).for_each(|part| digester.write_all(part).unwrap());
        digester.finish()
    }

    #[test]
    fn parts_are_digested_however_they_are_written() {
        let bytes: Vec<u8> = (0..100).collect();
        for length in [0, 1, 9, 10, 11, 20, 99, 100] {
            let bytes = &bytes[..length];
            let expected = Sums {
                size: length as u64,
                sha256: hex(Sha256::digest(bytes)),
                chunks: bytes.chunks(10).map(|part| hex(Sha256::digest(part))).collect(),
            };
            for step in [1, 3, 10, 25, 100] {
                assert_eq!(sums(bytes, 10, step), expected, "{length} bytes, {step} at a time");
            }
        }
        assert_eq!(sums(&bytes, 200, 7).chunks, [sums(&bytes, 200, 7).sha256]);
    }
}
