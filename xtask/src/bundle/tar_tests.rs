use super::*;

/// A header of this type, with a right checksum.
fn header(name: &[u8], kind: u8, size: u64, link: &str) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000755");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    let sum = checksum(&block);
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn entry(name: &str, kind: u8, content: &[u8], link: &str) -> Vec<u8> {
    let mut bytes = header(name.as_bytes(), kind, content.len() as u64, link).to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn all(archive: &[u8]) -> Result<Vec<(String, Kind, Vec<u8>)>, TarError> {
    let mut reader = Reader::new(archive);
    let mut entries = Vec::new();
    while let Some(header) = reader.next_entry()? {
        let mut content = Vec::new();
        reader.content().take(header.size).read_to_end(&mut content)?;
        entries.push((header.name, header.kind, content));
    }
    Ok(entries)
}

#[test]
fn entries_of_all_kinds_are_read() {
    let long = "a/".repeat(120) + "b";
    let pax = format!("{} path={long}\n", long.len() + 10);
    let archive = [
        entry("bin/", b'5', b"", ""),
        entry("bin/a", b'0', b"content", ""),
        entry("l", b'2', b"", "bin/a"),
        entry("h", b'1', b"", "bin/a"),
        entry("x", b'x', pax.as_bytes(), ""),
        entry("short", b'0', b"1", ""),
        entry("././@LongLink", b'L', format!("{long}2\0").as_bytes(), ""),
        entry("short", b'0', b"2", ""),
        entry("pipe", b'6', b"", ""),
        vec![0; 2 * BLOCK],
    ]
    .concat();
    let expected = [
        ("bin/".to_owned(), Kind::Folder, vec![]),
        ("bin/a".to_owned(), Kind::File, b"content".to_vec()),
        ("l".to_owned(), Kind::Link("bin/a".to_owned()), vec![]),
        ("h".to_owned(), Kind::SameAs("bin/a".to_owned()), vec![]),
        (long.clone(), Kind::File, b"1".to_vec()),
        (format!("{long}2"), Kind::File, b"2".to_vec()),
        ("pipe".to_owned(), Kind::Other('6'), vec![]),
    ];
    assert_eq!(all(&archive).unwrap(), expected);
    // Without the empty headers at the end it is an archive too.
    assert_eq!(all(&archive[..archive.len() - 2 * BLOCK]).unwrap(), expected);
}

#[test]
fn damage_is_found_and_never_a_panic() {
    let archive = [entry("a", b'0', &[7; 600], ""), entry("b", b'5', b"", "")].concat();
    for length in 1..archive.len() - 1 {
        if length % BLOCK != 0 || length == BLOCK || length == 2 * BLOCK {
            assert!(all(&archive[..length]).is_err(), "{length}");
        }
    }
    for at in 0..BLOCK {
        let mut changed = archive.clone();
        changed[at] ^= 0x41;
        let _ = all(&changed);
    }
    let mut large = header(b"a", b'0', 0, "");
    large[124..136].fill(0xff);
    let sum = checksum(&large);
    large[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    assert!(matches!(all(&large), Err(TarError::Damaged { .. })));
    let records = entry("x", b'x', b"6 a=b\n", "").repeat(10);
    assert!(matches!(all(&records), Err(TarError::Damaged { reason, .. }) if reason.contains("too many")));
}
