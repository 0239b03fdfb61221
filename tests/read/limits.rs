//! What is not read: more than the limit, and what an administrator must be told of.

use std::fs;
use std::io::Write;

use super::writer::{component, entry, gzip, odc};
use super::*;

/// A package of some megabytes that unpacks to more than a gigabyte.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let header = odc(&[entry("a", 0o100_644, b"")]);
    // A file of 1.5 GiB: its length stands in the last eleven digits of the header.
    let mut header = header[..76 + 2].to_vec();
    header[65..76].copy_from_slice(format!("{:011o}", 3u64 << 29).as_bytes());
    encoder.write_all(&header).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..1536 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.write_all(&odc(&[])).unwrap();
    component(&encoder.finish().unwrap())
}

#[test]
fn a_package_that_unpacks_without_end_is_left_and_a_larger_limit_helps() {
    let xtask = Xtask::new();
    fs::write(xtask.path("bomb.pkg"), bomb()).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "--paths", "bomb.pkg"]);
    assert!(status == NOT_READ && errors.contains("unpacks to more than 1073741824 bytes"), "{errors}");
    let (status, errors) = run(&xtask, &["inspect", "--paths", "bomb.pkg", "--max-size", "2G"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let (status, errors) = run(&xtask, &["inspect", "bomb.pkg", "--extract", "out", "--max-size", "1M"]);
    assert!(status == NOT_READ && errors.contains("bomb.pkg could not be unpacked"), "{errors}");
    assert!(
        errors.contains("out holds the 1 files and folders") && errors.contains("--max-size"),
        "{errors}"
    );
}

/// A payload of so many files.
fn files(count: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let trailer = odc(&[]);
    for number in 0..count {
        let name = format!("{number:07}");
        let whole = odc(&[entry(&name, 0o100_644, b"")]);
        encoder.write_all(&whole[..whole.len() - trailer.len()]).unwrap();
    }
    encoder.write_all(&trailer).unwrap();
    encoder.finish().unwrap()
}

/// A person is shown so many; the list has all of them, a program learns how many there are.
#[test]
fn more_paths_than_anybody_reads_are_counted() {
    let xtask = Xtask::new();
    fs::write(xtask.path("x.pkg"), component(&files(100_002))).unwrap();
    let shown = succeed(&mut xtask.bare_command(&["inspect", "x.pkg"]));
    assert!(
        shown.contains("NOT SHOWN       2 paths of the payload, which --paths lists\n"),
        "{}",
        &shown[..2000]
    );
    let json = succeed(&mut xtask.bare_command(&["inspect", "x.pkg", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let component = &json["components"][0];
    assert_eq!(component["paths"], 100_002);
    assert_eq!(component["payload"].as_array().unwrap().len(), 100_000);
    assert_eq!(component["left_out"].as_array().unwrap().len(), 1);
    assert_eq!(paths(&xtask, "x.pkg").len(), 100_002);
}

#[test]
fn more_paths_than_are_read_are_said() {
    let xtask = Xtask::new();
    fs::write(xtask.path("x.pkg"), component(&files(flatpkg::PATHS_READ_MAX + 1))).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "--paths", "x.pkg"]);
    assert!(status == NOT_READ && errors.contains("has more than 1048576 entries"), "{errors}");
}

#[test]
fn files_with_several_names_have_a_limit() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let trailer = odc(&[]);
    for number in 0..=flatpkg::payload::LINKED_MAX as u32 {
        let name = number.to_string();
        let one = writer::Entry { inode: number, links: 2, ..entry(&name, 0o100_644, b"x") };
        let whole = odc(&[one]);
        encoder.write_all(&whole[..whole.len() - trailer.len()]).unwrap();
    }
    encoder.write_all(&trailer).unwrap();
    let xtask = Xtask::new();
    fs::write(xtask.path("x.pkg"), component(&encoder.finish().unwrap())).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "--paths", "x.pkg"]);
    assert!(status == NOT_READ && errors.contains("more than 131072 files"), "{errors}");
}

#[test]
fn room_is_looked_at_before() {
    let xtask = Xtask::new();
    let info = b"<pkg-info><payload installKBytes=\"9007199254740992\"/></pkg-info>";
    let package = writer::xar(&[writer::plain("PackageInfo", info)]);
    fs::write(xtask.path("x.pkg"), package).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "x.pkg", "--extract", "out"]);
    assert!(status == NOT_READ && errors.contains("nothing was unpacked"), "{errors}");
    assert!(!xtask.path("out").exists());
}

#[test]
fn folders_that_were_packages_get_a_sentence() {
    let xtask = Xtask::new();
    fs::create_dir_all(xtask.path("Old.pkg/Contents")).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "Old.pkg"]);
    assert!(status == NOT_READ && errors.contains("packages before Mac OS X 10.5 were folders"), "{errors}");
}

/// What hides behind the archive's end is not read, and the list says so.
#[test]
fn what_hides_behind_the_end_is_said() {
    let xtask = Xtask::new();
    let (one, two) = (odc(&[entry("a", 0o100_644, b"")]), odc(&[entry("hidden", 0o104_755, b"")]));
    for (name, payload, text) in [
        ("stream", [gzip(&one), gzip(&two)].concat(), "a second gzip stream behind the archive's end"),
        (
            "archive",
            gzip(&[one.clone(), two].concat()),
            "something other than zeros behind the archive's end",
        ),
        ("bytes", [gzip(&one), b"hidden".to_vec()].concat(), "6 bytes behind the packed archive"),
    ] {
        fs::write(xtask.path("x.pkg"), component(&payload)).unwrap();
        let (status, errors) = run(&xtask, &["inspect", "--paths", "x.pkg"]);
        assert!(status == NOT_READ && errors.contains(text), "{name}: {errors}");
        assert!(errors.lines().all(|line| line.contains("x.pkg")), "{errors}");
        let (status, errors) = run(&xtask, &["inspect", "x.pkg", "--extract", name]);
        assert!(status == NOT_READ && errors.contains(text), "{name}: {errors}");
        assert!(xtask.path(&format!("{name}/Payload/a")).exists());
    }
}
