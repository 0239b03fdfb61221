//! Restarts, power cuts, and what they leave.

use std::fs;

use super::machine::{ALICE, BOB, Machine};
use super::on_machines;

const STALE: [&str; 6] = ["ha.pid", "vz.pid", "qemu.pid", "ha.sock", "ssh.sock", "basedisk.tmp"];

/// A living process of this user that is none of Lima's.
fn somebody(machine: &Machine, uid: u32) -> i32 {
    machine.spawn(&["/bin/sh", "-c", "sleep 1000000; :"], uid)
}

#[test]
fn a_vm_comes_back_after_each_restart() {
    on_machines(|machine| {
        for driver in ["vz", "qemu"] {
            machine.put_instance(driver);
            for _ in 0..2 {
                let start = machine.start();
                machine.until_it_runs(10);
                assert_eq!(machine.limactl(&["list", "--format", "{{.Status}}", "k3s"]), 0);
                machine.stop(start);
                machine.boot();
            }
        }
    });
}

/// What lima-vm/lima#5087, #3081 and #357 report: the process in the file is one
/// of the new boot, the system's, another user's or the user's own.
#[test]
fn after_a_restart_a_number_in_a_pid_file_is_nobody() {
    on_machines(|machine| {
        for (driver, of) in [("vz", ALICE), ("qemu", 0), ("vz", BOB), ("qemu", 1)] {
            machine.put_instance(driver);
            let start = machine.start();
            machine.until_it_runs(10);
            // vz leaves its file also where all went well.
            machine.stop(start);
            machine.boot();
            let pid = if of == 1 { 1 } else { somebody(machine, of) };
            for name in ["ha.pid", &format!("{driver}.pid")] {
                machine.put_in_instance(name, &format!("{pid}\n"));
            }
            let said = machine.times_said("Removed what the last boot left");
            let start = machine.start();
            machine.until_it_runs(10);
            assert_eq!(
                machine.times_said("Removed what the last boot left"),
                said + 1,
                "{}",
                machine.story()
            );
            assert!(machine.lives(pid) || pid == 1);
            machine.stop(start);
        }
    });
}

#[test]
fn a_power_cut_leaves_all_files_and_some_of_them_empty() {
    on_machines(|machine| {
        for driver in ["vz", "qemu"] {
            machine.put_instance(driver);
            machine.start();
            machine.until_it_runs(10);
            machine.boot();
            for name in STALE {
                if !machine.of_instance(name).exists() {
                    machine.put_in_instance(name, "");
                }
            }
            machine.put_in_instance("ha.pid", "");
            // Its file system may have lost what was written last.
            if driver == "qemu" {
                machine.put_in_instance("lima-start.boot", "");
            }
            machine.start();
            machine.until_it_runs(10);
            assert!(!machine.of_instance("basedisk.tmp").exists());
            machine.boot();
        }
        assert!(machine.of_instance("lima.yaml").exists() && machine.of_instance("diffdisk").exists());
    });
}

#[test]
fn a_crash_in_the_same_boot_leaves_files_whose_process_is_gone() {
    on_machines(|machine| {
        let start = machine.start();
        machine.until_it_runs(10);
        machine.send(machine.pid_in("ha.pid"), 9);
        machine.until_it_runs(40);
        machine.has_said("Removed what belongs to no process any more");
        machine.stop(start);
        // The same number is somebody else's now.
        for of in [ALICE, 0, BOB] {
            let pid = somebody(machine, of);
            machine.put_in_instance("vz.pid", &pid.to_string());
            machine.put_in_instance("ha.pid", &pid.to_string());
            let start = machine.start();
            machine.until_it_runs(10);
            assert!(machine.lives(pid));
            machine.stop(start);
        }
    });
}

/// An instance that limactl started before lima-start was installed.
#[test]
fn without_a_note_of_the_boot_files_are_judged_by_their_processes() {
    on_machines(|machine| {
        for (pid, name) in [(somebody(machine, ALICE), "vz.pid"), (1, "ha.pid")] {
            machine.put_in_instance(name, &pid.to_string());
        }
        let start = machine.start();
        machine.until_it_runs(10);
        assert!(fs::read_to_string(machine.of_instance("lima-start.boot")).unwrap().starts_with("00000000-"));
        machine.stop(start);
    });
}
