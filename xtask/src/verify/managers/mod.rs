//! What device managers read, against the packages that it names: all in one folder,
//! whoever wrote it and whatever its settings were.
//!
//! ```text
//! *manifest.plist ┬─ url, size, digests ──────── *.pkg ── PackageInfo: identifier, version
//! declaration.json ┘  ServerToken, ManifestURL      │
//! *.mobileconfig ─── CMS, label ───────────────────┤
//! munki/ ─────────── location, hash, receipts ─────┤    catalogs = what pkgsinfo comes to
//! fleet/*.yml ────── url, hash, scripts ───────────┘
//! ```
//!
//! A package is found by the end of its URL's path, which is its path in the folder.
//! No package is held in memory: it is read through [`Folder::open`].
//!
//! Must not know: the disk, the settings.

mod apple;
mod catalog;
mod fleet;
pub mod munki;
mod pkginfo;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek};

use flatpkg::product::PackageFacts;
use percent_encoding::percent_decode_str;
use url::Url;

use super::check::FOUND_MAX;
use super::{Check, causes};
use crate::digest::FileDigest;
use crate::managers::artifacts::WHOLE_PROFILE_FILE;

/// Largest document of a manager's, in bytes. An uninstaller is a part of some.
const DOCUMENT_MAX: u64 = 4 << 20;

/// A folder, and how to read a file in it by its relative path.
pub struct Folder<'a, R> {
    /// All files there.
    pub files: &'a BTreeMap<String, FileDigest>,
    /// Opens one of them.
    pub open: &'a dyn Fn(&str) -> io::Result<R>,
}

/// Checks everything in the folder that a manager reads.
pub fn checks<R: Read + Seek>(folder: &Folder<'_, R>) -> Vec<Check> {
    vec![
        folder.each("manager-manifest", is_manifest, "there is no manifest", apple::manifest_faults),
        folder.each(
            "manager-declaration",
            is_declaration,
            "there is no declaration",
            apple::declaration_faults,
        ),
        folder.each("manager-profile", is_profile, "there is no profile", apple::profile_faults),
        munki::check(folder),
        folder.each("manager-fleet", is_fleet, "there is no software file for Fleet", fleet::faults),
    ]
}

/// The manifest that a declaration names.
const INSTALL_MANIFEST: &str = "manifest.plist";

/// What follows the folder `mdm`, an instance's or that of all.
fn below_mdm(path: &str) -> Option<&str> {
    path.split_once("/mdm/").map(|(_, below)| below).or_else(|| path.strip_prefix("mdm/"))
}

fn is_manifest(path: &str) -> bool {
    matches!(below_mdm(path), Some(INSTALL_MANIFEST | "uninstall-manifest.plist"))
}

fn is_declaration(path: &str) -> bool {
    below_mdm(path) == Some("declaration.json")
}

fn is_profile(path: &str) -> bool {
    path == WHOLE_PROFILE_FILE || below_mdm(path).is_some_and(|path| path.ends_with(".mobileconfig"))
}

/// Whether Fleet reads it.
fn is_of_fleet(path: &str) -> bool {
    below_mdm(path).is_some_and(|path| path.starts_with("fleet/"))
}

fn is_fleet(path: &str) -> bool {
    is_of_fleet(path) && (path.ends_with(".yml") || path.ends_with(".yaml"))
}

/// The folder of the instance that a file below `mdm/` is for, with a slash behind it;
/// nothing for one of all instances.
fn instance_folder(path: &str) -> &str {
    path.find("/mdm/").map_or("", |end| &path[..=end])
}

/// Whether a file is an instance's, or, for what is about all, no instance's.
fn is_in_folder(path: &str, instance: &str) -> bool {
    if instance.is_empty() {
        !path.contains('/') || path.starts_with("mdm/")
    } else {
        path.starts_with(instance)
    }
}

