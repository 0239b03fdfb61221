//! `linuxpkg`: packages of each format, and the lists of repositories made of them. An
//! input is a byte that chooses the format, then the package; the seeds are packed with
//! nothing, so that no checksum is in the way.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use lima_autostart_fuzz::Pieces;
use linuxpkg::repository::{apt, dnf, pacman};
use linuxpkg::{Budget, Contents, File, ReadError, arch, deb, rpm};

/// How much is unpacked of an input.
const LIMIT: u64 = 1 << 20;

/// What came out of a package: its contents, and how many bytes were handed on.
fn contents(input: impl Read, choice: u8) -> Option<(String, u64)> {
    let budget = Budget::new(LIMIT);
    let mut handed = 0;
    let mut each = |file: &File, content: &mut dyn Read| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        assert!(bytes.len() as u64 <= file.size);
        handed += bytes.len() as u64;
        Ok(())
    };
    let read: Result<Contents, ReadError> = match choice % 4 {
        0 => deb::read(input, &budget, &mut each),
        1 => rpm::read(input, &budget, &mut each),
        2 => arch::read(input, &budget, &mut each),
        _ => linuxpkg::read(input, &budget, &mut each),
    };
    // Where a part ends early, how much of it came before depends on the pieces.
    let is_whole =
        |contents: &Contents| !contents.archive.iter().any(|one| one.text.contains("cannot be read"));
    read.ok().map(
        |contents| if is_whole(&contents) { (format!("{contents:?}"), handed) } else { (contents.name, 0) },
    )
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let whole = contents(data, *choice);
    assert_eq!(whole, contents(Pieces(data, 7), *choice));
    // What is listed was read, and is sound.
    let is_listed = match choice % 4 {
        0 => apt::entry("x.deb", data).map(|entry| drop(apt::lists(&[entry], 0))).is_ok(),
        1 => dnf::entry("x.rpm", data, 0).is_ok_and(|entry| dnf::lists(&[entry], 0).is_ok()),
        2 => pacman::entry("x.pkg.tar.zst", data).is_ok_and(|entry| pacman::lists("x", &[entry], 0).is_ok()),
        _ => false,
    };
    assert!(!is_listed || whole.is_some());
});
