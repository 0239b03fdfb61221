//! A file of a payload, held while it may be a program: payloads are streams, and a signature
//! is at a program's end.
//!
//! Up to a mebibyte is in memory, what is more in a temporary file without a name.
//!
//! Must not know: what programs and signatures are made of.

use std::io::{Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;
use x509_certificate::CapturedX509Certificate;

use super::code::{self, Code};

/// Largest program that is looked into.
const CODE_MAX: u64 = 512 << 20;
/// So many programs of an archive are looked into: each may have certificates to compute with.
const CODE_FILES_MAX: usize = 10_000;
/// What is held in memory.
const IN_MEMORY: usize = 1 << 20;
/// Bytes that show what a file is.
const BEGINNING: usize = 8;

/// A file as it comes.
pub struct Held {
    state: State,
    /// Whether enough programs were looked into.
    is_enough: bool,
}

enum State {
    /// Too little of it is known.
    Beginning(Vec<u8>),
    /// It is not a program.
    Other,
    /// It is one, so far: its bytes, and how many.
    Code(SpooledTempFile, u64),
    /// It is one and is not looked into, for this reason.
    Left(String),
}

impl Held {
    /// Nothing yet of the file behind so many programs.
    pub fn new(programs: usize) -> Self {
        Self { state: State::Beginning(Vec::new()), is_enough: programs >= CODE_FILES_MAX }
    }

    /// Takes more of it.
    pub fn add(&mut self, bytes: &[u8]) {
        let State::Beginning(start) = &mut self.state else { return self.keep(bytes) };
        let (first, rest) = bytes.split_at(bytes.len().min(BEGINNING - start.len()));
        start.extend_from_slice(first);
        if start.len() < BEGINNING {
            return;
        }
        let start = std::mem::take(start);
        self.state = if !macho::is_macho(&start) {
            State::Other
        } else if self.is_enough {
            State::Left(format!("it is not looked into: there are {CODE_FILES_MAX} programs before it"))
        } else {
            State::Code(SpooledTempFile::new(IN_MEMORY), 0)
        };
        self.keep(&start);
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let State::Code(file, length) = &mut self.state else { return };
        *length += bytes.len() as u64;
        if *length > CODE_MAX {
            self.state = State::Left(format!("it is a program of more than {} MiB", CODE_MAX >> 20));
        } else if let Err(error) = file.write_all(bytes) {
            self.state = State::Left(format!("there is no room to look into it: {error}"));
        }
    }

    /// What it is, if it is a program; or why that cannot be said.
    pub fn finish(self, at_hand: &[CapturedX509Certificate]) -> Option<Result<Code, String>> {
        match self.state {
            State::Beginning(_) | State::Other => None,
            State::Left(fault) => Some(Err(fault)),
            State::Code(mut file, _) => {
                let read = file.seek(SeekFrom::Start(0)).and_then(|_| code::read(&mut file, at_hand));
                read.map_err(|error| format!("it could not be looked into: {error}")).transpose()
            }
        }
    }
}
