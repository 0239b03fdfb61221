//! Boms, read by `apple-bom` and compared with those that Apple's tools wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use apple_bom::format::{BomBlockPaths, BomBlockTree, ParsedBom};
use flatpkg::bom;
use flatpkg::cksum::cksum;
use flatpkg::tree::Source;

use super::*;

/// The tree behind the variable `Paths`.
fn paths_tree(parsed: &ParsedBom<'_>) -> BomBlockTree {
    let variable = parsed.find_variable("Paths").unwrap();
    parsed.block_as_tree(variable.block_index as usize).unwrap()
}

/// The leaves in the order of their links, with their blocks' numbers.
fn leaves(parsed: &ParsedBom<'_>) -> Vec<BomBlockPaths> {
    let mut leaves = vec![paths_tree(parsed).root_paths(parsed).unwrap()];
    while leaves[leaves.len() - 1].next_paths_block_index != 0 {
        let next = leaves[leaves.len() - 1].next_paths_block_index;
        leaves.push(parsed.block_as_paths(next as usize).unwrap());
    }
    leaves
}

/// A path by its key and number, with its record's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    parent: u32,
    name: String,
    number: u32,
    record: Vec<u8>,
}

/// Every path in the order of the leaves.
fn listed(parsed: &ParsedBom<'_>) -> Vec<Listed> {
    let mut all = Vec::new();
    for leaf in leaves(parsed) {
        for entry in &leaf.paths {
            let file = entry.file(parsed).unwrap();
            let info = entry.path_info(parsed).unwrap();
            all.push(Listed {
                parent: file.parent_path_id,
                name: file.string_file_name(),
                number: info.path_id,
                record: parsed.block_data(info.path_record_index as usize).unwrap().to_vec(),
            });
        }
    }
    all
}

/// Whole paths with their records.
fn by_path(listed: &[Listed]) -> BTreeMap<String, Vec<u8>> {
    let names: BTreeMap<u32, &Listed> = listed.iter().map(|one| (one.number, one)).collect();
    let path = |one: &Listed| {
        let mut path = one.name.clone();
        let mut parent = one.parent;
        while parent != 0 {
            path = format!("{}/{path}", names[&parent].name);
            parent = names[&parent].parent;
        }
        path
    };
    listed.iter().map(|one| (path(one), one.record.clone())).collect()
}

#[test]
fn apple_bom_reads_every_path_at_every_size() {
    // One leaf holds 256: 245 files with their ten folders and the root. The last is as
    // many as a tree of two levels holds.
    let most = bom::PATHS_MAX - 11;
    for count in [0, 1, 2, 244, 245, 246, 255, 256, 257, 501, 502, 10_000, most] {
        let mut tree = Tree::new(MTIME);
        for folder in 0..10 {
            tree.directory(&format!("d{folder}"), 0o755, ROOT).unwrap();
        }
        for number in 0..count {
            let path = format!("d{}/file {number}", number % 10);
            tree.file(&path, 0o644, ROOT, number.to_string().into_bytes()).unwrap();
        }
        let checksums: Vec<u32> = tree
            .entries()
            .map(|(_, entry)| match &entry.content {
                flatpkg::tree::Content::File(Source::Bytes(bytes)) => cksum(bytes),
                _ => 0,
            })
            .collect();
        let bytes = bom::write(&tree, &checksums).unwrap();
        let parsed = ParsedBom::parse(&bytes).unwrap();
        let paths = parsed.paths().unwrap();
        assert_eq!(paths.len(), tree.len() + 1);
        assert_eq!(parsed.bom_info().unwrap().number_of_paths as usize, paths.len() + 1);
        assert_eq!(paths_tree(&parsed).path_count as usize, paths.len());
        assert!(parsed.hl_index().unwrap().is_empty());
        assert!(parsed.vindex().unwrap().is_empty());
        assert!(parsed.size64().unwrap().is_empty());

        let listed = listed(&parsed);
        let keys: Vec<_> = listed.iter().map(|one| (one.parent, one.name.as_bytes())).collect();
        assert!(keys.is_sorted(), "lsbom stops at the first key out of order");
        let order: BTreeMap<_, _> = listed.iter().enumerate().map(|(at, one)| (one.number, at)).collect();
        assert!(listed.iter().enumerate().all(|(at, one)| one.parent == 0 || order[&one.parent] < at));
        for path in &paths {
            let Some(entry) = tree.get(path.path().trim_start_matches("./")) else {
                assert_eq!(path.path(), ".");
                continue;
            };
            assert_eq!(u32::from(path.file_mode()) & 0o7777, entry.mode);
            if let flatpkg::tree::Content::File(Source::Bytes(bytes)) = &entry.content {
                assert_eq!((path.size(), path.crc32()), (bytes.len(), Some(cksum(bytes))));
            }
        }
        // The chain of leaves can be followed backwards as well.
        let leaves = leaves(&parsed);
        for pair in leaves.windows(2) {
            let back = parsed.block_as_paths(pair[1].previous_paths_block_index as usize).unwrap();
            assert_eq!(back.next_paths_block_index, pair[0].next_paths_block_index);
        }
        assert_eq!(leaves.len(), (tree.len() + 1).div_ceil(256));
    }
}

