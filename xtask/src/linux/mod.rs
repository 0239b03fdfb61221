//! What Linux gets: the units of systemd's user manager, and what lets them run
//! without a login.
//!
//! Must not know: the disk, the clock, `out/`.

pub mod artifacts;
mod commands;
pub mod files;
pub mod scripts;
pub mod systemd;
pub mod units;

/// The systemd unit and what belongs to it.
const SYSTEMD: &str = "systemd";
