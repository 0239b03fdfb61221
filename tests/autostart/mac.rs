//! enable, disable, status on a Mac.

use std::fs;

use serde_json::json;

use super::{
    AGENT_PLIST, AGENT_RUNS, AGENT_START, DAEMON_PLIST, DAEMON_RUNS, DAEMON_START, changing_calls, xtask,
    xtask_as,
};
use crate::render::plain;
use crate::stage::mac::{ALICE, Mac, STAFF};
use crate::stage::{on_a_mac, on_macs};
use xtask::macos::launchd::{Job, Launcher};
use xtask::settings::Condition;

const BOB: u32 = 502;

/// What `dist` would write for the same instance, but for the places of what the job
/// runs and writes.
fn dist(condition: Condition) -> Vec<u8> {
    let program = match condition {
        Condition::Boot => DAEMON_START,
        Condition::Login => AGENT_START,
    };
    let log = "Library/Logs/io.lima-vm/k3s/lima-start.log".to_owned();
    let launcher = Launcher { program: program.to_owned(), template: None, log };
    Job::new(&plain(condition), &launcher).to_xml().unwrap()
}

/// A Mac on which only sh is of interest.
fn mac(scenario: impl Fn(&Mac)) {
    // The rights are looked for by each test itself.
    on_macs(&["dash"], scenario);
}

#[test]
fn enable_at_login_writes_the_agent_and_starts_it() {
    on_a_mac(|mac| {
        let said = xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &["Loaded gui/501/"]);
        assert_eq!(said.out, format!("k3s starts at login as alice, by {AGENT_PLIST}.\n"));
        assert_eq!(mac.jobs(), [AGENT_RUNS]);
        assert_eq!(
            mac.changes(),
            [
                "+ drwxr-xr-x alice:staff /Users/alice/Library/Application Support/io.lima-vm",
                "+ drwxr-xr-x alice:staff /Users/alice/Library/Application Support/io.lima-vm/k3s",
                &format!("+ -rwxr-xr-x alice:staff {AGENT_START}"),
                "+ drwxr-xr-x alice:staff /Users/alice/Library/LaunchAgents",
                &format!("+ -rw-r--r-- alice:staff {AGENT_PLIST}"),
            ]
        );
        assert_eq!(fs::read(mac.path(AGENT_PLIST)).unwrap(), dist(Condition::Login));
        assert_eq!(mac.state().sudo_asked, 0);
        assert_eq!(
            changing_calls(mac),
            [
                "#501 launchctl enable gui/501/io.lima-vm.autostart.k3s",
                &format!("#501 launchctl bootstrap gui/501 {AGENT_PLIST}"),
            ]
        );
    });
}

#[test]
fn enable_at_boot_takes_one_password() {
    on_a_mac(|mac| {
        let said = xtask(mac, &["autostart", "enable", "k3s", "--condition", "boot"]);
        let said = said.ends_with(
            0,
            &[
                "sudo asks for your password once, and runs:\n  sudo /usr/bin/install -d -o 0 -g 0 -m 755 \
                 '/Library/Application Support/io.lima-vm' '/Library/Application Support/io.lima-vm/k3s'\n  \
                 sudo /usr/bin/install -o 0 -g 0 -m 755 <a private temporary file> \
                 '/Library/Application Support/io.lima-vm/k3s/lima-start'\n  \
                 sudo /usr/bin/install -o 0 -g 0 -m 644 <a private temporary file> /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist\n  sudo /bin/sh \
                 -s -- reload system io.lima-vm.daemon.k3s \
                 /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist 240 <reload.sh\n",
            ],
        );
        assert_eq!(said.out, format!("k3s starts at boot as alice, by {DAEMON_PLIST}.\n"));
        assert_eq!(mac.jobs(), [DAEMON_RUNS]);
        assert_eq!(
            mac.changes(),
            [
                "+ drwxr-xr-x root:wheel /Library/Application Support/io.lima-vm",
                "+ drwxr-xr-x root:wheel /Library/Application Support/io.lima-vm/k3s",
                &format!("+ -rwxr-xr-x root:wheel {DAEMON_START}"),
                &format!("+ -rw-r--r-- root:wheel {DAEMON_PLIST}"),
            ]
        );
        assert_eq!(fs::read(mac.path(DAEMON_START)).unwrap(), xtask::lima_start::program().as_bytes());
        assert_eq!(fs::read(mac.path(DAEMON_PLIST)).unwrap(), dist(Condition::Boot));
        assert_eq!(mac.state().sudo_asked, 1);
        let calls = changing_calls(mac);
        let sudo: Vec<&String> = calls.iter().filter(|call| call.contains(" sudo ")).collect();
        let programs: Vec<&str> = sudo.iter().map(|call| call.split(' ').nth(2).unwrap()).collect();
        assert_eq!(programs, ["/usr/bin/install", "/usr/bin/install", "/usr/bin/install", "/bin/sh"]);
        // The temporary file is gone.
        assert_eq!(fs::read_dir(mac.path("/private/tmp")).unwrap().count(), 0);
    });
}

