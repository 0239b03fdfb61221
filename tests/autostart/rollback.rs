//! Failed halfway or interrupted, a run puts back what was there.

use super::{AGENT_PLIST, DAEMON_PLIST, DAEMON_RUNS, xtask};
use crate::stage::mac::{ALICE, Mac, STAFF};
use crate::stage::on_macs;

/// A LaunchAgent as `limactl autostart enable` leaves it, loaded.
fn of_limactl(mac: &Mac) {
    let text =
        super::found::limactls("k3s", None, "/opt/homebrew/bin/limactl", "/Users/alice/.lima/k3s", true);
    mac.put(AGENT_PLIST, ALICE, STAFF, 0o644, &text);
    let domain = ["/bin/launchctl", "bootstrap", "gui/501", AGENT_PLIST];
    let output = mac.chroot("501:20", "/", &domain, &[("STAND_IN_SESSION", "501")]);
    assert!(output.status.success(), "{output:?}");
    mac.remember();
}

/// Nothing changed, but for an empty folder that launchd does not mind.
#[track_caller]
fn is_as_it_was(mac: &Mac, jobs: &[String]) {
    let changes: Vec<String> =
        mac.changes().into_iter().filter(|line| !line.ends_with("/LaunchAgents")).collect();
    assert!(changes.is_empty(), "{changes:#?}");
    assert_eq!(mac.jobs(), jobs);
}

#[test]
fn a_job_that_launchd_refuses_leaves_no_trace() {
    on_macs(&["dash"], |mac| {
        mac.set(|state| state.faults.bootstrap_refuses = Some("k3s".to_owned()));
        for condition in ["login", "boot"] {
            xtask(mac, &["autostart", "enable", "k3s", "--condition", condition])
                .ends_with(1, &["launchd did not load /", "everything is as it was"]);
            is_as_it_was(mac, &[]);
        }
    });
}

#[test]
fn a_job_that_launchd_refuses_brings_limactls_back() {
    on_macs(&["dash"], |mac| {
        of_limactl(mac);
        let jobs = mac.jobs();
        // limactl's has no timeout of its own.
        mac.set(|state| state.faults.bootstrap_refuses = Some("ExitTimeOut".to_owned()));
        for condition in ["login", "boot"] {
            xtask(mac, &["autostart", "enable", "k3s", "--condition", condition])
                .ends_with(1, &["putting back what was there", "everything is as it was"]);
            is_as_it_was(mac, &jobs);
        }
    });
}

#[test]
fn ctrl_c_brings_back_what_was_there() {
    on_macs(&["dash", "bash", "zsh", "busybox"], |mac| {
        for verb in ["enable", "bootstrap"] {
            for condition in ["login", "boot"] {
                mac.set(|state| state.faults.interrupts = Some(verb.to_owned()));
                xtask(mac, &["autostart", "enable", "k3s", "--condition", condition])
                    .ends_with(130, &["interrupted", "everything is as it was"]);
                is_as_it_was(mac, &[]);
            }
        }
        of_limactl(mac);
        let jobs = mac.jobs();
        mac.set(|state| state.faults.vm_stops_in = 10);
        for verb in ["bootout", "enable", "bootstrap"] {
            for words in
                [&["enable", "k3s"][..], &["enable", "k3s", "--condition", "boot"], &["disable", "k3s"]]
            {
                if words[0] == "disable" && verb != "bootout" {
                    continue;
                }
                mac.set(|state| state.faults.interrupts = Some(verb.to_owned()));
                xtask(mac, &[&["autostart"], words].concat())
                    .ends_with(130, &["interrupted", "everything is as it was"]);
                is_as_it_was(mac, &jobs);
            }
        }
    });
}

#[test]
fn a_password_that_nobody_knows_changes_nothing() {
    on_macs(&["dash"], |mac| {
        mac.set(|state| state.faults.sudo_refuses = true);
        let boot = ["autostart", "enable", "k3s", "--condition", "boot"];
        xtask(mac, &boot).ends_with(1, &["ended with status 1; everything is as it was"]);
        is_as_it_was(mac, &[]);
        assert_eq!(mac.state().sudo_asked, 1);
        of_limactl(mac);
        let jobs = mac.jobs();
        let job = mac.state().jobs;
        xtask(mac, &boot).ends_with(1, &["everything is as it was"]);
        is_as_it_was(mac, &jobs);
        assert_eq!(mac.state().jobs, job, "the VM was left alone");
    });
}

#[test]
fn a_vm_that_does_not_run_is_registered_all_the_same() {
    on_macs(&["dash"], |mac| {
        mac.set(|state| {
            state.faults.never_spawns = true;
            state.faults.kickstart_fails = true;
        });
        xtask(mac, &["autostart", "enable", "k3s", "--condition", "boot"])
            .ends_with(0, &["io.lima-vm.daemon.k3s is registered and does not run now"]);
        assert_eq!(mac.jobs(), [DAEMON_RUNS.replace(" runs ", " does not run ")]);
        assert!(mac.path(DAEMON_PLIST).exists());
        // launchd that never lets go: what can be removed is.
        mac.set(|state| {
            state.faults.never_lets_go = true;
            let job = state.jobs.values_mut().next().unwrap();
            job.phase = crate::stage::state::Phase::Running(1);
        });
        xtask(mac, &["autostart", "disable", "k3s"]).ends_with(0, &["launchd has not let go of"]);
        assert!(!mac.path(DAEMON_PLIST).exists());
    });
}
