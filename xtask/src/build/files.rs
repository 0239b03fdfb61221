//! The files of one instance, and the packages of several: rendered, packaged,
//! signed, checked, staged.
//!
//! Must not know: which files are wanted, and in what order they are recorded.

use std::io::{BufReader, Write};

use flatpkg::{Product, Summary};
use rayon::prelude::*;

use super::{Build, BuildError, Progress};
use crate::manifest::Built;
use crate::output::{Output, StagingFile};
use crate::package::{self, Contents};
use crate::plan::{Artifact, Kind};
use crate::render::{self, LinuxFile};
use crate::sign::PackageSigner;
use crate::spec::Instance;
use crate::verify::{self, Level, Options, Status};

/// A spool of a package's payload stays in memory up to this size; larger ones
/// go to a file beside the output.
const SPOOL_IN_MEMORY: usize = 1 << 20;

impl Build<'_> {
    /// Builds the files of one instance, in the plan's order.
    pub(super) fn instance(
        &self,
        instance: &Instance,
        output: &Output<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Built, BuildError>>, BuildError> {
        let artifacts = self.plan.of_instance(instance);
        let units = if artifacts.iter().any(|artifact| artifact.kind == Kind::Systemd) {
            render::linux_files(self.plan.spec(), instance)
        } else {
            Vec::new()
        };
        let (managers, artifacts): (Vec<_>, Vec<_>) =
            artifacts.into_iter().partition(|artifact| artifact.kind == Kind::Manager);
        let mut built = artifacts
            .into_par_iter()
            .map(|artifact| {
                let built = self.of_instance(&artifact, instance, &units, output);
                self.go_on(built, output, progress)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if !managers.is_empty() {
            self.managers(managers, instance, output, progress, &mut built)?;
        }
        Ok(built)
    }

    fn of_instance(
        &self,
        artifact: &Artifact,
        instance: &Instance,
        units: &[LinuxFile],
        output: &Output<'_>,
    ) -> Result<Built, BuildError> {
        let spec = self.plan.spec();
        let layout = |result: Result<Contents, _>| {
            result.map_err(|source| BuildError::Layout { path: artifact.path.clone(), source })
        };
        match artifact.kind {
            Kind::Pkg => {
                self.package(artifact, layout(package::installer(spec, instance, self.time))?, output)
            }
            Kind::UninstallPkg => {
                self.package(artifact, layout(package::uninstaller(spec, instance, self.time))?, output)
            }
            Kind::Plist => self.bytes(artifact, &package::property_list(spec, instance), output),
            Kind::UninstallScript => {
                self.bytes(artifact, render::uninstall_sh(spec, instance).as_bytes(), output)
            }
            Kind::Systemd => {
                let unit = units
                    .iter()
                    .find(|unit| artifact.path.ends_with(&format!("/linux/{}", unit.path)))
                    .expect("the plan lists systemd's files");
                self.bytes(artifact, unit.text.as_bytes(), output)
            }
            Kind::CombinedPkg
            | Kind::CombinedUninstallPkg
            | Kind::Manager
            | Kind::MunkiCatalog
            | Kind::Index
            | Kind::Zip => {
                unreachable!("a {} is built elsewhere", artifact.kind.as_str())
            }
        }
    }

    /// Builds a package of all instances.
    pub(super) fn several(&self, artifact: &Artifact, output: &Output<'_>) -> Result<Built, BuildError> {
        let lay_out = match artifact.kind {
            Kind::CombinedPkg => package::combined_installer,
            _ => package::combined_uninstaller,
        };
        let contents = lay_out(self.plan.spec(), self.time)
            .map_err(|source| BuildError::Layout { path: artifact.path.clone(), source })?;
        self.package(artifact, contents, output)
    }

    pub(super) fn bytes(
        &self,
        artifact: &Artifact,
        bytes: &[u8],
        output: &Output<'_>,
    ) -> Result<Built, BuildError> {
        let ((), staged) = output.stage(&artifact.path, artifact.mode(), |file| {
            file.write_all(bytes).map_err(|source| BuildError::Write { path: artifact.path.clone(), source })
        })?;
        Ok(Built::new(artifact.clone(), self.plan.spec().version.as_str(), staged))
    }

    fn package(
        &self,
        artifact: &Artifact,
        mut contents: Contents,
        output: &Output<'_>,
    ) -> Result<Built, BuildError> {
        let (summary, staged) = output.stage(&artifact.path, artifact.mode(), |file| {
            self.write_package(artifact, &contents.product, output, file)
        })?;
        for (component, summary) in contents.record.components.iter_mut().zip(&summary.components) {
            component.installed_kbytes = summary.install_kbytes;
        }
        self.check(artifact, output)?;
        let mut built = Built::new(artifact.clone(), self.plan.spec().version.as_str(), staged);
        built.signed_by = self.signer.map(|signer| signer.signed_by().clone());
        built.package = Some(contents.record);
        Ok(built)
    }

    fn write_package(
        &self,
        artifact: &Artifact,
        product: &Product,
        output: &Output<'_>,
        file: &mut StagingFile<'_>,
    ) -> Result<Summary, BuildError> {
        let mut spool = tempfile::spooled_tempfile_in(SPOOL_IN_MEMORY, output.scratch());
        let signer = self.signer.map(|signer| signer as &dyn flatpkg::Signer);
        flatpkg::write_product(product, self.time, signer, &mut spool, file)
            .map_err(|source| BuildError::Package { path: artifact.path.clone(), source })
    }

    /// Runs every check over a package before it may reach anybody.
    fn check(&self, artifact: &Artifact, output: &Output<'_>) -> Result<(), BuildError> {
        let unsound = |faults: String| BuildError::Unsound { path: artifact.path.clone(), faults };
        let options = Options {
            trust: self.signer.map(PackageSigner::chain).unwrap_or_default(),
            any_timestamp_authority: true,
            require: self.signer.map(|_| Level::Signed),
            // What was packed is unpacked, however large it is.
            max_size: Some(u64::MAX),
        };
        let mut file = BufReader::new(output.read_staged(&artifact.path)?);
        let checks = verify::verify(&mut file, &options).map_err(|error| unsound(verify::causes(&error)))?;
        // What is odd in others' packages is a mistake in ours.
        let failed = checks.iter().filter(|check| !check.holds(true));
        let faults: Vec<String> = failed
            .map(|check| {
                let said = if check.status == Status::Note { &check.notes } else { &check.details };
                format!("{}: {}", check.name, said.join("; "))
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(unsound(faults.join("; "))) }
    }
}
