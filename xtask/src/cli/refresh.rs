//! `refresh`: bring an output folder up to date with its packages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::dist::{exit, open, report};
use super::environment;
use super::messages::MessageFormat;
use super::notary::ServicesArgs;
use super::progress::{Packed, Reporter};
use crate::assemble::Finished;
use crate::notary::Services;
use crate::refresh::refresh;
use crate::run::manifest::MANIFEST_FILE;

/// Bring an output folder up to date with packages that a ticket was stapled to
///
/// Sums, artifacts.json, page and zip, and what device managers read, are written anew from the
/// packages that are there, as `dist` would have. `notarize` and `staple` do it by themselves for
/// a folder; another program that staples does not.
#[derive(Debug, Args)]
pub struct Refresh {
    /// The folder [default: out]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,

    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,

    #[command(flatten)]
    services: ServicesArgs,
}

impl Refresh {
    pub fn run(&self) -> ExitCode {
        let folder = environment::out(self.folder.as_deref());
        exit(self.message_format, &folder, self.refresh(&folder))
    }

    fn refresh(&self, folder: &Path) -> Result<()> {
        let services = self.services.resolve()?;
        // An empty folder that is made by opening it would be no help.
        std::fs::metadata(folder.join(MANIFEST_FILE)).map_err(|source| {
            anyhow::anyhow!(
                "{}: {source}; give a folder that `dist` wrote",
                folder.join(MANIFEST_FILE).display()
            )
        })?;
        let finished = up_to_date(self.message_format, folder, &services)?;
        report(self.message_format, folder, &finished)
    }
}

/// Brings a folder up to date.
pub fn up_to_date(format: MessageFormat, folder: &Path, services: &Services) -> Result<Finished> {
    let reporter = Reporter::new(format, 0, Packed::nothing());
    let finished = refresh(folder, open(format, folder)?, &services.ticket_roots, &reporter);
    reporter.finish();
    Ok(finished?)
}

/// Brings those of `paths` up to date that are folders of a run.
pub fn all_up_to_date(format: MessageFormat, paths: &[PathBuf], services: &Services) -> Result<()> {
    for folder in paths.iter().filter(|path| path.join(MANIFEST_FILE).is_file()) {
        up_to_date(format, folder, services)?;
    }
    Ok(())
}
