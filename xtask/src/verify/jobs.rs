//! The launchd property lists in a payload.
//!
//! Must not know: where the bytes came from, nor of our own jobs more than what
//! stands in them for something that the installation finds.

use plist::{Dictionary, Value};
use serde::Serialize;

use super::payload::Entry;
use super::{Check, property_list};
use crate::macos::launchd::FOUND_USER;

/// A job, as far as the property list can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Where it is installed.
    pub path: String,
    /// Its label.
    pub label: Option<String>,
    /// Who it runs as; `None` is root, or the user for an agent.
    pub user: Option<String>,
    /// The program and its arguments.
    pub program: Vec<String>,
    /// What makes it start, in words.
    pub starts: Vec<String>,
    /// Whether it lies where launchd does not look, for a script to put it where
    /// launchd does.
    #[serde(skip_serializing_if = "is_false")]
    pub staged: bool,
    /// What the installation finds and writes into it: `user`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found_at_install_time: Vec<&'static str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Whether the bytes of a payload's file are kept: it may be a property list of launchd's.
pub fn is_kept(path: &str) -> bool {
    let is_in_place = path.contains("/LaunchDaemons/") || path.contains("/LaunchAgents/");
    (is_in_place && path.ends_with(".plist")) || may_be_staged(path)
}

/// Whether a package keeps files at this path that are nobody else's matter, and
/// among them perhaps a property list for one of its scripts.
pub fn may_be_staged(path: &str) -> bool {
    path.contains("/Library/Application Support/") && path.ends_with(".plist")
}

/// Whether it is a property list that launchd reads: right below LaunchDaemons or
/// LaunchAgents, or elsewhere a job, by its own name.
pub fn is_property_list(entry: &Entry) -> bool {
    let mut parts = entry.path.rsplit('/');
    let is_list = parts.next().is_some_and(|name| name.ends_with(".plist") && !name.starts_with("._"));
    let is_in_place = matches!(parts.next(), Some("LaunchDaemons" | "LaunchAgents"));
    is_list && entry.is_file() && (is_in_place || is_staged(entry))
}

fn is_staged(entry: &Entry) -> bool {
    let file = entry.path.rsplit('/').next().and_then(|name| name.strip_suffix(".plist"));
    may_be_staged(&entry.path)
        && read(entry).is_ok_and(|job| job.label.as_deref() == file && !job.program.is_empty())
}

/// Reads a job.
///
/// # Errors
/// Why it is none.
pub fn read(entry: &Entry) -> Result<Job, String> {
    let content = entry.content.as_deref().ok_or("it is too large for a launchd property list")?;
    let value =
        property_list::read(content).map_err(|error| format!("it is not a property list: {error}"))?;
    let keys = value.as_dictionary().ok_or("it is not a dictionary")?;
    let text = |key: &str| keys.get(key).and_then(Value::as_string).map(str::to_owned);
    let mut program: Vec<String> = keys
        .get("ProgramArguments")
        .and_then(Value::as_array)
        .map(|array| array.iter().filter_map(|word| word.as_string().map(str::to_owned)).collect())
        .unwrap_or_default();
    if let Some(path) = text("Program") {
        match program.first_mut() {
            Some(first) => *first = path,
            None => program.push(path),
        }
    }
    // An app's own job: a path in the bundle.
    if program.is_empty() {
        program.extend(text("BundleProgram"));
    }
    let finds_user = text("UserName").as_deref() == Some(FOUND_USER);
    Ok(Job {
        path: entry.path.clone(),
        label: text("Label"),
        user: text("UserName"),
        program,
        starts: starts(keys),
        staged: may_be_staged(&entry.path),
        found_at_install_time: finds_user.then_some("user").into_iter().collect(),
    })
}

fn starts(keys: &Dictionary) -> Vec<String> {
    let mut words = Vec::new();
    let is_set = |key: &str| keys.get(key).and_then(Value::as_boolean) == Some(true);
    if is_set("RunAtLoad") {
        words.push("when it is loaded".to_owned());
    }
    match keys.get("KeepAlive") {
        Some(Value::Boolean(true)) => words.push("again whenever it ended".to_owned()),
        Some(Value::Dictionary(rules)) => {
            words.push(match rules.get("SuccessfulExit").and_then(Value::as_boolean) {
                Some(false) => "again after a failure".to_owned(),
                Some(true) => "again after a success".to_owned(),
                None => format!(
                    "kept alive depending on {}",
                    rules.keys().cloned().collect::<Vec<_>>().join(", ")
                ),
            })
        }
        _ => {}
    }
    for (key, what) in [
        ("StartInterval", "at intervals"),
        ("StartCalendarInterval", "at times of the calendar"),
        ("WatchPaths", "when a path changes"),
        ("QueueDirectories", "when a folder is not empty"),
        ("MachServices", "when a Mach service is asked for"),
        ("Sockets", "when a socket is connected to"),
        ("StartOnMount", "when a volume is mounted"),
    ] {
        if keys.contains_key(key) {
            words.push(what.to_owned());
        }
    }
    if keys.get("Disabled").and_then(Value::as_boolean) == Some(true) {
        words.push("disabled until it is enabled".to_owned());
    }
    words
}

/// That a job is not complete before it is installed, in words.
fn remark(job: &Job) -> Option<String> {
    let what = job.found_at_install_time.first()?;
    Some(format!("{}: the {what} is found at install time", job.label.as_deref().unwrap_or(&job.path)))
}

/// What was found in property lists so far.
#[derive(Default)]
pub struct Findings {
    found: super::Findings,
    remarks: Vec<String>,
    any: bool,
}

impl Findings {
    /// Looks at an entry, which need not be a property list. Each list parses, has a label
    /// and a program, belongs to root, and nobody else may write it: launchd refuses
    /// others. Label and file name that differ, and a program that is looked for in PATH,
    /// are odd.
    pub fn add(&mut self, entry: &Entry) {
        if !is_property_list(entry) || self.found.are_many() {
            return;
        }
        self.any = true;
        let path = &entry.path;
        match read(entry) {
            Err(fault) => self.found.fault(format!("{path:?}: {fault}")),
            Ok(job) => {
                self.remarks.extend(remark(&job));
                judge(&job, &mut self.found);
            }
        }
        if entry.uid != 0 {
            self.found.fault(format!("{path:?} belongs to user {}, and launchd wants root", entry.uid));
        }
        if entry.mode & 0o022 != 0 {
            let mode = entry.mode & 0o7777;
            self.found.fault(format!("{path:?} may be written by others: its mode is {mode:o}"));
        }
    }

    /// The check.
    pub fn check(self) -> Check {
        if self.any {
            self.remarks.into_iter().fold(Check::of("launchd", self.found), Check::remark)
        } else {
            Check::not_applicable("launchd", "the package installs no launchd job")
        }
    }
}

fn judge(job: &Job, found: &mut super::Findings) {
    let path = &job.path;
    let file = path.rsplit('/').next().and_then(|name| name.strip_suffix(".plist"));
    match &job.label {
        None => found.fault(format!("{path:?}: it has no label")),
        Some(label) if Some(label.as_str()) != file => {
            found.note(format!("{path:?}: its label is {label:?}, which is not its file's name"));
        }
        Some(_) => {}
    }
    match job.program.first() {
        None => found.fault(format!("{path:?}: it has no program")),
        // An app's own job may name a program inside the app's bundle.
        Some(program) if !program.starts_with('/') => {
            found.note(format!("{path:?}: its program {program:?} is not an absolute path"));
        }
        Some(_) => {}
    }
}
