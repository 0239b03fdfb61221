//! Munki's files: each pkginfo against its package, and the repository's catalogs and
//! manifests against its pkgsinfo.
//!
//! A catalog is not read: it is made anew of the pkgsinfo, of which one at a time is in
//! memory, and compared. So a catalog of any size and form can be checked.
//!
//! Keys: munki/munki `pkginfolib.py`, `makecatalogslib.py`; see `crate::managers`.
//!
//! Must not know: what else is in a folder.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Seek, Write};

use plist::{Dictionary, Value};

use super::{Folder, identity_fault, instance_folder};
use crate::managers::munki::{ALL, CatalogError, PKGSINFO, catalogs_of, write_catalog};
use crate::verify::{Check, property_list};

pub(super) const REPOSITORY: &str = "munki/";
const CATALOGS: &str = "munki/catalogs/";
const MANIFESTS: &str = "munki/manifests/";

fn is_pkginfo(path: &str) -> bool {
    path.starts_with(PKGSINFO) || (path.contains("/mdm/munki/") && path.ends_with(".plist"))
}

/// Everything of Munki's in the folder.
pub fn check<R: Read + Seek>(folder: &Folder<'_, R>) -> Check {
    const NAME: &str = "manager-munki";
    let mut any = false;
    let mut faults = Vec::new();
    // Of the repository: what manifests may ask for, and the catalogs that there are.
    let mut names = BTreeSet::new();
    let mut catalogs = BTreeSet::new();
    for path in folder.files.keys().filter(|path| is_pkginfo(path)) {
        any = true;
        let found = pkginfo(folder, path).and_then(|pkginfo| {
            if path.starts_with(PKGSINFO) {
                names.extend(text(&pkginfo, "name").map(str::to_owned));
                catalogs.insert(ALL.to_owned());
                catalogs.extend(catalogs_of(&pkginfo).map(str::to_owned));
            }
            pkginfo_faults(folder, path, &pkginfo)
        });
        folder.add(path, found, &mut faults);
    }
    for path in folder.files.keys().filter(|path| path.starts_with(REPOSITORY)) {
        let found = if let Some(name) = path.strip_prefix(CATALOGS) {
            catalogs.remove(name);
            catalog_faults(folder, path, name)
        } else if path.starts_with(MANIFESTS) {
            manifest_faults(folder, path, &names)
        } else {
            continue;
        };
        any = true;
        folder.add(path, found, &mut faults);
    }
    faults.extend(catalogs.iter().map(|name| format!("the catalog {name:?} is not there")));
    if any { Check::of(NAME, faults) } else { Check::not_applicable(NAME, "there are no files for Munki") }
}

fn pkginfo<R: Read + Seek>(folder: &Folder<'_, R>, path: &str) -> Result<Dictionary, String> {
    property_list::read(&folder.read(path)?)?
        .into_dictionary()
        .ok_or_else(|| "it is not a dictionary".to_owned())
}

fn text<'a>(pkginfo: &'a Dictionary, key: &str) -> Option<&'a str> {
    pkginfo.get(key).and_then(Value::as_string)
}

