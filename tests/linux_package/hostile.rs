//! Packages that mean harm: paths that lead out of the folder, links that others are
//! written through, content that nobody looks at, and more than any memory holds.

use std::fs;
use std::io::{Cursor, Write};

use linuxpkg::{Budget, arch, rpm};
use xtask::extract::linux::extract;
use xtask::verify::{Options, Status, verify};

use super::read::{found, read};
use super::*;

/// An entry of a tar archive, as anybody may write it.
fn entry(path: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..107].copy_from_slice(if kind == b'5' { b"0000755" } else { b"0000644" });
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    entry(path, b'0', "", content)
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        out.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).bytes(),
        );
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

const CONTROL: &[u8] =
    b"Package: harm\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: harm\n harm\n";

/// A `.deb` of these files.
fn deb_of(entries: &[Vec<u8>]) -> Vec<u8> {
    let control = gzip(&tar(&[file("./control", CONTROL)]));
    let data = gzip(&tar(entries));
    ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &data)])
}

/// What is said of a package.
fn said_of(bytes: &[u8]) -> String {
    found(&read(bytes).0).join("\n")
}

#[test]
fn nothing_is_written_outside_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    fs::write(&target, "mine").unwrap();
    let target = target.to_str().unwrap();
    let above = outside.path().to_str().unwrap();
    let entries = [
        file("../escaped", b"x"),
        file("/etc/escaped", b"x"),
        file("usr/../../escaped", b"x"),
        file("usr//escaped", b"x"),
        entry("./out", b'2', above, b""),
        file("./out/target", b"theirs"),
        entry("./hard", b'1', target, b""),
        entry("./hard2", b'1', "../../../../../../etc/passwd", b""),
        entry("./hard3", b'1', "out/target", b""),
        entry("./link", b'2', target, b""),
        file("./link", b"theirs"),
        entry("./device", b'3', "", b""),
        file("./DEBIAN/control", b"theirs"),
        file("./file", b"x"),
        file("./file/below", b"x"),
        file("./right", b"right"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let unpacked = folder.path().join("new");
    let bytes = deb_of(&entries);
    let extracted = extract(&mut Cursor::new(&bytes), &unpacked, None).unwrap();
    assert!(extracted.left_out.len() >= 11, "{:#?}", extracted.left_out);
    assert_eq!(fs::read_to_string(target).unwrap(), "mine");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read(unpacked.join("right")).unwrap(), b"right");
    assert_eq!(fs::read(unpacked.join("DEBIAN/control")).unwrap(), CONTROL);
    let mut names: Vec<_> =
        fs::read_dir(&unpacked).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["DEBIAN", "file", "link", "out", "right"]);
    // `verify` names them too.
    let checks = verify(&mut Cursor::new(&bytes), &Options::default()).unwrap();
    let paths = checks.iter().find(|check| check.name == "linux-paths").unwrap();
    assert_eq!(paths.status, Status::Fail);
    for said in [
        "\"../escaped\" leads out",
        "\"/etc/escaped\" leads out",
        "\"link\" is there twice",
        "\"file/below\" lies below \"file\"",
    ] {
        assert!(paths.details.iter().any(|detail| detail.contains(said)), "{said}: {:#?}", paths.details);
    }
}

