//! The one writer of the output folder: nothing half-written, nothing lost.
//!
//! ```text
//! out/.lima-autostart-XXXXXX/new/...   files of this run, complete before any is in place
//! out/.lima-autostart-XXXXXX/old/...   what they replace, until all of them are in place
//! ```
//!
//! A run holds a lock on the folder, stages every file, then renames: the old
//! one away, the new one into place, `artifacts.json` last. A failure on the way
//! undoes it backwards. A run that was killed in the middle is undone by the
//! next one: from the first rename on there is a mark, `moving`, and while
//! `new/artifacts.json` is there too, the move was not complete.
//!
//! Must not know: formats, what the files mean, keys.

mod commit;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub use commit::Committed;

use crate::digest::{FileDigest, hex};

/// Beginning of a staging folder's name.
const STAGING_PREFIX: &str = ".lima-autostart-";
/// How often a run asks whether another one has ended.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
const NEW: &str = "new";
const OLD: &str = "old";

/// Why the output folder could not be written. The folder is then as it was,
/// except where the message says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The file system refused.
    #[error("could not {operation} {path}: {source}")]
    Io {
        /// What we tried.
        operation: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// Something that no earlier run wrote is where a file belongs.
    #[error(
        "{path} is in the way: it is not in the earlier run's artifacts.json, so it may be yours; move it away \
         or delete it, then run again"
    )]
    InTheWay {
        /// What is there.
        path: PathBuf,
    },
    /// Undoing a failed run failed too.
    #[error("{cause}; and while putting back what was there: {undo}; the earlier files are in {kept}")]
    NotUndone {
        /// Why the run failed.
        cause: Box<OutputError>,
        /// Why undoing it failed.
        undo: Box<OutputError>,
        /// Folder that holds the earlier files.
        kept: PathBuf,
    },
}

pub(crate) fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutputError {
    let path = path.to_owned();
    move |source| OutputError::Io { operation, path, source }
}

/// The output folder during one run.
#[derive(Debug)]
pub struct Output<'a> {
    root: PathBuf,
    staging: TempDir,
    interrupted: &'a AtomicBool,
    /// Holds the lock.
    _lock: File,
}

impl<'a> Output<'a> {
    /// Opens `root`, makes it where it is missing, and waits for another run
    /// that writes there; `waiting` is called before it waits. Every write ends
    /// with an error once `interrupted` is set.
    pub fn open(
        root: &Path,
        interrupted: &'a AtomicBool,
        waiting: impl FnOnce(),
    ) -> Result<Self, OutputError> {
        fs::create_dir_all(root).map_err(at("create the folder", root))?;
        let lock = File::open(root).map_err(at("open the folder", root))?;
        let mut waiting = Some(waiting);
        // Asked again and again: a call that waits would not see Ctrl-C.
        while let Err(error) = lock.try_lock() {
            match error {
                fs::TryLockError::WouldBlock => {}
                fs::TryLockError::Error(error) => return Err(at("lock", root)(error)),
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(at("wait for the other run in", root)(io::Error::other("interrupted")));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        commit::recover(root)?;
        let staging = tempfile::Builder::new()
            .prefix(STAGING_PREFIX)
            .tempdir_in(root)
            .map_err(at("create a folder in", root))?;
        Ok(Self { root: root.to_owned(), staging, interrupted, _lock: lock })
    }

    /// A folder for scratch files, on the same file system, gone after the run.
    pub fn scratch(&self) -> &Path {
        self.staging.path()
    }

    /// Stages the file `path` (relative, with `/`), which `write` fills. The
    /// error is `write`'s own, or one of writing made into it.
    pub fn stage<T, E: From<OutputError>>(
        &self,
        path: &str,
        mode: u32,
        write: impl FnOnce(&mut StagingFile<'_>) -> Result<T, E>,
    ) -> Result<(T, FileDigest), E> {
        let place = self.staging.path().join(NEW).join(path);
        let folder = place.parent().expect("a staged file has a folder");
        fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&place)
            .map_err(at("create", &place))?;
        // The umask may have taken bits away.
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(at("set the mode of", &place))?;
        let mut writer = StagingFile {
            file: BufWriter::with_capacity(1 << 16, file),
            digest: Sha256::new(),
            size: 0,
            interrupted: self.interrupted,
        };
        let value = write(&mut writer)?;
        writer.flush().map_err(at("write", &place))?;
        let sha256 = hex(writer.digest.finalize());
        Ok((value, FileDigest { size: writer.size, sha256 }))
    }

    /// Opens a file that this run has staged.
    pub fn read_staged(&self, path: &str) -> Result<File, OutputError> {
        let place = self.staging.path().join(NEW).join(path);
        File::open(&place).map_err(at("read back", &place))
    }

    /// Gives `path` the bytes of a file that this run has staged: the same file
    /// under a second name where the file system has such, and a copy elsewhere.
    pub fn stage_again(&self, staged: &str, path: &str) -> Result<(), OutputError> {
        let new = self.staging.path().join(NEW);
        let (from, place) = (new.join(staged), new.join(path));
        let folder = place.parent().expect("a staged file has a folder");
        fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
        match fs::hard_link(&from, &place) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(at("create", &place)(error)),
            Err(_) => fs::copy(&from, &place).map(drop).map_err(at("write", &place)),
        }
    }

    /// Whether the run was asked to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Puts every file that the staged `artifacts.json` lists into its place,
    /// and takes away what the earlier run's lists beside them. The manifest
    /// itself is moved last.
    pub fn commit(self) -> Result<Committed, OutputError> {
        commit::commit(&self.root, self.staging)
    }
}

/// A file being staged: counts and digests what passes, and ends with an error
/// once the run was interrupted.
#[derive(Debug)]
pub struct StagingFile<'a> {
    file: BufWriter<File>,
    digest: Sha256,
    size: u64,
    interrupted: &'a AtomicBool,
}

impl Write for StagingFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.interrupted.load(Ordering::Relaxed) {
            // Not ErrorKind::Interrupted, which write_all takes for "try again".
            return Err(io::Error::other("interrupted"));
        }
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
