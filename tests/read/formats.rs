//! Every packing and format: our list and what we unpack are those of bsdtar, 7z and cpio.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::writer::{self, Member, PACKAGE_INFO, component, entry, newc, odc, pbzx, plain, xar};
use super::*;
use crate::support::tool;

/// A folder with every kind of thing that a payload has.
const TREE: &str = "mkdir -p root/usr/bin 'root/Library/Application Support'; \
    printf data >'root/Library/Application Support/é'; yes text | head -c 300000 >root/usr/bin/large; \
    : >root/empty; ln -s usr/bin root/link; chmod 750 root/usr/bin; chmod 755 root/usr/bin/large; \
    find root -exec touch -h -d 2020-01-01 {} +";

/// Packs with somebody else's program.
fn packed(command: &str, plain: &[u8]) -> Vec<u8> {
    let mut child = Command::new("sh")
        .args(["-euc", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(plain));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command}");
    output.stdout
}

/// Lists and unpacks a package, and holds both against what bsdtar makes of the plain
/// payload `plain.cpio`.
fn agrees(xtask: &Xtask, name: &str, package: &[u8]) {
    fs::write(xtask.path("x.pkg"), package).unwrap();
    assert_eq!(paths(xtask, "x.pkg"), bsdtar_paths(xtask.dir.path(), "plain.cpio"), "{name}");
    let ours = format!("ours-{name}");
    let (status, errors) = run(xtask, &["inspect", "x.pkg", "--extract", &ours]);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{name}");
    let script = "rm -rf theirs; mkdir theirs; bsdtar -xpf plain.cpio -C theirs";
    shell(xtask.dir.path(), script);
    // What there is, its mode, its time, where links lead; then the content.
    let listed = |folder: &str| {
        let find = "find . ! -name . -printf '%y %m %T@ %n %p %l\\n' | sed 's/^d \\([^ ]*\\) \\([^ ]*\\) [0-9]*/d \\1 \\2/' | sort";
        shell(&xtask.path(folder), find)
    };
    assert_eq!(listed(&format!("{ours}/Payload")), listed("theirs"), "{name}");
    shell(xtask.dir.path(), &format!("diff -r --no-dereference {ours}/Payload theirs"));
}

#[test]
fn payloads_of_every_packing_and_format() {
    for program in ["bsdtar", "cpio", "xz", "bzip2"] {
        let Some(_) = tool(program) else { return };
    }
    let xtask = Xtask::new();
    shell(xtask.dir.path(), TREE);
    for format in ["odc", "newc", "crc"] {
        // Everything in one archive, as cpio writes it: `.` first, then without `./` or with.
        for (names, find) in [("dots", "find ."), ("plain", "find * -depth")] {
            shell(&xtask.path("root"), &format!("{find} | cpio --quiet -o -H {format} >../plain.cpio"));
            let cpio = fs::read(xtask.path("plain.cpio")).unwrap();
            let half = cpio.len() / 2;
            let chunks: Vec<(usize, Vec<u8>)> = cpio
                .chunks(100_000)
                .enumerate()
                .map(|(at, chunk)| {
                    (chunk.len(), if at == 1 { chunk.to_vec() } else { packed("xz -9", chunk) })
                })
                .collect();
            let several = [writer::gzip(&cpio[..half]), writer::gzip(&cpio[half..])].concat();
            let packings: [(&str, Vec<u8>); 7] = [
                ("gzip", packed("gzip -9n", &cpio)),
                ("gzips", several),
                ("bzip2", packed("bzip2", &cpio)),
                ("xz", packed("xz --check=sha256", &cpio)),
                ("xz-crc32", packed("xz --check=crc32 -0", &cpio)),
                ("pbzx", pbzx(&chunks)),
                ("none", cpio.clone()),
            ];
            for (packing, payload) in &packings {
                agrees(&xtask, &format!("{format}-{names}-{packing}"), &component(payload));
            }
        }
    }
}

