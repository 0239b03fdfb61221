//! Under a real systemd: enabled, rebooted, disabled, rebooted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::boot::installed::Installed;
use crate::boot::machine::{Machine, wait_until};
use crate::readme::blocks_of;

/// What an administrator allows alice.
const LINGER: &str = "loginctl enable-linger alice";

/// A machine with the program, a limactl and the instance k3s of alice's.
/// This machine's libraries go along: those of the machine may be older.
fn machine() -> Option<Installed> {
    let mut machine = Machine::new()?;
    machine.write("/usr/local/bin/limactl", "");
    let limactl = crate::support::root().join("tests/boot/limactl");
    fs::copy(limactl, machine.path("/usr/local/bin/limactl")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_xtask"));
    machine.write("/opt/xtask/xtask", "");
    fs::copy(program, machine.path("/opt/xtask/xtask")).unwrap();
    let libraries = Command::new("ldd").arg(program).output().expect("run ldd");
    let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
    let mut loader = String::new();
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        let to = format!("/opt/xtask/{}", library.rsplit('/').next().unwrap());
        fs::copy(library, machine.path(&to)).unwrap();
        if to.contains("/ld-") {
            loader = to;
        }
    }
    let run = format!("#!/bin/sh\nexec {loader} --library-path /opt/xtask /opt/xtask/xtask \"$@\"\n");
    machine.write("/usr/local/bin/xtask", &run);
    fs::set_permissions(machine.path("/usr/local/bin/xtask"), fs::Permissions::from_mode(0o755)).unwrap();
    machine.boot();
    let mut vm = Installed::in_machine(machine, "k3s");
    // As for somebody who is logged in: the manager runs.
    vm.machine.root("systemctl start user@1000.service");
    vm.create();
    Some(vm)
}

