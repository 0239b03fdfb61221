//! `verify::code::read`: code directories, entitlements and the CMS structure over them, and what
//! Apple's notary would say.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use xtask::verify::code;
use xtask::verify::notarizable::refusals;

fuzz_target!(|data: &[u8]| {
    let Ok(Some(code)) = code::read(&mut Cursor::new(data), &[]) else { return };
    let refused = refusals(&code, &|_| false);
    // Nobody's root is trusted, so that everything is refused that is to be signed.
    assert!(!refused.is_empty() || !code.images.iter().any(|one| one.image.is_code()));
    for image in &code.images {
        if image.signed.by().is_some() {
            assert!(image.image.signature.is_some());
        }
    }
});
