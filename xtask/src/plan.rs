//! What a run builds, as data: printed by `plan`, built by `dist`, recorded in
//! `artifacts.json`.
//!
//! Architecture Invariant: pure. The same spec and request give the same plan;
//! no file, clock or environment is looked at. A plan is worked out instance by
//! instance, each time it is asked: ten thousand instances have a hundred
//! thousand files, and nobody needs all of their names at once.

mod brought;

use std::collections::HashMap;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use brought::Brought;

use crate::artifact::{Artifact, Kind, MakeOfAll, MakeOfInstance, Maker, Makers, Needs, Planned, Whose};
use crate::linux::artifacts::Linux;
use crate::macos::artifacts::Macos;
use crate::managers::artifacts::Managers;
use crate::managers::reports::Reports;
use crate::run::artifacts::Run;
use crate::run::manifest::{MANIFEST_FILE, SCHEMA, SUMS_FILE};
use crate::run::partition::Partition;
use crate::settings::architectures::{NoCommonArchitecture, common_architectures};
use crate::settings::names::Commit;
use crate::settings::{Instance, Spec};

/// Every module that makes artifacts, in the order in which a run lists their files.
pub static MAKERS: Makers = Makers(&[&Macos, &Linux, &Managers, &Reports, &Run]);

/// What decides which part builds the files of all instances. No instance has this name.
const OF_ALL: &str = "all instances";

/// What is asked of a run beside its spec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// These kinds of files only; all, where empty.
    pub only: Vec<Kind>,
    /// Whether a package with all instances is built too.
    pub combined: bool,
    /// Whether repositories of the Linux packages are built too.
    pub linux_repository: bool,
    /// This part of the instances only.
    pub partition: Option<Partition>,
    /// The commit that is built, for the records.
    pub commit: Option<Commit>,
}

