//! Our readers over what others wrote, and over what has been damaged.

use std::io::{Cursor, Read, Seek};

use flatpkg::bom::Bom;
use flatpkg::product::PackageFacts;
use flatpkg::xar::ticket;
use flatpkg::xar::{Archive, XarReadError};
use proptest::prelude::*;

use super::*;
use crate::support::{reference, tool};

/// The largest Bom that these tests take into memory.
const BOM_LIMIT: u64 = 1 << 20;

#[test]
fn the_heads_of_apples_packages() {
    for (name, created, names, payload_offset) in [
        ("signed-modern.head.xar", "2026-06-17T12:07:00", 2, 12_581),
        ("signed-legacy.head.xar", "2020-10-23T13:46:10", 1, 12_266),
    ] {
        let Some(path) = reference(name) else { return };
        let mut input = Cursor::new(std::fs::read(path).unwrap());
        let archive = Archive::read(&mut input).unwrap();
        assert_eq!((archive.header.version, archive.header.checksum_algorithm), (1, 1));
        let toc = &archive.toc;
        assert_eq!(toc.creation_time.as_deref(), Some(created));
        let checksum = toc.checksum.as_ref().unwrap();
        assert_eq!((checksum.style.as_str(), checksum.offset, checksum.size), ("sha1", 0, 20));
        let slots: Vec<_> = toc
            .signatures
            .iter()
            .map(|one| (one.element.as_str(), one.style.as_str(), one.offset, one.size))
            .collect();
        assert_eq!(slots, [("signature", "RSA", 20, 256), ("x-signature", "CMS", 276, 9216)]);
        for signature in &toc.signatures {
            assert_eq!(signature.certificates.len(), 3);
            assert!(signature.certificates.iter().all(|one| one[..2] == [0x30, 0x82]));
            let bytes = archive.heap(&mut input, "x", signature.offset, signature.size, 9216).unwrap();
            assert_eq!(bytes.len() as u64, signature.size);
        }
        let listed: Vec<&str> = toc.files.iter().map(|file| file.name()).collect();
        assert_eq!(listed, ["PackageInfo", "Scripts", "Payload", "Bom"]);
        let text = std::str::from_utf8(&archive.toc_plain).unwrap();
        assert!(listed.iter().all(|name| text.matches(&format!("<name>{name}</name>")).count() == names));
        assert!(archive.findings.is_empty(), "{:?}", archive.findings);
        let payload = archive.find("Payload").unwrap();
        let data = payload.data.as_ref().unwrap();
        assert_eq!((data.offset, data.size), (payload_offset, data.length));
        assert_eq!(data.archived_checksum, data.extracted_checksum);
        assert!(archive.duplicate_paths().is_empty());
        // The head ends where the first member would start.
        let error = archive.content(
            &mut input,
            "Bom",
            archive.find("Bom").unwrap().data.as_ref().unwrap(),
            BOM_LIMIT,
        );
        assert!(matches!(error, Err(XarReadError::OutOfHeap { .. })));
    }
}

#[test]
fn the_tickets_of_apples_packages() {
    for name in ["signed-modern.ticket-trailer.bin", "signed-legacy.ticket-trailer.bin"] {
        let Some(path) = reference(name) else { return };
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(ticket::framed_len(bytes.last_chunk().unwrap()), Some(bytes.len() as u64));
        let ticket = ticket::read(&bytes).unwrap();
        assert_eq!(ticket.certificates.len(), 2);
        assert_eq!(ticket.entries[0].digest_type, 1);

        // Stapled to a package of ours, it is what follows the heap.
        let (mut package, _) = product_bytes(&full_product(), None);
        package.extend_from_slice(&bytes);
        let mut input = Cursor::new(package);
        let archive = Archive::read(&mut input).unwrap();
        assert_eq!(archive.trailer(&mut input, 4096).unwrap(), bytes);
    }
}

