//! One package with several instances, installed: choices, users, upgrades, and
//! the package that removes them.

use std::fs;

use xtask::macos::package;
use xtask::settings::{Condition, Instance, Spec};

use super::choices::choice_changes;
use super::installer::{Run, spec, written};
use super::mac::{ALICE, BOB, Mac};
use super::{on_a_mac, on_macs};
use crate::render::{auto, plain, with_template};

const DAEMON: &str = "/Library/LaunchDaemons/io.lima-vm.daemon";
pub const INSTALLER: &str = "io.lima-vm.installer";
const UNINSTALLER: &str = "io.lima-vm.uninstaller";

/// The instance under another name.
pub fn docker(instance: Instance) -> Instance {
    Instance { name: "docker".parse().unwrap(), ..instance }
}

/// The settings of all of them.
pub fn together(instances: &[Instance]) -> Spec {
    Spec { instances: instances.to_vec(), ..spec(&instances[0]) }
}

/// A list as `-showChoiceChangesXML` prints it, with one instance left out.
pub fn without(installer: &str, name: &str) -> String {
    let id = format!("{installer}.{name}");
    let seen = [("visible", "<true/>"), ("enabled", "<true/>"), ("selected", "<integer>0</integer>")];
    let mut changes = vec![("default", "selected", "<integer>-1</integer>")];
    changes.extend(seen.map(|(attribute, setting)| (id.as_str(), attribute, setting)));
    choice_changes(&changes)
}

impl Mac {
    /// Installs the package of all instances, with a list of choices.
    pub fn install_all_but(&self, spec: &Spec, changes: Option<&str>) -> Run {
        let mut package = written(&package::combined_installer(spec, 1_700_000_000).unwrap().product);
        let said = changes.map(|list| package.apply_choice_changes(list.as_bytes())).unwrap_or_default();
        let run = self.install_package(&package, "/");
        let said: String = said.iter().map(|line| format!("installer: {line}\n")).collect();
        Run { log: said + &run.log, ..run }
    }

    /// Installs the package of all instances.
    pub fn install_all(&self, instances: &[Instance]) -> Run {
        self.install_all_but(&together(instances), None)
    }

    /// Runs the package that removes them.
    pub fn uninstall_all_but(&self, instances: &[Instance], changes: Option<&str>) -> Run {
        let spec = together(instances);
        let mut package = written(&package::combined_uninstaller(&spec, 1_700_000_000).unwrap().product);
        let said = changes.map(|list| package.apply_choice_changes(list.as_bytes())).unwrap_or_default();
        assert!(said.is_empty(), "{said:?}");
        self.install_package(&package, "/")
    }
}

/// alice has docker too.
pub fn with_docker(mac: &Mac) {
    mac.put_instance("/Users/alice/.lima/docker");
    mac.remember();
}

/// What launchd has of a daemon that runs.
pub fn runs(name: &str, user: &str) -> String {
    format!("system/io.lima-vm.daemon.{name} runs as {user}, from {DAEMON}.{name}.plist")
}

pub fn agent(name: &str) -> String {
    let label = format!("io.lima-vm.autostart.{name}");
    format!("gui/501/{label} runs, from /Users/alice/Library/LaunchAgents/{label}.plist")
}

/// The receipts, of version 1.2 but where another is said.
pub fn receipts(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| match name.split_once(' ') {
            Some(_) => format!("{INSTALLER}.{name}"),
            None => format!("{INSTALLER}.{name} 1.2"),
        })
        .collect()
}

/// Nothing of it is on the Mac.
#[track_caller]
pub fn nothing_of(mac: &Mac, name: &str) {
    let ends = [format!(".{name}.plist"), format!("/{name}")];
    let of_it = |line: &&String| {
        line.contains(&format!("/{name}/")) || ends.iter().any(|end| line.ends_with(end.as_str()))
    };
    let (changes, jobs, receipts) = (mac.changes(), mac.jobs(), mac.receipts());
    assert_eq!(changes.iter().filter(of_it).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(jobs.iter().all(|job| !job.contains(&format!(".{name} "))), "{jobs:?}");
    assert!(receipts.iter().all(|receipt| !receipt.contains(&format!(".{name} "))), "{receipts:?}");
}

#[test]
fn without_a_list_every_instance_is_set_up() {
    on_a_mac(|mac| {
        with_docker(mac);
        let instances = [plain(Condition::Boot), docker(plain(Condition::Login))];
        let run = mac.install_all(&instances).ends_with(0, &["k3s is set up and", "docker is set up and"]);
        assert_eq!(mac.jobs(), [agent("docker"), runs("k3s", "alice")]);
        assert_eq!(mac.receipts(), receipts(&["docker", "k3s"]));
        mac.golden("combined", &run);
        // Each leaves what its own package leaves.
        let all = (mac.jobs(), mac.receipts(), mac.changes());
        mac.uninstall_all_but(&instances, None).ends_with(0, &[]);
        for instance in &instances {
            mac.install(instance).ends_with(0, &[]);
        }
        assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), all);
        // And would in any order.
        mac.uninstall_all_but(&instances, None).ends_with(0, &[]);
        mac.one_by_one.set(true);
        mac.install_all(&instances).ends_with(0, &[]);
        assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), all);
    });
}

