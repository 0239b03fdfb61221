//! Reads an Arch package, anybody's and packed in any way.
//!
//! Must not know: the disk, what is installed.

use std::io::Read;

use flatpkg::Findings;
use flatpkg::gzip::Decoder;
use flatpkg::unpack::Budget;

use super::stated;
use crate::contents::{Collector, Contents, Each, Format, ReadError, SUMS_MAX, Script, check_paths, settle};
use crate::digest::Algorithm;
use crate::walk::{self, Archive, Document, Rules};

/// Documents that are known; pacman installs no path at the top that begins with a dot.
const DOCUMENTS: [&str; 5] = [".BUILDINFO", ".CHANGELOG", ".INSTALL", ".MTREE", ".PKGINFO"];
/// Keys that are there once.
const SINGLE: [&str; 8] = ["pkgname", "pkgbase", "pkgver", "pkgdesc", "url", "builddate", "size", "arch"];
/// Keys that name other packages.
const RELATIONS: [&str; 5] = ["depend", "optdepend", "provides", "conflict", "replaces"];

/// Reads a package, whose content it hands to `each`.
///
/// # Errors
/// What cannot be read as a package at all, and what `each` reports.
pub fn read(input: impl Read, budget: &Budget, each: &mut Each<'_>) -> Result<Contents, ReadError> {
    let mut contents = Contents::new(Format::Arch);
    let mut collector = Collector::new(each, &[Algorithm::Md5, Algorithm::Sha256]);
    let mut documents = Vec::new();
    let rules = Rules { is_document: |path| path.starts_with('.') && !path.contains('/'), sums: ".MTREE" };
    let place = Archive { part: "the package", said: None, budget, rules: &rules };
    let walked = walk::tar(input, &place, &mut collector, &mut documents, &mut contents.archive);
    let is_one = documents.iter().any(|one| one.path == ".PKGINFO");
    match (settle(walked.map(drop), "the package", &mut contents.archive), is_one) {
        (Err(error), _) => return Err(error),
        (Ok(()), true) => {}
        (Ok(()), false) => {
            let fault = contents.archive.iter().next().map(|finding| format!(": {}", finding.text));
            return Err(ReadError::Damaged(format!("it has no .PKGINFO{}", fault.unwrap_or_default())));
        }
    }
    contents.files = collector.files;
    check_paths(&contents.files, &mut contents.path_findings);
    describe(&documents, &mut contents);
    Ok(contents)
}

fn describe(documents: &[Document], contents: &mut Contents) {
    let find = |name: &str| documents.iter().find(|one| one.path == name);
    let text = |name: &str| find(name).map(|one| String::from_utf8_lossy(&one.content).into_owned());
    for odd in documents.iter().filter(|one| !DOCUMENTS.contains(&one.path.as_str())) {
        contents.archive.note(&odd.path, "is a document that pacman does not know");
    }
    contents.fields = parse(&text(".PKGINFO").unwrap_or_default(), ".PKGINFO", &mut contents.field_findings);
    let fields = std::mem::take(&mut contents.fields);
    let get = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    contents.maintainer = get("packager");
    contents.homepage = get("url");
    contents.summary = get("pkgdesc");
    contents.license = get("license");
    for (key, what) in [
        ("pkgname", &mut contents.name),
        ("pkgver", &mut contents.version),
        ("arch", &mut contents.architecture),
    ] {
        match get(key).filter(|value| !value.is_empty()) {
            Some(value) => *what = value,
            None => contents.field_findings.lie(key, "is missing in .PKGINFO"),
        }
    }
    for kind in RELATIONS {
        let of_kind = fields.iter().filter(|(key, _)| key == kind);
        contents.relations.extend(of_kind.cloned());
    }
    let backup = fields.iter().filter(|(key, _)| key == "backup");
    contents.configuration = backup.map(|(_, value)| value.clone()).collect();
    match text(".BUILDINFO") {
        None => contents.field_findings.note(".BUILDINFO", "is not there"),
        Some(text) => {
            let built = parse(&text, ".BUILDINFO", &mut contents.field_findings);
            for key in ["pkgname", "pkgver"] {
                let value = built.iter().find(|(one, _)| one == key).map(|(_, value)| value.as_str());
                if value != get(key).as_deref() {
                    let text = format!("is {:?} in .BUILDINFO", value.unwrap_or_default());
                    contents.field_findings.lie(key, text);
                }
            }
        }
    }
    contents.fields = fields;
    contents.scripts.extend(text(".INSTALL").map(|text| Script {
        name: ".INSTALL".to_owned(),
        program: None,
        text,
    }));
    match find(".MTREE") {
        None => contents.sum_findings.note(".MTREE", "is not there"),
        Some(mtree) => {
            let mut plain = Vec::new();
            let read = Decoder::new(mtree.content.as_slice()).take(SUMS_MAX + 1).read_to_end(&mut plain);
            match read {
                Err(error) => contents.sum_findings.lie(".MTREE", format!("cannot be unpacked: {error}")),
                Ok(_) if plain.len() as u64 > SUMS_MAX => {
                    contents.sum_findings.lie(".MTREE", format!("unpacks to more than {SUMS_MAX} bytes"));
                }
                Ok(_) => {
                    let text = String::from_utf8_lossy(&plain);
                    let findings = &mut contents.sum_findings;
                    contents.sums_checked = stated::check(&text, &contents.files, documents, findings);
                }
            }
        }
    }
}

/// Lines of `key = value`.
fn parse(text: &str, place: &str, findings: &mut Findings) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match line.split_once('=') {
            Some((key, value)) => {
                let key = key.trim();
                if SINGLE.contains(&key) && fields.iter().any(|(known, _)| known == key) {
                    findings.lie(key, format!("is twice in {place}"));
                }
                fields.push((key.to_owned(), value.trim().to_owned()));
            }
            None => findings.lie(place, format!("has a line that is not a key with a value: {line:.100?}")),
        }
    }
    fields
}
