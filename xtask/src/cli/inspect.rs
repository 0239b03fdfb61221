//! `inspect`: see what a package is and does.

mod linux;
mod report;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::contents;
use super::messages::{MessageFormat, part};
use crate::inspect::{self, inspect};
use crate::printable::printable_json;
use crate::verify::linux::is_package;

/// Exit status where the file could not be read as a package.
const UNREADABLE: u8 = 2;

/// Show what a package is, installs, runs and starts, who signed it and when Apple notarized it
///
/// Takes packages for Macs (.pkg) and for Linux (.deb, .rpm, .pkg.tar.zst and its like).
/// Everything that runs is shown, as root or as the person who installs: scripts, jobs of launchd,
/// JavaScript and the programs that it starts, Installer's plug-ins, components from elsewhere,
/// programs with the set-user-ID bit.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The package; anybody's
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print the payload's paths alone, as pkgutil --payload-files and rpm -qpl do
    #[arg(long, conflicts_with_all = ["scripts", "extract"])]
    paths: bool,

    /// Show the text of scripts and of JavaScript too
    #[arg(long)]
    scripts: bool,

    /// Unpack everything into this new folder, as pkgutil --expand-full does
    ///
    /// A package for Linux: its files, as dpkg-deb -R, rpm2cpio and bsdtar do. Nothing is ever
    /// written outside the folder. Owners are not applied, nor set-user-ID bits.
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,

    /// Unpack up to so many bytes, such as 100G [default: 100 times the package, at least 1G, at most 64G]
    ///
    /// For a package that you trust: a small one can unpack to any size.
    #[arg(long, value_name = "SIZE", value_parser = contents::size)]
    max_size: Option<u64>,

    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A report
    Human,
    /// A JSON document
    Json,
}

impl Inspect {
    pub fn run(&self) -> ExitCode {
        match self.show() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                MessageFormat::Human.foreign_error(&error);
                ExitCode::from(UNREADABLE)
            }
        }
    }

    fn show(&self) -> Result<()> {
        let path = self.file.display();
        if self.file.is_dir() {
            bail!("{path}: {}", contents::OLD_PACKAGE);
        }
        if self.paths && self.format == Format::Human {
            return contents::paths(&self.file, self.max_size);
        }
        let file = File::open(&self.file).with_context(|| format!("could not open {path}"))?;
        let mut input = BufReader::new(file);
        if is_package(&mut input).with_context(|| format!("could not read {path}"))? {
            self.show_linux(&mut input)?;
            return self.unpack();
        }
        let inspection = inspect(&mut input, self.scripts)
            .with_context(|| format!("{path} could not be read as a package"))?;
        match self.format {
            Format::Json => json(&inspection)?,
            Format::Human => report::print(&inspection),
        }
        self.unpack()
    }

    fn show_linux(&self, input: &mut BufReader<File>) -> Result<()> {
        let inspection = inspect::linux::inspect(input, self.scripts, self.max_size)
            .with_context(|| format!("{} could not be read as a package", self.file.display()))?;
        match self.format {
            Format::Json => json(&inspection),
            Format::Human => {
                linux::print(&inspection);
                Ok(())
            }
        }
    }

    fn unpack(&self) -> Result<()> {
        match &self.extract {
            Some(folder) => contents::extract(&self.file, folder, self.max_size),
            None => Ok(()),
        }
    }
}

/// Prints a package as JSON, some lines at a time.
fn json(inspection: &impl Serialize) -> Result<()> {
    let mut lines = Lines(Vec::new());
    serde_json::to_writer_pretty(&mut lines, inspection)?;
    lines.0.push(b'\n');
    lines.print(0);
    Ok(())
}

/// Makes whole lines of JSON printable and prints them.
struct Lines(Vec<u8>);

impl Lines {
    /// Prints what is there up to the last end of a line, if it has so many bytes.
    fn print(&mut self, bytes: usize) {
        let Some(end) = self.0.iter().rposition(|byte| *byte == b'\n').filter(|end| *end >= bytes) else {
            return;
        };
        // Lines of JSON are whole characters.
        part(&printable_json(&String::from_utf8_lossy(&self.0[..=end])));
        self.0.drain(..=end);
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        if bytes.contains(&b'\n') {
            self.print(1 << 16);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
