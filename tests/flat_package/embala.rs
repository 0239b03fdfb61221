//! Packages compared with those of `embala-pkg`, whose author checked his with
//! Apple's installer.

use std::collections::BTreeMap;

use apple_bom::format::ParsedBom;
use apple_flat_package::reader::PkgReader;

use super::*;

/// What `embala-pkg` records as every time: the start of 2000.
const EMBALA_TIME: u32 = 946_684_800;

/// The same files, through both; no directory holds a subdirectory and a file whose
/// names only differ in what follows a common start.
pub fn both() -> (Vec<u8>, Vec<u8>) {
    let files: [(&str, u32, Vec<u8>); 4] = [
        ("opt/example/bin/run", 0o755, b"#!/bin/sh\n".to_vec()),
        ("opt/example/data", 0o600, vec![3; 100_000]),
        ("opt/example/empty", 0o644, vec![]),
        ("opt/readme", 0o644, b"x".to_vec()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree::new(EMBALA_TIME);
    tree.directories("opt/example/bin", 0o755, ROOT).unwrap();
    let mut specs = Vec::new();
    for (index, (dest, mode, bytes)) in files.iter().enumerate() {
        let src = folder.path().join(index.to_string());
        std::fs::write(&src, bytes).unwrap();
        specs.push(embala_pkg::FileSpec { src, dest: (*dest).to_owned(), mode: Some(*mode) });
        tree.file(dest, *mode, ROOT, bytes.clone()).unwrap();
    }
    let spec = embala_pkg::PkgSpec {
        name: "same".into(),
        display_name: "Same".into(),
        identifier: "org.example.same".into(),
        version: "1.2.3".into(),
        install_location: "/".into(),
        enable_user_home: false,
        files: specs,
        directories: Vec::new(),
        scripts: None,
    };
    let out = folder.path().join("same.pkg");
    embala_pkg::build(&spec, &out).unwrap();
    let ours = product_bytes(&product(vec![component("same", Some(tree), None)]), None).0;
    (ours, std::fs::read(out).unwrap())
}

#[test]
fn payloads_differ_in_link_counts_alone() {
    let (ours, theirs) = both();
    let entries = |bytes: Vec<u8>| {
        let mut reader = PkgReader::new(std::io::Cursor::new(bytes)).unwrap();
        payload_entries(&reader.resolve_component("same.pkg").unwrap().unwrap())
    };
    let (ours, theirs) = (entries(ours), entries(theirs));
    assert!(ours.keys().eq(theirs.keys()));
    let mut differences = BTreeMap::new();
    for (path, entry) in &ours {
        let other = &theirs[path];
        if entry.links != other.links {
            differences.insert(path.as_str(), (entry.links, other.links));
        }
        assert_eq!(
            CpioEntry { links: 0, ..entry.clone() },
            CpioEntry { links: 0, ..other.clone() },
            "{path}"
        );
    }
    // A directory's links: Apple's payloads have 2 and one for each subdirectory,
    // embala-pkg counts files, too. Nothing that unpacks them looks.
    let expected =
        BTreeMap::from([("./opt", (3, 4)), ("./opt/example", (3, 5)), ("./opt/example/bin", (2, 3))]);
    assert_eq!(differences, expected);
}

#[test]
fn the_uncompressed_archives_have_the_same_bytes_but_for_link_counts() {
    let Some(gzip) = crate::support::tool("gzip") else { return };
    let (ours, theirs) = both();
    let plain = |bytes: &[u8]| run(&gzip, &["-dc"], &member(bytes, "same.pkg/Payload"));
    let (ours, theirs) = (plain(&ours), plain(&theirs));
    assert_eq!(ours.len(), theirs.len());
    let different = ours.iter().zip(&theirs).filter(|(one, other)| one != other).count();
    // A digit of each of the three directories' link counts.
    assert_eq!(different, 3);
}

#[test]
fn boms_list_the_same_but_for_directory_sizes() {
    let (ours, theirs) = both();
    let paths = |bytes: &[u8]| {
        let bom = member(bytes, "same.pkg/Bom");
        let paths = ParsedBom::parse(&bom).unwrap().paths().unwrap();
        let facts = paths.into_iter().map(|path| {
            let size = match path.path_type() {
                // embala-pkg writes 0 where Apple's tools write what the disk says.
                apple_bom::BomPathType::Directory => 0,
                _ => path.size(),
            };
            let time = path.modified_time().timestamp();
            let owner = (path.user_id(), path.group_id());
            (path.path().to_owned(), (path.file_mode(), owner, time, size, path.crc32()))
        });
        facts.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(paths(&ours), paths(&theirs));
}

#[test]
fn package_infos_state_the_same_figures() {
    let (ours, theirs) = both();
    let line = |bytes: &[u8]| {
        let text = String::from_utf8(member(bytes, "same.pkg/PackageInfo")).unwrap();
        text.lines().find(|line| line.contains("<payload ")).unwrap().trim().to_owned()
    };
    assert_eq!(line(&ours), line(&theirs));
}

#[test]
fn distributions_refer_to_the_same_component() {
    let (ours, theirs) = both();
    let line = |bytes: &[u8]| {
        let text = String::from_utf8(member(bytes, "Distribution")).unwrap();
        text.lines().find(|line| line.contains("#same.pkg")).unwrap().trim().to_owned()
    };
    // embala-pkg also states that updating takes no space.
    assert_eq!(line(&ours), line(&theirs).replace(" updateKBytes=\"0\"", ""));
}
