//! The content of an artifact, whatever it is: packaged, signed, checked, staged.
//!
//! Must not know: which artifacts there are, and in what order they are recorded.

use std::collections::HashMap;
use std::io::{BufReader, Write};

use flatpkg::{Product, Summary};

use super::instance::Staged;
use super::{AssembleError, Assembly};
use crate::artifact::{Artifact, Built, Content, MakeError, PackageContents, PackageRecord};
use crate::output::{Output, StagingFile};
use crate::plan::MAKERS;
use crate::sign::PackageSigner;
use crate::verify::{self, Level, Options, Status};

/// A spool of a package's payload stays in memory up to this size; larger ones
/// go to a file beside the output.
const SPOOL_IN_MEMORY: usize = 1 << 20;

impl Assembly<'_> {
    /// What was made of the settings alone.
    pub(super) fn laid_out(
        &self,
        artifact: &Artifact,
        content: Result<Content, MakeError>,
        output: &Output<'_>,
    ) -> Result<Built, AssembleError> {
        let content =
            content.map_err(|source| AssembleError::Layout { path: artifact.path.clone(), source })?;
        self.content(artifact, content, output, &HashMap::new())
    }

    /// Stages the content. `staged`: the files that it may be a copy of.
    pub(super) fn content(
        &self,
        artifact: &Artifact,
        content: Content,
        output: &Output<'_>,
        staged: &HashMap<String, Staged>,
    ) -> Result<Built, AssembleError> {
        match (content, self.signer) {
            (Content::Bytes(bytes), _) | (Content::Profile(bytes), None) => {
                self.bytes(artifact, &bytes, output)
            }
            (Content::Profile(bytes), Some(signer)) => {
                let signed = signer
                    .sign_profile(bytes)
                    .map_err(|source| AssembleError::Signing { path: artifact.path.clone(), source })?;
                let built = self.bytes(artifact, &signed, output)?;
                Ok(Built { signed_by: Some(signer.signed_by().clone()), ..built })
            }
            (Content::Package(contents), _) => self.package(artifact, *contents, output),
            (Content::CopyOf(original), _) => self.copy(artifact, &original, output, staged),
        }
    }

    fn bytes(&self, artifact: &Artifact, bytes: &[u8], output: &Output<'_>) -> Result<Built, AssembleError> {
        let ((), digest) = output.stage(&artifact.path, MAKERS.mode(artifact), |file| {
            file.write_all(bytes)
                .map_err(|source| AssembleError::Write { path: artifact.path.clone(), source })
        })?;
        if MAKERS.is_verified(artifact) {
            self.check(artifact, output)?;
        }
        Ok(Built::new(artifact.clone(), self.plan.spec().version.as_str(), digest))
    }

    fn package(
        &self,
        artifact: &Artifact,
        mut contents: PackageContents,
        output: &Output<'_>,
    ) -> Result<Built, AssembleError> {
        let (summary, staged) = output.stage(&artifact.path, MAKERS.mode(artifact), |file| {
            self.write_package(artifact, &contents.product, output, file)
        })?;
        let PackageRecord { bundled, components, .. } = &mut contents.record;
        let bundled = bundled.iter_mut().map(|one| &mut one.installed_kbytes);
        let all = bundled.chain(components.iter_mut().map(|one| &mut one.installed_kbytes));
        for (kbytes, summary) in all.zip(&summary.components) {
            *kbytes = summary.install_kbytes;
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
    ) -> Result<Summary, AssembleError> {
        let mut spool = tempfile::spooled_tempfile_in(SPOOL_IN_MEMORY, output.scratch());
        let signer = self.signer.map(|signer| signer as &dyn flatpkg::Signer);
        flatpkg::write_product(product, self.time, signer, &mut spool, file)
            .map_err(|source| AssembleError::Package { path: artifact.path.clone(), source })
    }

    /// Runs every check over a package before it may reach anybody.
    fn check(&self, artifact: &Artifact, output: &Output<'_>) -> Result<(), AssembleError> {
        let unsound = |faults: String| AssembleError::Unsound { path: artifact.path.clone(), faults };
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
