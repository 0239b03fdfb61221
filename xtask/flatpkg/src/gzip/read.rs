//! Decompresses the first member of a gzip stream, and says what its header says.
//!
//! Must not know: how long the content may be; who reads sets the limit.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// What a member's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberFacts {
    /// The file's name, if there is one.
    pub file_name: Option<Vec<u8>>,
    /// The modification time in seconds since 1970; 0 for none.
    pub mtime: u32,
    /// The operating system's number; 3 is Unix.
    pub operating_system: u8,
}

/// Gives the content of the first member.
#[derive(Debug)]
pub struct Decoder<R> {
    inner: GzDecoder<BufReader<R>>,
}

impl<R: Read> Decoder<R> {
    /// Reads from the stream's start.
    pub fn new(input: R) -> Self {
        Self { inner: GzDecoder::new(BufReader::new(input)) }
    }

    /// What the header says, or `None` if it is not one.
    pub fn facts(&self) -> Option<MemberFacts> {
        let header = self.inner.header()?;
        Some(MemberFacts {
            file_name: header.filename().map(<[u8]>::to_vec),
            mtime: header.mtime(),
            operating_system: header.operating_system(),
        })
    }

    /// Whether anything follows the member, such as a second one. Only after the
    /// content was read to its end.
    ///
    /// # Errors
    /// What the input reports.
    pub fn has_more(self) -> io::Result<bool> {
        Ok(!self.inner.into_inner().fill_buf()?.is_empty())
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(content: &[u8]) -> Vec<u8> {
        let mut rest = content;
        let mut out = Vec::new();
        crate::gzip::compress(
            |buffer| rest.read(buffer),
            |bytes| {
                out.extend_from_slice(bytes);
                Ok(())
            },
        )
        .unwrap();
        out
    }

    #[test]
    fn content_header_and_what_follows() {
        let one = compressed(b"content");
        for (bytes, more) in [(one.clone(), false), ([one.clone(), one.clone()].concat(), true)] {
            let mut decoder = Decoder::new(bytes.as_slice());
            let mut content = Vec::new();
            decoder.read_to_end(&mut content).unwrap();
            assert_eq!(content, b"content");
            let expected = MemberFacts { file_name: None, mtime: 0, operating_system: 3 };
            assert_eq!(decoder.facts(), Some(expected));
            assert_eq!(decoder.has_more().unwrap(), more);
        }
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = compressed(b"content");
        for length in 0..bytes.len() {
            assert!(Decoder::new(&bytes[..length]).read_to_end(&mut Vec::new()).is_err(), "{length}");
        }
        let mut wrong_checksum = bytes;
        let position = wrong_checksum.len() - 8;
        wrong_checksum[position] ^= 1;
        assert!(Decoder::new(wrong_checksum.as_slice()).read_to_end(&mut Vec::new()).is_err());
    }
}
