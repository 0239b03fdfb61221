//! Every byte of a small signed package, flipped: `verify` notices each one
//! that a digest or a signature covers.

use std::io::Cursor;
use std::ops::Range;
use std::time::SystemTime;

use flatpkg::tree::{Owner, Tree};
use flatpkg::xar::Archive;
use x509_certificate::CapturedX509Certificate;
use xtask::sign::PackageSigner;
use xtask::verify::{Options, all_hold};

use super::failed;
use crate::signing::{installer_identity, installer_pem};

/// A product with everything that the checks look at, and little of it.
fn small_package() -> Vec<u8> {
    let root = Owner::ROOT_WHEEL;
    let mut payload = Tree::new(946_684_800);
    payload.directories("Library/LaunchDaemons", 0o755, root).unwrap();
    let job = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Label</key><string>a</string>\
               <key>ProgramArguments</key><array><string>/bin/true</string></array></dict></plist>";
    payload.file("Library/LaunchDaemons/a.plist", 0o644, root, job.as_bytes().to_vec()).unwrap();
    let mut scripts = Tree::new(946_684_800);
    scripts.file("postinstall", 0o755, root, b"#!/bin/sh\n".to_vec()).unwrap();
    let product = flatpkg::Product {
        title: "A".to_owned(),
        identifier: "com.example.a".to_owned(),
        version: "1".to_owned(),
        host_architectures: vec!["arm64".to_owned()],
        components: vec![flatpkg::Component {
            file_name: "a.pkg".to_owned(),
            identifier: "com.example.a".to_owned(),
            version: "1".to_owned(),
            install_location: "/".to_owned(),
            payload: Some(payload),
            scripts: Some(scripts),
            script_timeout: 600,
            generator: "test".to_owned(),
            choice: None,
        }],
        ..flatpkg::Product::default()
    };
    let signer = PackageSigner::new(installer_identity(), SystemTime::now(), None);
    let mut out = Vec::new();
    let mut spool = Cursor::new(Vec::new());
    flatpkg::write_product(&product, 946_684_800, Some(&signer), &mut spool, &mut out).unwrap();
    out
}

/// Whether the package, with this byte changed, is found unsound or unreadable.
fn is_noticed(package: &[u8], position: usize, trust: &[CapturedX509Certificate]) -> bool {
    let mut changed = package.to_vec();
    changed[position] ^= 0x04;
    let options = Options { trust, ..Options::default() };
    match xtask::verify::verify(&mut Cursor::new(changed), &options) {
        Ok(checks) => !all_hold(&checks),
        Err(_) => true,
    }
}

#[test]
fn every_changed_byte_that_is_covered_is_noticed() {
    let package = small_package();
    let trust = [CapturedX509Certificate::from_pem(&installer_pem().0).unwrap()];
    let options = Options { trust: &trust, ..Options::default() };
    let checks = xtask::verify::verify(&mut Cursor::new(&package), &options).unwrap();
    assert_eq!(failed(&checks), [""; 0]);

    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let missed: Vec<usize> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (package, trust) = (&package, &trust);
                scope.spawn(move || {
                    let mine = (worker..package.len()).step_by(threads);
                    mine.filter(|position| !is_noticed(package, *position, trust)).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let uncovered = uncovered(&package);
    let unexplained: Vec<_> = missed
        .iter()
        .filter(|position| !uncovered.iter().any(|(range, _)| range.contains(position)))
        .collect();
    assert!(
        unexplained.is_empty(),
        "not noticed: {unexplained:?}; the CMS signature begins at {}",
        cms_start(&package)
    );
    // The list below says no more than is so.
    for (range, reason) in uncovered {
        assert!(missed.iter().any(|position| range.contains(position)), "{range:?} is noticed: {reason}");
    }
}

fn cms_start(package: &[u8]) -> usize {
    let archive = Archive::read(&mut Cursor::new(package)).unwrap();
    let cms = archive.toc.signatures.iter().find(|one| one.style == "CMS").unwrap();
    (archive.heap_start + cms.offset) as usize
}

/// What no digest and no signature covers, and why that is so.
fn uncovered(package: &[u8]) -> Vec<(Range<usize>, &'static str)> {
    let start = cms_start(package);
    let certificate = pem::parse(&installer_pem().0).unwrap().into_contents();
    let in_certificate =
        package[start..].windows(certificate.len()).position(|part| part == certificate).unwrap();
    let certificate = start + in_certificate..start + in_certificate + certificate.len();
    // NULL, 05 00, behind the object identifiers of SHA-256 and of SHA-256 with RSA.
    let names: [&[u8]; 2] = [
        &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00],
    ];
    names
        .iter()
        .flat_map(|name| {
            let found = package[start..].windows(name.len()).enumerate();
            found.filter(move |(_, part)| part == name).map(move |(at, _)| start + at + name.len() - 2)
        })
        .filter(|position| !certificate.contains(position))
        .map(|position| {
            let reason = "the frame of the CMS signature: an algorithm's parameters, which are NULL or left out, \
                          lie outside the signed attributes, and readers pass over them";
            (position..position + 1, reason)
        })
        .collect()
}
