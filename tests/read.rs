//! Packages as other builders pack them are read, listed and unpacked as other people's
//! programs do it; what was not read ends with an error.
//!
//! The packages are made by writers of the tests' own and by bsdtar, cpio, xz and bzip2.

mod archives;
mod formats;
mod limits;
mod output;
mod unpacked;
mod writer;

use std::path::Path;
use std::process::Command;

use crate::support::{Xtask, succeed};

/// Exit status where something was not read.
const NOT_READ: Option<i32> = Some(2);

/// What `inspect --paths` prints of a package, line by line; it must succeed.
fn paths(xtask: &Xtask, package: &str) -> Vec<String> {
    let text = succeed(&mut xtask.bare_command(&["inspect", "--paths", package]));
    text.lines().map(str::to_owned).collect()
}

/// Runs the program; status and standard error.
fn run(xtask: &Xtask, arguments: &[&str]) -> (Option<i32>, String) {
    let output = xtask.bare_command(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Runs a shell script in a folder; it must succeed.
fn shell(folder: &Path, script: &str) -> String {
    succeed(Command::new("sh").args(["-euc", script]).current_dir(folder))
}

/// What bsdtar lists of an archive, in one form.
fn bsdtar_paths(folder: &Path, archive: &str) -> Vec<String> {
    shell(folder, &format!("bsdtar -tf {archive}")).lines().map(in_one_form).collect()
}

/// A path as `inspect --paths` prints it.
fn in_one_form(path: &str) -> String {
    match path.trim_end_matches('/') {
        "." => ".".to_owned(),
        path => format!("./{}", path.strip_prefix("./").unwrap_or(path)),
    }
}