#[test]
fn a_link_is_read_back() {
    let mut tree = Tree::new(MTIME);
    tree.symlink("link", "some/where", ROOT).unwrap();
    let bytes = bom::write(&tree, &[cksum(b"some/where")]).unwrap();
    let paths = ParsedBom::parse(&bytes).unwrap().paths().unwrap();
    assert_eq!(paths[1].link_name(), Some("some/where"));
    assert_eq!(paths[1].crc32(), Some(cksum(b"some/where")));
    assert_eq!(paths[1].symbolic_mode(), "lrwxr-xr-x");
}

/// The tree that a Bom describes, with the checksums it has.
fn described(parsed: &ParsedBom<'_>, mtime: u32) -> (Tree, Vec<u32>) {
    let paths = parsed.paths().unwrap();
    let mut tree = Tree::new(mtime);
    let mut checksums = BTreeMap::new();
    let mut sorted: Vec<_> = paths.iter().filter(|path| path.path() != ".").collect();
    sorted.sort_by_key(|path| path.path().split('/').count());
    for path in sorted {
        let name = path.path().trim_start_matches("./");
        let mode = u32::from(path.file_mode()) & 0o7777;
        let owner = Owner { uid: path.user_id(), gid: path.group_id() };
        match path.path_type() {
            apple_bom::BomPathType::Directory => tree.directory(name, mode, owner).unwrap(),
            apple_bom::BomPathType::File => {
                let open = Arc::new(|| Err(std::io::Error::other("a Bom has no content")));
                let source = Source::Stream { size: path.size() as u64, open };
                tree.file(name, mode, owner, source).unwrap();
            }
            other => panic!("{name}: {other:?}"),
        }
        checksums.insert(name.to_owned(), path.crc32().unwrap_or(0));
    }
    let checksums = tree.entries().map(|(path, _)| checksums[path]).collect();
    (tree, checksums)
}

/// Why a record of ours differs from Apple's for the same path, if it does.
fn difference(path: &str, ours: &[u8], apples: &[u8]) -> Option<&'static str> {
    const TIME: std::ops::Range<usize> = 14..18;
    const SIZE: std::ops::Range<usize> = 18..22;
    let mut without_time = ours.to_vec();
    without_time[TIME].copy_from_slice(&apples[TIME]);
    let without_time_and_size = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[TIME.start..SIZE.end].fill(0);
        bytes
    };
    if ours == apples {
        None
    } else if without_time == apples {
        Some("a tree has one time for all")
    } else if path.rsplit('/').next().is_some_and(|name| name.starts_with("._")) {
        Some("AppleDouble files are recorded after the fact, without time, size and type")
    } else if path == "." && apples[2..4] == [0, 1] {
        Some("before 2021, the root was recorded without mode, time and size")
    } else if apples[2] == 0x20 && ours[4..27] == apples[4..27] {
        Some("Mach-O files list the checksum of each architecture's part")
    } else if apples[0] == 2 && without_time_and_size(ours) == without_time_and_size(apples) {
        Some("a directory's size counted AppleDouble files otherwise")
    } else {
        panic!("{path}:\n  ours  {ours:02x?}\n  Apple {apples:02x?}")
    }
}

