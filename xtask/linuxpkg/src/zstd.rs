//! zstd in memory.
//!
//! Must not know: what is compressed.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Compressed as one frame with its checksum. ruzstd knows one level.
pub fn zstd(plain: &[u8]) -> Vec<u8> {
    compress_to_vec(plain, CompressionLevel::Fastest)
}
