//! Packages are read by programs and crates that others wrote, and compared with
//! what others write. The lists of differences are the documentation of ours.

mod bom;
mod embala;
mod facts;
mod properties;
mod readers;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use apple_flat_package::component_package::ComponentPackageReader;
use flatpkg::tree::{Owner, Tree};
use flatpkg::{
    Background, Component, InstallationCheck, Product, Resource, Signer, Summary, write_component,
    write_product,
};

const ROOT: Owner = Owner::ROOT_WHEEL;
const MTIME: u32 = 1_750_000_000;

/// A payload with every kind of entry and two owners.
fn payload() -> Tree {
    let mut tree = Tree::new(MTIME);
    tree.directory("Library", 0o755, ROOT).unwrap();
    tree.directory("Library/Application Support", 0o755, Owner::ROOT_ADMIN).unwrap();
    tree.directory("Library/Application Support/example", 0o700, ROOT).unwrap();
    tree.file("Library/Application Support/example/data", 0o600, ROOT, vec![0xa5; 300_000]).unwrap();
    tree.file("Library/Application Support/example/run", 0o755, ROOT, b"#!/bin/sh\n".to_vec()).unwrap();
    tree.file("Library/Application Support/example-empty", 0o644, ROOT, vec![]).unwrap();
    tree.symlink("Library/link", "Application Support/example", ROOT).unwrap();
    tree
}

fn scripts() -> Tree {
    let mut tree = Tree::new(MTIME);
    tree.file("postinstall", 0o755, ROOT, b"#!/bin/sh\n. \"${0%/*}/config.sh\"\n".to_vec()).unwrap();
    tree.file("config.sh", 0o644, ROOT, b"A=1\n".to_vec()).unwrap();
    tree
}

fn component(name: &str, payload: Option<Tree>, scripts: Option<Tree>) -> Component {
    Component {
        file_name: format!("{name}.pkg"),
        identifier: format!("org.example.{name}"),
        version: "1.2.3".into(),
        install_location: "/".into(),
        payload,
        scripts,
        script_timeout: 600,
        generator: "flatpkg".into(),
        choice: None,
    }
}

fn product(components: Vec<Component>) -> Product {
    Product {
        title: "Examples & <others>".into(),
        identifier: "org.example".into(),
        version: "1.2.3".into(),
        minimum_macos: Some("13.0".into()),
        host_architectures: vec!["arm64".into(), "x86_64".into()],
        components,
        ..Product::default()
    }
}

/// A product with everything that one can have.
fn full_product() -> Product {
    let page = |file_name: &str| Resource {
        file_name: file_name.into(),
        mime_type: "text/html".into(),
        bytes: b"<p>\xc3\xa9</p>".to_vec(),
    };
    let picture =
        Resource { file_name: "back.png".into(), mime_type: "image/png".into(), bytes: vec![7; 999] };
    Product {
        organization: Some("org.example".into()),
        welcome: Some(page("welcome.html")),
        conclusion: Some(page("conclusion.html")),
        background: Some(Background {
            resource: picture,
            dark: None,
            alignment: "bottomleft".into(),
            scaling: "none".into(),
        }),
        installation_check: Some(InstallationCheck {
            script_body: "function check() { return 1 < 2 && true; }".into(),
            entry: "check()".into(),
        }),
        ..product(vec![
            component("first", Some(payload()), Some(scripts())),
            component("second", None, Some(scripts())),
        ])
    }
}

fn product_bytes(product: &Product, signer: Option<&dyn Signer>) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let summary = write_product(product, MTIME, signer, &mut Cursor::new(Vec::new()), &mut out).unwrap();
    (out, summary)
}

fn component_bytes(component: &Component) -> Vec<u8> {
    let mut out = Vec::new();
    write_component(component, MTIME, None, &mut Cursor::new(Vec::new()), &mut out).unwrap();
    out
}

/// A file of an archive, decompressed, through `apple-xar`.
fn member(archive: &[u8], path: &str) -> Vec<u8> {
    let mut reader = apple_xar::reader::XarReader::new(Cursor::new(archive)).unwrap();
    reader.get_file_data_from_path(path).unwrap().unwrap_or_else(|| panic!("no member {path}"))
}

/// What is recorded of an entry of a cpio archive.
#[derive(Debug, PartialEq, Eq, Clone)]
struct CpioEntry {
    inode: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: u32,
    content: Vec<u8>,
}

/// The entries of a component's payload, read by `cpio-archive`.
fn payload_entries(component: &ComponentPackageReader) -> BTreeMap<String, CpioEntry> {
    cpio_entries(component.payload_reader().unwrap().expect("a payload"))
}

fn cpio_entries(
    mut reader: apple_flat_package::component_package::CpioReader,
) -> BTreeMap<String, CpioEntry> {
    let mut entries = BTreeMap::new();
    while let Some(header) = reader.read_next().unwrap() {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        let entry = CpioEntry {
            inode: header.inode(),
            mode: header.mode(),
            uid: header.uid(),
            gid: header.gid(),
            links: header.nlink(),
            mtime: header.mtime(),
            content,
        };
        assert!(entries.insert(header.name().to_owned(), entry).is_none(), "{} twice", header.name());
    }
    entries
}

/// Runs somebody else's program and gives what it printed; it must succeed.
fn run(program: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program may stop reading before the end; that is its business.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().unwrap()
    });
    assert!(
        output.status.success(),
        "{} {arguments:?}: {}\n{}",
        program.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