/// Writes Apple's Bom again; gives both lists and the differences by reason.
fn written_again(apples: &[u8], mtime: u32) -> (Vec<u8>, BTreeMap<&'static str, Vec<String>>) {
    let theirs = ParsedBom::parse(apples).unwrap();
    let (tree, checksums) = described(&theirs, mtime);
    let bytes = bom::write(&tree, &checksums).unwrap();
    let ours = ParsedBom::parse(&bytes).unwrap();
    let (ours, theirs) = (by_path(&listed(&ours)), by_path(&listed(&theirs)));
    assert!(ours.keys().eq(theirs.keys()));
    let mut differences = BTreeMap::<_, Vec<String>>::new();
    for (path, record) in &ours {
        if let Some(reason) = difference(path, record, &theirs[path]) {
            differences.entry(reason).or_default().push(path.clone());
        }
    }
    (bytes, differences)
}

#[test]
fn apples_product_bom_is_written_again() {
    let Some(reference) = crate::support::reference("apple-product.bom") else { return };
    let apples = std::fs::read(reference).unwrap();
    let (bytes, differences) = written_again(&apples, 0x60e4725a);
    let expected = BTreeMap::from([
        ("before 2021, the root was recorded without mode, time and size", vec![".".to_owned()]),
        ("a tree has one time for all", vec!["./dummy.app/Contents/Resources".to_owned()]),
        (
            "Mach-O files list the checksum of each architecture's part",
            vec!["./dummy.app/Contents/MacOS/dummy".to_owned()],
        ),
    ]);
    assert_eq!(differences, expected);
    // Not only the records: the numbers, the blocks' numbers, the keys and the trees.
    let (ours, theirs) = (ParsedBom::parse(&bytes).unwrap(), ParsedBom::parse(&apples).unwrap());
    let records = |parsed: &ParsedBom<'_>| -> Vec<usize> {
        let leaf = parsed.block_as_paths(3).unwrap();
        let record = |index| leaf.path_info_at(parsed, index).unwrap().path_record_index as usize;
        (0..leaf.paths.len()).map(record).collect()
    };
    let records = records(&ours);
    // 1 is BomInfo, where Apple counts directories and architectures; from 41 on
    // Apple's has blocks for hard links that its HLIndex does not lead to.
    for block in (2..=40).filter(|block| !records.contains(block)) {
        assert_eq!(ours.block_data(block).unwrap(), theirs.block_data(block).unwrap(), "block {block}");
    }
    assert_eq!(ours.blocks.blocks.len(), 41);
    let variables = |parsed: &ParsedBom<'_>| -> Vec<(String, u32)> {
        parsed.vars.vars.iter().map(|one| (one.name.clone(), one.block_index)).collect()
    };
    assert_eq!(variables(&ours), variables(&theirs));
}

#[test]
fn apples_component_bom_is_written_again() {
    let Some(reference) = crate::support::reference("apple-component.bom") else { return };
    let apples = std::fs::read(reference).unwrap();
    let (_, differences) = written_again(&apples, 0x6a328de3);
    let reasons: Vec<_> = differences.iter().map(|(reason, paths)| (*reason, paths.len())).collect();
    // Apart from the records: numbers follow the order in which the disk listed the
    // files, and HLIndex lists every path.
    assert_eq!(
        reasons,
        [
            ("AppleDouble files are recorded after the fact, without time, size and type", 2),
            ("Mach-O files list the checksum of each architecture's part", 3),
            ("a directory's size counted AppleDouble files otherwise", 2),
        ]
    );
}
