//! Writes a `.pkg.tar.zst`.
//!
//! Must not know: the disk.

use super::info;
use super::mtree::mtree;
use crate::error::Error;
use crate::gzip::gzip;
use crate::layout::{self, Kind};
use crate::license;
use crate::package::Package;
use crate::tar::Writer;
use crate::zstd::zstd;

/// The file's name: `NAME-VERSION-RELEASE-any.pkg.tar.zst`.
pub fn file_name(package: &Package) -> String {
    format!("{}-{}-any.pkg.tar.zst", package.name, info::version(package))
}

/// The package's bytes.
///
/// # Errors
/// What an Arch package cannot hold.
pub fn write(package: &Package) -> Result<Vec<u8>, Error> {
    package.check()?;
    let license = license::entries(package);
    let items = layout::layout(package.files.iter().chain(&license))?;
    let size = layout::total("the package's content", items.iter().map(layout::Item::size))?;
    let build_info = info::buildinfo(package);
    let package_info = info::pkginfo(package, size);
    let mut documents: Vec<(&str, &[u8])> =
        vec![(".BUILDINFO", build_info.as_bytes()), (".PKGINFO", package_info.as_bytes())];
    documents.extend(package.scripts.arch.as_ref().map(|script| (".INSTALL", script.as_bytes())));
    let mtree = gzip(mtree(&documents, &items, package.time).as_bytes());
    // Of itself it says nothing.
    documents.insert(1, (".MTREE", &mtree));
    let mut tar = Writer::new(package.time);
    for (name, content) in &documents {
        tar.add(name, 0o644, Kind::File(content))?;
    }
    for item in &items {
        let end = if item.is_folder() { "/" } else { "" };
        tar.add(&format!("{}{end}", item.path), item.mode, item.kind)?;
    }
    Ok(zstd(&tar.finish()))
}
