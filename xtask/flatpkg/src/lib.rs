//! Writers and readers of Apple's flat packages (`.pkg`), in Rust alone.
//!
//! A flat package is a xar archive. A *component* package holds `PackageInfo`
//! (what it is), `Bom` (what it installs), `Payload` (the files) and `Scripts`
//! (what runs before and after). A *product* archive holds a `Distribution`
//! (what the Installer shows and asks), `Resources` and components as folders.
//!
//! ```text
//! tree ──┬─ cpio ─ gzip ─ Payload, Scripts ─┐
//!        └─ bom ───────── Bom ──────────────┼─ xar ─ package ─ (Signer)
//! component ───────────── PackageInfo ──────┤
//! product ─────────────── Distribution ─────┘
//! ```
//!
//! The readers go the same way back, over anything that can be read and sought in,
//! whoever made it. They hand out what is there, with what they [found](findings) odd or
//! deceitful in it, and do not judge it; nothing is
//! allocated or repeated because the input says so, and limits are named constants.
//! [`product::PackageFacts::read`] is where to start.
//!
//! Architecture invariant: nothing here knows the disk, the clock, the
//! environment, keys, or what is being installed. Content comes in as a
//! [`tree::Tree`], time as an argument, signatures through [`Signer`]; the same
//! input gives the same bytes on any machine and with any number of threads.

/// How many paths are read of a payload, of scripts and of a Bom. Of each one a few
/// numbers are kept, so that they can be held against each other; with this many, all of
/// a package's checks together stay below 256 MiB.
pub const PATHS_READ_MAX: usize = 1 << 20;

pub mod bom;
pub mod cksum;
pub mod component;
pub mod cpio;
mod deflate;
mod error;
pub mod findings;
pub mod gzip;
pub mod payload;
pub mod product;
pub mod signer;
pub mod summary;
pub mod tree;
pub mod unpack;
pub mod xar;
pub mod xml;

pub use component::{Choice, Component, write_component};
pub use error::{Error, ReadError};
pub use findings::{Finding, Findings, Severity};
pub use product::{Background, InstallationCheck, Product, Resource, write_product};
pub use signer::Signer;
pub use summary::{ComponentSummary, Summary};
