//! Against what Apple's tools wrote, and against another writer's packages.

use std::fs;
use std::io::Cursor;

use flatpkg::xar::Archive;
use xtask::verify::signature::{self, RsaForm, TimeSource};
use xtask::verify::ticket::{self, Ticket};
use xtask::verify::{Level, Options, Status};

use super::{failed, verify};
use crate::support::reference;

/// A package of which only the head is at hand, with zeros for its members and
/// the ticket behind them.
pub fn whole(head: &[u8], ticket: &[u8]) -> Vec<u8> {
    let archive = Archive::read(&mut Cursor::new(head)).unwrap();
    let mut package = head.to_vec();
    package.resize((archive.heap_start + archive.heap_end()) as usize, 0);
    package.extend_from_slice(ticket);
    package
}

pub fn packages() -> Option<[(Vec<u8>, Vec<u8>); 2]> {
    let read = |name: &str| reference(name).map(|file| fs::read(file).unwrap());
    Some([
        (read("signed-modern.head.xar")?, read("signed-modern.ticket-trailer.bin")?),
        (read("signed-legacy.head.xar")?, read("signed-legacy.ticket-trailer.bin")?),
    ])
}

#[test]
fn both_generations_of_apples_signatures_hold() {
    let Some([modern, legacy]) = packages() else { return };
    for ((head, ticket), form) in [(modern, RsaForm::OverDigest), (legacy, RsaForm::OverDigestOfDigest)] {
        let package = whole(&head, &ticket);
        let input = &mut Cursor::new(&package);
        let archive = Archive::read(input).unwrap();
        let signatures = signature::read(&archive, input).expect("it is signed");
        assert_eq!(signatures.rsa, Some(Ok(form)));
        let verified = signatures.cms.as_ref().unwrap().as_ref().unwrap();
        let ticket = ticket::read(&archive, input);
        assert!(matches!(ticket, Ticket::Stapled(_)), "{ticket:?}");
        assert_eq!(signatures.time.unwrap().1, TimeSource::Authority);
        // The older generation has no signed attributes.
        assert_eq!(verified.signing_time.is_some(), form == RsaForm::OverDigest);
        let options = Options { require: Some(Level::Notarized), ..Options::default() };
        let checks = signature::checks(&archive, input, &ticket, &options);
        assert_eq!(failed(&checks), [""; 0]);
    }
}

#[test]
fn another_packages_ticket_is_noticed() {
    let Some([modern, legacy]) = packages() else { return };
    let ticket_of = |package: &[u8]| {
        let input = &mut Cursor::new(package);
        let archive = Archive::read(input).unwrap();
        ticket::read(&archive, input)
    };
    assert!(
        matches!(ticket_of(&whole(&modern.0, &legacy.1)), Ticket::Broken(fault) if fault.contains("another"))
    );
}

#[test]
fn a_package_that_embala_pkg_wrote_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("tool");
    fs::write(&source, "#!/bin/sh\necho hello\n").unwrap();
    let scripts = dir.path().join("scripts");
    fs::create_dir(&scripts).unwrap();
    let postinstall = scripts.join("postinstall");
    fs::write(&postinstall, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&postinstall, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let spec = embala_pkg::PkgSpec {
        name: "tool".to_owned(),
        display_name: "A tool".to_owned(),
        identifier: "com.example.tool".to_owned(),
        version: "1.2".to_owned(),
        install_location: "/usr/local".to_owned(),
        enable_user_home: false,
        files: vec![embala_pkg::FileSpec { src: source, dest: "bin/tool".to_owned(), mode: Some(0o755) }],
        directories: Vec::new(),
        scripts: Some(scripts),
    };
    let out = dir.path().join("tool.pkg");
    embala_pkg::build(&spec, &out).unwrap();
    let checks = verify(&fs::read(&out).unwrap(), &Options::default());
    assert_eq!(failed(&checks), [""; 0]);
    let named = |name: &str| checks.iter().find(|check| check.name == name).unwrap().status;
    assert_eq!(named("payload-bom"), Status::Pass);
    assert_eq!(named("signature-rsa"), Status::NotApplicable);
    let required = Options { require: Some(Level::Signed), ..Options::default() };
    assert_eq!(
        failed(&verify(&fs::read(&out).unwrap(), &required)),
        ["required-level: the package is not signed"]
    );
}
