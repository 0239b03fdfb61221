//! Unpacks whatever a member or a payload is packed with, as a stream.
//!
//! ```text
//! gzip    1f 8b          payloads; several streams may follow each other
//! bzip2   "BZh"          members that pkgutil --flatten wrote; old payloads
//! xz      fd "7zXZ" 00   members and payloads
//! lzma    5d 00 00 …     members, the form with a header of 13 bytes
//! zlib    78             members; xar calls it application/x-gzip
//! pbzx    "pbzx"         payloads since 10.10, chunk by chunk; see the module's code
//! ```
//!
//! Must not know: what is packed. What follows a stream is not thrown away: it is
//! counted, for something can hide there.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::mem;

use bzip2::bufread::BzDecoder;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use lzma_rust2::{LzmaReader, XzReader};

use crate::findings::Findings;

mod budget;
mod input;
mod pbzx;

pub use budget::{Budget, OverBudget, RATIO_MAX, UNPACKED_ALWAYS, UNPACKED_MAX};
pub use input::Input;
use pbzx::Chunk;

/// The most memory that an xz or lzma stream may want, in KiB: `xz -9` wants 65 MiB.
pub const XZ_MEMORY_MAX: u32 = 66 << 10;

/// How something is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zlib.
    Zlib,
    /// bzip2.
    Bzip2,
    /// lzma, the form before xz.
    Lzma,
    /// xz.
    Xz,
    /// Chunks of xz, or of plain bytes.
    Pbzx,
}

impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Pbzx => "pbzx",
        })
    }
}

impl Packing {
    /// By the first bytes of a payload; what is unknown is taken as it is.
    fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'p', b'b', b'z', b'x', ..] => Self::Pbzx,
            _ => Self::None,
        }
    }
}

/// What follows the last stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behind {
    /// How many bytes there are.
    pub length: u64,
    /// Whether one of them is not zero.
    pub is_content: bool,
}

impl Behind {
    /// Counts what is left of an input.
    ///
    /// # Errors
    /// What the input reports.
    pub fn count<R: Read>(input: &mut Input<R>) -> io::Result<Self> {
        let mut behind = Self::default();
        loop {
            let bytes = input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(behind);
            }
            behind.length += bytes.len() as u64;
            behind.is_content |= bytes.iter().any(|byte| *byte != 0);
            let count = bytes.len();
            input.consume(count);
        }
    }

    /// Says what it is: zeros fill up, everything else hides from whoever looks at the
    /// content. `of` is what it follows.
    pub fn report(self, place: &str, of: &str, findings: &mut Findings) {
        let text = format!("has {} bytes behind {of}", self.length);
        match self {
            Self { length: 0, .. } => {}
            Self { is_content: true, .. } => findings.lie(place, text),
            Self { is_content: false, .. } => findings.note(place, format!("{text}, all of them zero")),
        }
    }
}

/// Gives what is unpacked.
pub struct Unpacker<R: Read> {
    packing: Packing,
    state: State<R>,
    /// Whether streams may follow each other.
    several: bool,
    position: u64,
    last_stream: u64,
    budget: Budget,
}

/// The stream that is read.
enum State<R: Read> {
    Plain(Input<R>),
    Gzip(Box<GzDecoder<Input<R>>>),
    Zlib(Box<ZlibDecoder<Input<R>>>),
    Bzip2(Box<BzDecoder<Input<R>>>),
    Lzma(Box<LzmaReader<Input<R>>>),
    Xz(Box<XzReader<Input<R>>>),
    Pbzx(Box<Chunk<R>>),
    /// After the last one.
    Ended(Input<R>),
    /// An error ended it.
    Failed,
}

impl<R: Read> Unpacker<R> {
    /// Reads a payload, whatever it is packed with.
    ///
    /// # Errors
    /// What the input reports, and what is wrong with the first stream's header.
    pub fn detect(input: R, budget: Budget) -> io::Result<Self> {
        let mut input = Input::new(input);
        let packing = Packing::of(input.peek(6)?);
        Self::start(input, packing, true, budget)
    }

    /// Reads one stream of a packing that is known, such as a member's.
    ///
    /// # Errors
    /// As [`detect`](Self::detect).
    pub fn one(input: R, packing: Packing, budget: Budget) -> io::Result<Self> {
        Self::start(Input::new(input), packing, false, budget)
    }

