//! What a package needs is not there.

use std::fs;

use xtask::settings::{Condition, Instance};

use super::mac::Mac;
use super::on_a_mac;
use super::package::{Component, Entry};
use crate::render::plain;

/// launchd has the job, and the job waits.
const WAITS_FOR_IT: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";

fn nothing_happened(mac: &Mac) {
    assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), (vec![], vec![], vec![]));
}

#[test]
fn without_the_configured_user_nothing_is_changed() {
    on_a_mac(|mac| {
        let instance = Instance { user: "carol".parse().unwrap(), ..plain(Condition::Boot) };
        let run = mac.install(&instance).ends_with(1, &["there is no user \"carol\""]);
        nothing_happened(mac);
        mac.golden("no-such-user", &run);
    });
}

#[test]
fn a_user_who_is_root_by_another_name_is_refused() {
    on_a_mac(|mac| {
        mac.set(|state| state.accounts[0].uid = 0);
        mac.install(&plain(Condition::Boot)).ends_with(1, &["is root, and limactl refuses"]);
        nothing_happened(mac);
    });
}

#[test]
fn an_upgrade_for_a_user_who_is_gone_leaves_the_running_vm_alone() {
    on_a_mac(|mac| {
        mac.install(&plain(Condition::Boot)).ends_with(0, &[]);
        let before = (mac.jobs(), mac.receipts(), mac.changes());
        let instance = Instance { user: "carol".parse().unwrap(), ..plain(Condition::Boot) };
        mac.install_version(&instance, "3").ends_with(1, &["Nothing was changed"]);
        assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), before);
    });
}

#[test]
fn without_limactl_the_job_is_loaded_and_what_is_missing_is_said() {
    on_a_mac(|mac| {
        fs::remove_file(mac.path("/opt/homebrew/bin/limactl")).unwrap();
        mac.remember();
        let run = mac
            .install(&plain(Condition::Boot))
            .ends_with(0, &["there is no program /opt/homebrew/bin/limactl"]);
        assert_eq!(mac.jobs(), [WAITS_FOR_IT]);
        mac.golden("no-limactl", &run);
        mac.install(&Instance { require_start: true, ..plain(Condition::Boot) })
            .ends_with(1, &["\"require-start\""]);
    });
}

#[test]
fn a_limactl_that_only_root_may_run_is_missing() {
    on_a_mac(|mac| {
        mac.put("/opt/homebrew/bin/limactl", 0, 0, 0o700, b"");
        mac.install(&plain(Condition::Boot)).ends_with(0, &["there is no program /opt/homebrew/bin/limactl"]);
        assert_eq!(mac.jobs(), [WAITS_FOR_IT]);
    });
}

#[test]
fn without_the_instances_folder_no_vm_is_made() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice/.lima/k3s")).unwrap();
        mac.remember();
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["there is no Lima instance in"]);
        assert_eq!(mac.jobs(), [WAITS_FOR_IT]);
        mac.golden("no-instance", &run);
    });
}

#[test]
fn on_another_volume_files_are_laid_down_and_nothing_is_loaded() {
    on_a_mac(|mac| {
        let run = mac
            .install_on(&plain(Condition::Boot), "/Volumes/Other")
            .ends_with(0, &["the target is /Volumes/Other"]);
        assert!(mac.calls().iter().all(|call| !call.contains("launchctl")));
        mac.golden("another-volume", &run);
    });
}

#[test]
fn a_broken_property_list_is_a_failure_and_stops_nothing() {
    on_a_mac(|mac| {
        mac.install(&plain(Condition::Boot)).ends_with(0, &[]);
        let (jobs, receipts) = (mac.jobs(), mac.receipts());
        let break_it = |package: &mut Component| {
            let is_list = |entry: &&mut Entry| entry.path.ends_with(".plist");
            package.payload.iter_mut().find(is_list).unwrap().bytes.truncate(200);
        };
        let run = mac.install_damaged(&plain(Condition::Boot), break_it);
        run.ends_with(1, &["is not a property list that launchd could read"]);
        assert_eq!((mac.jobs(), mac.receipts()), (jobs, receipts));
    });
}

#[test]
fn a_macos_older_than_the_packages_minimum_is_refused() {
    on_a_mac(|mac| {
        let instance = Instance { min_macos: "15.6".parse().unwrap(), ..plain(Condition::Boot) };
        mac.install(&instance).ends_with(1, &["too old"]);
        nothing_happened(mac);
        let instance = Instance { min_macos: "15.5".parse().unwrap(), ..plain(Condition::Boot) };
        mac.install(&instance).ends_with(0, &["is set up and runs"]);
    });
}
