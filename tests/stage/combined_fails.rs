//! One package with several instances, of which one cannot be set up.

use std::fs;

use xtask::settings::{Condition, Instance};

use super::combined::{INSTALLER, agent, docker, nothing_of, receipts, runs, together, with_docker, without};
use super::installer::Run;
use super::mac::{ALICE, BOB, Mac, STAFF};
use super::on_a_mac;
use crate::render::{auto, plain};

/// There is something in the place of docker's LaunchAgent, which keeps its
/// installation from going on.
fn obstruct(mac: &Mac) {
    mac.put_folder("/Users/alice/Library/LaunchAgents", ALICE, STAFF, 0o755);
    mac.put_folder(OBSTACLE, ALICE, STAFF, 0o755);
    mac.remember();
}

const OBSTACLE: &str = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.docker.plist";

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
fn one_that_fails_keeps_no_other_from_its_start() {
    on_a_mac(|mac| {
        obstruct(mac);
        let fails = docker(plain(Condition::Login));
        for other in [plain(Condition::Boot), auto(Condition::Boot), plain(Condition::Login)] {
            for instances in [[other.clone(), fails.clone()], [fails.clone(), other.clone()]] {
                let run = mac
                    .install_all(&instances)
                    .ends_with(1, &["k3s is set up and runs", "There is a folder in the place of"])
                    .ends_with_words("error: the installation fails, because these were not set up: docker.");
                let job =
                    if other.condition == Condition::Boot { runs("k3s", "alice") } else { agent("k3s") };
                assert_eq!(mac.jobs(), [job], "{}", run.log);
                assert!(mac.receipts().is_empty());
                if instances[0].name.as_str() == "docker" && other == plain(Condition::Boot) {
                    mac.golden("combined-one-fails", &run);
                }
                // Nothing is left over where it can be removed or installed again.
                mac.install_all_but(&together(&instances), Some(&without(INSTALLER, "docker")))
                    .ends_with(0, &[]);
                assert_eq!(mac.receipts(), receipts(&["k3s"]));
                mac.set(|state| state.jobs.clear());
                mac.run_uninstall_package(&instances[0]);
                mac.run_uninstall_package(&instances[1]);
                mac.laid_down.borrow_mut().clear();
            }
        }
    });
}

/// Scripts of an instance whose turn would never come.
#[test]
fn a_failure_is_not_left_to_one_that_has_not_begun() {
    on_a_mac(|mac| {
        obstruct(mac);
        mac.one_by_one.set(true);
        mac.install_all(&[docker(plain(Condition::Login)), plain(Condition::Boot)])
            .ends_with(1, &["There is a folder in the place of"])
            .without("Lima instance k3s");
        nothing_of(mac, "k3s");
        assert!(mac.jobs().is_empty());
    });
}

#[test]
fn one_that_fails_without_a_way_back_keeps_no_other_from_its_start() {
    on_a_mac(|mac| {
        mac.put_instance("/Users/alice/.lima/docker");
        obstruct(mac);
        let instances = [docker(plain(Condition::Login)), plain(Condition::Boot)];
        mac.install_all(&instances)
            .ends_with(1, &["There is a folder in the place of", "k3s is set up and runs"])
            .ends_with_words("these were not set up: docker.");
        assert_eq!(mac.jobs(), [runs("k3s", "alice")]);
        fs::remove_dir(mac.path(OBSTACLE)).unwrap();
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
