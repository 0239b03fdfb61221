//! Packages that Installer reads otherwise than they look: each makes `verify` fail, with
//! a sentence that names the lie. Beside each, the honest package passes.

use std::fs;
use std::io::Write;

use xtask::verify::Options;

use super::handmade::{Heap, end, entry, folder, gzip, member, xar};
use super::{failed, noted, verify};
use crate::support::Xtask;

const INFO: &[u8] = b"<pkg-info identifier=\"com.example.a\" version=\"1\" auth=\"root\">\
                      <payload numberOfFiles=\"0\" installKBytes=\"0\"/>\
                      <scripts><postinstall file=\"./postinstall\"/></scripts></pkg-info>";
/// The same, but for what it runs.
const OTHER_INFO: &[u8] = b"<pkg-info identifier=\"com.example.a\" version=\"1\" auth=\"root\">\
                            <payload numberOfFiles=\"0\" installKBytes=\"0\"/>\
                            <scripts><postinstall file=\"./other\"/></scripts></pkg-info>";

fn scripts() -> Vec<u8> {
    let script = b"#!/bin/sh\nexit 0\n";
    [entry("./postinstall", 0o100_755, script), entry("./other", 0o100_755, script), end()].concat()
}

/// A component of scripts alone, as the closure changes its table of contents.
fn component(change: impl FnOnce(String) -> String) -> Vec<u8> {
    let mut heap = Heap::default();
    let toc = heap.member("PackageInfo", INFO) + &heap.member("Scripts", &gzip(&scripts()));
    heap.xar(&change(toc))
}

/// Replaces the first place, which must be there.
fn replaced(text: String, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

/// Lies of the table of contents: what to put in place of what, and what is said of it.
fn contents_lies() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let swap = |from: &'static str, to: &'static str| component(|toc| replaced(toc, from, to));
    const NAME: &str = "<name>PackageInfo</name>";
    vec![
        ("two data", two_data(), "has 2 \"data\"; libxar takes the last"),
        (
            "two offsets",
            swap("<offset>20</offset>", "<offset>20</offset><offset>20</offset>"),
            "has 2 \"offset\"; libxar takes the last",
        ),
        ("two lengths", twice("length"), "has 2 \"length\"; libxar takes the last"),
        ("two sizes", twice("size"), "has 2 \"size\"; libxar takes the last"),
        (
            "two encodings",
            swap("<encoding ", "<encoding style=\"application/x-gzip\"/><encoding "),
            "has 2 \"encoding\"; libxar takes the last",
        ),
        (
            "two archived digests",
            twice("archived-checksum"),
            "has 2 \"archived-checksum\"; libxar takes the last",
        ),
        (
            "two digests of content",
            twice("extracted-checksum"),
            "has 2 \"extracted-checksum\"; libxar takes the last",
        ),
        ("two types", twice("type"), "has 2 \"type\"; libxar takes the last"),
        (
            "an offset around a comment",
            swap("<offset>20</offset>", "<offset>9<!-- -->20</offset>"),
            "has \"offset\" in pieces",
        ),
        (
            "an octal offset",
            swap("<offset>20</offset>", "<offset>020</offset>"),
            "has the offset 020, which libxar takes for an octal number",
        ),
        (
            "a name with a prefix",
            swap(NAME, "<x:name>PackageInfo</x:name>"),
            "has its name in an element with a prefix",
        ),
        (
            "two names",
            swap(NAME, "<name>Readme</name><name>PackageInfo</name>"),
            "is also named [\"Readme\"]",
        ),
        (
            "a name in base64",
            swap(NAME, "<name enctype=\"base64\">UGFja2FnZUluZm8=</name>"),
            "is a name in Base64",
        ),
        (
            "a name around a comment",
            swap(NAME, "<name>x<!-- -->PackageInfo</name>"),
            "has its name in pieces",
        ),
        ("a name in CDATA", swap(NAME, "<name>PackageInfo<![CDATA[x]]></name>"), "has its name in pieces"),
        ("a name around an element", swap(NAME, "<name>x<b/>PackageInfo</name>"), "has its name in pieces"),
        ("an empty name", swap("<name>Scripts</name>", "<name></name>"), "has the name \"\""),
        ("the name .", swap("<name>Scripts</name>", "<name>.</name>"), "has the name \".\""),
        ("the name ..", swap("<name>Scripts</name>", "<name>..</name>"), "has the name \"..\""),
        (
            "an absolute name",
            swap("<name>Scripts</name>", "<name>/Scripts</name>"),
            "has a slash in its name",
        ),
        (
            "a name with a folder",
            swap("<name>Scripts</name>", "<name>a/Scripts</name>"),
            "has a slash in its name",
        ),
        (
            "a folder with content",
            swap("<type>file</type>", "<type>directory</type>"),
            "both a folder and a file",
        ),
        (
            "a file that holds one",
            swap("</data></file>", "</data><file id=\"7\"><name>x</name><type>file</type></file></file>"),
            "both a file and a folder",
        ),
        (
            "a member twice",
            component(|toc| toc.clone() + &toc[..toc.find("</file>").unwrap() + 7]),
            "is there twice",
        ),
    ]
}

