//! An upgrade of a package that finds its user, run once for each program that it
//! calls, with that call failing.
//!
//! It ends well, or with what ran before still running, and a reason.

use std::fs;
use std::process::Command;

use xtask::settings::{Condition, Instance};

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

/// What launchd runs, the receipts, the file that it reads at the next boot or
/// login, and all files.
fn seen(mac: &Mac) -> (String, Vec<String>, Option<Vec<u8>>, Vec<String>) {
    let jobs = mac.state().jobs;
    let registered = jobs.values().next().and_then(|job| fs::read(mac.path(&job.path)).ok());
    (format!("{jobs:?}"), mac.receipts(), registered, mac.changes())
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
    let newer = Instance { exit_timeout: 300, ..with_template(auto(condition)) };
    mac.let_calls_fail();
    let kept = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(&mac.path("/"), kept.path());
    let before = seen(mac);

    let first = mac.calls().len();
    mac.install_version(&newer, "2").ends_with(0, &["is set up and runs"]);
    let calls = mac.calls().split_off(first);
    let mut wrong = Vec::new();
    for (number, call) in calls.iter().enumerate().filter(|(number, _)| worth_it(&calls, *number)) {
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
                if jobs.iter().any(|job| job.exit_timeout != 300) {
                    say("it is the earlier job that runs");
                }
            } else if !last.contains("warning: ")
                && !last.ends_with("It starts when alice logs in next.")
                && !last.contains("started, not yet running")
            {
                say("not a word of what is missing");
            }
            continue;
        }
        match &last {
            last if !last.starts_with("lima-autostart: error: ") => say("no reason"),
            last if last.ends_with(" Nothing was changed.") && after == before => {}
            // Files were laid down, and nothing was done with them.
            last if !last.ends_with(" Nothing was changed.")
                && (&after.0, &after.1, &after.2) == (&before.0, &before.1, &before.2) => {}
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
