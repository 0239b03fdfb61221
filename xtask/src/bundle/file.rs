//! A file that is packed as it is, known by its digest.
//!
//! Must not know: what it is for.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flatpkg::bom::SIZE_MAX;
use flatpkg::tree::Source;
use sha2::{Digest, Sha256};

use crate::digest::hex;

/// How much is read at a time.
const STEP: usize = 256 * 1024;

/// A file on the disk of whoever builds.
#[derive(Clone)]
pub struct File {
    /// Its name, without folders: letters, digits and `.`, `_`, `-`, `+`.
    pub name: String,
    /// SHA-256, hexadecimal; it was checked.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    path: PathBuf,
    /// Bytes that were read for packages.
    packed: Arc<AtomicU64>,
}

/// Why a file cannot be packed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum FileError {
    #[error("it could not be read: {0}")]
    Read(#[from] io::Error),
    #[error("it is not a file; name one")]
    NotAFile,
    #[error(
        "its SHA-256 is {actual}, and not {wanted}; take the file whose digest its publisher lists, or correct sha256"
    )]
    Digest { wanted: String, actual: String },
    #[error(
        "it has {0} bytes, and a package can hold files of less than 4 GiB; compress it (limactl reads images that \
         end in .gz, .xz or .zst, and qcow2 compressed by `qemu-img convert -c`)"
    )]
    TooLarge(u64),
    #[error("it is empty")]
    Empty,
    #[error(
        "its name is to be at most 200 letters, digits, `.`, `_`, `-` and `+`, without a dot in front, since it is \
         the name on the Mac; rename it"
    )]
    Name,
}

impl File {
    /// Looks at a file and checks its digest.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn examine(path: &Path, sha256: &str) -> Result<Self, FileError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let allowed = |one: u8| one.is_ascii_alphanumeric() || b"._-+".contains(&one);
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.bytes().all(allowed) {
            return Err(FileError::Name);
        }
        let mut input = fs::File::open(path)?;
        let metadata = input.metadata()?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile);
        }
        match metadata.len() {
            0 => return Err(FileError::Empty),
            size if size > SIZE_MAX => return Err(FileError::TooLarge(size)),
            _ => {}
        }
        let (mut digest, mut size, mut buffer) = (Sha256::new(), 0, vec![0; STEP]);
        loop {
            match input.read(&mut buffer)? {
                0 => break,
                count => {
                    digest.update(&buffer[..count]);
                    size += count as u64;
                }
            }
        }
        let actual = hex(digest.finalize());
        if actual != sha256 {
            return Err(FileError::Digest { wanted: sha256.to_owned(), actual });
        }
        Ok(Self {
            name: name.to_owned(),
            sha256: actual,
            size,
            path: path.to_owned(),
            packed: Arc::default(),
        })
    }

    /// Opens it; what is read is held against the digest.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn open(&self) -> io::Result<impl Read + Send + use<>> {
        let input = fs::File::open(&self.path)?;
        Ok(Checked {
            input,
            digest: Some(Sha256::new()),
            sha256: self.sha256.clone(),
            packed: Arc::clone(&self.packed),
        })
    }

    /// Bytes of it that were read for packages so far.
    pub fn packed(&self) -> u64 {
        self.packed.load(Ordering::Relaxed)
    }

    /// Its content, for a package.
    pub fn source(&self) -> Source {
        let file = self.clone();
        let open = move || Ok(Box::new(file.open()?) as Box<dyn Read + Send>);
        Source::Stream { size: self.size, open: Arc::new(open) }
    }
}

impl fmt::Debug for File {
    // The parts of one run are told by this: the same file, wherever it lies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({:?}, {}, {} bytes)", self.name, self.sha256, self.size)
    }
}

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.sha256) == (&other.name, &other.sha256)
    }
}

impl Eq for File {}

/// Fails at the end where the file is another one than it was.
struct Checked {
    input: fs::File,
    digest: Option<Sha256>,
    sha256: String,
    packed: Arc<AtomicU64>,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.packed.fetch_add(count as u64, Ordering::Relaxed);
        if let Some(digest) = &mut self.digest {
            digest.update(&buffer[..count]);
        }
        if count == 0
            && !buffer.is_empty()
            && let Some(digest) = self.digest.take()
            && hex(digest.finalize()) != self.sha256
        {
            return Err(io::Error::other("it was changed since its digest was checked"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_checked_when_it_is_looked_at_and_when_it_is_packed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.qcow2");
        fs::write(&path, b"123456789").unwrap();
        let sha256 = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
        let file = File::examine(&path, sha256).unwrap();
        assert_eq!((file.size, file.name.as_str()), (9, "disk.qcow2"));
        let mut read = Vec::new();
        file.source().open().unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, b"123456789");
        fs::write(&path, b"987654321").unwrap();
        let error = file.source().open().unwrap().read_to_end(&mut read).unwrap_err();
        assert!(error.to_string().contains("changed since"), "{error}");
        let error = File::examine(&path, sha256).unwrap_err().to_string();
        assert!(
            error.contains("its SHA-256 is 8a9bcf1e51e812d0af8465a8dbcc9f741064bf0af3b3d08e6b0246437c19f7fb")
        );
    }

    #[test]
    fn what_a_package_cannot_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| File::examine(path, "").unwrap_err().to_string();
        let large = folder.path().join("large.raw");
        fs::File::create(&large).unwrap().set_len(SIZE_MAX + 1).unwrap();
        assert!(refused(&large).contains("less than 4 GiB; compress it"));
        assert!(refused(&folder.path().join("nothing")).contains("could not be read"));
        let spaced = folder.path().join("my disk");
        fs::write(&spaced, b"x").unwrap();
        assert!(refused(&spaced).contains("rename it"));
        let empty = folder.path().join("empty");
        fs::write(&empty, b"").unwrap();
        assert!(refused(&empty).contains("empty"));
    }
}
