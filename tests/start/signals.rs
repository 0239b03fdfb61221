//! SIGTERM, which launchd and systemd send when the job is to end, at every
//! moment.

use std::fs;

use super::machine::{ALICE, LIMACTL, Machine};
use super::on_machines;
use super::state::{Behaviour, Ends, Run};

/// Sends SIGTERM at each call of a tool or of limactl, until the VM runs before it comes.
fn at_each_call(machine: &Machine, prepare: impl Fn(&Machine), check: impl Fn(&Machine)) {
    machine.count_calls_of_tools();
    for call in 1.. {
        prepare(machine);
        machine.send_sigterm_at_call(call);
        let start = machine.start();
        machine
            .until("it ends, or the VM runs", 300, || machine.runs_well() || machine.status(start).is_some());
        let came = machine.status(start).is_some() || machine.calls_of_tools() >= call;
        if came {
            machine.ends_well(start);
        } else {
            machine.never_send_sigterm();
            machine.stop(start);
        }
        check(machine);
        if !came {
            assert!(call > 15, "{call}");
            return;
        }
    }
}

#[test]
fn while_stale_files_and_an_orphan_are_put_away() {
    on_machines(|machine| {
        machine.put_instance("qemu");
        let prepare = |machine: &Machine| {
            machine.never_send_sigterm();
            let file = machine.instance_path("qemu.pid");
            machine.spawn(&["/opt/homebrew/bin/qemu-system-aarch64", "-pidfile", &file], ALICE);
            machine.settle();
            machine.put_in_instance("ha.pid", "1\n");
            machine.put_in_instance("lima-start.boot", "another\n");
        };
        at_each_call(machine, prepare, |machine| {
            assert!(machine.of_instance("lima.yaml").exists() && machine.of_instance("diffdisk").exists());
        });
    });
}

#[test]
fn while_the_instance_is_created() {
    on_machines(|machine| {
        let template = "/Library/template.yaml";
        machine.put(template, 0, 0o644, "vmType: vz\n");
        machine.options.borrow_mut().push(format!("--template={template}"));
        let creations = vec![Run { after: 20, ends: Ends::Well }];
        machine.behave(&Behaviour { creations, ..Behaviour::default() });
        let prepare = |machine: &Machine| {
            machine.never_send_sigterm();
            let _ = fs::remove_dir_all(machine.path("/Users/alice/.lima"));
        };
        at_each_call(machine, prepare, |machine| {
            let is_there = machine.of_instance("").exists();
            assert_eq!(is_there, machine.of_instance("basedisk").exists(), "{}", machine.story());
            assert!(is_there || !machine.of_making().exists(), "{}", machine.story());
        });
    });
}

/// In the second in which it is sent, nobody does anything.
#[test]
fn while_it_waits() {
    on_machines(|machine| {
        // For a program.
        fs::remove_file(machine.path(LIMACTL)).unwrap();
        for seconds in [0, 1, 57, 130] {
            let start = machine.start();
            machine.pass(seconds);
            let now = machine.now();
            machine.stop(start);
            assert_eq!(machine.now(), now);
        }
        machine.put_limactl(LIMACTL);
        // For the next try.
        machine
            .behave(&Behaviour { runs: vec![Run { after: 3, ends: Ends::Fails }], ..Behaviour::default() });
        for seconds in [2, 3, 20, 40, 1000] {
            let start = machine.start();
            machine.pass(seconds);
            machine.stop(start);
        }
        // For a driver that does not end.
        machine.put_instance("qemu");
        machine.behave(&Behaviour { qemu_ignores_sigterm: true, ..Behaviour::default() });
        for seconds in [0, 1, 2, 10, 31, 32] {
            let file = machine.instance_path("qemu.pid");
            machine.spawn(&["/opt/homebrew/bin/qemu-system-aarch64", "-pidfile", &file], ALICE);
            machine.settle();
            let start = machine.start();
            machine.pass(seconds);
            machine.stop(start);
        }
    });
}

/// launchd sends it once; who sends it again, or another signal, changes nothing.
#[test]
fn again_and_again() {
    on_machines(|machine| {
        machine.behave(&Behaviour { shutdown_takes: 100, ..Behaviour::default() });
        for driver in ["vz", "qemu"] {
            machine.put_instance(driver);
            let start = machine.start();
            machine.until_it_runs(10);
            machine.pass(5);
            let begin = machine.now();
            for signal in [15, 1, 2, 15, 15] {
                machine.send(start, signal);
                machine.pass(3);
            }
            machine.ends_well(start);
            assert_eq!(machine.now() - begin, 100, "{}", machine.story());
        }
    });
}
