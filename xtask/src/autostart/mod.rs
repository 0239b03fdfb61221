//! Starting instances of this machine by itself, without a package: what
//! `limactl autostart` does, with the names and the files of `dist`.
//!
//! ```text
//! Request -> macos / linux look around -> Plan -> run, or shown by --dry-run
//!                                         data    puts back what was there
//! ```
//!
//! Must not know: packages, signing, the command line.

pub mod instances;
mod linux;
mod macos;
pub mod plan;
mod platform;
mod run;
mod status;

use anyhow::{Context as _, Result, bail};

pub use platform::{Account, Machine, Platform, Surroundings};
pub use run::{Reporter, run};
pub use status::{Status, table};

use crate::settings::{self, AbsolutePath, Condition, Environment, Flags, InstanceName, Spec, UserName};
use plan::Plan;

/// What `enable` is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The instance.
    pub name: InstanceName,
    /// Boot or login.
    pub condition: Condition,
    /// Who it runs as, unless it is the caller.
    pub user: Option<UserName>,
    /// limactl, unless it is the one on PATH.
    pub limactl: Option<AbsolutePath>,
    /// LIMA_HOME, unless it is the user's own.
    pub lima_home: Option<AbsolutePath>,
}

/// What has to be done for an instance to start by itself.
///
/// # Errors
///
/// There is no such instance, user or limactl, or this machine has not the
/// means.
pub fn enable(machine: &Machine, request: &Request) -> Result<Plan> {
    match &machine.platform {
        Platform::MacOs => macos::enable(machine, request),
        Platform::Linux => linux::enable(machine, request),
        Platform::Other(name) => bail!("nothing is known of {name}"),
    }
}

/// What has to be done for it to start no longer, whoever registered it.
///
/// # Errors
///
/// This machine cannot be asked.
pub fn disable(machine: &Machine, name: &InstanceName) -> Result<Plan> {
    match &machine.platform {
        Platform::MacOs => macos::disable(machine, name),
        Platform::Linux => linux::disable(machine, name),
        Platform::Other(name) => bail!("nothing is known of {name}"),
    }
}

/// What is registered for an instance, or for all of them.
///
/// # Errors
///
/// This machine cannot be asked.
pub fn status(machine: &Machine, name: Option<&InstanceName>) -> Result<Vec<Status>> {
    match &machine.platform {
        Platform::MacOs => macos::status(machine, name),
        Platform::Linux => linux::status(machine, name),
        Platform::Other(name) => bail!("nothing is known of {name}"),
    }
}

/// What `dist` would make of an instance on this machine.
fn spec_of(
    name: &InstanceName,
    condition: Condition,
    account: &Account,
    limactl: &AbsolutePath,
    lima_home: Option<&AbsolutePath>,
) -> Result<Spec> {
    let flags = Flags {
        instances: vec![name.to_string()],
        condition: Some(condition),
        limactl: Some(limactl.to_string()),
        lima_home: lima_home.map(AbsolutePath::to_string),
        ..Flags::default()
    };
    // Not by `--user`, which gives the word `auto` a meaning: here it is a name.
    let environment = Environment { user: Some(account.name.to_string()), is_root: false };
    let mut spec = settings::resolve(&flags, None, &environment)?;
    for instance in &mut spec.instances {
        instance.home = Some(account.home.clone());
    }
    Ok(spec)
}

/// A plan that has nothing to do, since nothing is registered.
fn nothing_to_remove(machine: &Machine, name: &InstanceName) -> Result<Plan> {
    let lima_home = lima_home_of_caller(machine)?;
    let mut plan = Plan {
        done: format!("Nothing starts {name} by itself; there is nothing to remove."),
        ..Plan::default()
    };
    if !instances::names(&lima_home).contains(name) {
        plan.notes.push(instances::not_found(&lima_home, name));
    }
    Ok(plan)
}

/// Where the caller's instances are.
fn lima_home_of_caller(machine: &Machine) -> Result<String> {
    let own = || format!("{}/.lima", machine.caller.home);
    let lima_home = machine.lima_home(None).context("where the instances are")?;
    Ok(lima_home.map_or_else(own, |lima_home| lima_home.to_string()))
}
