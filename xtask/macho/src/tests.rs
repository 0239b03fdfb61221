use std::io::Cursor;

use crate::write::{AdHoc, Processor, Program, lima_entitlements};
use crate::{HashType, Image, MachO, SlotState, Value, Version, flag, is_macho, read};

fn universal(images: &[Vec<u8>]) -> Vec<u8> {
    crate::universal(images).expect("images")
}

const ALL: [Processor; 4] = [Processor::Arm64, Processor::X86_64, Processor::I386, Processor::PowerPc];

fn reading(bytes: &[u8]) -> MachO {
    read(&mut Cursor::new(bytes)).unwrap().expect("a Mach-O file")
}

fn one(bytes: &[u8]) -> Image {
    let file = reading(bytes);
    assert_eq!(file.images.len(), 1);
    file.images.into_iter().next().unwrap()
}

fn faults(bytes: &[u8]) -> Vec<String> {
    reading(bytes).faults().collect()
}

fn lima() -> AdHoc {
    AdHoc { entitlements: Some(lima_entitlements()), ..AdHoc::new("limactl") }
}

/// A program whose signature has all that there is.
fn full(processor: Processor) -> Vec<u8> {
    let mut program = Program::new(processor);
    program.data = (0..20_000_u32).map(|number| (number * 7 % 251) as u8).collect();
    program.info = Some(b"<plist/>".to_vec());
    let hashes = vec![HashType::Sha1, HashType::Sha256, HashType::Sha384];
    program.ad_hoc(&AdHoc { hashes, runtime: true, ..lima() })
}

#[test]
fn what_is_not_signed_says_so() {
    for (processor, name) in ALL.into_iter().zip(["arm64", "x86_64", "i386", "ppc"]) {
        let image = one(&Program::new(processor).unsigned());
        assert!(image.findings.is_empty(), "{:?}", image.findings);
        assert_eq!((image.architecture().as_str(), &image.signature), (name, &None));
        assert!(image.is_code());
        assert_eq!(image.platform.unwrap().sdk.to_string(), "15.2");
    }
}

#[test]
fn a_signature_of_nobody_holds() {
    for processor in ALL {
        let image = one(&full(processor));
        assert!(image.findings.is_empty(), "{processor:?}: {:?}", image.findings);
        let signature = image.signature.unwrap();
        assert_eq!(signature.directories.len(), 3);
        assert_eq!(signature.best().hash, HashType::Sha384);
        assert_eq!((signature.cms.clone(), signature.ticket.clone()), (None, None));
        assert_eq!(signature.entitlements_der, Some(Ok(lima_entitlements())));
        assert!(
            String::from_utf8(signature.entitlements.clone().unwrap()).unwrap().contains("virtualization")
        );
        let directory = signature.directory();
        assert_eq!((directory.identifier.as_str(), directory.team.as_deref()), ("limactl", None));
        assert_eq!(directory.flags, flag::AD_HOC | flag::RUNTIME);
        assert_eq!(directory.runtime, Some(Version::new(15, 0, 0)));
        assert_eq!(directory.code_hash(), &HashType::Sha1.digest(&signature.signed)[..]);
        for directory in &signature.directories {
            let slots: Vec<_> = directory.slots.iter().map(|slot| (slot.number, slot.state)).collect();
            assert_eq!(slots, [1, 2, 5, 7].map(|number| (number, SlotState::Holds)));
        }
    }
}

#[test]
fn the_linkers_signature_holds() {
    let signature =
        one(&Program::new(Processor::Arm64).ad_hoc(&AdHoc::by_linker("a.out"))).signature.unwrap();
    assert_eq!(signature.directory().flags, flag::AD_HOC | flag::LINKER_SIGNED);
    assert!(signature.directory().slots.is_empty());
    assert_eq!((signature.requirements, signature.entitlements_der), (None, None));
}

#[test]
fn a_file_for_several_processors() {
    let bytes = universal(&[full(Processor::X86_64), full(Processor::Arm64), full(Processor::PowerPc)]);
    let file = reading(&bytes);
    assert_eq!((file.universal, file.faults().count(), file.notes().count()), (true, 0, 0));
    let names: Vec<_> = file.images.iter().map(Image::architecture).collect();
    assert_eq!(names, ["x86_64", "arm64", "ppc"]);
    assert!(file.images.iter().all(|image| image.signature.is_some()));
}

