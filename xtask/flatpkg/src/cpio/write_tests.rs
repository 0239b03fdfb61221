use std::sync::Arc;

use super::*;
use crate::tree::Owner;

const ROOT: Owner = Owner::ROOT_WHEEL;

fn written(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    write(tree, &mut out).unwrap();
    out
}

fn stream(size: u64, actual: usize) -> Source {
    Source::Stream { size, open: Arc::new(move || Ok(Box::new(std::io::repeat(b'x').take(actual as u64)))) }
}

#[test]
fn a_small_archive_byte_by_byte() {
    let mut tree = Tree::new(1_700_000_000);
    tree.directory("Library", 0o755, ROOT).unwrap();
    tree.file("Library/a", 0o644, Owner::ROOT_ADMIN, b"hello".to_vec()).unwrap();
    tree.symlink("Library/b", "a", ROOT).unwrap();
    let text = String::from_utf8(written(&tree)).unwrap();
    #[rustfmt::skip]
    let expected = concat!(
        "070707", "000000", "000000", "040755", "000000", "000000", "000003", "000000",
        "14524770400", "000002", "00000000000", ".\0",
        "070707", "000000", "000001", "040755", "000000", "000000", "000002", "000000",
        "14524770400", "000012", "00000000000", "./Library\0",
        "070707", "000000", "000002", "100644", "000000", "000120", "000001", "000000",
        "14524770400", "000014", "00000000005", "./Library/a\0", "hello",
        "070707", "000000", "000003", "120755", "000000", "000000", "000001", "000000",
        "14524770400", "000014", "00000000001", "./Library/b\0", "a",
        "070707", "000000", "000004", "000000", "000000", "000000", "000001", "000000",
        "00000000000", "000013", "00000000000", "TRAILER!!!\0",
    );
    assert_eq!(&text[..expected.len()], expected);
    assert_eq!(text.len() % 512, 0);
    assert!(text[expected.len()..].bytes().all(|byte| byte == 0));
}

#[test]
fn fields_hold_their_limit_and_not_one_more() {
    let six = SIX_DIGITS_MAX as u32;
    let largest = Header {
        device: six,
        inode: six,
        mode: six,
        uid: six,
        gid: six,
        links: six,
        special_device: six,
        mtime: ELEVEN_DIGITS_MAX,
        name_len: six,
        size: ELEVEN_DIGITS_MAX,
    };
    let bytes = largest.to_bytes("x").unwrap();
    assert!(bytes[6..].iter().all(|digit| *digit == b'7'));
    for one_more in [
        Header { device: six + 1, ..largest },
        Header { inode: six + 1, ..largest },
        Header { mode: six + 1, ..largest },
        Header { uid: six + 1, ..largest },
        Header { gid: six + 1, ..largest },
        Header { links: six + 1, ..largest },
        Header { special_device: six + 1, ..largest },
        Header { mtime: ELEVEN_DIGITS_MAX + 1, ..largest },
        Header { name_len: six + 1, ..largest },
        Header { size: ELEVEN_DIGITS_MAX + 1, ..largest },
    ] {
        assert!(matches!(one_more.to_bytes("x"), Err(CpioError::FieldOverflow { .. })));
    }
}

#[test]
fn too_large_a_file_is_refused_before_anything_is_read() {
    for (size, fits) in [(8_589_934_591, true), (8_589_934_592, false)] {
        let mut tree = Tree::new(0);
        tree.file("large", 0o644, ROOT, stream(size, 0)).unwrap();
        assert_eq!(ArchiveStream::new(&tree).is_ok(), fits, "{size}");
    }
    for (length, fits) in [(262_140, true), (262_141, false)] {
        let mut tree = Tree::new(0);
        tree.directory(&"n".repeat(length), 0o755, ROOT).unwrap();
        assert_eq!(ArchiveStream::new(&tree).is_ok(), fits, "{length}");
    }
    for (uid, fits) in [(262_143, true), (262_144, false)] {
        let mut tree = Tree::new(u32::MAX);
        tree.directory("a", 0o755, Owner { uid, gid: 0 }).unwrap();
        assert_eq!(ArchiveStream::new(&tree).is_ok(), fits, "{uid}");
    }
}

#[test]
fn a_stream_must_keep_its_promised_size() {
    let written_with = |promised, actual| {
        let mut tree = Tree::new(0);
        tree.file("a", 0o644, ROOT, stream(promised, actual)).unwrap();
        write(&tree, &mut Vec::new())
    };
    assert_eq!(written_with(3, 3).unwrap(), [cksum(b"xxx")]);
    assert!(matches!(
        written_with(4, 3),
        Err(CpioError::TooShort { path, expected: 4, actual: 3 }) if path == "a"
    ));
    assert!(matches!(written_with(2, 3), Err(CpioError::TooLong { path, expected: 2 }) if path == "a"));
    assert!(matches!(written_with(0, 1), Err(CpioError::TooLong { .. })));
}

#[test]
fn an_unreadable_file_is_named() {
    let mut tree = Tree::new(0);
    let open = Arc::new(|| Err(std::io::Error::other("gone")));
    tree.file("a", 0o644, ROOT, Source::Stream { size: 1, open }).unwrap();
    let error = write(&tree, &mut Vec::new()).unwrap_err();
    assert!(matches!(&error, CpioError::Read { path, .. } if path == "a"), "{error}");
}
