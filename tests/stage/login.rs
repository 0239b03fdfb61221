//! Installing for login: the agent is the user's own file, and root never
//! reaches into the home folder.

use std::fs;

use xtask::settings::{Condition, Instance};

use super::mac::{ALICE, STAFF};
use super::on_a_mac;
use crate::render::plain;

const AGENT: &str = "gui/501/io.lima-vm.autostart.k3s runs, \
     from /Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";

#[test]
fn with_the_user_logged_in_the_agent_is_loaded_at_once() {
    on_a_mac(|mac| {
        let run = mac.install(&plain(Condition::Login)).ends_with(0, &["is set up and runs"]);
        mac.golden("login", &run);
        // Every change there is the user's own doing.
        let calls = mac.calls();
        assert!(calls.iter().any(|call| call.contains("#501 launchctl bootstrap gui/501 /Users/alice/")));
    });
}

#[test]
fn with_the_user_logged_out_the_agent_waits_for_the_next_login() {
    on_a_mac(|mac| {
        mac.set(|state| state.logged_in.clear());
        let instance = Instance { require_start: true, ..plain(Condition::Login) };
        let run = mac.install(&instance).ends_with(0, &["alice is not logged in"]);
        mac.golden("login-while-logged-out", &run);
    });
}

#[test]
fn with_another_user_logged_in_it_is_as_if_nobody_were() {
    on_a_mac(|mac| {
        mac.set(|state| state.logged_in = [502].into());
        mac.install(&plain(Condition::Login)).ends_with(0, &["alice is not logged in"]);
        assert!(mac.jobs().is_empty());
    });
}

#[test]
fn with_the_home_folder_elsewhere_the_agent_goes_there() {
    on_a_mac(|mac| {
        let home = "/Volumes/Big Disk/Homes/Alice's";
        mac.put_folder("/Volumes/Big Disk/Homes", 0, 80, 0o755);
        mac.put_folder(home, ALICE, STAFF, 0o700);
        mac.put_instance(&format!("{home}/.lima/k3s"));
        mac.set(|state| state.accounts[0].home = Some(home.to_owned()));
        mac.remember();
        let instance = Instance { home: Some(home.parse().unwrap()), ..plain(Condition::Login) };
        let run = mac.install(&instance).ends_with(0, &["is set up and runs"]);
        mac.golden("login-home-elsewhere", &run);
    });
}

#[test]
fn with_the_home_folder_elsewhere_than_the_settings_say_the_job_goes_there() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice")).unwrap();
        mac.put_folder("/Volumes/Homes/alice", ALICE, STAFF, 0o700);
        mac.put_instance("/Volumes/Homes/alice/.lima/k3s");
        mac.set(|state| state.accounts[0].home = Some("/Volumes/Homes/alice".to_owned()));
        mac.remember();
        let run = mac
            .install(&plain(Condition::Login))
            .ends_with(0, &["Wrote /Volumes/Homes/alice/", "is set up and runs"]);
        run.without("warning");
        assert!(mac.path("/Volumes/Homes/alice/Library/Logs/io.lima-vm/k3s/lima-start.log").exists());
    });
}

#[test]
fn without_a_home_folder_nothing_is_changed() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice")).unwrap();
        mac.remember();
        mac.install(&plain(Condition::Login)).ends_with(1, &["is not there", "Nothing was changed"]);
        mac.set(|state| state.accounts[0].home = None);
        mac.install(&plain(Condition::Login)).ends_with(1, &["is not there", "Nothing was changed"]);
        assert_eq!((mac.jobs(), mac.changes()), (vec![], vec![]));
    });
}

#[test]
fn an_upgrade_while_the_vm_runs_waits_for_it() {
    on_a_mac(|mac| {
        mac.install(&plain(Condition::Login)).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 10);
        mac.install_version(&plain(Condition::Login), "1.3").ends_with(0, &["Stopped gui/501/"]);
        assert_eq!(mac.jobs(), [AGENT]);
    });
}

#[test]
fn an_upgrade_that_launchd_refuses_brings_the_earlier_agent_back() {
    on_a_mac(|mac| {
        mac.install(&plain(Condition::Login)).ends_with(0, &[]);
        mac.set(|state| state.faults.bootstrap_refuses = Some("<integer>300</integer>".to_owned()));
        let newer = Instance { exit_timeout: 300, ..plain(Condition::Login) };
        let run = mac.install_version(&newer, "1.3").ends_with(0, &["is loaded again"]);
        mac.golden("login-upgrade-refused", &run);
    });
}

#[test]
fn an_agent_that_was_disabled_is_enabled() {
    on_a_mac(|mac| {
        mac.set(|state| {
            state.disabled.insert("gui/501/io.lima-vm.autostart.k3s".to_owned());
        });
        mac.install(&plain(Condition::Login)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [AGENT]);
    });
}

#[test]
fn an_agent_of_limactls_own_is_replaced() {
    on_a_mac(|mac| {
        let path = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";
        mac.put(path, ALICE, STAFF, 0o644, b"limactl's");
        mac.install(&plain(Condition::Login)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [AGENT]);
    });
}

#[test]
fn a_folder_in_the_agents_place_is_a_failure_in_words() {
    on_a_mac(|mac| {
        let place = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";
        mac.put_folder(place, ALICE, STAFF, 0o755);
        mac.install(&plain(Condition::Login)).ends_with(1, &["There is a folder in the place of /Users/"]);
        assert!(mac.jobs().is_empty());
    });
}
