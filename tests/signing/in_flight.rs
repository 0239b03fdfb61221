//! Timestamps of many packages at once: how many, what a busy authority does to that, and
//! that nothing else of the run depends on it.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::authority::{Authority, Reply};
use super::{installer_pem, signatures};
use crate::fleet;
use crate::support::{Xtask, succeed, tool};

/// `dist` of twenty instances, stamped at `url`.
fn dist(url: &str) -> (Xtask, Duration) {
    let xtask = fleet::folder(20);
    let (certificate, key) = installer_pem();
    fs::write(xtask.path("id.pem"), format!("{key}{certificate}")).unwrap();
    let begin = Instant::now();
    succeed(&mut xtask.command(&["dist", "--pem-file", "id.pem", "--timestamp-url", url]));
    (xtask, begin.elapsed())
}

/// Paths in the manifest's order, and each package up to its signatures.
fn what_does_not_depend_on_time(xtask: &Xtask) -> (Vec<String>, Vec<Vec<u8>>) {
    let manifest = fs::read(xtask.path("out/artifacts.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let paths: Vec<String> = manifest["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap().to_owned())
        .collect();
    let packages = paths
        .iter()
        .filter(|path| path.ends_with(".pkg"))
        .map(|path| {
            let package = fs::read(xtask.path("out").join(path)).unwrap();
            let (digest, _, rsa, cms) = signatures(&package);
            let find = |part: &[u8]| package.windows(part.len()).position(|window| window == part).unwrap();
            // Digest and RSA signature, which stand before the CMS signature, and what stands behind it.
            assert!(find(&digest) < find(&rsa));
            let slot = find(&cms);
            [&package[..slot], &package[slot + cms.len()..]].concat()
        })
        .collect();
    (paths, packages)
}

#[test]
fn sixteen_at_a_time_in_whatever_order_they_come() {
    let Some(_) = tool("openssl") else { return };
    let dir = tempfile::tempdir().unwrap();
    // One after the other would take 40 times that.
    let slow =
        |number: usize| Reply { after: Duration::from_millis(300 + 40 * (number as u64 % 7)), busy: None };
    let authority = Authority::start(dir.path(), slow);
    let (one, time) = dist(&authority.url);
    assert_eq!(authority.seen.requests.load(Ordering::SeqCst), 40);
    let most = authority.seen.most.load(Ordering::SeqCst);
    assert!((12..=16).contains(&most), "{most} at a time");
    assert!(time < Duration::from_millis(40 * 300), "{time:?}");

    let quick = Authority::start(dir.path(), |_| Reply { after: Duration::ZERO, busy: None });
    let (other, _) = dist(&quick.url);
    // The identity is the same, and times inside are fixed; only the timestamps differ.
    let (paths, packages) = what_does_not_depend_on_time(&one);
    assert_eq!(paths, what_does_not_depend_on_time(&other).0);
    assert_eq!(packages.len(), 40);
    assert!(packages == what_does_not_depend_on_time(&other).1);
}

#[test]
fn a_busy_authority_is_asked_by_fewer_and_when_it_likes() {
    let Some(_) = tool("openssl") else { return };
    let dir = tempfile::tempdir().unwrap();
    let reply = |number: usize| Reply {
        after: Duration::from_millis(50),
        busy: (10..20).contains(&number).then_some(1),
    };
    let authority = Authority::start(dir.path(), reply);
    let (xtask, time) = dist(&authority.url);
    assert!(time >= Duration::from_secs(1), "it waits as long as it is asked to: {time:?}");
    assert_eq!(authority.seen.requests.load(Ordering::SeqCst), 50);
    assert!(authority.seen.most_later.load(Ordering::SeqCst) <= 16);
    assert_eq!(what_does_not_depend_on_time(&xtask).1.len(), 40);
}
