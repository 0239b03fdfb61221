//! The bill of materials: what a payload installs, with owners and checksums.
//!
//! Must not know: the payload's archive, xar. A Bom is a store of numbered
//! blocks, big-endian throughout:
//!
//! ```text
//! header      "BOMStore", version 1, number of blocks in use, offset and length
//!             of the index, offset and length of the variables; zeros up to 512
//! blocks      anywhere
//! variables   count, then block (4), length of the name (1), name without a NUL
//! index       count, then offset (4) and length (4) of each block, block 0 empty;
//!             then the free list: count, offset and length of each hole
//! ```
//!
//! The variables' blocks and what they lead to:
//!
//! ```text
//! BomInfo   version 1, number of paths + 1, number of entries, then 16 bytes each:
//!           CPU type (0: any), 0, sum of the sizes of files and links, 0
//! Paths     tree; key: parent's number (4), name, NUL; value: number (4), record's block (4)
//! HLIndex   tree of hard links, empty here
//! VIndex    version 1, tree's block (4), 0 (4), 0 (1); its tree is empty
//! Size64    tree of sizes beyond 32 bits, empty here
//!
//! tree      "tree", version 1, root node's block, length of a node, number of
//!           keys, 0 (1)
//! node      1 for a leaf or 0 (2), number of entries (2), next leaf, previous
//!           leaf (4 each), then value's and key's block of each entry; zeros up to
//!           its length. In an inner node, the value is a node and the key its last
//! record    type (1: 1 file, 2 directory, 3 link), 1 (1), 15 (2: architecture), mode
//!           with the file type (2), user, group, modification time, size (4 each),
//!           1 (1), checksum (4), length of the link's target with a NUL (4), the
//!           target and a NUL; a file's record has 4 zeros more, a link's 8. Older
//!           records have neither checksum nor length: 23 bytes, a file's 27
//! ```
//!
//! Numbers start from 1 for `.`, whose parent is 0. Keys are in order of (parent's
//! number, name's bytes); `lsbom` stops at the first that is not. A directory's
//! size is what its file system reports: 64 and 32 for each thing in it on a Mac.
//! The checksum is that of POSIX `cksum`; a link's is of its target.
//!
//! Apple documents none of this. Sources: three Boms that Apple's tools wrote;
//! `bomutils` for trees of several nodes.

use thiserror::Error;

mod fields;
mod read;
mod write;

pub use read::{
    BOM_MAX, Bom, BomReadError, Info, NAME_MAX, PATH_MAX, PathFacts, SIZES_MAX, TREE_DEPTH_MAX, VARIABLES_MAX,
};
pub use write::{check, write};

/// The first bytes.
pub const MAGIC: &[u8; 8] = b"BOMStore";
/// A tree's first bytes.
pub const TREE_MAGIC: &[u8; 4] = b"tree";
/// The header's length with the zeros after it.
pub const HEADER_LEN: usize = 512;
/// A node's length in bytes, except for `VIndex`.
pub const NODE_LEN: usize = 4096;
/// The length of `VIndex`'s only node.
pub const VINDEX_NODE_LEN: usize = 128;
/// A node's length before its entries.
pub const NODE_HEADER_LEN: usize = 12;
/// How many entries the writer puts into a leaf.
pub const LEAF_ENTRIES: usize = 256;
/// How many entries fit into an inner node.
pub const INNER_ENTRIES: usize = (NODE_LEN - NODE_HEADER_LEN) / 8;
/// How many paths the writer takes: as many as a tree of two levels holds. Of
/// deeper ones, no example by Apple is at hand.
pub const PATHS_MAX: usize = LEAF_ENTRIES * INNER_ENTRIES;
/// The largest size of a file, and of all together, in bytes: 4 GiB less one.
/// How Apple's tools record larger ones in `Size64` is not known.
pub const SIZE_MAX: u64 = u32::MAX as u64;

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordType {
    /// A regular file.
    File = 1,
    /// A directory.
    Directory = 2,
    /// A symbolic link.
    Symlink = 3,
    /// A device file.
    Device = 4,
}

/// Why a Bom cannot be written.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BomError {
    /// A file is too large.
    #[error(
        "path {path:?}: its {size} bytes are more than {SIZE_MAX}, the largest that a Bom can hold; split it"
    )]
    FileTooLarge {
        /// The file.
        path: String,
        /// Its length in bytes.
        size: u64,
    },
    /// All files together are too large.
    #[error(
        "all files together have {size} bytes, more than {SIZE_MAX}, the largest that a Bom can hold; make several components"
    )]
    TotalTooLarge {
        /// Their length in bytes.
        size: u64,
    },
    /// Too many paths.
    #[error("{count} paths are more than {PATHS_MAX}, the most that a Bom can hold; make several components")]
    TooManyPaths {
        /// How many there are, the root counted.
        count: usize,
    },
    /// The Bom itself would be too large for its offsets.
    #[error("the Bom would be larger than 4 GiB; shorten the paths or make several components")]
    TooLarge,
    /// The checksums are those of another tree.
    #[error("{actual} checksums were given for a tree of {expected} entries; take them from its archive")]
    ChecksumCount {
        /// How many entries the tree has.
        expected: usize,
        /// How many checksums were given.
        actual: usize,
    },
}
