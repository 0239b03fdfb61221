//! `template`: look at what creates an instance.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use super::messages::{MessageFormat, line};
use crate::printable::{printable, printable_json};
use crate::template::{Fetch, From, fetches};

/// Look at a Lima template
#[derive(Debug, Args)]
pub struct Template {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Check),
}

/// Print what limactl fetches to create an instance from a template
///
/// A Mac without a network creates the instance only where nothing comes from the network.
/// What a base template fetches in turn is not looked at: `limactl template copy
/// --embed-all` makes one whole.
#[derive(Debug, Args)]
struct Check {
    /// The template
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Fail if anything comes from the network, or may
    #[arg(long)]
    offline: bool,

    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A line per file: what it is for, processor, where it is
    Human,
    /// A list as JSON
    Json,
}

impl Template {
    pub fn run(&self) -> ExitCode {
        let Command::Check(check) = &self.command;
        match check.check() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                MessageFormat::Human.error(&error);
                ExitCode::FAILURE
            }
        }
    }
}

impl Check {
    fn check(&self) -> Result<()> {
        let path = self.file.display();
        let text = read(&self.file).with_context(|| format!("could not read {path}"))?;
        let all = match fetches(&text) {
            Ok(all) => all,
            Err(fault) => bail!("{path} is not a Lima template: {}", printable(&fault)),
        };
        match self.format {
            Format::Json => line(printable_json(&serde_json::to_string_pretty(&all)?)),
            Format::Human => all.iter().for_each(|fetch| line(shown(fetch))),
        }
        let missing = all.iter().filter(|fetch| fetch.from != From::File).count();
        if self.offline && missing > 0 {
            bail!(
                "a Mac without a network cannot create the instance: {missing} of {} files of {path} are not on it",
                all.len()
            );
        }
        Ok(())
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

fn shown(fetch: &Fetch) -> String {
    let from = match fetch.from {
        From::Network => "network",
        From::File => "file",
        From::Limactl => "limactl",
    };
    let location = fetch.location.as_deref().unwrap_or("the archive that limactl knows of");
    let arch = fetch.arch.as_deref().unwrap_or("-");
    let digest = match &fetch.digest {
        Some(digest) => format!("  {}", printable(digest)),
        None => String::new(),
    };
    format!("{from:8}  {:10}  {:8}  {}{digest}", fetch.what.to_string(), printable(arch), printable(location))
}
