//! Artifacts: the files of a run as data, and the makers that know them.
//!
//! A maker plans its artifacts, makes each one's content, and says what the page of
//! a run shows of them. Plan, assembly, page, manifest and zip ask the makers and
//! know no kind by name.
//!
//! ```text
//! Maker::of_instance       ┐                    ┌ Bytes
//! Maker::of_all_instances  ├ Artifact ─ Content ┤ Package
//! Maker::about_packages    ┘  of one or of all  ├ Profile
//! Maker::of_run            ─ Artifact ─ bytes   └ CopyOf
//! ```
//!
//! Must not know: which makers there are, the disk, the clock, keys.

mod built;
mod kind;
mod section;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Seek, Write};

use flatpkg::Product;
use flatpkg::tree::TreeError;
use serde::{Deserialize, Serialize};

pub use built::{Built, BundledRecord, ComponentRecord, PackageRecord, component_of};
pub use kind::{Description, Kind, MakeOfRun, Makers, Needs};
pub use section::{Command, Section};

use crate::digest::sums::Sums;
use crate::settings::names::Commit;
use crate::settings::{BaseUrl, Instance, Spec};

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

/// An artifact, and what makes its content.
#[derive(Debug, Clone)]
pub struct Planned<M> {
    /// The artifact.
    pub artifact: Artifact,
    /// Makes its content.
    pub make: M,
}

/// Makes a file of an instance from the settings. Times inside packages are given,
/// in seconds since 1970.
///
pub type MakeOfInstance = fn(&Spec, &Instance, u32) -> Result<Content, MakeError>;
/// The same for a file of all instances.
pub type MakeOfAll = fn(&Spec, u32) -> Result<Content, MakeError>;

/// A value that a package cannot carry, which [`crate::settings`] should have refused.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A name in a package for a Mac.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A value in a Linux package.
    #[error(transparent)]
    Linux(#[from] linuxpkg::Error),
}

/// What an artifact holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A flat package, to be written, signed and checked.
    Package(Box<PackageContents>),
    /// A configuration profile, to be signed where there is an identity.
    Profile(Vec<u8>),
    /// The same bytes as the artifact at this path.
    CopyOf(String),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

/// A package, and its record.
#[derive(Debug, Clone)]
pub struct PackageContents {
    /// What `flatpkg` writes.
    pub product: Product,
    /// What the manifest says.
    pub record: PackageRecord,
}

/// Whose packages something is about.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Those of one instance.
    One(&'a Instance),
    /// Those that hold all instances.
    All,
}

impl<'a> Whose<'a> {
    /// The one instance.
    pub fn instance(self) -> Option<&'a Instance> {
        match self {
            Self::One(instance) => Some(instance),
            Self::All => None,
        }
    }
}

/// A package that is complete.
#[derive(Debug, Clone, Copy)]
pub struct BuiltPackage<'a> {
    /// Where, relative to the output folder.
    pub path: &'a str,
    /// Its size and digests.
    pub sums: &'a Sums,
    /// What it takes on a Mac's disk, in KiB.
    pub installed_kbytes: u64,
}

/// The finished files of a run, for what is made of all of them.
pub trait RunFiles {
    /// Version of every package of the run.
    fn version(&self) -> &str;
    /// Who publishes the packages.
    fn organization(&self) -> Option<&str>;
    /// The commit that is built, where the run was told.
    fn commit(&self) -> Option<&Commit>;
    /// Where the files are served, if device managers are to fetch them.
    fn base_url(&self) -> Option<&BaseUrl>;
    /// Time of files inside archives, seconds since 1970.
    fn time(&self) -> u32;
    /// What the run's files are known by.
    fn makers(&self) -> &'static Makers;
    /// Artifacts that are still to be made, the one that is being made first.
    fn to_come(&self) -> &[Artifact];
    /// What the makers of earlier artifacts have left for those to come, by path: files that
    /// are made together are made once.
    fn left(&mut self) -> &mut HashMap<String, Vec<u8>>;
    /// The records of the finished files, in the manifest's order.
    ///
    /// # Errors
    /// What the disk reports.
    fn records(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<Built>>>>;
    /// Opens a finished file.
    ///
    /// # Errors
    /// What the disk reports.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read>>;
    /// A new file that is gone after the run.
    ///
    /// # Errors
    /// What the disk reports.
    fn scratch(&self) -> io::Result<Box<dyn Scratch>>;
}

/// A file that one can write, read and seek in.
pub trait Scratch: Read + Write + Seek {}

impl<T: Read + Write + Seek> Scratch for T {}

/// A module that makes artifacts. It alone knows their kinds, paths and content.
pub trait Maker: Sync {
    /// Its kinds, in the order in which `--only` lists them.
    fn kinds(&self) -> &'static [Description];

    /// Names for `--only` that stand for all its kinds, perhaps with those of other makers.
    fn groups(&self) -> &'static [&'static str] {
        &[]
    }

    /// The files of one instance that are made of the settings.
    fn of_instance(&self, _: &Spec, _: &Instance) -> Vec<Planned<MakeOfInstance>> {
        Vec::new()
    }

    /// The files that are about an instance's packages, or about those of all.
    fn of_packages(&self, _: &Spec, _: Whose<'_>) -> Vec<Artifact> {
        Vec::new()
    }

    /// The content of each of [`Maker::of_packages`] by its path, once the packages
    /// are complete.
    fn about_packages(&self, _: &Spec, _: Whose<'_>, _: &[BuiltPackage<'_>]) -> Vec<(String, Content)> {
        Vec::new()
    }

    /// The files of all instances together that are made of the settings.
    fn of_all_instances(&self, _: &Spec) -> Vec<Planned<MakeOfAll>> {
        Vec::new()
    }

    /// The files that are made of all other files of the run. Their kinds'
    /// [`Description::of_run`] makes them.
    fn of_run(&self, _: &Spec) -> Vec<Artifact> {
        Vec::new()
    }

    /// What the page of a run shows of an instance's files, beside its packages.
    fn section<'a>(&self, _instance: &str, _files: &'a [Built]) -> Option<Section<'a>> {
        None
    }

    /// What somebody enters into a device manager of a run whose files are served at this
    /// address, and which has artifacts of these kinds.
    fn addresses(&self, _: &BaseUrl, _: &BTreeSet<Kind>) -> Vec<Command> {
        Vec::new()
    }

    /// What the page says of doing with the packages of all instances.
    fn combined_commands(&self, _packages: &[Built]) -> Vec<Command> {
        Vec::new()
    }
}
