//! launchd does not do what it is asked to.

use xtask::settings::{Condition, Instance};

use super::{on_a_mac, on_macs};
use crate::render::plain;

const DAEMON: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const DAEMON_WAITS: &str = "system/io.lima-vm.daemon.k3s does not run as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const DAEMON_SCHEDULED: &str = "system/io.lima-vm.daemon.k3s is to be started again as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const PREVIOUS: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/Application Support/io.lima-vm/k3s/previous.plist";

fn required(instance: Instance) -> Instance {
    Instance { require_start: true, ..instance }
}

#[test]
fn a_bootstrap_that_fails_twice_is_tried_until_it_works() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.bootstrap_fails = 2);
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        assert_eq!(run.log.matches("bootstrap ended with 5").count(), 1, "said once");
        mac.golden("bootstrap-fails-twice", &run);
    });
}

#[test]
fn a_bootstrap_that_says_5_and_worked_is_not_tried_again() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.bootstrap_lies = 1);
        mac.install(&plain(Condition::Boot)).ends_with(0, &["although bootstrap ended with 5"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        assert_eq!(mac.calls().iter().filter(|call| call.contains("#0 launchctl bootstrap ")).count(), 1);
    });
}

#[test]
fn a_bootstrap_that_never_works_is_a_warning_and_the_next_boot_tries_again() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.bootstrap_fails = 1000);
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["in 30 tries", "at the next boot."]);
        mac.golden("bootstrap-never-works", &run);
    });
}

#[test]
fn a_bootstrap_that_never_works_is_a_failure_where_the_start_is_required() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.bootstrap_fails = 1000);
        mac.install(&required(plain(Condition::Boot))).ends_with(1, &["\"require-start\""]);
        assert!(mac.jobs().is_empty() && mac.receipts().is_empty());
    });
}

#[test]
fn an_upgrade_that_launchd_refuses_brings_the_earlier_job_back() {
    on_a_mac(|mac| {
        mac.install(&plain(Condition::Boot)).ends_with(0, &[]);
        mac.set(|state| {
            state.faults.bootstrap_refuses = Some("<integer>300</integer>".to_owned());
            state.faults.vm_stops_in = 3;
        });
        let newer = Instance { exit_timeout: 300, ..plain(Condition::Boot) };
        let run = mac.install_version(&newer, "1.10").ends_with(0, &["is loaded again"]);
        mac.golden("upgrade-refused", &run);
        // Once more: what is loaded is still the one from before.
        mac.install_version(&newer, "1.10").ends_with(0, &["is loaded again"]);
        assert_eq!(mac.jobs(), [PREVIOUS]);
        mac.install_version(&required(newer.clone()), "1.11").ends_with(1, &["\"require-start\""]);
        assert_eq!(mac.jobs(), [PREVIOUS]);
        // And from there it can be uninstalled, or set right.
        mac.set(|state| state.faults.bootstrap_refuses = None);
        mac.install_version(&newer, "1.12").ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        assert!(!mac.changes().iter().any(|line| line.contains("previous")), "{:?}", mac.changes());
    });
}

#[test]
fn what_came_back_after_a_refused_upgrade_can_be_uninstalled() {
    on_a_mac(|mac| {
        mac.install(&plain(Condition::Boot)).ends_with(0, &[]);
        mac.set(|state| state.faults.bootstrap_refuses = Some("<integer>300</integer>".to_owned()));
        let newer = Instance { exit_timeout: 300, ..plain(Condition::Boot) };
        mac.install_version(&newer, "1.10").ends_with(0, &["is loaded again"]);
        mac.run_uninstall_script(&newer).ends_with(0, &["Nothing starts"]);
        assert_eq!((mac.jobs(), mac.changes()), (vec![], vec![]));
    });
}

#[test]
fn a_job_that_is_registered_and_never_spawned_is_kickstarted() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.never_spawns = true);
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        mac.golden("never-spawned", &run);
    });
}

#[test]
fn a_job_that_no_kickstart_starts_is_a_warning() {
    on_a_mac(|mac| {
        mac.set(|state| {
            state.faults.never_spawns = true;
            state.faults.kickstart_fails = true;
        });
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["It starts at the next boot."]);
        assert_eq!(mac.jobs(), [DAEMON_WAITS]);
        mac.golden("never-started", &run);
        mac.install(&required(plain(Condition::Boot))).ends_with(1, &["\"require-start\""]);
    });
}

#[test]
fn a_vm_that_ends_at_once_does_not_pass_for_running() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.program_exits = Some(1));
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["Its last exit code is 1."]);
        assert_eq!(mac.jobs(), [DAEMON_SCHEDULED]);
        mac.golden("ends-at-once", &run);
    });
}

#[test]
fn an_environment_that_looks_like_launchds_words_does_not_pass_for_a_process() {
    on_a_mac(|mac| {
        mac.set(|state| {
            state.faults.never_spawns = true;
            state.faults.kickstart_fails = true;
        });
        let env =
            [("TRAP".parse().unwrap(), "x\n\tpid = 77\n\tpath = /x\n\tstate = running".parse().unwrap())];
        let instance = Instance { env: env.into(), ..plain(Condition::Boot) };
        mac.install(&instance).ends_with(0, &["is loaded and does not run"]).without("as process");
    });
}

#[test]
fn a_vm_that_never_shuts_down_is_given_up_in_time() {
    on_a_mac(|mac| {
        let instance = Instance { exit_timeout: 5, ..plain(Condition::Boot) };
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| state.faults.never_lets_go = true);
        let run = mac.install(&instance).ends_with(0, &["launchd has not let go"]);
        mac.golden("never-lets-go", &run);
    });
}

/// Scripts that take too long are ended by Installer in the middle of what they
/// do; `Mac::run` fails for them.
#[test]
fn whatever_happens_the_scripts_stay_within_their_time_limit() {
    // What they count with is the same under each shell, and each second of
    // theirs takes a while here.
    on_macs(&["dash"], |mac| {
        for (exit_timeout, launchctl_takes) in [(1, 0), (240, 2), (300, 1)] {
            let instance = |condition| Instance { exit_timeout, ..plain(condition) };
            mac.set(|state| state.faults = Default::default());
            mac.install(&instance(Condition::Login)).ends_with(0, &["is set up and runs"]);
            // A daemon beside the agent, as somebody might have made by hand.
            mac.set(|state| {
                let mut job = state.jobs["gui/501/io.lima-vm.autostart.k3s"].clone();
                job.arguments.push("by hand".to_owned());
                state.jobs.insert("system/io.lima-vm.daemon.k3s".to_owned(), job);
                state.faults.never_lets_go = true;
                state.faults.never_spawns = true;
                state.faults.kickstart_fails = true;
                state.faults.launchctl_takes = launchctl_takes;
            });
            let run = mac.install(&instance(Condition::Boot)).ends_with(0, &["has not let go"]);
            println!("{exit_timeout} and {launchctl_takes}: {} of {} seconds", run.seconds, run.limit);
            let run =
                mac.run_uninstall_package(&instance(Condition::Boot)).ends_with(1, &["Restart the Mac"]);
            println!("uninstalled: {} of {} seconds", run.seconds, run.limit);
            mac.set(|state| state.jobs.clear());
        }
    });
}

#[test]
fn a_clock_that_is_set_meanwhile_does_not_end_the_wait() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| {
            state.faults.vm_stops_in = 20;
            state.faults.clock_is_set_at = Some(state.now + 8);
        });
        mac.install(&instance).ends_with(0, &["is set up and runs"]).without("warning");
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}
