//! Builds what was planned: renders, packages, signs, stages, records.
//!
//! Must not know: flags, the clock, where `out/` is. Artifacts are independent
//! of each other (the zip apart) and are built on all cores.

use std::collections::HashMap;
use std::io::{self, BufReader, Seek, Write};

use rayon::prelude::*;

use crate::archive;
use crate::manifest::{self, Built, Manifest};
use crate::output::{Committed, Output, OutputError, Staged, StagingFile};
use crate::package;
use crate::plan::{Artifact, Kind, MANIFEST_FILE, Plan, SUMS_FILE};
use crate::render;
use crate::sign::PackageSigner;
use crate::spec::{Instance, Spec};
use crate::verify::{self, Level, Options, Status};

/// A spool of a package's payload stays in memory up to this size; larger ones
/// go to a file beside the output.
const SPOOL_IN_MEMORY: usize = 1 << 20;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The output folder.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A package could not be laid out.
    #[error("{path}: {source}")]
    Layout {
        /// The artifact.
        path: String,
        /// Why.
        source: flatpkg::tree::TreeError,
    },
    /// A package could not be written or signed.
    #[error("could not build {path}")]
    Package {
        /// The artifact.
        path: String,
        /// Why.
        #[source]
        source: flatpkg::Error,
    },
    /// A package that was just built does not hold.
    #[error(
        "{path} was built and is not sound, so nothing was put into place: {faults}; this is a fault of this program"
    )]
    Unsound {
        /// The artifact.
        path: String,
        /// What failed.
        faults: String,
    },
    /// A file could not be written.
    #[error("could not write {path}")]
    Write {
        /// The artifact.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The archive of all files could not be written.
    #[error("could not write the zip: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The archive's files could not be read or written.
    #[error("could not write the zip: {0}")]
    ZipIo(#[from] io::Error),
}

/// What every artifact of a run is built with.
pub struct Build<'a> {
    /// What to build it from.
    pub spec: &'a Spec,
    /// Signs packages; `None` leaves them unsigned.
    pub signer: Option<&'a PackageSigner>,
    /// Time of every file inside, seconds since 1970.
    pub time: u32,
}

/// Builds `plan` into `output` and puts it into place. `report` is called for
/// each artifact as it is ready, from any thread.
pub fn build(
    build: &Build<'_>,
    plan: &Plan,
    output: Output<'_>,
    report: impl Fn(&Built) + Sync,
) -> Result<(Manifest, Committed), BuildError> {
    let (zips, files): (Vec<_>, Vec<_>) = plan.artifacts.iter().partition(|a| a.kind == Kind::Zip);
    let instances: HashMap<&str, &Instance> =
        build.spec.instances.iter().map(|instance| (instance.name.as_str(), instance)).collect();
    let mut built = files
        .into_par_iter()
        .map(|artifact| {
            let instance = artifact.instance.as_deref().and_then(|name| instances.get(name));
            let instance = instance.expect("a plan is made from the spec that it is built with");
            let built = build.file(artifact, instance, &output)?;
            report(&built);
            Ok(built)
        })
        .collect::<Result<Vec<_>, BuildError>>()?;
    built.sort_by(|a, b| a.artifact.path.cmp(&b.artifact.path));
    if let [zip] = zips.as_slice() {
        let zip = build.zip(zip, &built, &output)?;
        report(&zip);
        built.push(zip);
        built.sort_by(|a, b| a.artifact.path.cmp(&b.artifact.path));
    }
    let manifest = Manifest { schema: plan.schema, version: plan.version.clone(), artifacts: built };
    let mut paths: Vec<String> = manifest.artifacts.iter().map(|built| built.artifact.path.clone()).collect();
    stage_records(&manifest, &output)?;
    paths.extend([SUMS_FILE.to_owned(), MANIFEST_FILE.to_owned()]);
    let committed = output.commit(&paths)?;
    Ok((manifest, committed))
}

/// `artifacts.json` and `SHA256SUMS`, which is over the manifest too.
fn stage_records(manifest: &Manifest, output: &Output<'_>) -> Result<(), BuildError> {
    let stage = |path: &str, bytes: &[u8]| {
        output.stage(path, 0o644, |file| write_all(path, file, bytes)).map(|((), staged)| staged)
    };
    let json = stage(MANIFEST_FILE, &manifest.to_json())?;
    let files = manifest
        .artifacts
        .iter()
        .map(|built| (built.artifact.path.as_str(), built.sha256.as_str()))
        .chain([(MANIFEST_FILE, json.sha256.as_str())]);
    stage(SUMS_FILE, &manifest::sums(files))?;
    Ok(())
}

