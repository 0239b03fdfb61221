//! Input that means harm: limits, escapes, lies about lengths. And changes that
//! keep every digest right, which only the checks of content notice.

use std::fs;
use std::io::Cursor;

use flatpkg::tree::{Owner, Tree};
use xtask::verify::Options;

use super::handmade::{around, around_gzip, end, entry, member, xar};
use super::{failed, noted, verify};
use crate::support::Xtask;

/// The smallest PackageInfo, of 40 bytes.
const INFO: &[u8] = b"<pkg-info identifier='a' version='1.0'/>";
const ROOT: Owner = Owner::ROOT_WHEEL;

fn component(payload: Tree) -> flatpkg::Component {
    flatpkg::Component {
        file_name: "a.pkg".to_owned(),
        identifier: "com.example.a".to_owned(),
        version: "1".to_owned(),
        install_location: "/".to_owned(),
        payload: Some(payload),
        scripts: None,
        script_timeout: 600,
        generator: "test".to_owned(),
        choice: None,
    }
}

pub fn package(payload: Tree) -> Vec<u8> {
    let mut out = Vec::new();
    let mut spool = Cursor::new(Vec::new());
    flatpkg::write_component(&component(payload), 0, None, &mut spool, &mut out).unwrap();
    out
}

fn with_job(path: &str, mode: u32, owner: Owner, text: &str) -> Vec<u8> {
    let mut payload = Tree::new(0);
    payload.directories(path.rsplit_once('/').unwrap().0, 0o755, ROOT).unwrap();
    payload.file(path, mode, owner, text.as_bytes().to_vec()).unwrap();
    package(payload)
}

fn job(label: &str, program: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Label</key><string>{label}</string>\
         <key>ProgramArguments</key><array><string>{program}</string></array></dict></plist>"
    )
}

#[test]
fn jobs_that_launchd_would_refuse_or_that_are_a_way_to_root() {
    let place = "Library/LaunchDaemons/com.example.a.plist";
    let good = job("com.example.a", "/usr/local/bin/a");
    assert_eq!(failed(&verify(&with_job(place, 0o644, ROOT, &good), &Options::default())), [""; 0]);
    let nothing = |key: &str| good.replacen(&format!("<key>{key}</key>"), "<key>Other</key>", 1);
    let cases = [
        (with_job(place, 0o644, ROOT, &nothing("Label")), "it has no label"),
        (with_job(place, 0o644, ROOT, &nothing("ProgramArguments")), "it has no program"),
        (with_job(place, 0o666, ROOT, &good), "may be written by others"),
        (with_job(place, 0o644, Owner { uid: 501, gid: 20 }, &good), "belongs to user 501"),
        (with_job(place, 0o644, ROOT, "<plist><dict>"), "it is not a property list"),
    ];
    for (package, expected) in cases {
        let failed = failed(&verify(&package, &Options::default()));
        assert!(
            failed.len() == 1 && failed[0].starts_with("launchd: ") && failed[0].contains(expected),
            "{failed:?}"
        );
    }
    // launchd takes these.
    for (package, expected) in [
        (with_job(place, 0o644, ROOT, &job("com.example.b", "/a")), "which is not its file's name"),
        (with_job(place, 0o644, ROOT, &job("com.example.a", "a")), "is not an absolute path"),
    ] {
        let checks = verify(&package, &Options::default());
        assert_eq!(failed(&checks), [""; 0]);
        assert!(noted(&checks).len() == 1 && noted(&checks)[0].contains(expected), "{:?}", noted(&checks));
    }
}

#[test]
fn gaps_overlaps_and_hidden_bytes_in_the_heap() {
    let options = Options::default();
    let of = |package: &[u8]| failed(&verify(package, &options));
    let info = b"<pkg-info/>".as_slice();
    let part = info.len() as u64 - 1;
    assert_eq!(of(&xar(&member("PackageInfo", 20, info), info)), [""; 0]);
    let gap = xar(&member("PackageInfo", 25, info), &[b"12345", info].concat());
    assert!(of(&gap)[0].contains("5 bytes before \"PackageInfo\" that belong to nothing"), "{:?}", of(&gap));
    let overlap = member("PackageInfo", 20, info) + &member("b", 19 + part, &info[part as usize - 1..]);
    assert!(of(&xar(&overlap, info))[0].contains("\"b\" within \"PackageInfo\""));
    let behind = xar(&member("PackageInfo", 20, info), &[info, b"hidden"].concat());
    assert!(of(&behind)[0].contains("followed by 6 bytes"), "{:?}", of(&behind));
    let twice = member("PackageInfo", 20, info) + &member("PackageInfo", 21 + part, info);
    assert!(of(&xar(&twice, &info.repeat(2)))[0].contains("\"PackageInfo\" is there twice"));
}