#[test]
fn what_is_no_macho_file() {
    let class = [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65, 0, 9];
    let mut objects = universal(&[Program::new(Processor::Arm64).unsigned()]);
    objects[0x4000..0x4008].copy_from_slice(b"!<arch>\n");
    for other in [&b""[..], b"#!/bin/sh\n", &class, &[0xca, 0xfe, 0xba, 0xbe], &[0xcf, 0xfa, 0xed]] {
        assert!(!is_macho(other), "{other:02x?}");
        assert_eq!(read(&mut Cursor::new(other)).unwrap(), None);
    }
    assert_eq!(read(&mut Cursor::new(&objects)).unwrap(), None);
    for processor in ALL {
        assert!(is_macho(&Program::new(processor).unsigned()[..8]));
    }
    assert!(is_macho(&universal(&[full(Processor::Arm64)])[..8]));
}

/// Every byte that is changed is noticed: in the code and load commands, in the signature, and
/// behind it.
#[test]
fn every_changed_byte_is_noticed() {
    let mut program = Program::new(Processor::X86_64);
    program.info = Some(b"<plist/>".to_vec());
    let bytes = program.ad_hoc(&lima());
    let mut quiet = Vec::new();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x01;
        // The magic: it is not a Mach-O file then.
        let Some(file) = read(&mut Cursor::new(&changed)).unwrap() else { continue };
        if file.faults().chain(file.notes()).next().is_none() {
            quiet.push(at);
        }
    }
    // What nothing covers where nobody signed: the code directory's own header and names, and
    // whether there is a signature. CMS covers them where somebody did. The program is known by
    // the directory's digest, which is another.
    let original = one(&bytes).signature.unwrap();
    assert!(quiet.len() < 300, "{quiet:x?}");
    for at in quiet {
        let mut changed = bytes.clone();
        changed[at] ^= 0x01;
        let signature = one(&changed).signature;
        let is_other = signature.is_none_or(|one| one.directory().digest != original.directory().digest);
        assert!(is_other, "{at:#x}");
    }
}

#[test]
fn what_is_cut_off_is_noticed() {
    let bytes = full(Processor::Arm64);
    for length in (0..bytes.len()).step_by(97) {
        let read = read(&mut Cursor::new(&bytes[..length])).unwrap();
        assert!(read.is_none_or(|file| file.faults().next().is_some()), "{length}");
    }
}

/// Where the signature of a thin file begins.
fn signature_at(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|part| part == [0xfa, 0xde, 0x0c, 0xc0]).unwrap()
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
}

#[test]
fn lies_are_named() {
    let bytes = Program::new(Processor::X86_64).ad_hoc(&lima());
    let at = signature_at(&bytes);
    // The index has five parts: 0, 2, 5, 7, 10000; the code directory comes right behind it.
    let directory = at + 12 + 5 * 8;
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let number = |offset: usize, number: u32| -> Change { Box::new(move |bytes| put(bytes, offset, number)) };
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(|bytes| bytes.extend_from_slice(b"more")), "4 bytes follow its signature"),
        (number(at, 0), "does not begin as one"),
        (number(at + 8, 1000), "too many parts"),
        (number(at + 16, 0xffff_fff0), "beyond the signature's end"),
        (number(at + 16, 0), "on top of another"),
        (number(at + 20, 5), "is of another kind"),
        (number(directory + 8, 0x1_0000), "which no Mac takes"),
        (number(directory + 12, 0), "no CMS signature"),
        (number(directory + 24, 0xffff_ffff), "fewer digests"),
        (number(directory + 28, 0xffff_ffff), "fewer digests"),
        (number(directory + 32, 0x1000), "does not cover"),
        (number(directory + 32, 0x7fff_ffff), "covers more than there is"),
        (number(directory + 36, 0x2002_0004), "which no Mac takes"),
        (number(directory + 36, 0x2009_000c), "unknown kind"),
        (number(directory + 36, 0x1402_000c), "has 20 bytes"),
        (number(directory + 44, 1), "scatter list"),
        (number(directory + 20, 0xffff_ffff), "no identifier"),
    ];
    for (change, expected) in cases {
        let mut changed = bytes.clone();
        change(&mut changed);
        let faults = faults(&changed);
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
    }
    // Zeros behind it are odd and no more.
    let padded = [bytes, vec![0; 12]].concat();
    assert_eq!(reading(&padded).notes().collect::<Vec<_>>(), ["12 zeros follow its signature"]);
}