#[test]
fn members_in_every_encoding() {
    let Some(_) = tool("xz") else { return };
    let xtask = Xtask::new();
    let cpio = odc(&[entry("usr", 0o040_755, b""), entry("usr/a", 0o100_644, &[b'a'; 9000])]);
    fs::write(xtask.path("plain.cpio"), &cpio).unwrap();
    let payload = writer::gzip(&cpio);
    for (name, encoding, command) in [
        ("bzip2", "application/x-bzip2", "bzip2"),
        ("lzma", "application/x-lzma", "xz --format=lzma"),
        ("lzma-as-xz", "application/x-lzma", "xz"),
        ("xz", "application/x-xz", "xz"),
        ("none", "none", "cat"),
    ] {
        let (info, payload_packed) = (packed(command, PACKAGE_INFO), packed(command, &payload));
        let members = [
            Member { path: "PackageInfo", encoding, stored: &info, size: PACKAGE_INFO.len() },
            Member { path: "Payload", encoding, stored: &payload_packed, size: payload.len() },
        ];
        agrees(&xtask, name, &xar(&members));
    }
}

/// bsdtar writes the archive around it in every encoding that it knows.
#[test]
fn archives_that_bsdtar_wrote() {
    let Some(_) = tool("bsdtar") else { return };
    let xtask = Xtask::new();
    let cpio = odc(&[entry(".", 0o040_755, b""), entry("./a", 0o100_644, b"content")]);
    fs::write(xtask.path("plain.cpio"), &cpio).unwrap();
    fs::create_dir(xtask.path("members")).unwrap();
    fs::write(xtask.path("members/PackageInfo"), PACKAGE_INFO).unwrap();
    fs::write(xtask.path("members/Payload"), writer::gzip(&cpio)).unwrap();
    for compression in ["none", "gzip", "bzip2", "lzma", "xz"] {
        let options = format!("xar:compression={compression}");
        let command = format!("bsdtar -cf ../theirs.pkg --format xar --options {options} -C members .");
        shell(
            xtask.dir.path(),
            &command.replace("../", "").replace("members .", "members PackageInfo Payload"),
        );
        agrees(&xtask, compression, &fs::read(xtask.path("theirs.pkg")).unwrap());
    }
}

/// What 7z and bsdtar list of the archive around it is what we unpack of it.
#[test]
fn other_readers_see_the_same_members() {
    for program in ["bsdtar", "7z"] {
        let Some(_) = tool(program) else { return };
    }
    let xtask = Xtask::new();
    let distribution = b"<installer-gui-script><pkg-ref id=\"a\">#a.pkg</pkg-ref></installer-gui-script>";
    let (info, packed_distribution) = (writer::zlib(PACKAGE_INFO), writer::zlib(distribution));
    let zlib = "application/x-gzip";
    let package = xar(&[
        Member {
            path: "Distribution",
            encoding: zlib,
            stored: &packed_distribution,
            size: distribution.len(),
        },
        Member { path: "a.pkg/PackageInfo", encoding: zlib, stored: &info, size: PACKAGE_INFO.len() },
        plain("a.pkg/Other", b"other"),
        plain("Resources/page.html", b"<p>page</p>"),
    ]);
    fs::write(xtask.path("x.pkg"), package).unwrap();
    assert_eq!(run(&xtask, &["inspect", "x.pkg", "--extract", "ours"]), (Some(0), String::new()));
    let script = "mkdir bsdtar; bsdtar -xf x.pkg -C bsdtar; 7z x -y -osevenzip x.pkg >7z.log; rm 'sevenzip/[TOC].xml'; \
                  diff -r ours bsdtar; diff -r ours sevenzip";
    shell(xtask.dir.path(), script);
}

