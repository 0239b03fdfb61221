//! `staple`: fetch the tickets of packages that are notarized, and staple them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::environment;
use super::messages::MessageFormat;
use super::notary::{ServicesArgs, Shown, failed, packages, surroundings};
use super::refresh::all_up_to_date;
use crate::notary::run::Event;
use crate::notary::staple::staple;
use crate::notary::{Http, NotaryError, tickets};

/// Never set: a package is replaced as a whole or not at all.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Staple Apple's tickets to packages that are notarized, by whomever
///
/// Asks Apple for the tickets, which takes no key, checks each (Apple's signature, and that it is
/// for this package) and puts it behind the package. A ticket that is there is replaced.
#[derive(Debug, Args)]
pub struct Staple {
    /// Packages, or folders of them [default: out]
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,

    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,

    #[command(flatten)]
    services: ServicesArgs,
}

impl Staple {
    pub fn run(&self) -> ExitCode {
        let shown = Shown::new(self.message_format);
        let result = self.staple(&shown);
        shown.finish();
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                failed(self.message_format, &error);
                ExitCode::FAILURE
            }
        }
    }

    fn staple(&self, shown: &Shown) -> Result<()> {
        let mut paths = self.paths.clone();
        if paths.is_empty() {
            paths.push(environment::out(None));
        }
        let services = self.services.resolve()?;
        let packages = packages(&paths, &services)?;
        let http = Http::new(services.pace, surroundings(&NEVER))?;
        let entries: Vec<_> = packages.iter().map(|package| package.entry).collect();
        let found = tickets::look_up(&http, &services, &entries)?;
        let mut missing = Vec::new();
        let mut count = 0;
        for package in &packages {
            let Some(ticket) = found.get(&package.entry) else {
                missing.extend(package.paths.iter().cloned());
                continue;
            };
            for path in &package.paths {
                let notarized = staple(path, ticket, &services)?;
                shown.event(&Event::Stapled { path, time: notarized.time });
                count += 1;
            }
        }
        all_up_to_date(self.message_format, &paths, &services)?;
        self.message_format.event("finished", json!({ "stapled": count, "missing": missing }));
        // Those that have a ticket have it now; the others are an error all the same.
        if missing.is_empty() { Ok(()) } else { Err(NotaryError::NotNotarized(missing).into()) }
    }
}
