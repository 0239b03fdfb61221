//! gzip in memory.
//!
//! Must not know: what is compressed.

use std::io::Write;

use flate2::{Compression, GzBuilder};

/// Unix, in a gzip header.
const UNIX: u8 = 3;

/// Compressed as well as it goes, as one member without time and name.
pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new()
        .operating_system(UNIX)
        .write(Vec::with_capacity(plain.len() / 4 + 64), Compression::best());
    encoder
        .write_all(plain)
        .and_then(|()| encoder.finish())
        .expect("compressing from memory into memory cannot fail")
}
