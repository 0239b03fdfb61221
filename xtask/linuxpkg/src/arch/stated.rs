//! Holds an Arch package's files against its `.MTREE`.
//!
//! Must not know: archives.

use std::collections::{HashMap, HashSet};

use flatpkg::Findings;

use crate::contents::{File, FileKind};
use crate::digest::{self, Algorithm};
use crate::walk::Document;

/// Keywords that say the same.
const SYNONYMS: [(&str, &str); 2] = [("md5", "md5digest"), ("sha256", "sha256digest")];
/// Digests that are compared.
const DIGESTS: [(&str, Algorithm); 2] = [("md5digest", Algorithm::Md5), ("sha256digest", Algorithm::Sha256)];

/// What is said of a path: values by keyword.
type Words<'a> = HashMap<&'a str, &'a str>;

/// How many sums were compared.
pub fn check(text: &str, files: &[File], documents: &[Document], findings: &mut Findings) -> u64 {
    let Some(stated) = parse(text, files.len() + documents.len() + 1, findings) else { return 0 };
    let mut there: HashSet<&str> = HashSet::new();
    let mut checked = 0;
    for file in files {
        let Some(words) = stated.get(&file.path) else {
            findings.lie(&file.path, "is not in .MTREE");
            continue;
        };
        there.insert(&file.path);
        checked += compare(file, words, findings);
    }
    for document in documents {
        let Some(words) = stated.get(&document.path) else { continue };
        there.insert(&document.path);
        // It cannot know its own sum.
        if document.path == ".MTREE" {
            continue;
        }
        let of = |algorithm| match algorithm {
            Algorithm::Md5 => Some(digest::md5(&document.content)),
            Algorithm::Sha256 => Some(digest::sha256(&document.content)),
            _ => None,
        };
        checked += digests(&document.path, words, of, findings);
    }
    let mut missing: Vec<_> = stated.keys().filter(|path| !there.contains(path.as_str())).collect();
    missing.sort_unstable();
    for path in missing.into_iter().filter(|path| !path.is_empty()) {
        findings.lie(path, "is in .MTREE and not there");
    }
    checked
}

fn compare(file: &File, words: &Words<'_>, findings: &mut Findings) -> u64 {
    let path = file.path.as_str();
    let is = match &file.kind {
        FileKind::File | FileKind::HardLink(_) => "file",
        FileKind::Folder => "dir",
        FileKind::Link(_) => "link",
        FileKind::Special(_) => "",
    };
    let mut differs = |word: &str, found: &str| {
        if let Some(stated) = words.get(word).filter(|stated| **stated != found) {
            findings.lie(path, format!("has the {word} {found:.200?}, and .MTREE says {stated:.200?}"));
        }
    };
    if !is.is_empty() {
        differs("type", is);
    }
    if !matches!(file.kind, FileKind::Link(_)) {
        // A link's mode is nobody's matter.
        let mode = words.get("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok());
        if mode.is_some_and(|mode| mode & 0o7777 != file.mode) {
            differs("mode", &format!("{:o}", file.mode));
        }
    }
    if let FileKind::Link(target) = &file.kind {
        let stated = words.get("link").map(|link| unquoted(link));
        if stated.is_some_and(|stated| stated != *target) {
            differs("link", target);
        }
    }
    if file.kind == FileKind::File {
        differs("size", &file.size.to_string());
    }
    if let Some(time) = words.get("time")
        && time.split('.').next() != Some(&file.time.to_string())
    {
        differs("time", &file.time.to_string());
    }
    if file.kind != FileKind::File {
        return 0;
    }
    digests(path, words, |algorithm| file.digest(algorithm).map(str::to_owned), findings)
}

fn digests(
    path: &str,
    words: &Words<'_>,
    of: impl Fn(Algorithm) -> Option<String>,
    findings: &mut Findings,
) -> u64 {
    let mut checked = 0;
    for (word, algorithm) in DIGESTS {
        let Some(stated) = words.get(word) else { continue };
        checked += 1;
        if of(algorithm).is_none_or(|digest| !digest.eq_ignore_ascii_case(stated)) {
            findings.lie(path, format!("does not have the {algorithm} that .MTREE says"));
        }
    }
    if checked == 0 {
        findings.note(path, "has no sum in .MTREE");
    }
    checked
}

/// Every path with what is said of it; nothing, where there are more than `most`.
fn parse<'a>(text: &'a str, most: usize, findings: &mut Findings) -> Option<HashMap<String, Words<'a>>> {
    let mut lines = text.lines();
    if lines.next().is_none_or(|first| !first.starts_with("#mtree")) {
        findings.lie(".MTREE", "does not begin as one");
    }
    let mut defaults = Words::new();
    let mut stated = HashMap::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        match first {
            "/set" => put(words, &mut defaults),
            "/unset" => words.for_each(|word| {
                defaults.remove(canonical(word));
            }),
            _ => {
                let mut all = defaults.clone();
                put(words, &mut all);
                let path = unquoted(first);
                let path = path.strip_prefix("./").unwrap_or(&path);
                let path = if path == "." { "" } else { path };
                if stated.insert(path.to_owned(), all).is_some() {
                    findings.lie(path, "is twice in .MTREE");
                }
                if stated.len() > most {
                    findings.lie(".MTREE", "has more paths than the package");
                    return None;
                }
            }
        }
    }
    Some(stated)
}

fn put<'a>(words: impl Iterator<Item = &'a str>, into: &mut Words<'a>) {
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let key = canonical(key);
        // Others are nothing that is compared.
        if ["type", "mode", "size", "time", "link", "md5digest", "sha256digest"].contains(&key) {
            into.insert(key, value);
        }
    }
}

fn canonical(key: &str) -> &str {
    SYNONYMS.iter().find(|(one, _)| *one == key).map_or(key, |(_, other)| other)
}

/// A path whose odd bytes are `\` and three octal digits.
fn unquoted(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 4).filter(|digits| {
            bytes[at] == b'\\' && digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) && digits[0] < b'4'
        });
        match digits {
            Some(digits) => {
                out.push(digits.iter().fold(0u8, |byte, digit| byte.wrapping_mul(8) | (digit - b'0')));
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_out_of_their_quotes() {
        assert_eq!(unquoted("a\\040b\\134\\303\\251"), "a b\\é");
        assert_eq!(unquoted("\\0\\400\\04"), "\\0\\400\\04");
    }

    #[test]
    fn defaults_hold_until_they_are_unset() {
        let text =
            "#mtree\n/set type=file mode=644 md5=1\n./a size=1\n/unset md5digest\n./b mode=755 type=dir\n";
        let mut findings = Findings::default();
        let stated = parse(text, 9, &mut findings).unwrap();
        assert!(findings.is_empty());
        assert_eq!(stated["a"]["md5digest"], "1");
        assert_eq!((stated["b"].get("md5digest"), stated["b"]["mode"]), (None, "755"));
        assert!(parse(text, 1, &mut findings).is_none());
    }
}
