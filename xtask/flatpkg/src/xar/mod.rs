//! The archive around it all.
//!
//! Must not know: what its members are for, keys. Its layout, big-endian:
//!
//! ```text
//! header   "xar!", header's length 28 (2), version 1 (2), length of the TOC
//!          compressed and plain (8 each), checksum algorithm (4: 1 SHA-1, 3 SHA-256)
//! TOC      zlib around XML: the table of contents
//! heap     from here on, offsets in the TOC count from 0:
//!          digest of the compressed TOC, RSA signature, CMS signature, members
//! trailer  a notarization ticket, if one is stapled
//! ```
//!
//! A signature's slot has a fixed size, because its place and size are in the TOC
//! whose digest it signs. In the TOC, `length` is a member's length in the heap and
//! `size` what it has plain; `application/x-gzip` means zlib, whatever its name
//! says. Sources: the xar project's wiki, "xar file format"; 64 packages of Apple's.

use std::error::Error;
use std::io;

use thiserror::Error;

mod facts;
mod heap;
mod member;
mod parse;
mod read;
pub mod ticket;
mod time;
mod toc;
mod write;

pub use facts::{
    Digest, FILES_MAX, FOLDERS_MAX, NAME_MAX, PATHS_LEN_MAX, Toc, TocChecksum, TocData, TocFile, TocSignature,
};
pub use heap::{BehindHeap, RUBBISH_MAX};
pub use member::{MemberReader, is_stored};
pub use read::{Archive, ArchiveHeader, HEADER_MAX, TOC_MAX, XarReadError};
pub use write::{Member, Spooled, Written, write};

/// The first bytes.
pub const MAGIC: &[u8; 4] = b"xar!";
/// The header's length in bytes.
pub const HEADER_LEN: usize = 28;
/// The length of the TOC's digest in bytes: SHA-1.
pub const DIGEST_LEN: usize = 20;
/// How many bytes Apple's tools reserve for the CMS signature.
pub const CMS_SLOT_LEN: usize = 9216;

/// Why an archive cannot be written.
#[derive(Debug, Error)]
pub enum XarError {
    /// A member's name does not have the form that an archive can carry.
    #[error(
        "member {name:?}: a name must not be empty, \".\" or \"..\", nor hold slashes or control characters"
    )]
    InvalidName {
        /// As given.
        name: String,
    },
    /// Two members of a folder share a name.
    #[error("two members are named {name:?}")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// The TOC could not be made.
    #[error("cannot write the table of contents")]
    Toc(#[source] io::Error),
    /// The signer has no certificates.
    #[error("the signer has no certificate; it must have at least its own")]
    NoCertificate,
    /// The signer failed.
    #[error("the {signature} signature could not be made")]
    Sign {
        /// `RSA` or `CMS`.
        signature: &'static str,
        /// What it reported.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The RSA signature is not as long as its slot.
    #[error("the RSA signature has {actual} bytes where {expected} were promised; is it another key's?")]
    RsaLength {
        /// The promised length in bytes.
        expected: usize,
        /// Its length in bytes.
        actual: usize,
    },
    /// The CMS signature does not fit into its slot.
    #[error(
        "the CMS signature has {actual} bytes, its place only {slot}; leave out certificates or reserve more"
    )]
    CmsTooLong {
        /// The slot's length in bytes.
        slot: usize,
        /// Its length in bytes.
        actual: usize,
    },
    /// The scratch space could not be read back.
    #[error("cannot read {name:?} back from the scratch space")]
    Spool {
        /// The member.
        name: String,
        /// What was reported.
        #[source]
        source: io::Error,
    },
    /// The archive could not be handed on.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
}
