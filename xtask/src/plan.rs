//! What a run builds, as data: printed by `plan`, built by `dist`, recorded in
//! `artifacts.json`.
//!
//! Architecture Invariant: pure. The same spec and request give the same plan;
//! no file, clock or environment is looked at. A plan is worked out instance by
//! instance, each time it is asked: ten thousand instances have a hundred
//! thousand files, and nobody needs all of their names at once.

mod kind;

use std::collections::HashMap;

pub use kind::Kind;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::partition::Partition;
use crate::spec::resolve::MUNKI_FOLDER;
use crate::spec::{Architecture, Instance, Spec};
use crate::{launchd, mdm, render, systemd};

/// Version of the schema of `artifacts.json` and of `plan --format json`. It
/// grows when a field changes its meaning or goes, not when one is added.
pub const SCHEMA: u32 = 1;
/// File name of the manifest.
pub const MANIFEST_FILE: &str = "artifacts.json";
/// File name of the page.
pub const INDEX_FILE: &str = "index.html";
/// File name of the checksums.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// What is asked of a run beside its spec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// These kinds of files only; all, where empty.
    pub only: Vec<Kind>,
    /// Whether one package with all instances is built too.
    pub combined: bool,
    /// This part of the instances only.
    pub partition: Option<Partition>,
}

/// The artifacts of one run: those of each instance, then those of several
/// instances, then those that are made of all the others.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    spec: &'a Spec,
    request: &'a Request,
    /// This part's, in the order of their folders.
    instances: Vec<&'a Instance>,
}

/// One file under `out/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Where, relative to `out/`, with `/`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The instance that it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<String>,
    /// The package identifier, launchd label or unit name that the file defines.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identifier: Option<String>,
}

impl Artifact {
    /// The file's mode, on disk and in the zip: programs can be run.
    pub fn mode(&self) -> u32 {
        let is_program = match self.kind {
            Kind::UninstallScript | Kind::Manager => self.path.ends_with(".sh"),
            Kind::Systemd => self.path.ends_with(&format!("/linux/{}", crate::lima_start::FILE)),
            _ => false,
        };
        if is_program { 0o755 } else { 0o644 }
    }

    /// Whether the zip holds it. The Munki repository is not for taking along:
    /// its packages are those of the instances once more.
    pub fn is_in_zip(&self) -> bool {
        match self.kind {
            Kind::Zip | Kind::MunkiCatalog => false,
            Kind::Manager => !self.path.starts_with(&format!("{MUNKI_FOLDER}/")),
            _ => true,
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
    #[error("there is nothing to build{0}")]
    Nothing(&'static str),
    /// One package cannot hold instances for different processors.
    #[error(
        "no Mac could install all instances from one package: {first} is for {first_processors} and {second} for \
         {second_processors}; leave --combined out, or give both the same `architectures`"
    )]
    NoCommonArchitecture {
        /// An instance.
        first: String,
        /// What it is for.
        first_processors: String,
        /// One that has nothing in common with it.
        second: String,
        /// What that is for.
        second_processors: String,
    },
}

impl<'a> Plan<'a> {
    /// Lays out what is asked for.
    ///
    /// # Errors
    /// [`PlanError`]; nothing that a valid spec can cause unless its instances
    /// are at odds with each other.
    pub fn new(spec: &'a Spec, request: &'a Request) -> Result<Self, PlanError> {
        let mut instances: Vec<&Instance> = spec
            .instances
            .iter()
            .filter(|instance| request.partition.is_none_or(|part| part.holds(instance.name.as_str())))
            .collect();
        instances.sort_by_cached_key(|instance| format!("{}/", instance.name));
        let plan = Self { spec, request, instances };
        plan.check_places()?;
        if plan.request.combined {
            common_architectures(spec)?;
        }
        // A part may well be empty; a run may not.
        if request.partition.is_none() && plan.artifacts().next().is_none() {
            return Err(PlanError::Nothing(if request.only.iter().any(|kind| kind.is_combined()) {
                ": packages of several instances need --combined"
            } else if request.only.iter().any(|kind| matches!(kind, Kind::Manager | Kind::MunkiCatalog)) {
                ": what device managers read needs --base-url"
            } else {
                ""
            }));
        }
        Ok(plan)
    }

    /// The spec that this is a plan for.
    pub fn spec(&self) -> &'a Spec {
        self.spec
    }