/// The artifacts of one run: those of each instance, then those of all instances
/// together, then those that are made of all the others.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    spec: &'a Spec,
    request: &'a Request,
    /// This part's, in the order of their folders.
    instances: Vec<&'a Instance>,
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
    #[error(transparent)]
    NoCommonArchitecture(#[from] NoCommonArchitecture),
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
            return Err(PlanError::Nothing(plan.what_is_missing()));
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

    /// The part of a run that this is, if it is one.
    pub fn partition(&self) -> Option<Partition> {
        self.request.partition
    }

    /// The instances whose files are built, in the order of their folders.
    pub fn instances(&self) -> &[&'a Instance] {
        &self.instances
    }

    /// The files of one instance that are made of the settings.
    pub fn of_instance(&self, instance: &Instance) -> Vec<Planned<MakeOfInstance>> {
        let planned = MAKERS.iter().flat_map(|maker| maker.of_instance(self.spec, instance));
        planned.filter(|planned| self.wants(&planned.artifact.kind)).collect()
    }

    /// The files that this part builds about an instance's packages, or about those of
    /// all, by their maker.
    pub fn of_packages(&self, whose: Whose<'_>) -> Vec<(&'static dyn Maker, Vec<Artifact>)> {
        if whose.instance().is_none() && !(self.request.combined && self.builds_what_is_of_all()) {
            return Vec::new();
        }
        let wanted = |maker: &dyn Maker| {
            let artifacts = maker.of_packages(self.spec, whose);
            artifacts.into_iter().filter(|artifact| self.builds(&artifact.kind)).collect::<Vec<_>>()
        };
        let all = MAKERS.iter().map(|maker| (maker, wanted(maker)));
        all.filter(|(_, artifacts)| !artifacts.is_empty()).collect()
    }

    /// The files of all instances together that this part builds, by path.
    pub fn of_all_instances(&self) -> Vec<Planned<MakeOfAll>> {
        if !self.builds_what_is_of_all() {
            return Vec::new();
        }
        let mut planned: Vec<_> = self.asked_of_all_instances().collect();
        planned.sort_by(|a, b| a.artifact.path.cmp(&b.artifact.path));
        planned
    }

    /// Whether this part builds what is of all instances. One part builds all of it: some
    /// of these files are about others.
    fn builds_what_is_of_all(&self) -> bool {
        self.request.partition.is_none_or(|part| part.holds(OF_ALL))
    }

    /// The files that are made of all others, whichever part this is.
    pub fn of_run(&self) -> Vec<Artifact> {
        let artifacts = MAKERS.iter().flat_map(|maker| maker.of_run(self.spec));
        artifacts.filter(|artifact| self.builds(&artifact.kind)).collect()
    }

    /// Whether the run has packages, be they in another part: the parts of a run
    /// are signed by one identity, also the one that has nothing to sign.
    pub fn has_packages(&self) -> bool {
        let first = self.spec.instances.first().into_iter().flat_map(|one| self.of_instance(one));
        let kinds = first.map(|planned| planned.artifact.kind);
        kinds
            .chain(self.asked_of_all_instances().map(|planned| planned.artifact.kind))
            .any(|kind| MAKERS.is_package(&kind))
    }

    /// All artifacts, in build order.
    pub fn artifacts(&self) -> impl Iterator<Item = Artifact> + '_ {
        let of_run = if self.request.partition.is_none() { self.of_run() } else { Vec::new() };
        let about = |whose| self.of_packages(whose).into_iter().flat_map(|(_, artifacts)| artifacts);
        let of_instances = self.instances.iter().flat_map(move |instance| {
            let made = self.of_instance(instance).into_iter().map(|planned| planned.artifact);
            made.chain(about(Whose::One(instance)))
        });
        let of_all_instances = self.of_all_instances().into_iter().map(|planned| planned.artifact);
        of_instances.chain(of_all_instances).chain(about(Whose::All)).chain(of_run)
    }

    /// Whether files of this kind are built: the request may name a few kinds, and
    /// some of these bring others along.
    fn wants(&self, kind: &Kind) -> bool {
        let only = &self.request.only;
        let brings = |asked: &Kind| {
            MAKERS
                .find(asked)
                .is_some_and(|one| self.is_met(one.needs) && one.brings.contains(&kind.as_str()))
        };
        only.is_empty() || only.contains(kind) || only.iter().any(brings)
    }

    /// Whether the run was also asked for what this kind needs.
    fn builds(&self, kind: &Kind) -> bool {
        self.wants(kind) && self.has_needs_of(kind)
    }

    fn has_needs_of(&self, kind: &Kind) -> bool {
        MAKERS.find(kind).is_some_and(|one| self.is_met(one.needs))
    }

    fn is_met(&self, needs: Option<Needs>) -> bool {
        match needs {
            None => true,
            Some(Needs::Combined) => self.request.combined,
            Some(Needs::BaseUrl) => self.spec.base_url.is_some(),
            Some(Needs::LinuxRepository) => self.request.linux_repository,
        }
    }

    fn asked_of_all_instances(&self) -> impl Iterator<Item = Planned<MakeOfAll>> + '_ {
        let planned = MAKERS.iter().flat_map(|maker| maker.of_all_instances(self.spec));
        planned.filter(|planned| self.builds(&planned.artifact.kind))
    }

    /// What the run has to be asked for before it has anything to build.
    fn what_is_missing(&self) -> &'static str {
        let asked = self.request.only.iter().filter_map(|kind| MAKERS.find(kind)?.needs);
        let missing: Vec<Needs> = asked.filter(|needs| !self.is_met(Some(*needs))).collect();
        if missing.contains(&Needs::Combined) {
            ": packages of several instances need --combined"
        } else if missing.contains(&Needs::BaseUrl) {
            ": what device managers read needs --base-url"
        } else if missing.contains(&Needs::LinuxRepository) {
            ": repositories of Linux packages need --linux-repository"
        } else {
            ""
        }
    }

    /// No two files, and no file and folder, in one place when case is folded.
    /// An instance has a folder of its own, so its files can collide only with
    /// each other.
    fn check_places(&self) -> Result<(), PlanError> {
        let own = [MANIFEST_FILE, SUMS_FILE].map(str::to_owned);
        let combined = MAKERS.iter().flat_map(|maker| maker.of_all_instances(self.spec));
        let combined = combined.map(|planned| planned.artifact);
        let of_run = MAKERS.iter().flat_map(|maker| maker.of_run(self.spec));
        let about = MAKERS.iter().filter(|_| self.request.combined);
        let about = about.flat_map(|maker| maker.of_packages(self.spec, Whose::All));
        let shared = combined.chain(about).chain(of_run).filter(|artifact| self.has_needs_of(&artifact.kind));
        let shared = shared.map(|artifact| artifact.path);
        let mut top = Places::default();
        for path in own.into_iter().chain(shared) {
            top.take(&path)?;
        }
        for instance in &self.instances {
            top.take_folder(instance.name.as_str())?;
            let mut inside = Places::default();
            for maker in MAKERS.iter() {
                let made = maker.of_instance(self.spec, instance).into_iter().map(|one| one.artifact);
                let about = maker.of_packages(self.spec, Whose::One(instance)).into_iter();
                let about = about.filter(|artifact| self.has_needs_of(&artifact.kind));
                for artifact in made.chain(about) {
                    inside.take(&artifact.path)?;
                }
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
        let brought = self.brought();
        let mut plan = serializer.serialize_struct("Plan", 3 + usize::from(!brought.is_empty()))?;
        plan.serialize_field("schema", &SCHEMA)?;
        plan.serialize_field("version", &self.spec.version.to_string())?;
        plan.serialize_field("artifacts", &Artifacts(self))?;
        if !brought.is_empty() {
            plan.serialize_field("brings", &brought)?;
        }
        plan.end()
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
