//! Writes the inputs that the targets start from: of packages made here, and of
//! those named as arguments; into `corpus/` where it is run.

use std::error::Error;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::time::SystemTime;

use flatpkg::component::ComponentFacts;
use flatpkg::gzip::Decoder;
use flatpkg::product::PackageFacts;
use flatpkg::tree::{Owner, Tree};
use flatpkg::xar::{Archive, TocData};
use flatpkg::{Component, Product, Signer};
use lima_autostart_fuzz::{gzip, joined, managed, signed_archive, signed_digest, zlib};
use xtask::sign::code::sign;
use xtask::sign::{CodeSigner, PackageSigner, Purpose, development_identity, development_identity_for};
use xtask::verify::signature;

/// The longest content that a seed takes over: small inputs are changed sooner.
const SEED_MAX: u64 = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let identity = development_identity(Path::new("target"), SystemTime::now())?;
    let signer = PackageSigner::new(identity, SystemTime::now(), None);
    let mut packages = vec![("unsigned".to_owned(), own(None)?), ("signed".to_owned(), own(Some(&signer))?)];
    for path in std::env::args().skip(1) {
        let name = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        packages.push((name, fs::read(&path)?));
    }
    for (name, package) in &packages {
        seeds_of(name, package).map_err(|error| format!("{name}: {error}"))?;
    }
    packings()?;
    programs()?;
    let managed = managed::contents();
    save("managers", "own", &joined(&managed))?;
    let signed = signer.sign_profile(managed[2].clone()).map_err(|error| error.to_string())?;
    save("managers", "signed-profile", &joined(&[&[][..], &[], &signed]))?;
    let certificates: Vec<&[u8]> = signer.certificates().iter().map(Vec::as_slice).collect();
    let digest = signed_digest(&certificates);
    let (rsa, cms) = (signer.sign_rsa(&digest), signer.sign_cms(&digest));
    let (rsa, cms) = (rsa.map_err(|error| error.to_string())?, cms.map_err(|error| error.to_string())?);
    let mut parts = vec![&[][..], &rsa, &cms];
    parts.extend(&certificates);
    save_signed("own", &parts)
}

/// Writes a seed whose signatures must hold: others do not lead far.
fn save_signed(name: &str, parts: &[&[u8]]) -> Result<(), Box<dyn Error>> {
    let package = signed_archive(parts).ok_or("the target makes no archive of it")?;
    let mut input = Cursor::new(package);
    let archive = Archive::read(&mut input)?;
    let signatures = signature::read(&archive, &mut input).ok_or("it is not signed")?;
    signatures.rsa.transpose()?;
    if let Some(Err(fault)) = signatures.cms.transpose()?.and_then(|cms| cms.timestamp) {
        return Err(fault.into());
    }
    save("certificate", name, &joined(parts))
}

/// Programs for each processor, signed in each way by nobody.
fn programs() -> Result<(), Box<dyn Error>> {
    use macho::write::{AdHoc, Processor, Program, lima_entitlements};
    let full = AdHoc { entitlements: Some(lima_entitlements()), runtime: true, ..AdHoc::new("limactl") };
    let [arm, intel, old, power] =
        [Processor::Arm64, Processor::X86_64, Processor::I386, Processor::PowerPc].map(Program::new);
    save("macho", "unsigned", &arm.unsigned())?;
    save("macho", "linker", &intel.ad_hoc(&AdHoc::by_linker("a.out")))?;
    save("macho", "full", &intel.ad_hoc(&full))?;
    save("macho", "big-endian", &power.ad_hoc(&full))?;
    let both = macho::universal(&[old.ad_hoc(&full), arm.ad_hoc(&full)]).ok_or("no images")?;
    save("macho", "universal", &both)?;
    let now = SystemTime::now();
    let identity = development_identity_for(Purpose::Application, Path::new("target"), now)?;
    let signer = CodeSigner::new(identity, now, None);
    save("code", "signed", &sign(&signer, "limactl", intel.ad_hoc(&full))?)?;
    save("code", "universal", &sign(&signer, "limactl", both)?)?;
    save("code", "ad-hoc", &intel.ad_hoc(&full))
}

