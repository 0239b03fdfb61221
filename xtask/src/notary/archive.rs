//! The zip of all packages of a submission: laid out first, then read as often as it is
//! needed, never held and never on disk.
//!
//! ```text
//! packages ── zip crate, contents left out ── headers, directory ─┐
//! packages ───────────────────────────────────────────────────────┴─ the zip's bytes
//! ```
//!
//! Packages are compressed, so they are stored as they are. Each header holds its length
//! and CRC-32 before the content: who unpacks a stream could not take stored content whose
//! length comes behind it. So each package is read once for its CRC-32 (and SHA-256), once
//! for the zip's SHA-256, and once to be sent.
//!
//! Must not know: what the packages are. The same packages give the same bytes.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::rc::Rc;

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::NotaryError;
use crate::digest::hex;

const BUFFER: usize = 1 << 16;
/// From so many bytes on a member's header has room for more than 32 bits.
const LARGE: u64 = u32::MAX as u64;

/// A file for the zip.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its path in the zip.
    pub name: String,
    /// Where its bytes are.
    pub path: PathBuf,
}

/// A piece of the zip.
#[derive(Debug, Clone)]
enum Piece {
    /// Headers, the directory.
    Bytes(Vec<u8>),
    /// A member's content, of so many bytes.
    File(PathBuf, u64),
}

/// A zip that is laid out.
#[derive(Debug, Clone)]
pub struct Zip {
    pieces: Vec<Piece>,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of each member, hexadecimal, in their order.
    pub members: Vec<String>,
}

/// Lays a zip out, and reads every member for that.
///
/// # Errors
/// [`NotaryError::Io`].
pub fn lay_out(members: &[Member]) -> Result<Zip, NotaryError> {
    let skeleton = Skeleton::default();
    let state = Rc::clone(&skeleton.0);
    let mut zip = ZipWriter::new(skeleton);
    let mut digests = Vec::new();
    for member in members {
        let reading = NotaryError::at("read", &member.path);
        let digest = add(&mut zip, &state, member).map_err(reading)?;
        digests.push(digest);
    }
    let end = zip.finish().map_err(io::Error::from);
    end.map_err(NotaryError::at("lay out the zip of", members.first().map_or("".as_ref(), |one| &one.path)))?;
    let state = Rc::into_inner(state).map(RefCell::into_inner).unwrap_or_default();
    let size = state.end;
    let mut pieces = Vec::new();
    let mut contents = members.iter().zip(state.contents);
    for (index, bytes) in state.runs.into_iter().enumerate() {
        if index > 0
            && let Some((member, length)) = contents.next()
        {
            pieces.push(Piece::File(member.path.clone(), length));
        }
        pieces.push(Piece::Bytes(bytes.1));
    }
    Ok(Zip { pieces, size, members: digests })
}

fn add(zip: &mut ZipWriter<Skeleton>, state: &RefCell<State>, member: &Member) -> io::Result<String> {
    let mut file = File::open(&member.path)?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
        .large_file(file.metadata()?.len() >= LARGE);
    zip.start_file(member.name.as_str(), options)?;
    state.borrow_mut().begin_content();
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        zip.write_all(&buffer[..count])?;
    }
    state.borrow_mut().end_content();
    Ok(hex(digest.finalize()))
}

impl Zip {
    /// SHA-256 of its bytes, hexadecimal.
    ///
    /// # Errors
    /// [`NotaryError::Io`].
    pub fn sha256(&self) -> Result<String, NotaryError> {
        let mut digest = Sha256::new();
        let mut reader = self.reader();
        let mut buffer = vec![0; BUFFER];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(hex(digest.finalize())),
                Ok(count) => digest.update(&buffer[..count]),
                Err(source) => return Err(NotaryError::at("read", &reader.path)(source)),
            }
        }
    }

    /// Its bytes, from the first.
    pub fn reader(&self) -> Reader {
        Reader { pieces: self.pieces.clone().into_iter(), now: None, path: PathBuf::new() }
    }
}

/// Reads a zip.
#[derive(Debug)]
pub struct Reader {
    pieces: std::vec::IntoIter<Piece>,
    now: Option<Source>,
    path: PathBuf,
}

