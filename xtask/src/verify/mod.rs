//! The checks over a package that anybody may have made: each has a name and
//! passes, notes something, fails or does not apply.
//!
//! ```text
//! package ── flatpkg's readers ── facts ─┬─ archive       header, TOC, members, heap
//!                                        ├─ signature     RSA, CMS, chain, timestamp
//!                                        ├─ ticket        what Apple says: notarized
//!                                        ├─ component     Payload, Bom, counts, scripts
//!                                        ├─ programs      who signed programs and libraries
//!                                        ├─ distribution  references, resources
//!                                        └─ jobs          launchd property lists
//! ```
//!
//! [`linux`] does the same for `.deb`, `.rpm` and Arch's packages.
//!
//! [`folder`] checks an output folder's records, [`managers`] what device managers read
//! there.
//!
//! Must not know: how packages are built, Lima, the disk.

pub mod archive;
mod ber;
mod bom;
mod carried;
mod check;
mod cms;
pub mod code;
pub mod component;
pub mod distribution;
pub mod folder;
mod held;
pub mod jobs;
pub mod linux;
pub mod managers;
pub mod notarizable;
pub mod payload;
mod programs;
pub(crate) mod property_list;
pub mod signature;
mod signed_data;
pub mod ticket;
mod timestamp;

use std::io::{Read, Seek};

use flatpkg::ReadError;
use flatpkg::product::PackageFacts;
use x509_certificate::CapturedX509Certificate;

use component::Components;

pub use check::{Check, Findings, Status, all_hold};

/// What a package must be beyond sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// Signed with a certificate that leads to Apple, or to one of --trust.
    Signed,
    /// Signed with an Apple Developer ID Installer certificate.
    DeveloperId,
    /// The same, and Apple's notarization ticket for the package is stapled to it.
    Notarized,
}

/// What to hold a package against.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// Certificates to trust beside Apple's roots.
    pub trust: &'a [CapturedX509Certificate],
    /// Whether any timestamp authority will do: who signs with a timestamp of
    /// their own choice knows why.
    pub any_timestamp_authority: bool,
    /// What it must be; `None` takes unsigned packages.
    pub require: Option<Level>,
    /// Most bytes that are unpacked of it; `None` is what follows from its length.
    pub max_size: Option<u64>,
}

/// Why a file could not be read as a package.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// As one for Macs.
    #[error(transparent)]
    Flat(#[from] ReadError),
    /// As one for Linux.
    #[error(transparent)]
    Linux(#[from] linuxpkg::ReadError),
}

/// Runs every check.
///
/// # Errors
/// What cannot be read as a package at all.
pub fn verify<R: Read + Seek>(input: &mut R, options: &Options<'_>) -> Result<Vec<Check>, Unreadable> {
    // An input that cannot be read says so below.
    if linux::is_package(input).unwrap_or(false) {
        return Ok(linux::checks(input, options)?);
    }
    let facts = PackageFacts::read(input)?;
    if let Some(max_size) = options.max_size {
        facts.archive.budget.set_limit(max_size);
    }
    let mut checks = archive::checks(&facts.archive, input);
    checks.push(Check::of("unambiguous", &facts.findings));
    let ticket = ticket::read(&facts.archive, input);
    checks.extend(signature::checks(&facts.archive, input, &ticket, options));
    // The digests took their share: what follows is the same content a second time.
    facts.archive.budget.restart();
    let mut components = Components::new(&ticket, options.trust);
    for component in &facts.components {
        components.add(&facts, component, input);
    }
    let (component_checks, launchd, refused) = components.checks();
    if options.require >= Some(Level::Notarized)
        && let Some(required) = checks.iter_mut().find(|check| check.name == signature::REQUIRED)
    {
        required.add_faults(refused);
    }
    checks.extend(component_checks);
    checks.extend(distribution::checks(&facts));
    checks.push(launchd);
    Ok(checks)
}

/// An error with its causes, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
