//! What a run builds, as data: printed by `plan`, built by `dist`, recorded in
//! `artifacts.json`.
//!
//! Architecture Invariant: pure. The same spec and kinds give the same plan;
//! no file, clock or environment is looked at.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::spec::{Instance, Spec};
use crate::{launchd, render, systemd};

/// Version of the schema of `artifacts.json` and of `plan --format json`. It
/// grows when a field changes its meaning or goes, not when one is added.
pub const SCHEMA: u32 = 1;
/// File name of the manifest.
pub const MANIFEST_FILE: &str = "artifacts.json";
/// File name of the checksums.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// The artifacts of one run, in the order in which they are built: the zip,
/// which holds the others, last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Version of the schema of this structure as JSON.
    pub schema: u32,
    /// Version of every package of the run.
    pub version: String,
    /// What is built.
    pub artifacts: Vec<Artifact>,
}

/// One file under `out/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// Where, relative to `out/`, with `/`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The instance that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The package identifier, launchd label or unit name that the file defines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
}

/// What a file is; also what `--only` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The launchd property list.
    Plist,
    /// The installer package.
    Pkg,
    /// The uninstall script.
    UninstallScript,
    /// The uninstall package.
    UninstallPkg,
    /// The systemd unit, its drop-ins and the tmpfiles.d line.
    Systemd,
    /// The archive of everything else.
    Zip,
}

impl Kind {
    /// Whether files of this kind are signed.
    pub fn is_package(self) -> bool {
        matches!(self, Self::Pkg | Self::UninstallPkg)
    }

    /// The file's mode, on disk and in the zip.
    pub fn mode(self) -> u32 {
        if self == Self::UninstallScript { 0o755 } else { 0o644 }
    }

    /// The name that `--only` takes and the manifest records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plist => "plist",
            Self::Pkg => "pkg",
            Self::UninstallScript => "uninstall-script",
            Self::UninstallPkg => "uninstall-pkg",
            Self::Systemd => "systemd",
            Self::Zip => "zip",
        }
    }
}

/// Why a spec cannot be laid out in `out/`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two files want the same place.
    #[error(
        "{first} and {second} cannot both be in the output folder (macOS does not tell upper from lower case); \
         rename the instance"
    )]
    Collision {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// `--only` leaves nothing.
    #[error("there is nothing to build")]
    Nothing,
}

/// Lays out what `spec` asks for, of the given kinds (all, where empty).
pub fn plan(spec: &Spec, only: &[Kind]) -> Result<Plan, PlanError> {
    let wanted = |kind: Kind| only.is_empty() || only.contains(&kind);
    let mut artifacts: Vec<Artifact> =
        spec.instances.iter().flat_map(|instance| instance_artifacts(spec, instance)).collect();
    artifacts.push(Artifact { path: zip_name(spec), kind: Kind::Zip, instance: None, identifier: None });
    check_places(&artifacts)?;
    artifacts.retain(|artifact| wanted(artifact.kind));
    if artifacts.is_empty() {
        return Err(PlanError::Nothing);
    }
    Ok(Plan { schema: SCHEMA, version: spec.version.to_string(), artifacts })
}

fn zip_name(spec: &Spec) -> String {
    format!("lima-autostart-{}.zip", spec.version)
}

fn instance_artifacts(spec: &Spec, instance: &Instance) -> Vec<Artifact> {
    let name = instance.name.as_str();
    let version = spec.version.as_str();
    let artifact = |path: String, kind, identifier: Option<String>| Artifact {
        path: format!("{name}/{path}"),
        kind,
        instance: Some(name.to_owned()),
        identifier,
    };
    let mut artifacts = vec![
        artifact(
            format!("macos/{}", launchd::file_name(instance)),
            Kind::Plist,
            Some(launchd::label(instance)),
        ),
        artifact(
            format!("macos/lima-{name}-{version}.pkg"),
            Kind::Pkg,
            Some(launchd::installer_identifier(spec, instance)),
        ),
        artifact("macos/uninstall.sh".to_owned(), Kind::UninstallScript, None),
        artifact(
            format!("macos/lima-{name}-{version}-uninstall.pkg"),
            Kind::UninstallPkg,
            Some(launchd::uninstaller_identifier(spec, instance)),
        ),
    ];
    artifacts.extend(
        render::linux_files(spec, instance)
            .into_iter()
            .map(|file| artifact(format!("linux/{}", file.path), Kind::Systemd, unit(instance, &file.path))),
    );
    artifacts
}

/// The unit that a file of `linux/` defines or adds to.
fn unit(instance: &Instance, path: &str) -> Option<String> {
    if path == systemd::TEMPLATE_UNIT {
        Some(path.to_owned())
    } else if path.starts_with(&systemd::drop_in_dir(&instance.name)) {
        Some(systemd::unit(&instance.name))
    } else {
        None
    }
}

/// No two files, and no file and folder, in one place when case is folded.
fn check_places(artifacts: &[Artifact]) -> Result<(), PlanError> {
    let mut places: BTreeMap<String, (&str, bool)> = BTreeMap::new();
    let own = [MANIFEST_FILE, SUMS_FILE];
    for path in own.into_iter().chain(artifacts.iter().map(|artifact| artifact.path.as_str())) {
        let folders = path.match_indices('/').map(|(end, _)| (&path[..end], true));
        for (place, is_folder) in folders.chain([(path, false)]) {
            match places.insert(place.to_lowercase(), (place, is_folder)) {
                // The same folder again, spelled the same.
                Some((earlier, true)) if is_folder && earlier == place => {}
                Some((earlier, _)) => {
                    return Err(PlanError::Collision { first: earlier.to_owned(), second: place.to_owned() });
                }
                None => {}
            }
        }
    }
    Ok(())
}
