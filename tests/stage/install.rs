//! Installing for boot: the first time, again, over another version.

use xtask::settings::{Condition, Instance};

use super::on_a_mac;
use crate::render::plain;

const DAEMON: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";

#[test]
fn a_first_installation_starts_the_vm() {
    on_a_mac(|mac| {
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        mac.golden("first-installation", &run);
    });
}

/// As in a Mac's first minutes, or with a home folder on a network.
#[test]
fn a_limactl_that_hangs_is_asked_again() {
    on_a_mac(|mac| {
        // It does not answer the first question, of 5 seconds on this computer's clock.
        mac.set(|state| state.faults.limactl_hangs_until = 18);
        let begun = std::time::Instant::now();
        mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        assert!(begun.elapsed().as_secs() >= 5);
    });
}

#[test]
fn a_reinstallation_stops_the_vm_and_starts_it_again() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        let first = mac.changes();
        mac.set(|state| state.faults.vm_stops_in = 45);
        let run = mac.install(&instance).ends_with(0, &["Stopped system/", "is set up and runs"]);
        assert_eq!(mac.changes(), first);
        mac.golden("reinstallation", &run);
    });
}

#[test]
fn an_upgrade_while_the_vm_runs_loads_the_new_job_when_the_old_one_is_gone() {
    on_a_mac(|mac| {
        mac.install(&plain(Condition::Boot)).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 5);
        let newer = Instance { exit_timeout: 300, ..plain(Condition::Boot) };
        let run = mac.install_version(&newer, "1.10").ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.state().jobs["system/io.lima-vm.daemon.k3s"].exit_timeout, 300);
        mac.golden("upgrade", &run);
    });
}

#[test]
fn a_downgrade_is_an_upgrade() {
    on_a_mac(|mac| {
        let newer = Instance { exit_timeout: 300, ..plain(Condition::Boot) };
        mac.install_version(&newer, "1.10").ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 5);
        mac.install(&plain(Condition::Boot)).ends_with(0, &["version 1.2,", "is set up and runs"]);
        assert_eq!(mac.state().jobs["system/io.lima-vm.daemon.k3s"].exit_timeout, 240);
        assert_eq!((mac.jobs(), mac.receipts()), ([DAEMON].map(str::to_owned).into(), vec![RECEIPT.into()]));
    });
}

const RECEIPT: &str = "io.lima-vm.installer.k3s 1.2";

#[test]
fn an_upgrade_gives_the_old_vm_the_time_that_the_old_package_promised() {
    on_a_mac(|mac| {
        let patient = Instance { exit_timeout: 100, ..plain(Condition::Boot) };
        mac.install(&patient).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 70);
        let hasty = Instance { exit_timeout: 20, ..plain(Condition::Boot) };
        mac.install(&hasty).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn an_installation_while_the_job_is_disabled_enables_it() {
    on_a_mac(|mac| {
        mac.set(|state| {
            state.disabled.insert("system/io.lima-vm.daemon.k3s".to_owned());
        });
        mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn a_bootout_that_takes_ten_seconds_is_waited_for() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 10);
        let run = mac.install(&instance).ends_with(0, &["Stopped system/"]).without("warning");
        assert!((25..30).contains(&run.seconds), "{}", run.seconds);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn a_job_that_somebody_else_is_stopping_is_waited_for() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| {
            let job = state.jobs.get_mut("system/io.lima-vm.daemon.k3s").unwrap();
            job.phase = super::state::Phase::Draining { pid: 4001, until: state.now + 5 };
        });
        mac.install(&instance).ends_with(0, &["is set up and runs"]).without("warning");
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn a_vm_that_was_stopped_by_hand_is_started_by_an_upgrade() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| {
            let job = state.jobs.get_mut("system/io.lima-vm.daemon.k3s").unwrap();
            (job.phase, job.last_exit) = (super::state::Phase::Waiting, Some(0));
        });
        mac.install_version(&instance, "2").ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn one_condition_takes_the_place_of_the_other_and_the_vm_is_never_started_twice() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.vm_stops_in = 5);
        mac.install(&plain(Condition::Login)).ends_with(0, &["is set up and runs"]);
        let for_login = (mac.jobs(), mac.changes());
        mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        let run = mac.install(&plain(Condition::Login)).ends_with(0, &["is set up and runs"]);
        assert_eq!((mac.jobs(), mac.changes()), for_login);
        mac.golden("from-boot-to-login", &run);
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        mac.golden("from-login-to-boot", &run);
    });
}

#[test]
fn another_instance_is_left_alone() {
    on_a_mac(|mac| {
        let other = Instance { name: "docker".parse().unwrap(), ..plain(Condition::Boot) };
        mac.put_instance("/Users/alice/.lima/docker");
        mac.install(&other).ends_with(0, &["is set up and runs"]);
        let before = mac.jobs();
        mac.remember();
        mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        mac.run_uninstall_package(&plain(Condition::Boot)).ends_with(0, &[]);
        assert_eq!((mac.jobs(), mac.changes()), (before, vec![]));
    });
}