/// Writes a seed of a target.
fn save(target: &str, name: &str, input: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = Path::new("corpus").join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed-{name}")), input)?)
}

/// A binary property list: the dictionary that gives `Label` the text `b`.
const BINARY_LIST: &[u8] = b"bplist00\xd1\x01\x02\x55Label\x51b\x08\x0b\x11\
    \0\0\0\0\0\0\x01\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13";

/// "content of a stream", as bzip2, `xz -9` and `xz --format=lzma` write it.
const BZIP2: &[u8] = b"BZh91AY&SY\x15\xddQ1\x00\x00\x02\x91\x80@\x00+\x03\x9c\x00 \x00\x22\x01\x91\xa0\x80i\xa6\x8b\xea\xa0PDI\xd1)\xbb\xc5\xdc\x91N\x14$\x05wTL@";
const XZ: &[u8] =
    b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x1c\x00\x00\x00\x10\xcfX\xcc\x01\x00\x12content of a stream\x00\x00\x8a\xa3\xbc\x19\x9bS1\xc0\x00\x01+\x13\x9c\x09H\xd2\x1f\xb6\xf3}\x01\x00\x00\x00\x00\x04YZ";
const LZMA: &[u8] = b"]\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x001\x9b\xca\x19\xda\xed\xa4\xf2\xbb|[\xe1\xc0\xa0\xed\x9e\x98\x0a6\xc3$^4\xff\xf4X\xb0\x00";
/// A folder, a file and the trailer in the format crc.
fn crc() -> Vec<u8> {
    let mut out = Vec::new();
    for (name, mode, content) in
        [("d", 0o040_755, &b""[..]), ("d/a", 0o100_644, b"abc"), ("TRAILER!!!", 0, b"")]
    {
        let sum: u32 = content.iter().map(|byte| u32::from(*byte)).sum();
        let header = format!(
            "070702{:08x}{mode:08x}{:016x}{:08x}{:08x}{:08x}{:032x}{:08x}{sum:08x}{name}\0",
            0,
            0,
            1,
            0,
            content.len(),
            0,
            name.len() + 1
        );
        for bytes in [header.as_bytes(), content] {
            out.extend_from_slice(bytes);
            out.resize(out.len().next_multiple_of(4), 0);
        }
    }
    out
}

/// What the targets `unpack` and `payload` start from, packed in every way.
fn packings() -> Result<(), Box<dyn Error>> {
    let chunk =
        |size: u64, bytes: &[u8]| [&size.to_be_bytes(), &(bytes.len() as u64).to_be_bytes(), bytes].concat();
    let head = b"pbzx\0\0\0\0\x01\0\0\0";
    let gzips = [gzip(b"content"), gzip(b"of a stream")].concat();
    let pbzx = [&head[..], &chunk(19, XZ), &chunk(3, b"abc")].concat();
    let crc = crc();
    let crc_pbzx = [&head[..], &chunk(crc.len() as u64, &crc)].concat();
    for (choice, name, packed) in [
        (0, "gzips", gzips.as_slice()),
        (0, "bzip2", BZIP2),
        (0, "xz", XZ),
        (0, "pbzx", &pbzx),
        (1, "gzip", &gzips),
        (2, "zlib", &zlib(b"content")),
        (3, "bzip2-one", BZIP2),
        (4, "xz-one", XZ),
        (5, "lzma", LZMA),
    ] {
        save("unpack", name, &[&[choice], packed].concat())?;
    }
    save("payload", "crc", &crc)?;
    save("payload", "crc-gzip", &gzip(&crc))?;
    save("payload", "crc-pbzx", &crc_pbzx)
}

