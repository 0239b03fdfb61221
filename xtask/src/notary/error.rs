//! Why packages could not be notarized, and what to do about it.
//!
//! Must not know: keys; nothing secret enters a message. What others named (files, Apple's
//! log) has no control characters in the lists here.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use super::key::KeyError;
use super::record::RecordError;
use crate::printable::printable;

/// Something that Apple found, from a submission's log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Issue {
    /// `error` or `warning`.
    pub severity: String,
    /// The package that it is about, and the path inside it.
    pub path: String,
    /// What it is.
    pub message: String,
    /// Where Apple explains it.
    pub url: Option<String>,
}

/// Why packages could not be notarized or stapled.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum NotaryError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("Apple would not notarize these, so nothing was uploaded:{}", per_package(.0))]
    NotReady(Vec<(PathBuf, Vec<String>)>),
    #[error(
        "Apple does not accept the API key {key_id} (401{}): is it revoked, expired, or of another issuer? Make \
         one at appstoreconnect.apple.com under Users and Access, Integrations, with the role Developer, and \
         give it with --api-key FILE; a team's key needs its --api-issuer",
        said(detail)
    )]
    Unauthorized { key_id: String, detail: String },
    #[error(
        "this machine's clock is {seconds} seconds {direction} Apple's, so that Apple refuses every key (401); \
         set the clock (timedatectl set-ntp true, or sntp), then run this again"
    )]
    Clock { seconds: u64, direction: &'static str },
    #[error(
        "an agreement with Apple is missing or has expired (403{}): the account holder signs it at \
         developer.apple.com/account; then run this again",
        said(detail)
    )]
    Agreement { detail: String },
    #[error(
        "the API key {key_id} may not {what} (403{}); give it the role Developer or a higher one at \
         appstoreconnect.apple.com under Users and Access, Integrations",
        said(detail)
    )]
    Forbidden { key_id: String, what: &'static str, detail: String },
    #[error(
        "Apple knows no submission {id} of this API key's team; is the id right, and is it the key that it was \
         submitted with?"
    )]
    NotFound { id: String },
    #[error(
        "could not {what}: {host} answered {status} {tries} times{}; try again later{}", said(detail), resume(*.is_kept))]
    Busy { what: &'static str, host: String, status: u16, tries: u32, detail: String, is_kept: bool },
    #[error("could not {what}: no answer from {host} in {tries} tries: {reason}; is there a way to it?{}", resume(*.is_kept))]
    Unreachable { what: &'static str, host: String, tries: u32, reason: String, is_kept: bool },
    #[error("could not {what}: {host} answered {status}{}", said(detail))]
    Unexpected { what: &'static str, host: String, status: u16, detail: String },
    #[error(
        "could not {what}: {host} answered what is not understood: {reason}; is this program older than what \
         Apple does now?"
    )]
    Answer { what: &'static str, host: String, reason: String },
    #[error(
        "the right to upload for the submission {id} has expired before all was uploaded, and Apple gives it \
         once; run `cargo xtask notarize` again, which submits anew: nothing of the old one was received"
    )]
    UploadExpired { id: String },
    #[error("Apple refused the submission {id} ({status}){}{}", said(summary), listed(.issues))]
    Refused { id: String, status: String, summary: String, issues: Vec<Issue> },
    #[error(
        "Apple says {status:?} of the submission {id}, which this program does not know; look at it at \
         developer.apple.com, and ask again with `cargo xtask notarize --resume {id}`"
    )]
    UnknownStatus { id: String, status: String },
    #[error(
        "the submission {id} is still {status:?} after {waited} s; nothing is lost: `cargo xtask notarize \
         --resume {id}` goes on waiting"
    )]
    Timeout { id: String, status: String, waited: u64 },
    #[error("Apple has accepted them, and gives no ticket for:{}; ask again with `cargo xtask notarize --resume`, or staple later with `cargo xtask staple`", list(.0))]
    NoTicket(Vec<PathBuf>),
    #[error("Apple has no ticket for:{}; are they notarized? `cargo xtask notarize` does it", list(.0))]
    NotNotarized(Vec<PathBuf>),
    #[error("the ticket for {path} was not written, because it is not valid: {fault}")]
    BadTicket { path: PathBuf, fault: String },
    #[error("{path} cannot be read as a package: {reason}")]
    NoPackage { path: PathBuf, reason: String },
    #[error(
        "{path} has changed since it was submitted as {id}, and the ticket would not be for it; build and \
         notarize it anew, or put the file back that was submitted"
    )]
    Changed { path: PathBuf, id: String },
    #[error("could not {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "nothing was submitted that waits: {path} lists no submission; start with `cargo xtask notarize out`"
    )]
    NothingToResume { path: PathBuf },
    #[error(
        "nothing is known here of the submission {id}; name the packages that it was for: `cargo xtask notarize --resume {id} out`"
    )]
    UnknownSubmission { id: String },
    #[error("interrupted; `cargo xtask notarize --resume` goes on")]
    Interrupted,
    #[error("could not set up the HTTP client: {0}")]
    Client(String),
}

impl NotaryError {
    /// For file operations.
    pub(super) fn at<'a>(
        operation: &'static str,
        path: &'a std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }
}

/// What a server said, where it said something; in one line, and not too long.
fn said(detail: &str) -> String {
    let line: String = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        _ if line.is_empty() => String::new(),
        Some((end, _)) => format!(": {}…", &line[..end]),
        None => format!(": {line}"),
    }
}

impl NotaryError {
    /// The same error where the submission is kept, so that a later run goes on from here.
    #[must_use]
    pub fn of_what_is_kept(mut self) -> Self {
        if let Self::Busy { is_kept, .. } | Self::Unreachable { is_kept, .. } = &mut self {
            *is_kept = true;
        }
        self
    }
}

fn resume(is_kept: bool) -> &'static str {
    if is_kept { "; `cargo xtask notarize --resume` goes on from here" } else { "" }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("\n  {}", printable(&path.display().to_string()))).collect()
}

fn per_package(packages: &[(PathBuf, Vec<String>)]) -> String {
    let mut text = String::new();
    for (path, faults) in packages {
        for fault in faults {
            let _ = write!(text, "\n  {}: {}", printable(&path.display().to_string()), printable(fault));
        }
    }
    text
}

fn listed(issues: &[Issue]) -> String {
    let mut text = String::new();
    for issue in issues {
        let line = format!("{}: {}: {}", issue.path, issue.severity, issue.message);
        let _ = write!(text, "\n  {}", printable(&line));
        if let Some(url) = &issue.url {
            let _ = write!(text, " ({})", printable(url));
        }
    }
    text
}
