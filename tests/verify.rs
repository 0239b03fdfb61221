//! `verify` and `inspect`: what Apple's tools and other writers made is
//! accepted, and what was changed is noticed.

mod commands;
mod damage;
mod documents;
mod handmade;
mod lies;
mod mutation;
mod printed;
mod reference;
mod runs;
mod sound;
pub mod tickets;

use std::io::Cursor;

use xtask::verify::{Check, Options, Status};

/// Runs every check over bytes.
pub fn verify(package: &[u8], options: &Options<'_>) -> Vec<Check> {
    xtask::verify::verify(&mut Cursor::new(package), options).expect("a package")
}

/// The checks that failed, with what they said.
pub fn failed(checks: &[Check]) -> Vec<String> {
    checks
        .iter()
        .filter(|check| check.status == Status::Fail)
        .map(|check| format!("{}: {}", check.name, check.details.join("; ")))
        .collect()
}

/// The checks that noted something, with what they noted.
pub fn noted(checks: &[Check]) -> Vec<String> {
    checks
        .iter()
        .filter(|check| !check.notes.is_empty())
        .map(|check| format!("{}: {}", check.name, check.notes.join("; ")))
        .collect()
}