impl<R: Read + Seek> Folder<'_, R> {
    /// A check of all files of a kind.
    fn each(
        &self,
        name: &'static str,
        is_kind: fn(&str) -> bool,
        none: &str,
        faults_of: fn(&Self, &str) -> Result<Vec<String>, String>,
    ) -> Check {
        let mut any = false;
        let mut faults = Vec::new();
        for path in self.files.keys().filter(|path| is_kind(path)) {
            any = true;
            self.add(path, faults_of(self, path), &mut faults);
        }
        if any { Check::of(name, faults) } else { Check::not_applicable(name, none) }
    }

    fn add(&self, path: &str, found: Result<Vec<String>, String>, faults: &mut Vec<String>) {
        let found = found.unwrap_or_else(|fault| vec![fault]);
        let room = FOUND_MAX.saturating_sub(faults.len());
        faults.extend(found.into_iter().take(room).map(|fault| format!("{path:?}: {fault}")));
    }

    /// A whole document, if it is not too large for one.
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        (self.open)(path)
            .and_then(|file| file.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes))
            .map_err(|error| format!("it could not be read: {error}"))?;
        if bytes.len() as u64 > DOCUMENT_MAX {
            return Err(format!("it has more than {DOCUMENT_MAX} bytes, and is not read"));
        }
        Ok(bytes)
    }

    /// The file that a URL is of: the one whose path is the longest end of the URL's.
    fn file_at(&self, url: &str) -> Result<&str, String> {
        let parsed = Url::parse(url).map_err(|error| format!("{url:?} is not a URL: {error}"))?;
        if parsed.scheme() != "https" {
            return Err(format!("{url:?} is not an https address, and devices fetch nothing else"));
        }
        let segments: Vec<String> = parsed
            .path_segments()
            .into_iter()
            .flatten()
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        (0..segments.len())
            .find_map(|start| self.files.get_key_value(&segments[start..].join("/")))
            .map(|(path, _)| path.as_str())
            .ok_or_else(|| format!("{url:?} does not end in the path of a file in this folder"))
    }

    /// Opens a package and reads its documents.
    fn package(&self, path: &str) -> Result<(PackageFacts, R), String> {
        let cannot = |error: &dyn std::error::Error| format!("{path:?} cannot be read: {}", causes(error));
        let mut file = (self.open)(path).map_err(|error| cannot(&error))?;
        let facts = PackageFacts::read(&mut file).map_err(|error| cannot(&error))?;
        Ok((facts, file))
    }

    /// A fault if neither a package nor one of its components has this identifier and
    /// version.
    fn identity_faults(&self, path: &str, identifier: &str, version: &str) -> Option<String> {
        match self.identities(path) {
            Ok(identities) => identity_fault(&identities, identifier, version, path),
            Err(fault) => Some(fault),
        }
    }

    /// The identifiers of a package's components with their versions, as PackageInfo has
    /// them, and of the product where it has several.
    fn identities(&self, path: &str) -> Result<BTreeSet<(String, String)>, String> {
        let (facts, _) = self.package(path)?;
        let infos = facts.components.iter().filter_map(|component| component.package_info.as_ref());
        let components = infos.map(|info| (info.identifier.clone(), info.version.clone()));
        let product = facts.distribution.iter().filter(|_| facts.components.len() > 1);
        let product = product.map(|product| (product.identifier.clone(), product.version.clone()));
        Ok(product
            .chain(components)
            .filter_map(|(identifier, version)| Some((identifier?, version?)))
            .collect())
    }
}

fn identity_fault(
    identities: &BTreeSet<(String, String)>,
    identifier: &str,
    version: &str,
    path: &str,
) -> Option<String> {
    let wanted = (identifier.to_owned(), version.to_owned());
    if identities.contains(&wanted) {
        return None;
    }
    let found: Vec<String> =
        identities.iter().map(|(identifier, version)| format!("{identifier} {version}")).collect();
    Some(format!("it says {identifier} {version}, and {path:?} is {}", found.join(", ")))
}