impl Build<'_> {
    fn file(
        &self,
        artifact: &Artifact,
        instance: &Instance,
        output: &Output<'_>,
    ) -> Result<Built, BuildError> {
        let ((), staged) = output.stage(&artifact.path, artifact.kind.mode(), |file| {
            self.write(artifact, instance, output, file)
        })?;
        if artifact.kind.is_package() {
            self.check(artifact, output)?;
        }
        Ok(self.record(artifact, staged))
    }

    fn write(
        &self,
        artifact: &Artifact,
        instance: &Instance,
        output: &Output<'_>,
        file: &mut StagingFile<'_>,
    ) -> Result<(), BuildError> {
        let path = &artifact.path;
        match artifact.kind {
            Kind::Plist => write_all(path, file, &package::property_list(instance)),
            Kind::UninstallScript => {
                write_all(path, file, render::uninstall_sh(self.spec, instance).as_bytes())
            }
            Kind::Systemd => {
                let units = render::linux_files(self.spec, instance);
                let unit = units
                    .iter()
                    .find(|unit| path.ends_with(&format!("/linux/{}", unit.path)))
                    .expect("the plan lists systemd's files");
                write_all(path, file, unit.text.as_bytes())
            }
            Kind::Pkg | Kind::UninstallPkg => {
                let lay_out =
                    if artifact.kind == Kind::Pkg { package::installer } else { package::uninstaller };
                let product = lay_out(self.spec, instance, self.time)
                    .map_err(|source| BuildError::Layout { path: path.clone(), source })?;
                let mut spool = tempfile::spooled_tempfile_in(SPOOL_IN_MEMORY, output.scratch());
                let signer = self.signer.map(|signer| signer as &dyn flatpkg::Signer);
                flatpkg::write_product(&product, self.time, signer, &mut spool, file)
                    .map_err(|source| BuildError::Package { path: path.clone(), source })?;
                Ok(())
            }
            Kind::Zip => unreachable!("the zip is built from the other files"),
        }
    }

    /// The checks of `verify` over a package that was just built, before anybody
    /// sees it. Whether the signing identity is trusted is not the question.
    fn check(&self, artifact: &Artifact, output: &Output<'_>) -> Result<(), BuildError> {
        let unsound = |faults: String| BuildError::Unsound { path: artifact.path.clone(), faults };
        let options = Options {
            trust: self.signer.map(PackageSigner::chain).unwrap_or_default(),
            any_timestamp_authority: true,
            require: self.signer.map(|_| Level::Signed),
        };
        let mut file = BufReader::new(output.read_staged(&artifact.path)?);
        let checks = verify::verify(&mut file, &options).map_err(|error| unsound(verify::causes(&error)))?;
        let failed = checks.iter().filter(|check| check.status == Status::Fail);
        let faults: Vec<String> =
            failed.map(|check| format!("{}: {}", check.name, check.details.join("; "))).collect();
        if faults.is_empty() { Ok(()) } else { Err(unsound(faults.join("; "))) }
    }

    fn zip(&self, artifact: &Artifact, built: &[Built], output: &Output<'_>) -> Result<Built, BuildError> {
        // A zip's directory is written last and its local headers are patched:
        // it needs a file that it can seek in.
        let scratch = tempfile::tempfile_in(output.scratch())?;
        let members = built.iter().map(|built| {
            Ok::<_, BuildError>(archive::Member {
                path: built.artifact.path.clone(),
                mode: built.artifact.kind.mode(),
                compressed: built.artifact.kind.is_package(),
                size: built.size,
                content: output.read_staged(&built.artifact.path)?,
            })
        });
        let mut scratch = archive::write(scratch, self.time, members)?;
        scratch.rewind()?;
        let ((), staged) = output.stage(&artifact.path, artifact.kind.mode(), |file| {
            io::copy(&mut scratch, file)?;
            Ok::<_, BuildError>(())
        })?;
        Ok(self.record(artifact, staged))
    }

    fn record(&self, artifact: &Artifact, staged: Staged) -> Built {
        Built {
            artifact: artifact.clone(),
            version: self.spec.version.to_string(),
            size: staged.size,
            sha256: staged.sha256,
            signed_by: self
                .signer
                .filter(|_| artifact.kind.is_package())
                .map(|signer| signer.signed_by().clone()),
        }
    }
}

fn write_all(path: &str, file: &mut StagingFile<'_>, bytes: &[u8]) -> Result<(), BuildError> {
    file.write_all(bytes).map_err(|source| BuildError::Write { path: path.to_owned(), source })
}