#[test]
fn enabling_again_leaves_a_running_vm_alone() {
    mac(|mac| {
        for condition in ["login", "boot"] {
            let enable = ["autostart", "enable", "k3s", "--condition", condition];
            xtask(mac, &enable).ends_with(0, &[]);
            let (calls, asked) = (changing_calls(mac).len(), mac.state().sudo_asked);
            let said = xtask(mac, &enable).ends_with(0, &[]);
            assert_eq!(said.out, format!("k3s is set up to start at {condition} already, and runs.\n"));
            assert_eq!((changing_calls(mac).len(), mac.state().sudo_asked), (calls, asked));
        }
    });
}

#[test]
fn one_condition_takes_the_place_of_the_other() {
    mac(|mac| {
        xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &[]);
        mac.set(|state| state.faults.vm_stops_in = 20);
        xtask(mac, &["autostart", "enable", "k3s", "--condition", "boot"])
            .ends_with(0, &["Stopped gui/501/"]);
        assert_eq!(mac.jobs(), [DAEMON_RUNS]);
        assert!(!mac.path(AGENT_PLIST).exists());
        xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &["Stopped system/", "sudo /bin/rm -f"]);
        assert_eq!(mac.jobs(), [AGENT_RUNS]);
        assert!(!mac.path(DAEMON_PLIST).exists());
    });
}

#[test]
fn disable_removes_both() {
    on_a_mac(|mac| {
        xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &[]);
        let agent = fs::read(mac.path(AGENT_PLIST)).unwrap();
        xtask(mac, &["autostart", "enable", "k3s", "--condition", "boot"]).ends_with(0, &[]);
        // As limactl leaves it, which knows nothing of the other.
        mac.put(AGENT_PLIST, ALICE, STAFF, 0o644, &agent);
        let asked = mac.state().sudo_asked;
        mac.set(|state| state.sudo_asks_again_at = None);
        let said = xtask(mac, &["autostart", "disable", "k3s"]).ends_with(0, &["sudo /bin/rm -f"]);
        assert_eq!(said.out, "Nothing starts k3s by itself any more; the instance itself stays.\n");
        assert!(mac.jobs().is_empty());
        assert_eq!(mac.changes(), ["+ drwxr-xr-x alice:staff /Users/alice/Library/LaunchAgents"]);
        assert_eq!(mac.state().sudo_asked, asked + 1);
        // Once more: nothing, which is not an error.
        let said = xtask(mac, &["autostart", "disable", "k3s"]).ends_with(0, &[]);
        assert_eq!(said.out, "Nothing starts k3s by itself; there is nothing to remove.\n");
        xtask(mac, &["autostart", "disable", "k3"])
            .ends_with(0, &["\"k3\" not found", "did you mean `k3s`?"]);
    });
}

#[test]
fn what_a_package_installed_is_removed_and_the_rest_of_it_named() {
    mac(|mac| {
        mac.install(&plain(Condition::Boot)).ends_with(0, &[]);
        let words = ["a package was installed for it", "/io.lima-vm/k3s/uninstall.sh"];
        xtask(mac, &["autostart", "disable", "k3s"]).ends_with(0, &words);
        assert!(mac.jobs().is_empty() && !mac.path(DAEMON_PLIST).exists());
    });
}

