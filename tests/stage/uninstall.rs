//! Uninstalling, by the script and by the package.

use std::fs;

use xtask::macos::launchd;
use xtask::settings::{Condition, Instance};

use super::installer::spec;
use super::mac::{ALICE, Mac};
use super::on_a_mac;
use crate::render::plain;

/// launchd, the receipts and the disk are as they were.
#[track_caller]
fn nothing_is_left(mac: &Mac) {
    assert_eq!((mac.jobs(), mac.receipts()), (vec![], vec![]));
    // The user's own folder of agents may stay.
    let changes = mac.changes();
    let agents = "+ drwxr-xr-x alice:staff /Users/alice/Library/LaunchAgents";
    assert!(changes.iter().all(|line| line == agents), "{changes:#?}");
}

#[test]
fn the_script_leaves_nothing_while_the_vm_runs() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 10);
        let run = mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
        nothing_is_left(mac);
        mac.golden("uninstall-script", &run);
    });
}

#[test]
fn the_package_leaves_nothing_while_the_vm_runs() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 10);
        let run = mac.run_uninstall_package(&instance).ends_with(0, &["Nothing starts"]);
        nothing_is_left(mac);
        mac.golden("uninstall-package", &run);
    });
}

#[test]
fn an_agent_is_removed_with_its_user_logged_in_or_not() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Login);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 10);
        let run = mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
        nothing_is_left(mac);
        mac.golden("uninstall-login", &run);

        mac.set(|state| state.logged_in.clear());
        mac.install(&instance).ends_with(0, &[]);
        mac.run_uninstall_package(&instance).ends_with(0, &["Nothing starts"]);
        nothing_is_left(mac);
    });
}

#[test]
fn uninstalling_twice_does_no_harm() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.run_uninstall_package(&instance).ends_with(0, &[]);
        let run = mac.run_uninstall_package(&instance).ends_with(0, &["is not loaded", "Nothing starts"]);
        nothing_is_left(mac);
        mac.golden("uninstall-twice", &run);
    });
}

#[test]
fn uninstalling_what_never_was_installed_does_no_harm() {
    on_a_mac(|mac| {
        mac.run_uninstall_package(&plain(Condition::Login)).ends_with(0, &["Nothing starts"]);
        nothing_is_left(mac);
        // For a user who never was.
        let instance = Instance { user: "carol".parse().unwrap(), ..plain(Condition::Boot) };
        mac.run_uninstall_package(&instance).ends_with(0, &["there is no user \"carol\""]);
        nothing_is_left(mac);
    });
}

#[test]
fn after_its_user_is_gone_the_job_still_can_be_removed() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| {
            state.accounts.remove(0);
        });
        mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
        nothing_is_left(mac);
    });
}

#[test]
fn a_disabled_job_is_not_enabled_by_its_removal() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| {
            state.disabled.insert("system/io.lima-vm.daemon.k3s".to_owned());
        });
        mac.run_uninstall_script(&instance).ends_with(0, &[]);
        assert_eq!(mac.jobs(), ["system/io.lima-vm.daemon.k3s is disabled"]);
    });
}

#[test]
fn receipts_that_cannot_be_forgotten_are_a_warning() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| state.faults.receipts_refuse = true);
        let run = mac.run_uninstall_package(&instance).ends_with(0, &["could not be forgotten"]);
        assert_eq!((mac.jobs(), mac.changes()), (vec![], vec![]));
        mac.golden("receipts-refuse", &run);
        // And are no obstacle later.
        mac.install(&instance).ends_with(0, &["is set up and runs"]);
    });
}

#[test]
fn what_is_not_the_packages_stays() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.put("/Library/Application Support/io.lima-vm/k3s/notes.txt", 0, 0, 0o644, b"mine");
        mac.run_uninstall_script(&instance).ends_with(0, &["it is not empty"]);
        assert_eq!(
            mac.changes(),
            [
                "+ drwxr-xr-x root:wheel /Library/Application Support/io.lima-vm",
                "+ drwxr-xr-x root:wheel /Library/Application Support/io.lima-vm/k3s",
                "+ -rw-r--r-- root:wheel /Library/Application Support/io.lima-vm/k3s/notes.txt",
            ]
        );
    });
}

#[test]
fn a_vm_that_does_not_end_can_be_uninstalled_later() {
    on_a_mac(|mac| {
        let instance = Instance { exit_timeout: 5, ..plain(Condition::Boot) };
        mac.install(&instance).ends_with(0, &[]);
        mac.set(|state| state.faults.never_lets_go = true);
        let run = mac.run_uninstall_script(&instance).ends_with(1, &["run this again"]);
        mac.golden("uninstall-vm-does-not-end", &run);
        // The Mac was restarted.
        mac.set(|state| {
            state.faults.never_lets_go = false;
            state.jobs.clear();
        });
        mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
        nothing_is_left(mac);
    });
}

#[test]
fn only_root_can_uninstall() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        let before = (mac.jobs(), mac.receipts(), mac.changes());
        let script = launchd::uninstaller_path(&spec(&instance), &instance);
        let run =
            mac.run_as(ALICE, &script).ends_with(1, &["only root can remove this. Run: sudo \"/Library/"]);
        assert_eq!(run.log.lines().count(), 1);
        assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), before);
    });
}

#[test]
fn on_another_volume_nothing_is_removed() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        let before = (mac.jobs(), mac.receipts(), mac.changes());
        mac.run_uninstall_package_on(&instance, "/Volumes/Other").ends_with(0, &["Nothing to do"]);
        fs::remove_dir(mac.path("/Volumes/Other")).unwrap_or_default();
        assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), before);
    });
}
