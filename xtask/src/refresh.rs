//! A run's files brought up to date with its packages, after tickets were stapled to them:
//! what device managers read, catalogs, page, zip, sums and manifest, as `dist` would have
//! written them for these packages.
//!
//! ```text
//! artifacts.json ─ records ─┬─ packages ─ as they are now, checked ─┐
//!                           ├─ for managers ─ digests replaced ─────┼─ records ─ finish
//!                           └─ others ─ as they were, compared ─────┘
//! ```
//!
//! A part of a run is brought up to date by itself, or when it is joined.
//!
//! Must not know: the settings, keys, how packages are built.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use flatpkg::product::PackageFacts;
use flatpkg::xar::Archive;
use x509_certificate::CapturedX509Certificate;

use crate::artifact::{Built, Kind};
use crate::assemble::{AssembleError, Finished, Progress, WholeRun};
use crate::digest::sums::{Digester, Sums};
use crate::macos::{COMBINED_PKG, COMBINED_UNINSTALL_PKG, PKG, UNINSTALL_PKG};
use crate::managers::MUNKI_PACKAGE;
use crate::managers::renew::{Renewal, Renewed, follows_packages};
use crate::output::{Output, OutputError};
use crate::plan::MAKERS;
use crate::run::manifest::{self, Header, MANIFEST_FILE, SCHEMA};
use crate::run::records::Records;
use crate::sign::certificate::sha256_hex;
use crate::verify::{self, Options, causes, signature, ticket};

/// Why files could not be brought up to date. The folder is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The manifest cannot be read.
    #[error("{path}: {reason}; give a folder that `dist` wrote")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// A package is not the one that was built.
    #[error(
        "{path} is not the package that was built, with a ticket or without: {fault}; build the run anew"
    )]
    Package {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// Another file is not what was built.
    #[error("{path} is not the file that was built: {fault}; build the run anew")]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
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
}

impl From<AssembleError> for RefreshError {
    fn from(error: AssembleError) -> Self {
        Self::Build(Box::new(error))
    }
}

/// Brings the run in `folder`, which `output` writes to, up to date. Tickets lead to one of
/// `ticket_roots`.
///
/// # Errors
/// [`RefreshError`]; the folder is then as it was.
pub fn refresh(
    folder: &Path,
    output: Output<'_>,
    ticket_roots: &[CapturedX509Certificate],
    progress: &dyn Progress,
) -> Result<Finished, RefreshError> {
    let path = folder.join(MANIFEST_FILE);
    let unreadable = |reason: String| RefreshError::Manifest { path: path.clone(), reason };
    let open = || File::open(&path).map_err(|error| unreadable(error.to_string()));
    let header = manifest::read_header(open()?).map_err(|error| unreadable(error.to_string()))?;
    if header.schema != SCHEMA {
        return Err(unreadable(format!(
            "it has the schema {}, and this program knows {SCHEMA}",
            header.schema
        )));
    }
    let account = |error: io::Error| RefreshError::from(AssembleError::Records(error));
    let mut records = Records::create(&output.scratch().join("records")).map_err(account)?;
    let mut artifacts = Vec::new();
    let mut group: Vec<Built> = Vec::new();
    let mut failed = None;
    let flush = |group: &mut Vec<Built>, records: &mut Records| -> Result<(), RefreshError> {
        for built in renewed(folder, std::mem::take(group), &output, ticket_roots)? {
            progress.built(&built);
            records.push(&built).map_err(account)?;
        }
        Ok(())
    };
    let read = manifest::read_json(open()?, |built: Built| {
        if !manifest::stays_inside(&built.artifact.path) {
            return Err(io::Error::other("it names a file outside of the folder"));
        }
        if MAKERS.find(&built.artifact.kind).is_some_and(|kind| kind.of_run.is_some()) {
            artifacts.push(built.artifact);
            return Ok(());
        }
        if group.first().is_some_and(|first| first.artifact.instance != built.artifact.instance)
            && let Err(error) = flush(&mut group, &mut records)
        {
            failed = Some(error);
            return Err(io::Error::other("stopped"));
        }
        group.push(built);
        Ok(())
    });
    if let Some(error) = failed {
        return Err(error);
    }
    read.map_err(|error| unreadable(error.to_string()))?;
    flush(&mut group, &mut records)?;
    let time = time(&header).ok_or_else(|| {
        unreadable(
            "it does not say of what time the files in archives are: an older program built it".to_owned(),
        )
    })?;
    Ok(WholeRun { header, artifacts, time }.complete(records, output, progress)?)
}