/// Runs the program as alice: status, standard output, standard error.
fn xtask(vm: &Installed, words: &str) -> (i32, String, String) {
    let output = vm.machine.user_command(&format!("xtask {words}")).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn succeeds(vm: &Installed, words: &str) -> (String, String) {
    let (status, out, err) = xtask(vm, words);
    assert_eq!(status, 0, "{out}\n{err}");
    (out, err)
}

/// Files below alice's folder of units.
fn units(vm: &Installed) -> Vec<String> {
    let found = vm.machine.user("cd .config/systemd/user 2>/dev/null || exit 0; find . ! -type d");
    let mut found: Vec<String> = found.lines().map(|path| path.trim_start_matches("./").to_owned()).collect();
    found.sort();
    found
}

const FILES: [&str; 3] = [
    "default.target.wants/lima-vm@k3s.service",
    "lima-vm@k3s.service",
    "lima-vm@k3s.service.d/10-lima-autostart.conf",
];

#[test]
fn an_instance_enabled_for_boot_runs_after_a_reboot_and_disabled_no_longer() {
    let Some(mut vm) = machine() else { return };
    // No polkit is there to let her: nothing is changed, and the command named.
    let (status, _, err) = xtask(&vm, "autostart enable k3s --condition boot");
    assert_eq!(status, 1, "{err}");
    assert!(err.contains("`sudo loginctl enable-linger alice`") && err.contains("as it was"), "{err}");
    assert!(units(&vm).is_empty(), "{:?}", units(&vm));
    let (out, _) = succeeds(&vm, "autostart enable k3s --dry-run --condition boot");
    assert!(out.contains("would run loginctl --no-ask-password enable-linger alice\n"), "{out}");
    assert!(out.contains("would run systemctl --user enable lima-vm@k3s.service\n"), "{out}");
    assert!(units(&vm).is_empty() && vm.events().is_empty());

    vm.machine.root(LINGER);
    let (out, _) = succeeds(&vm, "autostart enable k3s --condition boot");
    assert_eq!(
        out,
        "k3s starts at boot as alice, by /home/alice/.config/systemd/user/lima-vm@k3s.service.\n"
    );
    vm.wait_for("ready");
    assert_eq!(units(&vm), FILES);
    let (out, _) = succeeds(&vm, "autostart status");
    assert_eq!(
        out.lines().last().unwrap(),
        "k3s       boot       alice  yes     yes      -          no     \
         /home/alice/.config/systemd/user/lima-vm@k3s.service"
    );
    vm.machine.power_off();
    vm.forget();
    vm.machine.boot();
    vm.wait_for("ready");
    assert_eq!(vm.count("limactl started"), 1, "{:?}", vm.events());
    assert_eq!(vm.property("ActiveState"), "active");
    // Enabling it once more does not touch the VM.
    let (out, _) = succeeds(&vm, "autostart enable k3s --condition boot");
    assert_eq!(out, "k3s is set up to start at boot already, and runs.\n");

    let (out, err) = succeeds(&vm, "autostart disable k3s");
    assert_eq!(out, "Nothing starts k3s by itself any more; the instance itself stays.\n");
    assert!(err.contains("alice still lingers"), "{err}");
    assert_eq!(vm.property("ActiveState"), "inactive");
    assert!(units(&vm).is_empty(), "{:?}", units(&vm));
    assert!(!vm.machine.path("/home/alice/.local/share/lima-autostart").exists());
    vm.forget();
    vm.machine.reboot();
    wait_until("the manager is up", || {
        vm.machine
            .user_command("systemctl --user is-active default.target")
            .output()
            .unwrap()
            .status
            .success()
    });
    assert!(vm.events().is_empty(), "{:?}", vm.events());
    let (out, _) = succeeds(&vm, "autostart disable k3s");
    assert_eq!(out, "Nothing starts k3s by itself; there is nothing to remove.\n");

    // The guide's commands, in their order.
    let commands = &blocks_of("docs/macs.md", "This machine, without a package", "sh")[0];
    assert_eq!(commands.lines().count(), 4, "{commands}");
    for command in commands.lines() {
        succeeds(&vm, command.strip_prefix("cargo xtask ").expect("a command"));
    }
    assert!(units(&vm).is_empty() && vm.count("limactl started") > 0);
}

#[test]
fn an_instance_enabled_for_login_is_found_by_its_drift_and_put_back_when_it_fails() {
    let Some(vm) = machine() else { return };
    // As limactl registers it: Lima's pkg/autostart/systemd, 2.2.
    let limactls = "[Unit]\nDescription=Lima\n\n[Service]\nExecStart=/usr/local/bin/limactl --tty=false start \
                    --foreground %i\nWorkingDirectory=%h\nType=simple\nTimeoutSec=10\nRestart=on-failure\n\n\
                    [Install]\nWantedBy=default.target\n";
    let place = "/home/alice/.config/systemd/user/lima-vm@k3s.service";
    vm.machine.user(&format!("mkdir -p .config/systemd/user && cat >{place} <<'END'\n{limactls}END\n"));
    vm.machine.user("systemctl --user daemon-reload; systemctl --user enable --now lima-vm@k3s.service");
    vm.wait_for("ready");
    let (out, _) = succeeds(&vm, "autostart status k3s");
    assert!(out.contains("written by something else, such as limactl"), "{out}");
    assert!(out.contains("k3s       login      alice  yes     yes "), "{out}");

    // A start that systemd refuses, of ours alone.
    let refuses = "/etc/systemd/user/lima-vm@k3s.service.d/90-refuses.conf";
    vm.machine.write(
        refuses,
        "[Service]\nExecStartPre=/bin/sh -c '! test -e .config/systemd/user/lima-vm@k3s.service.d/10-lima-autostart.conf'\n",
    );
    let (status, _, err) = xtask(&vm, "autostart enable k3s");
    assert_eq!(status, 1, "{err}");
    assert!(err.contains("everything is as it was"), "{err}");
    assert_eq!(fs::read_to_string(vm.machine.path(place)).unwrap(), limactls);
    assert_eq!(units(&vm), FILES[..2]);
    vm.wait_until_unit_is("active");
    assert!(!vm.machine.path("/home/alice/.local/share/lima-autostart").exists());
    fs::remove_file(vm.machine.path(refuses)).unwrap();

    let (out, _) = succeeds(&vm, "autostart enable k3s");
    assert!(out.starts_with("k3s starts at login as alice"), "{out}");
    assert_eq!(units(&vm), FILES);
    let (out, _) = succeeds(&vm, "autostart status k3s --format json");
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(status[0]["drift"].is_null() && status[0]["running"] == true, "{out}");
    // What limactl does to take it back: its unit's name, its unit's place.
    vm.machine.user("systemctl --user disable lima-vm@k3s.service");
    vm.machine.user(&format!("rm {place}"));
    succeeds(&vm, "autostart disable k3s");
    assert!(units(&vm).is_empty(), "{:?}", units(&vm));
    assert_eq!(vm.property("ActiveState"), "inactive");

    // In a LIMA_HOME of its own, which the unit must know.
    vm.machine.user("mkdir -p 'my vms/web' stand-in/web; : >'my vms/web/lima.yaml'");
    let script = "LIMA_HOME='/home/alice/my vms/' xtask autostart enable web";
    let output = vm.machine.user_command(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let web = Installed::in_machine(vm.machine, "web");
    web.wait_for("ready");
    assert_eq!(web.variable("LIMA_HOME").unwrap(), "/home/alice/my vms");
    let (out, _) = succeeds(&web, "autostart status web --format json");
    assert!(out.contains("\"drift\": null"), "{out}");
    succeeds(&web, "autostart disable web");
    let vm = web;

    let (status, _, err) = xtask(&vm, "autostart enable k3s --user bob --condition boot");
    assert!(status == 1 && err.contains("run this as bob"), "{err}");
    // Without a manager of hers.
    let script = "XDG_RUNTIME_DIR=/nowhere DBUS_SESSION_BUS_ADDRESS= xtask autostart enable k3s";
    let output = vm.machine.user_command(script).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        err.contains("systemd has no manager for alice here") && err.contains("log in as alice"),
        "{err}"
    );
}
