//! `.PKGINFO` and `.BUILDINFO`: lines of `key = value`.
//!
//! Must not know: archives.

use crate::digest;
use crate::package::{Package, Relation};

/// The version with its revision.
pub fn version(package: &Package) -> String {
    format!("{}-{}", package.version, package.release)
}

/// What the package is; `size` is what its files come to in bytes.
pub fn pkginfo(package: &Package, size: u32) -> String {
    let mut lines = vec![
        ("pkgname", package.name.clone()),
        ("pkgbase", package.name.clone()),
        ("xdata", "pkgtype=pkg".to_owned()),
        ("pkgver", version(package)),
        ("pkgdesc", package.summary.clone()),
    ];
    lines.extend(package.homepage.iter().map(|homepage| ("url", homepage.clone())));
    lines.extend([
        ("builddate", package.time.to_string()),
        ("packager", package.maintainer.clone()),
        ("size", size.to_string()),
        ("arch", "any".to_owned()),
        ("license", package.license.clone()),
    ]);
    let relations = &package.depends.arch;
    lines.extend(relations.requires.iter().map(|one| ("depend", relation(one))));
    // It has no recommendations.
    let optional = relations.recommends.iter().chain(&relations.suggests);
    lines.extend(optional.map(|one| {
        let why = one.why.iter().map(|why| format!(": {why}")).collect::<String>();
        ("optdepend", format!("{}{why}", relation(one)))
    }));
    text(&lines)
}

/// How it was built: by this crate, of no PKGBUILD and in no folder. Readers want every
/// key.
pub fn buildinfo(package: &Package) -> String {
    text(&[
        ("format", "2".to_owned()),
        ("pkgname", package.name.clone()),
        ("pkgbase", package.name.clone()),
        ("pkgver", version(package)),
        ("pkgarch", "any".to_owned()),
        ("pkgbuild_sha256sum", digest::sha256(b"")),
        ("packager", package.maintainer.clone()),
        ("builddate", package.time.to_string()),
        ("builddir", "/".to_owned()),
        ("startdir", "/".to_owned()),
        ("buildtool", env!("CARGO_PKG_NAME").to_owned()),
        ("buildtoolver", env!("CARGO_PKG_VERSION").to_owned()),
    ])
}

fn relation(relation: &Relation) -> String {
    match &relation.at_least {
        Some(version) => format!("{}>={version}", relation.name),
        None => relation.name.clone(),
    }
}

fn text(lines: &[(&str, String)]) -> String {
    lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}