    /// What was asked for.
    pub fn request(&self) -> &'a Request {
        self.request
    }

    /// The part that this is, where it is one.
    pub fn partition(&self) -> Option<Partition> {
        self.request.partition
    }

    /// The instances whose files are built, in the order of their folders.
    pub fn instances(&self) -> &[&'a Instance] {
        &self.instances
    }

    /// The files of one instance.
    pub fn of_instance(&self, instance: &Instance) -> Vec<Artifact> {
        self.wanted(instance_artifacts(self.spec, instance)).collect()
    }

    /// The files of several instances that this part builds, by path.
    pub fn of_several(&self) -> Vec<Artifact> {
        let is_ours =
            |artifact: &Artifact| self.request.partition.is_none_or(|part| part.holds(&artifact.path));
        let mut artifacts: Vec<Artifact> = self.wanted(self.combined()).filter(is_ours).collect();
        artifacts.sort_by(|a, b| a.path.cmp(&b.path));
        artifacts
    }

    /// The files that are made of all others, whichever part this is.
    pub fn of_all(&self) -> Vec<Artifact> {
        self.wanted(of_all(self.spec)).collect()
    }

    /// Whether the run has packages, be they in another part: the parts of a run
    /// are signed by one identity, also the one that has nothing to sign.
    pub fn has_packages(&self) -> bool {
        let first = self.spec.instances.iter().take(1).flat_map(|one| instance_artifacts(self.spec, one));
        self.wanted(first.chain(self.combined()).collect()).any(|artifact| artifact.kind.is_package())
    }

    /// What is built, in the order in which it is.
    pub fn artifacts(&self) -> impl Iterator<Item = Artifact> + '_ {
        let of_all = if self.request.partition.is_none() { self.of_all() } else { Vec::new() };
        let of_instances = self.instances.iter().flat_map(|instance| self.of_instance(instance));
        of_instances.chain(self.of_several()).chain(of_all)
    }

    fn wanted(&self, artifacts: Vec<Artifact>) -> impl Iterator<Item = Artifact> {
        let only = &self.request.only;
        // What device managers read is about the packages, and made of them.
        let is_for_managers = |kind: &Kind| matches!(kind, Kind::Manager | Kind::MunkiCatalog);
        let with_packages = self.spec.base_url.is_some() && only.iter().any(is_for_managers);
        artifacts.into_iter().filter(move |artifact| match artifact.kind {
            _ if only.is_empty() => true,
            Kind::Pkg | Kind::UninstallPkg | Kind::Manager | Kind::MunkiCatalog if with_packages => true,
            kind => only.contains(&kind),
        })
    }

    fn combined(&self) -> Vec<Artifact> {
        if !self.request.combined {
            return Vec::new();
        }
        let (spec, version) = (self.spec, &self.spec.version);
        let artifact = |path: String, kind, identifier| Artifact {
            path,
            kind,
            instance: None,
            identifier: Some(identifier),
        };
        vec![
            artifact(
                format!("lima-autostart-{version}.pkg"),
                Kind::CombinedPkg,
                launchd::combined_installer_identifier(spec),
            ),
            artifact(
                format!("lima-autostart-{version}-uninstall.pkg"),
                Kind::CombinedUninstallPkg,
                launchd::combined_uninstaller_identifier(spec),
            ),
        ]
    }

    /// No two files, and no file and folder, in one place when case is folded.
    /// An instance has a folder of its own, so its files can collide only with
    /// each other.
    fn check_places(&self) -> Result<(), PlanError> {
        let own = [MANIFEST_FILE, SUMS_FILE].map(str::to_owned);
        let shared = self.combined().into_iter().chain(of_all(self.spec)).map(|artifact| artifact.path);
        let mut top: Places = Places::default();
        for path in own.into_iter().chain(shared) {
            top.take(&path)?;
        }
        for instance in &self.instances {
            top.take_folder(instance.name.as_str())?;
            let mut inside = Places::default();
            for artifact in instance_artifacts(self.spec, instance) {
                inside.take(&artifact.path)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Plan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Artifacts<'a>(&'a Plan<'a>);
        impl Serialize for Artifacts<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.artifacts())
            }
        }
        let mut plan = serializer.serialize_struct("Plan", 3)?;
        plan.serialize_field("schema", &SCHEMA)?;
        plan.serialize_field("version", &self.spec.version.to_string())?;
        plan.serialize_field("artifacts", &Artifacts(self))?;
        plan.end()
    }
}

