//! A run of many files in which some cannot be built.

use std::fs;

use crate::support::{fail, in_shell};

use super::folder;

/// Runs `dist` where no file may have more than 4 KiB: every package fails, and
/// everything else is built.
fn with_small_files(arguments: &[&str]) -> (String, String) {
    let xtask = folder(3);
    xtask.run(&["dist", "--unsigned", "--pkg-version", "1"]);
    let before = xtask.files("out");
    let arguments = [&["dist", "--unsigned", "--only", "plist,pkg,uninstall-pkg"], arguments].concat();
    let program = xtask.command(&arguments);
    let mut limited = in_shell("trap '' XFSZ; ulimit -f 8; exec \"$@\"", &program);
    let output = limited.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(xtask.files("out") == before, "nothing of it was put into place");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_first_failure_ends_a_run() {
    let (_, error) = with_small_files(&[]);
    assert_eq!(error.matches("File too large").count(), 1, "{error}");
}

#[test]
fn keep_going_reports_every_failure() {
    let (_, error) = with_small_files(&["--keep-going"]);
    for name in ["vm0", "vm1", "vm2"] {
        for end in ["-3.1.pkg", "-3.1-uninstall.pkg"] {
            let package = format!("could not build {name}/macos/lima-{name}{end}");
            assert_eq!(error.matches(&package).count(), 1, "{package}\n{error}");
        }
    }
    assert!(
        error.ends_with("error: 6 of 9 files could not be built, so nothing was put into place\n"),
        "{error}"
    );
}

/// A settings file with three faults.
const FAULTY: &str =
    "version = \"x\"\n[[instance]]\nname = \"a b\"\n[[instance]]\nname = \"c\"\nuser = \"root\"\n";

#[test]
fn keep_going_reports_every_fault_of_the_settings() {
    let xtask = crate::support::Xtask::new();
    fs::write(xtask.path("installers.toml"), FAULTY).unwrap();
    let error = xtask.fail(&["dist", "--unsigned"]);
    assert!(error.contains("installers.toml:1:11") && error.contains("and 2 more; --keep-going"), "{error}");
    assert!(!error.contains("installers.toml:3"), "{error}");
    for arguments in [&["dist", "--unsigned", "--keep-going"][..], &["plan"]] {
        let error = xtask.fail(arguments);
        for place in ["1:11", "3:8", "6:8"] {
            assert!(error.contains(&format!("installers.toml:{place}")), "{place}\n{error}");
        }
    }
    let mut command = xtask.command(&["dist", "--keep-going", "--message-format", "json"]);
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert_eq!(said.matches("\"event\":\"failed\"").count(), 3, "{said}");
    assert!(!xtask.path("out").exists());
}

#[test]
fn programs_hear_of_failures_as_they_happen() {
    let (said, _) = with_small_files(&["--keep-going", "--message-format", "json"]);
    let events: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((of("failed"), of("built"), of("error"), of("finished")), (6, 3, 1, 0));
    assert_eq!(events.last().unwrap()["event"], "error");
}

#[test]
fn a_run_that_was_interrupted_does_not_keep_going() {
    use std::process::Stdio;
    let xtask = folder(400);
    fs::create_dir(xtask.path("out")).unwrap();
    let child = xtask
        .command(&["dist", "--unsigned", "--keep-going"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    crate::output::wait_for_staging(&xtask.path("out"));
    crate::support::succeed(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(xtask.files("out").is_empty());
}

#[test]
fn a_log_has_no_progress_bar() {
    let xtask = folder(5);
    let output = xtask.command(&["dist", "--unsigned"]).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("warning: packages are not signed") && said.lines().count() == 1, "{said:?}");
    // A terminal gets one, where the run is not over at once, and no CI's log.
    let Some(_) = crate::support::tool("script") else { return };
    for (ci, bar) in [("", true), ("true", false)] {
        let program = xtask.command(&["dist", "--unsigned"]);
        let mut command = in_shell("script -qec \"$*\" /dev/null", &program);
        let screen = command.env("CI", ci).env("TERM", "xterm").output().unwrap();
        let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
        assert_eq!(screen.contains("files, "), bar, "{screen:?}");
    }
    let error = fail(&mut xtask.command(&["dist", "--unsigned", "--keep-going", "--pkg-version", "x"]));
    assert!(error.contains("--pkg-version"), "{error}");
}
