//! A part of an input, read in pieces at any place of it.

use std::io::{self, Read, Seek, SeekFrom};

/// A window on what can be read and sought in.
pub(crate) struct Input<'a, R> {
    inner: &'a mut R,
    start: u64,
    /// How long the window is.
    pub(crate) length: u64,
}

impl<'a, R: Read + Seek> Input<'a, R> {
    /// All of it.
    pub(crate) fn new(inner: &'a mut R) -> io::Result<Self> {
        let length = inner.seek(SeekFrom::End(0))?;
        Ok(Self { inner, start: 0, length })
    }

    /// A part of it; `None` where it goes beyond the end.
    pub(crate) fn part(&mut self, offset: u64, length: u64) -> Option<Input<'_, R>> {
        let is_inside = offset.checked_add(length).is_some_and(|end| end <= self.length);
        is_inside.then(|| Input { inner: &mut *self.inner, start: self.start + offset, length })
    }

    /// `length` bytes at `offset`; `None` where they are not there, or are more than `most`.
    pub(crate) fn bytes(&mut self, offset: u64, length: u64, most: u64) -> io::Result<Option<Vec<u8>>> {
        let is_inside = offset.checked_add(length).is_some_and(|end| end <= self.length);
        if !is_inside || length > most {
            return Ok(None);
        }
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        let mut bytes = vec![0; length];
        self.read_at(offset, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Fills `bytes` from what is at `offset`.
    pub(crate) fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.seek(SeekFrom::Start(self.start + offset))?;
        self.inner.read_exact(bytes)
    }

    /// Whether there are only zeros from `offset` up to `end`.
    pub(crate) fn is_empty(&mut self, offset: u64, end: u64) -> io::Result<bool> {
        let mut buffer = vec![0; 1 << 16];
        let mut at = offset;
        while at < end {
            let count = usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            self.read_at(at, &mut buffer[..count])?;
            if !crate::bytes::is_empty(&buffer[..count]) {
                return Ok(false);
            }
            at += count as u64;
        }
        Ok(true)
    }
}
