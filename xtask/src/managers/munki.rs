//! What Munki reads: the pkginfo of each package, a manifest to include, and the
//! catalogs.
//!
//! Sources: munki/munki, `code/client/munkilib/admin/pkginfolib.py` (keys, sizes),
//! `admin/makecatalogslib.py` (catalogs), `updatecheck/installationstate.py` (when
//! an item counts as installed), `updatecheck/catalogs.py` (names).
//!
//! Must not know: where packages are in the output folder.

use std::cell::RefCell;
use std::io::{self, Write};

use md5::{Digest, Md5};
use plist::Dictionary;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::{BuiltPackage, property_list};
use crate::digest::hex;
use crate::macos::{launchd, pages, scripts::uninstall_sh};
use crate::settings::{Architecture, Condition, Instance, Spec, Text};

/// Where the repository has its pkginfos, relative to the output folder.
pub const PKGSINFO: &str = "munki/pkgsinfo/";
/// The catalog of everything.
pub const ALL: &str = "all";

/// What Munki's Managed Software Center sorts by.
const CATEGORY: &str = "Virtualization";

/// The name under which manifests ask for the package that installs.
///
/// A manifest's `lima-dev-2` is the version 2 of `lima-dev` for Munki
/// (`split_name_and_version`): what follows the last hyphen must be a word. Both
/// names of an instance end in one, each in its own, so that no instance's names
/// are another one's.
pub fn installer_name(instance: &Instance) -> String {
    format!("lima-{}-autostart", instance.name)
}

/// The name under which manifests ask for the package that uninstalls.
pub fn uninstaller_name(instance: &Instance) -> String {
    format!("lima-{}-uninstall", instance.name)
}

/// A pkginfo, its keys in the order in which Munki's own tools write them.
#[derive(Serialize)]
struct Pkginfo<'a> {
    autoremove: bool,
    /// Empty: without it, Munki looks for running programs of the package.
    blocking_applications: [String; 0],
    catalogs: Vec<&'a str>,
    category: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    developer: Option<&'a str>,
    display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    installcheck_script: Option<String>,
    installed_size: u64,
    installer_item_hash: &'a str,
    installer_item_location: &'a str,
    /// In KiB, rounded down as makepkginfo does.
    installer_item_size: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    installs: Vec<Installs>,
    minimum_os_version: &'a str,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    receipts: Vec<Receipt<'a>>,
    supported_architectures: Vec<&'static str>,
    unattended_install: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unattended_uninstall: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uninstall_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uninstall_script: Option<String>,
    uninstallable: bool,
    version: &'a str,
}

/// A file that is there when the package is installed.
#[derive(Serialize)]
struct Installs {
    #[serde(skip_serializing_if = "Option::is_none")]
    md5checksum: Option<String>,
    path: String,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Receipt<'a> {
    installed_size: u64,
    packageid: String,
    version: &'a str,
}

/// What both packages share.
fn pkginfo<'a>(
    spec: &'a Spec,
    instance: &'a Instance,
    package: &BuiltPackage<'a>,
    location: &'a str,
) -> Pkginfo<'a> {
    Pkginfo {
        autoremove: false,
        blocking_applications: [],
        catalogs: spec.munki_catalogs.iter().map(|name| name.as_str()).collect(),
        category: CATEGORY,
        description: String::new(),
        developer: spec.organization.as_ref().map(Text::as_str),
        display_name: String::new(),
        installcheck_script: None,
        installed_size: package.installed_kbytes,
        installer_item_hash: &package.sums.sha256,
        installer_item_location: location,
        installer_item_size: package.sums.size / 1024,
        installs: Vec::new(),
        minimum_os_version: instance.min_macos.as_str(),
        name: String::new(),
        receipts: Vec::new(),
        supported_architectures: instance.architectures.iter().copied().map(Architecture::as_str).collect(),
        unattended_install: true,
        unattended_uninstall: None,
        uninstall_method: None,
        uninstall_script: None,
        uninstallable: false,
        version: spec.version.as_str(),
    }
}

