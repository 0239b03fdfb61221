//! `dist`: build every artifact.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde_json::json;

use super::messages::{MessageFormat, line};
use super::notarize::notarize;
use super::notary::{KeyArgs, ServicesArgs, WaitArgs};
use super::progress::{Packed, Reporter};
use super::refresh::up_to_date;
use super::signing::SigningArgs;
use super::{BuildArgs, environment};
use crate::artifact::Built;
use crate::assemble::{Assembly, Finished};
use crate::macos::{PKG, commands::allow};
use crate::notary::NotaryError;
use crate::output::Output;
use crate::plan::Plan;
use crate::run::manifest::{self, MANIFEST_FILE, SUMS_FILE};
use crate::settings::{self, Instance, Spec};
use crate::sign::CodeSigner;

/// Exit status of a run that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Set by Ctrl-C; the output's writers look at it.
static STOP: AtomicBool = AtomicBool::new(false);

/// Build every artifact: packages, scripts, units, zip, sums and manifest
#[derive(Debug, Args)]
pub struct Dist {
    #[command(flatten)]
    build: BuildArgs,

    /// Report everything that fails, and not only the first
    ///
    /// Faults of the settings too. Without it, the first one ends the run.
    /// Either way nothing is put into the output folder unless everything was
    /// built.
    #[arg(long)]
    keep_going: bool,

    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,

    #[command(flatten)]
    signing: SigningArgs,

    /// Have Apple notarize the packages, and staple its tickets to them
    ///
    /// As `notarize` does, once everything is built. A run that ends before that leaves what it
    /// built, and `notarize` goes on.
    #[arg(long, help_heading = "Notarizing", conflicts_with_all = ["unsigned", "partition"])]
    notarize: bool,

    #[command(flatten)]
    key: KeyArgs,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    services: ServicesArgs,
}

impl Dist {
    pub fn run(&self) -> ExitCode {
        exit(self.message_format, &self.build.out(), self.build())
    }

    /// What to build. Without `--keep-going`, the first fault of the settings
    /// is the one that ends it.
    fn spec(&self) -> Result<Spec> {
        let loaded = settings::load(&self.build.flags, &environment::root(), &environment::caller());
        let error = match loaded {
            Ok(spec) => return Ok(spec),
            Err(error) => error,
        };
        match error.faults() {
            [first, others @ ..] if !others.is_empty() && !self.keep_going => {
                let more = others.len();
                Err(anyhow!("{first}\n\nand {more} more; --keep-going, and `plan`, show all of them"))
            }
            faults @ [_, _, ..] if self.message_format == MessageFormat::Json => {
                for fault in faults {
                    self.message_format.event("failed", json!({ "message": fault.to_string() }));
                }
                Err(anyhow!("the settings have {} faults", faults.len()))
            }
            _ => Err(error.into()),
        }
    }

    /// Signs Lima's programs, where packages bring it and there is an identity for them.
    fn sign_programs(
        &self,
        spec: &mut Spec,
        code: Option<CodeSigner>,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let brings_lima = spec.instances.iter().any(Instance::uses_bundled_lima);
        let lima = spec.lima.take_if(|_| brings_lima);
        spec.lima = match (lima, code) {
            (Some(_), code) if self.notarize && !code.as_ref().is_some_and(CodeSigner::is_for_notary) => {
                bail!(
                    "Apple notarizes no package with programs that are signed ad hoc, as Lima's are; sign them with a \
                 Developer ID Application identity and a timestamp (--app-p12-file FILE)"
                )
            }
            (Some(lima), Some(code)) => Some(lima.signed(&code.stop_at(&STOP))?),
            (None, Some(code)) => {
                let who = &code.signed_by().subject;
                warnings.push(format!("the packages hold no programs, so nothing is signed by {who:?}"));
                None
            }
            (lima, None) => lima,
        };
        Ok(())
    }

    fn build(&self) -> Result<()> {
        let format = self.message_format;
        let mut spec = self.spec()?;
        // What would fail in the end fails at once.
        let key = if self.notarize { Some(self.key.resolve()?) } else { None };
        let request = self.build.request();
        let has_packages = Plan::new(&spec, &request)?.has_packages();
        let time = environment::source_date()?;
        let mut warnings = settings::advice(&spec);
        let signer = if has_packages {
            let signing = self.signing.resolve()?;
            warnings.extend(signing.warnings);
            self.sign_programs(&mut spec, signing.code, &mut warnings)?;
            signing.signer.map(|signer| signer.stop_at(&STOP))
        } else {
            None
        };
        let out = self.build.out();
        let output = open(format, &out)?;
        let plan = Plan::new(&spec, &request)?;
        let files = plan.artifacts().count();
        let reporter = Reporter::new(format, files, Packed::of(&plan));
        let build = Assembly { plan: &plan, signer: signer.as_ref(), time, keep_going: self.keep_going };
        let finished = build.run(output, &reporter);
        reporter.finish();
        let mut finished = finished?;
        for warning in &warnings {
            format.warning(warning);
        }
        if let Some(key) = key {
            let services = self.services.resolve()?;
            notarize(format, std::slice::from_ref(&out), &services, &key, &self.wait, &STOP)?;
            finished = up_to_date(format, &out, &services)?;
        }
        report(format, &out, &finished)
    }
}

/// Opens the output folder, for a run that Ctrl-C ends between two writes.
pub fn open(format: MessageFormat, out: &Path) -> Result<Output<'static>> {
    static LISTENING: AtomicBool = AtomicBool::new(false);
    if !LISTENING.swap(true, Ordering::Relaxed) {
        ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("could not listen for Ctrl-C")?;
    }
    let output = Output::open(out, &STOP, || {
        format.warning(&format!("another run is writing to {}; waiting for it", out.display()));
    })?;
    Ok(output)
}

/// Exit code for a result.
pub fn exit(format: MessageFormat, out: &Path, result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if matches!(error.downcast_ref(), Some(NotaryError::Interrupted)) => {
            format.error(&error);
            ExitCode::from(INTERRUPTED)
        }
        Err(_) if STOP.load(Ordering::Relaxed) => {
            format.error(&anyhow::anyhow!("interrupted; {} is as it was", out.display()));
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            format.error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints the result of a run.
pub fn report(format: MessageFormat, out: &Path, finished: &Finished) -> Result<()> {
    let committed = &finished.committed;
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
            "files": finished.artifacts + 2,
            "removed": committed.removed,
            "left_alone": committed.left_alone,
        }),
    );
    if format == MessageFormat::Human {
        let (mut signer, mut package) = (None, None);
        manifest::read_json(File::open(out.join(MANIFEST_FILE))?, |built: Built| {
            let path = out.join(&built.artifact.path).display().to_string();
            if built.artifact.kind == PKG && package.is_none() {
                package = Some(path.clone());
            }
            line(path);
            signer = signer.take().or(built.signed_by);
            Ok(())
        })?;
        line(out.join(MANIFEST_FILE).display().to_string());
        line(out.join(SUMS_FILE).display().to_string());
        let allow = allow(signer.as_ref());
        if let Some(signer) = signer {
            line(format!("Signed by {:?}.", signer.subject));
        }
        if let Some(part) = &finished.header.partition {
            line(format!("This is part {}: join all parts with cargo xtask merge DIR...", part.partition));
        } else if let Some(package) = package {
            line(format!("Install on a Mac: sudo installer{allow} -pkg {package} -target /"));
        }
    }
    Ok(())
}
