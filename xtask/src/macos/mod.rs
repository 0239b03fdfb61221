//! What a Mac gets: the launchd job, the packages with their scripts and pages.
//!
//! Must not know: archive formats, keys, the disk, the clock, `out/`.

pub mod artifacts;
pub mod bundle;
pub mod combined_pages;
pub mod commands;
pub mod launchd;
pub mod package;
pub mod pages;
pub mod scripts;

/// The launchd property list.
const PLIST: &str = "plist";
/// The installer package.
pub const PKG: &str = "pkg";
/// The uninstall script.
const UNINSTALL_SCRIPT: &str = "uninstall-script";
/// The uninstall package.
pub const UNINSTALL_PKG: &str = "uninstall-pkg";
/// The installer package with all instances.
pub const COMBINED_PKG: &str = "combined-pkg";
/// The uninstall package with all instances.
pub const COMBINED_UNINSTALL_PKG: &str = "combined-uninstall-pkg";
