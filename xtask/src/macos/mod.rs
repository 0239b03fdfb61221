//! What a Mac gets: the launchd job, the packages with their scripts and pages.
//!
//! Must not know: archive formats, keys, the disk, the clock, `out/`.

pub mod artifacts;
pub mod combined_pages;
mod commands;
pub mod launchd;
pub mod package;
pub mod pages;
pub mod scripts;
