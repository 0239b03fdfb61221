//! `notarize`: have Apple look at packages, and staple its tickets to them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::environment;
use super::messages::{MessageFormat, line};
use super::notary::{KeyArgs, ServicesArgs, Shown, WaitArgs, failed, packages, record_folder, surroundings};
use super::refresh::all_up_to_date;
use crate::notary::api::Api;
use crate::notary::key::ApiKey;
use crate::notary::record::Record;
use crate::notary::run::{Outcome, Run};
use crate::notary::{Http, Services};

/// Never set: Ctrl-C ends the program at once, and the record says where to go on.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Have Apple notarize packages, and staple its tickets to them
///
/// Submits all of them at once, waits until Apple has looked at them, and staples the tickets: a
/// Mac then opens the packages after a download, without a network too. What was submitted is kept
/// in .notarization beside the folder, so that a run that was ended goes on and submits nothing
/// twice: run the same command again, or `notarize --resume`.
#[derive(Debug, Args)]
pub struct Notarize {
    /// Packages, or folders of them [default: out]
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    key: KeyArgs,

    /// Submit, print the submission's id, and do not wait
    #[arg(long)]
    no_wait: bool,

    /// Go on with what was submitted: all of it, or the submission with this id
    ///
    /// A submission of another machine needs its packages beside its id.
    #[arg(long, value_name = "ID", num_args = 0..=1, conflicts_with_all = ["no_wait", "webhook"])]
    resume: Option<Option<String>>,

    #[command(flatten)]
    wait: WaitArgs,

    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,

    #[command(flatten)]
    services: ServicesArgs,
}

impl Notarize {
    pub fn run(&self) -> ExitCode {
        let shown = Shown::new(self.message_format);
        let result = self.notarize(&shown);
        shown.finish();
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                failed(self.message_format, &error);
                ExitCode::FAILURE
            }
        }
    }

    /// The id that is gone on with, and the paths: a word behind `--resume` that is not an id
    /// is a path.
    fn resumed(&self) -> (Option<Option<&str>>, Vec<PathBuf>) {
        let mut paths = self.paths.clone();
        let id = self.resume.as_ref().map(|given| match given.as_deref() {
            Some(word) if uuid::Uuid::parse_str(word).is_err() => {
                paths.insert(0, word.into());
                None
            }
            other => other,
        });
        if paths.is_empty() && id.is_none() {
            paths.push(environment::out(None));
        }
        (id, paths)
    }

    /// The folders whose files follow from what was stapled: those that are named, and with
    /// `--resume` alone the one that everything is built into.
    fn folders(&self, paths: &[PathBuf]) -> Vec<PathBuf> {
        if paths.is_empty() { vec![environment::out(None)] } else { paths.to_vec() }
    }

    fn notarize(&self, shown: &Shown) -> Result<()> {
        let (resumed, paths) = self.resumed();
        let services = self.services.resolve()?;
        let packages = packages(&paths, &services)?;
        let key = self.key.resolve()?;
        let http = Http::new(services.pace, surroundings(&NEVER))?;
        let api = Api::new(&http, &services, &key);
        let mut record = Record::open(&record_folder(&paths), &http, || {
            self.message_format.warning("another run is notarizing; waiting for it");
        })?;
        let mut run = Run {
            api: &api,
            services: &services,
            record: &mut record,
            events: &|event| shown.event(&event),
            webhook: self.wait.webhook.as_ref(),
            timeout: (!self.no_wait).then_some(self.wait.timeout),
        };
        let outcome = match resumed {
            None => run.notarize(packages)?,
            Some(id) => run.resume(id, packages)?,
        };
        shown.finish();
        match outcome {
            Outcome::Stapled(count) => {
                all_up_to_date(self.message_format, &self.folders(&paths), &services)?;
                self.message_format.event("finished", json!({ "stapled": count }));
            }
            Outcome::Submitted(ids) => {
                self.message_format.event("finished", json!({ "submissions": ids }));
                if self.message_format == MessageFormat::Human {
                    line("Not waiting; go on with: cargo xtask notarize --resume");
                    ids.iter().for_each(line);
                }
            }
        }
        Ok(())
    }
}

/// Notarizes the packages in `paths`, and waits for it, as a part of another command.
pub fn notarize(
    format: MessageFormat,
    paths: &[PathBuf],
    services: &Services,
    key: &ApiKey,
    wait: &WaitArgs,
    interrupted: &AtomicBool,
) -> Result<()> {
    let packages = packages(paths, services)?;
    let http = Http::new(services.pace, surroundings(interrupted))?;
    let api = Api::new(&http, services, key);
    let waiting = || format.warning("another run is notarizing; waiting for it");
    let mut record = Record::open(&record_folder(paths), &http, waiting)?;
    let shown = Shown::new(format);
    let mut run = Run {
        api: &api,
        services,
        record: &mut record,
        events: &|event| shown.event(&event),
        webhook: wait.webhook.as_ref(),
        timeout: Some(wait.timeout),
    };
    let outcome = run.notarize(packages);
    shown.finish();
    outcome?;
    Ok(())
}
