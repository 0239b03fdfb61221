//! Tables of contents, heaps and Boms as other builders of all years write them: sound,
//! and in what little they are odd a note.

use std::io::Cursor;

use flatpkg::Severity;
use flatpkg::bom::Bom;
use flatpkg::product::PackageFacts;
use flatpkg::xar::Archive;

use super::writer::{self, PACKAGE_INFO, around, plain, xar};

/// A `<file>` of the PackageInfo in the heap's beginning, with more of whatever a test wants.
fn info(more_of_file: &str, more_of_data: &str) -> String {
    let length = PACKAGE_INFO.len();
    format!(
        "<file id=\"1\">{more_of_file}<name>PackageInfo</name><type>file</type><data><length>{length}</length>\
         <size>{length}</size><offset>20</offset><encoding style=\"application/octet-stream\"/>{more_of_data}\
         </data></file>"
    )
}

fn findings(package: &[u8]) -> Vec<(Severity, String)> {
    let mut input = Cursor::new(package);
    let facts = PackageFacts::read(&mut input).unwrap();
    let mut all = facts.findings.clone();
    all.extend(&facts.archive.heap_findings(&mut input).unwrap());
    all.iter().map(|one| (one.severity, one.to_string())).collect()
}

#[test]
fn what_apples_tools_of_some_year_wrote_is_sound() {
    for (file, data) in [
        ("", ""),
        // Since 2021 the name stands there twice.
        ("<name>PackageInfo</name>", ""),
        // xar 1.7 of 10.10.
        ("", "<unarchived-checksum style=\"sha1\">00</unarchived-checksum>"),
        ("<!-- a comment --><FinderCreateTime><nanoseconds>0</nanoseconds></FinderCreateTime>", ""),
    ] {
        let package = around(&info(file, data), PACKAGE_INFO);
        assert_eq!(findings(&package), [], "{file}{data}");
    }
    let package =
        around(&info("", "<unarchived-checksum style=\"md5\">ab</unarchived-checksum>"), PACKAGE_INFO);
    let archive = Archive::read(&mut Cursor::new(package)).unwrap();
    let digest = archive.toc.files[0].data.as_ref().unwrap().extracted_checksum.as_ref().unwrap();
    assert_eq!((digest.style.as_str(), digest.hex.as_str()), ("md5", "ab"));
}

#[test]
fn extended_attributes_take_place_in_the_heap() {
    let end = 20 + PACKAGE_INFO.len();
    let attribute = |offset: usize, length: usize| {
        format!(
            "<ea id=\"0\"><name>com.apple.FinderInfo</name><offset>{offset}</offset><length>{length}</length>\
             <size>{length}</size></ea>"
        )
    };
    let with = |ea: &str| around(&info(ea, ""), &[PACKAGE_INFO, b"attribute"].concat());
    assert_eq!(findings(&with(&attribute(end, 9))), []);
    // A wrong place, as in some stapled packages: what it would explain is not a lie.
    for ea in [attribute(1 << 40, 9), attribute(22, 9)] {
        let found = findings(&with(&ea));
        assert!(found.iter().any(|(_, text)| text.contains("9 bytes that belong to nothing")), "{found:?}");
        assert!(found.iter().all(|(severity, _)| *severity == Severity::Note), "{found:?}");
    }
    // More than the attributes have.
    let found = findings(&with(&attribute(1 << 40, 8)));
    assert!(found.iter().any(|(severity, _)| *severity == Severity::Lie), "{found:?}");
    let found = findings(&around(&info(&attribute(end + 3, 6), ""), &[PACKAGE_INFO, b"attribute"].concat()));
    assert!(found.len() == 1 && found[0].0 == Severity::Note, "{found:?}");
    let found = findings(&with("<ea id=\"0\"><name>x</name></ea>"));
    assert!(
        found.contains(&(
            Severity::Note,
            "\"PackageInfo\" has an extended attribute without a place".to_owned()
        ))
    );
}

#[test]
fn numbers_that_libxar_takes_otherwise() {
    let package = around(&info("", "").replace("<offset>20<", "<offset>020<"), PACKAGE_INFO);
    let found = findings(&package);
    assert!(found.len() == 1 && found[0].0 == Severity::Lie, "{found:?}");
    assert!(found[0].1.contains("which libxar takes for an octal number"), "{found:?}");
}

