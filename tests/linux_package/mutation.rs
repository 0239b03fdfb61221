//! Every byte of a small package of each format, changed: `verify` notices it, or what is
//! read of the package is the same.

use std::io::Cursor;

use linuxpkg::{Contents, arch, deb, rpm};
use xtask::verify::{Options, Status, verify};

use super::read::read;
use super::*;

/// Changes of a byte.
const MASKS: [u8; 3] = [0x01, 0x04, 0x80];

/// A package with little in it.
fn small() -> Package {
    let mut package = package();
    package.files.retain(|entry| !entry.path.ends_with("/data") && entry.path.len() < 80);
    package.description.truncate(1);
    package.changes.truncate(1);
    package
}

/// Whether something is said that is not said of the sound package.
fn is_noticed(changed: Vec<u8>) -> bool {
    match verify(&mut Cursor::new(changed), &Options::default()) {
        Ok(checks) => checks.iter().any(|check| matches!(check.status, Status::Fail | Status::Note)),
        Err(_) => true,
    }
}

/// All that is read of a package: what it is, runs and installs. Not its signatures, since
/// nobody here tells whether they hold.
fn meaning(bytes: &[u8]) -> impl PartialEq + use<> {
    let (contents, files) = read(bytes);
    let Contents { name, version, architecture, maintainer, summary, license, homepage, .. } = contents;
    let words = (name, version, architecture, maintainer, summary, license, homepage);
    (words, contents.fields, contents.relations, contents.scripts, contents.files, files)
}

/// A change that nobody notices changes nothing: a member's time in the archive around it,
/// a way to pack that unpacks to the same, one of two sums over an RPM's header.
fn assert_noticed(format: &str, bytes: &[u8], least: usize) {
    assert!(!is_noticed(bytes.to_vec()), "{format}: the package as it is");
    let right = meaning(bytes);
    let mut missed = Vec::new();
    let mut harmless = 0;
    for at in 0..bytes.len() {
        for mask in MASKS {
            let mut changed = bytes.to_vec();
            changed[at] ^= mask;
            if !is_noticed(changed.clone()) {
                harmless += 1;
                if meaning(&changed) != right {
                    missed.push(format!("{at} ^ {mask:#x}"));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{format}, of {} bytes: {missed:?}", bytes.len());
    let all = bytes.len() * MASKS.len();
    assert!(all - harmless > all * least / 100, "{format}: {harmless} of {all} changes were not noticed");
}

#[test]
fn of_a_deb() {
    assert_noticed("deb", &deb::write(&small()).unwrap(), 90);
}

#[test]
fn of_an_rpm() {
    assert_noticed("rpm", &rpm::write(&small()).unwrap(), 90);
}

#[test]
fn of_an_arch_package() {
    assert_noticed("arch", &arch::write(&small()).unwrap(), 90);
}