fn pkginfo_faults<R: Read + Seek>(
    folder: &Folder<'_, R>,
    path: &str,
    pkginfo: &Dictionary,
) -> Result<Vec<String>, String> {
    let needed = |key: &str| text(pkginfo, key).ok_or_else(|| format!("it has no string {key}"));
    let (location, version) = (needed("installer_item_location")?, needed("version")?);
    needed("name")?;
    let package = package_at(folder, path, location)
        .ok_or_else(|| format!("its package {location:?} is not in the repository"))?;
    let found = &folder.files[package];
    let mut faults = Vec::new();
    if !found.sha256.eq_ignore_ascii_case(needed("installer_item_hash")?) {
        faults.push(format!("its installer_item_hash is not that of {package:?}"));
    }
    let size = pkginfo.get("installer_item_size").and_then(Value::as_unsigned_integer);
    if size != Some(found.size / 1024) {
        faults.push(format!(
            "its installer_item_size is not that of {package:?}, which has {} KiB",
            found.size / 1024
        ));
    }
    let identities = folder.identities(package)?;
    if !identities.iter().any(|(_, of_package)| of_package == version) {
        faults.push(format!("its version is {version}, and {package:?} has another"));
    }
    for receipt in pkginfo.get("receipts").and_then(Value::as_array).into_iter().flatten() {
        let keys = receipt.as_dictionary().ok_or("it has a receipt that is not a dictionary")?;
        let (Some(identifier), Some(version)) = (text(keys, "packageid"), text(keys, "version")) else {
            return Err("it has a receipt without packageid or version".to_owned());
        };
        faults.extend(identity_fault(&identities, identifier, version, package));
    }
    Ok(faults)
}

/// The package of a pkginfo: in the repository, or, for a pkginfo that lies with its
/// instance and is still to be imported, the instance's of that name.
fn package_at<'a, R>(folder: &Folder<'a, R>, path: &str, location: &str) -> Option<&'a str> {
    let in_repository = folder.files.get_key_value(&format!("munki/pkgs/{location}"));
    if path.starts_with(PKGSINFO) || in_repository.is_some() {
        return in_repository.map(|(path, _)| path.as_str());
    }
    let file = location.rsplit('/').next()?;
    let instance = instance_folder(path);
    folder
        .files
        .range(instance.to_owned()..)
        .map(|(path, _)| path.as_str())
        .take_while(|path| path.starts_with(instance))
        .find(|path| path.rsplit('/').next() == Some(file))
}

/// A fault of a pkginfo, met while a catalog is made of it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(String);

fn catalog_faults<R: Read + Seek>(
    folder: &Folder<'_, R>,
    path: &str,
    name: &str,
) -> Result<Vec<String>, String> {
    let file = (folder.open)(path).map_err(|error| format!("it could not be read: {error}"))?;
    let mut same = Same { file: BufReader::new(file) };
    let pkginfos = folder
        .files
        .range(PKGSINFO.to_owned()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(PKGSINFO))
        .map(|path| pkginfo(folder, path).map_err(|fault| Unreadable(format!("{path:?}: {fault}"))));
    match write_catalog(name, pkginfos, &mut same) {
        Err(CatalogError::Pkginfo(fault)) => Err(fault.to_string()),
        Err(CatalogError::Write(error)) => Err(error.to_string()),
        Ok(_) if same.is_at_end() => Ok(Vec::new()),
        Ok(_) => Err(DIFFERENT.to_owned()),
    }
}

const DIFFERENT: &str = "it does not agree with the repository's pkginfos; run makecatalogs";

/// Takes only what a file has, byte by byte.
struct Same<R> {
    file: R,
}

impl<R: Read> Same<R> {
    fn is_at_end(&mut self) -> bool {
        matches!(self.file.read(&mut [0]), Ok(0))
    }
}

impl<R: Read> Write for Same<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let taken = bytes.len().min(buffer.len());
        let different = || io::Error::other(DIFFERENT);
        self.file.read_exact(&mut buffer[..taken]).map_err(|_| different())?;
        if buffer[..taken] == bytes[..taken] { Ok(taken) } else { Err(different()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn manifest_faults<R: Read + Seek>(
    folder: &Folder<'_, R>,
    path: &str,
    names: &BTreeSet<String>,
) -> Result<Vec<String>, String> {
    let manifest = pkginfo(folder, path)?;
    let asked = manifest.get("managed_installs").and_then(Value::as_array).into_iter().flatten();
    Ok(asked
        .filter_map(Value::as_string)
        .filter(|name| !names.contains(*name))
        .map(|name| format!("it asks for {name:?}, but no pkginfo of the repository has this name"))
        .collect())
}