#[test]
fn formats_by_hand_and_hard_links() {
    let Some(_) = tool("bsdtar") else { return };
    let xtask = Xtask::new();
    let linked = |name, content| writer::Entry { inode: 7, links: 3, ..entry(name, 0o100_644, content) };
    let folder = entry("d", 0o040_755, b"");
    for (name, entries) in [
        ("first", [folder, linked("d/a", b"content"), linked("d/b", b""), linked("c", b"")]),
        ("last", [folder, linked("d/a", b""), linked("d/b", b""), linked("c", b"content")]),
        ("all", [folder, linked("d/a", b"content"), linked("d/b", b"content"), linked("c", b"content")]),
    ] {
        for (format, cpio) in [("odc", odc(&entries)), ("newc", newc(&entries, false))] {
            fs::write(xtask.path("plain.cpio"), &cpio).unwrap();
            fs::write(xtask.path("x.pkg"), component(&writer::gzip(&cpio))).unwrap();
            let ours = format!("{name}-{format}");
            assert_eq!(run(&xtask, &["inspect", "x.pkg", "--extract", &ours]), (Some(0), String::new()));
            let inodes = shell(&xtask.path(&format!("{ours}/Payload")), "stat -c %i-%h d/a d/b c | sort -u");
            assert!(inodes.lines().count() == 1 && inodes.trim_end().ends_with("-3"), "{ours}: {inodes}");
            assert_eq!(fs::read(xtask.path(&format!("{ours}/Payload/c"))).unwrap(), b"content");
        }
    }
    // Links that say that they are one file, and are not.
    let cpio = odc(&[folder, linked("d/a", b"content"), linked("d/b", b"CONTENT")]);
    fs::write(xtask.path("x.pkg"), component(&writer::gzip(&cpio))).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "--paths", "x.pkg"]);
    assert!(status == NOT_READ && errors.contains("is a hard link with another content"), "{errors}");
    // A sum that does not hold.
    let mut cpio = newc(&[entry("a", 0o100_644, b"content")], true);
    let content = cpio.windows(7).position(|part| part == b"content").unwrap();
    cpio[content] ^= 1;
    fs::write(xtask.path("x.pkg"), component(&cpio)).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "--paths", "x.pkg"]);
    assert!(status == NOT_READ && errors.contains("does not have the checksum"), "{errors}");
}

#[test]
fn apple_archives_are_named_and_stay_as_they_are() {
    let xtask = Xtask::new();
    for magic in ["AA01", "YAA1", "pbze"] {
        let payload = [magic.as_bytes(), b"\x1c\0 whatever"].concat();
        let pbzx = pbzx(&[(payload.len(), payload.clone())]);
        for (kind, stored) in [("plain", &payload), ("pbzx", &pbzx)] {
            fs::write(xtask.path("x.pkg"), component(stored)).unwrap();
            let (status, errors) = run(&xtask, &["inspect", "--paths", "x.pkg"]);
            assert!(status == NOT_READ && errors.contains("x.pkg: \"Payload\""), "{errors}");
            assert!(errors.contains(&format!("an Apple Archive ({magic})")), "{errors}");
            let folder = format!("{magic}-{kind}");
            let (status, errors) = run(&xtask, &["inspect", "x.pkg", "--extract", &folder]);
            assert!(status == NOT_READ && errors.contains("an Apple Archive"), "{errors}");
            assert_eq!(&fs::read(xtask.path(&format!("{folder}/Payload"))).unwrap(), stored);
            assert!(Path::new(&xtask.path(&format!("{folder}/PackageInfo"))).exists());
        }
    }
}

#[test]
fn documents_as_other_builders_write_them() {
    let wide: Vec<u8> =
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-16\"?><installer-script><title>TITLE</title>\
         <choice id=\"c\"><pkg-ref id=\"other\">file:#a%20b.pkg</pkg-ref></choice></installer-script>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
    let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><!DOCTYPE installer-gui-script SYSTEM \"x.dtd\">\
         <installer-gui-script><title>caf\xe9</title><pkg-ref id=\"a\">#a%20b.pkg</pkg-ref></installer-gui-script>";
    for (document, title) in [(wide.as_slice(), "TITLE"), (latin.as_slice(), "café")] {
        let package = xar(&[
            plain("Distribution", document),
            plain("a b.pkg/PackageInfo", PACKAGE_INFO),
            plain("a b.pkg/Payload", b""),
        ]);
        let facts = flatpkg::product::PackageFacts::read(&mut std::io::Cursor::new(package)).unwrap();
        assert!(facts.findings.is_empty(), "{:?}", facts.findings);
        let distribution = facts.distribution.unwrap();
        assert_eq!(distribution.title.as_deref(), Some(title));
        assert_eq!(distribution.package_references[0].component.as_deref(), Some("a b.pkg"));
    }
}
