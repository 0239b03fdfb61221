//! Unpacks what a part of a package is packed with, as a stream: what flatpkg does, and
//! zstd beside it.
//!
//! ```text
//! gzip, bzip2, xz   by their first bytes; flatpkg's reader
//! lzma              only where the package says so: it has no first bytes of its own
//! zstd              28 b5 2f fd, and frames to be skipped, 5x 2a 4d 18
//! ```
//!
//! Must not know: what is packed. What follows is counted, for something can hide there.

use std::io::{self, Read};

use flatpkg::unpack::{Behind, Budget, Input, Packing, Unpacker};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window of a zstd frame in bytes, hence its memory: twice what
/// `zstd --ultra -20` wants, which Arch's own packages are packed with.
const WINDOW_MAX: u64 = 64 << 20;
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How a part is packed, as packages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    /// Not at all.
    No,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// lzma, the form before xz.
    Lzma,
    /// xz.
    Xz,
    /// zstd.
    Zstd,
}

impl Packed {
    /// By the end of a file's name.
    pub fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension {
            "" => Self::No,
            "gz" => Self::Gzip,
            "bz2" => Self::Bzip2,
            "lzma" => Self::Lzma,
            "xz" => Self::Xz,
            "zst" => Self::Zstd,
            _ => return None,
        })
    }

    /// By RPM's name for it.
    pub fn of_compressor(name: &str) -> Option<Self> {
        Some(match name {
            "gzip" => Self::Gzip,
            "bzip2" => Self::Bzip2,
            "lzma" => Self::Lzma,
            "xz" => Self::Xz,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// By the first bytes.
    pub fn of_start(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [a, b, c, d, ..] if [*a, *b, *c, *d] == ZSTD || is_skipped([*a, *b, *c, *d]) => Self::Zstd,
            _ => Self::No,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "nothing",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether a frame that begins so holds no content.
fn is_skipped(magic: [u8; 4]) -> bool {
    magic[0] & 0xf0 == 0x50 && magic[1..] == [0x2a, 0x4d, 0x18]
}

/// Gives what is unpacked.
pub enum Stream<R: Read> {
    /// flatpkg's.
    Flat(Box<Unpacker<Input<R>>>),
    /// zstd.
    Zstd(Box<Zstd<R>>),
}

impl<R: Read> Stream<R> {
    /// Reads from the start of what is packed. It has to be packed as its package says, if
    /// that says something.
    ///
    /// # Errors
    /// What the input reports, and what is wrong with the first stream's header.
    pub fn open(input: R, said: Option<Packed>, budget: Budget) -> io::Result<(Self, Packed)> {
        let mut input = Input::new(input);
        let found = Packed::of_start(input.peek(6)?);
        let packed = match said {
            Some(Packed::Lzma) => Packed::Lzma,
            Some(said) if said != found => {
                return Err(wrong(format!("it says {}, and is packed with {}", said.name(), found.name())));
            }
            _ => found,
        };
        let stream = match packed {
            Packed::Zstd => Self::Zstd(Box::new(Zstd::new(input, budget))),
            Packed::Lzma => Self::Flat(Box::new(Unpacker::one(input, Packing::Lzma, budget)?)),
            Packed::No => Self::Flat(Box::new(Unpacker::one(input, Packing::None, budget)?)),
            Packed::Gzip | Packed::Bzip2 | Packed::Xz => {
                Self::Flat(Box::new(Unpacker::detect(input, budget)?))
            }
        };
        Ok((stream, packed))
    }

    /// What follows the last stream, and the input. Only after the content was read to
    /// its end.
    ///
    /// # Errors
    /// What the input reports.
    pub fn finish(self) -> io::Result<(Behind, R)> {
        match self {
            Self::Flat(unpacker) => {
                let (behind, input) = unpacker.finish()?;
                Ok((behind, input.into_inner()))
            }
            Self::Zstd(mut zstd) => {
                let behind = Behind::count(&mut zstd.input)?;
                Ok((behind, zstd.input.into_inner()))
            }
        }
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Flat(unpacker) => unpacker.read(buffer),
            Self::Zstd(zstd) => zstd.read(buffer),
        }
    }
}

fn wrong(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// Frames of zstd, one after the other.
pub struct Zstd<R: Read> {
    input: Input<R>,
    decoder: FrameDecoder,
    budget: Budget,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Between,
    Inside,
    Ended,
    Failed,
}

impl<R: Read> Zstd<R> {
    fn new(input: Input<R>, budget: Budget) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_MAX);
        Self { input, decoder, budget, state: State::Between }
    }

    fn some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                State::Failed => return Err(io::Error::other("an error ended the stream")),
                State::Ended => return Ok(0),
                State::Between => self.start()?,
                State::Inside => {
                    let count = self.decoder.read(buffer)?;
                    if count > 0 {
                        self.budget.take(count as u64)?;
                        return Ok(count);
                    }
                    if self.decoder.is_finished() {
                        self.check()?;
                        self.state = State::Between;
                    } else {
                        let one = BlockDecodingStrategy::UptoBlocks(1);
                        let decoded = self.decoder.decode_blocks(&mut self.input, one);
                        decoded.map_err(|error| wrong(format!("zstd: {error}")))?;
                    }
                }
            }
        }
    }

    /// Goes into the next frame, past those that are skipped.
    fn start(&mut self) -> io::Result<()> {
        let start = self.input.peek(4)?;
        match start.first_chunk::<4>() {
            Some(magic) if *magic == ZSTD => {
                self.decoder.reset(&mut self.input).map_err(|error| wrong(format!("zstd: {error}")))?;
                self.state = State::Inside;
            }
            Some(magic) if is_skipped(*magic) => {
                let mut header = [0; 8];
                self.input.read_exact(&mut header)?;
                let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
                let skipped = io::copy(&mut (&mut self.input).take(length.into()), &mut io::sink())?;
                if skipped < length.into() {
                    return Err(wrong("zstd: a frame ends early"));
                }
            }
            _ => self.state = State::Ended,
        }
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(stated) if self.decoder.get_calculated_checksum() != Some(stated) => {
                Err(wrong("zstd: the content does not have the checksum that it says"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let result = self.some(buffer);
        if result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.state = State::Failed;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zstd::zstd;

    fn unpacked(bytes: &[u8]) -> io::Result<(Vec<u8>, u64)> {
        let (mut stream, _) = Stream::open(bytes, None, Budget::new(1 << 20))?;
        let mut out = Vec::new();
        stream.read_to_end(&mut out)?;
        Ok((out, stream.finish()?.0.length))
    }

    #[test]
    fn frames_follow_each_other_and_some_are_skipped() {
        let frame = zstd(b"content");
        let skipped = [[0x5a, 0x2a, 0x4d, 0x18].as_slice(), &3u32.to_le_bytes(), b"xyz"].concat();
        let all = [skipped.as_slice(), &frame, &skipped, &frame, b"rest"].concat();
        assert_eq!(unpacked(&all).unwrap(), (b"contentcontent".to_vec(), 4));
        for length in 1..frame.len() {
            assert!(unpacked(&frame[..length]).is_err() || length < 4, "{length}");
        }
        assert!(unpacked(&skipped[..skipped.len() - 1]).is_err());
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let plain: Vec<u8> = (0..2000u32).map(|number| ((number * number) >> 5) as u8).collect();
        let frame = zstd(&plain);
        for at in 4..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 0x10;
            match unpacked(&changed) {
                Err(_) => {}
                Ok((out, behind)) => assert!(out != plain || behind > 0 || at < 8, "byte {at}"),
            }
        }
    }

    #[test]
    fn the_budget_holds() {
        let frame = zstd(&vec![7; 2 << 20]);
        assert!(frame.len() < 1000);
        let error = unpacked(&frame).unwrap_err();
        assert!(error.to_string().contains("unpacks to more"), "{error}");
    }

    #[test]
    fn what_is_packed_otherwise_than_said_is_refused() {
        let frame = zstd(b"content");
        assert!(Stream::open(frame.as_slice(), Some(Packed::Gzip), Budget::new(9)).is_err());
        assert!(Stream::open(frame.as_slice(), Some(Packed::Zstd), Budget::new(9)).is_ok());
    }
}
