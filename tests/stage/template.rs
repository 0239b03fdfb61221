//! The package brings a template. The job creates the instance from it, once it
//! runs; here is what the installation does.

use std::fs;

use xtask::macos::launchd;
use xtask::settings::{Condition, Instance};

use super::mac::{ALICE, BOB, Mac, STAFF};
use super::on_a_mac;
use super::package::Component;
use crate::render::{auto, plain, spec, with_template};

const DAEMON: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const LIMA: &str = "/Users/alice/.lima";

/// A Mac of alice's alone, who has Lima and no instance.
fn without_an_instance(mac: &Mac) {
    fs::remove_dir_all(mac.path(LIMA)).unwrap();
    mac.set(|state| state.accounts.truncate(1));
    mac.remember();
}

/// Nothing is left of a user's but what was there.
fn nothing_in_the_home_folder(mac: &Mac) {
    let changes = mac.changes();
    assert!(changes.iter().all(|line| !line.contains(LIMA)), "{changes:#?}");
}

#[test]
fn the_installation_leaves_the_creation_to_the_job() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        let instance = with_template(auto(Condition::Boot));
        let words = ["Found: alice,", "is set up and started, not yet running", "limactl list: "];
        let run = mac.install(&instance).ends_with(0, &words).without("warning");
        assert_eq!(mac.jobs(), [DAEMON]);
        assert_eq!(run.limit, 600, "Installer runs one installation at a time");
        mac.golden("template", &run);
        nothing_in_the_home_folder(mac);
        let [job] = &mac.state().jobs.into_values().collect::<Vec<_>>()[..] else { panic!("one job") };
        let template = launchd::template_path(&spec(&instance), &instance);
        assert!(job.arguments.contains(&format!("--template={template}")), "{:?}", job.arguments);
        let text = fs::read_to_string(mac.path(&template)).unwrap();
        assert_eq!(text, instance.template.as_ref().unwrap().as_str());
        // Once it is there.
        mac.put_instance("/Users/alice/.lima/k3s");
        mac.install(&instance).ends_with(0, &["is set up and runs"]);
        let run = mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
        assert!(mac.path("/Users/alice/.lima/k3s/lima.yaml").exists(), "it outlives what starts it");
        mac.golden("template-uninstall", &run);
    });
}

#[test]
fn an_installation_that_must_run_fails_where_it_does_not_in_time() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        let must = |condition| Instance { require_start: true, ..with_template(auto(condition)) };
        for condition in [Condition::Boot, Condition::Login] {
            let run = mac.install(&must(condition));
            let run = run.ends_with(1, &["was started and does not run yet", "\"require-start\""]);
            assert!((500..600).contains(&run.seconds), "{} seconds", run.seconds);
        }
        assert!(mac.receipts().is_empty());
        assert_eq!(mac.jobs().len(), 1, "it goes on creating it");
    });
}

#[test]
fn what_is_there_is_never_touched() {
    on_a_mac(|mac| {
        // Not even what is none: an empty folder, a file, a link to nothing.
        for made in ["folder", "file", "link"] {
            fs::remove_dir_all(mac.path(LIMA)).unwrap();
            mac.put_folder(LIMA, ALICE, STAFF, 0o700);
            let place = "/Users/alice/.lima/k3s";
            match made {
                "folder" => mac.put_folder(place, ALICE, STAFF, 0o700),
                "file" => mac.put(place, ALICE, STAFF, 0o600, b"mine"),
                _ => mac.plant(place, "/nowhere"),
            }
            mac.set(|state| state.accounts.truncate(1));
            mac.remember();
            mac.install(&with_template(plain(Condition::Boot))).ends_with(0, &["not yet running"]);
            nothing_in_the_home_folder(mac);
            mac.run_uninstall_script(&with_template(plain(Condition::Boot))).ends_with(0, &[]);
            let before = (mac.jobs(), mac.receipts(), mac.changes());
            mac.install(&with_template(auto(Condition::Boot)))
                .ends_with(1, &["is not a Lima instance of alice's own", "Remove it"])
                .ends_with_words("Nothing was changed.");
            assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), before);
        }
    });
}

#[test]
fn for_several_users_who_sits_at_the_screen_has_it() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path(LIMA)).unwrap();
        mac.remember();
        let instance = with_template(auto(Condition::Boot));
        mac.set(|state| state.logged_in.clear());
        let run = mac.install(&instance).ends_with(1, &["it could be created for any of: alice, bob."]);
        assert_eq!((mac.jobs(), mac.changes()), (vec![], vec![]));
        mac.golden("template-two-users", &run);
        mac.set(|state| state.logged_in = [BOB].into());
        mac.install(&instance).ends_with(0, &["Found: bob,"]);
        // An upgrade overnight is for the same.
        mac.set(|state| state.logged_in = [ALICE].into());
        mac.install(&instance).ends_with(0, &["Found: bob,"]);
        mac.set(|state| state.logged_in.clear());
        mac.install(&instance).ends_with(0, &["Found: bob,"]);
        // Who has the instance comes before all of them.
        mac.put_instance("/Users/alice/.lima/k3s");
        mac.install(&instance).ends_with(0, &["Found: alice,"]);
    });
}

/// The administrator's account that a device management makes for itself.
#[test]
fn hidden_accounts_are_left_out() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path(LIMA)).unwrap();
        mac.remember();
        mac.set(|state| {
            state.hidden.insert("alice".to_owned());
        });
        mac.install(&with_template(auto(Condition::Boot))).ends_with(0, &["Found: bob,"]);
        mac.run_uninstall_script(&with_template(auto(Condition::Boot))).ends_with(0, &[]);
        // Nobody else has it: then the hidden one who has.
        mac.put_instance("/Users/alice/.lima/k3s");
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice,"]);
        mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: bob,"]);
        mac.set(|state| {
            state.hidden.insert("bob".to_owned());
        });
        mac.install(&with_template(auto(Condition::Boot))).ends_with(1, &["no local user with a home"]);
    });
}

#[test]
fn without_limactl_the_job_waits_for_it() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        fs::remove_file(mac.path("/opt/homebrew/bin/limactl")).unwrap();
        for instance in [plain(Condition::Boot), auto(Condition::Boot)] {
            mac.install(&with_template(instance)).ends_with(
                0,
                &["warning: there is no", "It starts by itself once what is missing is there."],
            );
            assert_eq!(mac.jobs(), [DAEMON]);
        }
    });
}

#[test]
fn a_broken_property_list_is_met_before_anything_is_stopped() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        let break_it = |package: &mut Component| {
            let list = package.payload.iter_mut().find(|entry| entry.path.ends_with(".plist")).unwrap();
            list.bytes.truncate(200);
        };
        mac.install_damaged(&with_template(auto(Condition::Boot)), break_it)
            .ends_with(1, &["is not a property list that launchd could read"]);
        assert!(mac.jobs().is_empty() && mac.receipts().is_empty());
    });
}

#[test]
fn where_the_job_cannot_be_put_what_ran_goes_on_running() {
    on_a_mac(|mac| {
        mac.put_folder("/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist", 0, 0, 0o755);
        let run = mac.install(&auto(Condition::Boot));
        run.ends_with(1, &["There is a folder in the place of /Library/LaunchDaemons/"]);
        assert!(mac.jobs().is_empty() && mac.receipts().is_empty());
    });
}
