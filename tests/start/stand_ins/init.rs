//! Process 1 of the machine. It starts programs, as launchd and systemd do, and
//! lets time pass, as the scenario on its standard input says: a line of JSON
//! each, which it answers with one.
//!
//! Time passes only while every process sleeps: looks at all of them in
//! succession find each one asleep, and none was awake in between, as the
//! kernel's count of its switches tells. (A third look, since a process that ends
//! is seen as ended a moment before its parent is woken.) So nothing of what happens in a second
//! depends on how fast this computer is.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::state::{NOW, PROC, SLEEPERS};

/// Real time in which the machine comes to rest, or something spins.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    /// Starts a program with an environment as a user.
    Spawn { arguments: Vec<String>, environment: BTreeMap<String, String>, uid: u32, errors: String },
    /// Sends a signal.
    Kill { pid: i32, signal: i32 },
    /// Lets all come to rest.
    Settle,
    /// Lets time pass until somebody is to be woken, but not beyond this second.
    Step { until: u64 },
}

#[derive(Default, Serialize)]
struct Answer {
    /// The second.
    now: u64,
    /// The process that was started.
    pid: i32,
    /// Whether anything happened.
    woken: bool,
    /// Processes that have ended, and how: a status, or 128 and a signal.
    ended: Vec<(i32, i32)>,
    /// Why it was not done.
    problem: Option<String>,
}

/// Runs the machine in this root folder until standard input ends. Then the
/// kernel kills all others: the power is gone.
pub fn run(root: &Path) {
    std::os::unix::fs::chroot(root).expect("enter the root folder");
    std::env::set_current_dir("/").expect("go there");
    for line in std::io::stdin().lock().lines() {
        let order = serde_json::from_str(&line.expect("a line")).expect("an order");
        let mut answer = Answer::default();
        if let Err(problem) = obey(order, &mut answer) {
            answer.problem = Some(problem);
        }
        answer.now = crate::clock::now();
        println!("{}", serde_json::to_string(&answer).expect("an answer is data"));
        std::io::stdout().flush().expect("answer");
    }
}

fn obey(order: Order, answer: &mut Answer) -> Result<(), String> {
    match order {
        Order::Spawn { arguments, environment, uid, errors } => {
            let output = |name: &str| {
                let file = fs::OpenOptions::new().append(true).create(true).open(name);
                file.map(Stdio::from).map_err(|error| format!("{name}: {error}"))
            };
            let mut command = Command::new(&arguments[0]);
            command.args(&arguments[1..]).env_clear().envs(environment).uid(uid).gid(uid).process_group(0);
            command.stdin(Stdio::null()).stdout(output("/stand-ins/stdout")?);
            command.stderr(output(&errors)?);
            let child = command.spawn().map_err(|error| format!("{arguments:?}: {error}"))?;
            answer.pid = child.id().cast_signed();
        }
        Order::Kill { pid, signal } => {
            let signal = Signal::try_from(signal).map_err(|error| error.to_string())?;
            kill(Pid::from_raw(pid), signal).map_err(|error| format!("{signal} for {pid}: {error}"))?;
        }
        Order::Settle => settle(answer)?,
        Order::Step { until } => {
            settle(answer)?;
            if !answer.ended.is_empty() {
                // Whoever waits for that looks first.
                answer.woken = true;
                return Ok(());
            }
            let sleepers = sleepers();
            let next = sleepers.values().copied().min().filter(|at| *at <= until);
            fs::write(NOW, next.unwrap_or(until).max(crate::clock::now()).to_string())
                .map_err(|error| error.to_string())?;
            for (pid, _) in sleepers.iter().filter(|(_, at)| Some(**at) == next) {
                answer.woken = true;
                let _ = fs::remove_file(Path::new(SLEEPERS).join(pid.to_string()));
                let _ = kill(Pid::from_raw(*pid), Signal::SIGUSR1);
            }
            settle(answer)?;
        }
    }
    Ok(())
}

/// Waits until every process sleeps.
fn settle(answer: &mut Answer) -> Result<(), String> {
    let begin = Instant::now();
    let mut before = None;
    let mut same = 0;
    loop {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => answer.ended.push((pid.as_raw(), status)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    answer.ended.push((pid.as_raw(), 128 + signal as i32));
                }
                _ => break,
            }
        }
        let now = asleep();
        same = if now.is_some() && now == before { same + 1 } else { 0 };
        if same == 2 {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("the machine does not come to rest: {}", busy()));
        }
        std::thread::sleep(Duration::from_micros(if now.is_some() { 150 } else { 800 }));
        before = now;
    }
}

/// Every process but this one, and how often it was awake. `None`: one is.
fn asleep() -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for process in fs::read_dir(PROC).expect("look at the processes").flatten() {
        let name = process.file_name().into_string().unwrap_or_default();
        if name == "1" || !name.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        // One that has ended meanwhile was awake.
        let status = fs::read_to_string(process.path().join("status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let state = field("State:")?.trim_start().chars().next()?;
        match field("Threads:").map(str::trim) {
            Some("1") => {}
            // What is just being put away.
            Some("0") => return None,
            threads => panic!("a look at one thread is not enough: {threads:?}"),
        }
        if !matches!(state, 'S' | 'T' | 't' | 'Z') {
            return None;
        }
        // What comes last in the file.
        let switches = status.find("\nvoluntary_ctxt_switches:").map_or("", |at| &status[at..]);
        found.insert(name, format!("{state}{switches}"));
    }
    Some(found)
}

fn busy() -> String {
    let processes = fs::read_dir(PROC).expect("look at the processes").flatten();
    let lines = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    lines.collect()
}

/// Who sleeps until when. Of those that are gone, nothing is left.
fn sleepers() -> BTreeMap<i32, u64> {
    let mut found = BTreeMap::new();
    for file in fs::read_dir(SLEEPERS).expect("look at the sleepers").flatten() {
        let pid: i32 = file.file_name().to_string_lossy().parse().expect("a process");
        let lives = fs::read_to_string(Path::new(PROC).join(pid.to_string()).join("status"))
            .is_ok_and(|status| !status.contains("\nState:\tZ"));
        if lives {
            let text = fs::read_to_string(file.path()).expect("a second");
            found.insert(pid, text.parse().expect("a second"));
        } else {
            fs::remove_file(file.path()).expect("forget a sleeper");
        }
    }
    found
}
