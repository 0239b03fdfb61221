//! The package brings a template, and the Mac creates the instance from it.

use std::fs;

use xtask::launchd::Job;
use xtask::spec::{Account, Condition, Instance};

use super::installer::Run;
use super::mac::{ALICE, BOB, Mac, STAFF};
use super::package::Component;
use super::state::HANGS;
use super::{on_a_mac, on_macs};
use crate::render::{auto, hostile, plain, with_template};

const DAEMON: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const LIMA: &str = "/Users/alice/.lima";

/// A Mac of alice's alone, who has Lima and no instance.
fn without_an_instance(mac: &Mac) {
    fs::remove_dir_all(mac.path(LIMA)).unwrap();
    mac.set(|state| state.accounts.truncate(1));
    mac.remember();
}

/// Calls of limactl.
fn limactls(mac: &Mac) -> Vec<String> {
    let calls = mac.calls();
    calls.iter().filter(|call| call.contains(" mach-o ")).cloned().collect()
}

/// launchd with its processes, receipts and files are as they were, and the log
/// says so.
#[track_caller]
fn changes_nothing(mac: &Mac, install: impl FnOnce() -> Run) -> Run {
    let jobs = |mac: &Mac| mac.state().jobs;
    let before = (jobs(mac), mac.receipts(), mac.changes());
    let run = install();
    assert_eq!(run.status, 1, "{}", run.log);
    let run = run.ends_with_words("was changed.");
    assert_eq!((jobs(mac), mac.receipts(), mac.changes()), before, "{}", run.log);
    run
}

#[test]
fn the_instance_is_created_for_the_one_user_of_the_mac() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        let instance = with_template(auto(Condition::Boot));
        let run =
            mac.install(&instance).ends_with(0, &["Created Lima instance k3s in", "is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        // Half an hour more than without.
        assert_eq!(run.limit, 2400);
        mac.golden("template", &run);
        let yaml = fs::read_to_string(mac.path("/Users/alice/.lima/k3s/lima.yaml")).unwrap();
        assert_eq!(yaml, instance.template.as_ref().unwrap().as_str());
        let created = mac.state().created_with;
        let job = Job::new(&plain(Condition::Boot));
        assert_eq!(created["PATH"], job.environment_variables["PATH"]);
        assert_eq!((created["HOME"].as_str(), created["USER"].as_str()), ("/Users/alice", "alice"));
        // Once more: it is there now.
        let calls = limactls(mac).len();
        mac.install(&instance).ends_with(0, &["is set up and runs"]).without("Creating");
        assert_eq!((limactls(mac).len(), calls), (1, 1));
        // It outlives what starts it.
        let lima_is = |line: &String| line.contains(LIMA);
        let of_lima = |mac: &Mac| mac.changes().into_iter().filter(lima_is).collect::<Vec<_>>();
        let before = of_lima(mac);
        let run = mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
        assert_eq!(mac.changes(), before);
        mac.golden("template-uninstall", &run);
    });
}

#[test]
fn the_instance_is_created_for_a_named_user_at_boot_and_at_login() {
    on_a_mac(|mac| {
        for condition in [Condition::Boot, Condition::Login] {
            fs::remove_dir_all(mac.path(LIMA)).unwrap();
            let instance = with_template(plain(condition));
            let run = mac.install(&instance).ends_with(0, &["Created", "is set up and runs"]);
            if condition == Condition::Login {
                mac.golden("template-login", &run);
            }
            let before_the_job = run.log.find("Created").unwrap() < run.log.find("Loaded ").unwrap();
            assert!(before_the_job, "{}", run.log);
        }
    });
}

#[test]
fn what_is_there_is_never_touched() {
    on_a_mac(|mac| {
        let instance = with_template(plain(Condition::Boot));
        mac.install(&instance).ends_with(0, &["is set up and runs"]);
        mac.install(&with_template(auto(Condition::Boot))).ends_with(0, &["is set up and runs"]);
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
            mac.run_uninstall_script(&instance).ends_with(0, &[]);
            mac.remember();
            mac.install(&instance).ends_with(0, &["there is no Lima instance in /Users/alice/.lima/k3s"]);
            assert!(mac.changes().iter().all(|line| !line.contains(LIMA)), "{made}: {:?}", mac.changes());
            mac.set(|state| state.accounts.truncate(1));
            let found = with_template(auto(Condition::Boot));
            changes_nothing(mac, || mac.install(&found))
                .ends_with(1, &["is no Lima instance of alice's own", "Remove it"]);
        }
        assert!(limactls(mac).is_empty());
    });
}

