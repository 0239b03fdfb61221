//! What other tools write otherwise, and what is sound all the same.

use flatpkg::tree::{Owner, Tree};
use xtask::verify::Options;

use super::handmade::{Heap, end, entry, gzip};
use super::{failed, noted, verify};

/// A tree and the Bom that pkgbuild would write of it.
fn bom(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut tree = Tree::new(0);
    for (path, mode, content) in files {
        if let Some((folder, _)) = path.rsplit_once('/') {
            tree.directories(folder, 0o755, Owner::ROOT_WHEEL).unwrap();
        }
        tree.file(path, *mode, Owner::ROOT_WHEEL, content.to_vec()).unwrap();
    }
    let checksums = flatpkg::cpio::write(&tree, &mut Vec::new()).unwrap();
    flatpkg::bom::write(&tree, &checksums).unwrap()
}

/// A component of these entries and this Bom.
fn component(info: &str, entries: &[Vec<u8>], bom: &[u8]) -> Vec<u8> {
    let mut heap = Heap::default();
    let toc = heap.member("PackageInfo", info.as_bytes())
        + &heap.member("Payload", &gzip(&[entries.concat(), end()].concat()))
        + &heap.member("Bom", bom);
    heap.xar(&toc)
}

const INFO: &str =
    "<pkg-info identifier=\"a\" version=\"1\"><payload numberOfFiles=\"4\" installKBytes=\"2\"/></pkg-info>";

/// An entry of a file with several names.
fn linked(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = entry(name, 0o100_644, content);
    // Device and inode, and the number of links.
    bytes[6..18].copy_from_slice(b"000001000007");
    bytes[36..42].copy_from_slice(b"000003");
    bytes
}

#[test]
fn a_hard_links_content_is_in_one_entry_only() {
    let root = entry(".", 0o040_755, b"");
    let listed = bom(&[("a", 0o644, b"content"), ("b", 0o644, b"content"), ("c", 0o644, b"content")]);
    for first in [true, false] {
        let [a, c] = if first { [&b"content"[..], b""] } else { [&b""[..], b"content"] };
        let entries = [root.clone(), linked("./a", a), linked("./b", b""), linked("./c", c)];
        let checks = verify(&component(INFO, &entries, &listed), &Options::default());
        assert_eq!(failed(&checks), [""; 0], "content first: {first}");
    }
    let other = [root, linked("./a", b"another"), linked("./b", b""), linked("./c", b"")];
    let faults = failed(&verify(&component(INFO, &other, &listed), &Options::default())).join("\n");
    for path in ["./a", "./b", "./c"] {
        assert!(faults.contains(&format!("\"{path}\": checksum is")), "{faults}");
    }
}

#[test]
fn names_that_bomutils_and_cpio_by_hand_write() {
    let listed = bom(&[("usr/bin/tool", 0o755, b"x")]);
    for names in [["./", "./usr/", "./usr/bin/", "./usr/bin/tool"], [".", "usr", "usr/bin/", "usr/bin/tool"]]
    {
        let [root, usr, bin, tool] = names;
        let entries = [
            entry(root, 0o040_755, b""),
            entry(usr, 0o040_755, b""),
            entry(bin, 0o040_755, b""),
            entry(tool, 0o100_755, b"x"),
        ];
        let checks = verify(&component(INFO, &entries, &listed), &Options::default());
        assert_eq!((failed(&checks), noted(&checks)), (Vec::new(), Vec::new()), "{names:?}");
        // Without the root, which the Bom has all the same.
        let checks = verify(&component(INFO, &entries[1..], &listed), &Options::default());
        assert_eq!(failed(&checks), [""; 0], "{names:?}");
    }
}

#[test]
fn an_apple_double_has_the_mode_of_its_file_in_the_bom() {
    let listed = bom(&[("._tool", 0o755, b"12"), ("tool", 0o755, b"x")]);
    let entries =
        [entry(".", 0o040_755, b""), entry("./._tool", 0o100_644, b"1234"), entry("./tool", 0o100_755, b"x")];
    let checks = verify(&component(INFO, &entries, &listed), &Options::default());
    assert_eq!(failed(&checks), [""; 0]);
}

/// Several components of many paths: what is kept of one does not add up.
#[test]
fn a_fault_names_its_component() {
    let mut heap = Heap::default();
    let listed = bom(&[("tool", 0o755, b"x")]);
    let payload = |content: &[u8]| {
        gzip(&[entry(".", 0o040_755, b""), entry("./tool", 0o100_755, content), end()].concat())
    };
    let mut toc = String::new();
    for (name, content) in [("a.pkg", b"x"), ("b.pkg", b"y")] {
        let info = INFO
            .replace("numberOfFiles=\"4\" installKBytes=\"2\"", "numberOfFiles=\"2\" installKBytes=\"1\"");
        let members = heap.member("PackageInfo", info.as_bytes())
            + &heap.member("Payload", &payload(content))
            + &heap.member("Bom", &listed);
        toc += &super::handmade::folder(name, &members);
    }
    let distribution = "<installer-gui-script><options hostArchitectures=\"arm64\"/>\
                        <pkg-ref id=\"a\">#a.pkg</pkg-ref><pkg-ref id=\"a\">#b.pkg</pkg-ref></installer-gui-script>";
    toc += &heap.member("Distribution", distribution.as_bytes());
    let checks = verify(&heap.xar(&toc), &Options::default());
    let faults = failed(&checks);
    assert!(
        faults.len() == 1 && faults[0].starts_with("payload-bom: b.pkg: \"./tool\": checksum is"),
        "{faults:?}"
    );
    assert_eq!(noted(&checks), [""; 0]);
}
