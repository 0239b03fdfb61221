//! Root's rights, of which a stage needs some: files of several owners, a root
//! folder of its own, programs that run as somebody else.

use std::process::{Command, Stdio};

use crate::support::{in_ci, skip, tool};

/// Set for a test that was started again with these rights.
const INSIDE: &str = "LIMA_AUTOSTART_ON_STAGE";

/// Whether the test whose scenario is `F` may go on here: the tests run as root.
/// Otherwise it starts itself again, in a user namespace with several users in
/// it (Debian's package uidmap), and under CI by sudo where there is none; then
/// all is done. Where nothing of this is possible, says so; under CI that is a
/// failure.
pub fn are_here<F>() -> bool {
    if std::env::var_os(INSIDE).is_some() || rustix::process::getuid().is_root() {
        return true;
    }
    // "it::stage::install::a_test::{{closure}}"
    let name = std::any::type_name::<F>().split_once("::").expect("a closure of a test").1;
    let name = name.strip_suffix("::{{closure}}").expect("a closure of a test");
    let namespace = ["unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--fork"];
    let sudo = ["sudo", "-n", "--preserve-env"];
    let ways: &[&[&str]] = if in_ci() { &[&namespace, &sudo] } else { &[&namespace] };
    let Some(way) = ways.iter().find(|way| tool_works(way)) else {
        skip::<()>(&format!("{name} needs root, or user namespaces and uidmap"));
        return false;
    };
    let test = std::env::current_exe().expect("the tests' own file");
    let status = command(way)
        .arg(test)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("start the test again");
    assert!(status.success(), "{name}, with root's rights: {status}");
    false
}

fn command(way: &[&str]) -> Command {
    let mut command = Command::new(way[0]);
    command.args(&way[1..]);
    command
}

/// Whether a program can be run this way, as root, and can give files away.
fn tool_works(way: &[&str]) -> bool {
    let Some(_) = tool(way[0]) else { return false };
    let probe = "f=$(mktemp) && chown 501:20 \"$f\" && rm \"$f\"";
    let run = command(way).args(["sh", "-c", probe]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}