#[test]
fn a_creation_that_fails_leaves_a_new_mac_as_it_was() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        mac.set(|state| state.faults.create_fails = true);
        let instance = with_template(auto(Condition::Boot));
        let run = changes_nothing(mac, || mac.install(&instance));
        assert_eq!(mac.changes(), [""; 0]);
        mac.golden("template-fails", &run);
        for instance in [auto(Condition::Login), plain(Condition::Boot), plain(Condition::Login)] {
            changes_nothing(mac, || mac.install(&with_template(instance)));
        }
        // What was there of Lima's stays.
        mac.put_instance("/Users/alice/.lima/docker");
        mac.remember();
        mac.install(&instance).ends_with(1, &["could not be created"]);
        let left = mac.changes();
        assert!(left.iter().all(|line| line.contains("/.lima/_config")), "{left:#?}");
        // And it works when it can.
        mac.set(|state| state.faults.create_fails = false);
        mac.install(&instance).ends_with(0, &["is set up and runs"]);
    });
}

#[test]
fn a_creation_that_fails_leaves_an_older_package_as_it_was() {
    // Many installations, of which other tests show that all shells run them.
    on_macs(&["dash", "zsh"], |mac| {
        mac.set(|state| state.accounts.truncate(1));
        let newer = |condition| {
            let instance = with_template(auto(condition));
            Instance { exit_timeout: 240, template: Some("# another\n".to_owned().into()), ..instance }
        };
        for obsoletes in [false, true] {
            mac.obsoletes.set(obsoletes);
            for earlier in [
                plain(Condition::Boot),
                plain(Condition::Login),
                auto(Condition::Boot),
                auto(Condition::Login),
                with_template(plain(Condition::Boot)),
            ] {
                mac.install(&earlier).ends_with(0, &["is set up and runs"]);
                let notes = "/Library/Application Support/io.lima-vm/k3s/notes.txt";
                mac.put(notes, 0, 0, 0o600, b"mine");
                fs::rename(mac.path("/Users/alice/.lima/k3s"), mac.path("/Users/alice/aside")).unwrap();
                mac.set(|state| state.faults.create_fails = true);
                mac.put_folder("/Users/alice/.lima/_config", ALICE, STAFF, 0o755);
                mac.put("/Users/alice/.lima/_config/user", ALICE, STAFF, 0o644, b"a key\n");
                for condition in [Condition::Boot, Condition::Login] {
                    let run = changes_nothing(mac, || mac.install_version(&newer(condition), "2"));
                    if obsoletes && earlier == plain(Condition::Boot) && condition == Condition::Boot {
                        mac.golden("template-fails-on-upgrade", &run);
                    }
                }
                fs::rename(mac.path("/Users/alice/aside"), mac.path("/Users/alice/.lima/k3s")).unwrap();
                fs::remove_file(mac.path(notes)).unwrap();
                mac.set(|state| state.faults.create_fails = false);
                mac.run_uninstall_script(&earlier).ends_with(0, &["Nothing starts"]);
                // A package that nobody removed the receipt of is none.
                mac.laid_down.borrow_mut().clear();
            }
        }
    });
}

#[test]
fn an_installation_that_is_ended_meanwhile_leaves_the_mac_as_it_was() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        mac.set(|state| state.faults.create_is_ended = true);
        let instance = with_template(auto(Condition::Boot));
        let run = changes_nothing(mac, || mac.install(&instance)).ends_with(1, &["ended by a signal"]);
        // How often it is looked after limactl is chance.
        mac.golden("template-ended", &Run { seconds: 0, ..run });
    });
}

#[test]
fn a_creation_that_never_ends_is_ended_in_time() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        mac.put(&format!("/{HANGS}"), 0, 0, 0o644, b"");
        let instance = with_template(auto(Condition::Boot));
        changes_nothing(mac, || mac.install(&instance))
            .ends_with(1, &["limactl create has taken 1920 seconds, and is ended.", "could not be created"]);
    });
}

#[test]
fn for_several_users_it_is_not_guessed() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path(LIMA)).unwrap();
        mac.remember();
        let instance = with_template(auto(Condition::Boot));
        let run = changes_nothing(mac, || mac.install(&instance));
        mac.golden("template-two-users", &run);
        // One of them has it: that one.
        mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
        mac.install(&instance).ends_with(0, &["Found: bob,"]).without("Creating");
        assert!(limactls(mac).is_empty());
    });
}