/// The xar of OS X 10.10 to 10.14 wrote members in whole blocks, whatever was in them.
#[test]
fn rubbish_of_old_tools_behind_the_heap_is_noted() {
    let info = b"<pkg-info/>".as_slice();
    let heap = |length: usize| {
        let mut heap = info.to_vec();
        heap.resize(length, b'r');
        verify(&xar(&member("PackageInfo", 20, info), &heap), &Options::default())
    };
    assert_eq!(failed(&heap(4096)), [""; 0]);
    assert!(noted(&heap(4096))[0].contains("10.10 to 10.14"), "{:?}", noted(&heap(4096)));
    for other in [4095, 4097, 8192] {
        assert_eq!(failed(&heap(other)).len(), 1, "{other}");
    }
}

#[test]
fn a_table_of_contents_of_a_gigabyte_in_a_megabyte_is_not_unpacked() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..1024 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    let compressed = encoder.finish().unwrap();
    for stated in [1u64 << 30, 1 << 20, u64::MAX] {
        let mut package = b"xar!\0\x1c\0\x01".to_vec();
        package.extend_from_slice(&(compressed.len() as u64).to_be_bytes());
        package.extend_from_slice(&stated.to_be_bytes());
        package.extend_from_slice(&1u32.to_be_bytes());
        package.extend_from_slice(&compressed);
        assert!(xtask::verify::verify(&mut Cursor::new(package), &Options::default()).is_err());
    }
}

#[test]
fn a_name_of_two_gigabytes_is_not_read() {
    let mut cpio = entry("a", 0o100_644, b"");
    cpio[59..65].copy_from_slice(b"777777");
    let failed = failed(&verify(&around(&cpio), &Options::default()));
    assert!(failed.iter().any(|fault| fault.contains("length of 262143")), "{failed:?}");
}

#[test]
fn paths_that_lead_out_are_named_and_nothing_is_written_there() {
    let hostile: [(&str, Vec<Vec<u8>>); 6] = [
        ("dots", vec![entry("./../../escaped", 0o100_644, b"x")]),
        ("absolute", vec![entry("/tmp/lima-autostart-escaped", 0o100_644, b"x")]),
        (
            "through a link",
            vec![entry("./l", 0o120_755, b"/tmp"), entry("./l/lima-autostart-escaped", 0o100_644, b"x")],
        ),
        ("a link over a link", vec![entry("./l", 0o120_755, b"/tmp"), entry("./l", 0o120_755, b"/etc")]),
        ("a device", vec![entry("./d", 0o020_644, b"")]),
        ("twice", vec![entry("./a", 0o100_644, b"x"), entry("./a", 0o100_644, b"y")]),
    ];
    let xtask = Xtask::new();
    for (name, entries) in hostile {
        let cpio = [entries.concat(), entry("TRAILER!!!", 0, b"")].concat();
        fs::write(xtask.path("hostile.pkg"), around(&cpio)).unwrap();
        let output = xtask.bare_command(&["inspect", "hostile.pkg", "--extract", name]).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(!std::path::Path::new("/tmp/lima-autostart-escaped").exists());
        assert!(
            !xtask.path("escaped").exists() && !xtask.dir.path().parent().unwrap().join("escaped").exists()
        );
    }
}

