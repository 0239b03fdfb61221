//! `inspect`: see what a package is and does.

mod report;

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::messages::{MessageFormat, line};
use crate::extract;
use crate::inspect::inspect;
use crate::printable::{printable, printable_json};

/// Exit status where the file could not be read as a package.
const UNREADABLE: u8 = 2;

/// Show what a package is, installs, runs and starts, and who signed it
#[derive(Debug, Args)]
pub struct Inspect {
    /// The package; anybody's
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print the payload's paths alone, as pkgutil --payload-files does
    #[arg(long, conflicts_with_all = ["scripts", "extract"])]
    paths: bool,

    /// Show the scripts' text too
    #[arg(long)]
    scripts: bool,

    /// Unpack everything into this new folder, as pkgutil --expand-full does
    ///
    /// Nothing is ever written outside the folder. Owners are not applied, nor set-user-ID bits.
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,

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
        let file = File::open(&self.file).with_context(|| format!("could not open {path}"))?;
        let mut input = BufReader::new(file);
        let inspection = inspect(&mut input, self.scripts)
            .with_context(|| format!("{path} could not be read as a package"))?;
        match self.format {
            Format::Json => line(printable_json(&serde_json::to_string_pretty(&inspection)?)),
            Format::Human if self.paths => {
                for entry in inspection.components.iter().flat_map(|component| &component.payload) {
                    line(printable(&entry.path));
                }
            }
            Format::Human => report::print(&inspection),
        }
        if let Some(folder) = &self.extract {
            let written = extract::extract(&mut input, folder)?;
            line(format!(
                "Unpacked {written} files and folders into {}.",
                printable(&folder.display().to_string())
            ));
        }
        Ok(())
    }
}