#[test]
fn without_limactl_nothing_is_created_and_nothing_changed() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        fs::remove_file(mac.path("/opt/homebrew/bin/limactl")).unwrap();
        mac.remember();
        changes_nothing(mac, || mac.install(&with_template(plain(Condition::Boot))))
            .ends_with(1, &["has to be created, and alice cannot run /opt/homebrew/bin/limactl"]);
        changes_nothing(mac, || mac.install(&with_template(auto(Condition::Boot))))
            .ends_with(1, &["there is no limactl for this Mac (arm64)"]);
    });
}

#[test]
fn a_broken_property_list_is_met_before_anything_is_created() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        let break_it = |package: &mut Component| {
            let list = package.payload.iter_mut().find(|entry| entry.path.ends_with(".plist")).unwrap();
            list.bytes.truncate(200);
        };
        changes_nothing(mac, || mac.install_damaged(&with_template(auto(Condition::Boot)), break_it))
            .ends_with(1, &["is not a property list that launchd could read"]);
        assert!(limactls(mac).is_empty());
    });
}

/// Its disk would go with it.
#[test]
fn an_instance_that_was_overlooked_is_not_removed_as_half_made() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        mac.set(|state| state.faults.create_meets_another = true);
        mac.install(&with_template(auto(Condition::Boot)))
            .ends_with(1, &["already exists", "/Users/alice/.lima/k3s was there already, and stays."]);
        assert!(mac.path("/Users/alice/.lima/k3s/lima.yaml").exists());
        assert!(limactls(mac).iter().all(|call| !call.contains(" delete ")), "{:?}", limactls(mac));
    });
}

#[test]
fn where_the_job_cannot_be_put_only_the_new_instance_stays() {
    on_a_mac(|mac| {
        mac.put_folder("/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist", 0, 0, 0o755);
        mac.remember();
        let there = changes_nothing(mac, || mac.install(&auto(Condition::Boot)));
        there.ends_with(1, &["There is a folder in the place of /Library/LaunchDaemons/"]);
        without_an_instance(mac);
        mac.install(&with_template(auto(Condition::Boot)))
            .ends_with(1, &["Created Lima instance"])
            .ends_with_words("but for the instance that was created in /Users/alice/.lima/k3s.");
        let left = mac.changes();
        assert!(left.iter().all(|line| line.contains(LIMA)) && mac.jobs().is_empty(), "{left:#?}");
    });
}

/// A file that is a link already was somebody's intention.
#[test]
fn a_link_that_was_there_is_put_back_as_one() {
    on_a_mac(|mac| {
        without_an_instance(mac);
        mac.put("/opt/mine.plist", 0, 0, 0o644, b"mine");
        let link = "/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
        mac.plant_as(0, link, "/opt/mine.plist");
        mac.remember();
        mac.set(|state| state.faults.create_fails = true);
        changes_nothing(mac, || mac.install(&with_template(auto(Condition::Boot))));
        assert!(mac.changes().is_empty(), "{:?}", mac.changes());
    });
}

#[test]
fn values_reach_limactl_literally() {
    on_a_mac(|mac| {
        for user in ["_o.neil-9".parse().unwrap(), Account::Auto] {
            let instance = with_template(hostile(Condition::Boot));
            let home = instance.macos_home().unwrap();
            let lima_home = instance.macos_lima_home().unwrap();
            mac.set(|state| {
                state.accounts.truncate(1);
                state.accounts[0].home = Some(home.clone());
                state.accounts[0].name = if user == Account::Auto { "alice" } else { "_o.neil-9" }.to_owned();
            });
            mac.put_folder(&home, ALICE, STAFF, 0o750);
            mac.put_folder(&format!("{home}/Library"), ALICE, STAFF, 0o700);
            mac.put_folder(&lima_home, ALICE, STAFF, 0o700);
            mac.put_limactl(instance.macos_limactl().unwrap(), "arm64");
            let home = if user == Account::Auto { None } else { instance.home.clone() };
            let instance = Instance { user, home, ..instance };
            mac.install(&instance).ends_with(0, &["Created", "is set up and runs"]);
            let created = mac.state().created_with;
            for (name, value) in &instance.env {
                assert_eq!(created[name.as_str()], value.as_str());
            }
            assert_eq!(created["LIMA_HOME"], lima_home);
            mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
            fs::remove_dir_all(mac.path(&format!("{lima_home}/Prod.k3s_a-1"))).unwrap();
        }
    });
}
