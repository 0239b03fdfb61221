//! `dist`: build every artifact.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::messages::{MessageFormat, line};
use super::signing::SigningArgs;
use super::{BuildArgs, environment};
use crate::build::{Build, build};
use crate::manifest::Manifest;
use crate::output::{Committed, Output};
use crate::plan::Kind;
use crate::spec;

/// Exit status of a run that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Set by Ctrl-C; the output's writers look at it.
static STOP: AtomicBool = AtomicBool::new(false);

/// Build every artifact: packages, scripts, units, zip, sums and manifest
#[derive(Debug, Args)]
pub struct Dist {
    #[command(flatten)]
    build: BuildArgs,

    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,

    #[command(flatten)]
    signing: SigningArgs,
}

impl Dist {
    pub fn run(&self) -> ExitCode {
        match self.build() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) if STOP.load(Ordering::Relaxed) => {
                let out = self.build.out();
                let error = anyhow::anyhow!("interrupted; {} is as it was", out.display());
                self.message_format.error(&error);
                ExitCode::from(INTERRUPTED)
            }
            Err(error) => {
                self.message_format.error(&error);
                ExitCode::FAILURE
            }
        }
    }

    fn build(&self) -> Result<()> {
        let format = self.message_format;
        let spec = spec::load(&self.build.flags, &environment::root(), &environment::caller())?;
        let plan = crate::plan::plan(&spec, &self.build.only)?;
        let time = environment::source_date()?;
        let mut warnings = Vec::new();
        let signer = if plan.artifacts.iter().any(|artifact| artifact.kind.is_package()) {
            let signing = self.signing.resolve()?;
            warnings.extend(signing.warnings);
            signing.signer
        } else {
            None
        };
        ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("could not listen for Ctrl-C")?;
        let out = self.build.out();
        let output = Output::open(&out, &STOP, || {
            format.warning(&format!("another run is writing to {}; waiting for it", out.display()));
        })?;
        let settings = Build { spec: &spec, signer: signer.as_ref(), time };
        let (manifest, committed) =
            build(&settings, &plan, output, |built| format.event("built", json!(built)))?;
        for warning in &warnings {
            format.warning(warning);
        }
        self.report(&manifest, &committed);
        Ok(())
    }

    fn report(&self, manifest: &Manifest, committed: &Committed) {
        let format = self.message_format;
        let out = self.build.out();
        if let Some(reason) = &committed.unreadable_manifest {
            format.warning(&format!(
                "the earlier {}/artifacts.json could not be read ({reason}), so nothing of the earlier run was removed",
                out.display()
            ));
        }
        if !committed.left_alone.is_empty() {
            let names = committed.left_alone.join(", ");
            format.warning(&format!("left alone in {}, written by no run: {names}", out.display()));
        }
        format.event(
            "finished",
            json!({
                "out": out,
                "files": manifest.artifacts.len() + 2,
                "removed": committed.removed,
                "left_alone": committed.left_alone,
            }),
        );
        if format == MessageFormat::Human {
            for built in &manifest.artifacts {
                line(out.join(&built.artifact.path).display().to_string());
            }
            line(out.join(crate::plan::MANIFEST_FILE).display().to_string());
            line(out.join(crate::plan::SUMS_FILE).display().to_string());
            let signer = manifest.artifacts.iter().find_map(|built| built.signed_by.as_ref());
            if let Some(signer) = signer {
                line(format!("Signed by {:?}.", signer.subject));
            }
            if let Some(package) = manifest.artifacts.iter().find(|built| built.artifact.kind == Kind::Pkg) {
                let path = out.join(&package.artifact.path);
                line(format!("Install on a Mac: sudo installer -pkg {} -target /", path.display()));
            }
        }
    }
}