fn time(header: &Header) -> Option<u32> {
    header.time.or(header.partition.as_ref().map(|part| part.time))
}

/// Stages files of `folder` that belong together, an instance's or those of several, and
/// returns what is recorded of them now.
///
/// # Errors
/// [`RefreshError`].
pub fn renewed(
    folder: &Path,
    group: Vec<Built>,
    output: &Output<'_>,
    ticket_roots: &[CapturedX509Certificate],
) -> Result<Vec<Built>, RefreshError> {
    let mut packages: Vec<RecordedPackage> = Vec::new();
    let mut now = Vec::new();
    for mut built in group {
        let kind = &built.artifact.kind;
        if MAKERS.is_package(kind) {
            let (path, kind) = (built.artifact.path.clone(), kind.clone());
            let before = built.sha256.clone();
            let sums = package(folder, &mut built, output, ticket_roots)?;
            packages.push(RecordedPackage { path, kind, before, now: sums, notarized: built.notarized });
        } else if *kind == MUNKI_PACKAGE {
            let original = packages.iter().find(|one| one.before.eq_ignore_ascii_case(&built.sha256));
            let original = original.ok_or_else(|| not_recorded(folder, &built))?;
            output.stage_again(&original.path, &built.artifact.path)?;
            (built.size, built.sha256) = (original.now.size, original.now.sha256.clone());
            built.notarized = original.notarized;
        } else if !follows_packages(kind) {
            copy(folder, &built, output)?;
        }
        now.push(built);
    }
    let find = |kinds: [&str; 2]| {
        let package = packages.iter().find(|one| kinds.iter().any(|kind| one.kind == *kind))?;
        Some(Renewed { before: &package.before, now: &package.now })
    };
    let packages = (find([PKG, COMBINED_PKG]), find([UNINSTALL_PKG, COMBINED_UNINSTALL_PKG]));
    let mut renewal = match packages {
        (Some(installer), Some(uninstaller)) => Some(Renewal::new(installer, uninstaller)),
        _ => None,
    };
    for built in now.iter_mut().filter(|built| follows_packages(&built.artifact.kind)) {
        let renewal = renewal.as_mut().ok_or_else(|| not_recorded(folder, built))?;
        manager(folder, built, renewal, output)?;
    }
    Ok(now)
}

/// A package as it is recorded, and as it is.
struct RecordedPackage {
    path: String,
    kind: Kind,
    /// SHA-256, as recorded.
    before: String,
    now: Sums,
    notarized: Option<DateTime<Utc>>,
}

fn not_recorded(folder: &Path, built: &Built) -> RefreshError {
    RefreshError::Changed {
        path: folder.join(&built.artifact.path),
        fault: "the package that it is about is not recorded".to_owned(),
    }
}

/// Stages a package as it is, if it is the one that was built.
fn package(
    folder: &Path,
    built: &mut Built,
    output: &Output<'_>,
    ticket_roots: &[CapturedX509Certificate],
) -> Result<Sums, RefreshError> {
    let path = folder.join(&built.artifact.path);
    let read = |source| RefreshError::Read { path: path.clone(), source };
    let bad = |fault: String| RefreshError::Package { path: path.clone(), fault };
    let mut file = BufReader::new(File::open(&path).map_err(read)?);
    let mut digester = Digester::new();
    let ((), staged) = output.stage(&built.artifact.path, MAKERS.mode(&built.artifact), |to| {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = file.read(&mut buffer).map_err(read)?;
            if count == 0 {
                return Ok::<_, RefreshError>(());
            }
            digester
                .write_all(&buffer[..count])
                .and_then(|()| to.write_all(&buffer[..count]))
                .map_err(read)?;
        }
    })?;
    let sums = digester.finish();
    let mut staged_file = BufReader::new(output.read_staged(&built.artifact.path)?);
    let archive = Archive::read(&mut staged_file).map_err(|error| bad(causes(&error)))?;
    let framed = ticket::framed(&archive, &mut staged_file).map_err(bad)?;
    let entry = || ticket::package_entry(&archive).map_err(bad);
    built.notarized = match framed {
        Some(framed) => Some(ticket::check(&framed, entry()?, ticket_roots).map_err(bad)?.time),
        None => None,
    };
    if !staged.sha256.eq_ignore_ascii_case(&built.sha256) || staged.size != built.size {
        is_the_same(built, &archive, &mut staged_file).map_err(bad)?;
    }
    (built.size, built.sha256) = (staged.size, staged.sha256);
    Ok(sums)
}