#[test]
fn what_is_not_chosen_is_not_installed() {
    on_a_mac(|mac| {
        with_docker(mac);
        let spec = together(&[plain(Condition::Boot), docker(plain(Condition::Boot))]);
        let run = mac.install_all_but(&spec, Some(&without(INSTALLER, "docker"))).ends_with(0, &[]);
        assert_eq!((mac.jobs(), mac.receipts()), (vec![runs("k3s", "alice")], receipts(&["k3s"])));
        nothing_of(mac, "docker");
        mac.golden("combined-without-docker", &run.without("docker"));
        // Choosing the other one later takes nothing away.
        mac.install_all_but(&spec, Some(&without(INSTALLER, "k3s"))).ends_with(0, &[]).without("k3s");
        assert_eq!(mac.jobs(), [runs("docker", "alice"), runs("k3s", "alice")]);
        assert_eq!(mac.receipts(), receipts(&["docker", "k3s"]));
    });
}

#[test]
fn a_choice_that_is_not_in_the_package_is_said_and_passed_over() {
    on_macs(&["dash"], |mac| {
        with_docker(mac);
        let spec = together(&[plain(Condition::Boot), docker(plain(Condition::Boot))]);
        let id = |name: &str| format!("{INSTALLER}.{name}");
        let (k3s, vms) = (id("k3s"), id("vms"));
        let list = choice_changes(&[
            (&vms, "selected", "<integer>1</integer>"),
            (&k3s, "chosen", "<integer>0</integer>"),
            (&k3s, "selected", "<string>no</string>"),
            (&k3s, "selected", "<integer>0</integer>"),
        ]);
        mac.install_all_but(&spec, Some(&list)).ends_with(
            0,
            &[
                "there is no choice \"io.lima-vm.installer.vms\" in the package",
                "the choice io.lima-vm.installer.k3s has no \"chosen\"",
                "io.lima-vm.installer.k3s cannot be selected as",
            ],
        );
        assert_eq!(mac.jobs(), [runs("docker", "alice")]);
    });
}

#[test]
fn instances_may_belong_to_different_users() {
    on_a_mac(|mac| {
        mac.put_instance_of(BOB, "/Users/bob/.lima/docker");
        mac.remember();
        for found in [false, true] {
            let (k3s, docker) = if found {
                (auto(Condition::Boot), docker(auto(Condition::Boot)))
            } else {
                let bobs = Instance { user: "bob".parse().unwrap(), ..plain(Condition::Boot) };
                (plain(Condition::Boot), docker(bobs))
            };
            mac.install_all(&[k3s.clone(), docker.clone()]).ends_with(0, &[]);
            assert_eq!(mac.jobs(), [runs("docker", "bob"), runs("k3s", "alice")]);
            // At login, of whom one is logged in.
            let [k3s, docker] = [k3s, docker].map(|one| Instance { condition: Condition::Login, ..one });
            mac.install_all(&[k3s.clone(), docker.clone()])
                .ends_with(0, &["k3s is set up and runs", "bob is not logged in. It starts when bob logs"]);
            assert_eq!(mac.jobs(), [agent("k3s")]);
            assert!(mac.path("/Users/bob/Library/LaunchAgents/io.lima-vm.autostart.docker.plist").exists());
            mac.uninstall_all_but(&[k3s, docker], None).ends_with(0, &[]);
            let left = mac.changes();
            assert!(left.iter().all(|line| line.ends_with("/Library/LaunchAgents")), "{left:#?}");
            assert!(mac.jobs().is_empty() && mac.receipts().is_empty());
        }
    });
}

#[test]
fn each_kind_of_package_updates_what_the_other_installed() {
    // Many installations, of which other tests show that all shells run them.
    on_macs(&["dash", "zsh"], |mac| {
        with_docker(mac);
        for obsoletes in [false, true] {
            mac.obsoletes.set(obsoletes);
            let instances = [plain(Condition::Boot), docker(plain(Condition::Boot))];
            mac.install_version(&instances[0], "1.1").ends_with(0, &[]);
            assert_eq!(mac.receipts(), receipts(&["k3s 1.1"]));
            mac.set(|state| state.faults.vm_stops_in = 5);
            mac.install_all(&instances).ends_with(0, &["Stopped system/io.lima-vm.daemon.k3s"]);
            assert_eq!(mac.jobs(), [runs("docker", "alice"), runs("k3s", "alice")]);
            assert_eq!(mac.receipts(), receipts(&["docker", "k3s"]));
            let without_agents = |mac: &Mac| {
                let changes = mac.changes().into_iter();
                changes.filter(|line| !line.ends_with("/Library/LaunchAgents")).collect::<Vec<_>>()
            };
            let all = without_agents(mac);
            mac.install_version(&instances[1], "1.3")
                .ends_with(0, &["Stopped system/io.lima-vm.daemon.docker"])
                .without("k3s");
            assert_eq!(mac.receipts(), receipts(&["docker 1.3", "k3s"]));
            assert_eq!(mac.jobs(), [runs("docker", "alice"), runs("k3s", "alice")]);
            // With other conditions, and found.
            let others = [auto(Condition::Boot), docker(plain(Condition::Login))];
            mac.install_all(&others).ends_with(0, &[]);
            assert_eq!(mac.jobs(), [agent("docker"), runs("k3s", "alice")]);
            mac.install_all(&instances).ends_with(0, &[]);
            assert_eq!(mac.receipts(), receipts(&["docker", "k3s"]));
            assert_eq!(without_agents(mac), all);
            mac.run_uninstall_package(&instances[0]).ends_with(0, &["Left /Library/Application Support/io."]);
            nothing_of(mac, "k3s");
            assert_eq!(mac.jobs(), [runs("docker", "alice")]);
            mac.uninstall_all_but(&instances, None).ends_with(0, &[]);
            nothing_of(mac, "docker");
            mac.laid_down.borrow_mut().clear();
        }
    });
}

