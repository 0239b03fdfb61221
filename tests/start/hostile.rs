//! A user who plants links, fifos and folders where files are expected; a disk
//! that is full; names that mean something to a shell.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;

use super::machine::{ALICE, LOG, Machine};
use super::on_machines;

const PRECIOUS: &str = "/Users/alice/precious";

#[derive(Debug, Clone, Copy)]
enum Plant {
    Link,
    LinkToFolder,
    LinkToNothing,
    LinkToEndless,
    Fifo,
    Folder,
}

const PLANTS: [Plant; 6] = [
    Plant::Link,
    Plant::LinkToFolder,
    Plant::LinkToNothing,
    Plant::LinkToEndless,
    Plant::Fifo,
    Plant::Folder,
];

fn plant(machine: &Machine, path: &Path, what: Plant) {
    let link = |to: &str| {
        symlink(to, path).unwrap();
        std::os::unix::fs::lchown(path, Some(ALICE), Some(ALICE)).unwrap();
    };
    match what {
        Plant::Link => link(PRECIOUS),
        Plant::LinkToFolder => link("/Users/alice/precious.d"),
        Plant::LinkToNothing => link("/Users/alice/nothing/there"),
        Plant::LinkToEndless => link("/dev/zero"),
        Plant::Fifo => {
            machine.run_here("mkfifo", path);
            std::os::unix::fs::chown(path, Some(ALICE), Some(ALICE)).unwrap();
        }
        Plant::Folder => {
            fs::create_dir(path).unwrap();
            std::os::unix::fs::chown(path, Some(ALICE), Some(ALICE)).unwrap();
            fs::write(path.join("inside"), "precious\n").unwrap();
        }
    }
}

fn put_precious(machine: &Machine) {
    machine.put(PRECIOUS, ALICE, 0o644, "precious\n");
    machine.put(&format!("{PRECIOUS}.d/inside"), ALICE, 0o644, "precious\n");
}

fn precious_is_whole(machine: &Machine) {
    assert_eq!(fs::read_to_string(machine.path(PRECIOUS)).unwrap(), "precious\n", "{}", machine.story());
    let inside: Vec<_> = fs::read_dir(machine.path(&format!("{PRECIOUS}.d"))).unwrap().collect();
    assert_eq!(inside.len(), 1, "{inside:?}");
    assert!(!machine.path("/Users/alice/nothing").exists());
}

#[test]
fn what_is_planted_in_the_instance_harms_nothing_else() {
    on_machines(|machine| {
        put_precious(machine);
        for what in PLANTS {
            let names =
                ["qemu.pid", "x.sock", "y.tmp", "lima-start.boot", "ha.stderr.log", "ha.stderr.previous.log"];
            for name in names {
                plant(machine, &machine.of_instance(name), what);
            }
            let start = machine.start();
            machine.until_it_runs(60);
            machine.send(machine.pid_in("ha.pid"), 9);
            machine.until("it is started again", 40, || machine.runs());
            machine.stop(start);
            precious_is_whole(machine);
            for name in names {
                let path = machine.of_instance(name);
                let Ok(metadata) = path.symlink_metadata() else { continue };
                if metadata.is_dir() {
                    assert!(path.join("inside").exists(), "{name}");
                    fs::remove_dir_all(path).unwrap();
                } else {
                    assert!(metadata.is_file(), "{name} is still {what:?}: {metadata:?}");
                    fs::remove_file(path).unwrap();
                }
            }
        }
    });
}

/// Those that limactl itself reads: a folder in the place of one keeps it from
/// starting, and a person has to see why.
#[test]
fn what_is_planted_for_a_pid_file_of_limas_is_removed() {
    on_machines(|machine| {
        put_precious(machine);
        for what in PLANTS.into_iter().filter(|what| !matches!(what, Plant::Folder)) {
            for name in ["ha.pid", "vz.pid", "ha.sock"] {
                let _ = fs::remove_file(machine.of_instance(name));
                plant(machine, &machine.of_instance(name), what);
            }
            let start = machine.start();
            machine.until_it_runs(10);
            machine.stop(start);
            precious_is_whole(machine);
        }
    });
}

#[test]
fn a_log_that_is_none_does_not_hold_up_the_vm() {
    on_machines(|machine| {
        put_precious(machine);
        machine.put_folder(LOG.rsplit_once('/').unwrap().0, ALICE, 0o700);
        for what in PLANTS {
            let log = machine.path(LOG);
            plant(machine, &log, what);
            let logged = machine.logged().len();
            let start = machine.start();
            machine.until_it_runs(10);
            machine.stop(start);
            if matches!(what, Plant::Link) {
                // It is the user's own, and is written with the user's rights.
                assert!(fs::read_to_string(machine.path(PRECIOUS)).unwrap().starts_with("precious\n"));
                put_precious(machine);
            } else {
                precious_is_whole(machine);
                assert!(machine.logged().len() > logged, "{what:?} {}", machine.story());
            }
            match log.symlink_metadata().unwrap() {
                metadata if metadata.is_dir() => fs::remove_dir_all(log).unwrap(),
                metadata => {
                    assert!(metadata.is_symlink() || metadata.file_type().is_fifo());
                    fs::remove_file(log).unwrap();
                }
            }
        }
    });
}

