//! What ends an instance, what its VM notices of it, and what comes back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use super::installed::{Installed, PLAIN};
use super::machine::{Machine, wait_until};
use crate::support::at_full_length;

/// A sleep(1) for which ten seconds and more are a tenth of one, and a drop-in that
/// does the same for systemd's pause.
fn with_quick_restarts(machine: &Machine) {
    let [sleep, real] = ["/usr/bin/sleep", "/usr/bin/sleep.real"].map(|path| machine.path(path));
    fs::rename(&sleep, &real).unwrap();
    machine.write(
        "/usr/bin/sleep",
        "#!/bin/sh\ncase $1 in\n[1-9][0-9]*) exec sleep.real 0.1 ;;\nesac\nexec sleep.real \"$@\"\n",
    );
    fs::set_permissions(&sleep, fs::Permissions::from_mode(0o755)).unwrap();
    machine.write("/etc/systemd/user/lima-vm@.service.d/50-scaled.conf", "[Service]\nRestartSec=100ms\n");
}

/// Whether a process is there.
fn is_alive(vm: &Installed, process: &str) -> bool {
    vm.machine.root_command(&format!("kill -0 {process}")).output().unwrap().status.success()
}

/// The stand-in's VM.
fn qemu(vm: &Installed) -> String {
    fs::read_to_string(vm.file("qemu-pid")).unwrap().trim().to_owned()
}

#[test]
fn a_crash_restarts_it_and_keeps_doing_so_past_five_crashes() {
    let Some(vm) = Installed::with(PLAIN, with_quick_restarts) else { return };
    vm.tell("crashes", "8");
    vm.forget();
    vm.systemctl("restart");
    vm.wait_for("ready");
    assert_eq!(vm.count("limactl crashed"), 8);
    assert_eq!(vm.count("limactl started"), 9);
    assert_eq!((vm.property("NRestarts"), vm.property("ActiveState")), ("0".into(), "active".into()));
    let journal = vm.journal();
    let pauses =
        journal.lines().filter_map(|line| line.split_once("The next try is in ")?.1.split(' ').next());
    let pauses: Vec<&str> = pauses.collect();
    assert_eq!(pauses, ["30", "60", "120", "240", "480", "600", "600", "600"], "{journal}");
}

#[test]
fn a_killed_lima_start_comes_back_and_its_vm_is_gone() {
    let Some(vm) = Installed::new(PLAIN) else { return };
    let orphan = qemu(&vm);
    vm.forget();
    let start = Instant::now();
    vm.machine.root(&format!("kill -KILL {}", vm.property("MainPID")));
    wait_until("it has ended", || vm.property("ActiveState") == "activating");
    assert!(!is_alive(&vm, &orphan), "the VM still has the disk");
    vm.wait_for("ready");
    let pause = start.elapsed();
    assert!((29..=45).contains(&pause.as_secs()), "started again after {pause:?}");
}

#[test]
fn a_killed_host_agent_s_vm_is_ended_before_the_next_start() {
    let Some(vm) = Installed::with(PLAIN, with_quick_restarts) else { return };
    let orphan = qemu(&vm);
    let host_agent = fs::read_to_string(vm.file("pid")).unwrap();
    vm.forget();
    vm.machine.root(&format!("kill -KILL {}", host_agent.trim()));
    vm.wait_for("ready");
    assert!(!is_alive(&vm, &orphan), "two VMs have the disk");
    assert_eq!(vm.events(), ["qemu got TERM", "limactl started", "ready"]);
    assert_eq!((vm.property("NRestarts"), vm.property("ActiveState")), ("0".into(), "active".into()));
}

/// Pid files of the last boot, whose numbers are others' now.
fn with_reused_pids(vm: &Installed) {
    for name in ["ha.pid", "qemu.pid", "vz.pid"] {
        vm.machine.write(&format!("/home/alice/.lima/k3s/{name}"), "1\n");
    }
}

#[test]
fn pid_files_that_name_process_1_do_not_keep_it_down() {
    let Some(mut vm) = Installed::new(PLAIN) else { return };
    for _ in 0..2 {
        vm.machine.power_off();
        with_reused_pids(&vm);
        vm.forget();
        vm.machine.boot();
        vm.wait_for("ready");
        assert_eq!(vm.events(), ["limactl started", "ready"]);
    }
    assert!(vm.journal().contains("Removed what the last boot left"), "{}", vm.journal());
}

