//! The command line: one file per command, printing, clock and environment.
//!
//! Must not know: formats.

mod autostart;
mod ci;
mod contents;
mod dist;
mod environment;
mod inspect;
mod merge;
mod messages;
mod notarize;
mod notary;
mod plan;
mod progress;
mod refresh;
mod signing;
mod staple;
mod template;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::CompleteEnv;

use crate::plan::{MAKERS, Request};
use crate::run::partition::Partition;
use crate::settings::Flags;
use crate::settings::names::Commit;

/// Build installers that make Lima instances start at boot on every Mac, and at login or boot on Linux.
///
/// Works on Linux and macOS without any Apple tool. Run as `cargo xtask`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dist(Box<dist::Dist>),
    Plan(plan::Plan),
    Merge(merge::Merge),
    Notarize(notarize::Notarize),
    Staple(staple::Staple),
    Refresh(refresh::Refresh),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Template(template::Template),
    Autostart(autostart::Autostart),
    #[command(hide = true)]
    StartAtLogin(autostart::StartAtLogin),
    Ci(ci::Ci),
}

/// What to build, and where.
#[derive(Debug, Args)]
struct BuildArgs {
    #[command(flatten)]
    flags: Flags,

    /// Folder to write to [default: out]
    ///
    /// A run replaces what the earlier run's artifacts.json lists there, and
    /// leaves anything else alone.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Build these kinds of files only
    ///
    /// `linux` and `macos` stand for all that is for one side, with page and zip.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    only: Vec<String>,

    /// Also build one package with all instances
    ///
    /// It has a component and a choice for each: a person picks in Installer's
    /// list, `installer -applyChoiceChangesXML` from a script. An uninstall
    /// package with the same choices comes with it.
    #[arg(long)]
    combined: bool,

    /// Also build repositories of the Linux packages, for apt, dnf and pacman
    ///
    /// Under linux-repository/, with copies of the packages. They are not signed.
    #[arg(long)]
    linux_repository: bool,

    /// Build only this part of the instances, as 3/8
    ///
    /// For a CI that builds the parts side by side; `merge` joins them. Which
    /// part an instance is in depends on its name alone.
    #[arg(long, value_name = "INDEX/COUNT")]
    partition: Option<Partition>,

    /// Record this commit in artifacts.json and on the page
    ///
    /// The one that the settings are in, as `git rev-parse HEAD` prints it.
    #[arg(long, value_name = "COMMIT")]
    commit: Option<Commit>,
}

impl BuildArgs {
    fn request(&self) -> Request {
        Request {
            only: self.only.iter().flat_map(|name| MAKERS.named(name)).collect(),
            combined: self.combined,
            linux_repository: self.linux_repository,
            partition: self.partition,
            commit: self.commit.clone(),
        }
    }

    fn out(&self) -> PathBuf {
        environment::out(self.out.as_deref())
    }
}

/// Takes the name of a kind or a group of kinds, and lists them all where it is none.
fn kinds() -> impl TypedValueParser<Value = String> {
    let kinds = MAKERS.kinds().map(|kind| PossibleValue::new(kind.name).help(kind.help));
    let groups = [
        PossibleValue::new("linux").help("Everything for Linux, with page and zip"),
        PossibleValue::new("macos").help("Everything for Macs, with page and zip"),
    ];
    PossibleValuesParser::new(kinds.chain(groups))
}

/// Runs the program.
pub fn main() -> ExitCode {
    // With COMPLETE set it is a shell that asks; this ends the process then.
    // The word to complete is `xtask`, since shells ask cargo about `cargo`.
    let complete = CompleteEnv::with_factory(|| Cli::command().name("xtask")).bin("xtask");
    match environment::program() {
        Some(program) => complete.completer(program).complete(),
        None => complete.complete(),
    }
    let status = match Cli::parse().command {
        Command::Dist(dist) => dist.run(),
        Command::Plan(plan) => plan.run(),
        Command::Merge(merge) => merge.run(),
        Command::Notarize(notarize) => notarize.run(),
        Command::Staple(staple) => staple.run(),
        Command::Refresh(refresh) => refresh.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Verify(verify) => verify.run(),
        Command::Template(template) => template.run(),
        Command::Autostart(autostart) => autostart.run(),
        Command::StartAtLogin(start_at_login) => start_at_login.run(),
        Command::Ci(ci) => ci.run(),
    };
    messages::finish(status)
}
