//! The scripts, run under every shell that `/bin/sh` may be.

use std::fs;
use std::path::Path;

use xtask::launchd::{self, Job};
use xtask::render;
use xtask::spec::{Condition, Instance};

use super::mac::{make_executable, on_a_mac};
use super::{hostile, spec};

const DAEMON: &str = "system/io.lima-vm.daemon.k3s runs, from io.lima-vm.daemon.k3s.plist";
const AGENT: &str = "gui/501/io.lima-vm.autostart.k3s runs, from io.lima-vm.autostart.k3s.plist";
const DAEMON_FILES: [&str; 2] = [
    "Library/Application Support/io.lima-vm/k3s/uninstall.sh",
    "Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist",
];
const AGENT_FILES: [&str; 3] = [
    "Library/Application Support/io.lima-vm/k3s/io.lima-vm.autostart.k3s.plist",
    "Library/Application Support/io.lima-vm/k3s/uninstall.sh",
    "Users/al ice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist",
];

#[test]
fn a_first_installation_for_boot_runs_the_instance() {
    on_a_mac(|mac| {
        mac.install(&mac.instance(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        assert_eq!(mac.files(), DAEMON_FILES);
    });
}

#[test]
fn an_update_waits_for_the_running_vm() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.wants("bootout-takes", "40");
        mac.install(&instance).ends_with(0, &["Still waiting", "Stopped system/", "is set up and runs"]);
        assert!((40..60).contains(&mac.seconds()), "{}", mac.seconds());
        assert_eq!(mac.jobs(), [DAEMON]);
        assert_eq!(mac.files(), DAEMON_FILES);
    });
}

#[test]
fn a_vm_that_never_shuts_down_is_given_up_within_the_time_limit() {
    on_a_mac(|mac| {
        let instance = Instance { exit_timeout: 20, ..mac.instance(Condition::Boot) };
        mac.install(&instance).ends_with(0, &[]);
        mac.wants("bootout-takes", "100000");
        mac.install(&instance).ends_with(0, &["launchd has not let go", "warning:", "at the next boot"]);
        assert!((50..120).contains(&mac.seconds()), "{}", mac.seconds());
    });
}

#[test]
fn a_disabled_job_is_enabled() {
    on_a_mac(|mac| {
        mac.wants("disabled/system+io.lima-vm.daemon.k3s", "");
        mac.install(&mac.instance(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn a_bootstrap_that_fails_twice_is_tried_again() {
    on_a_mac(|mac| {
        mac.wants("bootstrap-fails", "2");
        let run = mac.install(&mac.instance(Condition::Boot)).ends_with(0, &["ended with 5", "runs"]);
        assert_eq!(run.log.matches("ended with 5").count(), 1, "said once:\n{}", run.log);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn a_bootstrap_that_never_works_is_a_warning_unless_the_start_is_required() {
    on_a_mac(|mac| {
        mac.wants("bootstrap-fails", "1000");
        let instance = mac.instance(Condition::Boot);
        mac.install(&instance).ends_with(0, &["in 30 tries", "was not started. It starts at the next boot."]);
        let required = Instance { require_start: true, ..instance };
        mac.install(&required).ends_with(1, &["\"require-start\""]);
        assert!(mac.jobs().is_empty());
    });
}

#[test]
fn the_job_from_before_comes_back_where_the_new_one_is_refused() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.wants("refuses", "<integer>200</integer>\n");
        let new = Instance { exit_timeout: 200, ..instance };
        let before = ["system/io.lima-vm.daemon.k3s runs, from previous.plist"];
        mac.install(&new).ends_with(0, &["Until then the job from before the update is loaded again"]);
        assert_eq!(mac.jobs(), before);
        // Once more: what is loaded is still the one from before.
        mac.install(&new).ends_with(0, &["loaded again"]);
        assert_eq!(mac.jobs(), before);
        mac.no_longer_wants("refuses");
        mac.install(&new).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        assert_eq!(mac.files(), DAEMON_FILES);
    });
}

#[test]
fn a_job_without_a_process_is_kickstarted() {
    on_a_mac(|mac| {
        mac.wants("never-spawns", "");
        mac.install(&mac.instance(Condition::Boot)).ends_with(0, &["starting it", "is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        mac.wants("kickstart-fails", "");
        mac.install(&mac.instance(Condition::Boot)).ends_with(
            0,
            &["Its last exit code is 1.", "launchd.stderr.log may say why", "kickstart system/"],
        );
    });
}

#[test]
fn without_the_user_nothing_is_changed() {
    on_a_mac(|mac| {
        let instance = Instance { user: "bob".parse().unwrap(), ..mac.instance(Condition::Boot) };
        mac.install(&instance).ends_with(1, &["there is no user \"bob\" on this Mac", "Nothing was changed"]);
        mac.wants("users/bob", "0\n/var/root\n");
        mac.install(&instance).ends_with(1, &["is root"]);
        assert!(mac.files().is_empty() && mac.jobs().is_empty());
    });
}

#[test]
fn on_another_volume_nothing_is_loaded() {
    on_a_mac(|mac| {
        mac.install_on(&mac.instance(Condition::Boot), "/Volumes/Other")
            .ends_with(0, &["the target is /Volumes/Other"]);
        assert!(mac.jobs().is_empty());
    });
}

#[test]
fn a_broken_property_list_is_a_failure_and_stops_nothing() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.put("/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist", b"nonsense");
        let scripts = render::installer_scripts(&spec(&instance), &instance);
        mac.run_packed(&scripts, "postinstall", "/").ends_with(1, &["is not a property list"]);
        assert_eq!(mac.jobs(), [DAEMON]);
    });
}

#[test]
fn what_is_missing_is_said_and_the_job_is_loaded() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Boot);
        fs::remove_file(mac.path("opt/limactl")).unwrap();
        mac.wants("never-spawns", "");
        mac.install(&instance).ends_with(0, &["alice cannot run", "was not started. Once what is missing"]);
        fs::remove_dir_all(mac.instance_dir(&instance)).unwrap();
        mac.install(&instance).ends_with(0, &["there is no Lima instance in"]);
        assert_eq!(
            mac.jobs(),
            ["system/io.lima-vm.daemon.k3s does not run, from io.lima-vm.daemon.k3s.plist"]
        );
        mac.install(&Instance { require_start: true, ..instance }).ends_with(1, &["require-start"]);
    });
}

