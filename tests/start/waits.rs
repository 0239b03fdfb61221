//! What is missing and comes later.

use std::fs;

use super::machine::{ALICE, LIMACTL};
use super::on_machines;
use super::state::{Behaviour, Ends, Run};

#[test]
fn a_volume_that_comes_later() {
    on_machines(|machine| {
        "/Volumes/My Data's [disk]/lima".clone_into(&mut machine.home.borrow_mut());
        machine.put_folder("/Volumes", 0, 0o755);
        let start = machine.start();
        machine.pass(3600);
        machine.has_said("Not started: /Volumes/My Data's [disk]/lima is missing.");
        assert!(!machine.path("/Volumes/My Data's [disk]").exists());
        machine.put_folder("/Volumes/My Data's [disk]", 0, 0o755);
        machine.pass(120);
        machine.put_instance("vz");
        machine.until_it_runs(61);
        assert_eq!(machine.said().len(), 2, "{}", machine.story());
        machine.stop(start);
    });
}

#[test]
fn a_limactl_that_comes_later() {
    on_machines(|machine| {
        fs::remove_file(machine.path(LIMACTL)).unwrap();
        let start = machine.start();
        machine.pass(50);
        machine.put(LIMACTL, ALICE, 0o644, "half downloaded");
        machine.pass(3000);
        machine.has_said("Not started: there is no program /opt/homebrew/bin/limactl.");
        fs::remove_file(machine.path(LIMACTL)).unwrap();
        machine.put_limactl(LIMACTL);
        machine.until_it_runs(61);
        machine.stop(start);
    });
}

/// With `auto` it is looked for before each start.
#[test]
fn a_homebrew_that_moves() {
    on_machines(|machine| {
        "auto".clone_into(&mut machine.limactl.borrow_mut());
        let start = machine.start();
        let homes = if machine.on_mac {
            [LIMACTL, "/usr/local/bin/limactl"]
        } else {
            ["/usr/bin/limactl", "/home/linuxbrew/.linuxbrew/bin/limactl"]
        };
        if machine.on_mac {
            machine.until_it_runs(10);
        } else {
            machine.pass(100);
            machine.has_said("there is no limactl in");
            machine.put_limactl(homes[0]);
            machine.until_it_runs(61);
        }
        machine.put_limactl(homes[1]);
        fs::remove_file(machine.path(homes[0])).unwrap();
        machine.send(machine.pid_in("ha.pid"), 9);
        machine.until_it_runs(40);
        machine.has_said(&format!("Starting the instance: {} start k3s --foreground", homes[1]));
        machine.stop(start);
    });
}

#[test]
fn an_instance_that_a_person_makes_later() {
    on_machines(|machine| {
        fs::remove_dir_all(machine.of_instance("")).unwrap();
        let start = machine.start();
        machine.pass(3000);
        machine.has_said("Waiting until somebody makes it: limactl create --name=k3s");
        assert_eq!(machine.calls("start"), [0; 0]);
        machine.put("/tmp/template.yaml", ALICE, 0o644, "vmType: vz\n");
        // Its image takes a while, and its lima.yaml is there at once.
        let creations = vec![Run { after: 200, ends: Ends::Well }];
        machine.behave(&Behaviour { creations, ..Behaviour::default() });
        machine.limactl(&["create", "--tty=false", "--name=k3s", "/tmp/template.yaml"]);
        assert_eq!(machine.calls("start"), [0; 0], "{}", machine.story());
        machine.has_said("somebody is creating or starting the instance");
        machine.until_it_runs(61);
        machine.stop(start);
    });
}

#[test]
fn a_home_that_may_not_be_entered() {
    on_machines(|machine| {
        use std::os::unix::fs::PermissionsExt as _;
        let home = machine.path("/Users/alice/.lima");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o0)).unwrap();
        let start = machine.start();
        machine.pass(3000);
        machine.has_said("alice cannot enter /Users/alice/.lima");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
        machine.until_it_runs(61);
        machine.stop(start);
    });
}
