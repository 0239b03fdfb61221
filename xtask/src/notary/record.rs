//! What was submitted, kept until every ticket is stapled: `.notarization/` beside `out/`.
//!
//! ```text
//! submissions.json   { "submissions": [{ name, sha256, packages, announced, state }, ...] }
//! lock               held while a run goes on
//!
//! state   announced ── answer ── submitted ── all bytes sent ── uploaded ── log ── refused
//!                                (with the right to upload)        └───── stapled: gone
//! ```
//!
//! It is written before a step and after it, as a whole, so a run that is killed leaves
//! one of these:
//!
//! - *announced*: Apple may have the name, and an answer that nobody read. Nothing can be
//!   uploaded for it, since the right to do so was in that answer and is given once: Apple
//!   never looks at it. It is announced again, and this is the one that is submitted.
//! - *submitted*: some bytes may be there. The same bytes are put into the same place
//!   again; whether once or twice makes no difference to Apple.
//! - *uploaded*: it is only asked for.
//! - *refused*: the same bytes would be refused again; the log is fetched again.
//!
//! The file holds the right to upload (some hours, one object), so it is its owner's alone;
//! it holds nothing of the API key.
//!
//! Must not know: the network.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flatpkg::xar::ticket::{ENTRY_DIGEST_LEN, Entry};
use serde::{Deserialize, Serialize};

use super::api::Upload;
use super::http::Http;
use super::{NotaryError, tickets};

/// Name of the folder.
pub const FOLDER: &str = ".notarization";
const FILE: &str = "submissions.json";
const LOCK: &str = "lock";
/// How often a run asks whether another one has ended.
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// Days after which a submission is forgotten. Its log is then Apple's alone.
const KEPT_DAYS: i64 = 30;

/// Why the record cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RecordError {
    #[error("could not {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{path} is not a record of submissions ({reason}); move it away, and if something was submitted, go on with \
         `cargo xtask notarize --resume ID out`"
    )]
    Unreadable { path: PathBuf, reason: String },
}

/// How far a submission is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is about to be submitted.
    Announced,
    /// It is submitted, and its bytes are to be sent.
    Submitted {
        /// Apple's id.
        id: String,
        /// Where to, and with what right.
        upload: Upload,
    },
    /// All bytes were sent.
    Uploaded {
        /// Apple's id.
        id: String,
    },
    /// Apple refused it.
    Refused {
        /// Apple's id.
        id: String,
    },
}

/// A package in a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Where it was, and where copies of it were.
    pub paths: Vec<PathBuf>,
    /// What it was called.
    pub name: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What its ticket is for, as Apple calls it.
    pub ticket: String,
}

/// A submission that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// What it was called.
    pub name: String,
    /// SHA-256 of the zip, hexadecimal.
    pub sha256: String,
    /// What is in it.
    pub packages: Vec<Submitted>,
    /// When it was first written here.
    pub announced: DateTime<Utc>,
    /// How far it is.
    pub state: State,
}

impl Submission {
    /// Apple's id, if there is one.
    pub fn id(&self) -> Option<&str> {
        match &self.state {
            State::Announced => None,
            State::Submitted { id, .. } | State::Uploaded { id } | State::Refused { id } => Some(id),
        }
    }
}

impl Submitted {
    /// What its ticket is for.
    pub fn entry(&self) -> Option<Entry> {
        let (kind, hex) = self.ticket.strip_prefix("2/")?.split_once('/')?;
        let mut digest = [0; ENTRY_DIGEST_LEN];
        if !hex.is_ascii() || hex.len() != 2 * ENTRY_DIGEST_LEN {
            return None;
        }
        for (index, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Entry { digest_type: kind.parse().ok()?, digest })
    }

    /// How it is called in `ticket`.
    pub fn ticket_of(entry: &Entry) -> String {
        tickets::name(entry)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    submissions: Vec<Submission>,
}

/// The record, while a run goes on.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    contents: Contents,
    /// When it was opened, in seconds since 1970.
    now: u64,
    _lock: File,
}

impl Record {
    /// Opens the record in `folder` (which is [`FOLDER`] beside what is notarized), and
    /// waits for another run; `waiting` is called before it waits.
    ///
    /// # Errors
    /// [`RecordError`], [`NotaryError::Interrupted`].
    pub fn open(folder: &Path, http: &Http<'_>, waiting: impl FnOnce()) -> Result<Self, NotaryError> {
        let at = |operation, path: &Path| {
            let path = path.to_owned();
            move |source| RecordError::Io { operation, path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(at("create the folder", folder))?;
        let lock_path = folder.join(LOCK);
        let lock = File::options().create(true).append(true).open(&lock_path);
        let lock = lock.map_err(at("open", &lock_path))?;
        let mut waiting = Some(waiting);
        while let Err(error) = lock.try_lock() {
            if let fs::TryLockError::Error(source) = error {
                return Err(at("lock", &lock_path)(source).into());
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            http.sleep(LOCK_PAUSE)?;
        }
        let path = folder.join(FILE);
        let mut contents: Contents = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| RecordError::Unreadable {
                path: path.clone(),
                // serde's message may quote what it read.
                reason: format!("line {}", error.line()),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::default(),
            Err(error) => return Err(at("read", &path)(error).into()),
        };
        let now = i64::try_from(http.now()).ok().and_then(|now| DateTime::from_timestamp(now, 0));
        let oldest = now.unwrap_or_default() - TimeDelta::days(KEPT_DAYS);
        contents.submissions.retain(|one| one.announced > oldest);
        Ok(Self { folder: folder.to_owned(), contents, now: http.now(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// When it was opened, in seconds since 1970.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// What is not done.
    pub fn submissions(&self) -> &[Submission] {
        &self.contents.submissions
    }

    /// Adds a submission, on disk too. Returns its place.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn add(&mut self, submission: Submission) -> Result<usize, RecordError> {
        self.contents.submissions.push(submission);
        self.write()?;
        Ok(self.contents.submissions.len() - 1)
    }

    /// Says what one is called and what is in it, on disk too.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn describe(
        &mut self,
        index: usize,
        name: String,
        sha256: String,
        members: &[String],
    ) -> Result<(), RecordError> {
        let submission = &mut self.contents.submissions[index];
        (submission.name, submission.sha256) = (name, sha256);
        for (package, member) in submission.packages.iter_mut().zip(members) {
            package.sha256.clone_from(member);
        }
        self.write()
    }

    /// Changes how far one is, on disk too.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn set(&mut self, index: usize, state: State) -> Result<(), RecordError> {
        self.contents.submissions[index].state = state;
        self.write()
    }

    /// Takes out those that are done.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn retain(&mut self, keep: impl FnMut(&Submission) -> bool) -> Result<(), RecordError> {
        let count = self.contents.submissions.len();
        self.contents.submissions.retain(keep);
        if self.contents.submissions.len() == count { Ok(()) } else { self.write() }
    }

    fn write(&self) -> Result<(), RecordError> {
        let path = self.path();
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, &self.contents)?;
            file.write_all(b"\n")?;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            // The rename too is to survive a power failure.
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|source| RecordError::Io { operation: "write", path: path.clone(), source })
    }
}