#[test]
fn for_login_the_agent_is_the_users_own() {
    on_a_mac(|mac| {
        mac.install(&mac.instance(Condition::Login)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [AGENT]);
        assert_eq!(mac.files(), AGENT_FILES);
        assert!(mac.calls().contains("[#501] launchctl bootstrap gui/501 "), "{}", mac.calls());
    });
}

#[test]
fn for_login_a_user_who_is_away_gets_the_agent_for_later() {
    on_a_mac(|mac| {
        mac.no_longer_wants("session/501");
        let instance = Instance { require_start: true, ..mac.instance(Condition::Login) };
        mac.install(&instance).ends_with(0, &["alice is not logged in. It starts when alice logs in next."]);
        assert!(mac.jobs().is_empty());
        assert_eq!(mac.files(), AGENT_FILES);
    });
}

#[test]
fn for_login_a_home_that_is_not_there_is_a_failure() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Login);
        mac.wants("users/alice", "501\n/nonexistent/home\n");
        mac.install(&instance).ends_with(1, &["\"/nonexistent/home\", is not there", "Nothing was changed"]);
        assert!(mac.files().is_empty());
    });
}

#[test]
fn for_login_a_folder_in_the_agents_place_is_a_failure_in_words() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Login);
        fs::create_dir_all(
            mac.path("Users/al ice").join("Library/LaunchAgents/io.lima-vm.autostart.k3s.plist"),
        )
        .unwrap();
        mac.install(&instance).ends_with(1, &["There is a folder in the place of"]);
        assert!(mac.jobs().is_empty());
    });
}

