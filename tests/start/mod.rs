//! `lima-start`, run for real by process 1 of a machine that is none: a root
//! folder with a small userland and processes of its own, whose boots end as a
//! scenario wants, with a clock that passes only while everybody sleeps, and a
//! limactl that is as bad as the real one is reported to be.
//!
//! | file | what it is |
//! |---|---|
//! | `stand_ins/` | a program of its own: process 1, limactl, QEMU, what only one of the systems has |
//! | `machine` | the root folder and its settings |
//! | `boot` | its boots, and what is done on it |
//! | `seen` | what can be seen of it |
//! | the others | scenarios |
//!
//! A machine is a Mac, where processes are looked up with ps(1), or has Linux's
//! `/proc`. Each scenario is played under four shells named `sh`, two of them on
//! each.

mod boot;
mod boots;
mod bundled;
mod crashes;
mod create;
mod hostile;
mod machine;
mod people;
mod seen;
mod signals;
#[path = "stand_ins/state.rs"]
#[expect(dead_code, reason = "the stand-ins use the rest")]
pub mod state;
mod verbs;
mod waits;

use machine::Machine;

use crate::stage::rights;
use crate::support::{at_full_length, tool, turn};

/// What `/bin/sh` may be: on a Mac (two of the three that it has), on Debian and Alpine.
const SHELLS: [[(&str, bool); 2]; 2] =
    [[("bash", true), ("dash", false)], [("zsh", true), ("busybox", false)]];

/// Plays a scenario on a Mac and on Linux, each time on a new machine: under one or the
/// other shell of either, by turns; at full length under each.
pub fn on_machines<F: Fn(&Machine)>(scenario: F) {
    if !cfg!(target_os = "linux") {
        crate::support::note_skipped("such a machine needs Linux; a Mac runs tests/on-a-mac.sh");
        return;
    }
    if !rights::are_here::<F>() {
        return;
    }
    if [tool("busybox"), tool("ldd"), tool("unshare")].contains(&None) {
        return;
    }
    let chosen = if at_full_length() { &SHELLS[..] } else { &SHELLS[turn::<F>(2)..][..1] };
    for &(shell, on_mac) in chosen.iter().flatten() {
        let Some(sh) = tool(shell) else { continue };
        println!("under {shell}");
        let machine = Machine::new(&sh, on_mac);
        scenario(&machine);
        machine.has_no_complaints();
    }
}
