//! `check`, `status`, and how lima-start is not to be called.

use std::fs;

use super::machine::{ALICE, ERRORS, LIMACTL, Machine};
use super::on_machines;

/// Its status and what it printed.
fn ask(machine: &Machine, verb: &str) -> (i32, String) {
    let _ = fs::remove_file(machine.path("/stand-ins/stdout"));
    let pid = machine.start_with(&[verb]);
    machine.until("it ends", 10, || machine.status(pid).is_some());
    (machine.status(pid).unwrap(), fs::read_to_string(machine.path("/stand-ins/stdout")).unwrap())
}

#[test]
fn check_says_what_is_missing() {
    on_machines(|machine| {
        assert_eq!(ask(machine, "check"), (0, String::new()));
        fs::remove_file(machine.path(LIMACTL)).unwrap();
        fs::remove_file(machine.of_instance("lima.yaml")).unwrap();
        let (status, text) = ask(machine, "check");
        assert_eq!((status, text.lines().count()), (1, 1), "{text}");
        assert!(text.starts_with("there is no program /opt/homebrew/bin/limactl. "), "{text}");
        machine.put_limactl(LIMACTL);
        let (status, text) = ask(machine, "check");
        assert_eq!(status, 1);
        assert!(
            text.starts_with("there is no Lima instance in /Users/alice/.lima/k3s. Make it: limactl create"),
            "{text}"
        );
        "/Volumes/x/lima".clone_into(&mut machine.home.borrow_mut());
        let (status, text) = ask(machine, "check");
        assert_eq!(status, 1);
        assert!(text.starts_with("/Volumes/x/lima is missing. "), "{text}");
        // It changed nothing.
        assert!(!machine.path("/Volumes").exists() && machine.calls("create").is_empty());
    });
}

#[test]
fn status_is_limas_word() {
    on_machines(|machine| {
        assert_eq!(ask(machine, "status"), (1, "Stopped\n".to_owned()));
        let start = machine.start();
        machine.until_it_runs(10);
        assert_eq!(ask(machine, "status"), (0, "Running\n".to_owned()));
        machine.stop(start);
        machine.put_in_instance("ha.pid", "1\n");
        assert_eq!(ask(machine, "status"), (1, "Broken\n".to_owned()));
    });
}

/// Neither is a job.
#[test]
fn check_and_status_do_not_hold_up_the_job() {
    on_machines(|machine| {
        let words = machine.arguments(&["check"]).join("' '");
        machine.spawn(&["/bin/sh", "-c", &format!("while sleep 1; do '{words}'; done")], ALICE);
        let start = machine.start();
        machine.until_it_runs(10);
        machine.stop_and_leave(start, &[]);
    });
}

#[test]
fn root_is_refused() {
    on_machines(|machine| {
        let words = machine.arguments(&[]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // launchd, which is process 1, would start it again and again.
        let by_launchd = machine.spawn(&words, 0);
        let command = format!("'{}'; exit", words.join("' '"));
        let by_hand = machine.spawn(&["/bin/sh", "-c", &command], 0);
        machine.until("both end", 1, || {
            machine.status(by_launchd).is_some() && machine.status(by_hand).is_some()
        });
        assert_eq!((machine.status(by_launchd), machine.status(by_hand)), (Some(0), Some(77)));
        let errors = fs::read_to_string(machine.path(ERRORS)).unwrap();
        assert_eq!(errors.matches("lima-start: this does not run as root").count(), 2, "{errors}");
        assert_eq!(errors.lines().count(), 2, "{errors}");
        fs::remove_file(machine.path(ERRORS)).unwrap();
        assert!(machine.calls("start").is_empty());
    });
}

#[test]
fn wrong_arguments_are_refused() {
    on_machines(|machine| {
        let program = &machine.arguments(&[])[0];
        for words in [
            &["--instance=k3s", "--keep=1", LIMACTL][..],
            &["--instance=k3s"],
            &["--instance=", LIMACTL],
            &[],
        ] {
            let words: Vec<&str> = [program.as_str()].into_iter().chain(words.iter().copied()).collect();
            let pid = machine.spawn(&words, ALICE);
            machine.until("it ends", 1, || machine.status(pid).is_some());
            assert_eq!(machine.status(pid), Some(64), "{words:?}");
        }
        let errors = fs::read_to_string(machine.path(ERRORS)).unwrap();
        assert_eq!(errors.lines().filter(|line| line.starts_with("lima-start: ")).count(), 4, "{errors}");
        assert_eq!(errors.lines().count(), 4, "{errors}");
        fs::remove_file(machine.path(ERRORS)).unwrap();
    });
}