/// Whether bytes that changed are still the package that was recorded: sound, of the same
/// signer, with the same identifier.
fn is_the_same(built: &Built, archive: &Archive, file: &mut BufReader<File>) -> Result<(), String> {
    let signatures = signature::read(archive, file);
    let chain = signatures.and_then(|signatures| signatures.chain.ok()).unwrap_or_default();
    let signer = chain.first().map(|leaf| sha256_hex(leaf.constructed_data()));
    if signer.as_deref() != built.signed_by.as_ref().map(|signer| signer.sha256.as_str()) {
        return Err("somebody else signed it".to_owned());
    }
    let options = Options { trust: &chain, any_timestamp_authority: true, ..Options::default() };
    let checks = verify::verify(file, &options).map_err(|error| causes(&error))?;
    // The ticket was checked before, and may be of a root that only tests have.
    let failed = checks.iter().find(|check| check.name != "ticket" && !check.holds(false));
    if let Some(check) = failed {
        return Err(format!("{}: {}", check.name, check.details.join("; ")));
    }
    let facts = PackageFacts::read(file).map_err(|error| causes(&error))?;
    let identifier = facts.distribution.as_ref().and_then(|distribution| distribution.identifier.as_deref());
    let version = facts.distribution.as_ref().and_then(|distribution| distribution.version.as_deref());
    if identifier != built.artifact.identifier.as_deref() || version != Some(built.version.as_str()) {
        return Err("its identifier or version is another one".to_owned());
    }
    Ok(())
}

/// Stages a file that depends on nothing.
fn copy(folder: &Path, built: &Built, output: &Output<'_>) -> Result<(), RefreshError> {
    let path = folder.join(&built.artifact.path);
    let read = |source| RefreshError::Read { path: path.clone(), source };
    let mut file = File::open(&path).map_err(read)?;
    let ((), staged) = output.stage(&built.artifact.path, MAKERS.mode(&built.artifact), |to| {
        io::copy(&mut file, to).map(drop).map_err(read)
    })?;
    if staged.size != built.size || !staged.sha256.eq_ignore_ascii_case(&built.sha256) {
        let fault = "its SHA-256 or size is not what artifacts.json says".to_owned();
        return Err(RefreshError::Changed { path, fault });
    }
    Ok(())
}

/// Stages a file that device managers read.
fn manager(
    folder: &Path,
    built: &mut Built,
    renewal: &mut Renewal<'_>,
    output: &Output<'_>,
) -> Result<(), RefreshError> {
    let path = folder.join(&built.artifact.path);
    let bytes = fs::read(&path).map_err(|source| RefreshError::Read { path: path.clone(), source })?;
    let changed = |fault: String| RefreshError::Changed { path: path.clone(), fault };
    if !sha256_hex(&bytes).eq_ignore_ascii_case(&built.sha256) {
        return Err(changed("its SHA-256 is not what artifacts.json says".to_owned()));
    }
    let bytes = renewal.renew(&built.artifact, bytes).map_err(changed)?;
    let ((), staged) = output.stage(&built.artifact.path, MAKERS.mode(&built.artifact), |to| {
        to.write_all(&bytes).map_err(|source| RefreshError::Read { path: path.clone(), source })
    })?;
    (built.size, built.sha256) = (staged.size, staged.sha256);
    Ok(())
}