/// The first member has this property twice, each time the same.
fn twice(property: &str) -> Vec<u8> {
    component(|toc| {
        let (start, end) = (format!("<{property}"), format!("</{property}>"));
        let start = toc.find(&start).unwrap();
        let end = start + toc[start..].find(&end).unwrap() + end.len();
        format!("{}{}{}", &toc[..end], &toc[start..end], &toc[end..])
    })
}

/// The first `data` is the honest PackageInfo's, the last one another's.
fn two_data() -> Vec<u8> {
    let mut heap = Heap::default();
    let honest = heap.member("PackageInfo", INFO);
    let scripts = heap.member("Scripts", &gzip(&scripts()));
    let other = heap.member("PackageInfo", OTHER_INFO);
    let data = &other[other.find("<data>").unwrap()..other.find("</data>").unwrap() + 7];
    heap.xar(&(honest.replacen("</data>", &format!("</data>{data}"), 1) + &scripts))
}

/// Lies of what members hold.
fn content_lies() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let with = |info: &[u8], scripts: &[u8]| {
        let mut heap = Heap::default();
        let toc = heap.member("PackageInfo", info) + &heap.member("Scripts", scripts);
        heap.xar(&toc)
    };
    let text = String::from_utf8(INFO.to_vec()).unwrap();
    let twice = text.replacen("<scripts>", "<scripts><postinstall file=\"./other\"/></scripts><scripts>", 1);
    let archive = |entries: &[Vec<u8>]| gzip(&[entries.concat(), scripts()].concat());
    let link = entry("./l", 0o120_755, b"/tmp");
    vec![
        (
            "another root",
            with(b"<package-info/>", &gzip(&scripts())),
            "has the root element \"package-info\"",
        ),
        ("two elements scripts", with(twice.as_bytes(), &gzip(&scripts())), "has 2 elements \"scripts\""),
        ("bytes behind zlib", behind_zlib(), "has 6 bytes behind its packed content"),
        (
            "a second gzip member",
            with(INFO, &[gzip(&scripts()), gzip(b"more")].concat()),
            "has a second gzip stream behind",
        ),
        (
            "a second gzip member behind Payload's",
            with_payload(&[gzip(&end()), gzip(b"more")].concat()),
            "\"Payload\" has a second gzip stream behind",
        ),
        (
            "bytes behind Payload's",
            with_payload(&[gzip(&end()), b"more".to_vec()].concat()),
            "\"Payload\" has 4 bytes",
        ),
        ("an absolute path", with(INFO, &archive(&[entry("/etc/x", 0o100_644, b"")])), "leads out of"),
        ("a path that leads up", with(INFO, &archive(&[entry("./../x", 0o100_644, b"")])), "leads out of"),
        (
            "more behind the archive",
            with(INFO, &gzip(&[scripts(), b"more".to_vec()].concat())),
            "behind the archive's end",
        ),
        ("a device", with(INFO, &archive(&[entry("./d", 0o020_644, b"")])), "device"),
        ("a disk", with(INFO, &archive(&[entry("./d", 0o060_644, b"")])), "device"),
        ("a fifo", with(INFO, &archive(&[entry("./d", 0o010_644, b"")])), "pipe"),
        ("a socket", with(INFO, &archive(&[entry("./d", 0o140_644, b"")])), "socket"),
        ("below a link", with(INFO, &archive(&[link, entry("./l/x", 0o100_644, b"")])), "lies below"),
        (
            "a path twice",
            with(INFO, &archive(&[entry("./x", 0o100_644, b"1"), entry("x", 0o100_644, b"2")])),
            "twice",
        ),
        ("a component that nobody names", not_named(), "is a component that Distribution does not name"),
    ]
}

