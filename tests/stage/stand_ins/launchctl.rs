//! launchctl(1): the words and codes in front of [`launchd`].

use std::process::Command;

use crate::End;
use crate::accounts::{SESSION, become_program};
use crate::launchd::{self, Refusal};
use crate::state::{Job, Phase, State};

/// Runs it. `None`: it does not know these words.
pub fn run(state: &mut State, uid: u32, words: &[&str]) -> Option<End> {
    state.now += state.faults.launchctl_takes;
    launchd::settle(state);
    match words {
        ["print", domain] if is_domain(domain) => Some(print_domain(state, domain)),
        ["print", target] if is_target(target) => Some(match state.jobs.get(*target) {
            Some(job) => End::good(print(target, job)),
            None => no_service(target),
        }),
        ["print-disabled", domain] if is_domain(domain) => Some(print_disabled(state, domain)),
        ["bootstrap", domain, path] if is_domain(domain) => {
            let done = launchd::bootstrap(state, uid, domain, path);
            Some(answer("Bootstrap failed", uid, done))
        }
        ["bootout", target] if is_target(target) => {
            let done = launchd::bootout(state, uid, target);
            Some(answer("Boot-out failed", uid, done))
        }
        ["kill", "SIGTERM", target] if is_target(target) => {
            let done = launchd::kill(state, uid, target);
            Some(answer("Could not signal service", uid, done))
        }
        ["enable", target] if is_target(target) => {
            let domain = target.rsplit_once('/')?.0;
            let allowed = launchd::may_change(state, uid, domain);
            if allowed.is_ok() {
                state.disabled.remove(*target);
            }
            Some(answer("Could not enable service", uid, allowed))
        }
        ["kickstart", target] if is_target(target) => {
            if !state.jobs.contains_key(*target) {
                return Some(no_service(target));
            }
            launchd::kickstart(state, target);
            Some(End::good(""))
        }
        // "This subcommand requires root privileges", and "It does not modify
        // the process' credentials": launchctl(1).
        ["asuser", user, program, arguments @ ..] => {
            let user: u32 = user.parse().ok()?;
            if uid != 0 {
                let why = format!("Could not switch to audit session {user}: 1: Operation not permitted\n");
                return Some(End::bad(1, why));
            }
            let mut command = Command::new(program);
            Some(become_program(state, command.args(arguments).env(SESSION, user.to_string())))
        }
        _ => None,
    }
}

fn is_domain(word: &str) -> bool {
    word == "system" || launchd::owner_of(word).is_some()
}

fn is_target(word: &str) -> bool {
    word.rsplit_once('/').is_some_and(|(domain, label)| is_domain(domain) && !label.is_empty())
}

/// `Bootstrap failed: 5: Input/output error`, and for others than root the
/// advice that a report of it has (Homebrew/homebrew-services#528).
fn answer(what: &str, uid: u32, done: Result<(), Refusal>) -> End {
    let Err((code, words)) = done else { return End::good("") };
    let advice = if uid == 0 { "" } else { "Try re-running the command as root for richer errors.\n" };
    End::bad(code, format!("{what}: {code}: {words}\n{advice}"))
}

fn no_service(target: &str) -> End {
    let (domain, label) = target.rsplit_once('/').unwrap_or_default();
    let domain = match launchd::owner_of(domain) {
        Some(uid) => format!("user gui: {uid}"),
        None => "system".to_owned(),
    };
    let why = format!("Bad request.\nCould not find service \"{label}\" in domain for {domain}\n");
    End::bad(launchd::NO_SERVICE, why)
}

/// A user's domain is there while the user is logged in. Otherwise 125, or 112
/// (duh17/oppi#38).
fn print_domain(state: &State, domain: &str) -> End {
    match launchd::owner_of(domain) {
        Some(uid) if !state.logged_in.contains(&uid) => {
            let (code, _) = launchd::NO_DOMAIN;
            End::bad(code, format!("Bad request.\nCould not find domain for user gui: {uid}\n"))
        }
        _ => End::good(format!("{domain} = {{\n\ttype = {domain}\n\tsecurity context = {{\n\t}}\n}}\n")),
    }
}

/// As macOS 13 and later print it (usnistgov/macos_security#167); before, with `true`.
fn print_disabled(state: &State, domain: &str) -> End {
    let (disabled, enabled) = match state.faults.says_true_for_disabled {
        true => ("true", "false"),
        false => ("disabled", "enabled"),
    };
    let mut text = format!("\tdisabled services = {{\n\t\t\"com.example.other\" => {enabled}\n");
    for target in &state.disabled {
        if let Some((of, label)) = target.rsplit_once('/')
            && of == domain
        {
            text += &format!("\t\t\"{label}\" => {disabled}\n");
        }
    }
    End::good(text + "\t}\n")
}

/// As macOS 13 to 15 print it, shortened: what belongs to the job is behind one
/// tab, what belongs to a part of it behind two. launchctl(1) says that the
/// format is not an interface; the scripts read `path`, `pid` and `last exit code`.
fn print(target: &str, job: &Job) -> String {
    let (domain, _) = target.rsplit_once('/').unwrap_or_default();
    let kind = if domain == "system" { "LaunchDaemon" } else { "LaunchAgent" };
    let (active, status, pid) = match job.phase {
        Phase::Waiting => (0, "not running", None),
        Phase::Scheduled(_) => (0, "spawn scheduled", None),
        Phase::Running(pid) | Phase::Ending { pid, .. } => (1, "running", Some(pid)),
        Phase::Draining { pid, .. } => (1, "SIGTERMed", Some(pid)),
    };
    let mut text = format!("{target} = {{\n\tactive count = {active}\n\tpath = {}\n", job.path);
    text += &format!("\ttype = {kind}\n\tstate = {status}\n\n\tprogram = {}\n", job.arguments[0]);
    text += "\targuments = {\n";
    for word in &job.arguments {
        text += &format!("\t\t{word}\n");
    }
    text += "\t}\n\n";
    if let Some(folder) = &job.working_directory {
        text += &format!("\tworking directory = {folder}\n\n");
    }
    text +=
        "\tdefault environment = {\n\t\tPATH => /usr/bin:/bin:/usr/sbin:/sbin\n\t}\n\n\tenvironment = {\n";
    for (name, value) in &job.environment {
        text += &format!("\t\t{name} => {value}\n");
    }
    text += &format!("\t}}\n\n\tdomain = {domain}\n");
    if let Some(user) = &job.user {
        text += &format!("\tusername = {user}\n");
    }
    text += &format!("\tminimum runtime = {}\n\texit timeout = {}\n", job.throttle, job.exit_timeout);
    text += &format!("\truns = {}\n", job.runs);
    if let Some(pid) = pid {
        text += &format!("\tpid = {pid}\n");
    }
    text += &match job.last_exit {
        None => "\tlast exit code = (never exited)\n".to_owned(),
        Some(78) => "\tlast exit code = 78: EX_CONFIG\n".to_owned(),
        Some(code) => format!("\tlast exit code = {code}\n"),
    };
    text + "\n\tspawn type = daemon (3)\n\tproperties = keepalive | runatload | inferred program\n}\n"
}
