//! Digests, in the form that packages have them: hexadecimal.
//!
//! Must not know: what they are of.

use std::fmt::Write as _;

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// MD5: no proof of anything, and what dpkg and pacman look for.
pub fn md5(bytes: &[u8]) -> String {
    hex(&<md5::Md5 as md5::Digest>::digest(bytes))
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&<sha2::Sha256 as sha2::Digest>::digest(bytes))
}

/// SHA-1, for rpm before 4.14.
pub fn sha1(bytes: &[u8]) -> String {
    hex(&<sha1::Sha1 as sha1::Digest>::digest(bytes))
}
