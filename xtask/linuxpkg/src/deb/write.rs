//! Writes a `.deb`.
//!
//! Must not know: the disk. No conffiles: what is installed lies in /usr, and a package
//! with them, or with a postrm, stays half there when it is removed (Policy 6.8).

use super::{control, documents};
use crate::ar;
use crate::error::Error;
use crate::gzip::gzip;
use crate::layout::{self, FOLDER_MODE, Item, Kind};
use crate::package::{Content, Entry, Package};
use crate::tar::Writer;
use crate::{digest, package};

/// What the control file counts sizes in.
const KIB: u64 = 1024;

/// The file's name: `NAME_VERSION-RELEASE_all.deb`.
pub fn file_name(package: &Package) -> String {
    format!("{}_{}_all.deb", package.name, control::version(package))
}

/// The package's bytes.
///
/// # Errors
/// What a `.deb` cannot hold.
pub fn write(package: &Package) -> Result<Vec<u8>, Error> {
    package.check()?;
    let documents = documents(package);
    let items = layout::layout(package.files.iter().chain(&documents))?;
    let data = gzip(&data(package, &items)?);
    let control = gzip(&control_archive(package, &items)?);
    layout::total("the package", [control.len() as u64, data.len() as u64])?;
    let members: [(&str, &[u8]); 3] =
        [("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &data)];
    Ok(ar::write(&members, package.time))
}

/// What Debian wants beside the package's own files.
fn documents(package: &Package) -> [Entry; 2] {
    let entry = |name: &str, content| Entry {
        path: format!("usr/share/doc/{}/{name}", package.name),
        mode: 0o644,
        content: Content::File(content),
    };
    [
        entry("copyright", documents::copyright(package).into_bytes()),
        entry("changelog.Debian.gz", gzip(documents::changelog(package).as_bytes())),
    ]
}

fn data(package: &Package, items: &[Item<'_>]) -> Result<Vec<u8>, Error> {
    let mut tar = Writer::new(package.time);
    tar.add("./", FOLDER_MODE, Kind::Folder)?;
    for item in items {
        let end = if item.is_folder() { "/" } else { "" };
        tar.add(&format!("./{}{end}", item.path), item.mode, item.kind)?;
    }
    Ok(tar.finish())
}

fn control_archive(package: &Package, items: &[Item<'_>]) -> Result<Vec<u8>, Error> {
    let mut tar = Writer::new(package.time);
    tar.add("./", FOLDER_MODE, Kind::Folder)?;
    let text = control::control(package, installed_kib(items));
    tar.add("./control", 0o644, Kind::File(text.as_bytes()))?;
    let sums = md5sums(items);
    tar.add("./md5sums", 0o644, Kind::File(sums.as_bytes()))?;
    let package::DebScripts { preinst, postinst, prerm, postrm } = &package.scripts.deb;
    for (name, script) in
        [("./postinst", postinst), ("./postrm", postrm), ("./preinst", preinst), ("./prerm", prerm)]
    {
        if let Some(script) = script {
            tar.add(name, 0o755, Kind::File(script.as_bytes()))?;
        }
    }
    Ok(tar.finish())
}

fn md5sums(items: &[Item<'_>]) -> String {
    let sum = |item: &Item<'_>| match item.kind {
        Kind::File(content) => Some(format!("{}  {}\n", digest::md5(content), item.path)),
        _ => None,
    };
    items.iter().filter_map(sum).collect()
}

/// As dpkg-gencontrol counts: each file in whole KiB, and one for anything else.
fn installed_kib(items: &[Item<'_>]) -> u64 {
    let kib = |item: &Item<'_>| match item.kind {
        Kind::File(content) => (content.len() as u64).div_ceil(KIB),
        _ => 1,
    };
    items.iter().map(kib).sum()
}
