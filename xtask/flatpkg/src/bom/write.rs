//! Writes a tree's Bom.
//!
//! Must not know: where checksums come from. Blocks have the numbers that Apple's
//! tools give them: the variables' first, then three for each path, depth first.

use std::collections::HashMap;

use super::{
    BomError, HEADER_LEN, LEAF_ENTRIES, MAGIC, NODE_HEADER_LEN, NODE_LEN, PATHS_MAX, RecordType, SIZE_MAX,
    TREE_MAGIC, VINDEX_NODE_LEN,
};
use crate::cpio::{TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK};
use crate::tree::{Content, Entry, Tree, split};

/// What Apple's tools write for anything that is not split by architecture.
const ANY_ARCHITECTURE: u16 = 15;
/// The size of an empty directory on a Mac, and of each thing in it.
const DIRECTORY_SIZE: u64 = 64;
const DIRECTORY_ENTRY_SIZE: u64 = 32;

/// The numbers of the blocks that do not depend on the paths.
mod block {
    pub const BOM_INFO: u32 = 1;
    pub const PATHS: u32 = 2;
    pub const PATHS_ROOT: u32 = 3;
    pub const HL_INDEX: u32 = 4;
    pub const HL_INDEX_ROOT: u32 = 5;
    pub const V_INDEX: u32 = 6;
    pub const V_INDEX_TREE: u32 = 7;
    pub const V_INDEX_ROOT: u32 = 8;
    pub const SIZE_64: u32 = 9;
    pub const SIZE_64_ROOT: u32 = 10;
    pub const FIRST_PATH: u32 = 11;
}

/// A path in the order of numbers, which start from 1.
struct Numbered<'tree> {
    number: u32,
    parent: u32,
    name: &'tree str,
    record: Vec<u8>,
}

/// Writes the Bom of a tree. `checksums` are POSIX checksums for
/// [`Tree::entries`], in their order, as
/// [`ArchiveStream::into_checksums`](crate::cpio::ArchiveStream::into_checksums)
/// gives them.
///
/// # Errors
/// [`BomError`], if something does not fit into its field.
pub fn write(tree: &Tree, checksums: &[u32]) -> Result<Vec<u8>, BomError> {
    let (paths, total_size) = numbered_paths(tree, checksums)?;
    let mut store = Store::new();
    let mut bom_info = Vec::new();
    // One more than there are; so do Apple's tools.
    for value in [1, paths.len() as u32 + 1, 1, 0, 0, total_size, 0] {
        bom_info.extend_from_slice(&value.to_be_bytes());
    }
    store.set(block::BOM_INFO, bom_info);
    store.set(block::PATHS, tree_block(block::PATHS_ROOT, NODE_LEN, paths.len() as u32));
    store.set(block::HL_INDEX, tree_block(block::HL_INDEX_ROOT, NODE_LEN, 0));
    store.set(block::HL_INDEX_ROOT, leaf(&[], 0, 0, NODE_LEN));
    let mut v_index = Vec::new();
    for value in [1, block::V_INDEX_TREE, 0] {
        v_index.extend_from_slice(&value.to_be_bytes());
    }
    v_index.push(0);
    store.set(block::V_INDEX, v_index);
    store.set(block::V_INDEX_TREE, tree_block(block::V_INDEX_ROOT, VINDEX_NODE_LEN, 0));
    store.set(block::V_INDEX_ROOT, leaf(&[], 0, 0, VINDEX_NODE_LEN));
    store.set(block::SIZE_64, tree_block(block::SIZE_64_ROOT, NODE_LEN, 0));
    store.set(block::SIZE_64_ROOT, leaf(&[], 0, 0, NODE_LEN));
    write_paths(&mut store, paths);
    store.finish(&[
        ("BomInfo", block::BOM_INFO),
        ("Paths", block::PATHS),
        ("HLIndex", block::HL_INDEX),
        ("VIndex", block::V_INDEX),
        ("Size64", block::SIZE_64),
    ])
}

/// Checks whether a tree fits into a Bom, without its content.
///
/// # Errors
/// [`BomError`], if something does not fit into its field.
pub fn check(tree: &Tree) -> Result<(), BomError> {
    numbered_paths(tree, &vec![0; tree.len()]).map(|_| ())
}

