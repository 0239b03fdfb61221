//! Goes through a tar archive of a package: documents into memory, files to whoever wants
//! them.
//!
//! Must not know: which documents there are.

use std::io::Read;

use flatpkg::Findings;
use flatpkg::unpack::Budget;

use crate::contents::{Collector, DOCUMENT_MAX, File, FileKind, Flow, Part, SUMS_MAX, document, plain};
use crate::tar::{Entry, Reader, Type};
use crate::unpack::{Packed, Stream};

/// A document of a package.
#[derive(Debug)]
pub struct Document {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Which archive of a package it is.
pub struct Archive<'a> {
    /// Its name.
    pub part: &'a str,
    /// How it is packed, if the package says so.
    pub said: Option<Packed>,
    /// How much may be unpacked.
    pub budget: &'a Budget,
    /// Its documents.
    pub rules: &'a Rules,
}

/// Which of an archive's paths are documents.
pub struct Rules {
    /// Whether a path is a document, which is kept whole.
    pub is_document: fn(&str) -> bool,
    /// The list of sums, which may be longer than other documents.
    pub sums: &'static str,
}

/// Goes through an archive to its end, and says what hides behind it.
pub fn tar<R: Read>(
    input: R,
    &Archive { part, said, budget, rules }: &Archive<'_>,
    collector: &mut Collector<'_, '_>,
    documents: &mut Vec<Document>,
    findings: &mut Findings,
) -> Result<Packed, Flow> {
    let broken = |error: std::io::Error| Flow::Broken(error.to_string());
    let (stream, packed) = Stream::open(input, said, budget.clone()).map_err(broken)?;
    let mut reader = Reader::new(stream);
    while let Some(entry) = reader.next_entry()? {
        let (path, is_plain) = plain(&entry.path);
        if path.is_empty() {
            continue;
        }
        if is_plain && (rules.is_document)(&path) && entry.kind == Type::File {
            let limit = if path == rules.sums { SUMS_MAX } else { DOCUMENT_MAX };
            let content = document(&mut reader, entry.size, limit)?;
            collector.document(&path, entry.mode, entry.time, &content)?;
            if documents.iter().any(|one| one.path == path) {
                findings.lie(&path, "is there twice");
            } else {
                documents.push(Document { path, content });
            }
        } else {
            collector.take(file(path, entry), &mut reader)?;
        }
    }
    let (rest, stream) = reader.finish()?;
    if !rest.is_zero {
        findings.lie(part, "has something other than zeros behind the archive's end");
    } else if !rest.is_marked {
        findings.note(part, "does not mark its end");
    }
    let (behind, _) = stream.finish().map_err(broken)?;
    behind.report(part, "the packed archive", findings);
    Ok(packed)
}

fn file(path: String, entry: Entry) -> File {
    let target = || String::from_utf8_lossy(&entry.link).into_owned();
    let named = |name: String, number: u64| if name.is_empty() { number.to_string() } else { name };
    let kind = match entry.kind {
        Type::File => FileKind::File,
        Type::Folder => FileKind::Folder,
        Type::Link => FileKind::Link(target()),
        Type::HardLink => FileKind::HardLink(plain(&entry.link).0),
        Type::Other(b'3') => FileKind::Special("character device"),
        Type::Other(b'4') => FileKind::Special("block device"),
        Type::Other(b'6') => FileKind::Special("named pipe"),
        Type::Other(_) => FileKind::Special("thing of an unknown kind"),
    };
    File {
        part: Part::Content,
        path,
        kind,
        mode: entry.mode,
        user: named(entry.user, entry.uid),
        group: named(entry.group, entry.gid),
        size: entry.size,
        time: entry.time,
        digests: Vec::new(),
    }
}
