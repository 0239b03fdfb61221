//! Digests, in the form that packages have them: hexadecimal.
//!
//! Must not know: what they are of.

use std::fmt;
use std::fmt::Write as _;
use std::io::{self, Read};

use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// What makes a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// A digest that is being made.
#[derive(Debug, Clone)]
pub enum Hasher {
    /// MD5.
    Md5(Md5),
    /// SHA-1.
    Sha1(Sha1),
    /// SHA-224.
    Sha224(Sha224),
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-384.
    Sha384(Sha384),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// Of nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(md5::Digest::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Digest::new()),
            Algorithm::Sha224 => Self::Sha224(sha2::Digest::new()),
            Algorithm::Sha256 => Self::Sha256(sha2::Digest::new()),
            Algorithm::Sha384 => Self::Sha384(sha2::Digest::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Digest::new()),
        }
    }

    /// Takes bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => md5::Digest::update(hasher, bytes),
            Self::Sha1(hasher) => sha1::Digest::update(hasher, bytes),
            Self::Sha224(hasher) => sha2::Digest::update(hasher, bytes),
            Self::Sha256(hasher) => sha2::Digest::update(hasher, bytes),
            Self::Sha384(hasher) => sha2::Digest::update(hasher, bytes),
            Self::Sha512(hasher) => sha2::Digest::update(hasher, bytes),
        }
    }

    /// The digest in hexadecimal digits.
    pub fn finish(self) -> String {
        match self {
            Self::Md5(hasher) => hex(&md5::Digest::finalize(hasher)),
            Self::Sha1(hasher) => hex(&sha1::Digest::finalize(hasher)),
            Self::Sha224(hasher) => hex(&sha2::Digest::finalize(hasher)),
            Self::Sha256(hasher) => hex(&sha2::Digest::finalize(hasher)),
            Self::Sha384(hasher) => hex(&sha2::Digest::finalize(hasher)),
            Self::Sha512(hasher) => hex(&sha2::Digest::finalize(hasher)),
        }
    }
}

fn of(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// MD5: no proof of anything, and what dpkg and pacman look for.
pub fn md5(bytes: &[u8]) -> String {
    of(Algorithm::Md5, bytes)
}

/// SHA-1, for rpm before 4.14.
pub fn sha1(bytes: &[u8]) -> String {
    of(Algorithm::Sha1, bytes)
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    of(Algorithm::Sha256, bytes)
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Makes digests of what is read, and counts it.
#[derive(Debug)]
pub struct Hashing<R> {
    inner: R,
    hashers: Vec<Hasher>,
    /// How many bytes were read.
    pub length: u64,
}

impl<R> Hashing<R> {
    /// With digests that may have begun before.
    pub fn new(inner: R, hashers: Vec<Hasher>) -> Self {
        Self { inner, hashers, length: 0 }
    }

    /// The digests, how many bytes were read, and the input.
    pub fn finish(self) -> (Vec<String>, u64, R) {
        (self.hashers.into_iter().map(Hasher::finish).collect(), self.length, self.inner)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.length += count as u64;
        self.hashers.iter_mut().for_each(|hasher| hasher.update(&buffer[..count]));
        Ok(count)
    }
}
