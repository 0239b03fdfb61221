//! The page of a run, written as the records are read: a line of them, and the
//! files of one instance, are in memory.
//!
//! Must not know: what the page looks like.

use std::io::Write;

use super::{BuildError, Finish};
use crate::manifest::Built;
use crate::output::{Output, Staged};
use crate::plan::Artifact;
use crate::records::Records;
use crate::render::{self, Totals};

/// Writes it, of everything that is recorded so far.
pub(super) fn stage(
    artifact: &Artifact,
    todo: &Finish,
    records: &mut Records,
    output: &Output<'_>,
) -> Result<Staged, BuildError> {
    let ((), staged) = output.stage(&artifact.path, artifact.mode(), |file| {
        write(todo, records, file).map_err(|source| BuildError::Write { path: artifact.path.clone(), source })
    })?;
    Ok(staged)
}

fn write(todo: &Finish, records: &mut Records, out: &mut impl Write) -> std::io::Result<()> {
    let mut totals = Totals::default();
    let mut combined = Vec::new();
    for built in records.read::<Built>()? {
        let built = built?;
        totals.add(&built);
        if built.artifact.kind.is_combined() {
            combined.push(built);
        }
    }
    out.write_all(render::index_head(&todo.header, &totals).as_bytes())?;
    if !combined.is_empty() {
        out.write_all(render::index_combined(&combined).as_bytes())?;
    }
    drop(combined);

    out.write_all(render::index_list().as_bytes())?;
    let mut files: Vec<Built> = Vec::new();
    for built in records.read::<Built>()? {
        let built = built?;
        if files.first().is_some_and(|first| first.artifact.instance != built.artifact.instance) {
            instance(&files, &totals, out)?;
            files.clear();
        }
        if built.artifact.instance.is_some() {
            files.push(built);
        }
    }
    instance(&files, &totals, out)?;

    out.write_all(render::index_foot().as_bytes())?;
    for built in records.read::<Built>()? {
        let built = built?;
        if built.artifact.instance.is_none() && !built.artifact.kind.is_combined() {
            out.write_all(render::index_file(&built).as_bytes())?;
        }
    }
    out.write_all(render::index_end(&todo.of_all).as_bytes())
}

fn instance(files: &[Built], totals: &Totals, out: &mut impl Write) -> std::io::Result<()> {
    let Some(name) = files.first().and_then(|first| first.artifact.instance.as_deref()) else {
        return Ok(());
    };
    out.write_all(render::index_instance(name, files, totals).as_bytes())
}
