//! Munki's files: each pkginfo against its package, and the repository's catalogs and
//! manifests against its pkgsinfo. A repository is the folder `munki`, or the whole folder.
//!
//! Keys: munki/munki `pkginfolib.py`, `makecatalogslib.py`; see `crate::managers`.
//!
//! Must not know: what else is in a folder.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use plist::{Dictionary, Value};

use super::catalog::Expected;
use super::pkginfo::{self, text};
use super::{Folder, below_mdm, instance_folder};
use crate::run::manifest::MANIFEST_FILE;
use crate::verify::{Check, property_list};

/// Where a repository is, below the folder that is checked.
pub const REPOSITORIES: [&str; 2] = ["munki/", ""];

/// Whether the folder is a repository and nothing else.
pub fn is_repository<'a>(mut paths: impl Iterator<Item = &'a String>) -> bool {
    paths.any(|path| path.starts_with("pkgsinfo/"))
}

struct Repository {
    pkgsinfo: String,
    pkgs: String,
    catalogs: String,
    manifests: String,
}

impl Repository {
    fn at(folder: &str) -> Self {
        let below = |name: &str| format!("{folder}{name}/");
        Self {
            pkgsinfo: below("pkgsinfo"),
            pkgs: below("pkgs"),
            catalogs: below("catalogs"),
            manifests: below("manifests"),
        }
    }
}

/// Everything of Munki's in the folder.
pub fn check<R: Read + Seek>(folder: &Folder<'_, R>) -> Check {
    const NAME: &str = "manager-munki";
    let mut any = false;
    let mut faults = Vec::new();
    let mut sound = BTreeSet::new();
    // An instance may be called `manifests`: an output folder is not a repository.
    let is_output = folder.files.contains_key(MANIFEST_FILE);
    for root in REPOSITORIES.into_iter().filter(|root| !(root.is_empty() && is_output)) {
        let repository = Repository::at(root);
        let mut names = BTreeSet::new();
        let mut expected = Expected::default();
        for (path, found) in folder.files.iter().filter(|(path, _)| path.starts_with(&repository.pkgsinfo)) {
            any = true;
            let result = read(folder, path).and_then(|pkginfo| {
                names.extend(text(&pkginfo, "name").map(str::to_owned));
                expected.add(&pkginfo, found.size);
                pkginfo_faults(folder, path, &pkginfo, &mut sound)
            });
            folder.add(path, result, &mut faults);
        }
        let mut missing: BTreeSet<String> = expected.names().cloned().collect();
        for path in folder.files.keys() {
            let result = if let Some(name) = path.strip_prefix(&repository.catalogs) {
                missing.remove(name);
                let catalog = (folder.open)(path).map_err(|error| format!("it could not be read: {error}"));
                catalog.and_then(|catalog| expected.compare(name, catalog)).map(|()| Vec::new())
            } else if path.starts_with(&repository.manifests) {
                manifest_faults(folder, path, &names)
            } else {
                continue;
            };
            any = true;
            folder.add(path, result, &mut faults);
        }
        faults.extend(missing.iter().map(|name| format!("the catalog {name:?} is missing")));
    }
    let is_beside = |path: &str| {
        below_mdm(path).is_some_and(|path| path.starts_with("munki/") && path.ends_with(".plist"))
    };
    for path in folder.files.keys().filter(|path| is_beside(path)) {
        any = true;
        let result =
            read(folder, path).and_then(|pkginfo| pkginfo_faults(folder, path, &pkginfo, &mut sound));
        folder.add(path, result, &mut faults);
    }
    if any { Check::of(NAME, faults) } else { Check::not_applicable(NAME, "there are no files for Munki") }
}

fn read<R: Read + Seek>(folder: &Folder<'_, R>, path: &str) -> Result<Dictionary, String> {
    property_list::read(&folder.read(path)?)?
        .into_dictionary()
        .ok_or_else(|| "it is not a dictionary".to_owned())
}

/// `sound`: pkginfos that agree with their package, by the digests of both.
fn pkginfo_faults<R: Read + Seek>(
    folder: &Folder<'_, R>,
    path: &str,
    pkginfo: &Dictionary,
    sound: &mut BTreeSet<(String, String)>,
) -> Result<Vec<String>, String> {
    let needed = |key: &str| text(pkginfo, key).ok_or_else(|| format!("it has no string {key}"));
    needed("name")?;
    needed("version")?;
    // Munki's own for what has no package: a script, a profile.
    if text(pkginfo, "installer_type") == Some("nopkg") {
        return Ok(Vec::new());
    }
    let location = needed("installer_item_location")?;
    let package = package_at(folder, path, location)
        .ok_or_else(|| format!("its package {location:?} is not in the repository"))?;
    let found = &folder.files[package];
    let both = (folder.files[path].sha256.clone(), found.sha256.clone());
    if sound.contains(&both) {
        return Ok(Vec::new());
    }
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
    // In a repository of others' there may be disk images.
    if package.ends_with(".pkg") {
        let (facts, mut file) = folder.package(package)?;
        faults.extend(pkginfo::faults(pkginfo, package, &facts, &mut file)?);
    }
    if faults.is_empty() {
        sound.insert(both);
    }
    Ok(faults)
}

/// The package of a pkginfo: in its repository, or, for a pkginfo that lies with its
/// instance and is still to be imported, the instance's of that name.
fn package_at<'a, R>(folder: &Folder<'a, R>, path: &str, location: &str) -> Option<&'a str> {
    let in_repository = |root: &str| {
        let found = folder.files.get_key_value(&format!("{}{location}", Repository::at(root).pkgs));
        found.map(|(path, _)| path.as_str())
    };
    let is_there = |root: &str| path.starts_with(&Repository::at(root).pkgsinfo);
    if let Some(root) = REPOSITORIES.into_iter().find(|root| is_there(root)) {
        return in_repository(root);
    }
    let file = location.rsplit('/').next()?;
    let beside = || {
        let instance = instance_folder(path);
        // Those of all instances lie at the top.
        let is_near = |path: &&str| !instance.is_empty() || !path.contains('/');
        folder
            .files
            .range(instance.to_owned()..)
            .map(|(path, _)| path.as_str())
            .take_while(|path| path.starts_with(instance))
            .filter(is_near)
            .find(|path| path.rsplit('/').next() == Some(file))
    };
    in_repository(REPOSITORIES[0]).or_else(beside)
}

fn manifest_faults<R: Read + Seek>(
    folder: &Folder<'_, R>,
    path: &str,
    names: &BTreeSet<String>,
) -> Result<Vec<String>, String> {
    let manifest = read(folder, path)?;
    let asked = manifest.get("managed_installs").and_then(Value::as_array).into_iter().flatten();
    Ok(asked
        .filter_map(Value::as_string)
        .filter(|name| !names.contains(*name))
        .map(|name| format!("it asks for {name:?}, but no pkginfo of the repository has this name"))
        .collect())
}
