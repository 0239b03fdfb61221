//! Every check, and what inspect shows, over whole packages.
//!
//! An input of two sections is a plain table of contents and a heap. One of six is
//! Distribution, PackageInfo, Bom, payload, scripts and what follows the heap, all
//! plain: every digest of the package made of them is right.

#![no_main]

use std::io::Cursor;

use flatpkg::xar::{Member, Spooled, write};
use libfuzzer_sys::fuzz_target;
use lima_autostart_fuzz::{gzip, sections, xar_of_plain};
use sha1::{Digest, Sha1};
use xtask::inspect::inspect;
use xtask::verify::{Level, Options, verify};

/// A package with these parts; one that is empty is left out. Without a
/// Distribution it is a component package.
fn package(parts: [&[u8]; 6]) -> Option<Vec<u8>> {
    let [distribution, info, bom, payload, scripts, after] = parts;
    let mut spool = Vec::new();
    let mut stored = |name: &str, content: Vec<u8>| {
        let start = spool.len() as u64;
        let digest = Sha1::digest(&content).into();
        spool.extend_from_slice(&content);
        Member::stored(name, Spooled { start, length: content.len() as u64, digest })
    };
    let mut members = Vec::new();
    for (name, plain) in [("Bom", bom), ("PackageInfo", info)] {
        if !plain.is_empty() {
            members.push(Member::compressed(name, plain));
        }
    }
    for (name, plain) in [("Payload", payload), ("Scripts", scripts)] {
        if !plain.is_empty() {
            members.push(stored(name, gzip(plain)));
        }
    }
    if !distribution.is_empty() {
        let component = Member::directory("a.pkg", members);
        members = vec![Member::compressed("Distribution", distribution), component];
    }
    let mut out = Vec::new();
    write(&members, 0, None, &mut Cursor::new(spool), &mut out).ok()?;
    out.extend_from_slice(after);
    Some(out)
}

fuzz_target!(|data: &[u8]| {
    let package = match *sections(data) {
        [toc, heap] => Some(xar_of_plain(toc, heap)),
        [distribution, info, bom, payload, scripts, after] => {
            package([distribution, info, bom, payload, scripts, after])
        }
        _ => None,
    };
    let Some(package) = package else { return };
    let mut input = Cursor::new(package);
    let options = Options { require: Some(Level::Signed), ..Options::default() };
    let is_package = verify(&mut input, &options).is_ok();
    assert_eq!(inspect(&mut input, true).is_ok(), is_package);
});
