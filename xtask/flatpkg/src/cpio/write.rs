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
        let mut pending = root.to_vec();
        pending.extend_from_slice(b".\0");
        Ok(Self {
            headers: headers.into_iter(),
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
            let trailer = Header { links: 1, name_len: TRAILER.len() as u32 + 1, ..Header::default() };
            self.pending.extend_from_slice(&trailer.to_bytes(TRAILER)?);
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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tree::Owner;

    const ROOT: Owner = Owner::ROOT_WHEEL;

    fn written(tree: &Tree) -> Vec<u8> {
        let mut out = Vec::new();
        write(tree, &mut out).unwrap();
        out
    }

    fn stream(size: u64, actual: usize) -> Source {
        Source::Stream {
            size,
            open: Arc::new(move || Ok(Box::new(std::io::repeat(b'x').take(actual as u64)))),
        }
    }

    #[test]
    fn a_small_archive_byte_by_byte() {
        let mut tree = Tree::new(1_700_000_000);
        tree.directory("Library", 0o755, ROOT).unwrap();
        tree.file("Library/a", 0o644, Owner::ROOT_ADMIN, b"hello".to_vec()).unwrap();
        tree.symlink("Library/b", "a", ROOT).unwrap();
        let text = String::from_utf8(written(&tree)).unwrap();
        let expected = concat!(
            "070707",
            "000000",
            "000000",
            "040755",
            "000000",
            "000000",
            "000003",
            "000000",
            "14524770400",
            "000002",
            "00000000000",
            ".\0",
            "070707",
            "000000",
            "000001",
            "040755",
            "000000",
            "000000",
            "000002",
            "000000",
            "14524770400",
            "000012",
            "00000000000",
            "./Library\0",
            "070707",
            "000000",
            "000002",
            "100644",
            "000000",
            "000120",
            "000001",
            "000000",
            "14524770400",
            "000014",
            "00000000005",
            "./Library/a\0",
            "hello",
            "070707",
            "000000",
            "000003",
            "120755",
            "000000",
            "000000",
            "000001",
            "000000",
            "14524770400",
            "000014",
            "00000000001",
            "./Library/b\0",
            "a",
            "070707",
            "000000",
            "000000",
            "000000",
            "000000",
            "000000",
            "000001",
            "000000",
            "00000000000",
            "000013",
            "00000000000",
            "TRAILER!!!\0",
        );
        assert_eq!(&text[..expected.len()], expected);
        assert_eq!(text.len() % 512, 0);
        assert!(text[expected.len()..].bytes().all(|byte| byte == 0));
    }

    #[test]
    fn fields_hold_their_limit_and_not_one_more() {
        let six = SIX_DIGITS_MAX as u32;
        let largest = Header {
            device: six,
            inode: six,
            mode: six,
            uid: six,
            gid: six,
            links: six,
            special_device: six,
            mtime: ELEVEN_DIGITS_MAX,
            name_len: six,
            size: ELEVEN_DIGITS_MAX,
        };
        let bytes = largest.to_bytes("x").unwrap();
        assert!(bytes[6..].iter().all(|digit| *digit == b'7'));
        for one_more in [
            Header { device: six + 1, ..largest },
            Header { inode: six + 1, ..largest },
            Header { mode: six + 1, ..largest },
            Header { uid: six + 1, ..largest },
            Header { gid: six + 1, ..largest },
            Header { links: six + 1, ..largest },
            Header { special_device: six + 1, ..largest },
            Header { mtime: ELEVEN_DIGITS_MAX + 1, ..largest },
            Header { name_len: six + 1, ..largest },
            Header { size: ELEVEN_DIGITS_MAX + 1, ..largest },
        ] {
            assert!(matches!(one_more.to_bytes("x"), Err(CpioError::FieldOverflow { .. })));
        }
    }

    #[test]
    fn too_large_a_file_is_refused_before_anything_is_read() {
        for (size, fits) in [(8_589_934_591, true), (8_589_934_592, false)] {
            let mut tree = Tree::new(0);
            tree.file("large", 0o644, ROOT, stream(size, 0)).unwrap();
            assert_eq!(ArchiveStream::new(&tree).is_ok(), fits, "{size}");
        }
        for (length, fits) in [(262_140, true), (262_141, false)] {
            let mut tree = Tree::new(0);
            tree.directory(&"n".repeat(length), 0o755, ROOT).unwrap();
            assert_eq!(ArchiveStream::new(&tree).is_ok(), fits, "{length}");
        }
        for (uid, fits) in [(262_143, true), (262_144, false)] {
            let mut tree = Tree::new(u32::MAX);
            tree.directory("a", 0o755, Owner { uid, gid: 0 }).unwrap();
            assert_eq!(ArchiveStream::new(&tree).is_ok(), fits, "{uid}");
        }
    }

    #[test]
    fn a_stream_must_keep_its_promised_size() {
        let written_with = |promised, actual| {
            let mut tree = Tree::new(0);
            tree.file("a", 0o644, ROOT, stream(promised, actual)).unwrap();
            write(&tree, &mut Vec::new())
        };
        assert_eq!(written_with(3, 3).unwrap(), [cksum(b"xxx")]);
        assert!(matches!(
            written_with(4, 3),
            Err(CpioError::TooShort { path, expected: 4, actual: 3 }) if path == "a"
        ));
        assert!(matches!(written_with(2, 3), Err(CpioError::TooLong { path, expected: 2 }) if path == "a"));
        assert!(matches!(written_with(0, 1), Err(CpioError::TooLong { .. })));
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let mut tree = Tree::new(0);
        let open = Arc::new(|| Err(std::io::Error::other("gone")));
        tree.file("a", 0o644, ROOT, Source::Stream { size: 1, open }).unwrap();
        let error = write(&tree, &mut Vec::new()).unwrap_err();
        assert!(matches!(&error, CpioError::Read { path, .. } if path == "a"), "{error}");
    }
}
