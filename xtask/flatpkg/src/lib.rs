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
//! Architecture invariant: nothing here knows the disk, the clock, the
//! environment, keys, or what is being installed. Content comes in as a
//! [`tree::Tree`], time as an argument, signatures through [`Signer`]; the same
//! input gives the same bytes on any machine and with any number of threads.

pub mod bom;
pub mod cksum;
pub mod component;
pub mod cpio;
mod error;
pub mod gzip;
pub mod product;
pub mod signer;
pub mod tree;
pub mod xar;
mod xml;

pub use component::{Component, write_component};
pub use error::Error;
pub use product::{
    Background, Choice, ComponentSummary, InstallationCheck, Product, Resource, Summary, write_product,
};
pub use signer::Signer;