#[test]
fn what_is_planted_for_the_mark_of_a_creation_harms_nothing() {
    on_machines(|machine| {
        put_precious(machine);
        machine.put("/Library/template.yaml", 0, 0o644, "vmType: vz\n");
        machine.options.borrow_mut().push("--template=/Library/template.yaml".to_owned());
        for what in PLANTS {
            for there in [true, false] {
                if there {
                    machine.put_instance("vz");
                } else {
                    fs::remove_dir_all(machine.of_instance("")).unwrap();
                }
                plant(machine, &machine.of_making(), what);
                let start = machine.start();
                if !there && matches!(what, Plant::Folder) {
                    machine.pass(600);
                    assert!(machine.said().len() < 60, "{}", machine.story());
                } else {
                    machine.until_it_runs(10);
                }
                machine.stop(start);
                precious_is_whole(machine);
                let _ = fs::remove_file(machine.of_making());
                let _ = fs::remove_dir_all(machine.of_making());
            }
        }
    });
}

#[test]
fn a_log_that_grows_is_put_aside() {
    on_machines(|machine| {
        machine.put(LOG, ALICE, 0o644, &"0 lima-start: a line\n".repeat(60_000));
        machine.put(&format!("{LOG}.0"), ALICE, 0o644, "the one before\n");
        let start = machine.start();
        machine.until_it_runs(10);
        machine.stop(start);
        assert!(fs::metadata(machine.path(LOG)).unwrap().len() < 10_000);
        assert!(fs::metadata(machine.path(&format!("{LOG}.0"))).unwrap().len() > 1_000_000);
    });
}

#[test]
fn a_full_disk_is_said_and_waited_for() {
    on_machines(|machine| {
        machine.boot_with_small_disk();
        let home = machine.inside("/Users/alice");
        let fill = home.join("fill");
        let mut size = 1 << 20;
        while size > 0 {
            if fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(&fill)
                .and_then(|mut file| std::io::Write::write_all(&mut file, &vec![b'x'; size]))
                .is_err()
            {
                size /= 2;
            }
        }
        let start = machine.start();
        machine.pass(1000);
        assert_eq!(machine.status(start), None, "{}", machine.story());
        fs::remove_file(fill).unwrap();
        machine.until("the VM runs", 700, || {
            fs::metadata(home.join(".lima/k3s/vz.pid")).is_ok_and(|file| file.len() > 0)
        });
        machine.stop(start);
        let text = fs::read_to_string(home.join("Library/Logs/lima-start.log")).unwrap();
        assert!(text.contains("Ended, as asked."), "{text}");
    });
}

#[test]
fn names_that_mean_something_to_a_shell() {
    on_machines(|machine| {
        for (home, name) in [
            ("/Users/alice/it's [a] * $(x) `y` \"z\" %h \\n ~", "k3s"),
            ("/Users/alice/--lima-home= hostagent", "start"),
            ("/Users/alice/qemu-system-aarch64 ", "hostagent"),
            ("/Users/alice/.lima", "a.b_c-1.pid"),
            ("/Users/alice/.lima", "0"),
        ] {
            home.clone_into(&mut machine.home.borrow_mut());
            name.clone_into(&mut machine.name.borrow_mut());
            machine.put_instance("qemu");
            let start = machine.start();
            machine.until_it_runs(10);
            let (agent, qemu) = (machine.pid_in("ha.pid"), machine.pid_in("qemu.pid"));
            machine.send(agent, 9);
            machine.until("the orphan is gone", 10, || !machine.lives(qemu));
            machine.until_it_runs(40);
            machine.stop(start);
            // By hand.
            machine.limactl(&["start", name]);
            let agent = machine.pid_in("ha.pid");
            let start = machine.start();
            machine.pass(100);
            assert!(machine.lives(agent) && machine.runs(), "{}", machine.story());
            machine.limactl(&["stop", name]);
            machine.ends_well(start);
        }
    });
}

/// Lima follows the links to its folder (`LimaDir`).
#[test]
fn a_home_that_is_a_link() {
    on_machines(|machine| {
        fs::remove_dir_all(machine.path("/Users/alice/.lima")).unwrap();
        machine.put_folder("/Volumes/Data/lima", ALICE, 0o700);
        symlink("/Volumes/Data/lima", machine.path("/Users/alice/.lima")).unwrap();
        machine.put("/Volumes/Data/lima/k3s/lima.yaml", ALICE, 0o644, "vmType: qemu\n");
        "/Volumes/Data/lima".clone_into(&mut machine.real_home.borrow_mut());
        let start = machine.start();
        machine.until_it_runs(10);
        let (agent, qemu) = (machine.pid_in("ha.pid"), machine.pid_in("qemu.pid"));
        machine.send(agent, 9);
        machine.until("the orphan is gone", 10, || !machine.lives(qemu));
        machine.until_it_runs(40);
        machine.stop(start);
        machine.limactl(&["start", "k3s"]);
        let start = machine.start();
        machine.pass(100);
        assert!(machine.runs(), "{}", machine.story());
        machine.limactl(&["stop", "k3s"]);
        machine.ends_well(start);
    });
}
