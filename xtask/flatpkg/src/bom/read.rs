//! Reads a Bom that anybody may have made.
//!
//! Must not know: whether what it says is right; it hands out what is there. Every
//! block is looked up within the file and every chain of nodes ends: the numbers in
//! a Bom can point anywhere.

use std::collections::HashSet;

use thiserror::Error;

use super::fields::{Fields, slice};
use super::{MAGIC, RecordType, TREE_MAGIC};
use crate::PATHS_READ_MAX;

/// The longest Bom that is read, in bytes: 112 for each of
/// [`PATHS_READ_MAX`] paths, of which Apple's take 80 and the name.
pub const BOM_MAX: u64 = 112 << 20;
/// How many variables are read.
pub const VARIABLES_MAX: usize = 64;
/// How many sizes of `BomInfo` are read, one for each type of processor.
pub const SIZES_MAX: usize = 64;
/// How many levels of inner nodes a tree may have.
pub const TREE_DEPTH_MAX: usize = 8;
/// The longest name or link's target, in bytes; a Mac's paths have at most 1024.
pub const NAME_MAX: usize = 1024;
/// The types and lengths of the records of older mkboms, which have no checksum and no
/// length of a link.
const OLD_RECORDS: [(u8, usize); 2] = [(RecordType::File as u8, 27), (RecordType::Directory as u8, 23)];
/// The longest path that [`Bom::path`] gives, in bytes.
pub const PATH_MAX: usize = 4096;

/// What a Bom says. Of a path, the places of its two blocks are kept; what they say is
/// read again each time, so that a million paths take little more room than the Bom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bom<'a> {
    /// The store's version, 1 in all that are known.
    pub version: u32,
    /// How many blocks the header counts.
    pub blocks_in_use: u32,
    /// The variables' names and blocks, in order.
    pub variables: Vec<(String, u32)>,
    /// `BomInfo`, if there is one.
    pub info: Option<Info>,
    /// How many keys the header of the tree `Paths` counts.
    pub stated_paths: u32,
    /// Which of the paths is the first whose key does not come after the one before
    /// it; `lsbom` shows none from there on.
    pub first_out_of_order: Option<usize>,
    /// How many keys `HLIndex` and `Size64` state, if they are there.
    pub hard_links: Option<u32>,
    /// Sizes beyond 32 bits.
    pub large_sizes: Option<u32>,
    store: Store<'a>,
    /// The blocks of value and key of each path, in the order of the leaves.
    entries: Vec<[u32; 2]>,
    /// Each number and the first path that has it, in order.
    by_number: Vec<(u32, u32)>,
}

/// The variable `BomInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its version.
    pub version: u32,
    /// The number of paths, plus one.
    pub number_of_paths: u32,
    /// CPU type and sum of the sizes, for each entry.
    pub sizes: Vec<(u32, u32)>,
}

/// A path with its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFacts<'a> {
    /// Its number.
    pub number: u32,
    /// Its directory's number, 0 for the root.
    pub parent: u32,
    /// Its last segment. Need not be UTF-8.
    pub name: &'a [u8],
    /// 1 file, 2 directory, 3 link, 4 device.
    pub record_type: u8,
    /// 15, with 0x2000 for Mach-O files.
    pub architecture: u16,
    /// Mode with the file type.
    pub mode: u16,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time in seconds since 1970.
    pub mtime: u32,
    /// Size in bytes.
    pub size: u32,
    /// POSIX checksum; for a device its number. Older records have none.
    pub checksum: Option<u32>,
    /// A link's target.
    pub link_target: Option<&'a [u8]>,
    /// The record as it is.
    pub record: &'a [u8],
}