#[test]
fn two_templates_are_left_to_two_jobs() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice/.lima")).unwrap();
        mac.set(|state| state.accounts.truncate(1));
        mac.remember();
        let instances = [auto(Condition::Boot), auto(Condition::Login)].map(with_template);
        let [k3s, login] = instances;
        let run = mac.install_all(&[k3s, docker(login)]);
        run.ends_with(0, &["k3s is set up and started, not yet", "docker is set up and started, not yet"]);
        assert_eq!(mac.jobs(), [agent("docker"), runs("k3s", "alice")]);
    });
}

/// Six hundred seconds are one script's, not the installation's.
#[test]
fn each_script_has_its_own_time() {
    on_a_mac(|mac| {
        with_docker(mac);
        let instances = [plain(Condition::Boot), docker(plain(Condition::Boot))]
            .map(|one| Instance { exit_timeout: 290, ..one });
        mac.install_all(&instances).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 280);
        let before = mac.state().now;
        let run = mac.install_all(&instances).ends_with(0, &["docker is set up and runs"]).without("warning");
        assert!(mac.state().now - before > 560 && run.seconds < 320, "{} seconds", run.seconds);
        assert_eq!(run.limit, 600);
    });
}

#[test]
fn the_uninstaller_removes_what_is_chosen() {
    on_a_mac(|mac| {
        with_docker(mac);
        let instances = [plain(Condition::Boot), docker(plain(Condition::Login))];
        mac.install_all(&instances).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 10);
        let list = without(UNINSTALLER, "docker");
        mac.uninstall_all_but(&instances, Some(&list)).ends_with(0, &["Nothing starts Lima instance k3s"]);
        nothing_of(mac, "k3s");
        assert_eq!((mac.jobs(), mac.receipts()), (vec![agent("docker")], receipts(&["docker"])));
        mac.install_all(&instances).ends_with(0, &[]);
        let run =
            mac.uninstall_all_but(&instances, None).ends_with(0, &["Nothing starts Lima instance docker"]);
        nothing_of(mac, "k3s");
        nothing_of(mac, "docker");
        mac.golden("combined-uninstall", &run);
    });
}

#[test]
fn uninstalling_what_was_only_installed_in_part_does_no_harm() {
    on_a_mac(|mac| {
        mac.set(|state| state.logged_in = [ALICE, BOB].into());
        for other in [plain(Condition::Boot), plain(Condition::Login), auto(Condition::Boot)] {
            let instances = [docker(other), plain(Condition::Boot)];
            mac.install(&instances[1]).ends_with(0, &[]);
            mac.uninstall_all_but(&instances, None)
                .ends_with(0, &["Nothing starts Lima instance docker", "Nothing starts Lima instance k3s"]);
            assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), (vec![], vec![], vec![]));
        }
    });
}

/// Installer does not run the scripts behind one that failed.
#[test]
fn an_uninstallation_that_cannot_go_on_leaves_the_rest_as_it_was() {
    on_a_mac(|mac| {
        with_docker(mac);
        let instances = [plain(Condition::Boot), docker(plain(Condition::Boot))]
            .map(|one| Instance { exit_timeout: 5, ..one });
        mac.install_all(&instances).ends_with(0, &[]);
        mac.set(|state| state.faults.never_lets_go = true);
        mac.uninstall_all_but(&instances, None)
            .ends_with(1, &["error: not everything could be removed", "run this again"])
            .without("docker");
        assert!(mac.jobs().contains(&runs("docker", "alice")));
        assert_eq!(mac.receipts(), receipts(&["docker", "k3s"]));
        // The Mac was restarted.
        mac.set(|state| {
            state.faults.never_lets_go = false;
            state.jobs.remove("system/io.lima-vm.daemon.k3s");
        });
        mac.uninstall_all_but(&instances, None).ends_with(0, &["Nothing starts Lima instance docker"]);
        nothing_of(mac, "k3s");
        nothing_of(mac, "docker");
    });
}
