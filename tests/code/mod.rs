//! Programs and libraries: signed, read, and looked into in packages; checked by readers that
//! others wrote.

mod notarized;
mod packages;
mod readers;
mod signing;

use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

use flatpkg::tree::{Owner, Tree};
use macho::write::{AdHoc, Processor, Program, lima_entitlements};
use xtask::sign::{CodeSigner, PackageSigner, Purpose, development_identity_for};
use xtask::verify::code::{self, Code};

use crate::support::identity_folder;

/// As Lima's Makefile signs limactl.
pub fn ad_hoc() -> AdHoc {
    AdHoc { entitlements: Some(lima_entitlements()), ..AdHoc::new("limactl") }
}

/// A program with so many bytes of data.
pub fn program(processor: Processor, length: usize) -> Program {
    let mut program = Program::new(processor);
    program.data = (0..length).map(|at| (at * 31 % 253) as u8).collect();
    program
}

/// limactl, more or less.
pub fn limactl() -> Vec<u8> {
    program(Processor::Arm64, 70_000).ad_hoc(&ad_hoc())
}

/// What signs with the development identity, without a timestamp.
pub fn development() -> &'static CodeSigner {
    static SIGNER: OnceLock<CodeSigner> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let now = SystemTime::now();
        let identity = development_identity_for(Purpose::Application, &identity_folder(), now);
        CodeSigner::new(identity.expect("an identity"), now, None)
    })
}

/// What the program reads in a file.
pub fn read(bytes: &[u8]) -> Code {
    code::read(&mut Cursor::new(bytes), &[]).expect("memory can be read").expect("a program")
}

/// A component package with these files under `opt`, and these beside its postinstall.
pub fn package(
    files: &[(&str, Vec<u8>)],
    scripts: &[(&str, Vec<u8>)],
    signer: Option<&PackageSigner>,
) -> Vec<u8> {
    let root = Owner::ROOT_WHEEL;
    let mut payload = Tree::new(946_684_800);
    payload.directories("opt", 0o755, root).unwrap();
    for (name, bytes) in files {
        payload.file(&format!("opt/{name}"), 0o755, root, bytes.clone()).unwrap();
    }
    let mut beside = Tree::new(946_684_800);
    beside.file("postinstall", 0o755, root, b"#!/bin/sh\n".to_vec()).unwrap();
    for (name, bytes) in scripts {
        beside.file(name, 0o755, root, bytes.clone()).unwrap();
    }
    let component = flatpkg::Component {
        file_name: "a.pkg".to_owned(),
        identifier: "com.example.a".to_owned(),
        version: "1".to_owned(),
        install_location: "/".to_owned(),
        payload: Some(payload),
        scripts: Some(beside),
        script_timeout: 600,
        generator: "test".to_owned(),
        choice: None,
    };
    let (mut spool, mut out) = (Cursor::new(Vec::new()), Vec::new());
    let signer = signer.map(|signer| signer as &dyn flatpkg::Signer);
    flatpkg::write_component(&component, 946_684_800, signer, &mut spool, &mut out).unwrap();
    out
}

/// Writes a file of this name and content into a folder.
pub fn written(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
