//! A member's content as a stream.
//!
//! Must not know: what members are for. What libxar writes as `style` of `encoding`:
//!
//! ```text
//! application/octet-stream, none   as it is
//! application/x-gzip               zlib, whatever the name says
//! application/x-bzip2              bzip2
//! application/x-lzma               lzma; xz in some
//! application/x-xz                 xz; lzma in some
//! ```

use std::io::{self, Read, Seek, Take};

use super::XarReadError;
use super::facts::TocData;
use crate::unpack::{Behind, Budget, Input, Packing, Unpacker};

/// Whether a member is stored as it is.
pub fn is_stored(data: &TocData) -> bool {
    matches!(data.encoding.as_deref(), None | Some("application/octet-stream" | "none" | ""))
}

/// A member's decoded content.
pub struct MemberReader<'input, R: Read>(Content<'input, R>);

enum Content<'input, R: Read> {
    /// As it is in the heap.
    Stored(Take<&'input mut R>),
    /// Through a decoder.
    Packed(Box<Unpacker<Input<Take<&'input mut R>>>>),
}

impl<'input, R: Read + Seek> MemberReader<'input, R> {
    pub(super) fn new(
        stored: Take<&'input mut R>,
        what: &str,
        data: &TocData,
        budget: &Budget,
    ) -> Result<Self, XarReadError> {
        if is_stored(data) {
            return Ok(Self(Content::Stored(stored)));
        }
        let failed = |source| XarReadError::Read { what: what.to_owned(), source };
        let mut input = Input::new(stored);
        let is_xz = input.peek(6).map_err(failed)?.starts_with(b"\xfd7zXZ");
        let packing = match data.encoding.as_deref().unwrap_or_default() {
            "application/x-gzip" => Packing::Zlib,
            "application/x-bzip2" => Packing::Bzip2,
            "application/x-lzma" | "application/x-xz" if is_xz => Packing::Xz,
            "application/x-lzma" | "application/x-xz" => Packing::Lzma,
            other => {
                let encoding = other.to_owned();
                return Err(XarReadError::Encoding { what: what.to_owned(), encoding });
            }
        };
        let unpacker = Unpacker::one(input, packing, budget.clone()).map_err(failed)?;
        Ok(Self(Content::Packed(Box::new(unpacker))))
    }
}

impl<R: Read> MemberReader<'_, R> {
    /// What is behind the packed content within the member's place: something can hide
    /// there. Only after the content was read to its end.
    ///
    /// # Errors
    /// What the input reports.
    pub fn finish(self) -> io::Result<Behind> {
        match self.0 {
            Content::Stored(_) => Ok(Behind::default()),
            Content::Packed(unpacker) => Ok(unpacker.finish()?.0),
        }
    }
}

impl<R: Read> Read for MemberReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Content::Stored(stored) => stored.read(buffer),
            Content::Packed(packed) => packed.read(buffer),
        }
    }
}
