//! For Fleet's GitOps: software with the scripts that it names, and policies that install
//! it and say whether the VMs run.
//!
//! ```text
//! lima-k3s.package.yml    url, hash_sha256, ./lima-k3s-install.sh, ./lima-k3s-uninstall.sh
//! lima-k3s.policies.yml   is it installed, by ./lima-k3s.package.yml; does it run
//! lima-k3s-login-items.mobileconfig
//! ```
//!
//! Paths in a file are relative to it; names have the instance in them because people
//! keep the files of many in one folder. `self_service`, labels and categories belong
//! into the fleet's own file, where a package is named by its path; Fleet refuses them here
//! (`IncludesFieldsDisallowedInPackageFile` in `pkg/spec/gitops.go`).
//!
//! Sources: Fleet's `docs/Configuration/yaml-files.md`, "packages" and "policies";
//! `SoftwarePackageSpec` and `PolicySpec` in its `server/fleet`; osquery's tables `launchd`,
//! `package_receipts`, `file` and `processes`.
//!
//! Must not know: what the scripts do.

use serde::Serialize;

use super::subject::Subject;
use super::{BuiltPackage, address};
use crate::macos::launchd;
use crate::settings::{BaseUrl, Condition, Instance, Spec};

/// Where the files are, all in one folder.
pub struct Names {
    /// Script that installs.
    pub install: String,
    /// Script that uninstalls.
    pub uninstall: String,
    /// Software.
    pub software: String,
    /// Policies.
    pub policies: String,
    /// Managed Login Items profile.
    pub profile: String,
}

impl Names {
    /// In a folder, their names starting with `stem`.
    pub fn new(folder: &str, stem: &str) -> Self {
        let at = |end: &str| format!("{folder}/{stem}{end}");
        Self {
            install: at("-install.sh"),
            uninstall: at("-uninstall.sh"),
            software: at(".package.yml"),
            policies: at(".policies.yml"),
            profile: at("-login-items.mobileconfig"),
        }
    }
}

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

#[derive(Serialize)]
struct Policy {
    name: String,
    description: String,
    resolution: String,
    query: String,
    platform: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    install_software: Option<InstallSoftware>,
}

#[derive(Serialize)]
struct InstallSoftware {
    package_path: String,
}

/// A file in the same folder.
fn beside(path: &str) -> String {
    format!("./{}", path.rsplit('/').next().unwrap_or(path))
}

fn yaml(value: &impl Serialize) -> Vec<u8> {
    // A digest of nothing but digits is a number to a reader of YAML, unless it is quoted.
    let quoted = serde_saphyr::ser_options! { quote_all: true };
    serde_saphyr::to_string_with_options(value, quoted).expect("strings can be serialized").into_bytes()
}

/// The software file.
pub fn software(base_url: &BaseUrl, names: &Names, package: &BuiltPackage<'_>) -> Vec<u8> {
    yaml(&Software {
        url: address(base_url, package),
        hash_sha256: &package.sums.sha256,
        install_script: Script { path: beside(&names.install) },
        uninstall_script: Script { path: beside(&names.uninstall) },
    })
}

/// The policies: two for each instance.
pub fn policies(subject: Subject<'_>, names: &Names) -> Vec<u8> {
    let two = |instance: &Instance| {
        let name = instance.name.as_str();
        [
            Policy {
                name: format!("Lima instance {name} is installed"),
                description: format!(
                    "This Mac has what starts the Lima instance {name}, in version {}.",
                    subject.spec.version
                ),
                resolution: "Fleet installs it.".to_owned(),
                query: is_installed(subject.spec, instance),
                platform: "darwin",
                install_software: Some(InstallSoftware { package_path: beside(&names.software) }),
            },
            Policy {
                name: format!("Lima instance {name} runs"),
                description: format!("limactl's host agent for the Lima instance {name} is running."),
                resolution: format!(
                    "Look into {} on the Mac, or restart the Mac.",
                    launchd::log_path_in_words(subject.spec, instance.condition, name)
                ),
                query: runs(instance),
                platform: "darwin",
                install_software: None,
            },
        ]
    };
    yaml(&subject.instances().iter().flat_map(two).collect::<Vec<_>>())
}

/// A string of SQL.
fn sql(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// launchd has the job from where the package puts it, and the receipt is this version's:
/// without that, no Mac would get the next version.
fn is_installed(spec: &Spec, instance: &Instance) -> String {
    let label = sql(&launchd::label(instance));
    let receipt = sql(&launchd::installer_identifier(spec, instance));
    let version = sql(spec.version.as_str());
    // The property list of a login item is in a home folder that only the Mac knows.
    let plist = match instance.condition {
        Condition::Boot => format!(
            "EXISTS (SELECT 1 FROM launchd WHERE label = {label} AND path = {})",
            sql(&launchd::install_path(instance))
        ),
        Condition::Login => format!(
            "EXISTS (SELECT 1 FROM launchd WHERE label = {label}) AND EXISTS (SELECT 1 FROM file WHERE path = {})",
            sql(&launchd::payload_path(spec, instance))
        ),
    };
    format!(
        "SELECT 1 WHERE {plist} AND EXISTS (SELECT 1 FROM package_receipts WHERE package_id = {receipt} AND version = {version});"
    )
}

/// Lima's `pkg/instance/start.go`: `limactl [--debug] hostagent --pidfile DIR/ha.pid ... NAME`.
/// No LIKE, in which `_` of a name would be any character.
fn runs(instance: &Instance) -> String {
    format!(
        "SELECT 1 FROM processes WHERE instr(cmdline, ' hostagent --pidfile ') > 0 AND instr(cmdline || ' ', {}) > 0;",
        sql(&format!(" {} ", instance.name))
    )
}
