//! Joins the parts of a run into the run that they are parts of.
//!
//! ```text
//! DIR/artifacts.json ─ header, records ─┐
//! DIR/artifacts.json ─ header, records ─┼─ by instance ─ copied, sums compared ─ zip, sums, manifest
//! DIR/artifacts.json ─ header, records ─┘
//! ```
//!
//! The bytes are those of the run that was never parted. Must not know: how
//! files are made, the spec.

use std::fs::File;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use x509_certificate::CapturedX509Certificate;

use crate::artifact::{Artifact, Built};
use crate::assemble::{AssembleError, Finished, Progress, WholeRun};
use crate::output::{Output, OutputError};
use crate::plan::MAKERS;
use crate::refresh::{RefreshError, renewed};
use crate::run::manifest::{self, Header, MANIFEST_FILE, Part, SCHEMA};
use crate::run::records::Records;

/// Why folders could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A folder's manifest could not be read.
    #[error("{path}: {source}; give the folders that `dist --partition` wrote")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What was wrong.
        source: io::Error,
    },
    /// A folder holds a whole run.
    #[error("{0} is not a part of a run: it was built without --partition")]
    Whole(PathBuf),
    /// A part was written by a program with another schema.
    #[error(
        "{folder} has the schema {schema}, and this program knows {SCHEMA}; join it with the program that built it"
    )]
    Schema {
        /// The folder.
        folder: PathBuf,
        /// Its manifest's.
        schema: u32,
    },
    /// Two parts are not of one run.
    #[error(
        "{first} and {second} are parts of different runs: they were built from different settings, by different \
         programs, with different flags or identities; build all parts from the same commit in the same way"
    )]
    DifferentRuns {
        /// The one.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// One part is there twice.
    #[error("{first} and {second} are both part {part}; give each part once")]
    Twice {
        /// The one.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Which part.
        part: String,
    },
    /// Parts are missing.
    #[error("{missing} of the run {verb} missing; give the folder of every part")]
    Missing {
        /// Which, in words.
        missing: String,
        /// `is` or `are`.
        verb: &'static str,
    },
    /// A file is not what the manifest beside it says.
    #[error(
        "{path} is not the file that was built: its SHA-256 or size is not what artifacts.json says; fetch that part again"
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("could not read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The output folder.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// What is made of all files.
    #[error(transparent)]
    Build(Box<AssembleError>),
    /// A file that follows from a package, or the package.
    #[error("{0}; or fetch that part again")]
    Refresh(Box<RefreshError>),
}

impl From<RefreshError> for MergeError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Changed { path, .. } => Self::Changed { path },
            RefreshError::Read { path, source } => Self::Read { path, source },
            RefreshError::Output(error) => Self::Output(error),
            RefreshError::Build(error) => Self::Build(error),
            other => Self::Refresh(Box::new(other)),
        }
    }
}

impl From<AssembleError> for MergeError {
    fn from(error: AssembleError) -> Self {
        Self::Build(Box::new(error))
    }
}

/// A folder with a part of a run.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    header: Header,
    part: Part,
}

/// All parts of one run.
#[derive(Debug)]
pub struct Parts(Vec<Folder>);

