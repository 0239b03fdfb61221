//! What Munki reads: the pkginfo of each package, and a manifest to include.
//!
//! Sources: munki/munki, `code/client/munkilib/admin/pkginfolib.py` (keys, sizes),
//! `updatecheck/installationstate.py` (when
//! an item counts as installed), `updatecheck/catalogs.py` (names).
//!
//! Must not know: where packages are in the output folder.

use md5::{Digest, Md5};
use serde::Serialize;

use super::scripts::munki_installcheck_sh;
use super::subject::Subject;
use super::{BuiltPackage, property_list};
use crate::artifact::Whose;
use crate::digest::hex;
use crate::macos::{launchd, scripts::uninstall_sh};
use crate::settings::{Architecture, Condition, Instance, Spec, Text};

pub use super::catalog::{CatalogError, catalogs_of, read_pkginfo, write_catalog};

/// Where the repository has its pkginfos, relative to the output folder.
pub const PKGSINFO: &str = "munki/pkgsinfo/";
/// The catalog of everything.
pub const ALL: &str = "all";

/// What Munki's Managed Software Center sorts by.
const CATEGORY: &str = "Virtualization";

/// The names under which manifests ask for the packages: the one that installs, and the one
/// that uninstalls.
///
/// A manifest's `lima-dev-2` is the version 2 of `lima-dev` for Munki
/// (`split_name_and_version`): what follows the last hyphen must be a word. Both
/// names of an instance end in one, each in its own, so that no instance's names
/// are another one's.
pub fn names(subject: Subject<'_>) -> [String; 2] {
    ["autostart", "uninstall"].map(|end| format!("{}-{end}", subject.stem()))
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
    /// Without it, Munki goes by `installs` and receipts, and leaves a Mac alone that has
    /// lost both.
    #[serde(skip_serializing_if = "Option::is_none")]
    uninstallcheck_script: Option<String>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_size: Option<u64>,
    packageid: String,
    version: &'a str,
}

/// Whether an instance's package has that one component.
fn is_alone(instance: &Instance) -> bool {
    !instance.uses_bundled_lima() && instance.bundled.files.is_empty()
}

/// What both packages share.
fn pkginfo<'a>(subject: Subject<'a>, package: &BuiltPackage<'a>, location: &'a str) -> Pkginfo<'a> {
    let spec = subject.spec;
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
        minimum_os_version: subject.min_macos().as_str(),
        name: String::new(),
        receipts: Vec::new(),
        supported_architectures: subject.architectures().into_iter().map(Architecture::as_str).collect(),
        unattended_install: spec.munki_unattended,
        unattended_uninstall: None,
        uninstall_method: None,
        uninstall_script: None,
        uninstallable: false,
        uninstallcheck_script: None,
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
pub fn installer(subject: Subject<'_>, package: &BuiltPackage<'_>, location: &str) -> Vec<u8> {
    let Subject { spec, whose } = subject;
    let of = subject.words();
    let is_created = subject.instances().iter().all(|instance| instance.template.is_some());
    let description = match (whose, is_created) {
        (Whose::One(_), true) => format!("Starts the {of} by itself, and creates it where it is missing."),
        (Whose::One(_), false) => format!("Starts the {of} by itself. The instance is not part of it."),
        (Whose::All, _) => format!("Starts {of} by themselves. The instances are not part of it."),
    };
    let installs = subject.instances().iter().flat_map(|instance| {
        let uninstaller = Md5::digest(uninstall_sh(spec, instance));
        let installs = |md5checksum, path| Installs { md5checksum, path, r#type: "file" };
        [
            installs(None, job_path(spec, instance)),
            installs(Some(hex(uninstaller)), launchd::uninstaller_path(spec, instance)),
        ]
    });
    let receipt = |instance| Receipt {
        // What each of several components takes is not known here.
        installed_size: whose.instance().filter(|one| is_alone(one)).map(|_| package.installed_kbytes),
        packageid: launchd::installer_identifier(spec, instance),
        version: spec.version.as_str(),
    };
    let [display_name, _] = subject.titles();
    let [name, _] = names(subject);
    property_list(&Pkginfo {
        description,
        display_name,
        installs: installs.collect(),
        name,
        receipts: subject.instances().iter().map(receipt).collect(),
        unattended_uninstall: Some(spec.munki_unattended),
        uninstall_method: Some("uninstall_script"),
        uninstall_script: Some(subject.uninstall_sh()),
        uninstallable: true,
        uninstallcheck_script: Some(munki_installcheck_sh(spec, subject.instances())),
        ..pkginfo(subject, package, location)
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
pub fn uninstaller(subject: Subject<'_>, package: &BuiltPackage<'_>, location: &str) -> Vec<u8> {
    let of = subject.words();
    let [_, display_name] = subject.titles();
    let [_, name] = names(subject);
    property_list(&Pkginfo {
        description: match subject.whose {
            Whose::One(_) => {
                format!("Removes what starts the {of} by itself. The instance and its disk stay.")
            }
            Whose::All => {
                format!("Removes what starts {of} by themselves. The instances and their disks stay.")
            }
        },
        display_name,
        installcheck_script: Some(munki_installcheck_sh(subject.spec, subject.instances())),
        name,
        ..pkginfo(subject, package, location)
    })
}

#[derive(Serialize)]
struct Manifest {
    managed_installs: [String; 1],
}

/// A manifest for other manifests to include. Without catalogs of its own: those
/// of the one that includes it count.
pub fn manifest(subject: Subject<'_>) -> Vec<u8> {
    let [installer, _] = names(subject);
    property_list(&Manifest { managed_installs: [installer] })
}
