//! What was found when a package was installed, when the next one comes: again,
//! with another find, over a package with a named user, and the one that removes
//! it.

use std::fs;

use xtask::settings::Condition;

use super::mac::{ALICE, BOB};
use super::{on_a_mac, on_macs};
use crate::render::{auto, plain};

const DAEMON: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const AGENT: &str = "gui/501/io.lima-vm.autostart.k3s runs, \
     from /Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";

/// Only preinstall searches: by then, nothing has been changed.
#[test]
fn who_was_found_at_first_stays_the_one() {
    on_a_mac(|mac| {
        let run = mac.install_damaged(&auto(Condition::Boot), |package| {
            let mut scripts = package.scripts.iter_mut();
            let script = scripts.find(|entry| entry.path == "preinstall").unwrap();
            let text = String::from_utf8(script.bytes.clone()).unwrap();
            let text = text.strip_suffix("exit 0\n").unwrap();
            let aside = "mv /Users/alice/.lima/k3s/lima.yaml /Users/alice/.lima/k3s/aside";
            script.bytes = format!("{text}{aside}\nexit 0\n").into_bytes();
        });
        run.ends_with(0, &["Found: alice,", "warning: there is no Lima instance in /Users/alice/.lima/k3s"]);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn what_was_found_can_be_uninstalled() {
    on_a_mac(|mac| {
        for condition in [Condition::Boot, Condition::Login] {
            let instance = auto(condition);
            let nothing_is_left = || {
                let changes = mac.changes();
                let agents = "+ drwxr-xr-x alice:staff /Users/alice/Library/LaunchAgents";
                assert!(changes.iter().all(|line| line == agents), "{changes:#?}");
                assert!(mac.jobs().is_empty() && mac.receipts().is_empty());
            };
            mac.install(&instance).ends_with(0, &[]);
            let run = mac.run_uninstall_script(&instance).ends_with(0, &["in /Users/alice/.lima/k3s, are"]);
            if condition == Condition::Boot {
                mac.golden("auto-uninstall", &run);
            }
            nothing_is_left();
            // Although the instance is gone, or another has one meanwhile.
            mac.install(&instance).ends_with(0, &[]);
            fs::rename(mac.path("/Users/alice/.lima"), mac.path("/Users/alice/aside")).unwrap();
            mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
            mac.run_uninstall_package(&instance).ends_with(0, &["Nothing starts"]);
            fs::remove_dir_all(mac.path("/Users/bob/.lima")).unwrap();
            fs::rename(mac.path("/Users/alice/aside"), mac.path("/Users/alice/.lima")).unwrap();
            nothing_is_left();
            // Again, and where nobody can be told.
            mac.run_uninstall_package(&instance).ends_with(0, &["Nothing starts"]);
            mac.set(|state| state.logged_in = [ALICE, BOB].into());
        }
        fs::remove_dir_all(mac.path("/Users/alice/.lima")).unwrap();
        mac.run_uninstall_package(&auto(Condition::Boot)).ends_with(0, &["disk are as they were"]);
        // Whoever was found is gone.
        mac.put_instance("/Users/alice/.lima/k3s");
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice"]);
        mac.set(|state| {
            state.accounts.remove(0);
        });
        mac.run_uninstall_package(&auto(Condition::Boot)).ends_with(0, &["there is no user \"alice\""]);
        assert!(mac.jobs().is_empty());
    });
}

#[test]
fn another_owner_takes_the_place_of_the_one_before() {
    on_a_mac(|mac| {
        for condition in [Condition::Login, Condition::Boot] {
            mac.install(&auto(condition)).ends_with(0, &["Found: alice"]);
            fs::rename(mac.path("/Users/alice/.lima"), mac.path("/Users/alice/aside")).unwrap();
            mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
            mac.install(&auto(condition)).ends_with(0, &["Found: bob"]);
            let of_alice = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";
            assert!(!mac.path(of_alice).exists());
            let bobs: &[&str] = match condition {
                Condition::Login => &[],
                Condition::Boot => &["system/io.lima-vm.daemon.k3s runs as bob, from \
                       /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist"],
            };
            assert_eq!(mac.jobs(), bobs);
            fs::remove_dir_all(mac.path("/Users/bob/.lima")).unwrap();
            fs::rename(mac.path("/Users/alice/aside"), mac.path("/Users/alice/.lima")).unwrap();
        }
    });
}

#[test]
fn a_named_user_and_a_found_one_take_each_others_place() {
    // Many installations, of which other tests show that all shells run them.
    on_macs(&["dash", "zsh"], |mac| {
        let mut jobs = Vec::new();
        for obsoletes in [false, true] {
            mac.obsoletes.set(obsoletes);
            for from in [Condition::Boot, Condition::Login] {
                for to in [Condition::Boot, Condition::Login] {
                    mac.install(&plain(from)).ends_with(0, &["is set up and runs"]);
                    mac.install(&auto(to)).ends_with(0, &["is set up and runs"]);
                    jobs.push(mac.jobs());
                    mac.install(&plain(from)).ends_with(0, &["is set up and runs"]);
                    let named = mac.changes();
                    mac.run_uninstall_script(&plain(from)).ends_with(0, &["Nothing starts"]);
                    mac.install(&plain(from)).ends_with(0, &["is set up and runs"]);
                    assert_eq!(mac.changes(), named, "{from} to {to} and back");
                    mac.run_uninstall_package(&auto(to)).ends_with(0, &["Nothing starts"]);
                    assert!(mac.jobs().is_empty());
                }
            }
        }
        assert_eq!(jobs, [[DAEMON], [AGENT], [DAEMON], [AGENT], [DAEMON], [AGENT], [DAEMON], [AGENT]]);
    });
}
