//! `macho::read`: whatever a file is, its images lie in it, and a signature has a code directory.
//! What another reader of the same bytes would be told is the same.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = macho::read(&mut Cursor::new(data)).expect("memory can be read");
    assert_eq!(file, macho::read(&mut Cursor::new(data)).expect("memory can be read"));
    let Some(file) = file else { return };
    assert!(macho::is_macho(data));
    assert!(file.images.len() <= macho::IMAGES_MAX as usize);
    for image in &file.images {
        assert!(image.offset.checked_add(image.size).is_some_and(|end| end <= data.len() as u64));
        if let Some(signature) = &image.signature {
            assert!(signature.best().digest.len() >= 20 && !signature.signed.is_empty());
            assert!(signature.signed.len() <= data.len());
        }
    }
});
