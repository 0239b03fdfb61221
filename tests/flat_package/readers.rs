//! Whole packages, read by others.

use std::io::Cursor;

use apple_flat_package::PkgFlavor;
use apple_flat_package::reader::PkgReader;
use flatpkg::{Product, Signer};

use super::*;
use crate::support::tool;

#[test]
fn apple_flat_package_reads_a_product() {
    // It takes an installation check's `script` for a boolean, and refuses a volume
    // check without one: so this product has neither.
    let product = Product { installation_check: None, minimum_macos: None, ..full_product() };
    let (bytes, summary) = product_bytes(&product, None);
    let mut reader = PkgReader::new(Cursor::new(bytes)).unwrap();
    assert_eq!(reader.flavor(), PkgFlavor::Product);
    let distribution = reader.distribution().unwrap().unwrap();
    assert_eq!(distribution.min_spec_version, 2);
    assert_eq!(distribution.choices_outline.line[0].lines.len(), 2);
    assert_eq!(distribution.pkg_ref[0].install_kbytes, Some(summary.components[0].install_kbytes));
    assert!(distribution.domains.unwrap().enable_local_system);

    let first = reader.resolve_component("first.pkg").unwrap().unwrap();
    let info = first.package_info().unwrap();
    assert_eq!((info.identifier.as_str(), info.version.as_str()), ("org.example.first", "1.2.3"));
    let stated = info.payload.as_ref().unwrap();
    assert_eq!(stated.number_of_files, summary.components[0].number_of_files);
    assert_eq!(stated.install_kbytes, summary.components[0].install_kbytes);
    let entries = payload_entries(&first);
    assert_eq!(entries.len() as u64, summary.components[0].number_of_files);
    let support = &entries["./Library/Application Support"];
    assert_eq!((support.mode, support.uid, support.gid, support.links), (0o40755, 0, 80, 3));
    assert_eq!(entries["./Library/Application Support/example/data"].content, vec![0xa5; 300_000]);
    let link = &entries["./Library/link"];
    assert_eq!((link.mode, link.content.as_slice()), (0o120_755, b"Application Support/example".as_slice()));
    let scripts = cpio_entries(first.scripts_reader().unwrap().unwrap());
    assert_eq!(scripts.keys().collect::<Vec<_>>(), [".", "./config.sh", "./postinstall"]);
    assert_eq!(scripts["./postinstall"].mode, 0o100_755);

    let second = reader.resolve_component("second.pkg").unwrap().unwrap();
    assert!(second.bom().is_none() && second.payload_reader().unwrap().is_none());
    assert!(!second.package_info().unwrap().scripts.scripts.is_empty());
}

#[test]
fn apple_flat_package_reads_a_component() {
    let bytes = component_bytes(&component("only", Some(payload()), None));
    let mut reader = PkgReader::new(Cursor::new(bytes)).unwrap();
    assert_eq!(reader.flavor(), PkgFlavor::Component);
    let only = reader.root_component().unwrap().unwrap();
    assert_eq!(payload_entries(&only).len(), payload().len() + 1);
}

#[test]
fn apple_xar_checks_every_digest() {
    let (bytes, summary) = product_bytes(&full_product(), None);
    let mut reader = apple_xar::reader::XarReader::new(Cursor::new(&bytes)).unwrap();
    assert!(reader.verify_table_of_contents_checksum().unwrap());
    assert_eq!(reader.checksum_data().unwrap(), summary.toc_digest);
    for (name, file) in reader.files().unwrap() {
        let Some(data) = &file.data else { continue };
        let mut plain = Vec::new();
        reader.write_file_data_decoded_from_file(&file, &mut plain).unwrap();
        let mut archived = Vec::new();
        reader.write_file_data_heap_from_file(&file, &mut archived).unwrap();
        for (bytes, stated) in [(&plain, &data.extracted_checksum), (&archived, &data.archived_checksum)] {
            let digest = stated.style.digest_data(bytes).unwrap();
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, stated.checksum, "{name}");
        }
    }
}

/// Fixed bytes in place of signatures; the certificates are those of a real package,
/// because `apple-xar` parses them.
struct FakeSigner(Vec<Vec<u8>>);

impl Signer for FakeSigner {
    fn certificates(&self) -> &[Vec<u8>] {
        &self.0
    }
    fn rsa_signature_len(&self) -> usize {
        256
    }
    fn cms_slot_len(&self) -> usize {
        flatpkg::xar::CMS_SLOT_LEN
    }
    fn sign_rsa(&self, _: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(vec![1; 256])
    }
    fn sign_cms(&self, _: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(vec![2; 9000])
    }
}

