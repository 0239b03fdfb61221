//! The digests that code directories name.

use sha2::Digest as _;

/// Kind of a digest, the worse before the better ones. Source: xnu, `osfmk/kern/cs_blobs.h`, `CS_HASHTYPE_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashType {
    /// SHA-1: 20 bytes.
    Sha1,
    /// The first 20 bytes of SHA-256.
    Sha256Truncated,
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-384: 48 bytes.
    Sha384,
}

impl HashType {
    /// The one with this number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Sha1),
            2 => Some(Self::Sha256),
            3 => Some(Self::Sha256Truncated),
            4 => Some(Self::Sha384),
            _ => None,
        }
    }

    /// Its number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha256Truncated => 3,
            Self::Sha384 => 4,
        }
    }

    /// Length of its digests.
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha256Truncated => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// Its name, as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha256Truncated => "SHA-256, truncated",
            Self::Sha384 => "SHA-384",
        }
    }

    /// The digest of `data`.
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => <sha1::Sha1 as sha1::Digest>::digest(data).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(data).to_vec(),
            Self::Sha256Truncated => sha2::Sha256::digest(data)[..20].to_vec(),
            Self::Sha384 => sha2::Sha384::digest(data).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_agree() {
        for number in 0..=u8::MAX {
            if let Some(hash) = HashType::of(number) {
                assert_eq!(hash.number(), number);
                assert_eq!(hash.digest(b"").len(), hash.size());
            }
        }
    }
}
