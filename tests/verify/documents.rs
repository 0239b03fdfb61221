//! Distribution: what it refers to must be there and say the same.

use xtask::verify::{Options, Status};

use super::handmade::{folder, member, xar};
use super::{failed, noted, verify};

/// A script-only product as productbuild lays it out, with a page in a
/// language's folder, around this Distribution.
fn product(distribution: &str, page_folder: &str) -> Vec<u8> {
    let info = br#"<pkg-info identifier="com.example.a" version="1.0"><payload numberOfFiles="0" installKBytes="0"/></pkg-info>"#;
    let page = b"<html/>";
    let mut heap = Vec::new();
    let mut place = |name: &str, content: &[u8]| {
        let offset = 20 + heap.len() as u64;
        heap.extend_from_slice(content);
        member(name, offset, content)
    };
    let distribution = place("Distribution", distribution.as_bytes());
    let component = folder("a b.pkg", &place("PackageInfo", info));
    let resources = folder("Resources", &folder(page_folder, &place("welcome.html", page)));
    xar(&(distribution + &component + &resources), &heap)
}

const GOOD: &str = r##"<installer-gui-script minSpecVersion="2">
<options customize="never" hostArchitectures="arm64,x86_64"/>
<welcome file="welcome.html"/>
<choices-outline><line choice="default"><line choice="com.example.a"/></line></choices-outline>
<choice id="default"/>
<choice id="com.example.a"><pkg-ref id="com.example.a"/></choice>
<pkg-ref id="com.example.a"><bundle-version/></pkg-ref>
<pkg-ref id="com.example.a" version="1.0" installKBytes="0">#a%20b.pkg</pkg-ref>
</installer-gui-script>"##;

#[test]
fn what_productbuild_writes_is_right() {
    let checks = verify(&product(GOOD, "en.lproj"), &Options::default());
    assert_eq!(failed(&checks), [""; 0]);
    let resources = checks.iter().find(|check| check.name == "distribution-resources").unwrap();
    assert_eq!(resources.status, Status::Pass);
}

#[test]
fn each_way_to_disagree_is_named() {
    // What a Mac would refuse, or never see.
    let faults = [
        ("#a%20b.pkg", "#c.pkg", "refers to \"c.pkg\", which is missing"),
        ("#a%20b.pkg", "#", "refers to \"\", which is missing"),
        ("#a%20b.pkg", "../c.pkg", "\"a b.pkg\" is a component that Distribution does not name"),
        ("#a%20b.pkg", "", "\"a b.pkg\" is a component that Distribution does not name"),
    ];
    // What other tools write.
    let notes = [
        ("id=\"com.example.a\" version=\"1.0\"", "id=\"com.example.b\" version=\"1.0\"", "its identifier is"),
        ("version=\"1.0\"", "version=\"2.0\"", "its version is \"2.0\" here and \"1.0\" in PackageInfo"),
        ("installKBytes=\"0\"", "installKBytes=\"9\"", "its size is \"9\""),
        ("#a%20b.pkg", "../c.pkg", "\"com.example.a\" is \"../c.pkg\", outside the package"),
        ("<line choice=\"com.example.a\"/>", "<line choice=\"c\"/>", "lists the choice \"c\""),
        ("<pkg-ref id=\"com.example.a\"/>", "<pkg-ref id=\"c\"/>", "wants \"c\", which is missing"),
        ("file=\"welcome.html\"", "file=\"hello.html\"", "welcome: Resources/hello.html is missing"),
        (" hostArchitectures=\"arm64,x86_64\"", "", "would ask for Rosetta"),
    ];
    let checks_of = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        verify(&product(&GOOD.replacen(from, to, 1), "en.lproj"), &Options::default())
    };
    for (from, to, expected) in faults {
        let faults = failed(&checks_of(from, to));
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected} is not in {faults:?}");
    }
    for (from, to, expected) in notes {
        let checks = checks_of(from, to);
        let notes = noted(&checks);
        assert!(notes.iter().any(|note| note.contains(expected)), "{expected} is not in {notes:?}");
        // The component that is not named is another matter.
        let faults = failed(&checks);
        assert!(faults.is_empty() || to == "../c.pkg", "{faults:?}");
    }
    let elsewhere = noted(&verify(&product(GOOD, "pages"), &Options::default()));
    assert_eq!(elsewhere, ["distribution-resources: welcome: Resources/welcome.html is missing"]);
}

#[test]
fn what_package_maker_writes_is_right() {
    for (from, to) in [
        ("#a%20b.pkg", "file:#a%20b.pkg"),
        // The one reference stands in the choice.
        (
            "<choice id=\"com.example.a\"><pkg-ref id=\"com.example.a\"/></choice>",
            "<choice id=\"com.example.a\"><pkg-ref id=\"com.example.a\">#a%20b.pkg</pkg-ref></choice>",
        ),
    ] {
        let mut text = GOOD.replacen(from, to, 1);
        if from.starts_with('<') {
            text = text.replacen(" version=\"1.0\" installKBytes=\"0\">#a%20b.pkg<", "><", 1);
        }
        let checks = verify(&product(&text, "en.lproj"), &Options::default());
        assert_eq!((failed(&checks), noted(&checks)), (Vec::new(), Vec::new()), "{to}");
    }
}
