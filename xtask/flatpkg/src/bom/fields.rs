//! Big-endian numbers and ranges of a Bom, checked against what is there.
//!
//! Must not know: what the numbers mean.

use super::BomReadError;

/// A part of the file that a Bom points to.
pub fn slice(
    bytes: &[u8],
    offset: u32,
    length: u32,
    what: impl FnOnce() -> String,
) -> Result<&[u8], BomReadError> {
    let start = offset as usize;
    let end = start.checked_add(length as usize);
    end.and_then(|end| bytes.get(start..end)).ok_or_else(|| BomReadError::OutOfBounds { what: what() })
}

/// Numbers taken from the front of a piece of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields<'a> {
    /// What was not taken yet.
    pub rest: &'a [u8],
    what: &'static str,
    number: Option<u32>,
}

impl<'a> Fields<'a> {
    pub fn new(rest: &'a [u8], what: &'static str) -> Self {
        Self { rest, what, number: None }
    }

    pub fn of_block(rest: &'a [u8], number: u32) -> Self {
        Self { rest, what: "a block", number: Some(number) }
    }

    /// Past the count, which need not agree with the length: only what is there counts.
    pub fn after_count(mut self) -> Result<Self, BomReadError> {
        self.u32()?;
        Ok(self)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], BomReadError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| {
            let number = self.number.map(|number| format!(" ({number})")).unwrap_or_default();
            BomReadError::OutOfBounds { what: format!("a field of {}{number}", self.what) }
        })?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn u8(&mut self) -> Result<u8, BomReadError> {
        Ok(self.take(1)?[0])
    }

    pub fn u16(&mut self) -> Result<u16, BomReadError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub fn u32(&mut self) -> Result<u32, BomReadError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}