/// A component with this Payload alone.
fn with_payload(payload: &[u8]) -> Vec<u8> {
    let mut heap = Heap::default();
    let toc = heap.member("PackageInfo", b"<pkg-info identifier=\"a\" version=\"1\"/>")
        + &heap.member("Payload", payload);
    heap.xar(&toc)
}

/// PackageInfo in zlib with something behind it.
fn behind_zlib() -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(INFO).unwrap();
    let packed = [encoder.finish().unwrap(), b"hidden".to_vec()].concat();
    let mut heap = Heap::default();
    let plain = member("PackageInfo", 20, INFO);
    let packed_member = heap.member("PackageInfo", &packed);
    let scripts = heap.member("Scripts", &gzip(&scripts()));
    // Length and archived digest of what is stored, size and extracted digest of the content.
    let part = |text: &str, from: &str, to: &str| {
        text[text.find(from).unwrap()..text.find(to).unwrap() + to.len()].to_owned()
    };
    let mut member = packed_member;
    for (from, to) in [("<size>", "</size>"), ("<extracted-checksum", "</extracted-checksum>")] {
        member = member.replace(&part(&member, from, to), &part(&plain, from, to));
    }
    heap.xar(&(member.replace("application/octet-stream", "application/x-gzip") + &scripts))
}

fn not_named() -> Vec<u8> {
    let mut heap = Heap::default();
    let distribution = b"<installer-gui-script minSpecVersion=\"2\"><options hostArchitectures=\"arm64\"/>\
                         <pkg-ref id=\"com.example.a\">#a.pkg</pkg-ref></installer-gui-script>";
    let info = b"<pkg-info identifier=\"com.example.a\" version=\"1\"/>";
    let mut component = |name: &str| folder(name, &heap.member("PackageInfo", info));
    let components = component("a.pkg") + &component("b.pkg");
    let toc = heap.member("Distribution", distribution) + &components;
    heap.xar(&toc)
}

#[test]
fn the_honest_package_passes() {
    let checks = verify(&component(|toc| toc), &Options::default());
    assert_eq!((failed(&checks), noted(&checks)), (Vec::new(), Vec::new()));
}

#[test]
fn every_lie_makes_verify_fail_and_is_named() {
    let xtask = Xtask::new();
    let mut wrong = Vec::new();
    for (name, package, expected) in contents_lies().into_iter().chain(content_lies()) {
        fs::write(xtask.path("lie.pkg"), package).unwrap();
        let output = xtask.bare_command(&["verify", "lie.pkg"]).output().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        // Lines of checks that failed, and those that go on with what they found.
        let mut is_failure = false;
        let mut failures = report.lines().filter(|line| {
            is_failure = line.starts_with("  FAIL  ") || (is_failure && line.starts_with("      "));
            is_failure
        });
        if output.status.code() != Some(1) || !failures.any(|line| line.contains(expected)) {
            wrong.push(format!("{name}: {:?}, {expected:?} is not in:\n{report}", output.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_archive_without_either_document_is_no_package() {
    let xtask = Xtask::new();
    fs::write(xtask.path("no.pkg"), xar(&member("Readme", 20, b"hello"), b"hello")).unwrap();
    let output = xtask.bare_command(&["verify", "no.pkg"]).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{report}");
    assert!(report.contains("neither a PackageInfo nor a Distribution"), "{report}");
}

#[test]
fn a_program_that_runs_as_its_owner_is_noted() {
    let mut payload = flatpkg::tree::Tree::new(0);
    payload.file("tool", 0o4755, flatpkg::tree::Owner::ROOT_WHEEL, b"x".to_vec()).unwrap();
    let package = super::damage::package(payload);
    let checks = verify(&package, &Options::default());
    assert_eq!(failed(&checks), [""; 0]);
    assert!(noted(&checks)[0].contains("runs as its owner"), "{:?}", noted(&checks));
}
