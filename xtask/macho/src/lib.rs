//! Mach-O files (programs and libraries of macOS) and the code signatures in them, in Rust
//! alone.
//!
//! ```text
//! file   ── universal header ─┬─ image ── load commands ── LC_CODE_SIGNATURE
//!           (or none)         └─ image ...                      │
//!                                        SuperBlob ─┬─ CodeDirectory: hashes of all pages and
//!                                                   │  of the blobs beside it, flags, names
//!                                                   ├─ requirements, entitlements (XML, DER)
//!                                                   └─ CMS: who signed the CodeDirectory
//! ```
//!
//! [`read()`] reads a file that anybody may have made, over anything that can be read and sought
//! in. It checks what can be checked without a key: that every page, and every blob, is the
//! one that the code directories name, and that all of them agree. What is wrong is a
//! [finding](Findings); nothing is allocated or repeated because the input says so.
//!
//! Architecture invariant: nothing here knows the disk, the clock, keys or certificates. The
//! CMS structure is handed out with what it has to be over.

mod bytes;
mod digest;
mod directory;
mod entitlements;
mod findings;
mod image;
mod input;
mod read;
mod signature;
#[cfg(test)]
mod tests;
mod universal;
pub mod write;

pub use digest::HashType;
pub use directory::{Directory, Slot, SlotState, flag};
pub use entitlements::{NoEntitlements, Value};
pub use findings::Findings;
pub use image::{Image, Platform, Version, kind, platform};
pub use read::{IMAGES_MAX, MachO, is_macho, read};
pub use signature::{SIGNATURES_MAX, Signature, cms, with_cms};
pub use universal::universal;