    fn start(mut input: Input<R>, packing: Packing, several: bool, budget: Budget) -> io::Result<Self> {
        let state = match packing {
            Packing::Pbzx => {
                let size = pbzx::start(&mut input)?;
                State::Pbzx(Box::new(Chunk::idle(input, size)))
            }
            packing => stream(input, packing)?,
        };
        Ok(Self { packing, state, several, position: 0, last_stream: 0, budget })
    }

    /// What it is packed with.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Where the last stream starts, in unpacked bytes. Later than a place that a
    /// reader of the content thinks is the end, if that one was not the last.
    pub fn last_stream(&self) -> u64 {
        self.last_stream
    }

    /// What follows the last stream, and the input. Only after the content was read to
    /// its end.
    ///
    /// # Errors
    /// What the input reports.
    pub fn finish(self) -> io::Result<(Behind, R)> {
        let mut input = match self.state {
            State::Plain(input) | State::Ended(input) => input,
            _ => return Err(io::Error::other("the content was not read to its end")),
        };
        Ok((Behind::count(&mut input)?, input.into_inner()))
    }

    /// Goes from a stream's end to the next one, if there is one.
    fn advance(&mut self) -> io::Result<()> {
        let state = match mem::replace(&mut self.state, State::Failed) {
            State::Gzip(decoder) => self.after(decoder.into_inner())?,
            State::Zlib(decoder) => State::Ended(decoder.into_inner()),
            State::Bzip2(decoder) => self.after(decoder.into_inner())?,
            State::Xz(decoder) => self.after(decoder.into_inner())?,
            State::Lzma(decoder) => {
                let (mut input, unread) = decoder.into_parts();
                input.put_back(&unread);
                State::Ended(input)
            }
            State::Pbzx(chunk) => match chunk.next()? {
                Ok(chunk) => State::Pbzx(Box::new(chunk)),
                Err(input) => State::Ended(input),
            },
            State::Plain(input) | State::Ended(input) => State::Ended(input),
            State::Failed => State::Failed,
        };
        if matches!(state, State::Pbzx(_)) {
            self.last_stream = self.position;
        }
        self.state = state;
        Ok(())
    }

    /// The next stream of the same packing.
    fn after(&mut self, mut input: Input<R>) -> io::Result<State<R>> {
        if !self.several || Packing::of(input.peek(6)?) != self.packing {
            return Ok(State::Ended(input));
        }
        self.last_stream = self.position;
        stream(input, self.packing)
    }
}

/// The decoder of one stream.
fn stream<R: Read>(input: Input<R>, packing: Packing) -> io::Result<State<R>> {
    Ok(match packing {
        Packing::None | Packing::Pbzx => State::Plain(input),
        Packing::Gzip => State::Gzip(Box::new(GzDecoder::new(input))),
        Packing::Zlib => State::Zlib(Box::new(ZlibDecoder::new(input))),
        Packing::Bzip2 => State::Bzip2(Box::new(BzDecoder::new(input))),
        Packing::Lzma => State::Lzma(Box::new(LzmaReader::new_mem_limit(input, XZ_MEMORY_MAX, None)?)),
        Packing::Xz => State::Xz(Box::new(XzReader::new_mem_limit(input, false, XZ_MEMORY_MAX))),
    })
}

impl<R: Read> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.state {
                State::Plain(input) => input.read(buffer),
                State::Gzip(decoder) => decoder.read(buffer),
                State::Zlib(decoder) => decoder.read(buffer),
                State::Bzip2(decoder) => decoder.read(buffer),
                State::Lzma(decoder) => decoder.read(buffer),
                State::Xz(decoder) => decoder.read(buffer),
                State::Pbzx(chunk) => chunk.read(buffer),
                State::Ended(_) => return Ok(0),
                State::Failed => Err(io::Error::other("an error ended the stream")),
            };
            let count = match read {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.state = State::Failed;
                    return Err(error);
                }
            };
            if count == 0 {
                self.advance()?;
                continue;
            }
            self.position += count as u64;
            if self.packing != Packing::None {
                self.budget.take(count as u64)?;
            }
            return Ok(count);
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