#[derive(Debug)]
enum Source {
    Bytes(io::Cursor<Vec<u8>>),
    File(File, u64),
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.now {
                Some(Source::Bytes(bytes)) => match bytes.read(buffer)? {
                    0 => self.now = None,
                    count => return Ok(count),
                },
                Some(Source::File(_, 0)) => self.now = None,
                Some(Source::File(file, left)) => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    let count = file.read(&mut buffer[..most])?;
                    if count == 0 && most > 0 {
                        let shorter = format!("{} became shorter while it was read", self.path.display());
                        return Err(io::Error::other(shorter));
                    }
                    *left -= count as u64;
                    return Ok(count);
                }
                None => match self.pieces.next() {
                    None => return Ok(0),
                    Some(Piece::Bytes(bytes)) => self.now = Some(Source::Bytes(io::Cursor::new(bytes))),
                    Some(Piece::File(path, length)) => {
                        self.now = Some(Source::File(File::open(&path)?, length));
                        self.path = path;
                    }
                },
            }
        }
    }
}

/// What the zip crate writes, without the members' contents: runs of bytes with the
/// place where each begins, and between two runs the length of a content.
#[derive(Debug, Default)]
struct Skeleton(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    runs: Vec<(u64, Vec<u8>)>,
    contents: Vec<u64>,
    in_content: bool,
    position: u64,
    end: u64,
}

impl State {
    fn begin_content(&mut self) {
        if self.runs.is_empty() {
            self.runs.push((0, Vec::new()));
        }
        self.contents.push(0);
        self.in_content = true;
    }

    fn end_content(&mut self) {
        self.in_content = false;
        self.runs.push((self.end, Vec::new()));
    }
}

impl Write for Skeleton {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        let length = bytes.len() as u64;
        let position = state.position;
        if state.in_content {
            if position != state.end {
                return Err(io::Error::other("content is written at its end"));
            }
            if let Some(content) = state.contents.last_mut() {
                *content += length;
            }
        } else {
            if state.runs.is_empty() {
                state.runs.push((0, Vec::new()));
            }
            let run = state.runs.iter_mut().rev().find(|(start, _)| *start <= position);
            let (start, run) = run.ok_or_else(|| io::Error::other("nothing lies before the first run"))?;
            let offset = usize::try_from(position - *start).map_err(io::Error::other)?;
            // A header that is corrected lies in its run; nothing reaches into a content.
            if offset > run.len() {
                return Err(io::Error::other("a header is corrected where there is none"));
            }
            let within = (run.len() - offset).min(bytes.len());
            run[offset..offset + within].copy_from_slice(&bytes[..within]);
            run.extend(&bytes[within..]);
        }
        state.position += length;
        state.end = state.end.max(state.position);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Skeleton {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut state = self.0.borrow_mut();
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => state.end.checked_add_signed(by),
            SeekFrom::Current(by) => state.position.checked_add_signed(by),
        };
        state.position = position.ok_or_else(|| io::Error::other("before the beginning"))?;
        Ok(state.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same members, by the zip crate alone.
    fn plain(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, content) in members {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .last_modified_time(zip::DateTime::default())
                .unix_permissions(0o644);
            zip.start_file(*name, options).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn its_bytes_are_those_of_a_zip_that_was_held() {
        let folder = tempfile::tempdir().unwrap();
        let large = vec![7; 3 * BUFFER + 5];
        let contents: [(&str, &[u8]); 3] = [("a.pkg", b"first"), ("empty/b.pkg", b""), ("c.pkg", &large)];
        let members: Vec<Member> = contents
            .iter()
            .enumerate()
            .map(|(index, (name, content))| {
                let path = folder.path().join(index.to_string());
                std::fs::write(&path, content).unwrap();
                Member { name: (*name).to_owned(), path }
            })
            .collect();
        for count in 0..=members.len() {
            let zip = lay_out(&members[..count]).unwrap();
            let mut bytes = Vec::new();
            zip.reader().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, plain(&contents[..count]), "{count} members");
            assert_eq!(zip.size, bytes.len() as u64);
            assert_eq!(zip.sha256().unwrap(), hex(Sha256::digest(&bytes)));
        }
        let zip = lay_out(&members).unwrap();
        assert_eq!(zip.members[2], hex(Sha256::digest(&large)));
        std::fs::write(&members[2].path, "short").unwrap();
        let error = zip.sha256().unwrap_err().to_string();
        assert!(error.contains("became shorter"), "{error}");
    }
}
