//! `inspect` shows everything that runs, as root or as the person who installs.

use std::fs;

use super::handmade::{Heap, end, entry, folder, gzip};
use crate::golden::golden;
use crate::support::{Xtask, succeed};

const DISTRIBUTION: &str = r##"<installer-gui-script minSpecVersion="2">
<title>DISTRIBUTION_TITLE</title>
<options customize="allow" allow-external-scripts="yes" hostArchitectures="arm64"/>
<installation-check script="check()"/>
<volume-check script="volume()"/>
<script>function check() { return system.run('/usr/bin/curl', '-O', 'http://x') == 0; }
function volume() { return true; }</script>
<choices-outline><line choice="a"/><line choice="b"/></choices-outline>
<choice id="a" title="CHOICE_A" visible="true" selected="my.choice.packageUpgradeAction != 'installed'"><pkg-ref id="com.example.a"/></choice>
<choice id="b" title="Another" start_selected="false"><pkg-ref id="com.example.b"/></choice>
<pkg-ref id="com.example.a" onConclusion="RequireRestart">#a.pkg</pkg-ref>
<pkg-ref id="com.example.b">http://example.com/b.pkg</pkg-ref>
</installer-gui-script>"##;

const INFO: &str = r#"<pkg-info identifier="com.example.a" version="1" auth="none" postinstall-action="logout">
<payload numberOfFiles="3" installKBytes="1"/>
<bundle id="com.example.app" path="./A.app"/>
<relocate><bundle id="com.example.app"/></relocate>
<scripts><postinstall file="./postinstall"/></scripts></pkg-info>"#;

fn package() -> Vec<u8> {
    let mut heap = Heap::default();
    let payload = [
        entry(".", 0o040_755, b""),
        entry("./tool", 0o104_755, b"x"),
        entry("./plain", 0o100_755, b"x"),
        end(),
    ];
    let scripts = [entry("./postinstall", 0o100_755, b"#!/bin/sh\nexit 0\n"), end()].concat();
    // In UTF-16, as Apple's tools write it.
    let strings = "\"DISTRIBUTION_TITLE\" = \"Zoë's tools\";\n\"CHOICE_A\" = \"The first\";\n";
    let strings: Vec<u8> =
        std::iter::once(0xfeff).chain(strings.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let distribution = heap.member("Distribution", DISTRIBUTION.as_bytes());
    let component = heap.member("PackageInfo", INFO.as_bytes())
        + &heap.member("Payload", &gzip(&payload.concat()))
        + &heap.member("Scripts", &gzip(&scripts));
    let english = folder("en.lproj", &heap.member("Localizable.strings", &strings));
    let german =
        folder("de.lproj", &heap.member("Localizable.strings", b"\"DISTRIBUTION_TITLE\" = \"Falsch\";"));
    let plug_in = folder("Ask.bundle", &folder("Contents", &heap.member("Info.plist", b"x")));
    let sections = heap.member("InstallerSections.plist", b"x");
    let toc = distribution
        + &folder("a.pkg", &component)
        + &folder("Resources", &(german + &english))
        + &folder("Plugins", &(plug_in + &sections));
    heap.xar(&toc)
}

#[test]
fn everything_that_runs_is_shown() {
    let xtask = Xtask::new();
    fs::write(xtask.path("a.pkg"), package()).unwrap();
    golden(
        "inspect-runs.txt",
        succeed(&mut xtask.bare_command(&["inspect", "a.pkg", "--scripts"])).as_bytes(),
    );
    let json = succeed(&mut xtask.bare_command(&["inspect", "a.pkg", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["product"]["title"], "Zoë's tools");
    assert_eq!(json["product"]["javascript"]["programs"], serde_json::json!(["/usr/bin/curl"]));
    assert_eq!(json["product"]["plug_ins"], serde_json::json!(["Ask.bundle"]));
    assert_eq!(json["product"]["elsewhere"][0]["location"], "http://example.com/b.pkg");
    assert_eq!(json["components"][0]["set_id"], serde_json::json!(["./tool"]));
    // The text only where it was asked for.
    assert!(json["product"]["javascript"].get("text").is_none());
}
