//! The zip of a run's files.
//!
//! Must not know: what the files are, `out/`, the clock. Modes and times are
//! given; the same files give the same bytes.

use std::io::{self, Read, Seek, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::artifacts::INDEX_FILE;
use super::manifest::{SUMS_FILE, sums_line};
use super::page;
use crate::artifact::{Artifact, Built, RunFiles, Scratch};
use crate::digest::{FileDigest, hex};

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

/// Writes the zip of a run, with a page and sums of its own: those beside it are about more
/// than it holds.
///
/// # Errors
/// What the run's files or `out` report.
pub fn write_run(_: &Artifact, run: &mut dyn RunFiles, out: &mut dyn Write) -> io::Result<()> {
    let (makers, time) = (run.makers(), run.time());
    // A zip's directory is written last and its local headers are patched:
    // it needs a file that it can seek in.
    let scratch = run.scratch()?;
    let mut page = Digester::new(run.scratch()?);
    page::write_for(page::Place::Zip, run, &mut page)?;
    let mut page = Some(page.finish()?);
    let mut sums = Digester::new(run.scratch()?);
    for built in in_zip(run)? {
        let built = built?;
        let own = page.as_ref().filter(|_| built.artifact.path == INDEX_FILE);
        let sha256 = own.map_or(&built.sha256, |(_, page)| &page.sha256);
        sums.write_all(sums_line(&built.artifact.path, sha256).as_bytes())?;
    }
    let (sums, digest) = sums.finish()?;
    let sums = Member {
        path: SUMS_FILE.to_owned(),
        mode: 0o644,
        compressed: false,
        size: digest.size,
        content: Box::new(sums) as Box<dyn Read>,
    };
    let members = in_zip(run)?.map(|built| {
        let Built { artifact, size, .. } = built?;
        let own = if artifact.path == INDEX_FILE { page.take() } else { None };
        let (content, size): (Box<dyn Read>, u64) = match own {
            Some((page, digest)) => (Box::new(page), digest.size),
            None => (run.open(&artifact.path)?, size),
        };
        Ok::<_, io::Error>(Member {
            mode: makers.mode(&artifact),
            compressed: makers.is_compressed(&artifact),
            size,
            content,
            path: artifact.path,
        })
    });
    let mut scratch = write(scratch, time, members.chain(std::iter::once(Ok(sums))))?;
    scratch.rewind()?;
    io::copy(&mut scratch, out)?;
    Ok(())
}

/// The records of what is in it.
fn in_zip(run: &mut dyn RunFiles) -> io::Result<impl Iterator<Item = io::Result<Built>> + use<>> {
    let makers = run.makers();
    let is_in_zip =
        move |built: &io::Result<Built>| built.as_ref().map_or(true, |one| makers.is_in_zip(&one.artifact));
    Ok(run.records()?.filter(is_in_zip))
}

/// Writes to a file, and digests what it writes.
struct Digester {
    file: Box<dyn Scratch>,
    digest: Sha256,
    size: u64,
}

impl Digester {
    fn new(file: Box<dyn Scratch>) -> Self {
        Self { file, digest: Sha256::new(), size: 0 }
    }

    /// The file from its beginning.
    fn finish(mut self) -> io::Result<(Box<dyn Scratch>, FileDigest)> {
        self.file.rewind()?;
        Ok((self.file, FileDigest { size: self.size, sha256: hex(self.digest.finalize()) }))
    }
}

impl Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
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