/// A Bom of one folder and one file, in the records of older tools.
#[test]
fn records_without_a_checksum() {
    let be =
        |numbers: &[u32]| -> Vec<u8> { numbers.iter().flat_map(|number| number.to_be_bytes()).collect() };
    let record = |kind: u8, mode: u16, size: u32, length: usize| {
        let mut bytes = vec![kind, 1, 0, 15];
        bytes.extend(mode.to_be_bytes());
        bytes.extend(be(&[0, 0, writer::MTIME, size]));
        bytes.resize(length, 0);
        bytes
    };
    let (folder, file) = (record(2, 0o040_755, 64, 23), record(1, 0o100_644, 5, 27));
    let leaf = [&[0, 1, 0, 2][..], &be(&[0, 0, 4, 5, 7, 8])].concat();
    let tree = [b"tree".to_vec(), be(&[1, 2, 4096, 2]), vec![0]].concat();
    let key = |parent: u32, name: &[u8]| [&be(&[parent]), name].concat();
    let blocks = [tree, leaf, folder, be(&[1, 3]), key(0, b".\0"), file, be(&[2, 6]), key(1, b"a\0")];
    let mut index = be(&[blocks.len() as u32 + 1, 0, 0]);
    let mut content = Vec::new();
    for block in &blocks {
        index.extend(be(&[32 + content.len() as u32, block.len() as u32]));
        content.extend_from_slice(block);
    }
    let variables = [be(&[1, 1]), b"\x05Paths".to_vec()].concat();
    let index_at = 32 + content.len() as u32;
    let (index_len, variables_len) = (index.len() as u32, variables.len() as u32);
    let header = be(&[1, 8, index_at, index_len, index_at + index_len, variables_len]);
    let bytes = [b"BOMStore".to_vec(), header, content, index, variables].concat();
    let bom = Bom::read(&bytes).unwrap();
    let listed: Vec<_> = bom.paths().map(|one| (bom.path(&one).unwrap(), one.size, one.checksum)).collect();
    assert_eq!(listed, [(".".to_owned(), 64, None), ("./a".to_owned(), 5, None)]);
}

#[test]
fn a_title_in_the_first_language_that_is_there() {
    let distribution = b"<installer-gui-script><title>DISTRIBUTION_TITLE</title></installer-gui-script>";
    let strings: Vec<u8> =
        "\u{feff}\"DISTRIBUTION_TITLE\" = \"The App\";".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let toc = |name: &str, offset: usize, length: usize| {
        format!(
            "<file id=\"1\"><name>{name}</name><type>file</type><data><length>{length}</length>\
             <size>{length}</size><offset>{offset}</offset></data></file>"
        )
    };
    let folder = |name: &str, inner: &str| {
        format!("<file id=\"1\"><name>{name}</name><type>directory</type>{inner}</file>")
    };
    let german = b"DISTRIBUTION_TITLE = \"Die App\";";
    let (first, second) = (20 + distribution.len(), 20 + distribution.len() + german.len());
    let german_file = folder("de.lproj", &toc("Localizable.strings", first, german.len()));
    let english_file = folder("en.lproj", &toc("Localizable.strings", second, strings.len()));
    let heap = [distribution.as_slice(), german, &strings].concat();
    for (files, title) in [
        (german_file.clone() + &english_file, Some("The App")),
        (german_file, Some("Die App")),
        (String::new(), None),
    ] {
        let toc = toc("Distribution", 20, distribution.len()) + &folder("Resources", &files);
        let facts = PackageFacts::read(&mut Cursor::new(around(&toc, &heap))).unwrap();
        assert_eq!(facts.localized_title.as_deref(), title);
    }
}

#[test]
fn members_may_share_a_place() {
    let toc = info("", "") + &info("", "").replace(">PackageInfo<", ">Other<");
    let found = findings(&around(&toc, PACKAGE_INFO));
    assert!(found.len() == 1 && found[0].0 == Severity::Note, "{found:?}");
    assert_eq!(findings(&xar(&[plain("PackageInfo", PACKAGE_INFO)])), []);
}
