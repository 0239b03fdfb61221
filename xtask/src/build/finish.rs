//! What is made of all files together: the page, the zip, the sums, the manifest; then
//! everything into its place. The same for a run and for one joined of parts.
//!
//! Must not know: how the files were made.

use std::io::{self, Read, Seek, Write};

use super::{BuildError, Finished, Progress, index};
use crate::archive;
use crate::manifest::{self, Built, Header};
use crate::mdm::munki;
use crate::output::{Output, Staged};
use crate::plan::{Artifact, Kind, MANIFEST_FILE, SUMS_FILE};
use crate::records::Records;

/// What is still to do when every single file is staged.
#[derive(Debug, Clone)]
pub struct Finish {
    /// What the manifest says beside the artifacts.
    pub header: Header,
    /// What is to be made of all files.
    pub of_all: Vec<Artifact>,
    /// Time of the files inside archives, seconds since 1970.
    pub time: u32,
}

/// Does it.
///
/// # Errors
/// [`BuildError`]; the folder is then as it was.
pub fn finish(
    todo: Finish,
    mut records: Records,
    output: Output<'_>,
    progress: &dyn Progress,
) -> Result<Finished, BuildError> {
    for artifact in &todo.of_all {
        let staged = match artifact.kind {
            Kind::MunkiCatalog => catalog(artifact, &mut records, &output)?,
            Kind::Index => index::stage(artifact, &todo, &mut records, &output)?,
            Kind::Zip => zip(artifact, &mut records, &output, todo.time)?,
            _ => unreachable!("a {} is not made of all files", artifact.kind.as_str()),
        };
        let built = Built::new(artifact.clone(), &todo.header.version, staged);
        progress.built(&built);
        records.push(&built)?;
    }
    stage_records(&todo.header, &mut records, &output)?;
    let committed = output.commit()?;
    Ok(Finished { header: todo.header, artifacts: records.len(), committed })
}

/// `artifacts.json` and `SHA256SUMS`, which is over the manifest too.
fn stage_records(header: &Header, records: &mut Records, output: &Output<'_>) -> Result<(), BuildError> {
    let ((), json) = output.stage(MANIFEST_FILE, 0o644, |file| {
        manifest::write_json(file, header, records.read()?).map_err(BuildError::from)
    })?;
    output.stage(SUMS_FILE, 0o644, |file| {
        for built in records.read::<Built>()? {
            let built = built?;
            file.write_all(manifest::sums_line(&built.artifact.path, &built.sha256).as_bytes())?;
        }
        file.write_all(manifest::sums_line(MANIFEST_FILE, &json.sha256).as_bytes())?;
        Ok::<_, BuildError>(())
    })?;
    Ok(())
}

/// A catalog of the Munki repository, made of the staged pkginfos.
fn catalog(artifact: &Artifact, records: &mut Records, output: &Output<'_>) -> Result<Staged, BuildError> {
    let mut paths = Vec::new();
    for built in records.read::<Built>()? {
        let path = built?.artifact.path;
        if path.starts_with(munki::PKGSINFO) {
            paths.push(path);
        }
    }
    // The order in which the repository lists them, and not that of instances.
    paths.sort_unstable();
    let name = artifact.path.rsplit('/').next().unwrap_or_default();
    let pkginfos = paths.iter().map(|path| {
        let mut bytes = Vec::new();
        output.read_staged(path).map_err(io::Error::other)?.read_to_end(&mut bytes)?;
        munki::read_pkginfo(&bytes).map_err(io::Error::other)
    });
    let (_, staged) = output.stage(&artifact.path, artifact.mode(), |file| {
        munki::write_catalog(name, pkginfos, file)
            .map_err(|source| BuildError::Catalog { path: artifact.path.clone(), source: Box::new(source) })
    })?;
    Ok(staged)
}

fn zip(
    artifact: &Artifact,
    records: &mut Records,
    output: &Output<'_>,
    time: u32,
) -> Result<Staged, BuildError> {
    // A zip's directory is written last and its local headers are patched:
    // it needs a file that it can seek in.
    let scratch = tempfile::tempfile_in(output.scratch())?;
    let is_in_zip = |built: &io::Result<Built>| built.as_ref().map_or(true, |one| one.artifact.is_in_zip());
    let members = records.read::<Built>()?.filter(is_in_zip).map(|built| {
        let built = built?;
        Ok::<_, BuildError>(archive::Member {
            mode: built.artifact.mode(),
            compressed: built.artifact.kind.is_package(),
            size: built.size,
            content: output.read_staged(&built.artifact.path)?,
            path: built.artifact.path,
        })
    });
    let mut scratch = archive::write(scratch, time, members)?;
    scratch.rewind()?;
    let ((), staged) = output.stage(&artifact.path, artifact.mode(), |file| {
        io::copy(&mut scratch, file)?;
        Ok::<_, BuildError>(())
    })?;
    Ok(staged)
}
