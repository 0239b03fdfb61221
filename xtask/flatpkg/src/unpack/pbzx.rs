//! pbzx, which `pkgbuild --compression latest` writes. Big-endian:
//!
//! ```text
//! "pbzx"  size of a chunk (8), usually 0x1000000
//! chunk   its size unpacked (8), its size packed (8), then an xz stream; where both
//!         sizes are the same, the bytes themselves
//! ```
//!
//! Must not know: what is packed. Sources: packages of Apple's.

use std::io::{self, Read, Take};

use lzma_rust2::XzReader;

use super::{Input, XZ_MEMORY_MAX};

/// The first bytes.
pub const MAGIC: &[u8; 4] = b"pbzx";
/// A chunk's header's length in bytes.
const CHUNK_HEADER_LEN: usize = 16;

/// A chunk that is being read.
pub struct Chunk<R: Read> {
    content: Content<R>,
    /// How many bytes it still has to give.
    left: u64,
    /// The size of a chunk as stated; the last may be smaller.
    size: u64,
}

enum Content<R: Read> {
    Stored(Take<Input<R>>),
    Xz(Box<XzReader<Take<Input<R>>>>),
}

fn wrong(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("pbzx: {}", reason.into()))
}

/// Takes the header before all chunks and gives a chunk's size.
pub fn start<R: Read>(input: &mut Input<R>) -> io::Result<u64> {
    let mut header = [0; 12];
    input.read_exact(&mut header)?;
    let rest = header.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk());
    rest.map(|size| u64::from_be_bytes(*size)).ok_or_else(|| wrong("it does not start as one"))
}

impl<R: Read> Chunk<R> {
    /// Before the first chunk.
    pub fn idle(input: Input<R>, size: u64) -> Self {
        Self { content: Content::Stored(input.take(0)), left: 0, size }
    }

    /// The chunk after this one, which was read to its end; or the input, at its end.
    pub fn next(self) -> io::Result<Result<Self, Input<R>>> {
        let size = self.size;
        let mut rest = match self.content {
            Content::Stored(rest) => rest,
            Content::Xz(mut xz) => {
                if self.left > 0 || xz.read(&mut [0])? > 0 {
                    return Err(wrong("a chunk does not have the size that it says"));
                }
                xz.into_inner()
            }
        };
        if rest.limit() > 0 {
            return Err(wrong(format!("{} bytes are behind a chunk's stream", rest.limit())));
        }
        rest.set_limit(0);
        let mut input = rest.into_inner();
        if input.peek(CHUNK_HEADER_LEN)?.is_empty() {
            return Ok(Err(input));
        }
        let mut header = [0; CHUNK_HEADER_LEN];
        input.read_exact(&mut header)?;
        let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|index| header[at + index]));
        let (unpacked, packed) = (number(0), number(8));
        if unpacked > size || packed > unpacked {
            return Err(wrong(format!("a chunk of {unpacked} bytes in {packed}, where {size} is the most")));
        }
        let content = input.take(packed);
        let content = if unpacked == packed {
            Content::Stored(content)
        } else {
            Content::Xz(Box::new(XzReader::new_mem_limit(content, false, XZ_MEMORY_MAX)))
        };
        Ok(Ok(Self { content, left: unpacked, size }))
    }

    /// The chunk's content.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = match &mut self.content {
            Content::Stored(stored) => stored.read(&mut buffer[..wanted])?,
            Content::Xz(xz) => xz.read(&mut buffer[..wanted])?,
        };
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "pbzx: a chunk ends early"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}
