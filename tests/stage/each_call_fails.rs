//! An upgrade of a package that finds its user and creates its instance, run
//! once for each program that it calls, with that call failing.
//!
//! It ends well, or with everything as it was and a reason.

use std::fs;
use std::process::Command;

use xtask::spec::{Condition, Instance};

use super::mac::Mac;
use super::on_macs;
use super::state::{CALLS, FAILS, FILE, Phase};
use crate::render::{auto, with_template};
use crate::support::succeed;

/// What an installation may change, beside what launchd has.
const PLACES: [&str; 4] = ["/Library", "/Users", FILE, CALLS];

/// Keeps the Mac as it is, or brings it back.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    for place in PLACES {
        let place = place.trim_start_matches('/');
        let _ = fs::remove_dir_all(to.join(place)).or_else(|_| fs::remove_file(to.join(place)));
        fs::create_dir_all(to.join(place).parent().unwrap()).unwrap();
        succeed(Command::new("cp").arg("-a").arg(from.join(place)).arg(to.join(place)));
    }
}

/// What launchd runs, and receipts and files.
fn seen(mac: &Mac) -> (String, Vec<String>, Vec<String>) {
    let jobs = format!("{:?}", mac.state().jobs);
    (
        jobs,
        mac.receipts(),
        mac.changes().into_iter().filter(|line| !line.contains("/.lima/_config")).collect(),
    )
}

// What is tested is the order of things, and that has no shell of its own.

#[test]
fn whichever_call_fails_an_upgrade_at_boot_ends_well_or_leaves_all_as_it_was() {
    on_macs(&["dash"], |mac| fails_call_by_call(mac, Condition::Boot));
}

#[test]
fn whichever_call_fails_an_upgrade_at_login_ends_well_or_leaves_all_as_it_was() {
    on_macs(&["dash"], |mac| fails_call_by_call(mac, Condition::Login));
}

fn fails_call_by_call(mac: &Mac, condition: Condition) {
    let older = auto(condition);
    mac.install(&older).ends_with(0, &["is set up and runs"]);
    mac.set(|state| state.accounts.truncate(1));
    fs::rename(mac.path("/Users/alice/.lima/k3s"), mac.path("/Users/alice/aside")).unwrap();
    let newer = Instance { exit_timeout: 240, ..with_template(auto(condition)) };
    mac.let_calls_fail();
    let kept = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(&mac.path("/"), kept.path());
    let before = seen(mac);

    let first = mac.calls().len();
    mac.install_version(&newer, "2").ends_with(0, &["is set up and runs"]);
    let calls = mac.calls().split_off(first);
    // Up to there, both conditions are the same.
    let created = calls.iter().position(|call| call.contains(" create ")).expect("a creation");
    let from = if condition == Condition::Boot { 0 } else { created };
    let mut wrong = Vec::new();
    for (number, call) in calls.iter().enumerate().skip(from).filter(|(number, _)| worth_it(&calls, *number))
    {
        copy(kept.path(), &mac.path("/"));
        mac.put(&format!("/{FAILS}"), 0, 0, 0o644, (first + number + 1).to_string().as_bytes());
        let run = mac.try_to_install(&newer, "2");
        let _ = fs::remove_file(mac.path(FAILS));
        let last = run.log.trim_end().rsplit('\n').next().unwrap_or_default().to_owned();
        let mut say = |what: &str| wrong.push(format!("{number}, {call}: {what}: {last}"));
        let after = seen(mac);
        if run.status == 0 {
            let jobs: Vec<_> = mac.state().jobs.into_values().collect();
            if jobs.len() != 1 || !matches!(jobs[0].phase, Phase::Running(_)) {
                say(&format!("{:?}", mac.jobs()));
            }
            if last.ends_with("is set up and runs.") {
                if jobs.iter().any(|job| job.exit_timeout != 240) {
                    say("it is the earlier job that runs");
                }
            } else if !last.contains("warning: ") && !last.ends_with("It starts when alice logs in next.") {
                say("not a word of what is missing");
            }
            continue;
        }
        let new_instance = "but for the instance that was created in /Users/alice/.lima/k3s.";
        let is_new = |line: &String| !line.contains(" /Users/alice/.lima/k3s");
        match &last {
            last if !last.starts_with("lima-autostart: error: ") => say("no reason"),
            last if (last.ends_with(" Nothing was changed.")
                || last.ends_with(" Nothing of k3s was changed."))
                && after == before => {}
            last if last.ends_with(new_instance)
                && (&after.0, &after.1) == (&before.0, &before.1)
                && after
                    .2
                    .iter()
                    .filter(|line| is_new(line))
                    .eq(before.2.iter().filter(|line| is_new(line))) => {}
            _ => say(&format!("{after:#?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} calls", calls.len());
}

/// Of calls in the same words, the first few: once before files are laid down, and
/// once after; launchd is asked more often.
fn worth_it(calls: &[String], number: usize) -> bool {
    let words = |call: &str| call.split_once(' ').unwrap().1.to_owned();
    let this = words(&calls[number]);
    let others = calls[..number].iter().filter(|call| words(call) == this).count();
    !this.contains(" logger ")
        && !this.contains(" sleep ")
        && others < if this.contains("launchctl ") { 6 } else { 2 }
}
