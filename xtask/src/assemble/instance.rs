//! The files of one instance, and those of all: what is made of the settings, then what
//! is about the packages among them.
//!
//! Must not know: what the files are.

use std::collections::HashMap;
use std::io::{self, Write};

use rayon::prelude::*;

use super::{AssembleError, Assembly, Progress};
use crate::artifact::{Artifact, Built, BuiltPackage, Maker, PackageRecord, Whose};
use crate::digest::FileDigest;
use crate::digest::sums::{CHUNK_SIZE, Digester, Sums};
use crate::output::Output;
use crate::plan::MAKERS;
use crate::settings::Instance;
use crate::sign::SignedBy;

impl Assembly<'_> {
    /// Builds the files of one instance, in the plan's order.
    pub(super) fn instance(
        &self,
        instance: &Instance,
        output: &Output<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Built, AssembleError>>, AssembleError> {
        let mut built = self
            .plan
            .of_instance(instance)
            .into_par_iter()
            .map(|planned| {
                let content = (planned.make)(self.plan.spec(), instance, self.time);
                let result = self.laid_out(&planned.artifact, content, output);
                self.go_on(result, output, progress)
            })
            .collect::<Result<Vec<_>, _>>()?;
        self.about_all_packages(Whose::One(instance), output, progress, &mut built)?;
        Ok(built)
    }

    /// Builds the files of all instances together, in the plan's order.
    pub(super) fn of_all_instances(
        &self,
        output: &Output<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Built, AssembleError>>, AssembleError> {
        let mut built = Vec::new();
        for planned in self.plan.of_all_instances() {
            let content = (planned.make)(self.plan.spec(), self.time);
            let result = self.laid_out(&planned.artifact, content, output);
            built.push(self.go_on(result, output, progress)?);
        }
        self.about_all_packages(Whose::All, output, progress, &mut built)?;
        Ok(built)
    }

    fn about_all_packages(
        &self,
        whose: Whose<'_>,
        output: &Output<'_>,
        progress: &dyn Progress,
        built: &mut Vec<Result<Built, AssembleError>>,
    ) -> Result<(), AssembleError> {
        for (maker, artifacts) in self.plan.of_packages(whose) {
            self.about_packages(maker, artifacts, whose, output, progress, built)?;
        }
        Ok(())
    }

    /// Adds what a maker says of the packages to what was `built`. Where a package failed,
    /// there is nothing to be said.
    fn about_packages(
        &self,
        maker: &dyn Maker,
        artifacts: Vec<Artifact>,
        whose: Whose<'_>,
        output: &Output<'_>,
        progress: &dyn Progress,
        built: &mut Vec<Result<Built, AssembleError>>,
    ) -> Result<(), AssembleError> {
        let packages: Vec<&Built> =
            built.iter().flatten().filter(|one| MAKERS.is_verified(&one.artifact)).collect();
        let sums = packages.iter().map(|one| sums(one, output)).collect::<Result<Vec<_>, _>>()?;
        let packages: Vec<BuiltPackage<'_>> = packages
            .iter()
            .zip(&sums)
            .map(|(one, sums)| BuiltPackage {
                path: &one.artifact.path,
                sums,
                installed_kbytes: installed_kbytes(one),
            })
            .collect();
        let contents = maker.about_packages(self.plan.spec(), whose, &packages);
        let mut wanted: HashMap<String, Artifact> =
            artifacts.into_iter().map(|artifact| (artifact.path.clone(), artifact)).collect();
        let mut staged: HashMap<String, Staged> =
            built.iter().flatten().map(|one| (one.artifact.path.clone(), Staged::new(one))).collect();
        for (path, content) in contents {
            let Some(artifact) = wanted.remove(&path) else { continue };
            let result = self.content(&artifact, content, output, &staged);
            let result = self.go_on(result, output, progress)?;
            if let Ok(one) = &result {
                staged.insert(path, Staged::new(one));
            }
            built.push(result);
        }
        Ok(())
    }

    /// Stages a copy of a file that is staged already.
    pub(super) fn copy(
        &self,
        artifact: &Artifact,
        original: &str,
        output: &Output<'_>,
        staged: &HashMap<String, Staged>,
    ) -> Result<Built, AssembleError> {
        output.stage_again(original, &artifact.path)?;
        let Staged { digest, signed_by } =
            staged.get(original).cloned().ok_or_else(|| AssembleError::Write {
                path: artifact.path.clone(),
                source: io::Error::other(format!("{original}, which it is a copy of, could not be built")),
            })?;
        let built = Built::new(artifact.clone(), self.plan.spec().version.as_str(), digest);
        Ok(Built { signed_by, ..built })
    }
}

/// What a copy of a staged file has of it.
#[derive(Debug, Clone)]
pub(super) struct Staged {
    digest: FileDigest,
    signed_by: Option<SignedBy>,
}

impl Staged {
    fn new(built: &Built) -> Self {
        Self { digest: built.digest(), signed_by: built.signed_by.clone() }
    }
}

fn installed_kbytes(built: &Built) -> u64 {
    built.package.as_ref().map_or(0, PackageRecord::installed_kbytes)
}

/// The sums of a staged package. One that is no longer than a part is a part.
fn sums(built: &Built, output: &Output<'_>) -> Result<Sums, AssembleError> {
    let (size, sha256) = (built.size, built.sha256.clone());
    if size <= CHUNK_SIZE {
        return Ok(Sums { size, chunks: vec![sha256.clone()], sha256 });
    }
    let mut digester = Digester::new();
    io::copy(&mut output.read_staged(&built.artifact.path)?, &mut digester)?;
    digester.flush()?;
    Ok(digester.finish())
}