/// The pkginfo of the package that installs, which lies at `location` below the
/// repository's `pkgs`.
///
/// Munki looks at `installs` alone where there is one, and a receipt cannot say
/// that somebody has removed the property list. So: the property list must be
/// there, however it looks, since the installation may have put into it what it
/// found on the Mac; and the uninstaller must be this package's own, to the
/// letter. Version and settings are in its text, so that another version is
/// noticed by it, and one that is taken back too.
pub fn installer(spec: &Spec, instance: &Instance, package: &BuiltPackage<'_>, location: &str) -> Vec<u8> {
    let uninstall_sh = uninstall_sh(spec, instance);
    property_list(&Pkginfo {
        description: if instance.template.is_some() {
            format!(
                "Starts the Lima instance {} by itself, and creates it where it is missing.",
                instance.name
            )
        } else {
            format!("Starts the Lima instance {} by itself. The instance is not part of it.", instance.name)
        },
        display_name: pages::title(instance),
        installs: vec![
            Installs { md5checksum: None, path: job_path(spec, instance), r#type: "file" },
            Installs {
                md5checksum: Some(hex(Md5::digest(&uninstall_sh))),
                path: launchd::uninstaller_path(spec, instance),
                r#type: "file",
            },
        ],
        name: installer_name(instance),
        receipts: vec![Receipt {
            installed_size: package.installed_kbytes,
            packageid: launchd::installer_identifier(spec, instance),
            version: spec.version.as_str(),
        }],
        unattended_uninstall: Some(true),
        uninstall_method: Some("uninstall_script"),
        uninstall_script: Some(uninstall_sh),
        uninstallable: true,
        ..pkginfo(spec, instance, package, location)
    })
}

/// Where the property list is once the package is installed: what launchd reads,
/// or, where that is in a home folder that only the Mac knows, the package's own.
fn job_path(spec: &Spec, instance: &Instance) -> String {
    match instance.condition {
        Condition::Boot => launchd::install_path(instance),
        Condition::Login => launchd::payload_path(spec, instance),
    }
}

/// The pkginfo of the package that uninstalls. It leaves nothing by which Munki
/// could see that it ran, not even a receipt; a script looks whether it has
/// anything to do.
pub fn uninstaller(spec: &Spec, instance: &Instance, package: &BuiltPackage<'_>, location: &str) -> Vec<u8> {
    property_list(&Pkginfo {
        description: format!(
            "Removes what starts the Lima instance {} by itself. The instance and its disk stay.",
            instance.name
        ),
        display_name: pages::uninstall_title(instance),
        installcheck_script: Some(super::scripts::munki_installcheck_sh(spec, instance)),
        name: uninstaller_name(instance),
        ..pkginfo(spec, instance, package, location)
    })
}

#[derive(Serialize)]
struct Manifest {
    managed_installs: [String; 1],
}

/// A manifest for other manifests to include. Without catalogs of its own: those
/// of the one that includes it count.
pub fn manifest(instance: &Instance) -> Vec<u8> {
    property_list(&Manifest { managed_installs: [installer_name(instance)] })
}

/// Why a catalog could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError<E: std::error::Error + 'static> {
    /// A pkginfo could not be had.
    #[error(transparent)]
    Pkginfo(E),
    /// The catalog could not be written.
    #[error("the catalog could not be written: {0}")]
    Write(#[source] io::Error),
}

/// Reads a pkginfo that this program wrote. For anybody else's, bound it first.
///
/// # Errors
/// What makes it no property list of a dictionary.
pub fn read_pkginfo(bytes: &[u8]) -> Result<Dictionary, plist::Error> {
    plist::from_bytes(bytes)
}

/// Writes the catalog `name`, or [`ALL`], made of pkginfos that come one by one;
/// none is kept. Returns how many are in it.
///
/// The same pkginfos give the same bytes, whoever built them and in how many
/// runs, if they come in the same order: that of their paths in `pkgsinfo`, byte
/// by byte. As makecatalogs does, it leaves out the administrator's notes and
/// keys that start with `_`.
///
/// # Errors
/// The first pkginfo's that could not be had, or the output's.
pub fn write_catalog<E: std::error::Error + 'static>(
    name: &str,
    pkginfos: impl Iterator<Item = Result<Dictionary, E>>,
    mut out: impl Write,
) -> Result<u64, CatalogError<E>> {
    let state = RefCell::new(State { pkginfos, count: 0, error: None });
    let written = plist::to_writer_xml(&mut out, &Items { name, state: &state });
    let state = state.into_inner();
    if let Some(error) = state.error {
        return Err(CatalogError::Pkginfo(error));
    }
    written
        .map_err(|error| error.into_io().unwrap_or_else(io::Error::other))
        .and_then(|()| out.write_all(b"\n"))
        .map_err(CatalogError::Write)?;
    Ok(state.count)
}

/// What serde is to write a list of. It can only be serialized once.
struct Items<'a, I, E> {
    name: &'a str,
    /// serde lends what it serializes, and an iterator changes.
    state: &'a RefCell<State<I, E>>,
}

struct State<I, E> {
    pkginfos: I,
    count: u64,
    error: Option<E>,
}

impl<I: Iterator<Item = Result<Dictionary, E>>, E> Serialize for Items<'_, I, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(None)?;
        let mut state = self.state.borrow_mut();
        while let Some(pkginfo) = state.pkginfos.next() {
            let mut pkginfo = match pkginfo {
                Ok(pkginfo) => pkginfo,
                Err(error) => {
                    state.error = Some(error);
                    return Err(serde::ser::Error::custom("a pkginfo could not be had"));
                }
            };
            if self.name != ALL && !catalogs_of(&pkginfo).any(|name| name == self.name) {
                continue;
            }
            pkginfo.retain(|key, _| key != "notes" && !key.starts_with('_'));
            items.serialize_element(&pkginfo)?;
            state.count += 1;
        }
        items.end()
    }
}

/// The catalogs that a pkginfo is in.
pub fn catalogs_of(pkginfo: &Dictionary) -> impl Iterator<Item = &str> {
    pkginfo
        .get("catalogs")
        .and_then(plist::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(plist::Value::as_string)
}
