//! Names and paths that are accepted and would be dangerous where a quote was
//! forgotten; and a user who planted links where root might write.

use std::fs;

use xtask::settings::{Condition, Instance};

use super::mac::{ALICE, BOB, Mac, STAFF};
use super::on_a_mac;
use super::state::Account;
use crate::render::{hostile, plain};

#[test]
fn names_and_paths_are_taken_literally() {
    on_a_mac(|mac| {
        for condition in [Condition::Boot, Condition::Login] {
            let instance = hostile(condition);
            let home = instance.macos_home().unwrap();
            mac.set(|state| {
                state.accounts[0] =
                    Account { name: instance.user.to_string(), uid: ALICE, home: Some(home.clone()) };
            });
            mac.put_folder(&home, ALICE, STAFF, 0o750);
            mac.put_instance(&instance.macos_instance_dir().unwrap());
            mac.put_limactl(instance.macos_limactl().unwrap(), "arm64");
            mac.remember();
            let run = mac.install(&instance).ends_with(0, &["Prod.k3s_a-1 is set up and runs"]);
            mac.golden(&format!("hostile-{condition}"), &run);
            mac.install(&instance).ends_with(0, &["Prod.k3s_a-1 is set up and runs"]);
            let [job] = &mac.state().jobs.into_values().collect::<Vec<_>>()[..] else { panic!("one job") };
            let limactl = instance.macos_limactl().unwrap();
            let words = job.arguments.len() - 4;
            assert_eq!(job.arguments[words..], [limactl, "start", "Prod.k3s_a-1", "--foreground"]);
            for (name, value) in &instance.env {
                assert_eq!(job.environment[name.as_str()], value.as_str());
            }
            mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
            mac.run_uninstall_package(&instance).ends_with(0, &["Nothing starts"]);
            assert!(mac.jobs().is_empty());
            let left = mac.changes();
            assert!(
                left.iter().all(|line| {
                    ["/Library", "/LaunchAgents", "/Logs"].iter().any(|end| line.ends_with(end))
                }),
                "{left:#?}"
            );
        }
    });
}

/// What lies where only root may write is as it was, and nothing of root's is
/// where the user may write.
#[track_caller]
fn nothing_went_through_the_link(mac: &Mac, expected: &[&str]) {
    let changes: Vec<String> = mac
        .changes()
        .into_iter()
        .filter(|line| !line.contains(" /Library/Application Support/io.lima-vm"))
        .filter(|line| !line.contains("/Library/Logs/io.lima-vm"))
        .collect();
    assert_eq!(changes, expected);
}

#[test]
fn a_folder_of_agents_that_leads_to_roots_folders_is_not_followed() {
    on_a_mac(|mac| {
        for to in ["/etc", "/Library/LaunchDaemons", "/Users/bob/Library"] {
            let link = "/Users/alice/Library/LaunchAgents";
            mac.plant(link, to);
            mac.remember();
            let run = mac.install(&plain(Condition::Login));
            run.ends_with(1, &["the LaunchAgent could not be put into the home folder of alice"]);
            nothing_went_through_the_link(mac, &[]);
            assert!(mac.jobs().is_empty());
            mac.run_uninstall_script(&plain(Condition::Login)).ends_with(0, &["Nothing starts"]);
            nothing_went_through_the_link(mac, &[]);
            fs::remove_file(mac.path(link)).unwrap();
        }
    });
}

#[test]
fn a_library_that_leads_to_roots_folders_is_not_followed() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice/Library")).unwrap();
        mac.plant("/Users/alice/Library", "/etc");
        mac.remember();
        mac.install(&plain(Condition::Login)).ends_with(1, &["could not be put into the home folder"]);
        nothing_went_through_the_link(mac, &[]);
        mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        mac.run_uninstall_script(&plain(Condition::Boot)).ends_with(0, &["Nothing starts"]);
        nothing_went_through_the_link(mac, &[]);
    });
}