/// Why a Bom cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BomReadError {
    /// It does not start as a Bom.
    #[error("it does not start with \"BOMStore\", so it is not a Bom")]
    NotBom,
    /// It is longer than [`BOM_MAX`].
    #[error("it has {length} bytes, more than the {BOM_MAX} that are read")]
    TooLong {
        /// Its length in bytes.
        length: u64,
    },
    /// Something goes beyond the end of what it lies in.
    #[error("{what} goes beyond the end of what it lies in")]
    OutOfBounds {
        /// What.
        what: String,
    },
    /// It has more of something than is read.
    #[error("it has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// Something has the wrong form.
    #[error("{what} {reason}")]
    Invalid {
        /// What.
        what: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl<'a> Bom<'a> {
    /// Reads a whole Bom.
    ///
    /// # Errors
    /// [`BomReadError`], if it is none or goes beyond a limit.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BomReadError> {
        if bytes.len() as u64 > BOM_MAX {
            return Err(BomReadError::TooLong { length: bytes.len() as u64 });
        }
        let mut header = Fields::new(bytes, "the header");
        if header.take(MAGIC.len()).ok() != Some(MAGIC) {
            return Err(BomReadError::NotBom);
        }
        let (version, blocks_in_use) = (header.u32()?, header.u32()?);
        let index = slice(bytes, header.u32()?, header.u32()?, || "the index".to_owned())?;
        let variables = slice(bytes, header.u32()?, header.u32()?, || "the variables".to_owned())?;
        let store = Store { bytes, index: Fields::new(index, "the index").after_count()? };
        let variables = read_variables(variables)?;
        let block_of =
            |name: &str| variables.iter().find(|(variable, _)| variable == name).map(|(_, block)| *block);
        let paths_tree = block_of("Paths").ok_or_else(|| BomReadError::Invalid {
            what: "the variable Paths".to_owned(),
            reason: "is missing",
        })?;
        let (root, stated_paths) = store.tree(paths_tree)?;
        let mut by_number = Vec::new();
        let mut before = None;
        let mut first_out_of_order = None;
        let entries = store.paths(root, |path| {
            let position = by_number.len();
            if before >= Some((path.parent, path.name)) {
                first_out_of_order.get_or_insert(position);
            }
            before = Some((path.parent, path.name));
            by_number.push((path.number, position as u32));
        })?;
        by_number.sort_unstable();
        by_number.dedup_by_key(|(number, _)| *number);
        let count = |name| block_of(name).map(|block| store.tree(block).map(|tree| tree.1)).transpose();
        Ok(Self {
            version,
            blocks_in_use,
            info: block_of("BomInfo").map(|block| store.info(block)).transpose()?,
            stated_paths,
            first_out_of_order,
            hard_links: count("HLIndex")?,
            large_sizes: count("Size64")?,
            variables,
            store,
            entries,
            by_number,
        })
    }

    /// How many paths it has.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Every path in the order of the leaves.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = PathFacts<'a>> {
        self.entries.iter().map(|entry| self.facts(*entry))
    }

    /// The position of the first path with a number.
    pub fn position(&self, number: u32) -> Option<usize> {
        let found = self.by_number.binary_search_by_key(&number, |(number, _)| *number);
        found.ok().map(|at| self.by_number[at].1 as usize)
    }

    fn facts(&self, [value, key]: [u32; 2]) -> PathFacts<'a> {
        self.store.path(value, key).expect("the same blocks were read before")
    }

    /// A path as a whole, such as `./Library`; bytes that are not UTF-8 are replaced.
    /// `None`, if a directory above it is missing, or is below itself, or if it is
    /// longer than [`PATH_MAX`].
    pub fn path(&self, facts: &PathFacts<'_>) -> Option<String> {
        let mut names = vec![facts.name];
        let mut length = facts.name.len();
        let mut parent = facts.parent;
        while parent != 0 {
            let above = self.facts(self.entries[self.position(parent)?]);
            names.push(above.name);
            // With the slash, so that empty names end a circle as well.
            length += above.name.len() + 1;
            if length > PATH_MAX {
                return None;
            }
            parent = above.parent;
        }
        names.reverse();
        Some(String::from_utf8_lossy(&names.join(&b'/')).into_owned())
    }
}

/// The file and its table of blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Store<'a> {
    bytes: &'a [u8],
    index: Fields<'a>,
}