#[test]
fn apples_boms() {
    for (name, count, out_of_order) in [("apple-component.bom", 43, None), ("apple-product.bom", 10, None)] {
        let Some(path) = reference(name) else { return };
        let bytes = std::fs::read(path).unwrap();
        let bom = Bom::read(&bytes).unwrap();
        assert_eq!((bom.count(), bom.stated_paths as usize), (count, count));
        assert_eq!(bom.first_out_of_order, out_of_order);
        assert_eq!(bom.info.as_ref().unwrap().number_of_paths as usize, count + 1);
        let parsed = apple_bom::format::ParsedBom::parse(&bytes).unwrap();
        for (ours, theirs) in bom.paths().zip(parsed.paths().unwrap()) {
            assert_eq!(bom.path(&ours).unwrap(), theirs.path());
            assert_eq!(ours.size as usize, theirs.size());
            assert_eq!(ours.mode, theirs.file_mode());
            assert_eq!(i64::from(ours.mtime), theirs.modified_time().timestamp());
        }
    }
}

/// Everything in a package, through our readers; panics or errors are the reader's.
fn read_everything<R: Read + Seek>(input: &mut R) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let package = PackageFacts::read(input)?;
    let archive = &package.archive;
    let mut seen = Vec::new();
    for component in &package.components {
        let info = component.package_info.as_ref();
        seen.push(info.and_then(|info| info.identifier.clone()).unwrap_or_default());
        if let Some(data) = &component.bom {
            let bytes = archive.content(input, "Bom", data, BOM_LIMIT)?;
            let bom = Bom::read(&bytes)?;
            seen.extend(bom.paths().filter_map(|path| bom.path(&path)));
        }
        for data in [&component.payload, &component.scripts].into_iter().flatten() {
            let mut reader = flatpkg::payload::open(archive, input, "archive", data)?;
            while let Some(entry) = reader.next_entry()? {
                std::io::copy(&mut (&mut reader).take(1 << 20), &mut std::io::sink())?;
                seen.push(entry.path);
            }
            reader.finish()?;
        }
    }
    for signature in &archive.toc.signatures {
        archive.heap(input, "signature", signature.offset, signature.size, 1 << 16)?;
    }
    archive.trailer(input, 1 << 16)?;
    archive.duplicate_paths();
    Ok(seen)
}

#[test]
fn a_package_of_ours() {
    let (bytes, summary) = product_bytes(&full_product(), None);
    let mut input = Cursor::new(bytes);
    let package = PackageFacts::read(&mut input).unwrap();
    let distribution = package.distribution.as_ref().unwrap();
    assert_eq!(distribution.title.as_deref(), Some("Examples & <others>"));
    assert_eq!(distribution.host_architectures.as_deref(), Some("arm64,x86_64"));
    assert_eq!(distribution.minimum_macos, ["13.0"]);
    assert_eq!(distribution.installation_check.as_deref(), Some("check()"));
    assert_eq!(distribution.scripts, ["function check() { return 1 < 2 && true; }"]);
    assert_eq!(distribution.outline, ["default", "org.example.first", "org.example.second"]);
    assert_eq!(distribution.pages.len(), 4);
    let locations: Vec<&str> =
        distribution.package_references.iter().map(|one| one.location.as_str()).collect();
    assert_eq!(locations, ["#first.pkg", "#second.pkg"]);
    assert_eq!(
        package.resources,
        ["Resources/welcome.html", "Resources/conclusion.html", "Resources/back.png"]
    );
    let [first, second] = package.components.as_slice() else { panic!() };
    let info = first.package_info.as_ref().unwrap();
    assert_eq!(info.number_of_files, Some(summary.components[0].number_of_files));
    assert_eq!(info.hooks[0].timeout, Some(600));
    assert!(second.payload.is_none() && second.bom.is_none() && second.scripts.is_some());
    assert!(package.archive.trailer(&mut input, 0).unwrap().is_empty());

    let seen = read_everything(&mut input).unwrap();
    let twice = seen.iter().filter(|path| *path == "./Library/Application Support").count();
    assert_eq!(twice, 2, "once in the Bom, once in the payload: {seen:?}");
}

