//! `notarize` and `staple`, against a server that checks what Apple checks and fails as
//! Apple may.

mod answers;
pub mod authority;
mod checks;
mod faults;
mod killed;
mod large;
mod refreshed;
pub mod server;
mod stapled;

use std::path::Path;
use std::process::Command;

use authority::team;
use server::Server;

use crate::support::Xtask;

/// `notarize` of `server`, with the team's key.
pub fn notarize(xtask: &Xtask, server: &Server, arguments: &[&str]) -> Command {
    let mut command = xtask.bare_command(&["notarize"]);
    command.args(arguments).arg("--test-services").arg(server.settings());
    command.env("LIMA_AUTOSTART_API_KEY", team().api_key("key.p8"));
    command
}

/// The packages below a folder, relative, with their bytes.
pub fn packages(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = crate::support::files(folder);
    files
        .into_iter()
        .filter(|(path, _)| path.ends_with(".pkg"))
        .map(|(path, (_, bytes))| (path, bytes))
        .collect()
}

/// Whether a ticket is at a package's end.
pub fn is_stapled(package: &[u8]) -> bool {
    package[package.len() - 16..].starts_with(b"t8lr\x01\0\x02\0")
}
