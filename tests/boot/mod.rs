//! The units for Linux under a real systemd: a Debian that boots, with a
//! stand-in for limactl that writes down what reaches it.
//!
//! Nothing is scaled but where a test says so: then an additional drop-in,
//! sorted so that it never hides a line of ours, shortens a time.

mod base;
pub mod installed;
pub mod machine;
mod packaged;
mod scriptlets;
mod starting;
mod stopping;
