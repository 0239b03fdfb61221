//! From packages to bytes at Apple: announced, submitted, uploaded, each step on record.
//!
//! Must not know: what becomes of them there.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::DateTime;

use super::NotaryError;
use super::api::{self, Status};
use super::archive::{Member, Zip, lay_out};
use super::package::{Package, archive};
use super::record::{Record, State, Submission, Submitted};
use super::run::{Event, Run};
use super::upload::{self, Content, LARGEST, UploadFault};
use crate::verify::ticket::package_entry;

/// How often is said how much is sent.
const TICK: Duration = Duration::from_millis(200);
/// What a package's headers may take in a zip, in bytes.
const HEADERS: u64 = 1 << 10;

/// Puts packages on record, as few submissions as one upload can take. Returns their places.
pub(super) fn announce(record: &mut Record, packages: Vec<Package>) -> Result<Vec<usize>, NotaryError> {
    let mut groups: Vec<(u64, Vec<Package>)> = Vec::new();
    for package in packages {
        let metadata = package.path().metadata().map_err(NotaryError::at("look at", package.path()))?;
        let size = metadata.len() + HEADERS;
        if size > LARGEST {
            let fault = "it has more than 5 GiB, which is the most that is uploaded at once".to_owned();
            return Err(NotaryError::NotReady(vec![(package.path().to_owned(), vec![fault])]));
        }
        match groups.last_mut() {
            Some((sum, group)) if *sum + size <= LARGEST => {
                *sum += size;
                group.push(package);
            }
            _ => groups.push((size, vec![package])),
        }
    }
    let now = record.now();
    groups.into_iter().map(|(_, group)| add(record, &group, State::Announced, now)).collect()
}

/// Puts one submission on record. Its digests are filled in when it is laid out.
pub(super) fn add(
    record: &mut Record,
    packages: &[Package],
    state: State,
    now: u64,
) -> Result<usize, NotaryError> {
    let announced =
        i64::try_from(now).ok().and_then(|now| DateTime::from_timestamp(now, 0)).unwrap_or_default();
    let packages = packages
        .iter()
        .map(|package| Submitted {
            // A later run may be somewhere else.
            paths: package
                .paths
                .iter()
                .map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()))
                .collect(),
            name: package.name.clone(),
            sha256: String::new(),
            ticket: Submitted::ticket_of(&package.entry),
        })
        .collect();
    Ok(record.add(Submission { name: String::new(), sha256: String::new(), packages, announced, state })?)
}

/// Brings a submission's bytes to Apple, as far as they are not there.
pub(super) fn upload(run: &mut Run<'_>, index: usize) -> Result<(), NotaryError> {
    run.api.http().go_on()?;
    match &run.record.submissions()[index].state {
        State::Announced => check_unchanged(&run.record.submissions()[index])?,
        State::Submitted { id, .. } => {
            let id = id.clone();
            // Killed right behind the last byte, perhaps: Apple would be at it, or done.
            if is_looked_at(run, &id)? {
                run.record.set(index, State::Uploaded { id })?;
                return Ok(());
            }
        }
        State::Uploaded { .. } | State::Refused { .. } => return Ok(()),
    }
    let members = members(&run.record.submissions()[index]);
    let zip = lay_out(&members)?;
    let sha256 = zip.sha256()?;
    if run.record.submissions()[index].state == State::Announced {
        let name = format!("lima-autostart-{}.zip", &sha256[..16]);
        run.record.describe(index, name.clone(), sha256.clone(), &zip.members)?;
        let submitted = run.api.submit(&sha256, &name, run.webhook)?;
        let packages = members.len();
        (run.events)(Event::Submitted { id: &submitted.id, packages, bytes: zip.size });
        run.record.set(index, State::Submitted { id: submitted.id, upload: submitted.upload })?;
    }
    let submission = &run.record.submissions()[index];
    let State::Submitted { id, upload } = &submission.state else { return Ok(()) };
    if submission.sha256 != sha256 {
        let changed = submission.packages.iter().zip(&zip.members).find(|(one, now)| one.sha256 != **now);
        let path = changed.map_or_else(PathBuf::new, |(one, _)| one.paths[0].clone());
        return Err(NotaryError::Changed { path, id: id.clone() });
    }
    let (id, to) = (id.clone(), upload.clone());
    match put(run, &id, &to, &zip, &sha256) {
        Ok(()) => {}
        Err(UploadFault::Expired) => {
            // What had arrived as a whole Apple would have looked at in those hours.
            run.record.retain(|one| one.id() != Some(id.as_str()))?;
            return Err(NotaryError::UploadExpired { id });
        }
        Err(UploadFault::Other(error)) => return Err(error),
    }
    (run.events)(Event::Uploaded { id: &id });
    run.record.set(index, State::Uploaded { id })?;
    Ok(())
}

/// Whether Apple has looked at it, so that its bytes are there.
fn is_looked_at(run: &Run<'_>, id: &str) -> Result<bool, NotaryError> {
    Ok(run.api.status(id)? != Status::InProgress)
}

/// Whether the files are still those that were to be submitted.
fn check_unchanged(submission: &Submission) -> Result<(), NotaryError> {
    for one in &submission.packages {
        let Some(path) = one.paths.first() else { continue };
        if package_entry(&archive(path)?.0).ok() != one.entry() {
            return Err(NotaryError::Changed { path: path.clone(), id: "(not submitted yet)".to_owned() });
        }
    }
    Ok(())
}

fn members(submission: &Submission) -> Vec<Member> {
    let member = |one: &Submitted| Some(Member { name: one.name.clone(), path: one.paths.first()?.clone() });
    submission.packages.iter().filter_map(member).collect()
}

/// Uploads, and says how far it is.
fn put(run: &Run<'_>, id: &str, to: &api::Upload, zip: &Zip, sha256: &str) -> Result<(), UploadFault> {
    let http = run.api.http();
    let sent = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if http.go_on().is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                (run.events)(Event::Uploading { id, sent: sent.load(Ordering::Relaxed), total: zip.size });
                std::thread::park_timeout(TICK);
            }
        });
        let result = upload::upload(http, run.services, to, &Content { size: zip.size, sha256 }, || {
            sent.store(0, Ordering::Relaxed);
            Ok(Counted { reader: zip.reader(), sent: Arc::clone(&sent), stop: Arc::clone(&stop) })
        });
        is_over.store(true, Ordering::Relaxed);
        result
    })
}

/// Counts what passes, and ends it when the run is to end.
struct Counted<R> {
    reader: R,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("interrupted"));
        }
        let count = self.reader.read(buffer)?;
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
