//! `plan`: what `dist` would build.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use indicatif::DecimalBytes;

use super::messages::{MessageFormat, line};
use super::{BuildArgs, environment};
use crate::settings;

/// Print what `dist` would build; write nothing
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    build: BuildArgs,

    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A line per file: path, kind, identifier; then what packages bring, with its size
    Human,
    /// The plan as JSON
    Json,
}

impl Plan {
    pub fn run(&self) -> ExitCode {
        match self.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                MessageFormat::Human.error(&error);
                ExitCode::FAILURE
            }
        }
    }

    fn print(&self) -> Result<()> {
        let spec = settings::load(&self.build.flags, &environment::root(), &environment::caller())?;
        let request = self.build.request();
        let plan = crate::plan::Plan::new(&spec, &request)?;
        for warning in settings::advice(&spec) {
            MessageFormat::Human.warning(&warning);
        }
        match self.format {
            Format::Json => {
                // The reader may close the pipe.
                let mut out = BufWriter::new(std::io::stdout().lock());
                let _ = serde_json::to_writer_pretty(&mut out, &plan).map(|()| writeln!(out));
            }
            Format::Human => {
                let out = self.build.out();
                let shown = |path: &str| out.join(path).display().to_string();
                // Twice, so that nothing but the widths is kept.
                let (mut path_width, mut kind_width) = (0, 0);
                for artifact in plan.artifacts() {
                    path_width = path_width.max(shown(&artifact.path).chars().count());
                    kind_width = kind_width.max(artifact.kind.as_str().len());
                }
                for artifact in plan.artifacts() {
                    let text = format!(
                        "{:path_width$}  {:kind_width$}  {}",
                        shown(&artifact.path),
                        artifact.kind.as_str(),
                        artifact.identifier.as_deref().unwrap_or("-"),
                    );
                    line(text.trim_end());
                }
                for one in plan.brought() {
                    let installed = match one.installed_size == one.size {
                        true => String::new(),
                        false => format!(", {} on the Mac", DecimalBytes(one.installed_size)),
                    };
                    line(format!(
                        "{} for {}: {}{installed}, with {}",
                        one.name,
                        one.architecture,
                        DecimalBytes(one.size),
                        one.instances.join(", "),
                    ));
                }
            }
        }
        Ok(())
    }
}
