//! Writes a tree as an odc archive, as a stream that is pulled.
//!
//! Must not know: where the bytes go. Files are opened when their turn comes and
//! read once; the checksum that the Bom records is taken on the way.

use std::io::{Read, Write};

use super::{
    CpioError, ELEVEN_DIGITS_MAX, HEADER_LEN, Header, MAGIC, PADDING, SIX_DIGITS_MAX, TRAILER,
    TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK,
};
use crate::cksum::{Cksum, cksum};
use crate::tree::{Content, Entries, Entry, Source, Tree, split};

impl Header {
    /// The header's 76 bytes. `path` is for the error only.
    ///
    /// # Errors
    /// [`CpioError::FieldOverflow`] for the first number that does not fit.
    pub fn to_bytes(&self, path: &str) -> Result<[u8; HEADER_LEN], CpioError> {
        let mut bytes = [0; HEADER_LEN];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        let mut position = MAGIC.len();
        let fields: [(&'static str, u64, usize); 10] = [
            ("device", self.device.into(), 6),
            ("entry number", self.inode.into(), 6),
            ("mode", self.mode.into(), 6),
            ("user", self.uid.into(), 6),
            ("group", self.gid.into(), 6),
            ("number of links", self.links.into(), 6),
            ("special device", self.special_device.into(), 6),
            ("modification time", self.mtime, 11),
            ("name's length", self.name_len.into(), 6),
            ("size in bytes", self.size, 11),
        ];
        for (field, value, digits) in fields {
            let limit = if digits == 6 { SIX_DIGITS_MAX } else { ELEVEN_DIGITS_MAX };
            if value > limit {
                return Err(CpioError::FieldOverflow { path: path.to_owned(), field, value, limit });
            }
            let mut rest = value;
            for byte in bytes[position..position + digits].iter_mut().rev() {
                *byte = b'0' + (rest & 7) as u8;
                rest >>= 3;
            }
            position += digits;
        }
        Ok(bytes)
    }
}

/// An archive that is made while it is read.
pub struct ArchiveStream<'tree> {
    headers: std::vec::IntoIter<[u8; HEADER_LEN]>,
    trailer: [u8; HEADER_LEN],
    entries: Entries<'tree>,
    /// Bytes that are ready, and how many of them were handed out.
    pending: Vec<u8>,
    handed_out: usize,
    file: Option<OpenFile<'tree>>,
    checksums: Vec<u32>,
    total: u64,
    ended: bool,
}

struct OpenFile<'tree> {
    path: &'tree str,
    content: Box<dyn Read + Send + 'tree>,
    size: u64,
    position: u64,
    checksum: Cksum,
}

impl<'tree> ArchiveStream<'tree> {
    /// Prepares the archive and checks everything that can be checked before
    /// content is read.
    ///
    /// # Errors
    /// [`CpioError::FieldOverflow`] for the first entry that does not fit.
    pub fn new(tree: &'tree Tree) -> Result<Self, CpioError> {
        let (root, headers) = headers(tree)?;
        let trailer = Header {
            inode: u32::try_from(tree.len() + 1).unwrap_or(u32::MAX),
            links: 1,
            name_len: TRAILER.len() as u32 + 1,
            ..Header::default()
        };
        let mut pending = root.to_vec();
        pending.extend_from_slice(b".\0");
        Ok(Self {
            headers: headers.into_iter(),
            trailer: trailer.to_bytes(TRAILER)?,
            entries: tree.entries(),
            pending,
            handed_out: 0,
            file: None,
            checksums: Vec::with_capacity(tree.len()),
            total: 0,
            ended: false,
        })
    }

