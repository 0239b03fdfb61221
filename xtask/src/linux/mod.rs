//! What Linux gets: the units of systemd's user manager, and what lets them run
//! without a login; and packages of them.
//!
//! Must not know: the disk, the clock, `out/`.

pub mod artifacts;
mod commands;
pub mod files;
pub mod package;
pub mod repository;
pub mod scripts;
pub mod systemd;
pub mod units;

/// The systemd unit and what belongs to it.
const SYSTEMD: &str = "systemd";
/// The package for Debian, Ubuntu and what is made of them.
const DEB: &str = "deb";
/// The package for Fedora, RHEL, SUSE and what is made of them.
const RPM: &str = "rpm";
/// The package for Arch and what is made of it.
const ARCH: &str = "arch";
/// The packages in repositories.
const LINUX_REPOSITORY: &str = "linux-repository";
/// The lists of those repositories.
const LINUX_REPOSITORY_LIST: &str = "linux-repository-list";
