//! `merge`: join the parts of a run.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::dist::{STOP, exit, listen, report};
use super::environment;
use super::messages::MessageFormat;
use super::progress::Reporter;
use crate::merge::Parts;
use crate::output::Output;

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
}

impl Merge {
    pub fn run(&self) -> ExitCode {
        exit(self.message_format, &self.out(), self.merge())
    }

    fn out(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| environment::root().join("out"))
    }

    fn merge(&self) -> Result<()> {
        let format = self.message_format;
        let out = self.out();
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
        let reporter = Reporter::new(format, parts.files()?);
        listen().context("could not listen for Ctrl-C")?;
        let output = Output::open(&out, &STOP, || {
            format.warning(&format!("another run is writing to {}; waiting for it", out.display()));
        })?;
        let finished = parts.join(output, &reporter);
        reporter.finish();
        report(format, &out, &finished?)
    }
}
