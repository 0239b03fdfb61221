//! Every byte of a small signed package, flipped: `verify` notices each one
//! that a digest or a signature covers.

use std::io::Cursor;
use std::net::TcpListener;
use std::ops::Range;
use std::time::SystemTime;

use flatpkg::tree::{Owner, Tree};
use flatpkg::xar::Archive;
use x509_certificate::CapturedX509Certificate;
use xtask::sign::PackageSigner;
use xtask::verify::ticket::Ticket;
use xtask::verify::{Options, all_hold};

use super::failed;
use crate::signing::timestamp::{Authority, serve};
use crate::signing::{installer_identity, installer_pem};
use crate::support::tool;

/// A product with everything that the checks look at, and little of it.
fn small_package(timestamp_url: Option<String>) -> Vec<u8> {
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
    let signer = PackageSigner::new(installer_identity(), SystemTime::now(), timestamp_url);
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
    let package = small_package(None);
    let trust = [CapturedX509Certificate::from_pem(&installer_pem().0).unwrap()];
    let options = Options { trust: &trust, ..Options::default() };
    let checks = xtask::verify::verify(&mut Cursor::new(&package), &options).unwrap();
    assert_eq!(failed(&checks), [""; 0]);

    let missed = in_parallel(0..package.len(), |position| is_noticed(&package, position, &trust));
    assert!(
        missed.is_empty(),
        "not noticed: {missed:?}; the CMS signature begins at {}",
        cms_start(&package)
    );
}

fn cms_start(package: &[u8]) -> usize {
    let archive = Archive::read(&mut Cursor::new(package)).unwrap();
    let cms = archive.toc.signatures.iter().find(|one| one.style == "CMS").unwrap();
    (archive.heap_start + cms.offset) as usize
}

/// Whether the digest of the table of contents and both signatures hold.
fn holds(archive: &Archive, package: &[u8], trust: &[CapturedX509Certificate]) -> bool {
    let input = &mut Cursor::new(package);
    let checks = xtask::verify::archive::toc_digest_check(archive, input);
    let options = Options { trust, ..Options::default() };
    let signatures = xtask::verify::signature::checks(archive, input, &Ticket::None, &options);
    checks.holds(false) && all_hold(&signatures)
}

/// Where the digest and the signatures are in a package.
fn signatures(archive: &Archive) -> Range<usize> {
    let start = archive.heap_start as usize;
    let end = archive.toc.signatures.iter().map(|one| one.offset + one.size).max().unwrap();
    start..start + end as usize
}

/// The same with a timestamp in it, and the certificate that the timestamp carries: one bit
/// of each byte, and the one that turns a digest's name into another's.
#[test]
fn every_changed_bit_of_a_timestamped_signature_is_noticed() {
    let Some(_) = tool("openssl") else { return };
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ts", listener.local_addr().unwrap());
    let package = std::thread::scope(|scope| {
        scope.spawn(|| serve(listener.accept().unwrap().0, |request| (200, authority.answer(request))));
        small_package(Some(url))
    });
    let certificate = std::fs::read(authority.certificate()).unwrap();
    let trust = [installer_pem().0.as_bytes(), &certificate]
        .map(|pem| CapturedX509Certificate::from_pem(pem).unwrap());
    let archive = Archive::read(&mut Cursor::new(&package)).unwrap();
    assert!(holds(&archive, &package, &trust));
    let missed = in_parallel(signatures(&archive), |position| {
        // Not always the same bit, and the same one in each run.
        let bits = [position - cms_start(&package).min(position), 1].map(|bit| 1 << (bit % 8));
        bits.iter().all(|bit| {
            let mut changed = package.clone();
            changed[position] ^= bit;
            !holds(&archive, &changed, &trust)
        })
    });
    assert!(
        missed.is_empty(),
        "not noticed: {missed:?}; the CMS signature begins at {}",
        cms_start(&package)
    );
}

/// The signatures' places in Apple's own packages: digest, RSA, CMS with its certificates
/// and its timestamp with its own. Zeros fill the place up.
///
/// One bit of every third byte, for the time it takes. Of all bits one in each signature
/// goes unnoticed, on which nothing depends: it turns the name of RSA with SHA-1 into
/// another name of RSA, and the digest is named beside it.
#[test]
fn every_changed_bit_of_apples_signatures_is_noticed() {
    let Some(packages) = super::reference::packages() else { return };
    for (head, ticket) in packages {
        let package = super::reference::whole(&head, &ticket);
        let archive = Archive::read(&mut Cursor::new(&package)).unwrap();
        assert!(holds(&archive, &package, &[]));
        let missed: Vec<usize> = in_parallel(signatures(&archive), |position| {
            let mut changed = package.clone();
            changed[position] ^= 1 << (position / 3 % 8);
            position % 3 != 0 || !holds(&archive, &changed, &[])
        });
        assert!(missed.is_empty(), "not noticed: {missed:?}; the heap begins at {}", archive.heap_start);
    }
}

/// The positions at which `is_noticed` says no.
fn in_parallel(positions: Range<usize>, is_noticed: impl Fn(usize) -> bool + Sync) -> Vec<usize> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (positions, is_noticed) = (positions.clone(), &is_noticed);
                scope.spawn(move || {
                    positions
                        .skip(worker)
                        .step_by(threads)
                        .filter(|position| !is_noticed(*position))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}