#[test]
fn an_agent_that_is_a_link_is_replaced_and_what_it_leads_to_stays() {
    on_a_mac(|mac| {
        mac.put("/etc/sudoers", 0, 0, 0o440, b"root ALL = (ALL) ALL\n");
        mac.put_folder("/Users/alice/Library/LaunchAgents", ALICE, STAFF, 0o755);
        let link = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";
        mac.remember();
        for to in ["/etc/sudoers", "/etc/nothing", "/Library/LaunchDaemons"] {
            mac.plant(link, to);
            let replaced = format!("+ -rw-r--r-- alice:staff {link}");
            // A link to a folder: `test -d` follows it.
            let expected: &[&str] = if to.ends_with("Daemons") { &[] } else { &[&replaced] };
            let run = mac.install(&plain(Condition::Login));
            if expected.is_empty() {
                run.ends_with(1, &["There is a folder in the place of"]);
            } else {
                run.ends_with(0, &["is set up and runs"]);
                nothing_went_through_the_link(mac, expected);
            }
            // The link goes, not what it leads to.
            mac.run_uninstall_script(&plain(Condition::Login)).ends_with(0, &["Nothing starts"]);
            nothing_went_through_the_link(mac, &[]);
            mac.plant(link, to);
            mac.install(&plain(Condition::Boot))
                .ends_with(0, &["Removed /Users/alice/", "is set up and runs"]);
            mac.run_uninstall_script(&plain(Condition::Boot)).ends_with(0, &["Nothing starts"]);
            nothing_went_through_the_link(mac, &[]);
        }
    });
}

#[test]
fn files_of_roots_behind_a_link_are_not_removed() {
    on_a_mac(|mac| {
        let name = "io.lima-vm.autostart.k3s.plist";
        mac.put(&format!("/Library/LaunchAgents/{name}"), 0, 0, 0o644, b"for everybody");
        mac.plant("/Users/alice/Library/LaunchAgents", "/Library/LaunchAgents");
        mac.remember();
        mac.install(&plain(Condition::Boot)).ends_with(0, &["could not be removed", "is set up and runs"]);
        mac.run_uninstall_script(&plain(Condition::Boot)).ends_with(1, &["could not be removed"]);
        nothing_went_through_the_link(mac, &[]);
    });
}

/// The folder of the boot job's log is the user's, and root works in it at an
/// update, and when it is removed.
#[test]
fn links_in_the_folder_of_the_log_lead_root_nowhere() {
    on_a_mac(|mac| {
        let logs = "/Library/Logs/io.lima-vm/k3s";
        mac.put("/etc/sudoers", 0, 0, 0o440, b"root ALL = (ALL) ALL\n");
        mac.put_folder("/private/etc/kept", 0, 0, 0o755);
        mac.put("/private/etc/kept/lima-start.log", 0, 0, 0o644, b"root's");
        mac.remember();
        mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        for name in ["lima-start.log", "lima-start.log.0"] {
            let _ = fs::remove_file(mac.path(&format!("{logs}/{name}")));
            mac.plant(&format!("{logs}/{name}"), "/etc/sudoers");
        }
        mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and"]);
        nothing_went_through_the_link(
            mac,
            &["+ -rw-r--r-- root:wheel /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist"],
        );
        // What another user wrote is not given to the next one.
        let instance = Instance { user: "bob".parse().unwrap(), ..plain(Condition::Boot) };
        mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
        mac.install(&instance).ends_with(0, &["is set up and"]);
        assert!(!mac.path(&format!("{logs}/lima-start.log")).is_symlink());
        mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
        fs::remove_dir_all(mac.path("/Users/bob/.lima")).unwrap();
        nothing_went_through_the_link(mac, &[]);

        // The folder cannot be the user's to plant; one that is in its place is not entered.
        for planted in ["/Library/Logs/io.lima-vm", logs] {
            mac.plant(planted, "/private/etc/kept");
            mac.install(&plain(Condition::Boot)).ends_with(0, &["could not be made for alice"]);
            mac.run_uninstall_script(&plain(Condition::Boot));
            let _ = fs::remove_file(mac.path(planted));
            nothing_went_through_the_link(mac, &[]);
            fs::create_dir_all(mac.path("/Library/Logs/io.lima-vm")).unwrap();
        }
    });
}

#[test]
fn a_home_folder_that_others_may_not_enter_is_no_obstacle() {
    on_a_mac(|mac| {
        mac.put_folder("/Users/alice", ALICE, STAFF, 0o700);
        mac.remember();
        mac.install(&plain(Condition::Login)).ends_with(0, &["is set up and runs"]);
    });
}