#[test]
fn an_endless_chain_of_links_is_only_links() {
    let entries = [
        entry("./a", 0o120_755, b"b"),
        entry("./b", 0o120_755, b"a"),
        entry("./c", 0o120_755, b"c/c/c"),
        entry("TRAILER!!!", 0, b""),
    ];
    let xtask = Xtask::new();
    fs::write(xtask.path("links.pkg"), around(&entries.concat())).unwrap();
    let output = xtask.bare_command(&["inspect", "links.pkg", "--extract", "out"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_link(xtask.path("out/Payload/a")).unwrap().to_str(), Some("b"));
}

#[test]
fn content_that_disagrees_although_every_digest_is_right() {
    let cpio =
        [entry(".", 0o040_755, b""), entry("./a", 0o100_644, b"x"), entry("TRAILER!!!", 0, b"")].concat();
    let checks = verify(&around(&cpio), &Options::default());
    assert_eq!(failed(&checks), ["payload-bom: the package: it has a Payload but no Bom"]);
    let notes = noted(&checks).join("\n");
    assert!(notes.contains("PackageInfo says 0 files, and the Payload has 2"), "{notes}");
}

#[test]
fn links_and_names_that_would_fill_the_memory_are_not_read() {
    let long = vec![b'x'; 4097];
    for (size, expected) in [(4096, None), (4097, Some("a link whose target has 4097 bytes"))] {
        let link = entry("./l", 0o120_755, &long[..size]);
        let text = failed(&verify(&around(&[link, end()].concat()), &Options::default())).join("\n");
        assert_eq!(text.contains("is a link whose target"), expected.is_some(), "{text}");
        assert!(text.contains(expected.unwrap_or_default()), "{text}");
    }
    // 128 MiB of names, which are half a megabyte once they are compressed.
    let name = format!("./{}", "x".repeat(4093));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..=(128 << 20) / name.len() {
        std::io::Write::write_all(&mut encoder, &entry(&name, 0o100_644, b"")).unwrap();
    }
    // verify keeps none of them, and a listing a quarter.
    std::io::Write::write_all(&mut encoder, &end()).unwrap();
    let package = around_gzip(&encoder.finish().unwrap());
    let text = failed(&verify(&package, &Options::default())).join("\n");
    assert!(text.contains("is there twice"), "{text}");
    let inspection = xtask::inspect::inspect(&mut Cursor::new(&package), false).unwrap();
    let component = &inspection.components[0];
    let shown: usize = component.payload.iter().map(|entry| entry.path.len()).sum();
    assert!(shown <= 32 << 20 && shown > 31 << 20, "{shown}");
    let rest = component.paths - component.payload.len() as u64;
    assert_eq!(component.left_out, [format!("{rest} paths of the payload, which --paths lists")]);
}

#[test]
fn more_certificates_than_anybody_needs_are_not_compared() {
    let signature = |count: usize| {
        let certificates = "<X509Certificate>MAA=</X509Certificate>".repeat(count);
        let toc = format!(
            "<signature style=\"RSA\"><offset>20</offset><size>1</size><KeyInfo><X509Data>{certificates}\
             </X509Data></KeyInfo></signature>{}",
            member("PackageInfo", 21, INFO)
        );
        failed(&verify(&xar(&toc, &[b"x", INFO].concat()), &Options::default())).join("\n")
    };
    assert!(signature(32).contains("a certificate cannot be read"), "{}", signature(32));
    assert!(signature(33).contains("there are 33 certificates"), "{}", signature(33));
}

/// What reading such an archive says; it must fail.
fn refused(toc_body: &str, heap: &[u8]) -> String {
    let package = xar(toc_body, heap);
    let error = xtask::verify::verify(&mut Cursor::new(package), &Options::default()).unwrap_err();
    format!("{:#}", anyhow::Error::from(error))
}

#[test]
fn members_that_lie_on_each_other_are_not_read_again_and_again() {
    let members = |count: usize| -> String {
        let others = (1..count).map(|number| member(&number.to_string(), 20, INFO));
        std::iter::once(member("PackageInfo", 20, INFO)).chain(others).collect()
    };
    // A coalesced heap is sound.
    assert_eq!(failed(&verify(&xar(&members(3), INFO), &Options::default())), [""; 0]);
    assert!(refused(&members(4), INFO).contains("160 bytes together; the heap has 60"));
}

#[test]
fn folders_of_one_name_are_one_component() {
    let info = b"<pkg-info/>";
    let folder = format!(
        "<file id=\"1\"><name>a.pkg</name><type>directory</type>{}</file>",
        member("PackageInfo", 20, info)
    );
    let distribution = b"<installer-gui-script><pkg-ref id='a'>#a.pkg</pkg-ref></installer-gui-script>";
    let toc = member("Distribution", 20 + info.len() as u64, distribution) + &folder.repeat(2);
    let package = xar(&toc, &[info.as_slice(), distribution].concat());
    let facts = flatpkg::product::PackageFacts::read(&mut Cursor::new(&package)).unwrap();
    assert_eq!(facts.components.len(), 1);
    assert!(failed(&verify(&package, &Options::default()))[0].contains("\"a.pkg\" is there twice"));
}

#[test]
fn paths_that_add_up_to_gigabytes_are_not_made() {
    let name = "x".repeat(1024);
    let nested = format!("<file><name>{name}</name><type>directory</type>").repeat(16);
    let files = "<file><name>y</name></file>".repeat(9_000);
    let toc = format!("{nested}{files}{}", "</file>".repeat(16));
    assert!(refused(&toc, b"").contains("more than 16777216 bytes in paths"));
}

/// A Bom of these blocks, counted from 1; the first one is the tree `Paths`.
fn bom(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut index = be(&[blocks.len() as u32 + 1, 0, 0]);
    let mut content = Vec::new();
    for block in blocks {
        index.extend(be(&[32 + content.len() as u32, block.len() as u32]));
        content.extend_from_slice(block);
    }
    let index_at = 32 + content.len() as u32;
    let variables = [be(&[1, 1]), b"\x05Paths".to_vec()].concat();
    let numbers = [
        1,
        blocks.len() as u32,
        index_at,
        index.len() as u32,
        index_at + index.len() as u32,
        variables.len() as u32,
    ];
    [b"BOMStore".to_vec(), be(&numbers), content, index, variables].concat()
}

fn be(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

#[test]
fn a_bom_whose_paths_would_fill_the_memory_is_not_listed() {
    // Four folders in each other, and in the last one the same file with a long name again
    // and again: block 2 is the leaf, 3 the record, then a value and a key each.
    let name = "x".repeat(1000) + "\0";
    let mut entries: Vec<[u32; 2]> = (0..5).map(|depth| [4 + 2 * depth, 5 + 2 * depth]).collect();
    entries.resize(40_000, entries[4]);
    let leaf = [1, (entries.len() >> 8) as u8, entries.len() as u8];
    let leaf = [&[0][..], &leaf, &[0; 8], &be(&entries.concat())].concat();
    let tree = [b"tree".to_vec(), be(&[1, 2, 4096, entries.len() as u32]), vec![0]].concat();
    let mut blocks = vec![tree, leaf, vec![0; 31]];
    for depth in 0..5_u32 {
        blocks.push(be(&[depth + 1, 3]));
        blocks.push([&be(&[depth]), name.as_bytes()].concat());
    }
    let bom = bom(&blocks);
    assert_eq!(flatpkg::bom::Bom::read(&bom).unwrap().count(), 40_000);
    let toc = member("Bom", 20, &bom) + &member("PackageInfo", 20 + bom.len() as u64, INFO);
    let text = failed(&verify(&xar(&toc, &[&bom, INFO].concat()), &Options::default())).join("\n");
    assert!(text.contains("its names and links have more than"), "{text}");
}

#[test]
fn a_property_list_nested_without_end_is_none() {
    let place = "Library/LaunchDaemons/com.example.a.plist";
    let nested = |depth: usize| {
        let text = format!(
            "<?xml version=\"1.0\"?><plist version=\"1.0\">{}{}</plist>",
            "<array>".repeat(depth),
            "</array>".repeat(depth)
        );
        failed(&verify(&with_job(place, 0o644, ROOT, &text), &Options::default())).join("\n")
    };
    assert!(nested(4).contains("it is not a dictionary"), "{}", nested(4));
    let text = nested(60_000);
    assert!(text.contains("it is not a property list"), "{text}");
}

#[test]
fn documents_that_would_fill_the_memory_are_not_kept() {
    let info = format!("<pkg-info>{}</pkg-info>", " ".repeat(1 << 20));
    let distribution = b"<installer-gui-script/>";
    let mut heap = distribution.to_vec();
    let mut toc = member("Distribution", 20, distribution);
    for number in 0..9 {
        let info = member("PackageInfo", 20 + heap.len() as u64, info.as_bytes());
        toc += &format!("<file><name>{number}</name><type>directory</type>{info}</file>");
        heap.extend_from_slice(format!("<pkg-info>{}</pkg-info>", " ".repeat(1 << 20)).as_bytes());
    }
    assert!(refused(&toc, &heap).contains("7/PackageInfo"), "{}", refused(&toc, &heap));
    // Elements and attributes of a few bytes take more in memory.
    for (element, what) in [("<a/>", "100000 elements"), ("<a b=''/>", "50000 attributes")] {
        let info = format!("<pkg-info>{}</pkg-info>", element.repeat(60_000));
        let (mut toc, mut heap) = (String::new(), Vec::new());
        for name in ["0", "1"] {
            let info = member("PackageInfo", 20 + heap.len() as u64, info.as_bytes());
            toc += &format!("<file><name>{name}</name><type>directory</type>{info}</file>");
            heap.extend_from_slice(format!("<pkg-info>{}</pkg-info>", element.repeat(60_000)).as_bytes());
        }
        toc += &member("Distribution", 20 + heap.len() as u64, distribution);
        heap.extend_from_slice(distribution);
        let text = refused(&toc, &heap);
        assert!(text.contains("/PackageInfo") && text.contains(what), "{text}");
    }
}

/// A component of a payload with these files and a Bom of those, each by path
/// and size.
fn payload_and_bom(files: &[(&str, usize)], listed: &[(&str, usize)], info: &str) -> Vec<u8> {
    let tree = |files: &[(&str, usize)]| {
        let mut tree = Tree::new(0);
        for (path, size) in files {
            tree.file(path, 0o644, ROOT, vec![b'x'; *size]).unwrap();
        }
        let mut archive = Vec::new();
        let checksums = flatpkg::cpio::write(&tree, &mut archive).unwrap();
        (archive, flatpkg::bom::write(&tree, &checksums).unwrap())
    };
    let (archive, _) = tree(files);
    let (_, bom) = tree(listed);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &archive).unwrap();
    let payload = encoder.finish().unwrap();
    let info = format!("<pkg-info identifier=\"a\" version=\"1\"><payload {info}/></pkg-info>");
    let (second, third) = (20 + info.len() as u64, (20 + info.len() + payload.len()) as u64);
    let toc = member("PackageInfo", 20, info.as_bytes())
        + &member("Payload", second, &payload)
        + &member("Bom", third, &bom);
    xar(&toc, &[info.as_bytes(), &payload, &bom].concat())
}

#[test]
fn the_counts_are_held_against_payload_and_bom() {
    // An estimate of the space that is needed, which others make otherwise: never a fault.
    let of = |package: &[u8]| noted(&verify(package, &Options::default())).join("\n");
    let right = "numberOfFiles=\"2\" installKBytes=\"1\"";
    assert_eq!(of(&payload_and_bom(&[("a", 600)], &[("a", 600)], right)), "");
    let text = of(&payload_and_bom(&[("a", 600)], &[("a", 600), ("b", 2000)], right));
    assert!(text.contains("PackageInfo says 2 files, and the Bom has 3"), "{text}");
    assert!(text.contains("PackageInfo says 1 KiB, and the files of the Bom take 3"), "{text}");
    let text = of(&payload_and_bom(&[("a", 600)], &[("a", 600)], "numberOfFiles=\"2\" installKBytes=\"2\""));
    assert!(
        text.contains("the files of the Payload take 1") && text.contains("the files of the Bom take 1"),
        "{text}"
    );
}

#[test]
fn apple_double_files_may_have_two_sizes_as_in_apples_own_packages() {
    let (files, listed) = ([("a", 600), ("._a", 200)], [("a", 600), ("._a", 3000)]);
    for size in [2, 4] {
        let info = format!("numberOfFiles=\"3\" installKBytes=\"{size}\"");
        let faults = noted(&verify(&payload_and_bom(&files, &listed, &info), &Options::default()));
        assert_eq!(faults, [""; 0], "{size} KiB");
    }
    let faults = noted(&verify(
        &payload_and_bom(&files, &listed, "numberOfFiles=\"3\" installKBytes=\"9\""),
        &Options::default(),
    ));
    assert!(faults.len() == 1 && faults[0].contains("9 KiB"), "{faults:?}");
}
