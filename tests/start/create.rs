//! An instance that is made from the package's template.

use std::fs;

use super::machine::{ALICE, Machine};
use super::on_machines;
use super::state::{Behaviour, Ends, Run};

const TEMPLATE: &str = "/Library/Application Support/lima-autostart/k3s/template.yaml";

fn with_template(machine: &Machine) {
    fs::remove_dir_all(machine.path("/Users/alice/.lima")).unwrap();
    machine.put(TEMPLATE, 0, 0o644, "vmType: vz\n");
    machine.options.borrow_mut().push(format!("--template={TEMPLATE}"));
}

fn creations(machine: &Machine, runs: &[(u64, Ends)]) {
    let creations = runs.iter().map(|(after, ends)| Run { after: *after, ends: *ends }).collect();
    machine.behave(&Behaviour { creations, ..Behaviour::default() });
}

fn is_whole(machine: &Machine) {
    assert!(machine.of_instance("basedisk").exists(), "{}", machine.story());
    assert!(!machine.path("/Users/alice/.lima/.k3s.lima-start").exists());
}

#[test]
fn it_is_made_and_started() {
    on_machines(|machine| {
        with_template(machine);
        creations(machine, &[(3000, Ends::Well)]);
        let start = machine.start();
        machine.until_it_runs(3001);
        is_whole(machine);
        machine.has_said("Created the instance in /Users/alice/.lima/k3s.");
        machine.stop(start);
        machine.boot();
        let start = machine.start();
        machine.until_it_runs(10);
        assert_eq!(machine.calls("create").len(), 1);
        machine.stop(start);
    });
}

#[test]
fn offline_it_is_tried_again_with_growing_pauses() {
    on_machines(|machine| {
        with_template(machine);
        creations(machine, &[(10, Ends::Fails), (10, Ends::Fails), (10, Ends::Fails), (10, Ends::Well)]);
        let start = machine.start();
        machine.until("a pause", 60, || machine.times_said("The next try") == 1);
        assert!(!machine.of_instance("").exists());
        machine.until_it_runs(1000);
        let calls = machine.calls("create");
        let pauses: Vec<u64> = calls.windows(2).map(|pair| pair[1] - pair[0] - 10).collect();
        assert_eq!(pauses, [30, 60, 120], "{}", machine.story());
        is_whole(machine);
        machine.stop(start);
    });
}

#[test]
fn what_a_power_cut_leaves_is_removed_and_made_anew() {
    on_machines(|machine| {
        with_template(machine);
        creations(machine, &[(100, Ends::Well)]);
        machine.start();
        machine.pass(50);
        assert!(machine.of_instance("lima.yaml").exists() && !machine.of_instance("basedisk").exists());
        machine.boot();
        let start = machine.start();
        machine.until_it_runs(110);
        is_whole(machine);
        machine.has_said("The last try to create the instance was cut short.");
        assert_eq!(machine.calls("create").len(), 2);
        machine.stop(start);
    });
}

/// lima-start is killed, and with it limactl, or that lives on.
#[test]
fn what_a_kill_leaves_is_removed_and_made_anew() {
    on_machines(|machine| {
        for lives_on in [false, true] {
            if machine.path("/Users/alice/.lima").exists() {
                fs::remove_dir_all(machine.path("/Users/alice/.lima")).unwrap();
            }
            machine.options.borrow_mut().clear();
            machine.put_instance("vz");
            with_template(machine);
            creations(machine, &[(100, Ends::Well)]);
            let start = machine.start();
            machine.pass(50);
            let limactl = machine.process_of("limactl create");
            machine.send(start, 9);
            if !lives_on {
                machine.send(limactl, 9);
            }
            let start = machine.start();
            machine.until_it_runs(400);
            is_whole(machine);
            machine.stop(start);
        }
    });
}

#[test]
fn of_two_at_once_one_makes_it() {
    on_machines(|machine| {
        with_template(machine);
        creations(machine, &[(100, Ends::Well)]);
        let first = machine.start();
        machine.pass(20);
        let second = machine.start();
        machine.until_it_runs(200);
        machine.pass(300);
        is_whole(machine);
        assert_eq!(machine.calls("create").len(), 1, "{}", machine.story());
        machine.send(second, 15);
        machine.until("the one that waits ends", 10, || machine.status(second).is_some());
        assert!(machine.runs());
        machine.stop(first);
    });
}

/// A person's is older than the try.
#[test]
fn an_instance_of_a_persons_is_never_removed() {
    on_machines(|machine| {
        with_template(machine);
        machine.put_instance("vz");
        machine.put_in_instance("diffdisk", "a year of work\n");
        for name in ["lima.yaml", "diffdisk", ""] {
            let file = fs::File::open(machine.of_instance(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60)).unwrap();
        }
        // As if a try had met it.
        machine.put("/Users/alice/.lima/.k3s.lima-start", ALICE, 0o644, "");
        let start = machine.start();
        machine.until_it_runs(10);
        machine.has_said("was not made by the try to create it, and stays");
        assert_eq!(fs::read_to_string(machine.of_instance("diffdisk")).unwrap(), "a year of work\n");
        machine.stop(start);
    });
}

#[test]
fn whatever_lies_in_its_place_stays() {
    on_machines(|machine| {
        with_template(machine);
        machine.put_folder("/Users/alice/.lima", ALICE, 0o700);
        std::os::unix::fs::symlink("/Volumes/gone", machine.path("/Users/alice/.lima/k3s")).unwrap();
        let start = machine.start();
        machine.pass(3000);
        machine.has_said("what is at /Users/alice/.lima/k3s is not a Lima instance");
        assert!(machine.path("/Users/alice/.lima/k3s").is_symlink());
        machine.stop(start);
    });
}

#[test]
fn a_template_that_is_gone_is_waited_for() {
    on_machines(|machine| {
        with_template(machine);
        fs::remove_file(machine.path(TEMPLATE)).unwrap();
        let start = machine.start();
        machine.pass(300);
        assert!(!machine.of_instance("").exists());
        machine.put(TEMPLATE, 0, 0o644, "vmType: vz\n");
        machine.until_it_runs(601);
        machine.stop(start);
    });
}
