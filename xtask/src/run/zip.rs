//! The zip of a run's files.
//!
//! Must not know: what the files are, `out/`, the clock. Modes and times are
//! given; the same files give the same bytes.

use std::io::{self, Read, Seek, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::artifact::{Artifact, Built, RunFiles};

/// A file for the archive.
pub struct Member<R> {
    /// Its path in the archive.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Whether its bytes are compressed already.
    pub compressed: bool,
    /// Bytes.
    pub size: u64,
    /// Its content.
    pub content: R,
}

/// Writes `members` in their order, each dated `time` (seconds since 1970; the
/// format begins in 1980).
///
/// # Errors
/// What `members` or `out` report.
pub fn write<W: Write + Seek, R: Read, E: From<io::Error> + From<zip::result::ZipError>>(
    out: W,
    time: u32,
    members: impl Iterator<Item = Result<Member<R>, E>>,
) -> Result<W, E> {
    let mut zip = ZipWriter::new(out);
    let modified = zip_time(time);
    for member in members {
        let mut member = member?;
        let method = if member.compressed { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(modified)
            .unix_permissions(member.mode)
            .large_file(member.size > u64::from(u32::MAX));
        zip.start_file(member.path, options)?;
        io::copy(&mut member.content, &mut zip)?;
    }
    Ok(zip.finish()?)
}

/// Writes the zip of a run.
///
/// # Errors
/// What the run's files or `out` report.
pub fn write_run(_: &Artifact, run: &mut dyn RunFiles, out: &mut dyn Write) -> io::Result<()> {
    let (makers, time) = (run.makers(), run.time());
    // A zip's directory is written last and its local headers are patched:
    // it needs a file that it can seek in.
    let scratch = run.scratch()?;
    let records = run.records()?;
    let is_in_zip =
        |built: &io::Result<Built>| built.as_ref().map_or(true, |one| makers.is_in_zip(&one.artifact));
    let members = records.filter(is_in_zip).map(|built| {
        let Built { artifact, size, .. } = built?;
        Ok::<_, io::Error>(Member {
            mode: makers.mode(&artifact),
            compressed: makers.is_compressed(&artifact),
            size,
            content: run.open(&artifact.path)?,
            path: artifact.path,
        })
    });
    let mut scratch = write(scratch, time, members)?;
    scratch.rewind()?;
    io::copy(&mut scratch, out)?;
    Ok(())
}

fn zip_time(time: u32) -> zip::DateTime {
    let earliest = zip::DateTime::default();
    let Some(time) = DateTime::<Utc>::from_timestamp(time.into(), 0) else { return earliest };
    let field = |value: u32| u8::try_from(value).expect("a date's fields are small");
    u16::try_from(time.year())
        .ok()
        .and_then(|year| {
            zip::DateTime::from_date_and_time(
                year,
                field(time.month()),
                field(time.day()),
                field(time.hour()),
                field(time.minute()),
                field(time.second()),
            )
            .ok()
        })
        .unwrap_or(earliest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_format_began_become_its_beginning() {
        assert_eq!(zip_time(0), zip::DateTime::default());
        assert_eq!(zip_time(946_684_800).year(), 2000);
        assert_eq!(zip_time(u32::MAX).year(), 2106);
    }
}