#[test]
fn apple_xar_finds_the_signatures() {
    let Some(reference) = crate::support::reference("signed-modern.head.xar") else { return };
    let reference = std::fs::read(reference).unwrap();
    let mut real = apple_xar::reader::XarReader::new(Cursor::new(reference)).unwrap();
    let (_, certificates) = real.rsa_signature().unwrap().unwrap();
    let signer = FakeSigner(certificates.iter().map(|one| one.constructed_data().to_vec()).collect());
    let (bytes, _) = product_bytes(&full_product(), Some(&signer));
    let mut reader = apple_xar::reader::XarReader::new(Cursor::new(&bytes)).unwrap();
    let (signature, read_back) = reader.rsa_signature().unwrap().unwrap();
    assert_eq!(signature, [1; 256]);
    assert_eq!(read_back, certificates);
    let toc = reader.table_of_contents();
    let (rsa, cms) = (toc.signature.as_ref().unwrap(), toc.x_signature.as_ref().unwrap());
    assert_eq!((toc.checksum.offset, toc.checksum.size), (0, 20));
    assert_eq!((rsa.offset, rsa.size), (20, 256));
    assert_eq!((cms.offset, cms.size), (276, 9216));
    let heap = reader.heap_start_offset() as usize;
    assert_eq!(bytes[heap + 276..heap + 9276], [2; 9000]);
    assert_eq!(bytes[heap + 9276..heap + 9492], [0; 216]);
    assert!(reader.verify_table_of_contents_checksum().unwrap());
}

#[test]
fn bsdtar_unpacks_all_of_it() {
    let Some(bsdtar) = tool("bsdtar") else { return };
    let (bytes, _) = product_bytes(&full_product(), None);
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("x.pkg");
    std::fs::write(&package, &bytes).unwrap();
    let listed = run(&bsdtar, &["-tf", package.to_str().unwrap()], b"");
    let listed = String::from_utf8(listed).unwrap();
    for name in ["first.pkg/Payload", "second.pkg/Scripts", "Resources/welcome.html", "Distribution"] {
        assert!(listed.lines().any(|line| line == name), "{name} in {listed}");
        let content = run(&bsdtar, &["-xOf", package.to_str().unwrap(), name], b"");
        assert_eq!(content, member(&bytes, name), "{name}");
    }
    let archive = member(&bytes, "first.pkg/Payload");
    let data = run(&bsdtar, &["-xOf", "-", "./Library/Application Support/example/data"], &archive);
    assert_eq!(data, vec![0xa5; 300_000]);
}

#[test]
fn seven_zip_tests_it() {
    let Some(seven_zip) = tool("7z") else { return };
    let (bytes, _) = product_bytes(&full_product(), None);
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("x.pkg");
    std::fs::write(&package, &bytes).unwrap();
    let package = package.to_str().unwrap();
    run(&seven_zip, &["t", "-txar", package], b"");
    let distribution = run(&seven_zip, &["x", "-txar", "-so", package, "Distribution"], b"");
    assert_eq!(distribution, member(&bytes, "Distribution"));
}

#[test]
fn gzip_and_cpio_read_payload_and_scripts() {
    let (Some(gzip), Some(cpio)) = (tool("gzip"), tool("cpio")) else { return };
    let (bytes, _) = product_bytes(&full_product(), None);
    for (name, count) in [("first.pkg/Payload", 8), ("first.pkg/Scripts", 3), ("second.pkg/Scripts", 3)] {
        let archive = member(&bytes, name);
        run(&gzip, &["-t"], &archive);
        let plain = run(&gzip, &["-dc"], &archive);
        assert_eq!(plain.len() % 512, 0);
        let listed = run(&cpio, &["-it", "--quiet"], &plain);
        assert_eq!(String::from_utf8(listed).unwrap().lines().count(), count, "{name}");
    }
}

#[test]
fn xmllint_accepts_every_document() {
    let Some(xmllint) = tool("xmllint") else { return };
    let (bytes, _) = product_bytes(&full_product(), None);
    let toc = apple_xar::reader::XarReader::new(Cursor::new(&bytes))
        .unwrap()
        .table_of_contents_decoded_data()
        .unwrap();
    run(&xmllint, &["--noout", "-"], &toc);
    for name in ["Distribution", "first.pkg/PackageInfo", "second.pkg/PackageInfo"] {
        run(&xmllint, &["--noout", "-"], &member(&bytes, name));
    }
    // Escaped text comes back as it was.
    let script = run(&xmllint, &["--xpath", "string(//script)", "-"], &member(&bytes, "Distribution"));
    assert_eq!(String::from_utf8(script).unwrap().trim_end(), "function check() { return 1 < 2 && true; }");
}

#[test]
fn the_same_product_is_the_same_bytes_with_any_number_of_threads() {
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| product_bytes(&full_product(), None).0)
    };
    let one = with_threads(1);
    assert!(one == with_threads(2) && one == with_threads(7));
}
