//! A flat repository for apt.
//!
//! ```text
//! Packages     a paragraph for each package: its control file's fields, then Filename,
//!              Size, SHA256
//! Packages.gz  the same
//! Release      Date, Architectures, and SHA256 with size of both
//! ```
//!
//! Must not know: the disk. Sources: Debian's wiki, "DebianRepository/Format", "Flat
//! Repository Format"; deb-override(5), apt-ftparchive(1).

use flatpkg::unpack::Budget;

use super::{ListError, ListFile, one_line, sound};
use crate::gzip::gzip;
use crate::{date, deb, digest};

/// A package in the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    name: String,
    text: String,
}

/// Lists a package that lies at `file`, a path in the repository.
///
/// # Errors
/// [`ListError`]
pub fn entry(file: &str, bytes: &[u8]) -> Result<Entry, ListError> {
    one_line(file)?;
    let read = deb::read(bytes, &Budget::of_package(bytes.len() as u64), &mut |_, _| Ok(()));
    let contents = sound(file, read)?;
    let own = [
        ("Filename", format!("./{file}")),
        ("Size", bytes.len().to_string()),
        ("SHA256", digest::sha256(bytes)),
    ];
    let is_own = |name: &str| own.iter().any(|(one, _)| one.eq_ignore_ascii_case(name));
    let fields = contents.fields.iter().filter(|(name, _)| !is_own(name));
    let fields = fields.map(|(name, value)| (name.as_str(), value.clone()));
    // The description comes last, as in the package.
    let (descriptions, others): (Vec<_>, Vec<_>) = fields.partition(|(name, _)| *name == "Description");
    let line = |(name, value): (&str, String)| format!("{name}: {}\n", value.replace('\n', "\n "));
    let text = others.into_iter().chain(own.clone()).chain(descriptions).map(line).collect();
    Ok(Entry { name: contents.name, text })
}

/// The repository's files.
pub fn lists(entries: &[Entry], time: u32) -> Vec<ListFile> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort();
    let packages = entries.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>().join("\n");
    let packed = gzip(packages.as_bytes());
    let files = [("Packages", packages.into_bytes()), ("Packages.gz", packed)];
    let mut release = format!("Date: {}\nArchitectures: all\nSHA256:\n", date::in_words(time, "UTC"));
    for (name, bytes) in &files {
        release.push_str(&format!(" {} {} {name}\n", digest::sha256(bytes), bytes.len()));
    }
    let [packages, packed] = files.map(|(name, bytes)| (name.to_owned(), bytes));
    vec![packages, packed, ("Release".to_owned(), release.into_bytes())]
}
