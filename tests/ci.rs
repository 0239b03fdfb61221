//! `ci`: it runs `.ci/run` and says how that went. What `.ci/run` does, CI shows.

use std::fs;

use crate::support::{Xtask, fail, succeed};

/// A folder with an `.ci/run` in place of ours.
fn repository(script: &str) -> Xtask {
    let xtask = Xtask::new();
    fs::create_dir(xtask.path(".ci")).unwrap();
    fs::write(xtask.path(".ci/run"), script).unwrap();
    xtask
}

#[test]
fn ci_runs_the_script_that_ci_runs() {
    let xtask = repository("echo \"checks: $#\"");
    assert_eq!(succeed(&mut xtask.bare_command(&["ci"])), "checks: 0\n");
    if cfg!(target_os = "linux") && rustix::process::geteuid().is_root() {
        let xtask = repository("echo \"checks: $*\"");
        assert_eq!(succeed(&mut xtask.bare_command(&["ci", "--boot"])), "checks: --boot\n");
    }
}

#[test]
fn ci_fails_where_a_check_fails() {
    let xtask = repository("echo 'test result: FAILED' >&2; exit 101");
    let error = fail(&mut xtask.bare_command(&["ci"]));
    assert_eq!(error, "test result: FAILED\nerror: a check failed; what it said is above\n");
}

#[test]
fn ci_says_where_it_belongs() {
    let error = fail(&mut Xtask::new().bare_command(&["ci"]));
    assert_eq!(error, "error: no .ci/run here; run `cargo xtask ci` in the repository\n");
}

#[test]
fn booting_without_its_programs_says_which_are_missing() {
    if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
        return;
    }
    let xtask = repository("exit 1");
    // A PATH with bash and nothing else.
    let bash = crate::support::tool("bash").unwrap();
    fs::create_dir(xtask.path("bin")).unwrap();
    std::os::unix::fs::symlink(bash, xtask.path("bin/bash")).unwrap();
    let error = fail(xtask.bare_command(&["ci", "--boot"]).env("PATH", xtask.path("bin")));
    assert_eq!(
        error,
        "error: booting a machine takes programs that are not installed: debootstrap (package debootstrap), \
         systemd-nspawn (package systemd-container), nsenter (package util-linux)\n"
    );
}
