//! `plan`: what `dist` would build.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::messages::{MessageFormat, line};
use super::{BuildArgs, environment};
use crate::spec;

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
    /// A line per file: path, kind, identifier
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
        let spec = spec::load(&self.build.flags, &environment::root(), &environment::caller())?;
        let plan = crate::plan::plan(&spec, &self.build.only)?;
        match self.format {
            Format::Json => line(serde_json::to_string_pretty(&plan)?),
            Format::Human => {
                let out = self.build.out();
                let paths: Vec<String> =
                    plan.artifacts.iter().map(|a| out.join(&a.path).display().to_string()).collect();
                let path_width = paths.iter().map(|path| path.chars().count()).max().unwrap_or(0);
                let kind_width = plan.artifacts.iter().map(|a| a.kind.as_str().len()).max().unwrap_or(0);
                for (path, artifact) in paths.iter().zip(&plan.artifacts) {
                    let text = format!(
                        "{path:path_width$}  {:kind_width$}  {}",
                        artifact.kind.as_str(),
                        artifact.identifier.as_deref().unwrap_or("-"),
                    );
                    line(text.trim_end());
                }
            }
        }
        Ok(())
    }
}