impl<'a> Store<'a> {
    fn block(&self, number: u32) -> Result<Fields<'a>, BomReadError> {
        let what = || format!("block {number}");
        let position = (number as usize).checked_mul(8);
        let entry = position.and_then(|start| self.index.rest.get(start..)?.first_chunk::<8>());
        let entry = entry.ok_or_else(|| BomReadError::OutOfBounds { what: what() })?;
        let mut entry = Fields::new(entry, "the index");
        let block = slice(self.bytes, entry.u32()?, entry.u32()?, what)?;
        Ok(Fields::of_block(block, number))
    }

    /// A tree's root node and how many keys it states. `VIndex` has one more block
    /// between and is not read.
    fn tree(&self, number: u32) -> Result<(u32, u32), BomReadError> {
        let mut block = self.block(number)?;
        if block.take(TREE_MAGIC.len())? != TREE_MAGIC {
            let what = format!("block {number}");
            return Err(BomReadError::Invalid { what, reason: "is not a tree" });
        }
        let (_version, root, _node_len, count) = (block.u32()?, block.u32()?, block.u32()?, block.u32()?);
        Ok((root, count))
    }

    fn info(&self, number: u32) -> Result<Info, BomReadError> {
        let mut block = self.block(number)?;
        let (version, number_of_paths, count) = (block.u32()?, block.u32()?, block.u32()?);
        let mut sizes = Vec::new();
        for _ in 0..count {
            if sizes.len() >= SIZES_MAX {
                return Err(BomReadError::TooMany { what: "sizes in BomInfo", limit: SIZES_MAX });
            }
            let (cpu_type, _, size, _) = (block.u32()?, block.u32()?, block.u32()?, block.u32()?);
            sizes.push((cpu_type, size));
        }
        Ok(Info { version, number_of_paths, sizes })
    }

    /// The blocks of all paths, from the first leaf along the links; gives each path out.
    fn paths(&self, root: u32, mut take: impl FnMut(PathFacts<'a>)) -> Result<Vec<[u32; 2]>, BomReadError> {
        let mut number = root;
        let mut node = self.node(number)?;
        for _ in 0..TREE_DEPTH_MAX {
            if node.is_leaf {
                break;
            }
            let first_child = node.entries.first().map(|[child, _]| *child);
            number = first_child.ok_or_else(|| BomReadError::Invalid {
                what: format!("block {number}"),
                reason: "is an inner node without entries",
            })?;
            node = self.node(number)?;
        }
        let mut entries = Vec::new();
        let mut seen = HashSet::from([number]);
        loop {
            if !node.is_leaf {
                let what = format!("block {number}");
                return Err(BomReadError::Invalid { what, reason: "is not a leaf where one must be" });
            }
            for [value, key] in node.entries {
                if entries.len() >= PATHS_READ_MAX {
                    return Err(BomReadError::TooMany { what: "paths", limit: PATHS_READ_MAX });
                }
                take(self.path(value, key)?);
                entries.push([value, key]);
            }
            if node.next == 0 {
                return Ok(entries);
            }
            number = node.next;
            if !seen.insert(number) {
                let what = format!("block {number}");
                return Err(BomReadError::Invalid { what, reason: "is a leaf that links back to itself" });
            }
            node = self.node(number)?;
        }
    }

    fn node(&self, number: u32) -> Result<Node, BomReadError> {
        let mut block = self.block(number)?;
        let (is_leaf, count, next, _previous) = (block.u16()?, block.u16()?, block.u32()?, block.u32()?);
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push([block.u32()?, block.u32()?]);
        }
        Ok(Node { is_leaf: is_leaf != 0, next, entries })
    }

    fn path(&self, value: u32, key: u32) -> Result<PathFacts<'a>, BomReadError> {
        let mut key_block = self.block(key)?;
        let parent = key_block.u32()?;
        let name = until_nul(key_block.rest, || format!("the name in block {key}"))?;
        let mut value = self.block(value)?;
        let (number, record) = (value.u32()?, value.u32()?);
        let mut fields = self.block(record)?;
        let bytes = fields.rest;
        let (record_type, _) = (fields.u8()?, fields.u8()?);
        let (architecture, mode) = (fields.u16()?, fields.u16()?);
        let (uid, gid, mtime, size) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        fields.u8()?;
        let is_old = OLD_RECORDS.contains(&(record_type, bytes.len()));
        let (checksum, link_len) = if is_old { (None, 0) } else { (Some(fields.u32()?), fields.u32()?) };
        // Other records have something else in the place of this length.
        let link_target = if record_type == RecordType::Symlink as u8 {
            let length = usize::try_from(link_len).unwrap_or(usize::MAX);
            Some(until_nul(fields.take(length)?, || format!("the link's target in block {record}"))?)
        } else {
            None
        };
        Ok(PathFacts {
            number,
            parent,
            name,
            record_type,
            architecture,
            mode,
            uid,
            gid,
            mtime,
            size,
            checksum,
            link_target,
            record: bytes,
        })
    }
}

struct Node {
    is_leaf: bool,
    next: u32,
    entries: Vec<[u32; 2]>,
}

fn read_variables(bytes: &[u8]) -> Result<Vec<(String, u32)>, BomReadError> {
    let mut fields = Fields::new(bytes, "the variables");
    let count = fields.u32()?;
    if count as usize > VARIABLES_MAX {
        return Err(BomReadError::TooMany { what: "variables", limit: VARIABLES_MAX });
    }
    let mut variables = Vec::new();
    for _ in 0..count {
        let (block, length) = (fields.u32()?, fields.u8()?);
        let name = fields.take(length.into())?;
        variables.push((String::from_utf8_lossy(name).into_owned(), block));
    }
    Ok(variables)
}

/// Bytes up to the first NUL, which must be there soon: the same long name could stand
/// behind every path.
fn until_nul(bytes: &[u8], what: impl FnOnce() -> String) -> Result<&[u8], BomReadError> {
    let end = bytes.iter().take(NAME_MAX + 1).position(|byte| *byte == 0);
    end.map(|end| &bytes[..end]).ok_or_else(|| BomReadError::Invalid {
        what: what(),
        reason: "does not end with a NUL within 1024 bytes",
    })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