/// The processors that every instance is for.
///
/// # Errors
/// [`PlanError::NoCommonArchitecture`].
pub fn common_architectures(spec: &Spec) -> Result<Vec<Architecture>, PlanError> {
    let mut common = Architecture::ALL.to_vec();
    let words = |list: &[Architecture]| list.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
    for instance in &spec.instances {
        let before = common.clone();
        common.retain(|architecture| instance.architectures.contains(architecture));
        if common.is_empty() {
            let first = spec.instances.iter().find(|first| {
                first.architectures.iter().all(|architecture| !instance.architectures.contains(architecture))
            });
            return Err(PlanError::NoCommonArchitecture {
                first: first.map_or_else(String::new, |first| first.name.to_string()),
                first_processors: words(first.map_or(&before, |first| &first.architectures)),
                second: instance.name.to_string(),
                second_processors: words(&instance.architectures),
            });
        }
    }
    Ok(common)
}

fn of_all(spec: &Spec) -> Vec<Artifact> {
    let artifact = |path: String, kind| Artifact { path, kind, instance: None, identifier: None };
    let catalogs = mdm::catalogs(spec).into_iter().map(|file| artifact(file.path, Kind::MunkiCatalog));
    // The zip has the page in it, which links all but the zip's sum.
    let page = artifact(INDEX_FILE.to_owned(), Kind::Index);
    let zip = artifact(format!("lima-autostart-{}.zip", spec.version), Kind::Zip);
    catalogs.chain([page, zip]).collect()
}

fn instance_artifacts(spec: &Spec, instance: &Instance) -> Vec<Artifact> {
    let name = instance.name.as_str();
    let [installer, uninstaller] = package_paths(spec, instance);
    let in_folder = |path: &str| format!("{name}/{path}");
    let artifact = |path: String, kind, identifier: Option<String>| Artifact {
        path,
        kind,
        instance: Some(name.to_owned()),
        identifier,
    };
    let mut artifacts = vec![
        artifact(
            in_folder(&format!("macos/{}", launchd::file_name(instance))),
            Kind::Plist,
            Some(launchd::label(instance)),
        ),
        artifact(installer.clone(), Kind::Pkg, Some(launchd::installer_identifier(spec, instance))),
        artifact(in_folder("macos/uninstall.sh"), Kind::UninstallScript, None),
        artifact(
            uninstaller.clone(),
            Kind::UninstallPkg,
            Some(launchd::uninstaller_identifier(spec, instance)),
        ),
    ];
    artifacts.extend(
        render::linux_paths(instance)
            .into_iter()
            .map(|path| artifact(in_folder(&format!("linux/{path}")), Kind::Systemd, unit(instance, &path))),
    );
    artifacts.extend(mdm::paths(spec, instance, &installer, &uninstaller).into_iter().map(|file| Artifact {
        path: file.path,
        kind: Kind::Manager,
        instance: Some(name.to_owned()),
        identifier: file.identifier,
    }));
    artifacts
}

/// Where the packages of an instance are: the one that installs, and the one
/// that uninstalls.
pub fn package_paths(spec: &Spec, instance: &Instance) -> [String; 2] {
    let (name, version) = (&instance.name, &spec.version);
    ["", "-uninstall"].map(|end| format!("{name}/macos/lima-{name}-{version}{end}.pkg"))
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

/// Places that are taken, by their names with case folded.
#[derive(Default)]
struct Places(HashMap<String, (String, bool)>);

impl Places {
    /// Takes the place of a file, and those of the folders that it is in.
    fn take(&mut self, path: &str) -> Result<(), PlanError> {
        for (end, _) in path.match_indices('/') {
            self.take_folder(&path[..end])?;
        }
        self.insert(path, false)
    }

    fn take_folder(&mut self, path: &str) -> Result<(), PlanError> {
        self.insert(path, true)
    }

    fn insert(&mut self, path: &str, is_folder: bool) -> Result<(), PlanError> {
        match self.0.insert(path.to_lowercase(), (path.to_owned(), is_folder)) {
            // The same folder again, spelled the same.
            Some((earlier, true)) if is_folder && earlier == path => Ok(()),
            Some((first, _)) => Err(PlanError::Collision { first, second: path.to_owned() }),
            None => Ok(()),
        }
    }
}
