//! Reads a `.deb`, anybody's.
//!
//! Must not know: the disk, what is installed.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use flatpkg::Findings;
use flatpkg::unpack::Budget;

use super::fields;
use crate::ar;
use crate::contents::{
    Collector, Contents, Each, FILES_MAX, FileKind, Flow, Format, ReadError, Script, check_paths, document,
    settle,
};
use crate::digest::Algorithm;
use crate::unpack::Packed;
use crate::walk::{self, Archive, Document, Rules};

/// Scripts that dpkg and debconf run.
const SCRIPTS: [&str; 5] = ["preinst", "postinst", "prerm", "postrm", "config"];
/// Longest first member in bytes.
const VERSION_MAX: u64 = 64;

/// Reads a package, whose content it hands to `each`.
///
/// # Errors
/// What cannot be read as a package at all, and what `each` reports.
pub fn read(mut input: impl Read, budget: &Budget, each: &mut Each<'_>) -> Result<Contents, ReadError> {
    let damaged = |error: std::io::Error| ReadError::Damaged(format!("the archive cannot be read: {error}"));
    let mut magic = [0; ar::MAGIC.len()];
    input.read_exact(&mut magic).map_err(damaged)?;
    if magic != *ar::MAGIC {
        return Err(ReadError::Unknown);
    }
    let mut archive = ar::Reader::new(input);
    let first = archive.next_member().map_err(damaged)?.filter(|member| member.name == "debian-binary");
    let first = first.ok_or_else(|| ReadError::Damaged("it is an ar archive, and no .deb".to_owned()))?;
    let version = match document(&mut archive, first.size, VERSION_MAX) {
        Ok(version) => version,
        Err(_) => return Err(ReadError::Damaged("its version cannot be read".to_owned())),
    };
    if !version.starts_with(b"2.") {
        let version = String::from_utf8_lossy(&version).into_owned();
        return Err(ReadError::Damaged(format!("its version is {version:?}, and 2 is read")));
    }
    let mut contents = Contents::new(Format::Deb);
    if version != b"2.0\n" {
        contents.archive.note("debian-binary", "has a version of later than 2.0");
    }
    let mut collector = Collector::new(each, &[Algorithm::Md5]);
    let mut documents = Vec::new();
    let flow = members(&mut archive, budget, &mut collector, &mut documents, &mut contents);
    settle(flow, "the archive", &mut contents.archive)?;
    contents.files = collector.files;
    check_paths(&contents.files, &mut contents.path_findings);
    describe(documents, &mut contents);
    Ok(contents)
}

/// Goes through the members: control and data once each, in this order.
fn members<R: Read>(
    archive: &mut ar::Reader<R>,
    budget: &Budget,
    collector: &mut Collector<'_, '_>,
    documents: &mut Vec<Document>,
    contents: &mut Contents,
) -> Result<(), Flow> {
    let control = Rules { is_document: |_| true, sums: "md5sums" };
    let data = Rules { is_document: |_| false, sums: "" };
    let mut wanted = ["control.tar", "data.tar"].into_iter().zip([control, data]);
    let mut next = wanted.next();
    while let Some(member) = archive.next_member().map_err(|error| Flow::Broken(error.to_string()))? {
        let name = member.name.as_str();
        let part = next.as_ref().and_then(|(start, _)| name.strip_prefix(start));
        let extension = part.map(|end| end.strip_prefix('.').unwrap_or(end));
        match (extension, &next) {
            (Some(extension), Some((_, rules))) => {
                let Some(packed) = Packed::of_extension(extension) else {
                    return Err(Flow::Broken(format!("{name:?} is packed in an unknown way")));
                };
                let before = collector.files.len();
                let findings = &mut contents.archive;
                let place = Archive { part: name, said: Some(packed), budget, rules };
                let walked = walk::tar(&mut *archive, &place, collector, documents, findings);
                settle(walked.map(drop), name, findings)?;
                if rules.sums == "md5sums" {
                    // What is not a regular file there is nothing that dpkg would take.
                    for odd in collector.files.drain(before..).filter(|file| file.kind != FileKind::Folder) {
                        contents.archive.lie(format!("{name}/{}", odd.path), "is not a regular file");
                    }
                }
                next = wanted.next();
            }
            _ if name.starts_with('_') => {
                contents.signatures.push(format!("{name}, {} bytes", member.size));
            }
            _ => contents.archive.lie(name, "is a member that dpkg does not look at"),
        }
    }
    match next {
        None => Ok(()),
        Some((missing, _)) => Err(Flow::Broken(format!("it has no {missing}"))),
    }
}

fn describe(documents: Vec<Document>, contents: &mut Contents) {
    let mut has_control = false;
    for document in documents {
        // A list of sums is long: it is not copied.
        let text = String::from_utf8(document.content)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        match document.path.as_str() {
            "control" => {
                has_control = true;
                contents.fields = fields::parse(&text, &mut contents.field_findings);
            }
            "md5sums" => {
                contents.sums_checked = sums(&text, contents.files.as_slice(), &mut contents.sum_findings);
            }
            "conffiles" => contents.configuration = text.lines().map(str::to_owned).collect(),
            name if SCRIPTS.contains(&name) => {
                contents.scripts.push(Script { name: name.to_owned(), program: None, text });
            }
            _ => {}
        }
    }
    if !has_control {
        contents.field_findings.lie("control", "is not there");
    }
    fields::describe(contents);
}

/// Holds the files against `md5sums`. How many were.
fn sums(text: &str, files: &[crate::contents::File], findings: &mut Findings) -> u64 {
    let mut stated: HashMap<&str, &str> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        if number == FILES_MAX {
            findings.lie("md5sums", format!("has more than {FILES_MAX} lines"));
            return 0;
        }
        match line.split_once("  ") {
            Some((sum, path)) if sum.len() == 32 => {
                let path = path.strip_prefix("./").unwrap_or(path);
                if stated.insert(path, sum).is_some() {
                    findings.note(path, "is twice in md5sums");
                }
            }
            _ => findings.lie("md5sums", format!("has a line that is not a sum with a path: {line:.100?}")),
        }
    }
    let mut there = HashSet::new();
    let mut checked = 0;
    for file in files {
        let path = file.path.as_str();
        let Some(sum) = stated.get(path) else { continue };
        match &file.kind {
            FileKind::File => {
                checked += 1;
                if file.digest(Algorithm::Md5).is_none_or(|digest| !digest.eq_ignore_ascii_case(sum)) {
                    findings.lie(path, "does not have the MD5 that md5sums says");
                }
            }
            FileKind::HardLink(first) if stated.get(first.as_str()).is_none_or(|other| other == sum) => {}
            FileKind::HardLink(_) => findings.lie(path, "is the same file as another with another sum"),
            _ => findings.lie(path, "has a sum, and is not a file"),
        }
        there.insert(path);
    }
    let mut missing: Vec<_> = stated.keys().filter(|path| !there.contains(*path)).collect();
    missing.sort_unstable();
    for path in missing {
        findings.lie(path, "is in md5sums and not there");
    }
    let unlisted = |file: &&crate::contents::File| {
        file.kind == FileKind::File && !stated.contains_key(file.path.as_str())
    };
    for file in files.iter().filter(unlisted) {
        // What an administrator may change has no sum there.
        if !file.path.starts_with("etc/") {
            findings.note(&file.path, "has no sum in md5sums");
        }
    }
    checked
}
