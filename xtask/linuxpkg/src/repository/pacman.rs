//! A repository for pacman: its database, beside the packages.
//!
//! ```text
//! NAME.db     tar.gz: PACKAGE-VERSION-RELEASE/desc for each package
//! NAME.files  the same, and PACKAGE-VERSION-RELEASE/files
//! desc        %KEY%, lines, an empty line
//! ```
//!
//! Must not know: the disk. Sources: alpm-repo-db(7) and alpm-repo-desc(5) of the project
//! alpm, repo-add(8).

use flatpkg::unpack::Budget;

use super::{ListError, ListFile, one_line, sound};
use crate::arch;
use crate::contents::{Contents, FileKind};
use crate::digest;
use crate::error::Error;
use crate::gzip::gzip;
use crate::layout::{FOLDER_MODE, Kind};
use crate::tar::Writer;

/// Keys of `desc` behind those on the file itself, with those of `.PKGINFO`.
const KEYS: [(&str, &str); 12] = [
    ("%URL%", "url"),
    ("%LICENSE%", "license"),
    ("%ARCH%", "arch"),
    ("%BUILDDATE%", "builddate"),
    ("%PACKAGER%", "packager"),
    ("%REPLACES%", "replaces"),
    ("%CONFLICTS%", "conflict"),
    ("%PROVIDES%", "provides"),
    ("%DEPENDS%", "depend"),
    ("%OPTDEPENDS%", "optdepend"),
    ("%MAKEDEPENDS%", "makedepend"),
    ("%CHECKDEPENDS%", "checkdepend"),
];

/// A package in the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    folder: String,
    desc: String,
    files: String,
}

/// Lists a package that lies beside the database.
///
/// # Errors
/// [`ListError`]
pub fn entry(file: &str, bytes: &[u8]) -> Result<Entry, ListError> {
    one_line(file)?;
    let read = arch::read(bytes, &Budget::of_package(bytes.len() as u64), &mut |_, _| Ok(()));
    let contents = sound(file, read)?;
    let folder = format!("{}-{}", contents.name, contents.version);
    if folder.contains('/') {
        return Err(ListError::Text { file: file.to_owned(), field: "name or version", text: folder });
    }
    let mut desc = String::new();
    let mut put = |key: &str, values: &[String]| {
        if !values.is_empty() {
            desc.push_str(&format!("{key}\n{}\n\n", values.join("\n")));
        }
    };
    let all = |key: &str| values(&contents, key);
    put("%FILENAME%", &[file.to_owned()]);
    put("%NAME%", std::slice::from_ref(&contents.name));
    put("%BASE%", &all("pkgbase"));
    put("%VERSION%", std::slice::from_ref(&contents.version));
    put("%DESC%", &all("pkgdesc"));
    put("%CSIZE%", &[bytes.len().to_string()]);
    put("%ISIZE%", &all("size"));
    put("%MD5SUM%", &[digest::md5(bytes)]);
    put("%SHA256SUM%", &[digest::sha256(bytes)]);
    for (key, from) in KEYS {
        put(key, &all(from));
    }
    let path = |file: &crate::contents::File| {
        let end = if file.kind == FileKind::Folder { "/" } else { "" };
        format!("{}{end}\n", file.path)
    };
    let files = format!("%FILES%\n{}", contents.files.iter().map(path).collect::<String>());
    Ok(Entry { folder, desc, files })
}

fn values(contents: &Contents, key: &str) -> Vec<String> {
    contents.fields.iter().filter(|(one, _)| one == key).map(|(_, value)| value.clone()).collect()
}

/// The files of a repository that is called `name`.
///
/// # Errors
/// A package whose name is too long for a tar archive.
pub fn lists(name: &str, entries: &[Entry], time: u32) -> Result<Vec<ListFile>, Error> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort();
    let archive = |with_files: bool| {
        let mut tar = Writer::new(time);
        for entry in &entries {
            tar.add(&format!("{}/", entry.folder), FOLDER_MODE, Kind::Folder)?;
            tar.add(&format!("{}/desc", entry.folder), 0o644, Kind::File(entry.desc.as_bytes()))?;
            if with_files {
                tar.add(&format!("{}/files", entry.folder), 0o644, Kind::File(entry.files.as_bytes()))?;
            }
        }
        Ok::<_, Error>(gzip(&tar.finish()))
    };
    Ok(vec![(format!("{name}.db"), archive(false)?), (format!("{name}.files"), archive(true)?)])
}
