//! Signatures and certificates in an archive that is otherwise sound.
//!
//! What an input's sections are, `signed_archive` says.

#![no_main]

use std::io::Cursor;

use flatpkg::xar::Archive;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use lima_autostart_fuzz::der::{Random, changed};
use lima_autostart_fuzz::{joined, sections, signed_archive};
use xtask::sign::certificate::Facts;
use xtask::verify::{Level, Options, signature, ticket};

fuzz_target!(|data: &[u8]| {
    let Some(package) = signed_archive(&sections(data)) else { return };
    let mut input = Cursor::new(package);
    let Ok(archive) = Archive::read(&mut input) else { return };
    let signatures = signature::read(&archive, &mut input);
    let chain = signatures.and_then(|signatures| signatures.chain.ok()).unwrap_or_default();
    chain.iter().for_each(|certificate| drop(Facts::of(certificate)));
    let options = Options {
        trust: chain.get(1..2).unwrap_or_default(),
        require: Some(Level::Notarized),
        ..Options::default()
    };
    let ticket = ticket::read(&archive, &mut input);
    let _ = signature::checks(&archive, &mut input, &ticket, &options);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(seed);
    let mut parts: Vec<Vec<u8>> = sections(&data[..size]).into_iter().map(<[u8]>::to_vec).collect();
    if parts.len() < 3 || random.below(8) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let at = 2 + random.below(parts.len() - 2);
    let change = |mut bytes: Vec<u8>| {
        let length = bytes.len();
        bytes.resize(length * 2 + 16, 0);
        let room = bytes.len();
        let length = fuzzer_mutate(&mut bytes, length, room);
        bytes.truncate(length);
        bytes
    };
    let Some(after) = changed(&parts[at], &mut random, change) else {
        return fuzzer_mutate(data, size, max_size);
    };
    // A certificate that the CMS signature carries is changed there as well.
    if at > 2 && after.len() == parts[at].len() {
        let found = parts[2].windows(after.len()).position(|part| part == parts[at]);
        if let Some(position) = found {
            parts[2][position..position + after.len()].copy_from_slice(&after);
        }
    }
    parts[at] = after;
    let input = joined(&parts);
    if input.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..input.len()].copy_from_slice(&input);
    input.len()
});
