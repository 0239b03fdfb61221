//! Writes the inputs that the target `linux` starts from into `corpus/` where it is run:
//! a small package of each format, as it is, and packed with nothing.

use std::error::Error;
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use linuxpkg::rpm::{LEAD_LEN, Start, tag};
use linuxpkg::{
    Change, Content, Copyright, DebScripts, Depends, Entry, Package, Relation, Relations, RpmScripts,
    Scripts, arch, deb, rpm,
};

/// Bytes of the header of a member of ar.
const AR_HEADER_LEN: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let package = package();
    let (deb, rpm, arch) = (deb::write(&package)?, rpm::write(&package)?, arch::write(&package)?);
    let mut plain = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(arch.as_slice())?.read_to_end(&mut plain)?;
    for (choice, name, package) in [
        (0, "deb", &deb),
        (0, "deb-plain", &plain_deb(&deb)?),
        (1, "rpm", &rpm),
        (1, "rpm-plain", &plain_rpm(&rpm)?),
        (2, "arch", &arch),
        (2, "arch-plain", &plain),
        (3, "any-deb", &deb),
        (3, "any-arch", &arch),
    ] {
        fs::create_dir_all("corpus/linux")?;
        fs::write(format!("corpus/linux/seed-{name}"), [&[choice], package.as_slice()].concat())?;
    }
    Ok(())
}

fn package() -> Package {
    let script = Some("#!/bin/sh\n:\n".to_owned());
    let relations =
        || Relations { requires: vec![Relation::at_least("systemd", "252")], ..Relations::default() };
    let entry = |path: &str, content| Entry { path: path.to_owned(), mode: 0o644, content };
    Package {
        name: "example".to_owned(),
        version: "1.0".to_owned(),
        release: "1".to_owned(),
        maintainer: "A <a@example.org>".to_owned(),
        summary: "An example".to_owned(),
        description: vec!["For a fuzzer.".to_owned()],
        homepage: Some("https://example.org/".to_owned()),
        license: "MIT".to_owned(),
        copyright: Copyright { holders: vec!["2026 A".to_owned()], text: "Text.".to_owned() },
        files: vec![
            entry("usr/lib/example", Content::Folder),
            entry("usr/lib/example/file", Content::File(b"content\n".to_vec())),
            entry("usr/lib/example/link", Content::Link("file".to_owned())),
        ],
        scripts: Scripts {
            deb: DebScripts { postinst: script.clone(), ..DebScripts::default() },
            rpm: RpmScripts { post: script, ..RpmScripts::default() },
            arch: Some("post_install() { :; }\n".to_owned()),
        },
        depends: Depends { deb: relations(), rpm: relations(), arch: relations() },
        changes: vec![Change { version: "1.0-1".to_owned(), time: 1, lines: vec!["New.".to_owned()] }],
        time: 1,
    }
}

/// The members unpacked, under names without `.gz`.
fn plain_deb(deb: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let (magic, mut rest) = deb.split_at(8);
    let mut out = magic.to_vec();
    while rest.len() >= AR_HEADER_LEN {
        let (header, body) = rest.split_at(AR_HEADER_LEN);
        let length: usize = std::str::from_utf8(&header[48..58])?.trim().parse()?;
        let name = std::str::from_utf8(&header[..16])?.trim();
        let mut content = body[..length].to_vec();
        if name.ends_with(".gz") {
            content.clear();
            GzDecoder::new(&body[..length]).read_to_end(&mut content)?;
        }
        let name = name.trim_end_matches(".gz");
        out.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 1, 0, 0, "100644", content.len()).bytes(),
        );
        out.extend(&content);
        out.resize(out.len().next_multiple_of(2), b'\n');
        rest = body.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    Ok(out)
}

/// The payload unpacked, and no word on how it is packed.
fn plain_rpm(rpm: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let start = Start::read(&mut { rpm })?;
    let from = start.header_start as usize;
    let (before, payload) = rpm.split_at(from + start.header.bytes.len());
    let mut out = before.to_vec();
    let wanted = tag::PAYLOAD_COMPRESSOR.to_be_bytes();
    let at = out[from..].windows(4).position(|window| window == wanted).ok_or("no such tag")?;
    out[from + at..from + at + 4].copy_from_slice(&(tag::PAYLOAD_COMPRESSOR + 50).to_be_bytes());
    assert!(out.len() > LEAD_LEN);
    GzDecoder::new(payload).read_to_end(&mut out)?;
    Ok(out)
}