#[test]
fn a_package_of_embala() {
    let (ours, theirs) = super::embala::both();
    let sorted = |bytes: Vec<u8>| {
        let mut seen = read_everything(&mut Cursor::new(bytes)).unwrap();
        seen.sort_unstable();
        seen
    };
    assert_eq!(sorted(ours), sorted(theirs));
}

/// bsdtar writes other digests, another order, folders within folders and times.
#[test]
fn an_archive_of_bsdtar() {
    let Some(bsdtar) = tool("bsdtar") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/file"), b"content").unwrap();
    let at = folder.path().to_str().unwrap();
    for (style, algorithm) in [("sha1", 1), ("md5", 2)] {
        let option = format!("xar:checksum={style},xar:toc-checksum={style}");
        let bytes = run(&bsdtar, &["--format", "xar", "--options", &option, "-cf", "-", "-C", at, "a"], b"");
        let mut input = Cursor::new(bytes);
        let archive = Archive::read(&mut input).unwrap();
        assert_eq!(archive.header.checksum_algorithm, algorithm);
        assert_eq!(archive.toc.checksum.as_ref().unwrap().style, style);
        let data = archive.find("a/b/file").unwrap().data.as_ref().unwrap();
        assert_eq!(archive.content(&mut input, "file", data, 7).unwrap(), b"content");
        assert!(matches!(archive.content(&mut input, "file", data, 6), Err(XarReadError::TooLarge { .. })));
    }
}

#[test]
fn names_that_stand_twice_and_deep_folders() {
    use embala_pkg::{XarEntry, XarEntryKind};
    let file = |name| XarEntry { name, kind: XarEntryKind::File { data: b"x", mode: 0o644, store: true } };
    let folder = |name, children| XarEntry { name, kind: XarEntryKind::Directory { mode: 0o755, children } };
    let inner = folder("inner", vec![file("a"), file("b"), file("a")]);
    let entries = [folder("outer", vec![inner]), file("a"), file("outer")];
    let mut bytes = Vec::new();
    embala_pkg::write_xar(&entries, &mut bytes).unwrap();
    let archive = Archive::read(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(archive.duplicate_paths(), ["outer", "outer/inner/a"]);
    assert_eq!(archive.files().len(), 7);
    assert!(archive.find("outer/inner/b").is_some() && archive.find("outer/inner/c").is_none());

    // As deep as folders go, and one more.
    for (depth, fits) in [(16, true), (17, false)] {
        let nested = (0..depth).fold(file("a"), |entry, _| folder("f", vec![entry]));
        let mut bytes = Vec::new();
        embala_pkg::write_xar(&[nested], &mut bytes).unwrap();
        assert_eq!(Archive::read(&mut Cursor::new(&bytes)).is_ok(), fits, "{depth}");
    }
}

#[test]
fn a_toc_with_sha_256() {
    let package = small_package();
    let archive = Archive::read(&mut Cursor::new(&package)).unwrap();
    let toc = String::from_utf8(archive.toc_plain.clone()).unwrap();
    let toc = toc.replace("style=\"sha1\"", "style=\"sha256\"").replace("<size>20</size>", "<size>32</size>");
    let mut rebuilt = with_toc(&package, &archive, toc.as_bytes());
    rebuilt[24..28].copy_from_slice(&3u32.to_be_bytes());
    let archive = Archive::read(&mut Cursor::new(&rebuilt)).unwrap();
    assert_eq!(archive.header.checksum_algorithm, 3);
    let checksum = archive.toc.checksum.unwrap();
    assert_eq!((checksum.style.as_str(), checksum.size), ("sha256", 32));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_packages_do_not_panic(
        length in 0.0..1.2f64,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = small_package();
        let length = (bytes.len() as f64 * length) as usize;
        bytes.resize(length.max(1), 0);
        for (position, value) in flips {
            let position = position.index(bytes.len());
            bytes[position] ^= value;
        }
        let _ = read_everything(&mut Cursor::new(bytes));
    }

    /// Damage behind the compression, where most of the parsing is.
    #[test]
    fn damaged_tocs_do_not_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        swap in prop::option::of((any::<prop::sample::Index>(), "[0-9]{1,20}")),
    ) {
        let package = small_package();
        let archive = Archive::read(&mut Cursor::new(&package)).unwrap();
        let mut toc = archive.toc_plain.clone();
        match swap {
            // Another number in the place of one.
            Some((place, number)) => {
                let text = String::from_utf8(toc).unwrap();
                let places: Vec<usize> = text.match_indices("<offset>").map(|(at, tag)| at + tag.len())
                    .chain(text.match_indices("<length>").map(|(at, tag)| at + tag.len()))
                    .chain(text.match_indices("<size>").map(|(at, tag)| at + tag.len())).collect();
                let start = places[place.index(places.len())];
                let end = start + text[start..].find('<').unwrap();
                toc = format!("{}{number}{}", &text[..start], &text[end..]).into_bytes();
            }
            None => for (position, value) in flips {
                let position = position.index(toc.len());
                toc[position] ^= value;
            },
        }
        let rebuilt = with_toc(&package, &archive, &toc);
        let _ = read_everything(&mut Cursor::new(rebuilt));
    }

    #[test]
    fn damaged_boms_do_not_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in 0.5..1.0f64,
    ) {
        let package = small_package();
        let mut bom = member(&package, "small.pkg/Bom");
        // Most of a Bom is zeros; the header, the index and the end matter.
        let used: Vec<usize> = (0..bom.len()).filter(|at| bom[*at] != 0).collect();
        for (position, value) in flips {
            bom[used[position.index(used.len())]] ^= value;
        }
        if let Ok(read) = Bom::read(&bom) {
            read.paths().for_each(|path| { read.path(&path); });
        }
        let _ = Bom::read(&bom[..(bom.len() as f64 * length) as usize]);
    }

    #[test]
    fn damaged_archives_do_not_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in 0.0..1.0f64,
    ) {
        let mut tree = Vec::new();
        flatpkg::cpio::write(&scripts(), &mut tree).unwrap();
        for (position, value) in flips {
            let position = position.index(tree.len());
            tree[position] ^= value;
        }
        tree.truncate((tree.len() as f64 * length) as usize);
        let mut reader = flatpkg::cpio::ArchiveReader::new(tree.as_slice());
        while let Ok(Some(_)) = reader.next_entry() {
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
        }
        let _ = reader.rest();
    }
}

