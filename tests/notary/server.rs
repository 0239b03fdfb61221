//! Apple's notary, Amazon's storage and Apple's tickets on a loopback address, with
//! every fault that they may have.
//!
//! What a request says is checked with other people's programs, and a check that fails
//! panics here and fails the test: `assert_no_fault`.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tempfile::TempDir;

use super::authority::team;

/// Places where the server can stop, as if the line were dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Submit,
    Answered,
    Half,
    Uploaded,
    Status,
    Log,
    LogText,
    Tickets,
}

/// How the server behaves.
pub struct Plan {
    /// Answers before anything is looked at: status, body, Retry-After.
    pub refusals: VecDeque<(u16, &'static str, Option<u32>)>,
    /// By how many seconds its clock is ahead.
    pub clock: i64,
    /// How often a submission is still in progress.
    pub in_progress: u32,
    /// What it says in the end.
    pub verdict: &'static str,
    /// Packages that it finds something in: their names, and what.
    pub issues: Vec<(String, &'static str)>,
    /// How often an upload is cut in the middle.
    pub cuts: u32,
    /// How often a look-up finds nothing.
    pub no_ticket: u32,
    /// Packages that get no ticket beside others: a part of their name.
    pub only_alone: Option<&'static str>,
    /// The certificate that signs tickets.
    pub ticket_leaf: &'static [&'static str],
    /// Where to stop, once.
    pub stop: Option<Step>,
    /// Whether the right to upload has expired.
    pub expired: bool,
    /// Whether packages are not looked at: an upload that is only large.
    pub trusting: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            refusals: VecDeque::new(),
            clock: 0,
            in_progress: 2,
            verdict: "Accepted",
            issues: Vec::new(),
            cuts: 0,
            no_ticket: 0,
            only_alone: None,
            ticket_leaf: &["leaf", "authority"],
            stop: None,
            expired: false,
            trusting: false,
        }
    }
}

/// A submission that the server knows.
#[derive(Clone)]
pub struct Submission {
    pub id: String,
    pub name: String,
    pub sha256: String,
    pub webhook: Option<String>,
    pub uploads: u32,
    /// Names of the packages and their digests, once it has them.
    pub packages: Vec<(String, Vec<u8>)>,
    pub polls: u32,
    /// What it was told when it asked.
    pub verdict: &'static str,
}

#[derive(Default)]
pub struct State {
    pub plan: Plan,
    pub submissions: Vec<Submission>,
    pub requests: Vec<String>,
    pub faults: Vec<String>,
    pub stopped: bool,
    /// Tickets that were given out: asked for again, they are the same.
    pub tickets: HashMap<String, String>,
}

pub struct Server {
    pub address: String,
    pub dir: TempDir,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// A request's head.
pub struct Head {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value)
    }

    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Self { method, target, headers })
    }
}

pub const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const SESSION: &str = "IQoJb3JpZ2luX2VjEAAa/+session==";

impl Server {
    pub fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = State { plan, ..State::default() };
        let server = Self {
            address: address.clone(),
            dir: tempfile::tempdir().unwrap(),
            state: Arc::new((Mutex::new(state), Condvar::new())),
        };
        let (state, folder) = (Arc::clone(&server.state), server.dir.path().to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let one = Connection {
                    address: address.clone(),
                    folder: folder.clone(),
                    state: Arc::clone(&state),
                };
                std::thread::spawn(move || one.serve(stream.unwrap()));
            }
        });
        server
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }

    /// Waits until it has stopped where it was to.
    pub fn wait_until_stopped(&self) {
        let guard = self.state();
        let limit = Duration::from_secs(60);
        let (guard, timeout) = self.state.1.wait_timeout_while(guard, limit, |state| !state.stopped).unwrap();
        assert!(!timeout.timed_out(), "{:?} was never reached: {:?}", guard.plan.stop, guard.requests);
    }

    /// From here on it answers.
    pub fn go_on(&self) {
        let mut state = self.state();
        state.plan.stop = None;
        state.stopped = false;
    }

    /// The hidden settings that name it.
    pub fn settings(&self) -> PathBuf {
        let file = self.dir.path().join("services.json");
        let forger = team().forger.lock().unwrap();
        let settings = json!({
            "notary": format!("http://{}/notary/v2/", self.address),
            "tickets": format!("http://{}/tickets/lookup", self.address),
            "storage": format!("http://{}/storage", self.address),
            "roots": team().path("root.pem"),
            "ticket_roots": forger.pem("root"),
            "poll_ms": 20,
            "pause_ms": 10,
        });
        fs::write(&file, settings.to_string()).unwrap();
        file
    }

    pub fn assert_no_fault(&self) {
        let state = self.state();
        assert!(state.faults.is_empty(), "{:#?}\n{:#?}", state.faults, state.requests);
    }

    /// Has tickets for these tables of contents, as if somebody else had submitted them.
    pub fn knows(&self, packages: Vec<(String, Vec<u8>)>) {
        let submission = Submission {
            id: "00000000-0000-0000-0000-000000000000".to_owned(),
            name: "somebody else's".to_owned(),
            sha256: String::new(),
            webhook: None,
            uploads: 1,
            packages,
            polls: 0,
            verdict: "Accepted",
        };
        self.state().submissions.push(submission);
    }

    /// Requests that begin so.
    pub fn count(&self, beginning: &str) -> usize {
        self.state().requests.iter().filter(|one| one.starts_with(beginning)).count()
    }
}

pub struct Connection {
    pub address: String,
    pub folder: PathBuf,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Connection {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }

    /// Stops here, if it is to: the connection stays open and silent.
    pub fn step(&self, step: Step) -> bool {
        let mut state = self.state();
        if state.plan.stop != Some(step) {
            return true;
        }
        state.stopped = true;
        self.state.1.notify_all();
        while state.stopped {
            drop(state);
            std::thread::sleep(Duration::from_millis(20));
            state = self.state();
        }
        false
    }

    pub fn check(&self, result: Result<(), String>) {
        if let Err(fault) = result {
            self.state().faults.push(fault);
        }
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let Some(head) = Head::read(&mut reader) else { return };
        self.state().requests.push(format!("{} {}", head.method, head.target));
        if let Some(answer) = self.answer(&head, &mut reader) {
            self.send(stream, answer);
        }
    }

    fn send(&self, mut stream: TcpStream, (status, body, retry_after): (u16, String, Option<u32>)) {
        let date: DateTime<Utc> = SystemTime::now().into();
        let date = date + TimeDelta::seconds(self.state().plan.clock);
        let retry = retry_after.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\nDate: {}\r\nContent-Length: {}\r\n{retry}Connection: close\r\n\r\n{body}",
            date.format("%a, %d %b %Y %H:%M:%S GMT"),
            body.len()
        );
    }
}

pub fn error_body(code: &str, detail: &str) -> String {
    json!({ "errors": [{ "status": "X", "code": code, "title": "A title", "detail": detail }] }).to_string()
}
