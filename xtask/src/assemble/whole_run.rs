//! What is made of all files of a run: the makers' own, then manifest and sums; then
//! everything into its place. The same for a run and for one joined of parts.
//!
//! Must not know: what these artifacts are, how the other files were made.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use super::{AssembleError, Finished, Progress};
use crate::artifact::{Artifact, Built, Makers, RunFiles, Scratch};
use crate::output::Output;
use crate::plan::MAKERS;
use crate::run::manifest::{self, Header, Listed, MANIFEST_FILE, SUMS_FILE};
use crate::run::records::Records;
use crate::settings::BaseUrl;
use crate::settings::names::Commit;

/// A run of which every single file is staged.
#[derive(Debug, Clone)]
pub struct WholeRun {
    /// What the manifest says beside the artifacts.
    pub header: Header,
    /// What is to be made of all files.
    pub artifacts: Vec<Artifact>,
    /// Time of the files inside archives, seconds since 1970.
    pub time: u32,
}

impl WholeRun {
    /// Makes what is made of all files, and puts everything into place.
    ///
    /// # Errors
    /// [`AssembleError`]; the folder is then as it was.
    pub fn complete(
        self,
        mut records: Records,
        output: Output<'_>,
        progress: &dyn Progress,
    ) -> Result<Finished, AssembleError> {
        let mut left = HashMap::new();
        for (at, artifact) in self.artifacts.iter().enumerate() {
            let make = MAKERS.find(&artifact.kind).and_then(|kind| kind.of_run);
            let make = make.ok_or_else(|| AssembleError::NoRunArtifact { path: artifact.path.clone() })?;
            let mut files = Files { run: &self, at, records: &mut records, output: &output, left: &mut left };
            let ((), digest) = output.stage(&artifact.path, MAKERS.mode(artifact), |file| {
                make(artifact, &mut files, file)
                    .map_err(|source| AssembleError::Write { path: artifact.path.clone(), source })
            })?;
            let built = Built::new(artifact.clone(), &self.header.version, digest);
            progress.built(&built);
            records.push(&built)?;
        }
        stage_records(&self.header, &mut records, &output)?;
        let committed = output.commit()?;
        Ok(Finished { header: self.header, artifacts: records.len(), committed })
    }
}

/// The staged files, as a maker sees them.
struct Files<'a> {
    run: &'a WholeRun,
    /// Which artifact is being made.
    at: usize,
    records: &'a mut Records,
    output: &'a Output<'a>,
    left: &'a mut HashMap<String, Vec<u8>>,
}

impl RunFiles for Files<'_> {
    fn version(&self) -> &str {
        &self.run.header.version
    }

    fn organization(&self) -> Option<&str> {
        self.run.header.organization.as_deref()
    }

    fn commit(&self) -> Option<&Commit> {
        self.run.header.commit.as_ref()
    }

    fn base_url(&self) -> Option<&BaseUrl> {
        self.run.header.base_url.as_ref()
    }

    fn time(&self) -> u32 {
        self.run.time
    }

    fn makers(&self) -> &'static Makers {
        &MAKERS
    }

    fn to_come(&self) -> &[Artifact] {
        &self.run.artifacts[self.at..]
    }

    fn left(&mut self) -> &mut HashMap<String, Vec<u8>> {
        self.left
    }

    fn records(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<Built>>>> {
        Ok(Box::new(self.records.read()?))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read>> {
        let file = self.output.read_staged(path).map_err(io::Error::other)?;
        Ok(Box::new(file))
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Ok(Box::new(tempfile::tempfile_in(self.output.scratch())?))
    }
}

/// `artifacts.json` and `SHA256SUMS`, which is over the manifest too.
fn stage_records(header: &Header, records: &mut Records, output: &Output<'_>) -> Result<(), AssembleError> {
    let ((), json) = output.stage(MANIFEST_FILE, 0o644, |file| {
        let listed = records.read::<Built>()?.map(|built| {
            let built = built?;
            let mode = MAKERS.mode(&built.artifact);
            Ok(Listed::new(built, mode, header))
        });
        manifest::write_json(file, header, listed).map_err(AssembleError::from)
    })?;
    output.stage(SUMS_FILE, 0o644, |file| {
        for built in records.read::<Built>()? {
            let built = built?;
            file.write_all(manifest::sums_line(&built.artifact.path, &built.sha256).as_bytes())?;
        }
        file.write_all(manifest::sums_line(MANIFEST_FILE, &json.sha256).as_bytes())?;
        Ok::<_, AssembleError>(())
    })?;
    Ok(())
}
