//! What a person does with the VM meanwhile.

use super::machine::{EXIT_TIMEOUT, Machine};
use super::on_machines;
use super::state::{Behaviour, Ends, Run};

#[test]
fn what_a_person_stops_stays_stopped() {
    on_machines(|machine| {
        for (driver, status) in [("vz", 1), ("qemu", 0)] {
            machine.put_instance(driver);
            machine.behave(&Behaviour { shutdown_takes: 20, ..Behaviour::default() });
            let start = machine.start();
            machine.until_it_runs(10);
            machine.pass(1000);
            assert_eq!(machine.limactl(&["stop", "k3s"]), status);
            machine.ends_well(start);
            // Until the next boot.
            machine.boot();
            let start = machine.start();
            machine.until_it_runs(10);
            machine.stop(start);
        }
        assert_eq!(machine.times_said("The VM was stopped by a person"), 2);
        assert_eq!(machine.calls("start").len(), 4);
    });
}

#[test]
fn with_keep_alive_always_it_is_started_again() {
    on_machines(|machine| {
        "always".clone_into(&mut machine.keep_alive.borrow_mut());
        let start = machine.start();
        machine.until_it_runs(10);
        machine.limactl(&["stop", "k3s"]);
        let stopped = machine.now();
        machine.until_it_runs(40);
        assert!(machine.now() - stopped <= 30, "{}", machine.story());
        machine.stop(start);
    });
}

#[test]
fn a_vm_that_a_person_started_is_left_alone_and_taken_over() {
    on_machines(|machine| {
        for driver in ["vz", "qemu"] {
            for (person_stops, starts) in [(true, 1), (false, 2)] {
                machine.put_instance(driver);
                machine.boot();
                let before = machine.calls("start").len();
                assert_eq!(machine.limactl(&["start", "k3s"]), 0);
                let agent = machine.pid_in("ha.pid");
                let said = machine.times_said("somebody else started it");
                let start = machine.start();
                machine.pass(600);
                assert!(machine.lives(agent) && machine.runs(), "{}", machine.story());
                assert_eq!(machine.times_said("somebody else started it"), said + 1, "{}", machine.story());
                if person_stops {
                    machine.limactl(&["stop", "k3s"]);
                    machine.ends_well(start);
                } else {
                    machine.send(agent, 9);
                    machine.until("taken over", 120, || machine.calls("start").len() == before + 2);
                    machine.until_it_runs(10);
                    machine.stop(start);
                }
                assert_eq!(machine.calls("start").len(), before + starts, "{}", machine.story());
            }
        }
    });
}

/// Its host agent is found by what Nix calls it.
#[test]
fn a_vm_of_a_limactl_that_is_wrapped_is_left_alone() {
    on_machines(|machine| {
        "/nix/store/0-lima/bin/.limactl-wrapped".clone_into(&mut machine.limactl.borrow_mut());
        machine.put_limactl(&machine.limactl.borrow());
        for driver in ["vz", "qemu"] {
            machine.put_instance(driver);
            assert_eq!(machine.limactl(&["start", "k3s"]), 0);
            let agent = machine.pid_in("ha.pid");
            let start = machine.start();
            machine.pass(100);
            assert!(machine.lives(agent) && machine.runs(), "{}", machine.story());
            machine.limactl(&["stop", "k3s"]);
            machine.ends_well(start);
        }
    });
}

/// launchd ends the job; the VM is the person's.
#[test]
fn a_vm_that_a_person_started_outlives_the_job_that_waits() {
    on_machines(|machine| {
        machine.limactl(&["start", "k3s"]);
        let agent = machine.pid_in("ha.pid");
        let start = machine.start();
        machine.pass(100);
        machine.send(start, 15);
        machine.until("lima-start ends", 10, || machine.status(start).is_some());
        assert_eq!(machine.status(start), Some(0));
        assert!(machine.lives(agent) && machine.runs());
    });
}

#[test]
fn a_start_by_a_person_is_waited_for() {
    on_machines(|machine| {
        let runs = vec![Run { after: 30, ends: Ends::Fails }, Run { after: 0, ends: Ends::Well }];
        machine.behave(&Behaviour { runs, ..Behaviour::default() });
        machine.spawn(&["/opt/homebrew/bin/limactl", "start", "k3s"], super::machine::ALICE);
        let start = machine.start();
        machine.until_it_runs(100);
        machine.has_said("somebody is creating or starting the instance");
        assert_eq!(machine.calls("start").len(), 2);
        machine.stop(start);
    });
}

/// A person starts it during a pause.
#[test]
fn a_person_may_start_it_between_two_tries() {
    on_machines(|machine| {
        let runs = vec![Run { after: 5, ends: Ends::Crashes }, Run { after: 0, ends: Ends::Well }];
        machine.behave(&Behaviour { runs, ..Behaviour::default() });
        let start = machine.start();
        machine.until("a pause", 60, || machine.times_said("The next try") == 1);
        machine.limactl(&["start", "k3s"]);
        let agent = machine.pid_in("ha.pid");
        machine.pass(600);
        assert!(machine.lives(agent) && machine.runs(), "{}", machine.story());
        machine.limactl(&["stop", "k3s"]);
        machine.ends_well(start);
    });
}

#[test]
fn of_two_at_once_one_runs_the_vm() {
    on_machines(|machine| {
        for driver in ["vz", "qemu"] {
            machine.put_instance(driver);
            let words = machine.arguments(&[]);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            // One of them says where Lima's folder is, though it is where it always is.
            let mut others = words.clone();
            others.insert(2, "--lima-home=/Users/alice/.lima");
            let pair = [&words, &others].map(|words| machine.spawn(words, super::machine::ALICE));
            machine.until_it_runs(600);
            machine.pass(300);
            assert!(machine.runs(), "{}", machine.story());
            let is_first = |pid: &&i32| has_child(machine, **pid);
            let first = *pair.iter().find(is_first).expect("one of them runs it");
            let second = *pair.iter().find(|pid| **pid != first).unwrap();
            // The one that waits takes over when the other is killed.
            machine.send(second, 15);
            machine.until("the one that waits ends", 10, || machine.status(second).is_some());
            assert!(machine.runs());
            machine.stop(first);
        }
    });
}

/// Whether lima-start has limactl run the VM.
fn has_child(machine: &Machine, pid: i32) -> bool {
    let agent = machine.pid_in("ha.pid");
    machine.parent_of(agent) == pid
}

#[test]
fn the_guest_has_its_time_to_shut_down() {
    on_machines(|machine| {
        for driver in ["vz", "qemu"] {
            machine.put_instance(driver);
            machine.behave(&Behaviour { shutdown_takes: 170, ..Behaviour::default() });
            let start = machine.start();
            machine.until_it_runs(10);
            machine.pass(5);
            let begin = machine.now();
            machine.send(start, 15);
            machine.until("lima-start ends", EXIT_TIMEOUT, || machine.status(start).is_some());
            assert_eq!(machine.now() - begin, 170, "{}", machine.story());
            machine.ends_well(start);
        }
        assert_eq!(machine.times_said("is killed"), 0);
    });
}
