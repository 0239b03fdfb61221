//! Takes a table of contents apart as libxar does.
//!
//! libxar keeps an element's properties as a list and puts each new one at its head, so
//! the last of those with a name counts; it looks at names without their prefix; of a
//! value that something divides it keeps the last piece of text; it decodes a `name`
//! with `enctype="base64"`; it takes numbers with `strtoull` and base 0. Source:
//! apple-oss-distributions/xar, `lib/filetree.c` and `lib/io.c`.
//!
//! Other readers take the first, join pieces, and know no base64. Where that makes a
//! difference it is a lie, whichever of them is right.
//!
//! Must not know: what members are for.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::XarReadError;
use super::facts::{
    Digest, FILES_MAX, FOLDERS_MAX, NAME_MAX, PATHS_LEN_MAX, Toc, TocChecksum, TocData, TocFile, TocSignature,
};
use crate::findings::Findings;
use crate::xml::Element;

/// Where the table of contents itself is meant.
const TOC: &str = "the table of contents";
/// The properties of a file that decide what it is.
const OF_FILE: [&str; 4] = ["name", "type", "data", "link"];
/// The properties that decide what is read of a file's data.
const OF_DATA: [&str; 7] = [
    "offset",
    "length",
    "size",
    "encoding",
    "archived-checksum",
    "extracted-checksum",
    "unarchived-checksum",
];

/// Takes a TOC's document apart.
pub(super) fn toc(document: &Element, findings: &mut Findings) -> Result<Toc, XarReadError> {
    let toc = document
        .first("toc")
        .filter(|_| document.name == "xar")
        .ok_or(XarReadError::Missing { what: "the element xar/toc".to_owned() })?;
    once(document, &["toc"], TOC, findings);
    once(toc, &["checksum", "creation-time", "signature", "x-signature"], TOC, findings);
    let checksum = match property(toc, "checksum") {
        None => None,
        Some(element) => {
            let place = "the digest of the table of contents";
            once(element, &["offset", "size"], place, findings);
            Some(TocChecksum {
                style: element.attribute("style").unwrap_or_default().to_owned(),
                offset: number(element, "offset", place, findings)?,
                size: number(element, "size", place, findings)?,
            })
        }
    };
    let signatures =
        toc.children.iter().filter(|one| matches!(one.local_name(), "signature" | "x-signature"));
    let signatures = signatures.map(|one| signature(one, findings)).collect::<Result<_, _>>()?;
    let mut parser = Parser { findings, files: 0, paths_len: 0 };
    let files = parser.files(toc, 0, "")?;
    Ok(Toc {
        creation_time: property(toc, "creation-time").map(|one| value(one).trim().to_owned()),
        checksum,
        signatures,
        files,
    })
}

