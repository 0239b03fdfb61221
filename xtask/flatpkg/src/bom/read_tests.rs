use super::*;
use crate::bom;
use crate::tree::{Owner, Tree};

fn written(files: usize) -> Vec<u8> {
    let mut tree = Tree::new(7);
    tree.directory("d", 0o755, Owner::ROOT_ADMIN).unwrap();
    tree.symlink("link", "d", Owner::ROOT_WHEEL).unwrap();
    for number in 0..files {
        tree.file(&format!("d/{number}"), 0o640, Owner { uid: 1, gid: 2 }, vec![0; number]).unwrap();
    }
    let checksums: Vec<u32> = (0..tree.len() as u32).collect();
    bom::write(&tree, &checksums).unwrap()
}

#[test]
fn what_is_written_is_read() {
    for files in [0, 1, 253, 254, 1000] {
        let bytes = written(files);
        let bom = Bom::read(&bytes).unwrap();
        assert_eq!((bom.version, bom.hard_links, bom.large_sizes), (1, Some(0), Some(0)));
        assert_eq!(bom.count(), files + 3);
        assert_eq!(bom.stated_paths as usize, files + 3);
        assert_eq!(bom.info.as_ref().unwrap().number_of_paths as usize, files + 4);
        assert_eq!(bom.first_out_of_order, None);
        let link = bom.paths().find(|path| path.name == b"link").unwrap();
        assert_eq!((link.record_type, link.link_target), (3, Some(b"d".as_slice())));
        assert_eq!(bom.path(&link).unwrap(), "./link");
        if let Some(file) = bom.paths().find(|path| path.name == b"0") {
            assert_eq!(bom.path(&file).unwrap(), "./d/0");
            assert_eq!((file.mode, file.uid, file.gid, file.mtime), (0o100_640, 1, 2, 7));
        }
    }
}

#[test]
fn truncations_are_errors() {
    let bytes = written(3);
    for length in 0..bytes.len() {
        assert!(Bom::read(&bytes[..length]).is_err(), "{length}");
    }
    assert_eq!(Bom::read(b"BOMStorf"), Err(BomReadError::NotBom));
}

/// The offset of a block.
fn block_offset(bytes: &[u8], number: usize) -> usize {
    let index = u32::from_be_bytes(bytes[16..20].try_into().unwrap()) as usize;
    u32::from_be_bytes(bytes[index + 4 + 8 * number..][..4].try_into().unwrap()) as usize
}

#[test]
fn chains_and_trees_that_never_end_are_refused() {
    // Block 3 is the root of Paths: let its leaf be its own successor.
    let mut bytes = written(3);
    let leaf = block_offset(&bytes, 3);
    bytes[leaf + 4..leaf + 8].copy_from_slice(&3u32.to_be_bytes());
    assert!(matches!(Bom::read(&bytes), Err(BomReadError::Invalid { .. })));
    // Let it be an inner node that is its own child.
    let mut bytes = written(3);
    bytes[leaf..leaf + 2].copy_from_slice(&[0, 0]);
    bytes[leaf + 12..leaf + 16].copy_from_slice(&3u32.to_be_bytes());
    assert!(matches!(Bom::read(&bytes), Err(BomReadError::Invalid { .. })));
}

#[test]
fn a_directory_below_itself_has_no_path() {
    // Block 15 is the key of the first path, `d`, whose number is 2.
    let mut bytes = written(1);
    let key = block_offset(&bytes, 15);
    bytes[key..key + 4].copy_from_slice(&2u32.to_be_bytes());
    let bom = Bom::read(&bytes).unwrap();
    let circular = bom.paths().find(|path| path.name == b"d").unwrap();
    assert_eq!(bom.path(&circular), None);
    assert!(bom.first_out_of_order.is_some());
}

#[test]
fn more_variables_than_the_limit_are_refused() {
    let mut bytes = written(0);
    let variables = u32::from_be_bytes(bytes[24..28].try_into().unwrap()) as usize;
    bytes[variables..variables + 4].copy_from_slice(&(VARIABLES_MAX as u32 + 1).to_be_bytes());
    assert!(matches!(Bom::read(&bytes), Err(BomReadError::TooMany { what: "variables", .. })));
}
