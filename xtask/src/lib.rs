//! Installers that make Lima instances start at boot.
//!
//! ```text
//! flags + installers.toml -> Spec -> plan() -> render -> package -> sign -> out/
//!                            typed   pure      bytes     bytes     bytes   one writer
//! ```

pub mod cli;
pub mod environment;
pub mod launchd;
pub mod render;
pub mod spec;
pub mod systemd;
