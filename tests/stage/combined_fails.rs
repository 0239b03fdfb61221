//! One package with several instances, of which one cannot be set up.

use std::fs;

use xtask::spec::{Condition, Instance};

use super::combined::{INSTALLER, agent, docker, nothing_of, receipts, runs, together, with_docker, without};
use super::installer::Run;
use super::mac::{ALICE, BOB, Mac, STAFF};
use super::{on_a_mac, on_macs};
use crate::render::{auto, plain, with_template};

/// A template that limactl cannot make an instance of.
fn mistaken(instance: Instance) -> Instance {
    Instance { template: Some("base: template:mistake\n".to_owned().into()), ..instance }
}

/// launchd with its processes, receipts and files are as they were.
#[track_caller]
fn changes_nothing(mac: &Mac, install: impl FnOnce() -> Run) -> Run {
    let jobs = |mac: &Mac| mac.state().jobs;
    let before = (jobs(mac), mac.receipts(), mac.changes());
    let run = install();
    assert_eq!(run.status, 1, "{}", run.log);
    let run = run.ends_with_words("Nothing was changed.");
    assert_eq!((jobs(mac), mac.receipts(), mac.changes()), before, "{}", run.log);
    run
}

#[test]
fn one_that_is_refused_leaves_the_mac_as_it_was() {
    on_a_mac(|mac| {
        for other in
            [auto(Condition::Boot), Instance { user: "carol".parse().unwrap(), ..plain(Condition::Boot) }]
        {
            let other = docker(other);
            // Whichever of them comes first, and on a Mac where one runs.
            for instances in
                [[plain(Condition::Boot), other.clone()], [other.clone(), plain(Condition::Boot)]]
            {
                let run = changes_nothing(mac, || mac.install_all(&instances));
                assert!(run.log.contains("Lima instance docker"), "{}", run.log);
                mac.install(&plain(Condition::Boot)).ends_with(0, &[]);
                changes_nothing(mac, || mac.install_all(&instances));
                mac.run_uninstall_package(&plain(Condition::Boot)).ends_with(0, &[]);
                let chosen = without(INSTALLER, "docker");
                mac.install_all_but(&together(&instances), Some(&chosen))
                    .ends_with(0, &["k3s is set up and"]);
                nothing_of(mac, "docker");
                mac.run_uninstall_package(&plain(Condition::Boot)).ends_with(0, &[]);
            }
        }
        let run = changes_nothing(mac, || {
            mac.install_all(&[plain(Condition::Boot), docker(auto(Condition::Boot))])
        });
        mac.golden("combined-refused", &run);
    });
}

#[test]
fn one_that_cannot_be_created_keeps_no_other_from_its_start() {
    on_a_mac(|mac| {
        let fails = docker(mistaken(plain(Condition::Boot)));
        let named = |one: &Instance| one.name.to_string();
        for other in [plain(Condition::Boot), auto(Condition::Boot), plain(Condition::Login)] {
            for instances in [[other.clone(), fails.clone()], [fails.clone(), other.clone()]] {
                let run = mac
                    .install_all(&instances)
                    .ends_with(
                        1,
                        &["k3s is set up and runs", "docker could not be created", "Nothing of docker"],
                    )
                    .ends_with_words("error: the installation fails, because these were not set up: docker.");
                let job =
                    if other.condition == Condition::Boot { runs("k3s", "alice") } else { agent("k3s") };
                assert_eq!(mac.jobs(), [job], "{}", run.log);
                nothing_of(mac, "docker");
                assert!(mac.receipts().is_empty());
                if named(&instances[0]) == "docker" && other == plain(Condition::Boot) {
                    mac.golden("combined-creation-fails", &run);
                }
                // Nothing is left over where it can be removed or installed again.
                mac.install_all_but(&together(&instances), Some(&without(INSTALLER, "docker")))
                    .ends_with(0, &[]);
                assert_eq!(mac.receipts(), receipts(&["k3s"]));
                mac.uninstall_all_but(&instances, None).ends_with(0, &[]);
                let left = mac.changes();
                // The user's own folder, and the keys that limactl made for itself.
                let stays = ["/Library/LaunchAgents", "/.lima/_config", "/.lima/_config/user"];
                let may_stay = |line: &String| stays.iter().any(|end| line.ends_with(end));
                assert!(left.iter().all(may_stay), "{left:#?}");
            }
        }
    });
}

#[test]
fn of_two_templates_one_fails_and_the_other_does_not() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice/.lima")).unwrap();
        mac.set(|state| state.accounts.truncate(1));
        mac.remember();
        let fails = docker(mistaken(auto(Condition::Boot)));
        let works = with_template(auto(Condition::Boot));
        for instances in [[works.clone(), fails.clone()], [fails, works]] {
            mac.install_all(&instances)
                .ends_with(
                    1,
                    &["Created Lima instance k3s", "docker could not be created", "Nothing of docker"],
                )
                .without("Not all files");
            assert_eq!(mac.jobs(), [runs("k3s", "alice")]);
            nothing_of(mac, "docker");
            mac.uninstall_all_but(&instances, None).ends_with(0, &[]);
            fs::remove_dir_all(mac.path("/Users/alice/.lima")).unwrap();
            assert_eq!(mac.changes(), ["- /Users/alice/.lima"; 0]);
        }
        // And where both fail.
        let both = [mistaken(auto(Condition::Boot)), docker(mistaken(auto(Condition::Boot)))];
        let run = mac.install_all(&both).ends_with(1, &["Nothing of k3s", "Nothing of docker"]);
        run.ends_with_words("these were not set up: docker, k3s.").without("Not all files");
        assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), (vec![], vec![], vec![]));
    });
}

