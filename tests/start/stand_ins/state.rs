//! What the stand-ins and the scenarios tell each other: files below
//! `/stand-ins` of the machine's root folder.

use serde::{Deserialize, Serialize};

/// The second that it is. Only init writes it.
pub const NOW: &str = "stand-ins/now";
/// A file for each process that sleeps: its name is the process, its text the
/// second in which it is to be woken.
pub const SLEEPERS: &str = "stand-ins/sleepers";
/// The kernel's processes, also where the machine has no `/proc`.
pub const PROC: &str = "stand-ins/proc";
/// Another at each boot.
pub const BOOT_ID: &str = "stand-ins/boot-id";
/// [`Behaviour`], as JSON.
pub const BEHAVIOUR: &str = "stand-ins/behaviour";
/// A line for each limactl that was started: the second, and its arguments.
pub const CALLS: &str = "stand-ins/calls";
/// What `logger` was given, a line each.
pub const LOGGED: &str = "stand-ins/logged";
/// What must not happen and did, a line each.
pub const COMPLAINTS: &str = "stand-ins/complaints";
/// A byte for each call of a tool.
pub const TOOLS: &str = "stand-ins/tools";
/// A number: at the call of a tool with it, the leader of its process group, which
/// is lima-start, gets SIGTERM.
pub const TERM_AT: &str = "stand-ins/term-at";

/// How badly limactl and its VM behave.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Behaviour {
    /// What becomes of each run, in order; the last one is for all that follow.
    /// Without any, a VM runs until it is stopped.
    pub runs: Vec<Run>,
    /// What becomes of each `limactl create`, in the same way.
    pub creations: Vec<Run>,
    /// Seconds that the guest takes to shut down.
    pub shutdown_takes: u64,
    /// QEMU does not heed SIGTERM.
    pub qemu_ignores_sigterm: bool,
    /// The host agent does not heed any signal but SIGKILL.
    pub agent_hangs: bool,
}

/// What becomes of a run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Run {
    /// Seconds until it ends.
    pub after: u64,
    /// How.
    pub ends: Ends,
}

/// How a run ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ends {
    /// limactl does what it was told.
    Well,
    /// limactl ends with status 1 before there is a host agent.
    Fails,
    /// The VM crashes, and the host agent shuts down.
    Crashes,
    /// The guest is switched off from inside.
    SwitchedOff,
    /// The host agent is killed, without its driver where that is a process.
    Killed,
}

/// The element for the call with this number, counted from zero.
pub fn nth(runs: &[Run], number: usize) -> Option<Run> {
    runs.get(number).or_else(|| runs.last()).copied()
}
