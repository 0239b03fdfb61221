//! User and limactl are found when the package is installed.

use std::fs;

use xtask::macos::launchd::{self, Job};
use xtask::settings::{Account, Condition, Instance, Limactl, MACOS_LIMACTL_PLACES};

use super::mac::{ALICE, BOB, Mac, STAFF};
use super::on_a_mac;
use crate::render::{auto, hostile, plain};

const DAEMON_PLIST: &str = "/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const DAEMON: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const AGENT: &str = "gui/501/io.lima-vm.autostart.k3s runs, \
     from /Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";

/// launchd, receipts and files are as they were, and the log says so.
#[track_caller]
fn refuses(mac: &Mac, instance: &Instance, words: &[&str]) -> super::installer::Run {
    let before = (mac.jobs(), mac.receipts(), mac.changes());
    let run = mac.install(instance).ends_with(1, words).ends_with_words("Nothing was changed.");
    assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), before);
    run
}

/// The limactl of the job that launchd has.
fn limactl(mac: &Mac) -> String {
    let [job] = &mac.state().jobs.into_values().collect::<Vec<_>>()[..] else { panic!("one job") };
    launchd::limactl_of(&job.arguments).unwrap().to_owned()
}

/// What is found to be alice's.
fn found(condition: Condition) -> Instance {
    Instance { user: "alice".parse().unwrap(), ..auto(condition) }
}

/// The file that launchd reads is the one of a package for these values.
#[track_caller]
fn is_the_job_of(mac: &Mac, path: &str, instance: &Instance) {
    let job: Job = plist::from_file(mac.path(path)).unwrap();
    assert_eq!(job, crate::render::job(instance));
}

#[test]
fn the_one_user_with_the_instance_runs_it() {
    on_a_mac(|mac| {
        let run = mac.install(&auto(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        is_the_job_of(mac, DAEMON_PLIST, &found(Condition::Boot));
        assert_eq!(limactl(mac), "auto", "looked for at each start");
        mac.golden("auto", &run);
        // Once more changes nothing.
        let first = mac.changes();
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Stopped system/", "is set up and runs"]);
        assert_eq!((mac.jobs(), mac.changes()), (vec![DAEMON.to_owned()], first));
    });
}

#[test]
fn nobody_with_the_instance_is_a_refusal_that_names_the_users() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice/.lima")).unwrap();
        mac.remember();
        let run = refuses(mac, &auto(Condition::Boot), &["looked at: alice, bob", "--user NAME"]);
        mac.golden("auto-nobody", &run);
        mac.set(|state| state.accounts.clear());
        refuses(mac, &auto(Condition::Boot), &["has no local user"]);
    });
}

#[test]
fn two_users_with_the_instance_are_a_refusal_that_names_both() {
    on_a_mac(|mac| {
        mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
        mac.remember();
        let run = refuses(mac, &auto(Condition::Boot), &["several users", ": alice, bob."]);
        mac.golden("auto-two", &run);
        refuses(mac, &auto(Condition::Login), &["several users"]);
    });
}