fn signature(element: &Element, findings: &mut Findings) -> Result<TocSignature, XarReadError> {
    let place = format!("the element {}", element.name);
    once(element, &["offset", "size", "KeyInfo"], &place, findings);
    let info = property(element, "KeyInfo");
    if let Some(info) = info {
        once(info, &["X509Data"], &place, findings);
    }
    let x509 = info.and_then(|info| property(info, "X509Data"));
    let certificates = x509.into_iter().flat_map(|data| &data.children);
    let certificates = certificates
        .filter(|one| one.local_name() == "X509Certificate")
        .map(|certificate| {
            if certificate.is_divided() {
                findings.lie(&place, "has a certificate in pieces, of which libxar takes the last");
            }
            let compact: String = value(certificate).split_ascii_whitespace().collect();
            STANDARD.decode(compact).map_err(|_| XarReadError::Invalid {
                what: "X509Certificate".to_owned(),
                place: place.clone(),
                reason: "not Base64",
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(TocSignature {
        element: element.local_name().to_owned(),
        style: element.attribute("style").unwrap_or_default().to_owned(),
        offset: number(element, "offset", &element.name, findings)?,
        size: number(element, "size", &element.name, findings)?,
        certificates,
    })
}

/// What was found and counted so far.
struct Parser<'a> {
    findings: &'a mut Findings,
    files: usize,
    paths_len: usize,
}

impl Parser<'_> {
    /// The files of an element, `depth` folders down, below the path `folder`, which is
    /// empty or ends with a slash.
    fn files(&mut self, element: &Element, depth: usize, folder: &str) -> Result<Vec<TocFile>, XarReadError> {
        let mut files = Vec::new();
        // Apple's reader and a Mac's disk take names that differ in case alone for one.
        let mut names = HashSet::new();
        for element in element.children.iter().filter(|child| child.local_name() == "file") {
            let file = self.file(element, depth, folder)?;
            if !names.insert(file.name.to_ascii_lowercase()) {
                self.findings.lie(format!("{folder}{}", file.name), "is there twice");
            }
            files.push(file);
        }
        Ok(files)
    }

    fn file(&mut self, element: &Element, depth: usize, folder: &str) -> Result<TocFile, XarReadError> {
        if depth > FOLDERS_MAX {
            return Err(XarReadError::TooMany { what: "folders in each other", limit: FOLDERS_MAX });
        }
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(XarReadError::TooMany { what: "files", limit: FILES_MAX });
        }
        let name = self.name(element, folder)?;
        let path = format!("{folder}{name}");
        self.paths_len += path.len() + 1;
        if self.paths_len > PATHS_LEN_MAX {
            return Err(XarReadError::TooMany { what: "bytes in paths", limit: PATHS_LEN_MAX });
        }
        once(element, &OF_FILE[1..], &path, self.findings);
        let data = match property(element, "data") {
            None => None,
            Some(data) => Some(self.data(data, &path)?),
        };
        let mut extended_attributes = Vec::new();
        for attribute in element.children.iter().filter(|child| child.local_name() == "ea") {
            match self.data(attribute, &path) {
                Ok(data) => extended_attributes.push(data),
                Err(_) => self.findings.note(&path, "has an extended attribute without a place"),
            }
        }
        let file_type = property(element, "type").map(|one| value(one).trim().to_owned());
        let files = self.files(element, depth + 1, &format!("{path}/"))?;
        match file_type.as_deref() {
            Some("directory") if data.is_some() => self.findings.lie(&path, "is both a folder and a file"),
            Some("directory") => {}
            _ if !files.is_empty() => self.findings.lie(&path, "is both a file and a folder"),
            Some("file") => {}
            Some("symlink" | "hardlink") => {
                self.findings.note(&path, "is a link in the archive itself, which Installer does not follow");
            }
            Some(_) => self.findings.lie(&path, "is neither a file nor a folder of the archive"),
            None => self.findings.lie(&path, "does not say whether it is a file or a folder"),
        }
        Ok(TocFile {
            id: element.attribute("id").map(str::to_owned),
            name,
            file_type,
            data,
            extended_attributes,
            files,
        })
    }

    /// A file's name. Twice the same is how Apple's tools write it since 2021.
    fn name(&mut self, element: &Element, folder: &str) -> Result<String, XarReadError> {
        let mut names: Vec<String> = Vec::new();
        for one in element.children.iter().filter(|child| child.local_name() == "name") {
            let text = value(one);
            if text.len() > NAME_MAX {
                return Err(XarReadError::TooMany { what: "bytes in a name", limit: NAME_MAX });
            }
            let place = format!("{folder}{text}");
            if one.is_divided() {
                self.findings.lie(&place, "has its name in pieces, of which libxar takes the last");
            }
            if one.name != "name" {
                self.findings.lie(&place, "has its name in an element with a prefix");
            }
            let is_encoded = one
                .attributes
                .iter()
                .any(|(key, value)| key.rsplit(':').next() == Some("enctype") && value == "base64");
            if !is_encoded {
                names.push(text.to_owned());
                continue;
            }
            self.findings.lie(&place, "is a name in Base64, which readers other than libxar take as it is");
            let compact: String = text.split_ascii_whitespace().collect();
            let decoded = STANDARD.decode(compact).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            names.push(decoded.unwrap_or_else(|| text.to_owned()));
        }
        let name = names.last().cloned().unwrap_or_default();
        let place = format!("{folder}{name}");
        if names.iter().any(|other| *other != name) {
            let others: Vec<_> = names.iter().take(names.len() - 1).take(3).collect();
            self.findings.lie(&place, format!("is also named {others:?}; libxar takes the last name"));
        } else if names.len() > 2 {
            self.findings.lie(&place, format!("has its name {} times", names.len()));
        }
        match name.as_str() {
            _ if names.is_empty() => self.findings.lie(&place, "has no name"),
            "" | "." | ".." => self.findings.lie(&place, format!("has the name {name:?}")),
            _ if name.contains('/') => self.findings.lie(&place, format!("has a slash in its name {name:?}")),
            _ => {}
        }
        Ok(name)
    }

    fn data(&mut self, data: &Element, path: &str) -> Result<TocData, XarReadError> {
        once(data, &OF_DATA, path, self.findings);
        let digest = |name| {
            let element = property(data, name)?;
            let style = element.attribute("style").unwrap_or_default().to_owned();
            Some(Digest { style, hex: value(element).trim().to_owned() })
        };
        Ok(TocData {
            length: number(data, "length", path, self.findings)?,
            offset: number(data, "offset", path, self.findings)?,
            size: number(data, "size", path, self.findings)?,
            encoding: property(data, "encoding").and_then(|one| one.attribute("style")).map(str::to_owned),
            extracted_checksum: digest("extracted-checksum").or_else(|| digest("unarchived-checksum")),
            archived_checksum: digest("archived-checksum"),
        })
    }
}

/// The last of the properties with a name.
fn property<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    element.children.iter().rev().find(|child| child.local_name() == name)
}

/// A property's value: of several pieces of text the last.
fn value(element: &Element) -> &str {
    element.last_text.as_deref().unwrap_or(&element.text)
}

/// Finds properties that are there more than once, in pieces or under another name: a
/// document with them can be read in two ways.
fn once(element: &Element, names: &[&str], place: &str, findings: &mut Findings) {
    for name in names {
        let all: Vec<_> = element.children.iter().filter(|child| child.local_name() == *name).collect();
        if all.len() > 1 {
            findings
                .lie(place, format!("has {} {name:?}; libxar takes the last, others the first", all.len()));
        }
        if all.iter().any(|one| one.is_divided()) {
            findings.lie(place, format!("has {name:?} in pieces, of which libxar takes the last"));
        }
        if all.iter().any(|one| one.name != *name) {
            findings.lie(place, format!("has {name:?} with a prefix, which not every reader takes off"));
        }
    }
}

fn number(element: &Element, name: &str, place: &str, findings: &mut Findings) -> Result<u64, XarReadError> {
    let text = property(element, name).map(|one| value(one).trim());
    let text = text.ok_or_else(|| XarReadError::Missing { what: format!("{name} of {place}") })?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && text.len() > 1 && text.starts_with('0') {
        findings.lie(place, format!("has the {name} {text}, which libxar takes for an octal number"));
    }
    text.parse().ok().filter(|_| digits).ok_or_else(|| XarReadError::Invalid {
        what: format!("{name} {text:?}"),
        place: place.to_owned(),
        reason: "not a number of 64 bits",
    })
}
