//! The kinds of files that device managers read.
//!
//! Must not know: how they are made.

use crate::artifact::{Description, MakeOfRun, Needs};
use crate::macos::{COMBINED_PKG, COMBINED_UNINSTALL_PKG, PKG, UNINSTALL_PKG};
use crate::settings::resolve::MUNKI_FOLDER;

/// Manifest of a package, for an MDM.
pub const MDM_MANIFEST: &str = "mdm-manifest";
/// Declaration for declarative management.
pub const MDM_DECLARATION: &str = "mdm-declaration";
/// Managed Login Items profile.
pub const MDM_PROFILE: &str = "mdm-profile";
/// Copy of a package in the Munki repository.
pub const MUNKI_PACKAGE: &str = "munki-package";
/// Munki's description of a package.
pub const MUNKI_PKGINFO: &str = "munki-pkginfo";
/// Manifest of the Munki repository.
pub const MUNKI_MANIFEST: &str = "munki-manifest";
/// Catalog of the Munki repository.
pub const MUNKI_CATALOG: &str = "munki-catalog";
/// Fleet's description of a package.
pub const FLEET_SOFTWARE: &str = "fleet-software";
/// Script that Fleet runs to install or uninstall.
pub const FLEET_SCRIPT: &str = "fleet-script";
/// Fleet's policies.
pub const FLEET_POLICY: &str = "fleet-policy";
/// Managed Login Items profile for Fleet, never signed.
pub const FLEET_PROFILE: &str = "fleet-profile";

/// What each of them is about.
const PACKAGES: &[&str] = &[PKG, UNINSTALL_PKG, COMBINED_PKG, COMBINED_UNINSTALL_PKG];
const WITH_MANIFESTS: &[&str] = &[PKG, UNINSTALL_PKG, COMBINED_PKG, COMBINED_UNINSTALL_PKG, MDM_MANIFEST];
/// A part of a repository is none.
const WITH_MUNKI: &[&str] = &[
    PKG,
    UNINSTALL_PKG,
    COMBINED_PKG,
    COMBINED_UNINSTALL_PKG,
    MUNKI_PACKAGE,
    MUNKI_PKGINFO,
    MUNKI_MANIFEST,
    MUNKI_CATALOG,
];
/// Policies name the software, which names its scripts.
const WITH_FLEET: &[&str] =
    &[PKG, UNINSTALL_PKG, COMBINED_PKG, COMBINED_UNINSTALL_PKG, FLEET_SOFTWARE, FLEET_SCRIPT];

const fn kind(
    name: &'static str,
    help: &'static str,
    brings: &'static [&'static str],
    for_whom: fn(&str) -> Option<&'static str>,
    words: fn(&str) -> Option<&'static str>,
) -> Description {
    Description { needs: Some(Needs::BaseUrl), brings, words, for_whom, ..Description::new(name, help) }
}

/// Whom they are for.
fn any_mdm(_: &str) -> Option<&'static str> {
    Some("Any MDM")
}

fn munki(_: &str) -> Option<&'static str> {
    Some("Munki")
}

fn fleet(_: &str) -> Option<&'static str> {
    Some("Fleet")
}

/// All of them; `write_catalog` makes a catalog.
///
/// The Munki repository is not for taking along: its packages are those of the
/// instances once more.
pub(super) const fn kinds(write_catalog: MakeOfRun) -> [Description; 11] {
    [
        Description {
            address: |_| Some("ManifestURL"),
            ..kind(
                MDM_MANIFEST,
                "Manifests of packages for an MDM (`--base-url`)",
                PACKAGES,
                any_mdm,
                |path| {
                    Some(if path.ends_with("/uninstall-manifest.plist") {
                        "the same for the uninstaller"
                    } else {
                        "for InstallEnterpriseApplication"
                    })
                },
            )
        },
        kind(
            MDM_DECLARATION,
            "Declarations for declarative management (`--base-url`)",
            WITH_MANIFESTS,
            any_mdm,
            |_| Some("declaration for declarative management"),
        ),
        kind(MDM_PROFILE, "Managed Login Items profiles (`--base-url`)", PACKAGES, any_mdm, |path| {
            Some(if path.contains('/') {
                "Managed Login Items profile"
            } else {
                "Managed Login Items profile of all instances"
            })
        }),
        Description {
            is_in_zip: |_| false,
            is_listed: |_| false,
            ..kind(MUNKI_PACKAGE, "The Munki repository: packages (`--base-url`)", WITH_MUNKI, munki, |_| {
                Some("Munki repository, package")
            })
        },
        Description {
            is_in_zip: |path| !is_in_munki_repository(path),
            is_listed: |path| !is_in_munki_repository(path),
            ..kind(
                MUNKI_PKGINFO,
                "Munki's descriptions of packages, in the repository and beside the packages (`--base-url`)",
                WITH_MUNKI,
                munki,
                |path| {
                    let is_there = is_in_munki_repository(path);
                    Some(if is_there { "Munki repository, pkginfo" } else { "Munki pkginfo" })
                },
            )
        },
        Description {
            is_in_zip: |_| false,
            is_listed: |_| false,
            ..kind(
                MUNKI_MANIFEST,
                "The Munki repository: manifests (`--base-url`)",
                WITH_MUNKI,
                munki,
                |_| Some("Munki repository, manifest to include"),
            )
        },
        Description {
            is_in_zip: |_| false,
            is_listed: |_| false,
            of_run: Some(write_catalog),
            ..kind(MUNKI_CATALOG, "The Munki repository: catalogs (`--base-url`)", WITH_MUNKI, munki, |_| {
                Some("Munki repository, catalog")
            })
        },
        kind(
            FLEET_SOFTWARE,
            "Software for Fleet, with its scripts (`--base-url`)",
            WITH_FLEET,
            fleet,
            |_| Some("software for Fleet"),
        ),
        Description {
            is_program: |_| true,
            ..kind(FLEET_SCRIPT, "Scripts for Fleet (`--base-url`)", PACKAGES, fleet, |_| {
                Some("script for Fleet")
            })
        },
        kind(FLEET_POLICY, "Policies for Fleet, with the software (`--base-url`)", WITH_FLEET, fleet, |_| {
            Some("policies for Fleet")
        }),
        kind(FLEET_PROFILE, "Managed Login Items profiles for Fleet (`--base-url`)", PACKAGES, fleet, |_| {
            Some("Managed Login Items profile for Fleet")
        }),
    ]
}

fn is_in_munki_repository(path: &str) -> bool {
    path.strip_prefix(MUNKI_FOLDER).is_some_and(|rest| rest.starts_with('/'))
}