    /// Fills `buffer` as far as it gets at once and says how far; 0 is the end.
    ///
    /// # Errors
    /// [`CpioError`], if a file cannot be read or is not as long as it said.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, CpioError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let ready = &self.pending[self.handed_out..];
            if !ready.is_empty() {
                let count = ready.len().min(buffer.len());
                buffer[..count].copy_from_slice(&ready[..count]);
                self.handed_out += count;
                self.total += count as u64;
                return Ok(count);
            }
            if let Some(file) = &mut self.file {
                let count = file.read(buffer)?;
                if count > 0 {
                    self.total += count as u64;
                    return Ok(count);
                }
                self.checksums.extend(self.file.take().map(|file| file.checksum.finish()));
            }
            if self.ended {
                return Ok(0);
            }
            self.advance()?;
        }
    }

    /// The POSIX checksums of the content of [`Tree::entries`], in their order: a
    /// link's is of its target, a directory's is 0. Complete once
    /// [`read`](Self::read) has given 0.
    pub fn into_checksums(self) -> Vec<u32> {
        self.checksums
    }

    /// Makes the next entry ready.
    fn advance(&mut self) -> Result<(), CpioError> {
        self.pending.clear();
        self.handed_out = 0;
        let (Some((path, entry)), Some(header)) = (self.entries.next(), self.headers.next()) else {
            self.pending.extend_from_slice(&self.trailer);
            self.pending.extend_from_slice(TRAILER.as_bytes());
            self.pending.push(0);
            let unpadded = self.total + self.pending.len() as u64;
            let padding = unpadded.next_multiple_of(PADDING) - unpadded;
            self.pending.resize(self.pending.len() + padding as usize, 0);
            self.ended = true;
            return Ok(());
        };
        self.pending.extend_from_slice(&header);
        self.pending.extend_from_slice(b"./");
        self.pending.extend_from_slice(path.as_bytes());
        self.pending.push(0);
        match &entry.content {
            Content::Directory => self.checksums.push(0),
            Content::Symlink(target) => {
                self.pending.extend_from_slice(target.as_bytes());
                self.checksums.push(cksum(target.as_bytes()));
            }
            Content::File(source) => self.file = Some(OpenFile::open(path, source)?),
        }
        Ok(())
    }
}

impl<'tree> OpenFile<'tree> {
    fn open(path: &'tree str, source: &'tree Source) -> Result<Self, CpioError> {
        let content = source.open().map_err(|source| CpioError::Read { path: path.to_owned(), source })?;
        Ok(Self { path, content, size: source.size(), position: 0, checksum: Cksum::default() })
    }

    /// Reads on; 0 only at the promised end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, CpioError> {
        let rest = self.size - self.position;
        if rest == 0 {
            return match self.read_some(&mut [0])? {
                0 => Ok(0),
                _ => Err(CpioError::TooLong { path: self.path.to_owned(), expected: self.size }),
            };
        }
        let wanted = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let count = self.read_some(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(CpioError::TooShort {
                path: self.path.to_owned(),
                expected: self.size,
                actual: self.position,
            });
        }
        self.checksum.update(&buffer[..count]);
        self.position += count as u64;
        Ok(count)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, CpioError> {
        loop {
            match self.content.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => {
                    return result.map_err(|source| CpioError::Read { path: self.path.to_owned(), source });
                }
            }
        }
    }
}

/// The headers of the root and of each entry.
fn headers(tree: &Tree) -> Result<([u8; HEADER_LEN], Vec<[u8; HEADER_LEN]>), CpioError> {
    let mut subdirectories = std::collections::HashMap::<&str, u32>::new();
    for (path, entry) in tree.entries() {
        if matches!(entry.content, Content::Directory) {
            *subdirectories.entry(split(path).0).or_default() += 1;
        }
    }
    let header = |inode: usize, path: &str, name_len: usize, entry: &Entry| {
        let (file_type, links, size) = match &entry.content {
            Content::Directory => (TYPE_DIRECTORY, 2 + subdirectories.get(path).copied().unwrap_or(0), 0),
            Content::File(source) => (TYPE_FILE, 1, source.size()),
            Content::Symlink(target) => (TYPE_SYMLINK, 1, target.len() as u64),
        };
        Header {
            device: 0,
            inode: u32::try_from(inode).unwrap_or(u32::MAX),
            mode: file_type | entry.mode,
            uid: entry.owner.uid,
            gid: entry.owner.gid,
            links,
            special_device: 0,
            mtime: tree.mtime().into(),
            name_len: u32::try_from(name_len).unwrap_or(u32::MAX),
            size,
        }
        .to_bytes(path)
    };
    let root = header(0, "", 2, &tree.root())?;
    let rest = tree
        .entries()
        .enumerate()
        .map(|(index, (path, entry))| header(index + 1, path, "./".len() + path.len() + 1, entry))
        .collect::<Result<_, _>>()?;
    Ok((root, rest))
}

/// Writes the whole archive, uncompressed, and gives the checksums of
/// [`ArchiveStream::into_checksums`].
///
/// # Errors
/// [`CpioError`], if an entry does not fit, cannot be read or cannot be written.
pub fn write(tree: &Tree, out: &mut impl Write) -> Result<Vec<u32>, CpioError> {
    let mut stream = ArchiveStream::new(tree)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(stream.into_checksums()),
            count => out.write_all(&buffer[..count]).map_err(CpioError::Write)?,
        }
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
