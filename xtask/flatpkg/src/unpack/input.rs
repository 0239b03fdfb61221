//! A buffer around an input that can look ahead.
//!
//! Must not know: what is read.

use std::io::{self, BufRead, Read};

/// The buffer's size in bytes.
const BUFFER_LEN: usize = 64 << 10;

/// A buffered input.
#[derive(Debug)]
pub struct Input<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    /// Reads from where the input is.
    pub fn new(inner: R) -> Self {
        Self { inner, buffer: vec![0; BUFFER_LEN].into(), start: 0, end: 0 }
    }

    /// The next bytes without taking them: fewer than `count` at the end alone.
    ///
    /// # Errors
    /// What the input reports.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count {
            if self.buffer.len() - self.start < count {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// Puts bytes in front of those that were not taken yet.
    pub fn put_back(&mut self, bytes: &[u8]) {
        let rest = [bytes, &self.buffer[self.start..self.end]].concat();
        let length = rest.len();
        let mut buffer = rest;
        buffer.resize(length.max(BUFFER_LEN), 0);
        (self.buffer, self.start, self.end) = (buffer.into(), 0, length);
    }

    /// What it reads from; what was not taken yet is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What it reads from.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.end = self.inner.read(&mut self.buffer)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && buffer.len() >= self.buffer.len() {
            return self.inner.read(buffer);
        }
        let there = self.fill_buf()?;
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        self.consume(count);
        Ok(count)
    }
}