#[test]
fn an_owner_who_goes_away_before_an_upgrade_leaves_the_running_vm_alone() {
    on_a_mac(|mac| {
        mac.install(&auto(Condition::Boot)).ends_with(0, &[]);
        fs::remove_file(mac.path("/Users/alice/.lima/k3s/lima.yaml")).unwrap();
        refuses(mac, &auto(Condition::Boot), &["no user of this Mac owns"]);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn a_limactl_that_the_job_would_not_find_is_said() {
    on_a_mac(|mac| {
        let [homebrew, local, macports] = MACOS_LIMACTL_PLACES;
        fs::remove_file(mac.path(homebrew)).unwrap();
        // An old Homebrew for Intel; one that is not for everybody.
        mac.put_limactl(local, "x86_64");
        mac.put(macports, 0, 0, 0o700, b"#!/stand-ins/mach-o arm64\n");
        mac.remember();
        let words = [
            "no limactl for this Mac (arm64)",
            "/opt/homebrew/bin/limactl is missing",
            "/usr/local/bin/limactl is not for arm64",
            "/opt/local/bin/limactl is nothing that alice may run",
            "It starts by itself once what is missing is there.",
        ];
        let run = mac.install(&auto(Condition::Boot)).ends_with(0, &words);
        assert_eq!(mac.jobs(), [DAEMON]);
        mac.golden("auto-no-limactl", &run);
        mac.set(|state| state.intel = true);
        mac.install(&auto(Condition::Boot)).ends_with(0, &["is set up and runs"]);
    });
}

#[test]
fn links_that_a_user_planted_lead_nowhere() {
    on_a_mac(|mac| {
        // Anybody may look there.
        for folder in ["/Users/alice", "/Users/alice/.lima", "/Users/alice/.lima/k3s"] {
            mac.put_folder(folder, ALICE, STAFF, 0o755);
        }
        mac.put("/etc/lima.yaml", 0, 0, 0o644, b"root's");
        for (link, to) in [
            ("/Users/bob/.lima", "/Users/alice/.lima"),
            ("/Users/bob/.lima", "/nowhere"),
            ("/Users/bob/.lima/k3s", "/Users/alice/.lima/k3s"),
            ("/Users/bob/.lima/k3s", "/etc"),
            ("/Users/bob/.lima/k3s/lima.yaml", "/Users/alice/.lima/k3s/lima.yaml"),
            ("/Users/bob/.lima/k3s/lima.yaml", "/etc/lima.yaml"),
        ] {
            fs::remove_dir_all(mac.path("/Users/bob")).unwrap();
            mac.put_folder("/Users/bob", BOB, STAFF, 0o755);
            let folder = link.rsplit_once('/').unwrap().0;
            mac.put_folder("/Users/bob/.lima", BOB, STAFF, 0o755);
            if folder == "/Users/bob" {
                fs::remove_dir(mac.path("/Users/bob/.lima")).unwrap();
            } else {
                mac.put_folder(folder, BOB, STAFF, 0o755);
            }
            mac.plant_as(BOB, link, to);
            mac.remember();
            mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice, for the instance in /Users/"]);
            assert_eq!(mac.jobs(), [DAEMON], "{link} to {to}");
            mac.run_uninstall_script(&auto(Condition::Boot)).ends_with(0, &["Nothing starts"]);
            assert!(mac.changes().is_empty(), "{:?}", mac.changes());
        }
        // alice's file in bob's folder, by another name.
        fs::remove_file(mac.path("/Users/bob/.lima/k3s/lima.yaml")).unwrap();
        let (from, to) = ("/Users/alice/.lima/k3s/lima.yaml", "/Users/bob/.lima/k3s/lima.yaml");
        fs::hard_link(mac.path(from), mac.path(to)).unwrap();
        mac.remember();
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice,"]);
    });
}

#[test]
fn an_instance_of_ones_own_on_another_disk_counts() {
    on_a_mac(|mac| {
        fs::remove_dir_all(mac.path("/Users/alice/.lima")).unwrap();
        mac.put_instance("/Volumes/VMs/k3s");
        mac.put_folder("/Users/alice/.lima", ALICE, STAFF, 0o700);
        mac.plant("/Users/alice/.lima/k3s", "/Volumes/VMs/k3s");
        mac.remember();
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice,", "is set up and runs"]);
    });
}

#[test]
fn only_accounts_of_this_mac_are_looked_at() {
    on_a_mac(|mac| {
        mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
        mac.set(|state| {
            state.network_accounts.insert("bob".to_owned());
        });
        mac.remember();
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice,"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        mac.run_uninstall_package(&auto(Condition::Boot)).ends_with(0, &[]);
        // A service's, and one that belongs to the system.
        for (name, uid) in [("_lima", 502), ("admin", 499)] {
            mac.set(|state| {
                state.network_accounts.clear();
                (state.accounts[1].name, state.accounts[1].uid) = (name.to_owned(), uid);
            });
            mac.put_instance_of(uid, "/Users/bob/.lima/k3s");
            mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice,"]);
        }
    });
}

#[test]
fn with_lima_home_set_its_owner_runs_it() {
    on_a_mac(|mac| {
        mac.put_instance_of(BOB, "/Volumes/My VMs/k3s");
        mac.remember();
        let lima_home = Some("/Volumes/My VMs".parse().unwrap());
        let instance = Instance { lima_home: lima_home.clone(), ..auto(Condition::Boot) };
        mac.install(&instance).ends_with(0, &["Found: bob, for the instance in /Volumes/My VMs/k3s."]);
        let named = Instance { user: "bob".parse().unwrap(), lima_home, ..auto(Condition::Boot) };
        is_the_job_of(mac, DAEMON_PLIST, &named);
        mac.put("/Volumes/My VMs/k3s/lima.yaml", 0, 0, 0o644, b"root's");
        mac.install(&instance)
            .ends_with(1, &["owns a Lima instance k3s at /Volumes/My VMs/k3s", "Nothing was changed."]);
    });
}

#[test]
fn at_login_the_agent_is_the_found_users() {
    on_a_mac(|mac| {
        let run = mac.install(&auto(Condition::Login)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [AGENT]);
        let path = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";
        is_the_job_of(mac, path, &found(Condition::Login));
        mac.golden("auto-login", &run);
        // An upgrade that launchd refuses goes back to what was found before.
        mac.set(|state| state.faults.bootstrap_refuses = Some("<integer>300</integer>".to_owned()));
        let newer = Instance { exit_timeout: 300, ..auto(Condition::Login) };
        mac.install_version(&newer, "1.3").ends_with(0, &["is loaded again"]);
        mac.set(|state| state.faults.bootstrap_refuses = None);
        let run = mac.run_uninstall_script(&newer).ends_with(0, &["Nothing starts"]);
        mac.golden("auto-login-uninstall", &run);
    });
}

#[test]
fn names_and_home_folders_are_taken_literally() {
    on_a_mac(|mac| {
        let home = "/Users/O'Neil \"x\" & <Söhne>/$(touch planted) `id` \\";
        let name = "o'neil $(id) \"x\" & <b>";
        mac.put_folder(home, ALICE, STAFF, 0o750);
        mac.put_folder(&format!("{home}/Library"), ALICE, STAFF, 0o700);
        mac.put_instance(&format!("{home}/.lima/Prod.k3s_a-1"));
        mac.set(|state| {
            (state.accounts[0].name, state.accounts[0].home) = (name.to_owned(), Some(home.to_owned()));
        });
        mac.remember();
        for condition in [Condition::Boot, Condition::Login] {
            let instance = Instance {
                user: Account::Auto,
                home: None,
                lima_home: None,
                limactl: Some(Limactl::Auto),
                ..hostile(condition)
            };
            let run = mac.install(&instance).ends_with(0, &["Prod.k3s_a-1 is set up and runs"]);
            mac.golden(&format!("auto-hostile-{condition}"), &run);
            let [job] = &mac.state().jobs.into_values().collect::<Vec<_>>()[..] else { panic!("one job") };
            assert_eq!(job.user.as_deref(), (condition == Condition::Boot).then_some(name));
            // The PATH of the settings stays.
            for (name, value) in &instance.env {
                assert_eq!(job.environment[name.as_str()], value.as_str());
            }
            mac.run_uninstall_script(&instance).ends_with(0, &["Nothing starts"]);
            let left = mac.changes();
            assert!(
                left.iter().all(|line| line.ends_with("/LaunchAgents") || line.ends_with("/Library/Logs")),
                "{left:#?}"
            );
        }
    });
}

/// Whatever loads the packaged file by mistake, nothing runs.
#[test]
fn the_packaged_job_can_not_run_as_it_is() {
    on_a_mac(|mac| {
        for limactl in [Some(Limactl::Auto), None] {
            let instance = Instance { user: Account::Auto, limactl, ..plain(Condition::Boot) };
            mac.put("/opt/job.plist", 0, 0, 0o644, &crate::render::job(&instance).to_xml().unwrap());
            let words = ["/bin/launchctl", "bootstrap", "system", "/opt/job.plist"];
            assert!(mac.chroot("0:0", "/", &words, &[]).status.success());
            let [job] = &mac.state().jobs.into_values().collect::<Vec<_>>()[..] else { panic!("one job") };
            assert_eq!(job.last_exit, Some(78));
            mac.set(|state| state.jobs.clear());
        }
    });
}

#[test]
fn the_scripts_look_where_the_pages_say() {
    let script = xtask::lima_start::program();
    assert!(script.contains(&format!(" in {}; do\n", MACOS_LIMACTL_PLACES.join(" "))));
}