#[test]
fn status_says_what_is_and_what_is_no_longer_right() {
    mac(|mac| {
        let status =
            |words: &[&str]| xtask(mac, &[&["autostart", "status"], words].concat()).ends_with(0, &[]).out;
        mac.put_instance("/Users/alice/.lima/docker");
        xtask(mac, &["autostart", "enable", "k3s", "--condition", "boot"]).ends_with(0, &[]);
        assert_eq!(
            status(&[]),
            "INSTANCE  CONDITION  USER   LOADED  RUNNING  LAST EXIT  DRIFT  FILE\n\
             docker    -          -      -       -        -          -      -\n\
             k3s       boot       alice  yes     yes      -          no     \
             /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist\n"
        );
        let json: serde_json::Value = serde_json::from_str(&status(&["k3s", "--format", "json"])).unwrap();
        assert_eq!(
            json,
            json!([{
                "instance": "k3s", "condition": "boot", "user": "alice", "file": DAEMON_PLIST, "loaded": true,
                "running": true, "last_exit_code": null, "drift": null, "package": null,
            }])
        );

        let drift = || status(&["k3s"]).lines().last().unwrap().to_owned();
        let text = fs::read_to_string(mac.path(DAEMON_PLIST)).unwrap();
        let put = |text: &str| mac.put(DAEMON_PLIST, 0, 0, 0o644, text.as_bytes());
        put(&text.replace("<integer>240</integer>", "<integer>20</integer>"));
        assert_eq!(
            drift(),
            "k3s: the file was written by something else, or by another version; `enable` writes it anew"
        );
        put("not a property list");
        assert_eq!(drift(), "k3s: the file is not one that `enable` would write");
        put(&text.replace("/opt/homebrew", "/opt/gone"));
        assert_eq!(drift(), "k3s: there is no program /opt/gone/bin/limactl");
        fs::remove_file(mac.path(DAEMON_PLIST)).unwrap();
        assert_eq!(drift(), "k3s: the file is gone, and launchd still has the job");
        put(&text);
        // It is what it was enabled with that counts.
        mac.put("/opt/other/limactl", 0, 0, 0o755, b"");
        mac.put_instance("/srv/lima/k3s");
        let flags = ["--limactl", "/opt/other/limactl", "--lima-home", "/srv/lima"];
        xtask(mac, &[&["autostart", "enable", "k3s"], &flags[..]].concat()).ends_with(0, &[]);
        assert!(status(&["k3s"]).contains(" no     /Users/alice/"), "{}", status(&["k3s"]));
        mac.set(|state| state.faults.program_exits = Some(3));
        mac.set(|state| state.now += 60);
        assert!(status(&["k3s"]).contains("login      alice  yes     no       3 "), "{}", status(&["k3s"]));
    });
}

#[test]
fn a_dry_run_shows_everything_and_runs_nothing() {
    mac(|mac| {
        xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &[]);
        let (jobs, changes, calls) = (mac.jobs(), mac.changes(), changing_calls(mac));
        let said =
            xtask(mac, &["autostart", "enable", "k3s", "--condition", "boot", "--dry-run"]).ends_with(0, &[]);
        for shown in [
            "would run /bin/sh -s -- unload gui/501 io.lima-vm.autostart.k3s <reload.sh\n",
            &format!("would remove {AGENT_PLIST}\n"),
            &format!(
                "would run sudo /usr/bin/install -o 0 -g 0 -m 644 <a private temporary file> {DAEMON_PLIST}\n"
            ),
            "    \t<key>UserName</key>\n",
            &format!(
                "would run sudo /bin/sh -s -- reload system io.lima-vm.daemon.k3s {DAEMON_PLIST} 240 <reload.sh\n"
            ),
            "    launchd_reload() {\n",
        ] {
            assert!(said.out.contains(shown), "no {shown:?} in\n{}", said.out);
        }
        let said = xtask(mac, &["autostart", "disable", "k3s", "--dry-run"]).ends_with(0, &[]);
        assert!(said.out.contains(&format!("would remove {AGENT_PLIST}\n")), "{}", said.out);
        assert_eq!((mac.jobs(), mac.changes(), changing_calls(mac)), (jobs, changes, calls));
    });
}

