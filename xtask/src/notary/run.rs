//! The whole way of packages to their tickets, and where to go on.
//!
//! ```text
//! packages ─┬─ stapled already
//!           ├─ notarized already: the ticket is there ─ staple
//!           ├─ in a submission that is not done ──────────────┐
//!           └─ others ─ one submission ─ upload ──────────────┴─ wait ─ log ─┬─ all in it
//!                           └──── each alone ◄── not in the log's tickets ───┘
//! tickets of all in one look-up ─ check ─ staple
//! ```
//!
//! A ticket is for the table of contents, which the signatures and their timestamps are
//! not part of: a package that is built again from the same settings is notarized already.
//!
//! Must not know: flags, how events are shown.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use flatpkg::xar::ticket::Entry;
use url::Url;

use super::api::{Api, Status};
use super::package::{Package, archive};
use super::record::{Record, State, Submission, Submitted};
use super::staple::staple;
use super::{Issue, NotaryError, Services, submit, tickets};
use crate::verify::ticket::package_entry;

/// What happens.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names say what the fields are")]
pub enum Event<'a> {
    /// Nothing is to be done for it.
    AlreadyStapled { path: &'a PathBuf },
    /// Apple has an id for it.
    Submitted { id: &'a str, packages: usize, bytes: u64 },
    /// An earlier submission goes on.
    GoesOn { id: &'a str, packages: usize },
    /// So many bytes are sent.
    Uploading { id: &'a str, sent: u64, total: u64 },
    /// All bytes are sent.
    Uploaded { id: &'a str },
    /// Apple is not done.
    Waiting { id: &'a str, waited: Duration },
    /// Apple has notarized it.
    Accepted { id: &'a str },
    /// Apple found something that it does not mind.
    Warned { issue: &'a Issue },
    /// A submission of several has no ticket for it, so it is submitted by itself.
    Alone { path: &'a PathBuf },
    /// It is notarized and stapled.
    Stapled { path: &'a PathBuf, time: DateTime<Utc> },
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every package is stapled: so many of them now.
    Stapled(usize),
    /// These are submitted, and nobody waited.
    Submitted(Vec<String>),
}

/// Who is told what happens.
pub type Events<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// A run.
pub struct Run<'a> {
    /// Apple.
    pub api: &'a Api<'a>,
    /// Whom else to ask.
    pub services: &'a Services,
    /// What was submitted.
    pub record: &'a mut Record,
    /// Is told what happens.
    pub events: Events<'a>,
    /// What Apple is to call when it is done.
    pub webhook: Option<&'a Url>,
    /// Whether to wait until it is done; `None` does not.
    pub timeout: Option<Duration>,
}

impl Run<'_> {
    /// Notarizes packages and staples their tickets. What an earlier run has submitted is
    /// not submitted again.
    ///
    /// # Errors
    /// [`NotaryError`]; the record then says where to go on.
    pub fn notarize(&mut self, packages: Vec<Package>) -> Result<Outcome, NotaryError> {
        let packages = self.pending(packages)?;
        self.record.retain(|one| one.state != State::Announced)?;
        let wanted: BTreeSet<String> = packages.iter().map(|one| tickets::name(&one.entry)).collect();
        let mut indices = BTreeSet::new();
        let mut rest = Vec::new();
        let mut all = Vec::new();
        for package in packages {
            let found = self.record.submissions().iter().position(|one| is_of(one, &package.entry, &wanted));
            all.push((package.entry, package.paths.clone()));
            match found {
                Some(index) => drop(indices.insert(index)),
                None => rest.push(package),
            }
        }
        self.go_on_with(&indices);
        let (rest, known) = self.notarized_already(rest)?;
        all.retain(|(entry, _)| !known.contains(entry));
        indices.extend(submit::announce(self.record, rest)?);
        Ok(match self.finish(indices, all)? {
            Outcome::Stapled(count) => Outcome::Stapled(count + known.len()),
            submitted @ Outcome::Submitted(_) => submitted,
        })
    }

    /// Staples what has a ticket. Returns the others, and what those were.
    fn notarized_already(
        &self,
        packages: Vec<Package>,
    ) -> Result<(Vec<Package>, HashSet<Entry>), NotaryError> {
        let entries: Vec<Entry> = packages.iter().map(|package| package.entry).collect();
        // Who cannot be asked now is asked again later, when there must be an answer.
        let found = tickets::look_up_once(self.api.http(), self.services, &entries).unwrap_or_default();
        let mut known = HashSet::new();
        for package in &packages {
            let Some(ticket) = found.get(&package.entry) else { continue };
            for path in &package.paths {
                self.staple_one(path, package.entry, ticket)?;
            }
            known.insert(package.entry);
        }
        Ok((packages.into_iter().filter(|package| !known.contains(&package.entry)).collect(), known))
    }

    /// Goes on with what earlier runs have submitted: all of it, or `id`, which was for
    /// `packages` where it is not known here. Nothing of which Apple has an id is submitted.
    ///
    /// # Errors
    /// [`NotaryError`]; the record then says where to go on.
    pub fn resume(&mut self, id: Option<&str>, packages: Vec<Package>) -> Result<Outcome, NotaryError> {
        let mut indices: BTreeSet<usize> = (0..self.record.submissions().len())
            .filter(|index| {
                let one = &self.record.submissions()[*index];
                id.map_or(!matches!(one.state, State::Refused { .. }), |id| one.id() == Some(id))
            })
            .collect();
        if let (Some(id), true) = (id, indices.is_empty()) {
            if packages.is_empty() {
                return Err(NotaryError::UnknownSubmission { id: id.to_owned() });
            }
            let state = State::Uploaded { id: id.to_owned() };
            indices.insert(submit::add(self.record, &packages, state, self.api.http().now())?);
        }
        if indices.is_empty() {
            return Err(NotaryError::NothingToResume { path: self.record.path() });
        }
        self.go_on_with(&indices);
        let given: HashMap<Entry, Vec<PathBuf>> =
            packages.into_iter().map(|package| (package.entry, package.paths)).collect();
        let mut all = Vec::new();
        for index in &indices {
            for package in &self.record.submissions()[*index].packages {
                let Some(entry) = package.entry() else { continue };
                let paths = given.get(&entry).unwrap_or(&package.paths);
                all.push((entry, paths.clone()));
            }
        }
        self.finish(indices, all)
    }

    /// The packages that have no ticket, if Apple would take all of them.
    fn pending(&self, packages: Vec<Package>) -> Result<Vec<Package>, NotaryError> {
        let (stapled, pending): (Vec<_>, Vec<_>) = packages.into_iter().partition(|one| one.is_stapled);
        for path in stapled.iter().flat_map(|one| &one.paths) {
            (self.events)(Event::AlreadyStapled { path });
        }
        let refused: Vec<_> = pending
            .iter()
            .filter(|one| !one.faults.is_empty())
            .map(|one| (one.path().to_owned(), one.faults.clone()))
            .collect();
        if refused.is_empty() { Ok(pending) } else { Err(NotaryError::NotReady(refused)) }
    }

    fn go_on_with(&self, indices: &BTreeSet<usize>) {
        for one in indices.iter().map(|index| &self.record.submissions()[*index]) {
            if let Some(id) = one.id() {
                (self.events)(Event::GoesOn { id, packages: one.packages.len() });
            }
        }
    }

    /// Brings submissions to their end, and tickets to `packages`.
    fn finish(
        &mut self,
        mut indices: BTreeSet<usize>,
        packages: Vec<(Entry, Vec<PathBuf>)>,
    ) -> Result<Outcome, NotaryError> {
        for index in &indices {
            submit::upload(self, *index)?;
        }
        let ids = |run: &Self, indices: &BTreeSet<usize>| -> Vec<String> {
            indices
                .iter()
                .filter_map(|index| run.record.submissions()[*index].id())
                .map(str::to_owned)
                .collect()
        };
        let Some(timeout) = self.timeout else {
            return Ok(Outcome::Submitted(ids(self, &indices)));
        };
        let begin = Instant::now();
        let mut to_wait_for: Vec<usize> = indices.iter().copied().collect();
        while let Some(index) = to_wait_for.pop() {
            self.wait(index, begin, timeout)?;
            let alone = self.without_ticket(index)?;
            for package in alone {
                (self.events)(Event::Alone { path: &package.paths[0] });
                for new in submit::announce(self.record, vec![package])? {
                    submit::upload(self, new)?;
                    indices.insert(new);
                    to_wait_for.push(new);
                }
            }
        }
        let stapled = self.staple_all(packages, begin, timeout)?;
        let done: BTreeSet<String> = ids(self, &indices).into_iter().collect();
        self.record.retain(|one| one.id().is_none_or(|id| !done.contains(id)))?;
        Ok(Outcome::Stapled(stapled))
    }

    /// Waits until Apple has looked at a submission, and fails where it refuses it.
    fn wait(&mut self, index: usize, begin: Instant, timeout: Duration) -> Result<(), NotaryError> {
        let Some(id) = self.record.submissions()[index].id().map(str::to_owned) else { return Ok(()) };
        let pace = self.api.http().pace();
        let mut pause = pace.poll;
        loop {
            match self.api.status(&id)? {
                Status::Accepted => {
                    (self.events)(Event::Accepted { id: &id });
                    return Ok(());
                }
                Status::Refused(status) => {
                    self.record.set(index, State::Refused { id: id.clone() })?;
                    // The refusal is what matters, even where the log cannot be had.
                    let (summary, issues) = match self.api.log(&id) {
                        Ok(log) => (log.summary, log.issues),
                        Err(error) => (format!("its log could not be fetched: {error}"), Vec::new()),
                    };
                    return Err(NotaryError::Refused { id, status, summary, issues });
                }
                Status::Unknown(status) => return Err(NotaryError::UnknownStatus { id, status }),
                Status::InProgress => {}
            }
            let waited = begin.elapsed();
            (self.events)(Event::Waiting { id: &id, waited });
            if waited >= timeout {
                let status = "In Progress".to_owned();
                return Err(NotaryError::Timeout { id, status, waited: waited.as_secs() });
            }
            self.api.http().sleep(pause.min(timeout - waited))?;
            pause = (pause + pause / 2).min(pace.poll_max);
        }
    }

    /// The packages of an accepted submission that its log names no ticket for.
    fn without_ticket(&self, index: usize) -> Result<Vec<Package>, NotaryError> {
        let submission = &self.record.submissions()[index];
        let Some(id) = submission.id() else { return Ok(Vec::new()) };
        let log = self.api.log(id)?;
        for issue in &log.issues {
            (self.events)(Event::Warned { issue });
        }
        let has_ticket = |package: &Submitted| {
            let digest = package.ticket.rsplit('/').next().unwrap_or_default();
            // A longer digest is cut in the ticket, and may be whole in the log.
            log.tickets.iter().any(|ticket| !digest.is_empty() && ticket.starts_with(digest))
        };
        let missing: Vec<&Submitted> = submission.packages.iter().filter(|one| !has_ticket(one)).collect();
        // By itself it can only be asked for: whether there is a ticket the look-up knows.
        if submission.packages.len() == 1 {
            return Ok(Vec::new());
        }
        missing
            .into_iter()
            .map(|one| {
                let mut package = Package::open(&one.paths[0], &one.name, self.services)?;
                package.paths.clone_from(&one.paths);
                if Some(package.entry) == one.entry() {
                    Ok(package)
                } else {
                    Err(NotaryError::Changed { path: one.paths[0].clone(), id: id.to_owned() })
                }
            })
            .collect()
    }

    /// Fetches all tickets and staples them. One that is missing right after Apple has
    /// accepted the package is asked for again.
    fn staple_all(
        &self,
        packages: Vec<(Entry, Vec<PathBuf>)>,
        begin: Instant,
        timeout: Duration,
    ) -> Result<usize, NotaryError> {
        let http = self.api.http();
        let mut pause = http.pace().poll;
        let mut left = packages;
        let mut stapled = 0;
        loop {
            let entries: Vec<Entry> = left.iter().map(|(entry, _)| *entry).collect();
            let found =
                tickets::look_up(http, self.services, &entries).map_err(NotaryError::of_what_is_kept)?;
            let mut missing = Vec::new();
            for (entry, paths) in left {
                let Some(ticket) = found.get(&entry) else {
                    missing.push((entry, paths));
                    continue;
                };
                for path in &paths {
                    http.go_on()?;
                    self.staple_one(path, entry, ticket)?;
                }
                stapled += 1;
            }
            if missing.is_empty() {
                return Ok(stapled);
            }
            let waited = begin.elapsed();
            if waited >= timeout {
                return Err(NotaryError::NoTicket(
                    missing.into_iter().flat_map(|(_, paths)| paths).collect(),
                ));
            }
            left = missing;
            http.sleep(pause.min(timeout - waited))?;
            pause = (pause + pause / 2).min(http.pace().poll_max);
        }
    }

    fn staple_one(&self, path: &PathBuf, entry: Entry, ticket: &[u8]) -> Result<(), NotaryError> {
        let (read, _) = archive(path)?;
        if package_entry(&read).ok() != Some(entry) {
            let submissions = self.record.submissions();
            let name = Submitted::ticket_of(&entry);
            let of = submissions.iter().find(|one| one.packages.iter().any(|package| package.ticket == name));
            let id = of.and_then(Submission::id).unwrap_or("(unknown)").to_owned();
            return Err(NotaryError::Changed { path: path.clone(), id });
        }
        let notarized = staple(path, ticket, self.services)?;
        (self.events)(Event::Stapled { path, time: notarized.time });
        Ok(())
    }
}

/// Whether a package is in a submission that is worth going on with. One that was refused
/// is that only for the very same packages: with the faulty one gone, the others are new.
fn is_of(submission: &Submission, entry: &Entry, wanted: &BTreeSet<String>) -> bool {
    let name = Submitted::ticket_of(entry);
    let is_in = submission.packages.iter().any(|package| package.ticket == name);
    match submission.state {
        State::Refused { .. } => {
            is_in
                && submission.packages.len() == wanted.len()
                && submission.packages.iter().all(|package| wanted.contains(&package.ticket))
        }
        _ => is_in,
    }
}