/// A product with everything that the checks look at, and little of it.
fn own(signer: Option<&dyn Signer>) -> Result<Vec<u8>, Box<dyn Error>> {
    let root = Owner::ROOT_WHEEL;
    let mut payload = Tree::new(0);
    payload.directories("Library/LaunchDaemons", 0o755, root)?;
    let job = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Label</key><string>a</string>\
               <key>ProgramArguments</key><array><string>/bin/true</string></array></dict></plist>";
    payload.file("Library/LaunchDaemons/a.plist", 0o644, root, job.as_bytes().to_vec())?;
    payload.file("Library/LaunchDaemons/b.plist", 0o644, root, BINARY_LIST.to_vec())?;
    payload.symlink("Library/link", "LaunchDaemons/a.plist", root)?;
    let mut scripts = Tree::new(0);
    scripts.file("postinstall", 0o755, root, b"#!/bin/sh\n".to_vec())?;
    let product = Product {
        title: "A".to_owned(),
        identifier: "com.example.a".to_owned(),
        version: "1".to_owned(),
        host_architectures: vec!["arm64".to_owned()],
        components: vec![Component {
            file_name: "a.pkg".to_owned(),
            identifier: "com.example.a".to_owned(),
            version: "1".to_owned(),
            install_location: "/".to_owned(),
            payload: Some(payload),
            scripts: Some(scripts),
            script_timeout: 600,
            generator: "seed".to_owned(),
            choice: None,
        }],
        ..Product::default()
    };
    let mut out = Vec::new();
    flatpkg::write_product(&product, 0, signer, &mut Cursor::new(Vec::new()), &mut out)?;
    Ok(out)
}

/// Takes a package apart into seeds. Of a package of which only the beginning is
/// there, what is there.
fn seeds_of(name: &str, package: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut input = Cursor::new(package);
    let archive = Archive::read(&mut input)?;
    let heap = &package[archive.heap_start as usize..];
    if package.len() as u64 <= SEED_MAX {
        save("xar", &format!("{name}-whole"), package)?;
        save("xar", name, &joined(&[&archive.toc_plain, heap]))?;
        save("verify", &format!("{name}-toc"), &joined(&[&archive.toc_plain, heap]))?;
    }
    let mut slot = |style: &str| {
        let signature = archive.toc.signatures.iter().find(|one| one.style == style)?;
        archive.heap(&mut input, style, signature.offset, signature.size, SEED_MAX).ok()
    };
    if let (Some(rsa), Some(cms)) = (slot("RSA"), slot("CMS")) {
        save_signed(name, &[&archive.toc_compressed, &rsa, &cms])?;
    }
    let Ok(facts) = PackageFacts::read(&mut input) else { return Ok(()) };
    let mut plain = |data: Option<&TocData>, packed: bool| -> Vec<u8> {
        let content = data.and_then(|data| facts.archive.content(&mut input, name, data, SEED_MAX).ok());
        let content = content.unwrap_or_default();
        if !packed {
            return content;
        }
        let mut plain = Vec::new();
        let whole = Decoder::new(content.as_slice()).take(SEED_MAX).read_to_end(&mut plain);
        whole.map(|_| plain).unwrap_or_default()
    };
    let distribution = facts.archive.find("Distribution").and_then(|file| file.data.as_ref());
    let distribution = plain(distribution, false);
    for ComponentFacts { folder, bom, payload, scripts, .. } in &facts.components {
        let info = facts.archive.find(format!("{folder}/PackageInfo").trim_start_matches('/'));
        let info = plain(info.and_then(|file| file.data.as_ref()), false);
        let (bom, packed) = (plain(bom.as_ref(), false), plain(payload.as_ref(), false));
        let (payload, scripts) = (plain(payload.as_ref(), true), plain(scripts.as_ref(), true));
        let name = format!("{name}-{}", folder.replace('/', "-"));
        let parts = [&distribution, &info, &bom, &payload, &scripts, &Vec::new()];
        save("verify", &name, &joined(&parts))?;
        save("bom", &name, &bom)?;
        save("cpio", &format!("{name}-gzip"), &packed)?;
        save("payload", &name, &packed)?;
        save("cpio", &format!("{name}-payload"), &payload)?;
        save("cpio", &format!("{name}-scripts"), &scripts)?;
    }
    Ok(())
}
