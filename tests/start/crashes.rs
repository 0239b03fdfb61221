//! What becomes of a VM that crashes, and of one whose host agent does.

use std::fs;

use super::machine::{ALICE, EXIT_TIMEOUT, Machine};
use super::on_machines;
use super::state::{Behaviour, Ends, Run};

fn after(seconds: u64, ends: Ends) -> Run {
    Run { after: seconds, ends }
}

/// From the end of each run to the next start.
fn pauses(machine: &Machine, run: u64) -> Vec<u64> {
    machine.calls("start").windows(2).map(|pair| pair[1] - pair[0] - run).collect()
}

#[test]
fn pauses_grow_to_ten_minutes_and_begin_anew() {
    on_machines(|machine| {
        let mut runs = vec![after(7, Ends::Fails); 8];
        runs.extend([after(600, Ends::Crashes), after(0, Ends::Fails), after(0, Ends::Well)]);
        machine.behave(&Behaviour { runs, ..Behaviour::default() });
        let start = machine.start();
        machine.until("eleven starts", 10_000, || machine.calls("start").len() == 11);
        let pauses = pauses(machine, 0);
        assert_eq!(pauses, [37, 67, 127, 247, 487, 607, 607, 607, 630, 60], "{}", machine.story());
        machine.has_said("The next try is in 480 seconds.");
        assert_eq!(machine.times_said("The next try is in 600 seconds."), 3, "{}", machine.story());
        machine.stop(start);
    });
}

#[test]
fn a_run_of_less_than_ten_minutes_does_not_shorten_the_pauses() {
    on_machines(|machine| {
        let runs = vec![after(599, Ends::Crashes)];
        machine.behave(&Behaviour { runs, ..Behaviour::default() });
        machine.put_instance("qemu");
        let start = machine.start();
        machine.until("four starts", 5000, || machine.calls("start").len() == 4);
        assert_eq!(pauses(machine, 599), [30, 60, 120], "{}", machine.story());
        machine.stop(start);
    });
}

/// lima-vm/lima#357: "qemu driver is running but host agent is not", for ever.
#[test]
fn a_qemu_without_its_host_agent_is_ended_before_the_next_start() {
    on_machines(|machine| {
        machine.put_instance("qemu");
        for stubborn in [false, true] {
            machine.behave(&Behaviour { qemu_ignores_sigterm: stubborn, ..Behaviour::default() });
            let start = machine.start();
            machine.until_it_runs(10);
            let (agent, qemu) = (machine.pid_in("ha.pid"), machine.pid_in("qemu.pid"));
            let begin = machine.now();
            machine.send(agent, 9);
            machine.until("QEMU is gone", 40, || !machine.lives(qemu));
            let took = machine.now() - begin;
            assert!(
                if stubborn { (30..=36).contains(&took) } else { took <= 3 },
                "{took}\n{}",
                machine.story()
            );
            machine.until_it_runs(40);
            assert_ne!(machine.pid_in("qemu.pid"), qemu);
            machine.stop(start);
        }
        machine.has_said("The driver did not end in 30 seconds, and is killed.");
    });
}

/// lima-start itself was killed, as launchd does at the end of the exit timeout,
/// with all of its process group; QEMU has one of its own.
#[test]
fn a_qemu_that_was_left_by_an_earlier_job_is_ended() {
    on_machines(|machine| {
        machine.put_instance("qemu");
        let start = machine.start();
        machine.until_it_runs(10);
        let qemu = machine.pid_in("qemu.pid");
        let agent = machine.pid_in("ha.pid");
        machine.send(start, 9);
        machine.send(agent, 9);
        // One of them had removed its file.
        fs::remove_file(machine.of_instance("qemu.pid")).unwrap();
        let start = machine.start();
        machine.until("QEMU is gone", 40, || !machine.lives(qemu));
        machine.until_it_runs(10);
        machine.has_said("The driver has ended.");
        machine.stop(start);
    });
}

/// Neither is that of another instance whose name begins or ends the same, nor
/// one in another folder.
#[test]
fn drivers_of_other_instances_are_left_alone() {
    on_machines(|machine| {
        let mut others = Vec::new();
        for name in ["k3s2", "my-k3s", "k3s.old"] {
            machine.put(&format!("/Users/alice/.lima/{name}/lima.yaml"), ALICE, 0o644, "vmType: qemu\n");
            let file = format!("/Users/alice/.lima/{name}/qemu.pid");
            others.push(machine.spawn(&["/opt/homebrew/bin/qemu-system-aarch64", "-pidfile", &file], ALICE));
        }
        machine.settle();
        let start = machine.start();
        machine.until_it_runs(10);
        machine.stop_and_leave(start, &others);
    });
}

#[test]
fn each_value_of_keep_alive_has_its_rule() {
    on_machines(|machine| {
        for (rule, ends, starts_again) in [
            ("never", Ends::Crashes, false),
            ("never", Ends::SwitchedOff, false),
            ("on-failure", Ends::SwitchedOff, false),
            ("on-failure", Ends::Crashes, true),
            ("always", Ends::SwitchedOff, true),
            ("always", Ends::Crashes, true),
        ] {
            for driver in ["vz", "qemu"] {
                machine.put_instance(driver);
                rule.clone_into(&mut machine.keep_alive.borrow_mut());
                machine.behave(&Behaviour { runs: vec![after(20, ends)], ..Behaviour::default() });
                let before = machine.calls("start").len();
                let start = machine.start();
                let is_over = || machine.status(start).is_some() || machine.calls("start").len() > before + 1;
                machine.until("it ends, or starts again", 200, is_over);
                assert_eq!(
                    machine.status(start).is_none(),
                    starts_again,
                    "{rule} {ends:?}\n{}",
                    machine.story()
                );
                if starts_again {
                    machine.stop(start);
                } else if ends == Ends::SwitchedOff {
                    assert_eq!(machine.status(start), Some(0), "{}", machine.story());
                }
                assert!(!machine.runs());
            }
        }
    });
}

#[test]
fn a_host_agent_that_heeds_nothing_is_killed_in_time() {
    on_machines(|machine| {
        for driver in ["vz", "qemu"] {
            machine.put_instance(driver);
            machine.behave(&Behaviour {
                agent_hangs: true,
                qemu_ignores_sigterm: true,
                ..Behaviour::default()
            });
            let start = machine.start();
            machine.until_it_runs(10);
            let begin = machine.now();
            machine.stop(start);
            let took = machine.now() - begin;
            assert!((200..EXIT_TIMEOUT).contains(&took), "{took}\n{}", machine.story());
        }
    });
}