/// The same for every case, so it is made once.
fn small_package() -> Vec<u8> {
    static PACKAGE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        product_bytes(&product(vec![component("small", Some(scripts()), Some(scripts()))]), None).0
    });
    PACKAGE.clone()
}

/// The package with another TOC, as the header needs it.
fn with_toc(package: &[u8], archive: &Archive, toc: &[u8]) -> Vec<u8> {
    // zlib's stored blocks need no compressor.
    let mut compressed = vec![0x78, 0x01];
    for chunk in toc.chunks(0xffff) {
        compressed.push(0);
        compressed.extend_from_slice(&(chunk.len() as u16).to_le_bytes());
        compressed.extend_from_slice(&(!(chunk.len() as u16)).to_le_bytes());
        compressed.extend_from_slice(chunk);
    }
    compressed.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    let (mut a, mut b) = (1u32, 0u32);
    for byte in toc {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    compressed.extend_from_slice(&(b << 16 | a).to_be_bytes());
    let mut rebuilt = package[..8].to_vec();
    rebuilt.extend_from_slice(&(compressed.len() as u64).to_be_bytes());
    rebuilt.extend_from_slice(&(toc.len() as u64).to_be_bytes());
    rebuilt.extend_from_slice(&package[24..28]);
    rebuilt.extend_from_slice(&compressed);
    rebuilt.extend_from_slice(&package[archive.heap_start as usize..]);
    rebuilt
}

#[test]
fn a_rebuilt_toc_is_read_back() {
    let package = small_package();
    let archive = Archive::read(&mut Cursor::new(&package)).unwrap();
    let rebuilt = with_toc(&package, &archive, &archive.toc_plain);
    assert_eq!(
        read_everything(&mut Cursor::new(rebuilt)).unwrap(),
        read_everything(&mut Cursor::new(package)).unwrap()
    );
}