/// Its files would be those of the newer package, with what the older one did.
#[test]
fn an_upgrade_in_which_one_fails_leaves_no_other_half_way() {
    // Many installations, of which other tests show that all shells run them.
    on_macs(&["dash"], |mac| {
        let fails = docker(mistaken(plain(Condition::Boot)));
        for obsoletes in [false, true] {
            mac.obsoletes.set(obsoletes);
            for from in [plain(Condition::Boot), plain(Condition::Login), auto(Condition::Boot)] {
                for to in [plain(Condition::Login), auto(Condition::Boot), plain(Condition::Boot)] {
                    mac.install_version(&from, "1.1").ends_with(0, &[]);
                    mac.install_all(&[fails.clone(), to.clone()])
                        .ends_with(1, &["Nothing of docker", "k3s is set up and runs"]);
                    let left = (mac.jobs(), mac.changes());
                    assert_eq!(mac.receipts(), receipts(&["k3s 1.1"]));
                    nothing_of(mac, "docker");
                    // As after an installation that did not fail.
                    mac.install(&to).ends_with(0, &[]);
                    assert_eq!((mac.jobs(), mac.changes()), left);
                    mac.run_uninstall_script(&to).ends_with(0, &[]);
                    mac.laid_down.borrow_mut().clear();
                }
            }
        }
    });
}

/// Scripts of an instance whose turn would never come.
#[test]
fn a_failure_is_not_left_to_one_that_has_not_begun() {
    on_a_mac(|mac| {
        mac.one_by_one.set(true);
        mac.install_all(&[docker(mistaken(plain(Condition::Boot))), plain(Condition::Boot)])
            .ends_with(1, &["docker could not be created"])
            .ends_with_words("Nothing of docker was changed.")
            .without("Lima instance k3s");
        nothing_of(mac, "k3s");
        nothing_of(mac, "docker");
    });
}

#[test]
fn one_that_fails_without_a_way_back_keeps_no_other_from_its_start() {
    on_a_mac(|mac| {
        // Nothing can be there for it: a folder in its agent's place.
        let place = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.docker.plist";
        mac.put_folder("/Users/alice/Library/LaunchAgents", ALICE, STAFF, 0o755);
        mac.put_folder(place, ALICE, STAFF, 0o755);
        mac.put_instance("/Users/alice/.lima/docker");
        mac.remember();
        let instances = [docker(plain(Condition::Login)), plain(Condition::Boot)];
        mac.install_all(&instances)
            .ends_with(1, &["There is a folder in the place of", "k3s is set up and runs"])
            .ends_with_words("these were not set up: docker.");
        assert_eq!(mac.jobs(), [runs("k3s", "alice")]);
        fs::remove_dir(mac.path(place)).unwrap();
        mac.install_all(&instances).ends_with(0, &["docker is set up and runs"]);
        assert_eq!(mac.receipts(), receipts(&["docker", "k3s"]));
        // One that must run, and does not.
        fs::remove_dir_all(mac.path("/Users/alice/.lima/docker")).unwrap();
        let must = docker(Instance { require_start: true, ..plain(Condition::Boot) });
        mac.install_all(&[must, plain(Condition::Boot)])
            .ends_with(1, &["\"require-start\"", "k3s is set up and runs"])
            .ends_with_words("these were not set up: docker.");
    });
}

/// Nobody knows whether Installer would still run the others.
#[test]
fn an_installation_that_is_ended_ends_at_once() {
    on_a_mac(|mac| {
        mac.set(|state| state.faults.create_is_ended = true);
        let instances = [docker(with_template(plain(Condition::Boot))), plain(Condition::Boot)];
        mac.install_all(&instances)
            .ends_with(1, &["ended by a signal"])
            .ends_with_words("Nothing of docker was changed.")
            .without("Setting up Lima instance k3s");
        assert!(mac.jobs().is_empty() && mac.receipts().is_empty());
        assert!(!mac.path("/Users/alice/.lima/docker").exists());
    });
}

#[test]
fn users_who_are_found_are_found_for_each_instance() {
    on_a_mac(|mac| {
        with_docker(mac);
        mac.put_instance_of(BOB, "/Users/bob/.lima/docker");
        mac.remember();
        let instances = [auto(Condition::Boot), docker(auto(Condition::Boot))];
        changes_nothing(mac, || mac.install_all(&instances))
            .ends_with(1, &["several users of this Mac have a Lima instance docker: alice, bob"]);
        let chosen = without(INSTALLER, "docker");
        mac.install_all_but(&together(&instances), Some(&chosen)).ends_with(0, &["k3s is set up and runs"]);
    });
}
