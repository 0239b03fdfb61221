//! The checks over a package for Linux that anybody may have made: `.deb`, `.rpm`, Arch's.
//!
//! Must not know: how packages are built, the disk.

mod unit;

use std::io::{self, Read, Seek, SeekFrom};

use linuxpkg::{Budget, Contents, Each, File, FileKind, Format, Part, ReadError};

use super::{Check, Options};

/// Largest unit whose bytes are kept, in bytes.
const UNIT_MAX: u64 = 64 << 10;
/// Most units that are kept.
const UNITS_MAX: usize = 500;
/// How many of a file's first bytes tell a format.
const START_LEN: usize = 8;

/// Whether a file begins as a package for Linux, or as something packed that may be one.
///
/// # Errors
/// What the input reports.
pub fn is_package<R: Read + Seek>(input: &mut R) -> io::Result<bool> {
    input.seek(SeekFrom::Start(0))?;
    let mut start = Vec::with_capacity(START_LEN);
    input.by_ref().take(START_LEN as u64).read_to_end(&mut start)?;
    input.seek(SeekFrom::Start(0))?;
    Ok(Format::of_start(&start).is_some())
}

/// Whether a file has the name of a package for Linux.
pub fn is_package_name(path: &str) -> bool {
    let is_arch =
        path.rsplit_once(".pkg.tar.").is_some_and(|(_, packing)| packing.len() <= 4 && packing != "sig");
    path.ends_with(".deb") || path.ends_with(".rpm") || is_arch
}

/// Reads a package, whose content it hands to `each`. Not more than `max_size` bytes are
/// unpacked; if there is none, what a package of its length may have.
///
/// # Errors
/// What cannot be read as a package at all, and what `each` reports.
pub fn read<R: Read + Seek>(
    input: &mut R,
    max_size: Option<u64>,
    each: &mut Each<'_>,
) -> Result<Contents, ReadError> {
    let measured = input.seek(SeekFrom::End(0)).and_then(|length| {
        input.seek(SeekFrom::Start(0))?;
        Ok(length)
    });
    let length = measured.map_err(|error| ReadError::Damaged(format!("it cannot be read: {error}")))?;
    let budget = max_size.map_or_else(|| Budget::of_package(length), Budget::new);
    linuxpkg::read(input, &budget, each)
}

/// A unit of systemd's, or a file of tmpfiles.d.
#[derive(Debug)]
pub struct Kept {
    /// Where it is.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Keeps what systemd reads of a package.
///
/// # Errors
/// What reading reports.
pub fn keep(file: &File, content: &mut dyn Read, kept: &mut Vec<Kept>) -> io::Result<()> {
    let is_unit = file.path.contains("lib/systemd/") || file.path.contains("lib/tmpfiles.d/");
    let is_kept = is_unit && file.part == Part::Content && file.kind == FileKind::File;
    if is_kept && file.size <= UNIT_MAX && kept.len() < UNITS_MAX {
        let mut bytes = Vec::new();
        content.take(UNIT_MAX).read_to_end(&mut bytes)?;
        kept.push(Kept { path: file.path.clone(), text: String::from_utf8_lossy(&bytes).into_owned() });
    }
    Ok(())
}

/// Runs every check.
///
/// # Errors
/// What cannot be read as a package at all.
pub fn checks<R: Read + Seek>(input: &mut R, options: &Options<'_>) -> Result<Vec<Check>, ReadError> {
    let mut kept = Vec::new();
    let contents = read(input, options.max_size, &mut |file, content| keep(file, content, &mut kept))?;
    Ok(vec![
        Check::of("linux-archive", &contents.archive),
        Check::of("linux-fields", &contents.field_findings),
        Check::of("linux-paths", &contents.path_findings),
        sums(&contents),
        signature(&contents, options),
        unit::check(&contents, &kept),
    ])
}

fn sums(contents: &Contents) -> Check {
    const NAME: &str = "linux-sums";
    if contents.sums_checked == 0 && contents.sum_findings.is_empty() {
        return Check::not_applicable(NAME, "it has no sums of its own");
    }
    Check::of(NAME, &contents.sum_findings).remark(format!("{} sums agree", contents.sums_checked))
}

/// Nothing here knows OpenPGP keys: it is not told whether a signature holds.
fn signature(contents: &Contents, options: &Options<'_>) -> Check {
    let beyond = match options.require {
        Some(_) => "; what --require asks for is about packages for Macs",
        None => "",
    };
    let said = match (contents.signatures.as_slice(), contents.format) {
        ([], Format::Deb) => "it has none, as is usual: repositories of .deb packages are signed".to_owned(),
        ([], _) => "it has none in it".to_owned(),
        (all, Format::Rpm) => format!("{}; rpm -K tells whether it holds", all.join(", ")),
        (all, _) => format!("{}; whether it holds is not told", all.join(", ")),
    };
    Check::not_applicable("linux-signature", &format!("{said}{beyond}"))
}