#[test]
fn who_is_not_logged_in_at_the_screen_gets_the_file() {
    mac(|mac| {
        mac.set(|state| state.logged_in.clear());
        xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &["it starts at the next login"]);
        assert!(mac.jobs().is_empty() && mac.path(AGENT_PLIST).exists());
    });
}

#[test]
fn root_and_what_is_not_there_are_refused() {
    mac(|mac| {
        for words in [&["enable", "k3s"][..], &["disable", "k3s"], &["status"]] {
            xtask_as(mac, 0, &[&["autostart"], words].concat(), &[])
                .ends_with(1, &["this does not run as root"]);
        }
        mac.put_instance("/Users/alice/.lima/docker");
        xtask(mac, &["autostart", "enable", "k3"]).ends_with(
            1,
            &["instance \"k3\" not found in `/Users/alice/.lima`: there is `docker` and `k3s`; did you mean `k3s`?"],
        );
        xtask(mac, &["autostart", "enable", "k3s", "--lima-home", "/nowhere"])
            .ends_with(1, &["not found in `/nowhere`: there is none; `limactl create` makes one"]);
        xtask_as(mac, ALICE, &["autostart", "enable", "k3s"], &[("LIMA_HOME", "/nowhere/")])
            .ends_with(1, &["not found in `/nowhere`"]);
        xtask_as(mac, ALICE, &["autostart", "enable", "k3s"], &[("PATH", "/usr/bin:/bin")])
            .ends_with(1, &["limactl is not on PATH"]);
        xtask(mac, &["autostart", "enable", "k3s", "--limactl", "/bin/nothing"])
            .ends_with(1, &["there is no program `/bin/nothing`"]);
        xtask(mac, &["autostart", "enable", "../k3s"]).ends_with(2, &["is not an instance name for Lima"]);
        let boot = ["autostart", "enable", "k3s", "--condition", "boot", "--user"];
        xtask(mac, &[&boot[..], &["carol"]].concat()).ends_with(1, &["there is no user `carol`"]);
        xtask(mac, &["autostart", "enable", "k3s", "--user", "bob"]).ends_with(1, &["bob's own to set up"]);
        assert_eq!((mac.jobs(), mac.changes().len()), (vec![], 2), "only docker is new");
    });
}

#[test]
fn homebrews_link_is_recorded_and_not_where_it_leads() {
    mac(|mac| {
        mac.put("/opt/homebrew/Cellar/lima/2.2.0/bin/limactl", ALICE, STAFF, 0o755, b"");
        fs::remove_file(mac.path("/opt/homebrew/bin/limactl")).unwrap();
        mac.plant("/opt/homebrew/bin/limactl", "../Cellar/lima/2.2.0/bin/limactl");
        xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &[]);
        let arguments = mac.state().jobs.into_values().next().unwrap().arguments;
        let limactls = ["/opt/homebrew/bin/limactl", "start", "k3s", "--foreground"];
        assert!(arguments.ends_with(&limactls.map(str::to_owned)), "{arguments:?}");
        assert_eq!(fs::read(mac.path(AGENT_PLIST)).unwrap(), dist(Condition::Login));
    });
}