impl Parts {
    /// Looks at the folders' manifests.
    ///
    /// # Errors
    /// [`MergeError`], where they are not exactly the parts of one run.
    pub fn open(folders: &[PathBuf]) -> Result<Self, MergeError> {
        let mut parts = folders.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        parts.sort_by_key(|folder| folder.part.partition.index);
        for pair in parts.windows(2) {
            let [first, second] = pair else { continue };
            let paths = || (first.path.clone(), second.path.clone());
            if first.part.run != second.part.run || first.part.partition.count != second.part.partition.count
            {
                let (first, second) = paths();
                return Err(MergeError::DifferentRuns { first, second });
            }
            if first.part.partition.index == second.part.partition.index {
                let part = first.part.partition.to_string();
                let (first, second) = paths();
                return Err(MergeError::Twice { first, second, part });
            }
        }
        let count = parts.first().map_or(0, |first| first.part.partition.count);
        let is_there = |index| parts.iter().any(|folder| folder.part.partition.index == index);
        let missing: Vec<String> =
            (1..=count).filter(|&index| !is_there(index)).map(|index| format!("{index}/{count}")).collect();
        if !missing.is_empty() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            return Err(MergeError::Missing { missing: format!("part {}", missing.join(", ")), verb });
        }
        Ok(Self(parts))
    }

    /// How many files they hold together.
    ///
    /// # Errors
    /// [`MergeError::Manifest`].
    pub fn files(&self) -> Result<usize, MergeError> {
        let mut count = 0;
        for folder in &self.0 {
            each_record(folder, |_| {
                count += 1;
                Ok(())
            })?;
        }
        Ok(count + self.0.first().map_or(0, |first| first.part.of_run.len()))
    }

    /// Joins the parts in `output`. Packages may have got tickets since they were built, which
    /// lead to one of `ticket_roots`.
    ///
    /// # Errors
    /// [`MergeError`]; the output folder is then as it was.
    pub fn join(
        &self,
        output: Output<'_>,
        ticket_roots: &[CapturedX509Certificate],
        progress: &dyn Progress,
    ) -> Result<Finished, MergeError> {
        let [first, ..] = &self.0[..] else {
            return Err(MergeError::Missing { missing: "every part".to_owned(), verb: "is" });
        };
        let records = |error: io::Error| AssembleError::Records(error);
        let mut sources = Vec::new();
        for folder in &self.0 {
            let name = format!("part-{}", folder.part.partition.index);
            let mut list = Records::create(&output.scratch().join(name)).map_err(records)?;
            each_record(folder, |built| list.push(&built))?;
            sources.push((folder, list.read::<Built>().map_err(records)?.peekable()));
        }
        let mut joined = Records::create(&output.scratch().join("records")).map_err(records)?;
        // An instance is in one part, whole.
        let mut group: Option<(&Folder, Vec<Built>)> = None;
        let mut flush = |group: Option<(&Folder, Vec<Built>)>| -> Result<(), MergeError> {
            let Some((folder, group)) = group else { return Ok(()) };
            for built in renewed(&folder.path, group, &output, ticket_roots)? {
                progress.built(&built);
                joined.push(&built).map_err(records)?;
            }
            Ok(())
        };
        while let Some((folder, built)) = next(&mut sources).map_err(records)? {
            if !manifest::stays_inside(&built.artifact.path) {
                return Err(MergeError::Changed { path: folder.path.join(&built.artifact.path) });
            }
            match &mut group {
                Some((of, list))
                    if of.path == folder.path && list[0].artifact.instance == built.artifact.instance =>
                {
                    list.push(built);
                }
                _ => flush(group.replace((folder, vec![built])))?,
            }
        }
        flush(group)?;
        let run = WholeRun {
            header: Header { partition: None, ..first.header.clone() },
            artifacts: first.part.of_run.clone(),
            time: first.part.time,
        };
        Ok(run.complete(joined, output, progress)?)
    }
}

fn open(path: &Path) -> Result<Folder, MergeError> {
    let manifest = path.join(MANIFEST_FILE);
    let file = File::open(&manifest);
    let header = file.and_then(manifest::read_header);
    let header = header.map_err(|source| MergeError::Manifest { path: manifest, source })?;
    if header.schema != SCHEMA {
        return Err(MergeError::Schema { folder: path.to_owned(), schema: header.schema });
    }
    let Some(part) = header.partition.clone() else { return Err(MergeError::Whole(path.to_owned())) };
    let can_be_made = |artifact: &Artifact| {
        MAKERS.find(&artifact.kind).is_some_and(|kind| kind.of_run.is_some())
            && manifest::stays_inside(&artifact.path)
    };
    if !part.partition.is_possible() || !part.of_run.iter().all(can_be_made) {
        let source = io::Error::other("it says of a part what dist never does");
        return Err(MergeError::Manifest { path: path.join(MANIFEST_FILE), source });
    }
    Ok(Folder { path: path.to_owned(), header, part })
}

fn each_record(folder: &Folder, each: impl FnMut(Built) -> io::Result<()>) -> Result<(), MergeError> {
    let manifest = folder.path.join(MANIFEST_FILE);
    let read = File::open(&manifest).and_then(|file| manifest::read_json(file, each));
    read.map(drop).map_err(|source| MergeError::Manifest { path: manifest, source })
}

/// The record that comes first in the run that was never parted: instances in
/// the order of their folders, then what belongs to several, by path.
fn next<'a, I: Iterator<Item = io::Result<Built>>>(
    sources: &mut [(&'a Folder, Peekable<I>)],
) -> io::Result<Option<(&'a Folder, Built)>> {
    let mut first: Option<(usize, (bool, String))> = None;
    for (index, (_, source)) in sources.iter_mut().enumerate() {
        // An error is taken at once, as any record would be in its turn.
        let key = match source.peek() {
            None => continue,
            Some(Err(_)) => (false, String::new()),
            Some(Ok(built)) => match &built.artifact.instance {
                Some(instance) => (false, format!("{instance}/")),
                None => (true, built.artifact.path.clone()),
            },
        };
        if first.as_ref().is_none_or(|(_, earlier)| key < *earlier) {
            first = Some((index, key));
        }
    }
    let Some((index, _)) = first else { return Ok(None) };
    let (folder, source) = &mut sources[index];
    source.next().map(|built| Ok((*folder, built?))).transpose()
}
