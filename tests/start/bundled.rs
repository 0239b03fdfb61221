//! limactl that a package brought, behind a link.

use std::fs;
use std::os::unix::fs::symlink;

use super::machine::{ALICE, Machine};
use super::on_machines;

const ROOT: &str = "/opt/io.lima-vm/lima";

/// The link leads to this version.
fn use_version(machine: &Machine, version: &str) {
    let limactl = format!("{ROOT}/{version}/arm64/bin/limactl");
    if !machine.path(&limactl).exists() {
        machine.put_limactl(&limactl);
    }
    let link = machine.path(&format!("{ROOT}/current"));
    let _ = fs::remove_file(&link);
    symlink(format!("{version}/arm64"), link).unwrap();
}

/// The job names the package's limactl.
fn bundled(machine: &Machine) {
    format!("{ROOT}/current/bin/limactl").clone_into(&mut machine.limactl.borrow_mut());
    machine.options.borrow_mut().push("--bundled".to_owned());
}

/// Its processes tell which version they are of, also after the link leads elsewhere.
#[test]
fn it_runs_from_the_folder_that_the_link_leads_to() {
    on_machines(|machine| {
        bundled(machine);
        let start = machine.start();
        machine.pass(100);
        machine
            .has_said("Not started: there is no program /opt/io.lima-vm/lima/current/bin/limactl, which the");
        use_version(machine, "2.2.0");
        machine.until_it_runs(61);
        use_version(machine, "2.3.0");
        let runs = |version: &str| {
            let program = format!("{ROOT}/{version}/arm64/bin/limactl ");
            machine.processes().iter().any(|process| process.contains(&program))
        };
        assert!(runs("2.2.0") && !runs("2.3.0"), "{:?}", machine.processes());
        machine.stop(start);
        let start = machine.start();
        machine.until_it_runs(10);
        assert!(runs("2.3.0") && !runs("2.2.0"), "{:?}", machine.processes());
        machine.stop(start);
    });
}

#[test]
fn an_instance_of_a_newer_lima_waits_for_a_newer_package() {
    on_machines(|machine| {
        bundled(machine);
        use_version(machine, "2.9.1");
        for (made_by, is_newer) in [
            ("2.9.0", false),
            ("2.9.1\n", false),
            ("v2.9.1-12-gabcdef", false),
            ("2.9.1-beta.2", false),
            ("", false),
            ("nobody knows", false),
            ("99999999999999999999999.0", false),
            ("2.9.1.1", true),
            ("2.9.2-rc.1", true),
            ("2.10.0", true),
        ] {
            machine.put_in_instance("lima-version", made_by);
            let start = machine.start();
            machine.pass(70);
            assert_eq!(machine.runs(), !is_newer, "{made_by}\n{}", machine.story());
            if is_newer {
                machine.has_said(&format!(
                    "Not started: the instance was made by Lima {made_by}, which is newer than the package's, 2.9.1. \
                     Install a package with Lima {made_by} or newer, or make the instance anew."
                ));
            }
            machine.stop(start);
        }
        // The package comes while it waits.
        let start = machine.start();
        machine.pass(70);
        use_version(machine, "2.10.0");
        machine.until_it_runs(61);
        machine.stop(start);
    });
}

/// It is the user's file, and may be anything.
#[test]
fn what_is_in_the_place_of_lima_version_does_no_harm() {
    on_machines(|machine| {
        bundled(machine);
        use_version(machine, "2.2.0");
        machine.put_in_instance("lima-version", "$(touch /tmp/planted); `id` 3\n");
        let start = machine.start();
        machine.until_it_runs(70);
        machine.stop(start);
        fs::remove_file(machine.of_instance("lima-version")).unwrap();
        machine.put_folder(&machine.instance_path("lima-version"), ALICE, 0o700);
        let start = machine.start();
        machine.until_it_runs(70);
        machine.stop(start);
        assert!(!machine.path("/tmp/planted").exists());
    });
}