/// The paths with their records, and the sum of the sizes.
fn numbered_paths<'tree>(
    tree: &'tree Tree,
    checksums: &[u32],
) -> Result<(Vec<Numbered<'tree>>, u32), BomError> {
    if checksums.len() != tree.len() {
        return Err(BomError::ChecksumCount { expected: tree.len(), actual: checksums.len() });
    }
    if tree.len() + 1 > PATHS_MAX {
        return Err(BomError::TooManyPaths { count: tree.len() + 1 });
    }
    let mut children = HashMap::<&str, u64>::new();
    for (path, _) in tree.entries() {
        *children.entry(split(path).0).or_default() += 1;
    }
    let directory_size =
        |path| DIRECTORY_SIZE + DIRECTORY_ENTRY_SIZE * children.get(path).copied().unwrap_or(0);

    let root = record("", &tree.root(), tree.mtime(), 0, directory_size(""))?;
    let mut paths = vec![Numbered { number: 1, parent: 0, name: ".", record: root }];
    let mut numbers = HashMap::from([("", 1)]);
    let mut total = 0;
    for (index, ((path, entry), checksum)) in tree.entries().zip(checksums).enumerate() {
        let number = index as u32 + 2;
        let size = match &entry.content {
            Content::Directory => directory_size(path),
            Content::File(source) => source.size(),
            Content::Symlink(target) => target.len() as u64,
        };
        if !matches!(entry.content, Content::Directory) {
            total += size;
        } else {
            numbers.insert(path, number);
        }
        let (parent, name) = split(path);
        // A tree has every entry's parent, and it comes before the entry.
        let parent = numbers.get(parent).copied().unwrap_or(1);
        let record = record(path, entry, tree.mtime(), *checksum, size)?;
        paths.push(Numbered { number, parent, name, record });
    }
    let total_size = u32::try_from(total).map_err(|_| BomError::TotalTooLarge { size: total })?;
    Ok((paths, total_size))
}

