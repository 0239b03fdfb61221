//! The files that device managers read about an instance's packages, once
//! those are staged.
//!
//! Must not know: what is in them.

use std::collections::HashMap;
use std::io::{self, Write};

use super::{Build, BuildError, Progress};
use crate::manifest::Built;
use crate::mdm::{self, BuiltPackage, CHUNK_SIZE, Content, Digester, FileKind, Sums};
use crate::output::{Output, Staged};
use crate::plan::{self, Artifact};
use crate::spec::Instance;

impl Build<'_> {
    /// Adds them to what was `built` of the instance. Where a package failed,
    /// there is nothing that could be said about it.
    pub(super) fn managers(
        &self,
        artifacts: Vec<Artifact>,
        instance: &Instance,
        output: &Output<'_>,
        progress: &dyn Progress,
        built: &mut Vec<Result<Built, BuildError>>,
    ) -> Result<(), BuildError> {
        let spec = self.plan.spec();
        let [installer, uninstaller] = plan::package_paths(spec, instance);
        let find = |path: &str| built.iter().flatten().find(|one| one.artifact.path == path);
        let (Some(installer), Some(uninstaller)) = (find(&installer), find(&uninstaller)) else {
            return Ok(());
        };
        let sums = (sums(installer, output)?, sums(uninstaller, output)?);
        let package = |built, sums| BuiltPackage { path: path(built), sums, installed_kbytes: kbytes(built) };
        let (installer, uninstaller) = (package(installer, &sums.0), package(uninstaller, &sums.1));
        let kinds = mdm::paths(spec, instance, installer.path, uninstaller.path);
        let files = mdm::files(spec, instance, &installer, &uninstaller);
        let mut staged: HashMap<String, Staged> =
            built.iter().flatten().map(|one| (one.artifact.path.clone(), one.staged())).collect();
        for ((artifact, planned), (path, content)) in artifacts.into_iter().zip(kinds).zip(files) {
            debug_assert!(artifact.path == path && planned.path == path, "{path} is planned in its turn");
            let is_profile = planned.kind == FileKind::Profile;
            let result = self.manager(artifact, content, is_profile, output, &staged);
            let result = self.go_on(result, output, progress)?;
            if let Ok(one) = &result {
                staged.insert(path, one.staged());
            }
            built.push(result);
        }
        Ok(())
    }

    fn manager(
        &self,
        artifact: Artifact,
        content: Content,
        is_profile: bool,
        output: &Output<'_>,
        staged: &HashMap<String, Staged>,
    ) -> Result<Built, BuildError> {
        match (content, self.signer) {
            (Content::CopyOf(original), _) => {
                output.stage_again(&original, &artifact.path)?;
                let staged = staged.get(&original).cloned();
                let staged = staged.ok_or_else(|| BuildError::Write {
                    path: artifact.path.clone(),
                    source: io::Error::other(format!(
                        "{original}, which it is a copy of, could not be built"
                    )),
                })?;
                Ok(Built::new(artifact, self.plan.spec().version.as_str(), staged))
            }
            (Content::Bytes(bytes), Some(signer)) if is_profile => {
                let signed = signer
                    .sign_profile(bytes)
                    .map_err(|source| BuildError::Signing { path: artifact.path.clone(), source })?;
                let built = self.bytes(&artifact, &signed, output)?;
                Ok(Built { signed_by: Some(signer.signed_by().clone()), ..built })
            }
            (Content::Bytes(bytes), _) => self.bytes(&artifact, &bytes, output),
        }
    }
}

fn path(built: &Built) -> &str {
    &built.artifact.path
}

fn kbytes(built: &Built) -> u64 {
    built.package.iter().flat_map(|package| &package.components).map(|one| one.installed_kbytes).sum()
}

/// The sums of a staged package. One that is no longer than a part is a part.
fn sums(built: &Built, output: &Output<'_>) -> Result<Sums, BuildError> {
    let (size, sha256) = (built.size, built.sha256.clone());
    if size <= CHUNK_SIZE {
        return Ok(Sums { size, chunks: vec![sha256.clone()], sha256 });
    }
    let mut digester = Digester::new();
    io::copy(&mut output.read_staged(path(built))?, &mut digester)?;
    digester.flush()?;
    Ok(digester.finish())
}
