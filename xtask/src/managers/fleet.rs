//! Software for Fleet's GitOps: a YAML file and the scripts that it names.
//!
//! `self_service`, labels and categories belong into the team's file, where a
//! package is named by its path; Fleet refuses them here
//! (`IncludesFieldsDisallowedInPackageFile` in `pkg/spec/gitops.go`).
//!
//! Source: Fleet's `docs/Configuration/yaml-files.md`, "packages";
//! `SoftwarePackageSpec` in its `server/fleet`.
//!
//! Must not know: what the scripts do.

use serde::Serialize;

use super::{BuiltPackage, address};
use crate::settings::{BaseUrl, Instance};

#[derive(Serialize)]
struct Software<'a> {
    url: String,
    hash_sha256: &'a str,
    install_script: Script,
    uninstall_script: Script,
}

#[derive(Serialize)]
struct Script {
    path: String,
}

/// File name of the script that installs. It has the instance in it because
/// people keep the software of many in one folder.
pub fn install_file(instance: &Instance) -> String {
    format!("lima-{}-install.sh", instance.name)
}

/// File name of the script that uninstalls.
pub fn uninstall_file(instance: &Instance) -> String {
    format!("lima-{}-uninstall.sh", instance.name)
}

/// The software file. Paths in it are relative to it.
pub fn software(base_url: &BaseUrl, instance: &Instance, package: &BuiltPackage<'_>) -> Vec<u8> {
    let software = Software {
        url: address(base_url, package),
        hash_sha256: &package.sums.sha256,
        install_script: Script { path: format!("./{}", install_file(instance)) },
        uninstall_script: Script { path: format!("./{}", uninstall_file(instance)) },
    };
    // A digest of nothing but digits is a number to a reader of YAML, unless it is quoted.
    let quoted = serde_saphyr::ser_options! { quote_all: true };
    serde_saphyr::to_string_with_options(&software, quoted).expect("strings can be serialized").into_bytes()
}
