//! Where the output goes: a full disk is an error, a reader that has seen enough is none.

use std::fs;
use std::fs::OpenOptions;
use std::process::Stdio;

use super::writer::{component, entry, gzip, odc};
use super::*;

fn with_package() -> Xtask {
    let xtask = Xtask::new();
    let names: Vec<String> = (0..50_000).map(|number| format!("./a-file-of-many-{number}")).collect();
    let entries: Vec<_> = names.iter().map(|name| entry(name, 0o100_644, b"")).collect();
    fs::write(xtask.path("x.pkg"), component(&gzip(&odc(&entries)))).unwrap();
    xtask
}

#[test]
fn a_full_disk_is_an_error() {
    let xtask = with_package();
    for arguments in [&["inspect", "--paths", "x.pkg"][..], &["inspect", "x.pkg"], &["verify", "x.pkg"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = xtask.bare_command(arguments).stdout(full).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        assert!(errors.contains("No space left on device"), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_closed_pipe_is_none() {
    let xtask = with_package();
    for arguments in [&["inspect", "--paths", "x.pkg"][..], &["inspect", "x.pkg"]] {
        let mut child =
            xtask.bare_command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
