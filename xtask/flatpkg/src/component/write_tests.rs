use std::io::Cursor;

use super::*;
use crate::tree::Owner;

const ROOT: Owner = Owner::ROOT_WHEEL;

fn scripts(mode: u32, content: &str) -> Tree {
    let mut tree = Tree::new(0);
    tree.file("postinstall", mode, ROOT, content.as_bytes().to_vec()).unwrap();
    tree.file("config.sh", 0o644, ROOT, b"A=1\n".to_vec()).unwrap();
    tree
}

fn component() -> Component {
    let mut payload = Tree::new(0);
    payload.directory("Library", 0o755, ROOT).unwrap();
    payload.file("Library/a", 0o644, ROOT, vec![0; 513]).unwrap();
    Component {
        file_name: "a.pkg".into(),
        identifier: "org.example.a".into(),
        version: "1.2".into(),
        install_location: "/".into(),
        payload: Some(payload),
        scripts: Some(scripts(0o755, "#!/bin/sh\n")),
        script_timeout: 600,
        generator: "test & \"quotes\"".into(),
        choice: None,
    }
}

fn package_info_of(component: &Component) -> String {
    let (_, summary) = members(component, &mut Cursor::new(Vec::new())).unwrap();
    let hooks = component.scripts.as_ref().map(|tree| usable_hooks(tree).unwrap()).unwrap_or_default();
    String::from_utf8(package_info::to_xml(component, &hooks, &summary).unwrap()).unwrap()
}

#[test]
fn package_info_with_payload_and_scripts() {
    let expected = r#"<?xml version="1.0" encoding="utf-8"?>
<pkg-info overwrite-permissions="true" relocatable="false" identifier="org.example.a" postinstall-action="none" version="1.2" format-version="2" generator-version="test &amp; &quot;quotes&quot;" install-location="/" auth="root">
    <payload numberOfFiles="3" installKBytes="2"/>
    <bundle-version/>
    <upgrade-bundle/>
    <update-bundle/>
    <atomic-update-bundle/>
    <strict-identifier/>
    <relocate/>
    <scripts>
        <postinstall file="./postinstall" timeout="600"/>
    </scripts>
</pkg-info>
"#;
    assert_eq!(package_info_of(&component()), expected);
}

#[test]
fn without_a_payload_there_is_neither_payload_nor_bom() {
    let component = Component { payload: None, ..component() };
    let text = package_info_of(&component);
    assert!(text.contains(r#"<payload numberOfFiles="0" installKBytes="0"/>"#), "{text}");
    let mut out = Vec::new();
    write_component(&component, 0, None, &mut Cursor::new(Vec::new()), &mut out).unwrap();
    let mut toc = String::new();
    flate2::read::ZlibDecoder::new(&out[xar::HEADER_LEN..]).read_to_string(&mut toc).unwrap();
    let names: Vec<&str> =
        toc.lines().filter_map(|line| line.trim().strip_prefix("<name>")?.strip_suffix("</name>")).collect();
    assert_eq!(names, ["Scripts", "PackageInfo"]);
}

#[test]
fn a_package_that_would_do_nothing_is_refused() {
    let mut helper = Tree::new(0);
    helper.file("config.sh", 0o644, ROOT, vec![]).unwrap();
    for scripts in [None, Some(helper)] {
        let component = Component { payload: None, scripts, ..component() };
        let error = members(&component, &mut Cursor::new(Vec::new())).unwrap_err();
        assert!(matches!(error, ComponentError::Empty));
    }
}

#[test]
fn hooks_that_cannot_run_are_refused() {
    let mut folder = Tree::new(0);
    folder.directory("preinstall", 0o755, ROOT).unwrap();
    for scripts in [scripts(0o644, "#!/bin/sh\n"), scripts(0o755, "echo\n"), scripts(0o755, ""), folder] {
        let component = Component { scripts: Some(scripts), ..component() };
        let error = members(&component, &mut Cursor::new(Vec::new())).unwrap_err();
        assert!(matches!(error, ComponentError::UnusableHook { .. }), "{error}");
    }
}

#[test]
fn fields_are_checked() {
    for wrong in [
        Component { identifier: "".into(), ..component() },
        Component { identifier: "a b".into(), ..component() },
        Component { version: "1/2".into(), ..component() },
        Component { install_location: "usr".into(), ..component() },
        Component { generator: "\u{1}".into(), ..component() },
        Component { script_timeout: 0, ..component() },
    ] {
        let error = members(&wrong, &mut Cursor::new(Vec::new())).unwrap_err();
        assert!(matches!(error, ComponentError::InvalidField { .. }), "{error}");
    }
}

#[test]
fn bytes_do_not_depend_on_threads_or_on_the_order_of_additions() {
    let package = |threads: usize, reversed: bool| {
        let mut payload = Tree::new(7);
        let mut numbers: Vec<u32> = (0..200).collect();
        if reversed {
            numbers.reverse();
        }
        for number in numbers {
            let bytes: Vec<u8> = (0..40_000u32).map(|index| ((index * number) >> 7) as u8).collect();
            payload.file(&format!("{number}"), 0o644, ROOT, bytes).unwrap();
        }
        let component = Component { payload: Some(payload), ..component() };
        let mut out = Vec::new();
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            write_component(&component, 1, None, &mut Cursor::new(Vec::new()), &mut out).unwrap();
        });
        out
    };
    let one = package(1, false);
    assert!(one == package(4, true));
}