#[test]
fn what_hides_in_a_deb_is_found() {
    let control = gzip(&tar(&[file("./control", CONTROL)]));
    let data = gzip(&tar(&[file("./x", b"x")]));
    let right: [(&str, &[u8]); 3] =
        [("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &data)];
    assert_eq!(said_of(&ar(&right)), "");
    let with = |more: &[(&str, &[u8])]| ar(&[right.as_slice(), more].concat());
    let twice = gzip(&tar(&[file("./control", CONTROL), file("./control", b"Package: other\n")]));
    let two = gzip(&tar(&[file("./control", &[CONTROL, b"\nPackage: other\n"].concat())]));
    let behind = gzip(&[tar(&[file("./x", b"x")]), b"hidden".to_vec()].concat());
    let streams = [gzip(&tar(&[file("./x", b"x")])), gzip(b"hidden")].concat();
    let bytes_behind = [data.as_slice(), b"hidden"].concat();
    let sums = gzip(&tar(&[
        file("./control", CONTROL),
        file("./md5sums", b"00000000000000000000000000000000  x\n00000000000000000000000000000000  gone\n"),
    ]));
    for (said, bytes) in [
        ("\"data.tar.gz\" is a member that dpkg does not look at", with(&[("data.tar.gz", &data)])),
        ("\"hidden\" is a member", with(&[("hidden", b"x")])),
        ("it has no data.tar", ar(&right[..2])),
        ("\"data.tar.gz\" is a member", ar(&[right[0], right[2], right[1]])),
        ("\"control\" is there twice", ar(&[right[0], ("control.tar.gz", &twice), right[2]])),
        ("has more than one paragraph", ar(&[right[0], ("control.tar.gz", &two), right[2]])),
        ("something other than zeros behind", ar(&[right[0], right[1], ("data.tar.gz", &behind)])),
        ("something other than zeros behind", ar(&[right[0], right[1], ("data.tar.gz", &streams)])),
        ("behind the packed archive", ar(&[right[0], right[1], ("data.tar.gz", &bytes_behind)])),
        ("it says xz, and is packed with gzip", ar(&[right[0], right[1], ("data.tar.xz", &data)])),
        ("does not have the MD5 that md5sums says", ar(&[right[0], ("control.tar.gz", &sums), right[2]])),
        ("\"gone\" is in md5sums and not there", ar(&[right[0], ("control.tar.gz", &sums), right[2]])),
    ] {
        let found = said_of(&bytes);
        assert!(found.contains(said), "{said}: {found}");
        let checks = verify(&mut Cursor::new(bytes), &Options::default()).unwrap();
        assert!(checks.iter().any(|check| check.status == Status::Fail), "{said}");
    }
}

#[test]
fn what_hides_in_an_arch_package_is_found() {
    let info = file(".PKGINFO", b"pkgname = harm\npkgver = 1-1\narch = any\n");
    let mtree = |text: &str| file(".MTREE", &gzip(format!("#mtree\n{text}").as_bytes()));
    let other = file(".BUILDINFO", b"pkgname = other\npkgver = 1-1\n");
    let double = file(".PKGINFO", b"pkgname = harm\npkgname = other\npkgver = 1-1\narch = any\n");
    for (said, entries) in [
        ("\"x\" is not in .MTREE", vec![info.clone(), mtree("./.PKGINFO type=file\n"), file("x", b"x")]),
        (
            "\"gone\" is in .MTREE and not there",
            vec![info.clone(), mtree("./gone type=file\n./a type=file\n"), file("a", b"")],
        ),
        ("does not have the SHA-256", vec![info.clone(), mtree("./x sha256digest=00\n"), file("x", b"x")]),
        ("has the size \"1\"", vec![info.clone(), mtree("./x type=file size=2\n"), file("x", b"x")]),
        ("has the type \"file\"", vec![info.clone(), mtree("./x type=link link=y\n"), file("x", b"x")]),
        (
            "has the link \"y\"",
            vec![info.clone(), mtree("./x type=link link=z\n"), entry("x", b'2', "y", b"")],
        ),
        ("has the mode \"644\"", vec![info.clone(), mtree("./x mode=755\n"), file("x", b"x")]),
        ("has the time \"0\"", vec![info.clone(), mtree("./x time=1.0\n"), file("x", b"x")]),
        (
            "has more paths than the package",
            vec![info.clone(), mtree(&"./a\n./b\n./c\n./d\n./e\n".repeat(2))],
        ),
        ("\"pkgname\" is \"other\" in .BUILDINFO", vec![info.clone(), other]),
        ("\"pkgname\" is twice in .PKGINFO", vec![double]),
        ("\".PKGINFO\" is there twice", vec![info.clone(), info.clone()]),
    ] {
        let found = said_of(&gzip(&tar(&entries)));
        assert!(found.contains(said), "{said}: {found}");
    }
}

/// The bytes of an RPM with other bytes in place of the first such ones behind the lead.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).skip(rpm::LEAD_LEN).position(|window| window == from).unwrap();
    let at = at + rpm::LEAD_LEN;
    [&bytes[..at], to, &bytes[at + to.len()..]].concat()
}

#[test]
fn an_rpm_whose_parts_disagree_is_found() {
    let bytes = rpm::write(&package()).unwrap();
    for (from, to, said) in [
        ("run\0x@", "ran\0x@", "is in the payload, and not in the header's list"),
        (
            "/usr/lib/example/\0",
            "/usr/lib/exumple/\0",
            "is in the header's list of files, and not in the payload",
        ),
        ("../example@x.service\0", "../exumple@x.service\0", "leads elsewhere in the payload"),
        ("gzip\0", "zstd\0", "it says zstd, and is packed with gzip"),
        ("cpio\0", "cpia\0", "it is of the format \"cpia\""),
    ] {
        let from = match from {
            // Two names beside each other, whichever they are.
            "run\0x@" => "run\0".to_owned(),
            other => other.to_owned(),
        };
        let to = if to == "ran\0x@" { "ran\0".to_owned() } else { to.to_owned() };
        let found = said_of(&replaced(&bytes, from.as_bytes(), to.as_bytes()));
        assert!(found.contains(said), "{said}: {found}");
        assert!(found.contains("\"header\" has the sum"), "{found}");
    }
    let longer = [bytes.as_slice(), b"hidden"].concat();
    let found = said_of(&longer);
    assert!(found.contains("bytes behind the packed archive"), "{found}");
    // A header that says to have more than there is, or than is read.
    let magic = rpm::header::MAGIC;
    for (count, length) in [(u32::MAX, 16), (0xffff, 16), (5, u32::MAX), (5, 30 << 20)] {
        let mut wrong = bytes[..rpm::LEAD_LEN].to_vec();
        wrong.extend(magic);
        wrong.extend(count.to_be_bytes());
        wrong.extend(length.to_be_bytes());
        wrong.extend(&bytes[rpm::LEAD_LEN + 16..]);
        let budget = Budget::new(1 << 20);
        let read = linuxpkg::read(wrong.as_slice(), &budget, &mut |_, _| Ok(()));
        assert!(read.is_err(), "{count} entries, {length} bytes");
    }
}

#[test]
fn what_unpacks_to_more_than_the_budget_ends_there() {
    let bomb = gzip(&[file("./x", &vec![0; 3 << 20]), vec![0; 1024]].concat());
    let control = gzip(&tar(&[file("./control", CONTROL)]));
    let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &bomb)]);
    let options = Options { max_size: Some(1 << 20), ..Options::default() };
    let checks = verify(&mut Cursor::new(&bytes), &options).unwrap();
    let archive = checks.iter().find(|check| check.name == "linux-archive").unwrap();
    assert!(archive.details.iter().any(|one| one.contains("unpacks to more than 1048576")), "{archive:?}");
    let folder = tempfile::tempdir().unwrap();
    let error = extract(&mut Cursor::new(&bytes), &folder.path().join("new"), Some(1 << 20)).unwrap_err();
    assert!(format!("{error:#}").contains("--max-size raises that"), "{error:#}");
    // Documents have limits of their own, however large the budget is.
    let control = gzip(&tar(&[file("./control", &vec![b'x'; (1 << 20) + 1])]));
    let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &bomb)]);
    assert!(said_of(&bytes).contains("a document has 1048577 bytes"));
    let mtree = gzip(&vec![b'x'; 65 << 20]);
    let info = file(".PKGINFO", b"pkgname = harm\npkgver = 1-1\narch = any\n");
    let found = said_of(&gzip(&tar(&[info, file(".MTREE", &mtree)])));
    assert!(found.contains("\".MTREE\" unpacks to more than 33554432 bytes"), "{found}");
}

#[test]
fn cut_off_anywhere_it_ends_with_an_error_or_a_finding() {
    let small = Package { files: package().files.split_off(4), ..package() };
    for bytes in
        [linuxpkg::deb::write(&small).unwrap(), rpm::write(&small).unwrap(), arch::write(&small).unwrap()]
    {
        // The last byte of a .deb may only fill it up.
        for length in (0..bytes.len() - 1).step_by(7) {
            let budget = Budget::new(1 << 20);
            let read = linuxpkg::read(&bytes[..length], &budget, &mut |_, _| Ok(()));
            if let Ok(contents) = read {
                assert!(!found(&contents).is_empty(), "{length}");
            }
        }
    }
}
