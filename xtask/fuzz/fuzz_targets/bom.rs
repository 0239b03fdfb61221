//! The Bom, and the path of each of its entries.

#![no_main]

use flatpkg::bom::{Bom, PATH_MAX, PathFacts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(bom) = Bom::read(data) else { return };
    let mut before: Option<PathFacts<'_>> = None;
    for (position, facts) in bom.paths().enumerate() {
        if bom.first_out_of_order.is_none_or(|first| position < first)
            && let Some(before) = before
        {
            assert!((before.parent, before.name) < (facts.parent, facts.name));
        }
        if let Some(path) = bom.path(&facts) {
            // A byte that is not UTF-8 becomes a character of three.
            assert!(path.len() <= 3 * PATH_MAX);
        }
        before = Some(facts);
    }
});
