//! `autostart`: registers instances on this machine, without a package.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;
use clap_complete::engine::CompletionCandidate;

use super::environment;
use super::messages::{MessageFormat, line, note};
use crate::autostart::plan::Plan;
use crate::autostart::{self, Machine, Reporter, Request, instances};
use crate::settings::{AbsolutePath, Condition, InstanceName, UserName};

/// Exit status of a run that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Set by Ctrl-C; a run looks at it between two steps.
static STOP: AtomicBool = AtomicBool::new(false);

/// Start instances of this machine by themselves, without a package
///
/// What `limactl autostart` does, with the same names and places, so that each
/// finds what the other registered. For other machines, `dist` builds packages.
#[derive(Debug, Args)]
pub struct Autostart {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Enable(Enable),
    Disable(Disable),
    Status(Status),
}

/// Have an instance start at login or at boot
///
/// On macOS by a LaunchAgent or a LaunchDaemon; the latter is root's, so sudo
/// asks for your password once, and what it is to run is shown before. On Linux
/// by a unit of your systemd manager, which for boot lingers. If it fails or is
/// interrupted, everything is as it was.
#[derive(Debug, Args)]
struct Enable {
    #[command(flatten)]
    instance: InstanceArg,

    /// When it starts
    #[arg(long, value_name = "CONDITION", value_enum, default_value = "login")]
    condition: Condition,

    /// User whose instance it is and who runs it [default: you]
    ///
    /// Somebody else with --condition boot on macOS only.
    #[arg(long, value_name = "NAME")]
    user: Option<UserName>,

    /// limactl, an absolute path [default: the first on PATH]
    #[arg(long, value_name = "PATH", value_parser = AbsolutePath::parse_program)]
    limactl: Option<AbsolutePath>,

    /// LIMA_HOME, an absolute path [default: $LIMA_HOME, or .lima in the user's home folder]
    #[arg(long, value_name = "PATH")]
    lima_home: Option<AbsolutePath>,

    #[command(flatten)]
    dry_run: DryRun,
}

/// Stop starting an instance, whoever registered it
///
/// Finds out what is registered, at login, at boot or both, by this program, a
/// package or limactl, and removes it. The instance itself stays.
#[derive(Debug, Args)]
struct Disable {
    #[command(flatten)]
    instance: InstanceArg,

    #[command(flatten)]
    dry_run: DryRun,
}

/// Show what is registered, whether it runs, and whether its file is up to date
#[derive(Debug, Args)]
struct Status {
    /// Instance [default: all]
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(candidates))]
    instance: Option<InstanceName>,

    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Deprecated: use `autostart enable` and `autostart disable`
#[derive(Debug, Args)]
pub struct StartAtLogin {
    #[command(flatten)]
    instance: InstanceArg,

    /// Whether it is to start at login
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true"
    )]
    #[arg(action = clap::ArgAction::Set)]
    enabled: bool,
}

#[derive(Debug, Args)]
struct InstanceArg {
    /// Instance, as `limactl list` shows it
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(candidates))]
    instance: InstanceName,
}

#[derive(Debug, Clone, Copy, Args)]
struct DryRun {
    /// Show what would be written and run, without doing it
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A line per registration
    Table,
    /// The same as JSON
    Json,
}

/// Names for a shell to complete.
fn candidates() -> Vec<CompletionCandidate> {
    let surroundings = environment::surroundings();
    let own = surroundings.home.map(|home| format!("{home}/.lima"));
    let lima_home = surroundings.lima_home.or(own).unwrap_or_default();
    instances::names(&lima_home).iter().map(|name| CompletionCandidate::new(name.as_str())).collect()
}

impl Autostart {
    pub fn run(&self) -> ExitCode {
        end(match &self.command {
            Command::Enable(enable) => enable.run(),
            Command::Disable(disable) => disable.run(),
            Command::Status(status) => status.run(),
        })
    }
}

impl StartAtLogin {
    pub fn run(&self) -> ExitCode {
        let name = &self.instance.instance;
        let verb = if self.enabled { "enable" } else { "disable" };
        MessageFormat::Human
            .warning(&format!("`start-at-login` is deprecated; use `cargo xtask autostart {verb} {name}`"));
        let instance = InstanceArg { instance: name.clone() };
        let dry_run = DryRun { dry_run: false };
        end(if self.enabled {
            let condition = Condition::Login;
            Enable { instance, condition, user: None, limactl: None, lima_home: None, dry_run }.run()
        } else {
            Disable { instance, dry_run }.run()
        })
    }
}

/// Says why it failed, if it did.
fn end(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            MessageFormat::Human.error(&error);
            if STOP.load(Ordering::Relaxed) { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE }
        }
    }
}

impl Enable {
    fn run(&self) -> Result<()> {
        let machine = Machine::new(environment::surroundings())?;
        let request = Request {
            name: self.instance.instance.clone(),
            condition: self.condition,
            user: self.user.clone(),
            limactl: self.limactl.clone(),
            lima_home: self.lima_home.clone(),
        };
        carry_out(&autostart::enable(&machine, &request)?, self.dry_run)
    }
}

impl Disable {
    fn run(&self) -> Result<()> {
        let machine = Machine::new(environment::surroundings())?;
        carry_out(&autostart::disable(&machine, &self.instance.instance)?, self.dry_run)
    }
}

impl Status {
    fn run(&self) -> Result<()> {
        let machine = Machine::new(environment::surroundings())?;
        let statuses = autostart::status(&machine, self.instance.as_ref())?;
        match self.format {
            Format::Table => line(autostart::table(&statuses).trim_end()),
            Format::Json => line(serde_json::to_string_pretty(&statuses)?),
        }
        Ok(())
    }
}

/// Runs the plan, or shows it.
fn carry_out(plan: &Plan, DryRun { dry_run }: DryRun) -> Result<()> {
    if dry_run && !plan.steps.is_empty() {
        line(plan.describe().trim_end());
        for text in &plan.notes {
            note(format!("note: {text}"));
        }
        return Ok(());
    }
    let root_commands = plan.root_commands();
    if !root_commands.is_empty() {
        note("root's rights are needed; sudo asks for your password once, and runs:");
        for command in root_commands {
            note(format!("  {command}"));
        }
    }
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("could not listen for Ctrl-C")?;
    autostart::run(plan, &STOP, &Teller)?;
    line(&plan.done);
    for text in &plan.notes {
        note(format!("note: {text}"));
    }
    Ok(())
}

/// Tells people.
struct Teller;

impl Reporter for Teller {
    fn step(&self, text: &str) {
        note(text);
    }

    fn warning(&self, text: &str) {
        MessageFormat::Human.warning(text);
    }
}
