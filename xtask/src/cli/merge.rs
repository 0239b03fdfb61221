//! `merge`: join the parts of a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::dist::{exit, open, report};
use super::environment;
use super::messages::MessageFormat;
use super::notary::ServicesArgs;
use super::progress::{Packed, Reporter};
use crate::merge::Parts;

/// Join the parts that `dist --partition` built, into the run that they are parts of
///
/// The same bytes as a run without --partition, signatures and their times
/// apart: one SHA256SUMS, one artifacts.json, one zip. Every file is compared
/// with what its part recorded.
#[derive(Debug, Args)]
pub struct Merge {
    /// The folder of each part
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,

    /// Folder to write to [default: out]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,

    #[command(flatten)]
    services: ServicesArgs,
}

impl Merge {
    pub fn run(&self) -> ExitCode {
        let out = environment::out(self.out.as_deref());
        exit(self.message_format, &out, self.merge(&out))
    }

    fn merge(&self, out: &Path) -> Result<()> {
        let format = self.message_format;
        let services = self.services.resolve()?;
        let parts = Parts::open(&self.folders)?;
        let same = |folder: &PathBuf| match (folder.canonicalize(), out.canonicalize()) {
            (Ok(folder), Ok(out)) => folder == out,
            _ => false,
        };
        if let Some(folder) = self.folders.iter().find(|folder| same(folder)) {
            bail!(
                "{} is a part and cannot be written to at the same time: name another folder with --out",
                folder.display()
            );
        }
        let reporter = Reporter::new(format, parts.files()?, Packed::nothing());
        let finished = parts.join(open(format, out)?, &services.ticket_roots, &reporter);
        reporter.finish();
        report(format, out, &finished?)
    }
}
