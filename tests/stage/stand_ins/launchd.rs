//! A small model of launchd: which jobs it takes, when they run, when it lets
//! go of them. launchctl(1), launchd.plist(5), and what was reported of both.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::accounts::{SESSION, account};
use crate::state::{Job, Phase, State};

/// Why launchd refuses; `launchctl error CODE` has the words.
pub type Refusal = (i32, &'static str);

/// While a label is registered, and for seconds after it was booted out
/// (headroomlabs-ai/headroom#1289; launchd's own log says 37, operation already
/// in progress: ancwrd1/snx-rs#241). Without any reason too
/// (tomcounsell/ai#2104).
pub const BUSY: Refusal = (5, "Input/output error");
/// A disabled label: DeterminateSystems/nix-installer#530.
pub const DISABLED: Refusal = (119, "Service is disabled");
/// gui/UID while that user is not logged in at the screen, or from outside of
/// the session: openclaw/openclaw#13795, rjwalters/loom#4130.
pub const NO_DOMAIN: Refusal = (125, "Domain does not support specified action");
/// launchctl(1): "Configuration files must disallow group and world writes",
/// and be owned by root, or for an agent by the user who loads it
/// (munkireport/munkireport-php#1468, shadowsocks/ShadowsocksX-NG#448).
pub const BAD_OWNERSHIP: Refusal = (122, "Path had bad ownership/permissions");
/// `launchctl error 109`.
pub const BAD_PLIST: Refusal = (109, "Invalid property list");
/// `bootout` of what is not there: DeterminateSystems/nix-installer#1148.
pub const NO_PROCESS: Refusal = (3, "No such process");
/// `bootout` of a job that needs its time: osquery/osquery#5698.
pub const IN_PROGRESS: Refusal = (36, "Operation now in progress");
/// `print` and `kickstart` of what is not there: headroomlabs-ai/headroom#1289.
pub const NO_SERVICE: i32 = 113;
/// sysexits(3): launchd could not even start it, since the program or the
/// working directory is not there.
const EX_CONFIG: i32 = 78;

/// Lets happen what the time that passed brings.
pub fn settle(state: &mut State) {
    settle_jobs(state);
    let State { programs, jobs, .. } = state;
    programs.retain(|target, _| {
        jobs.get(target).is_some_and(|job| !matches!(job.phase, Phase::Waiting | Phase::Scheduled(_)))
    });
}

fn settle_jobs(state: &mut State) {
    let now = state.now;
    let never = state.faults.never_lets_go;
    state.jobs.retain(|_, job| match job.phase {
        Phase::Draining { until, .. } => never || until > now,
        _ => true,
    });
    for job in state.jobs.values_mut() {
        if matches!(job.phase, Phase::Ending { until, .. } if until <= now && !never) {
            // As limactl does, or lima-start.
            (job.phase, job.last_exit) = (Phase::Waiting, Some(0));
        }
    }
    let due = |job: &Job| matches!(job.phase, Phase::Scheduled(at) if at <= now);
    let targets: Vec<String> =
        state.jobs.iter().filter(|(_, job)| due(job)).map(|(target, _)| target.clone()).collect();
    for target in targets {
        spawn(state, &target);
    }
    // A program that ends at once is not seen for longer than a second.
    if let Some(status) = state.faults.program_exits {
        for job in state.jobs.values_mut() {
            if matches!(job.phase, Phase::Running(_)) && job.started < now {
                job.last_exit = Some(status);
                job.phase = if status == 0 { Phase::Waiting } else { after_failure(job, now) };
            }
        }
    }
}

fn after_failure(job: &Job, now: u64) -> Phase {
    if job.keep_alive { Phase::Scheduled(now + job.throttle) } else { Phase::Waiting }
}

/// Registers the job in the file `path` in `domain`.
pub fn bootstrap(state: &mut State, uid: u32, domain: &str, path: &str) -> Result<(), Refusal> {
    may_change(state, uid, domain)?;
    if state.faults.bootstrap_fails > 0 {
        state.faults.bootstrap_fails -= 1;
        return Err(BUSY);
    }
    // Which code a missing file gives is not known; scripts must not tell it
    // from others.
    let Ok(metadata) = Path::new(path).metadata() else { return Err(BUSY) };
    let owner_is_right = metadata.uid() == 0 || owner_of(domain) == Some(metadata.uid());
    if !owner_is_right || metadata.permissions().mode() & 0o022 != 0 {
        return Err(BAD_OWNERSHIP);
    }
    let text = std::fs::read(path).map_err(|_| BUSY)?;
    let (label, job, run_at_load) = parse(path, &text).ok_or(BAD_PLIST)?;
    let target = format!("{domain}/{label}");
    if state.disabled.contains(&target) {
        return Err(DISABLED);
    }
    if state.jobs.contains_key(&target) {
        return Err(BUSY);
    }
    if let Some(words) = &state.faults.bootstrap_refuses
        && String::from_utf8_lossy(&text).contains(words.as_str())
    {
        return Err(BUSY);
    }
    state.jobs.insert(target.clone(), job);
    // openbase-community/openbase#15.
    if run_at_load && !state.faults.never_spawns {
        spawn(state, &target);
    }
    if state.faults.bootstrap_lies > 0 {
        state.faults.bootstrap_lies -= 1;
        return Err(BUSY);
    }
    Ok(())
}

/// Asks the job to end. It is gone when its process is: `print` shows it until
/// then (kxn/codex-remote-feishu#916).
pub fn bootout(state: &mut State, uid: u32, target: &str) -> Result<(), Refusal> {
    let domain = target.rsplit_once('/').map_or("", |(domain, _)| domain);
    may_change(state, uid, domain)?;
    let takes = state.faults.vm_stops_in;
    let (now, never) = (state.now, state.faults.never_lets_go);
    let Some(job) = state.jobs.get_mut(target) else { return Err(NO_PROCESS) };
    match job.phase {
        Phase::Draining { .. } => Err(IN_PROGRESS),
        Phase::Running(pid) if takes > 0 || never => {
            job.phase = Phase::Draining { pid, until: now + takes.min(job.exit_timeout) };
            if takes > job.exit_timeout && !state.faults.may_cut_power {
                state.complaints.push(format!("{target} was killed before its VM was down"));
            }
            Ok(())
        }
        Phase::Ending { pid, until } => {
            job.phase = Phase::Draining { pid, until: until.min(now + job.exit_timeout) };
            Ok(())
        }
        _ => {
            state.jobs.remove(target);
            Ok(())
        }
    }
}

/// Sends SIGTERM to the job's process. launchd kills nothing afterwards.
pub fn kill(state: &mut State, uid: u32, target: &str) -> Result<(), Refusal> {
    may_change(state, uid, target.rsplit_once('/').map_or("", |(domain, _)| domain))?;
    let until = state.now + state.faults.vm_stops_in;
    match state.jobs.get_mut(target) {
        None => Err(NO_PROCESS),
        Some(job) => {
            if let Phase::Running(pid) = job.phase {
                job.phase = Phase::Ending { pid, until };
            }
            Ok(())
        }
    }
}

/// Starts a registered job that does not run.
pub fn kickstart(state: &mut State, target: &str) {
    let waits = |job: &Job| matches!(job.phase, Phase::Waiting | Phase::Scheduled(_));
    if state.jobs.get(target).is_some_and(waits) && !state.faults.kickstart_fails {
        spawn(state, target);
    }
}

/// Starts the program, if it is there.
fn spawn(state: &mut State, target: &str) {
    let Some(mut job) = state.jobs.remove(target) else { return };
    job.runs += 1;
    let is_there = job.working_directory.as_ref().is_none_or(|folder| Path::new(folder).is_dir());
    let program = job.arguments.first().map_or("", String::as_str);
    let can_run =
        Path::new(program).metadata().is_ok_and(|file| file.is_file() && file.mode() & 0o111 == 0o111);
    let user_exists = job.user.as_ref().is_none_or(|user| account(state, user).is_some());
    if is_there && can_run && user_exists {
        state.processes += 1;
        job.phase = Phase::Running(4000 + state.processes);
        job.started = state.now;
        // As lima-start does with --bundled.
        let limactl = job.arguments.len().checked_sub(4).map(|at| &job.arguments[at]);
        let limactl = limactl.filter(|_| job.arguments.iter().any(|word| word == "--bundled"));
        if let Some(path) = limactl.and_then(|limactl| std::fs::canonicalize(limactl).ok()) {
            state.programs.insert(target.to_owned(), path.to_string_lossy().into_owned());
        }
        let same = |other: &&String| {
            let other = &state.jobs[*other];
            vm(&other.arguments) == vm(&job.arguments)
                && matches!(other.phase, Phase::Running(_) | Phase::Ending { .. } | Phase::Draining { .. })
        };
        if let Some(other) = state.jobs.keys().find(same).cloned() {
            state.complaints.push(format!("{target} starts a VM that {other} still runs"));
        }
    } else {
        job.last_exit = Some(EX_CONFIG);
        job.phase = after_failure(&job, state.now);
    }
    state.jobs.insert(target.to_owned(), job);
}

/// The command of limactl's that the job ends in.
fn vm(arguments: &[String]) -> &[String] {
    &arguments[arguments.len().saturating_sub(4)..]
}

/// The user whose domain it is.
pub fn owner_of(domain: &str) -> Option<u32> {
    domain.strip_prefix("gui/")?.parse().ok()
}

/// Whether that user may load and unload jobs there: root in the machine's
/// domain, and in a user's own the user, from within the session.
pub fn may_change(state: &State, uid: u32, domain: &str) -> Result<(), Refusal> {
    match owner_of(domain) {
        None if uid == 0 => Ok(()),
        None => Err(BUSY),
        Some(owner) if !state.logged_in.contains(&owner) => Err(NO_DOMAIN),
        Some(_) if uid == 0 => Ok(()),
        Some(owner) => {
            let session = std::env::var(SESSION).ok().and_then(|uid| uid.parse().ok());
            if uid == owner && session == Some(owner) { Ok(()) } else { Err(NO_DOMAIN) }
        }
    }
}

/// A property list: its label, the job, and whether it starts when loaded.
fn parse(path: &str, text: &[u8]) -> Option<(String, Job, bool)> {
    let list: plist::Dictionary = plist::from_bytes(text).ok()?;
    let string = |key: &str| Some(list.get(key)?.as_string()?.to_owned());
    let number = |key: &str| list.get(key)?.as_unsigned_integer();
    let arguments: Option<Vec<String>> = list
        .get("ProgramArguments")?
        .as_array()?
        .iter()
        .map(|word| Some(word.as_string()?.to_owned()))
        .collect();
    let environment = list.get("EnvironmentVariables").and_then(plist::Value::as_dictionary);
    let environment: BTreeMap<String, String> = environment
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_string()?.to_owned())))
        .collect();
    let keep_alive = match list.get("KeepAlive") {
        Some(plist::Value::Boolean(always)) => *always,
        Some(plist::Value::Dictionary(when)) => when.get("SuccessfulExit")?.as_boolean() == Some(false),
        _ => false,
    };
    let job = Job {
        path: path.to_owned(),
        user: string("UserName"),
        arguments: arguments?,
        environment,
        working_directory: string("WorkingDirectory"),
        keep_alive,
        // launchd.plist(5): 20 and 10 unless given.
        exit_timeout: number("ExitTimeOut").unwrap_or(20),
        throttle: number("ThrottleInterval").unwrap_or(10),
        phase: Phase::Waiting,
        started: 0,
        last_exit: None,
        runs: 0,
    };
    let run_at_load = list.get("RunAtLoad").and_then(plist::Value::as_boolean).unwrap_or(false);
    Some((string("Label")?, job, run_at_load))
}