#[test]
fn one_condition_takes_the_place_of_the_other() {
    on_a_mac(|mac| {
        mac.install(&mac.instance(Condition::Login)).ends_with(0, &[]);
        mac.install(&mac.instance(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        assert_eq!(mac.files(), DAEMON_FILES);
        mac.install(&mac.instance(Condition::Login)).ends_with(0, &["is set up and runs"]);
        assert_eq!(mac.jobs(), [AGENT]);
        assert_eq!(mac.files(), AGENT_FILES);
    });
}

#[test]
fn the_uninstaller_leaves_nothing_but_the_instance() {
    on_a_mac(|mac| {
        for condition in [Condition::Boot, Condition::Login] {
            let instance = mac.instance(condition);
            let spec = spec(&instance);
            mac.install(&instance).ends_with(0, &[]);
            mac.wants("bootout-takes", "5");
            // From the folder that it removes.
            let script = mac.here(&launchd::uninstaller_path(&spec, &instance));
            mac.run(&script, &[]).ends_with(0, &["Forgot the receipt", "Nothing starts Lima instance k3s"]);
            assert!(mac.jobs().is_empty() && mac.files().is_empty(), "{:?}", mac.files());
            assert!(!mac.path("Library/Application Support/io.lima-vm").exists());
            assert_eq!(fs::read_dir(mac.path("state/receipts")).unwrap().count(), 0);
            assert!(mac.instance_dir(&instance).join("lima.yaml").exists());
            // Twice, by the package.
            let scripts = render::uninstaller_scripts(&spec, &instance);
            mac.run_packed(&scripts, "postinstall", "/").ends_with(0, &["is not loaded", "Nothing starts"]);
            mac.no_longer_wants("bootout-takes");
        }
    });
}

#[test]
fn the_uninstaller_keeps_what_is_not_the_packages() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.put("/Library/Application Support/io.lima-vm/k3s/notes.txt", b"mine");
        mac.wants("forget-fails", "");
        let scripts = render::uninstaller_scripts(&spec(&instance), &instance);
        mac.run_packed(&scripts, "postinstall", "/Volumes/Other").ends_with(0, &["Nothing to do"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        mac.run_packed(&scripts, "postinstall", "/").ends_with(
            0,
            &["it is not empty", "could not be forgotten; to try again: sudo pkgutil --forget"],
        );
        assert_eq!(mac.files(), ["Library/Application Support/io.lima-vm/k3s/notes.txt"]);
    });
}

#[test]
fn an_uninstaller_that_could_not_stop_the_vm_can_be_run_again() {
    on_a_mac(|mac| {
        let instance = Instance { exit_timeout: 1, ..mac.instance(Condition::Boot) };
        mac.install(&instance).ends_with(0, &[]);
        mac.wants("bootout-takes", "100000");
        let script = mac.here(&launchd::uninstaller_path(&spec(&instance), &instance));
        mac.run(&script, &[])
            .ends_with(1, &["launchd has not let go", "Restart the Mac, then run this again"]);
        assert_eq!(mac.files(), [DAEMON_FILES[0]]);
    });
}

#[test]
fn hostile_values_do_no_harm() {
    on_a_mac(|mac| {
        for condition in [Condition::Boot, Condition::Login] {
            let usual = mac.instance(condition);
            let hostile = hostile(condition);
            let under =
                |path: &str| mac.path(path.trim_start_matches('/')).to_str().unwrap().parse().unwrap();
            let instance = Instance {
                home: usual.home.clone(),
                lima_home: Some(under(hostile.lima_home.as_ref().unwrap().as_str())),
                limactl: Some(under(hostile.macos_limactl())),
                require_start: true,
                ..hostile
            };
            mac.wants(&format!("users/{}", instance.user), &format!("501\n{}\n", instance.macos_home()));
            for (path, folder) in [
                (instance.macos_limactl().to_owned(), false),
                (format!("{}/lima.yaml", instance.macos_instance_dir()), true),
            ] {
                mac.put(&path, b"");
                if !folder {
                    make_executable(Path::new(&path));
                }
            }
            mac.install(&instance).ends_with(0, &["Prod.k3s_a-1 is set up and runs"]);
            let script = mac.here(&launchd::uninstaller_path(&spec(&instance), &instance));
            mac.run(&script, &[]).ends_with(0, &["Nothing starts Lima instance Prod.k3s_a-1"]);
            assert!(mac.files().is_empty() && mac.jobs().is_empty());
        }
    });
}

#[test]
fn the_order_can_be_run_on_its_own() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Boot);
        mac.put(&launchd::install_path(&instance), &Job::new(&instance).to_xml().unwrap());
        let plist = mac.here(&launchd::install_path(&instance));
        let plist = plist.to_str().unwrap();
        let script = mac.path("reload.sh");
        fs::write(&script, mac.adapt(&render::reload_sh())).unwrap();
        let label = launchd::label(&instance);
        mac.run(&script, &["reload", "system", &label, plist]).ends_with(0, &["runs as process"]);
        mac.run(&script, &["reload", "system", &label, plist, "20"]).ends_with(0, &["runs as process"]);
        assert_eq!(mac.jobs(), [DAEMON]);
        mac.run(&script, &["unload", "system", &label]).ends_with(0, &["Stopped"]);
        mac.wants("bootstrap-fails", "1000");
        mac.run(&script, &["reload", "system", &label, plist]).ends_with(2, &["in 30 tries"]);
        mac.run(&script, &["reload", "system"]).ends_with(64, &["Usage:"]);
        mac.run(&script, &[]).ends_with(64, &["Usage:"]);
    });
}

#[test]
fn the_uninstaller_asks_for_root_in_words() {
    on_a_mac(|mac| {
        let instance = mac.instance(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        mac.wants("uid", "501");
        let script = mac.here(&launchd::uninstaller_path(&spec(&instance), &instance));
        mac.run(&script, &[]).ends_with(1, &["only root can remove this. Run: sudo \"", "uninstall.sh\""]);
        assert_eq!(mac.files(), DAEMON_FILES);
    });
}
