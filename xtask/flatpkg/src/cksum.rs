//! The checksum of POSIX `cksum`, which a Bom records for each file.
//!
//! Must not know: what it is computed for. It is CRC-32 with the polynomial
//! 0x04C11DB7, most significant bit first, from 0, over the content and then the
//! content's length (least significant byte first, as few bytes as it takes),
//! complemented. Source: POSIX.1-2024, `cksum`.

/// How many bytes are turned at a time; small enough to stay in the cache.
const CHUNK: usize = 4096;

/// A running checksum.
///
/// The CRC of gzip has the same polynomial with the bits of everything in
/// reverse, and a fast implementation. So the bytes' bits are turned around on
/// the way in and the result's on the way out.
#[derive(Debug, Clone)]
pub struct Cksum {
    hasher: crc32fast::Hasher,
    length: u64,
}

impl Default for Cksum {
    fn default() -> Self {
        // That CRC starts from all ones where this one starts from zero.
        Self { hasher: crc32fast::Hasher::new_with_initial(u32::MAX), length: 0 }
    }
}

impl Cksum {
    /// Adds content.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut turned = [0; CHUNK];
        for chunk in bytes.chunks(CHUNK) {
            for (to, from) in turned.iter_mut().zip(chunk) {
                *to = from.reverse_bits();
            }
            self.hasher.update(&turned[..chunk.len()]);
        }
        self.length += bytes.len() as u64;
    }

    /// The checksum of all content added.
    pub fn finish(mut self) -> u32 {
        let mut length = self.length;
        while length > 0 {
            self.hasher.update(&[((length & 0xff) as u8).reverse_bits()]);
            length >>= 8;
        }
        self.hasher.finalize().reverse_bits()
    }
}

/// The checksum of bytes in memory.
pub fn cksum(bytes: &[u8]) -> u32 {
    let mut state = Cksum::default();
    state.update(bytes);
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values printed by GNU coreutils' `cksum`.
    #[test]
    fn agrees_with_coreutils() {
        assert_eq!(cksum(b""), 4294967295);
        assert_eq!(cksum(b"123456789"), 930766865);
        assert_eq!(cksum(&[0; 256]), 4215202376);
    }

    #[test]
    fn parts_make_the_whole() {
        let bytes: Vec<u8> = (0..10_000u32).map(|index| (index % 251) as u8).collect();
        let mut parts = Cksum::default();
        bytes.chunks(777).for_each(|part| parts.update(part));
        assert_eq!(parts.finish(), cksum(&bytes));
    }
}