#[test]
fn another_users_instance_starts_at_boot_if_it_is_that_users() {
    mac(|mac| {
        let enable = ["autostart", "enable", "db", "--condition", "boot", "--user", "bob"];
        // As Lima makes it: nobody else may look.
        mac.put_folder("/Users/bob/.lima", BOB, STAFF, 0o700);
        let settings = "/Users/bob/.lima/db/lima.yaml";
        xtask(mac, &enable)
            .ends_with(1, &["bob owns no /Users/bob/.lima/db/lima.yaml", "everything is as it was"]);
        assert!(
            mac.jobs().is_empty() && !mac.path("/Library/LaunchDaemons/io.lima-vm.daemon.db.plist").exists()
        );
        mac.put(settings, ALICE, STAFF, 0o644, b"");
        xtask(mac, &enable).ends_with(1, &["bob owns no"]);
        mac.put(settings, BOB, STAFF, 0o644, b"");
        xtask(mac, &enable).ends_with(0, &["test -O"]);
        let job = &mac.state().jobs["system/io.lima-vm.daemon.db"];
        assert_eq!(
            (job.user.as_deref(), &job.arguments[0][..]),
            (Some("bob"), "/Library/Application Support/io.lima-vm/db/lima-start")
        );
        // What alice has of that name is hers, and stays.
        xtask(mac, &["autostart", "enable", "k3s"]).ends_with(0, &[]);
        mac.put("/Users/bob/.lima/k3s/lima.yaml", BOB, STAFF, 0o644, b"");
        xtask(mac, &["autostart", "enable", "k3s", "--condition", "boot", "--user", "bob", "--dry-run"])
            .ends_with(0, &[])
            .shows_nothing_of("io.lima-vm.autostart.k3s");
        // alice's own of that name would be a second one.
        mac.put_instance("/Users/alice/.lima/db");
        xtask(mac, &["autostart", "enable", "db", "--condition", "boot"])
            .ends_with(1, &["starts the instance db of bob, and there can be one of that name"]);
        xtask(mac, &["autostart", "enable", "db", "--dry-run"])
            .ends_with(0, &["starts the instance db of bob, and was left alone"]);
        // Where one may look, the wrong owner is met before sudo is asked.
        let asked = mac.state().sudo_asked;
        mac.set(|state| state.sudo_asks_again_at = None);
        let flags = ["--lima-home", "/Users/alice/.lima"];
        xtask(
            mac,
            &[&["autostart", "enable", "k3s", "--condition", "boot", "--user", "bob"], &flags[..]].concat(),
        )
        .ends_with(1, &["belongs to the user with the id 501, and bob is to run it"]);
        assert_eq!(mac.state().sudo_asked, asked);
    });
}

#[test]
fn the_old_command_says_what_replaces_it_and_does_the_same() {
    mac(|mac| {
        let deprecated = "`start-at-login` is deprecated; use `cargo xtask autostart";
        xtask(mac, &["start-at-login", "k3s"]).ends_with(0, &[&format!("{deprecated} enable k3s`")]);
        assert_eq!(mac.jobs(), [AGENT_RUNS]);
        xtask(mac, &["start-at-login", "k3s", "--enabled=false"])
            .ends_with(0, &[&format!("{deprecated} disable k3s`")]);
        assert!(mac.jobs().is_empty());
        xtask(mac, &["start-at-login", "--enabled", "k3s"]).ends_with(0, &[]);
        assert_eq!(mac.jobs(), [AGENT_RUNS]);
        let help = xtask(mac, &["--help"]).out;
        assert!(help.contains("autostart") && !help.contains("start-at-login"), "{help}");
    });
}

#[test]
fn a_machine_without_the_means_says_so_and_what_works() {
    mac(|mac| {
        let uname = |system: &str| {
            mac.put("/usr/bin/uname", 0, 0, 0o755, format!("#!/bin/sh\necho {system}\n").as_bytes());
        };
        uname("FreeBSD");
        for words in [&["enable", "k3s"][..], &["disable", "k3s"], &["status"]] {
            xtask(mac, &[&["autostart"], words].concat())
                .ends_with(1, &["`FreeBSD` has neither", "limactl start --foreground INSTANCE"]);
        }
        // A Linux without systemd.
        uname("Linux");
        for words in [&["enable", "k3s"][..], &["disable", "k3s"], &["status"]] {
            xtask(mac, &[&["autostart"], words].concat())
                .ends_with(1, &["no manager for alice here (there is no systemctl)", "Without systemd, "]);
        }
        assert!(mac.jobs().is_empty());
    });
}
