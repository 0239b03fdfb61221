//! The packages, installed on a Mac that is none: a root folder with a small
//! userland under a chroot, and a model of launchd behind `/bin/launchctl`.
//!
//! | file | what it is |
//! |---|---|
//! | `stand_ins/` | a program of its own: what only macOS has, with state |
//! | `mac` | the root folder |
//! | `package`, `choices`, `installer` | reads a package and does what Installer does |
//! | `rights` | root, or a user namespace |
//! | the others | scenarios |
//!
//! What this cannot show (Apple's own shells and tools, Installer itself,
//! launchd itself) is for `tests/on-a-mac.sh`.

mod auto;
mod auto_again;
mod bundle;
mod choices;
mod combined;
mod combined_fails;
mod each_call_fails;
mod hostile;
mod install;
mod installer;
mod launchd_fails;
mod login;
pub mod mac;
mod order;
mod package;
mod refused;
mod reports;
pub mod rights;
mod something_is_missing;
#[path = "stand_ins/state.rs"]
pub mod state;
mod status;
mod status_people;
mod template;
mod uninstall;

use mac::Mac;

use crate::support::{at_full_length, root, succeed, tool, turn};

/// What `/bin/sh` may be. Each is a Bourne shell when its name is `sh`: bash in
/// POSIX mode, as on every Mac unless somebody chose another, zsh in its sh emulation,
/// and of busybox the ash.
const SHELLS: [&str; 4] = ["bash", "dash", "zsh", "busybox"];

/// Runs a scenario under bash and one of the other shells, by turns, each time on a new
/// Mac; at full length under each of them.
pub fn on_a_mac<F: Fn(&Mac)>(scenario: F) {
    if at_full_length() {
        return on_macs(&SHELLS, scenario);
    }
    on_macs(&[SHELLS[0], SHELLS[1 + turn::<F>(SHELLS.len() - 1)]], scenario);
}

pub fn on_macs<F: Fn(&Mac)>(shells: &[&'static str], scenario: F) {
    if !cfg!(target_os = "linux") {
        crate::support::note_skipped("a stage is put up on Linux only; a Mac runs tests/on-a-mac.sh");
        return;
    }
    if !rights::are_here::<F>() {
        return;
    }
    let needed = [tool("busybox"), tool("ldd"), installer::chroot_program()];
    if needed.contains(&None) {
        return;
    }
    for shell in shells {
        let Some(sh) = tool(shell) else { continue };
        println!("under {shell}");
        scenario(&Mac::new(&sh));
    }
}

/// It cannot run here.
#[test]
fn shellcheck_has_nothing_to_say_to_the_script_for_a_mac() {
    let Some(shellcheck) = tool("shellcheck") else { return };
    succeed(std::process::Command::new(shellcheck).args(["-x", "tests/on-a-mac.sh"]).current_dir(root()));
}