fn record(path: &str, entry: &Entry, mtime: u32, checksum: u32, size: u64) -> Result<Vec<u8>, BomError> {
    if size > SIZE_MAX {
        return Err(BomError::FileTooLarge { path: path.to_owned(), size });
    }
    let (record_type, file_type) = match entry.content {
        Content::Directory => (RecordType::Directory, TYPE_DIRECTORY),
        Content::File(_) => (RecordType::File, TYPE_FILE),
        Content::Symlink(_) => (RecordType::Symlink, TYPE_SYMLINK),
    };
    let mut bytes = vec![record_type as u8, 1];
    bytes.extend_from_slice(&ANY_ARCHITECTURE.to_be_bytes());
    // Types and permissions together fit into 16 bits.
    bytes.extend_from_slice(&((file_type | entry.mode) as u16).to_be_bytes());
    for value in [entry.owner.uid, entry.owner.gid, mtime, size as u32] {
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    bytes.push(1);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    match &entry.content {
        Content::Directory => bytes.extend_from_slice(&[0; 4]),
        Content::File(_) => bytes.extend_from_slice(&[0; 8]),
        Content::Symlink(target) => {
            bytes.extend_from_slice(&(size as u32 + 1).to_be_bytes());
            bytes.extend_from_slice(target.as_bytes());
            bytes.extend_from_slice(&[0; 9]);
        }
    }
    Ok(bytes)
}

/// Writes the blocks of each path and the nodes that list them in order.
fn write_paths(store: &mut Store, paths: Vec<Numbered<'_>>) {
    let mut order: Vec<(u32, &str, [u32; 2])> = Vec::with_capacity(paths.len());
    for Numbered { number, parent, name, record } in paths {
        let record_block = store.add(record);
        let mut key = parent.to_be_bytes().to_vec();
        key.extend_from_slice(name.as_bytes());
        key.push(0);
        let key_block = store.add(key);
        let value_block = store.add([number.to_be_bytes(), record_block.to_be_bytes()].concat());
        order.push((parent, name, [value_block, key_block]));
    }
    order.sort_unstable();
    let entries: Vec<[u32; 2]> = order.into_iter().map(|(_, _, entry)| entry).collect();
    if entries.len() <= LEAF_ENTRIES {
        // A tree of one node has no inner one: lsbom would list its first path only.
        store.set(block::PATHS_ROOT, leaf(&entries, 0, 0, NODE_LEN));
        return;
    }
    let first_leaf = store.next();
    let leaf_count = entries.len().div_ceil(LEAF_ENTRIES) as u32;
    let mut children = Vec::new();
    for (index, entries) in (0..).zip(entries.chunks(LEAF_ENTRIES)) {
        let next = if index + 1 < leaf_count { first_leaf + index + 1 } else { 0 };
        let previous = if index > 0 { first_leaf + index - 1 } else { 0 };
        let number = store.add(leaf(entries, next, previous, NODE_LEN));
        children.extend(entries.last().map(|[_, last_key]| [number, *last_key]));
    }
    store.set(block::PATHS_ROOT, node(0, &children, 0, 0, NODE_LEN));
}

fn tree_block(root: u32, node_len: usize, count: u32) -> Vec<u8> {
    let mut bytes = TREE_MAGIC.to_vec();
    for value in [1, root, node_len as u32, count] {
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    bytes.push(0);
    bytes
}

fn leaf(entries: &[[u32; 2]], next: u32, previous: u32, length: usize) -> Vec<u8> {
    node(1, entries, next, previous, length)
}

fn node(is_leaf: u16, entries: &[[u32; 2]], next: u32, previous: u32, length: usize) -> Vec<u8> {
    debug_assert!(NODE_HEADER_LEN + entries.len() * 8 <= length, "the node's entries fit into it");
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&is_leaf.to_be_bytes());
    bytes.extend_from_slice(&(entries.len() as u16).to_be_bytes());
    for value in [next, previous].iter().chain(entries.as_flattened()) {
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    bytes.resize(length, 0);
    bytes
}

/// Blocks by number.
struct Store {
    blocks: Vec<Vec<u8>>,
}

impl Store {
    /// With room for the variables' blocks.
    fn new() -> Self {
        Self { blocks: vec![Vec::new(); block::FIRST_PATH as usize] }
    }

    fn set(&mut self, number: u32, bytes: Vec<u8>) {
        self.blocks[number as usize] = bytes;
    }

    fn next(&self) -> u32 {
        self.blocks.len() as u32
    }

    fn add(&mut self, bytes: Vec<u8>) -> u32 {
        let number = self.next();
        self.blocks.push(bytes);
        number
    }

    /// Lays out the whole file.
    fn finish(self, variables: &[(&str, u32)]) -> Result<Vec<u8>, BomError> {
        let offset = |bytes: &Vec<u8>| u32::try_from(bytes.len()).map_err(|_| BomError::TooLarge);
        let mut file = vec![0; HEADER_LEN];
        let mut index = (self.blocks.len() as u32).to_be_bytes().to_vec();
        for (number, block) in self.blocks.iter().enumerate() {
            let start = if number == 0 { 0 } else { offset(&file)? };
            index.extend_from_slice(&start.to_be_bytes());
            index.extend_from_slice(&offset(block)?.to_be_bytes());
            file.extend_from_slice(block);
        }
        // The free list: no holes, and the two empty places that mkbom leaves.
        index.extend_from_slice(&[0; 4 + 2 * 8]);

        let variables_start = offset(&file)?;
        file.extend_from_slice(&(variables.len() as u32).to_be_bytes());
        for (name, block) in variables {
            file.extend_from_slice(&block.to_be_bytes());
            file.push(name.len() as u8);
            file.extend_from_slice(name.as_bytes());
        }
        let index_start = offset(&file)?;
        file.extend_from_slice(&index);
        let end = offset(&file)?;

        let mut header = MAGIC.to_vec();
        for value in [
            1,
            self.blocks.len() as u32 - 1,
            index_start,
            end - index_start,
            variables_start,
            index_start - variables_start,
        ] {
            header.extend_from_slice(&value.to_be_bytes());
        }
        file[..header.len()].copy_from_slice(&header);
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tree::{Owner, Source};

    fn of_sizes(sizes: &[u64]) -> Result<Vec<u8>, BomError> {
        let mut tree = Tree::new(0);
        for (index, size) in sizes.iter().enumerate() {
            let source = Source::Stream { size: *size, open: Arc::new(|| Ok(Box::new(std::io::empty()))) };
            tree.file(&index.to_string(), 0o644, Owner::ROOT_WHEEL, source).unwrap();
        }
        write(&tree, &vec![0; sizes.len()])
    }

    #[test]
    fn sizes_are_checked_at_their_limit() {
        let limit = u64::from(u32::MAX);
        assert!(of_sizes(&[limit]).is_ok());
        assert_eq!(of_sizes(&[limit + 1]), Err(BomError::FileTooLarge { path: "0".into(), size: limit + 1 }));
        assert!(of_sizes(&[limit - 1, 1]).is_ok());
        assert_eq!(of_sizes(&[limit, 1]), Err(BomError::TotalTooLarge { size: limit + 1 }));
    }

    #[test]
    fn the_number_of_paths_is_checked_at_its_limit() {
        assert!(of_sizes(&vec![0; PATHS_MAX - 1]).is_ok());
        assert_eq!(of_sizes(&vec![0; PATHS_MAX]), Err(BomError::TooManyPaths { count: PATHS_MAX + 1 }));
    }

    #[test]
    fn checksums_must_be_of_the_tree() {
        let tree = Tree::new(0);
        assert_eq!(write(&tree, &[1]), Err(BomError::ChecksumCount { expected: 0, actual: 1 }));
    }

    /// The record of the one link in the Bom of Python 3.9's installer, except for its time.
    #[test]
    fn a_link_is_recorded_as_apple_does() {
        let target =
            "/Library/Frameworks/Python.framework/Versions/3.9/Resources/Python.app/Contents/MacOS/Python";
        let entry =
            Entry { mode: 0o755, owner: Owner::ROOT_WHEEL, content: Content::Symlink(target.to_owned()) };
        let checksum = crate::cksum::cksum(target.as_bytes());
        let bytes = record("x", &entry, 0x60902e8f, checksum, target.len() as u64).unwrap();
        let start = b"\x03\x01\x00\x0f\xa1\xed\0\0\0\0\0\0\0\0\x60\x90\x2e\x8f\0\0\0\x5c\x01\xe1\x1c\x67\xab\0\0\0\x5d";
        assert_eq!(bytes, [start.as_slice(), target.as_bytes(), &[0; 9]].concat());
    }
}
