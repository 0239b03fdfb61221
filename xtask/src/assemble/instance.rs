//! The files of one instance: those that are made of the settings, then those that
//! are about its packages.
//!
//! Must not know: what the files are.

use std::collections::HashMap;
use std::io::{self, Write};

use rayon::prelude::*;

use super::{AssembleError, Assembly, Progress};
use crate::artifact::{Artifact, Built, BuiltPackage, Maker};
use crate::digest::FileDigest;
use crate::digest::sums::{CHUNK_SIZE, Digester, Sums};
use crate::output::Output;
use crate::plan::MAKERS;
use crate::settings::Instance;

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
        for (maker, artifacts) in self.plan.of_packages(instance) {
            self.about_packages(maker, artifacts, instance, output, progress, &mut built)?;
        }
        Ok(built)
    }

    /// Adds what a maker says of the packages to what was `built` of the instance.
    /// Where a package failed, there is nothing to be said.
    fn about_packages(
        &self,
        maker: &dyn Maker,
        artifacts: Vec<Artifact>,
        instance: &Instance,
        output: &Output<'_>,
        progress: &dyn Progress,
        built: &mut Vec<Result<Built, AssembleError>>,
    ) -> Result<(), AssembleError> {
        let packages: Vec<&Built> =
            built.iter().flatten().filter(|one| MAKERS.is_compressed(&one.artifact)).collect();
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
        let contents = maker.about_packages(self.plan.spec(), instance, &packages);
        let mut wanted: HashMap<String, Artifact> =
            artifacts.into_iter().map(|artifact| (artifact.path.clone(), artifact)).collect();
        let mut staged: HashMap<String, FileDigest> =
            built.iter().flatten().map(|one| (one.artifact.path.clone(), one.digest())).collect();
        for (path, content) in contents {
            let Some(artifact) = wanted.remove(&path) else { continue };
            let result = self.content(&artifact, content, output, &staged);
            let result = self.go_on(result, output, progress)?;
            if let Ok(one) = &result {
                staged.insert(path, one.digest());
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
        staged: &HashMap<String, FileDigest>,
    ) -> Result<Built, AssembleError> {
        output.stage_again(original, &artifact.path)?;
        let digest = staged.get(original).cloned().ok_or_else(|| AssembleError::Write {
            path: artifact.path.clone(),
            source: io::Error::other(format!("{original}, which it is a copy of, could not be built")),
        })?;
        Ok(Built::new(artifact.clone(), self.plan.spec().version.as_str(), digest))
    }
}

fn installed_kbytes(built: &Built) -> u64 {
    built.package.iter().flat_map(|package| &package.components).map(|one| one.installed_kbytes).sum()
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
