//! A package on the page: what it is, who signed it, what it does.
//!
//! Must not know: which packages there are.

use super::file::File;
use super::head::{Totals, signed_by};
use crate::artifact::{Built, BundledRecord, ComponentRecord, PackageRecord};
use crate::render::text::{count, exact_size, href, plain, size};

/// A package, whole.
pub(super) struct Package {
    pub title: &'static str,
    pub file: File,
    pub size: String,
    /// SHA-256 of the file.
    pub sum: String,
    /// Who signed it, where the head does not say so for all.
    pub signed_by: Option<String>,
    /// Whether every Mac refuses that signature, or there is none.
    pub is_untrusted: bool,
    /// When Apple notarized it, where its ticket is stapled.
    pub notarized: Option<String>,
    pub identifier: Option<String>,
    pub version: String,
    pub needs: Option<String>,
    /// What it brings beside the instances, each with its size.
    pub brings: Vec<String>,
    pub components: Vec<Component>,
    pub choices: Vec<Component>,
    pub choices_counted: String,
}

/// What a package does for an instance.
pub(super) struct Component {
    pub instance: String,
    pub starts: String,
    pub installs: Vec<String>,
    pub runs: Option<String>,
}

/// What the page shows of a package.
pub(super) fn package(built: &Built, totals: &Totals) -> Package {
    let record = built.package.as_ref();
    let is_combined = built.artifact.instance.is_none();
    let components: Vec<Component> =
        record.into_iter().flat_map(|record| &record.components).map(self::component).collect();
    let choices_counted = count(components.len() as u64, "instance to choose", "instances to choose from");
    let (components, choices) = if is_combined { (Vec::new(), components) } else { (components, Vec::new()) };
    let path = &built.artifact.path;
    Package {
        title: if record.is_some_and(lays_down_nothing) { "Uninstaller" } else { "Installer" },
        file: File {
            href: href(path),
            name: plain(path.rsplit('/').next().unwrap_or(path)),
            what: None,
            size: None,
            address: None,
        },
        size: exact_size(built.size),
        sum: plain(&built.sha256),
        signed_by: (!totals.has_one_signer()).then(|| signed_by(built.signed_by.as_ref())),
        notarized: built.notarized.map(|time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        is_untrusted: built.signed_by.as_ref().is_none_or(|signer| signer.development),
        identifier: built.artifact.identifier.as_deref().map(plain),
        version: plain(&built.version),
        needs: record.map(needs),
        brings: record.into_iter().flat_map(|record| &record.bundled).map(brings).collect(),
        components,
        choices,
        choices_counted,
    }
}

/// Something that it brings.
fn brings(record: &BundledRecord) -> String {
    let files = count(record.files, "file", "files");
    format!(
        "{} {}: {files}, {}",
        plain(&record.identifier),
        plain(&record.version),
        size(record.installed_kbytes << 10)
    )
}

fn component(record: &ComponentRecord) -> Component {
    Component {
        instance: plain(&record.instance),
        starts: starts(record),
        installs: record.installs.iter().map(|path| plain(path)).collect(),
        runs: Some(plain(&record.runs.join(", "))).filter(|runs| !runs.is_empty()),
    }
}

/// When an instance starts.
pub(super) fn starts(component: &ComponentRecord) -> String {
    let when = if component.is_at_boot() { "at boot" } else { "at login" };
    match component.user() {
        Some(user) if component.is_at_boot() => format!("{when}, as {}", plain(user)),
        Some(user) => format!("{when} of {}", plain(user)),
        None => format!("{when}, as the user who is found at install time"),
    }
}

fn needs(record: &PackageRecord) -> String {
    let name = |architecture: &String| match architecture.as_str() {
        "arm64" => "Apple silicon".to_owned(),
        "x86_64" => "Intel".to_owned(),
        other => plain(other),
    };
    let processors: Vec<String> = record.architectures.iter().map(name).collect();
    format!("macOS {} or newer on {}", plain(&record.minimum_macos), processors.join(" or "))
}

/// Whether a package has scripts alone, as those have that uninstall.
fn lays_down_nothing(record: &PackageRecord) -> bool {
    record.components.iter().all(|component| component.installs.is_empty())
}
