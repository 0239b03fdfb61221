use super::*;
use crate::layout::Kind;
use crate::tar::Writer;

type All = (Vec<(Entry, Vec<u8>)>, Rest);

fn all(bytes: &[u8]) -> Result<All, TarError> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).map_err(|source| TarError::Read { offset: 0, source })?;
        entries.push((entry, content));
    }
    let (rest, _) = reader.finish()?;
    Ok((entries, rest))
}

fn archive() -> Vec<u8> {
    let mut writer = Writer::new(1_750_000_000);
    writer.add("a/", 0o750, Kind::Folder).unwrap();
    writer.add("a/file", 0o4755, Kind::File(&[7; 600])).unwrap();
    writer.add("a/link", 0o777, Kind::Link("file")).unwrap();
    writer.add(&format!("{}/name", "f".repeat(150)), 0o644, Kind::File(b"x")).unwrap();
    writer.finish()
}

/// A header of another program's, with a right checksum.
fn header(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = archive()[..BLOCK].to_vec();
    change(&mut bytes);
    bytes[148..156].copy_from_slice(b"        ");
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

fn of_type(letter: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(|header| {
        header[156] = letter;
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    });
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

#[test]
fn what_is_written_is_read() {
    let (entries, rest) = all(&archive()).unwrap();
    assert_eq!(rest, Rest { length: BLOCK as u64, is_zero: true, is_marked: true });
    let entry = &entries[1].0;
    assert_eq!((entry.kind, entry.mode, entry.size, entry.time), (Type::File, 0o4755, 600, 1_750_000_000));
    assert_eq!((entry.user.as_str(), entry.group.as_str(), entry.uid), ("root", "root", 0));
    assert_eq!(entries[1].1, [7; 600]);
    assert_eq!((entries[0].0.kind, entries[2].0.kind), (Type::Folder, Type::Link));
    assert_eq!(entries[2].0.link, b"file");
    assert_eq!(entries[3].0.path, format!("{}/name", "f".repeat(150)).as_bytes());
}

#[test]
fn long_names_and_large_numbers_of_gnu_and_pax() {
    let long = vec![b'n'; 300];
    let pax = b"11 path=pp\n20 mtime=16000000.5\n10 uid=77\n";
    let bytes = [
        of_type(b'L', &[long.as_slice(), b"\0"].concat()),
        of_type(b'0', b"gnu"),
        of_type(b'x', pax),
        of_type(b'0', b"pax"),
        header(|header| {
            header[108..116].copy_from_slice(&[0x80, 0, 0, 0, 1, 0, 0, 0]);
            header[156] = b'0';
            header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }),
        vec![0; 2 * BLOCK],
    ]
    .concat();
    let (entries, _) = all(&bytes).unwrap();
    assert_eq!((entries[0].0.path.as_slice(), entries[0].1.as_slice()), (long.as_slice(), b"gnu".as_slice()));
    let second = &entries[1].0;
    assert_eq!((second.path.as_slice(), second.time, second.uid), (b"pp".as_slice(), 16_000_000, 77));
    assert_eq!((entries[2].0.uid, entries[2].0.size), (1 << 24, 0));
}

#[test]
fn what_is_no_archive_is_an_error() {
    let whole = archive();
    for length in 1..whole.len() - 2 * BLOCK {
        let read = all(&whole[..length]);
        let is_whole = length % BLOCK == 0 && read.as_ref().is_ok_and(|(_, rest)| !rest.is_marked);
        assert!(read.is_err() || is_whole, "{length}");
    }
    for (what, bytes) in [
        ("a checksum", [b"x".as_slice(), &whole[1..]].concat()),
        (
            "a name that is too long",
            header(|header| {
                header[156] = b'L';
                header[124..136].copy_from_slice(b"77777777777\0");
            }),
        ),
        ("pax", of_type(b'x', b"999 path=x\n")),
        ("pax without a key", of_type(b'x', b"4 x\n")),
        ("pax with no length", of_type(b'x', b"path=x\n")),
        ("a negative size", header(|header| header[124..136].copy_from_slice(&[0xff; 12]))),
        ("holes", of_type(b'S', b"")),
    ] {
        assert!(all(&bytes).is_err(), "{what}");
    }
}