#[test]
fn it_runs_again_after_a_power_cut() {
    let Some(mut vm) = Installed::new(PLAIN) else { return };
    for _ in 0..2 {
        vm.machine.cut_power();
        assert!(vm.machine.path("/home/alice/.lima/k3s/ha.pid").exists(), "nothing had time to remove it");
        vm.forget();
        vm.machine.boot();
        vm.wait_for("ready");
        assert_eq!(vm.events(), ["limactl started", "ready"]);
    }
}

#[test]
fn after_a_clean_limactl_stop_it_stays_stopped() {
    let Some(vm) = Installed::with(PLAIN, with_quick_restarts) else { return };
    vm.forget();
    vm.machine.user("limactl stop k3s");
    vm.wait_until_unit_is("inactive");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(vm.property("ActiveState"), "inactive");
    assert_eq!(vm.events(), ["limactl got INT", "qemu ended", "limactl ended"]);
    assert_eq!(vm.property("Result"), "success");
}

#[test]
fn keep_alive_decides_what_comes_back() {
    let Some(vm) = Installed::with(&format!("{PLAIN}keep-alive = 'always'\n"), with_quick_restarts) else {
        return;
    };
    vm.forget();
    vm.machine.user("limactl stop k3s");
    vm.wait_for("ready");

    let Some(vm) = Installed::with(&format!("{PLAIN}keep-alive = 'never'\n"), with_quick_restarts) else {
        return;
    };
    vm.forget();
    vm.machine.root(&format!("kill -KILL {}", vm.property("MainPID")));
    vm.wait_until_unit_is("failed");
    std::thread::sleep(Duration::from_secs(2));
    assert!(vm.events().is_empty(), "{:?}", vm.events());
}

#[test]
fn stopping_signals_limactl_alone_and_not_its_children() {
    let Some(vm) = Installed::new(PLAIN) else { return };
    vm.tell("stop-seconds", "2");
    vm.forget();
    assert!(vm.systemctl("stop"));
    assert_eq!(vm.events(), ["limactl got TERM", "qemu ended", "limactl ended"]);
    assert_eq!((vm.property("ActiveState"), vm.property("Result")), ("inactive".into(), "success".into()));
}

/// What a power-off does to a VM that takes this long to shut down.
fn power_off(vm: &mut Installed, vm_takes: u64) -> Duration {
    vm.tell("stop-seconds", &vm_takes.to_string());
    vm.forget();
    vm.machine.power_off()
}

/// What shutting down takes in this run: how long the VM needs, and what a user
/// manager gets from systemd itself, which is less.
///
/// At full length these are two and a half minutes, and the 120 seconds of
/// user@.service. Otherwise they are scaled down to 12 and 4 seconds, the latter
/// by a drop-in that is read before ours. Our files are the same in both.
fn lengths() -> (u64, u64) {
    if at_full_length() { (150, 120) } else { (12, 4) }
}

fn with_scaled_user_manager(machine: &Machine) {
    if !at_full_length() {
        let text = format!("[Service]\nTimeoutStopSec={}s\n", lengths().1);
        machine.write("/etc/systemd/system/user@.service.d/00-scaled.conf", &text);
    }
}

#[test]
fn shutdown_waits_for_a_vm_that_takes_two_and_a_half_minutes() {
    let Some(mut vm) = Installed::with(PLAIN, with_scaled_user_manager) else { return };
    let (vm_takes, _) = lengths();
    let took = power_off(&mut vm, vm_takes);
    assert_eq!(vm.events(), ["limactl got TERM", "qemu ended", "limactl ended"], "after {took:?}");
    assert!((vm_takes..vm_takes + 10).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn without_the_user_manager_s_file_shutdown_would_not_wait() {
    let Some(mut vm) = Installed::with(PLAIN, with_scaled_user_manager) else { return };
    vm.machine.root("rm /etc/systemd/system/user@.service.d/10-lima.conf; systemctl daemon-reload");
    let (vm_takes, cap) = lengths();
    let took = power_off(&mut vm, vm_takes);
    assert_eq!(vm.events(), ["limactl got TERM"], "after {took:?}");
    assert!((cap..vm_takes).contains(&took.as_secs()), "{took:?}");
}