#[test]
fn lies_about_images_are_named() {
    let images = [full(Processor::X86_64), full(Processor::Arm64)];
    let bytes = universal(&images);
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let number = |offset: usize, number: u32| -> Change { Box::new(move |bytes| put(bytes, offset, number)) };
    let cases: Vec<(Change, &str)> = vec![
        (number(8, 7), "for another processor"),
        (number(16, 0), "on top of something else"),
        (number(36, 0x4000), "on top of something else"),
        (number(40, 0x7fff_ffff), "goes beyond its end"),
        (number(0x4000, 0), "not a program or library"),
        (number(0x2000, 7), "no signature covers it"),
        (number(4, 44), "not a program or library"),
        (Box::new(|bytes| bytes.truncate(40)), "ends within the list"),
        (Box::new(|bytes| bytes.push(1)), "no signature covers it"),
    ];
    for (change, expected) in cases {
        let mut changed = bytes.clone();
        change(&mut changed);
        let faults = faults(&changed);
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
    }
    let twice = universal(&[images[0].clone(), images[0].clone()]);
    assert!(faults(&twice).iter().any(|fault| fault.contains("two images for x86_64")));
}

#[test]
fn entitlements_in_two_forms_differ_or_not() {
    let mut other = lima_entitlements();
    let Value::Dictionary(pairs) = &mut other else { panic!() };
    pairs.insert("com.apple.security.get-task-allow".to_owned(), Value::Boolean(true));
    let bytes = Program::new(Processor::Arm64).ad_hoc(&AdHoc { entitlements: Some(other.clone()), ..lima() });
    assert_eq!(one(&bytes).signature.unwrap().entitlements_der, Some(Ok(other)));
}

/// Bytes changed anywhere, several at a time and to what numbers are made of: nothing panics.
#[test]
fn whatever_is_changed_nothing_panics() {
    let small = |processor| Program::new(processor).ad_hoc(&AdHoc { runtime: true, ..lima() });
    let files = [
        small(Processor::X86_64),
        small(Processor::PowerPc),
        universal(&[small(Processor::I386), small(Processor::Arm64)]),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    for bytes in files {
        // Headers and signatures, and not the zeros between them.
        let places: Vec<usize> = (0..bytes.len())
            .filter(|at| bytes[at.saturating_sub(8)..].iter().take(16).any(|byte| *byte != 0))
            .collect();
        for _ in 0..3000 {
            let mut changed = bytes.clone();
            for _ in 0..=next(4) {
                let at = places[next(places.len())];
                let byte = [0, 1, 0x7f, 0x80, 0xff, next(256) as u8][next(6)];
                let end = (at + 1 + next(4)).min(changed.len());
                changed[at..end].fill(byte);
            }
            changed.truncate(if next(8) == 0 { next(changed.len()) } else { changed.len() });
            let _ = read(&mut Cursor::new(&changed)).unwrap();
        }
    }
}

#[test]
fn the_signature_of_nobody_is_replaced() {
    let bytes = Program::new(Processor::Arm64).ad_hoc(&lima());
    let signature = &bytes[signature_at(&bytes)..];
    assert_eq!(crate::cms(signature), Some(&[][..]));
    let changed = crate::with_cms(signature, b"cms").unwrap();
    assert_eq!(crate::cms(&changed), Some(&b"cms"[..]));
    let again = crate::with_cms(&changed, b"").unwrap();
    assert_eq!(again, signature[..again.len()]);
    let linker = Program::new(Processor::Arm64).ad_hoc(&AdHoc::by_linker("a.out"));
    for other in [&b""[..], b"no signature at all", &linker[signature_at(&linker)..]] {
        assert_eq!((crate::cms(other), crate::with_cms(other, b"")), (None, None));
    }
}

#[test]
fn images_of_which_no_file_is_made() {
    assert_eq!(crate::universal::<Vec<u8>>(&[]), None);
    assert_eq!(crate::universal(&[b"#!/bin/sh\n"]), None);
}
