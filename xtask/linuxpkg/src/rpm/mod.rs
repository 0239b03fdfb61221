//! RPM's packages, in version 4 of the format.
//!
//! ```text
//! lead       96 bytes: ed ab ee db, version 3.0, type 0, processor 1, name (66),
//!            system 1, type of signature 5, zeros
//! signature  a header: sums of what follows; padded with zeros to a multiple of 8
//! header     a header: what the package is, its files, scripts and relations
//! payload    cpio (newc) in gzip
//! ```
//!
//! The crate `rpm` 0.30 writes this too. It would bring 44 crates, three versions of syn
//! among them, for what is a list of tags here; and reading with bounds needs the header
//! anyway.
//!
//! Must not know: what is installed, keys. Sources: rpm-software-management/rpm,
//! `docs/manual/format_lead.md`, `format_header.md`, `format_v4.md`,
//! `signatures_digests.md`, `include/rpm/rpmtag.h`, `include/rpm/rpmds.h`.

mod archive;
mod facts;
pub mod header;
pub mod parse;
mod payload;
mod read;
pub mod tag;
mod write;

pub use facts::{Relation, relations};
pub use read::{Start, read};
pub use write::{file_name, write};

/// The first bytes.
pub const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// Bytes of the lead.
pub const LEAD_LEN: usize = 96;
