//! `inspect --paths` and `inspect --extract`: what a package holds, read as a stream.
//!
//! Both end with an error where anything was not read: a list that is not whole would be
//! taken for one that is.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use flatpkg::Severity;
use flatpkg::component::ComponentFacts;
use flatpkg::payload;
use flatpkg::product::PackageFacts;

use super::messages::{line, note};
use crate::extract;
use crate::printable::printable;
use crate::verify::linux;

/// What is said of a package that is a folder.
pub const OLD_PACKAGE: &str = "it is a folder: packages before Mac OS X 10.5 were folders; this program reads \
                               flat packages, the form since then";

/// Whether a path is a package of that form, and not just any folder.
pub fn is_old_package(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|end| end == "pkg" || end == "mpkg");
    path.is_dir() && (is_named || path.join("Contents/PkgInfo").is_file())
}

/// Prints the payloads' paths, component after component.
pub fn paths(path: &Path, max_size: Option<u64>) -> Result<()> {
    let mut input = open(path)?;
    if linux::is_package(&mut input).with_context(|| format!("could not read {}", path.display()))? {
        return linux_paths(path, &mut input, max_size);
    }
    let package = PackageFacts::read(&mut input)
        .with_context(|| format!("{} could not be read as a package", path.display()))?;
    if let Some(max_size) = max_size {
        package.archive.budget.set_limit(max_size);
    }
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut faults = Vec::new();
    for component in &package.components {
        let result = list(&package, component, &mut input, &mut out)
            .and_then(|faults| Ok((faults, out.flush().map_err(Stop::Write)?)));
        match result {
            Ok((found, ())) => faults.extend(found),
            // Who reads our output has seen enough.
            Err(Stop::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(Stop::Write(error)) => return Err(anyhow!(error).context("could not write the paths")),
            Err(Stop::Read(fault)) => {
                out.flush().ok();
                faults.push(fault);
            }
        }
    }
    drop(out);
    finish(path, &faults, "the list is not whole")
}

/// Prints the paths that a package for Linux installs.
fn linux_paths(path: &Path, input: &mut BufReader<File>, max_size: Option<u64>) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut each = |file: &linuxpkg::File, _: &mut dyn Read| match file.part {
        linuxpkg::Part::Document => Ok(()),
        linuxpkg::Part::Content => writeln!(out, "/{}", printable(&file.path)),
    };
    let contents = match linux::read(input, max_size, &mut each) {
        Ok(contents) => contents,
        // Who reads our output has seen enough.
        Err(linuxpkg::ReadError::Stopped(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(());
        }
        Err(error) => {
            return Err(anyhow!(error).context(format!("{} could not be read as a package", path.display())));
        }
    };
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(anyhow!(error).context("could not write the paths"));
        }
        _ => drop(out),
    }
    let findings = [&contents.archive, &contents.path_findings];
    let lies = findings.iter().flat_map(|findings| findings.of(Severity::Lie));
    finish(path, &lies.map(ToString::to_string).collect::<Vec<_>>(), "the list is not whole")
}

/// Why a list ends.
enum Stop {
    Read(String),
    Write(io::Error),
}

/// Lists a component's payload; what deceives in it is not what a Mac would install.
fn list(
    package: &PackageFacts,
    component: &ComponentFacts,
    input: &mut BufReader<File>,
    out: &mut impl Write,
) -> Result<Vec<String>, Stop> {
    let Some(data) = &component.payload else { return Ok(Vec::new()) };
    let what = match component.folder.as_str() {
        "" => "Payload".to_owned(),
        folder => format!("{folder}/Payload"),
    };
    let failed = |error| Stop::Read(format!("{what:?}: {:#}", anyhow::Error::from(error)));
    let mut reader = payload::open(&package.archive, input, &what, data).map_err(failed)?;
    while let Some(entry) = reader.next_entry().map_err(failed)? {
        writeln!(out, "{}", printable(&entry.path)).map_err(Stop::Write)?;
    }
    let (_, findings) = reader.finish().map_err(failed)?;
    Ok(findings.of(Severity::Lie).map(ToString::to_string).collect())
}

/// Unpacks the package into a new folder.
pub fn extract(path: &Path, folder: &Path, max_size: Option<u64>) -> Result<()> {
    let mut input = open(path)?;
    let is_linux =
        linux::is_package(&mut input).with_context(|| format!("could not read {}", path.display()))?;
    let extracted = if is_linux {
        extract::linux::extract(&mut input, folder, max_size)
    } else {
        extract::extract(&mut input, folder, max_size)
    };
    let extracted = extracted.with_context(|| format!("{} could not be unpacked", path.display()))?;
    let shown = folder.display().to_string();
    line(format!("Unpacked {} files and folders into {}.", extracted.written, printable(&shown)));
    let mut faults = extracted.left_out;
    if extracted.more_left_out > 0 {
        faults.push(format!("{} more", extracted.more_left_out));
    }
    finish(path, &faults, &format!("{} does not hold all of it", folder.display()))
}

/// Says each fault, and fails if there is one.
fn finish(path: &Path, faults: &[String], what: &str) -> Result<()> {
    for fault in faults {
        note(printable(&format!("error: {}: {fault}", path.display())));
    }
    if !faults.is_empty() {
        bail!("{}: {what}", path.display());
    }
    Ok(())
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("could not open {shown}"))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// A number of bytes, such as 500M or 20G.
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KIB" => 10,
        "M" | "MIB" => 20,
        "G" | "GIB" => 30,
        "T" | "TIB" => 40,
        _ => return Err("a number with K, M, G or T behind it, such as 20G".to_owned()),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    number.ok_or_else(|| "a number with K, M, G or T behind it, such as 20G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("20G"), Ok(20 << 30));
        assert_eq!(size("500m"), Ok(500 << 20));
        assert_eq!(size("0"), Ok(0));
        for wrong in ["", "G", "-1", "1.5G", "99999999999T", "1X", "1 G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
