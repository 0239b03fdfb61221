//! systemd: a unit of the caller's own manager, which a login starts, or with
//! lingering the boot.
//!
//! The unit is a file `lima-vm@NAME.service`, as limactl's own is, with what
//! `dist` calls the template in it: so limactl finds and removes what is
//! registered here, and no instance shares a file with another. What the
//! instance has of its own is in the same drop-in as `dist`'s.
//!
//! Must not know: launchd, how a plan is carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use xshell::cmd;

use super::instances::{self, Found};
use super::plan::{Action, Command, Plan, Step};
use super::platform::{Machine, is_program};
use super::status::Status;
use super::{Request, lima_home_of_caller, nothing_to_remove, spec_of};
use crate::linux::systemd;
use crate::settings::names::printable;
use crate::settings::{AbsolutePath, Condition, InstanceName, Spec};

/// The unit of an instance: its files, and what systemd has.
struct Registration {
    unit: String,
    path: String,
    drop_in_dir: String,
    drop_in: String,
    /// What `systemctl show` says.
    properties: BTreeMap<String, String>,
}

const PROPERTIES: &str =
    "--property=LoadState,ActiveState,UnitFileState,FragmentPath,ExecMainCode,ExecMainStatus";

impl Registration {
    fn look(machine: &Machine, name: &InstanceName) -> Result<Self> {
        let unit = systemd::unit(name);
        let units = units_dir(machine);
        let said = cmd!(machine.shell, "systemctl --user show {PROPERTIES} {unit}").quiet().read()?;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        let drop_in_dir = format!("{units}/{}", systemd::drop_in_dir(name));
        Ok(Self {
            path: format!("{units}/{unit}"),
            unit,
            drop_in: format!("{drop_in_dir}/{}", systemd::DROP_IN_FILE),
            drop_in_dir,
            properties: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        })
    }

    fn property(&self, name: &str) -> &str {
        self.properties.get(name).map_or("", String::as_str)
    }

    fn is_enabled(&self) -> bool {
        self.property("UnitFileState") == "enabled"
    }

    fn is_active(&self) -> bool {
        matches!(self.property("ActiveState"), "active" | "activating" | "reloading")
    }

    fn has_files(&self) -> bool {
        is_taken(&self.path) || is_taken(&self.drop_in)
    }

    fn is_there(&self) -> bool {
        self.has_files() || self.is_enabled() || self.is_active()
    }

    fn systemctl(&self, words: &[&str]) -> Command {
        let mut words = words.to_vec();
        words.insert(0, "--user");
        words.push(&self.unit);
        Command::new("systemctl", &words)
    }

    /// Starts it as it was, once its files are back.
    fn come_back(&self) -> Vec<Action> {
        let mut actions = vec![Action::Run(reload())];
        if self.is_enabled() {
            actions.push(Action::Run(self.systemctl(&["enable"])));
        }
        if self.is_active() {
            actions.push(Action::Run(self.systemctl(&["restart"])));
        }
        actions
    }
}

fn is_taken(path: &str) -> bool {
    Path::new(path).symlink_metadata().is_ok()
}

/// Where limactl puts units: below `$XDG_CONFIG_HOME`, or `~/.config`.
fn units_dir(machine: &Machine) -> String {
    match &machine.surroundings.config_home {
        Some(folder) => format!("{}/systemd/user", folder.trim_end_matches('/')),
        None => format!("{}/.config/systemd/user", machine.caller.home),
    }
}

fn reload() -> Command {
    Command::new("systemctl", &["--user", "daemon-reload"])
}

/// Whether the user's manager runs, and what works where it does not.
fn check_manager(machine: &Machine) -> Result<()> {
    let shell = &machine.shell;
    let said = cmd!(shell, "systemctl --user show --property=Version").quiet().ignore_status().output();
    let problem = match said {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned(),
        Err(_) => "there is no systemctl".to_owned(),
    };
    let (name, uid) = (&machine.caller.name, machine.caller.uid);
    bail!(
        "systemd has no manager for {name} here ({}). Where this machine runs systemd, log in as {name} at the \
         screen or by ssh (`su` and `sudo` start none), or set XDG_RUNTIME_DIR=/run/user/{uid} if the manager \
         runs. Without systemd, have what starts programs there run `limactl start --foreground INSTANCE` as {name}",
        printable(&problem)
    )
}

/// The caller's manager starts at boot.
fn lingers(machine: &Machine) -> bool {
    Path::new(&systemd::linger_file(&machine.caller.name)).exists()
}

/// What the unit and its drop-in say.
struct Files {
    unit: Vec<u8>,
    drop_in: Vec<u8>,
}

fn files(machine: &Machine, spec: &Spec) -> Result<Files> {
    let [instance] = &spec.instances[..] else { bail!("one instance was asked for") };
    let program = start_path(machine);
    Ok(Files {
        unit: crate::linux::units::template_unit(&program).into_bytes(),
        drop_in: crate::linux::units::drop_in(instance, &program).into_bytes(),
    })
}

/// lima-start of the caller's own, which all their instances share.
fn start_path(machine: &Machine) -> String {
    format!("{}/{}", machine.caller.home, systemd::USER_START_PATH)
}

fn is_written(path: &str, text: &[u8]) -> bool {
    fs::read(path).is_ok_and(|now| now == text)
}

/// Removes lima-start, unless a unit of another instance runs it.
fn remove_start(machine: &Machine, own: &Registration) -> Vec<Step> {
    let path = start_path(machine);
    let units = units_dir(machine);
    let others = registered(&units).into_iter().map(|name| format!("{units}/{}", systemd::unit(&name)));
    let runs_it = |unit: String| {
        let text = fs::read_to_string(unit).unwrap_or_default();
        text.contains(systemd::USER_START_PATH)
    };
    if !is_taken(&path) || others.filter(|unit| *unit != own.path).any(runs_it) {
        return Vec::new();
    }
    let folder = Path::new(&path).parent().expect("a folder").display().to_string();
    vec![Step::new(Action::Remove { path }), Step::new(Action::RemoveFolder { path: folder })]
}

/// See [`super::enable`].
pub fn enable(machine: &Machine, request: &Request) -> Result<Plan> {
    let caller = &machine.caller;
    if let Some(user) = request.user.as_ref().filter(|user| **user != caller.name) {
        bail!(
            "--user: on Linux a user's units are the user's own files: run this as {user}, or install as an \
             administrator what `cargo xtask dist {} --user {user} --only systemd` writes",
            request.name
        );
    }
    let lima_home = machine.lima_home(request.lima_home.as_ref())?;
    let home = lima_home.as_ref().map_or_else(|| format!("{}/.lima", caller.home), AbsolutePath::to_string);
    if instances::find(&home, &request.name, caller)? == Found::Hidden {
        bail!("{home}/{}: you may not read it", request.name);
    }
    let limactl = machine.limactl(request.limactl.as_ref())?;
    let spec = spec_of(&request.name, request.condition, caller, &limactl, lima_home.as_ref())?;
    let Files { unit, drop_in } = files(machine, &spec)?;
    check_manager(machine)?;
    let own = Registration::look(machine, &request.name)?;
    let boot = request.condition == Condition::Boot;
    let mut plan = Plan::default();
    if boot && !lingers(machine) {
        plan.steps.push(linger(&caller.name.to_string()));
    }
    let (program, start) = (start_path(machine), crate::lima_start::program().into_bytes());
    let is_current =
        is_written(&own.path, &unit) && is_written(&own.drop_in, &drop_in) && is_written(&program, &start);
    let when = request.condition.as_str();
    if plan.steps.is_empty() && is_current && own.is_enabled() && own.property("ActiveState") == "active" {
        plan.done = format!("{} is set up to start at {when} already, and runs.", request.name);
    } else {
        let folder = Path::new(&program).parent().expect("a folder").display().to_string();
        let undo_last = vec![Action::RemoveFolder { path: folder }];
        let write = Action::Write { path: program, text: start, mode: 0o755 };
        plan.steps.push(Step { undo_last, ..Step::new(write) });
        let undo_last = vec![Action::RemoveFolder { path: own.drop_in_dir.clone() }];
        plan.steps.push(Step::new(Action::write(&own.path, unit)));
        let write = Action::write(&own.drop_in, drop_in);
        plan.steps.push(Step { undo_last, ..Step::new(write) });
        plan.steps.push(Step { undo_last: vec![Action::Run(reload())], ..Step::new(Action::Run(reload())) });
        let undo = |so: bool, words: &[&str]| -> Vec<Action> {
            if so { Vec::new() } else { vec![Action::Run(own.systemctl(words))] }
        };
        plan.steps.push(Step {
            undo_first: undo(own.is_enabled(), &["disable"]),
            ..Step::new(Action::Run(own.systemctl(&["enable"])))
        });
        plan.steps.push(Step {
            undo_first: undo(own.is_active(), &["stop"]),
            undo_last: own.come_back(),
            ..Step::new(Action::Run(own.systemctl(&["restart"])))
        });
        plan.done = format!("{} starts at {when} as {}, by {}.", request.name, caller.name, own.path);
    }
    if !boot && lingers(machine) {
        plan.notes.push(format!(
            "{0} lingers, so it starts at boot already; `loginctl disable-linger {0}` would end that",
            caller.name
        ));
    }
    let place = format!("{}/{}", systemd::SYSTEM_UNITS_DIR, systemd::USER_MANAGER_DROP_IN);
    if !Path::new(&place).exists() {
        plan.notes.push(format!(
            "systemd gives a user's programs 120 seconds to end when the machine shuts down; for a VM that takes \
             longer, an administrator installs {place}, which `cargo xtask dist {}` writes",
            request.name
        ));
    }
    Ok(plan)
}

/// Has the caller's manager start at boot. Where polkit lets users do that for
/// themselves, it takes no password.
fn linger(name: &str) -> Step {
    let failure = format!(
        "{name} may not have programs started at boot (loginctl's reason is above). An administrator allows it \
         with `sudo loginctl enable-linger {name}`; then run this again"
    );
    let run = |verb| Command::new("loginctl", &["--no-ask-password", verb, name]);
    Step {
        all_or_nothing: true,
        undo_last: vec![Action::Run(run("disable-linger"))],
        ..Step::new(Action::Run(Command { failure: Some(failure), ..run("enable-linger") }))
    }
}

/// See [`super::disable`].
pub fn disable(machine: &Machine, name: &InstanceName) -> Result<Plan> {
    check_manager(machine)?;
    let own = Registration::look(machine, name)?;
    if !own.is_there() {
        return nothing_to_remove(machine, name);
    }
    let mut plan = Plan::default();
    let link = format!("{}/default.target.wants/{}", units_dir(machine), own.unit);
    if is_taken(&own.path) || Path::new(own.property("FragmentPath")).exists() {
        let disable = Action::Run(own.systemctl(&["disable", "--now"]));
        plan.steps.push(Step { undo_last: own.come_back(), ..Step::new(disable) });
    } else if own.is_active() {
        // Its file is gone: systemctl disables nothing then.
        plan.steps.push(Step::new(Action::Run(own.systemctl(&["stop"]))));
    }
    for path in [&own.path, &own.drop_in, &link] {
        if is_taken(path) {
            plan.steps.push(Step::new(Action::Remove { path: path.clone() }));
        }
    }
    if own.has_files() {
        plan.steps.push(Step::new(Action::RemoveFolder { path: own.drop_in_dir.clone() }));
        plan.steps.extend(remove_start(machine, &own));
        plan.steps.push(Step::new(Action::Run(reload())));
    }
    plan.done = format!("Nothing starts {name} by itself any more; the instance itself stays.");
    let fragment = own.property("FragmentPath");
    if !fragment.is_empty() && fragment != own.path {
        plan.notes.push(format!("{fragment} is for every user, and was left alone"));
    }
    if lingers(machine) {
        plan.notes.push(format!(
            "{0} still lingers, which other programs may need; if none does: loginctl disable-linger {0}",
            machine.caller.name
        ));
    }
    Ok(plan)
}

/// See [`super::status()`].
pub fn status(machine: &Machine, name: Option<&InstanceName>) -> Result<Vec<Status>> {
    check_manager(machine)?;
    let names = match name {
        Some(name) => BTreeSet::from([name.clone()]),
        None => {
            let mut names: BTreeSet<InstanceName> =
                instances::names(&lima_home_of_caller(machine)?).into_iter().collect();
            let units = units_dir(machine);
            let folders = [units.clone(), format!("{units}/default.target.wants")];
            names.extend(folders.iter().flat_map(|folder| registered(folder)));
            names
        }
    };
    names.iter().map(|name| status_of(machine, name)).collect()
}

/// The instances with a unit in a folder.
fn registered(folder: &str) -> Vec<InstanceName> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |file: std::ffi::OsString| {
        file.to_str()?.strip_prefix("lima-vm@")?.strip_suffix(".service")?.parse().ok()
    };
    entries.filter_map(|entry| name(entry.file_name())).collect()
}

fn status_of(machine: &Machine, name: &InstanceName) -> Result<Status> {
    let own = Registration::look(machine, name)?;
    if !own.is_there() {
        return Ok(Status::none(name.as_str()));
    }
    let condition = if lingers(machine) { Condition::Boot } else { Condition::Login };
    let fragment = own.property("FragmentPath");
    let by_administrator = !own.has_files() && !fragment.is_empty();
    // 0: no process of it has ended yet (`CLD_EXITED` and so on are from 1 on).
    let exited = own.property("ExecMainCode") != "0";
    Ok(Status {
        instance: name.to_string(),
        condition: Some(condition),
        user: Some(machine.caller.name.to_string()),
        file: Some(if by_administrator { fragment.to_owned() } else { own.path.clone() }),
        loaded: own.property("LoadState") == "loaded",
        running: own.property("ActiveState") == "active",
        last_exit_code: own.property("ExecMainStatus").parse().ok().filter(|_| exited),
        drift: if by_administrator { None } else { drift(machine, name, condition, &own) },
        package: None,
    })
}

/// Why the files are not what `enable` would write today, with the limactl and
/// the LIMA_HOME that they name.
fn drift(machine: &Machine, name: &InstanceName, condition: Condition, own: &Registration) -> Option<String> {
    let text = |path: &str| fs::read_to_string(path).ok();
    let (Some(unit), Some(drop_in)) = (text(&own.path), text(&own.drop_in)) else {
        return Some("a file is not there, or was written by something else, such as limactl".to_owned());
    };
    let today = || -> Option<(AbsolutePath, Files)> {
        let line =
            |start: &str| drop_in.lines().rev().find_map(|line| line.strip_prefix(start).map(str::to_owned));
        let command = line("ExecStart=")?;
        let program = command.rsplit_once("\" --tty=false ")?.0.rsplit_once("\" \"")?.1;
        let limactl = AbsolutePath::parse_program(&unescape(program)).ok()?;
        let lima_home = line("Environment=\"LIMA_HOME=").map(|text| unescape(text.trim_end_matches('"')));
        let lima_home = lima_home.map(|text| text.parse()).transpose().ok()?;
        let spec = spec_of(name, condition, &machine.caller, &limactl, lima_home.as_ref()).ok()?;
        Some((limactl, files(machine, &spec).ok()?))
    };
    if !own.is_enabled() {
        return Some("the unit is not enabled".to_owned());
    }
    match today() {
        None => Some("the files are not ones that `enable` would write".to_owned()),
        Some((limactl, _)) if !is_program(Path::new(limactl.as_str())) => {
            Some(format!("there is no program {limactl}"))
        }
        Some(_) if !is_written(&start_path(machine), crate::lima_start::program().as_bytes()) => {
            Some("lima-start was changed, or is another version's; `enable` writes it anew".to_owned())
        }
        Some((_, files)) if files.unit != unit.as_bytes() || files.drop_in != drop_in.as_bytes() => Some(
            "the files were changed, or written by another version; `enable` writes them anew".to_owned(),
        ),
        Some(_) => None,
    }
}

/// A path as it was before `render::escape::Systemd`; paths have no control
/// characters.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' | '%' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use askama::filters::Escaper;

    #[test]
    fn a_path_is_read_back() {
        let path = "/opt/it's \"lima\" %n \\d/$HOME; id/limactl";
        let mut text = String::new();
        crate::render::escape::Systemd.write_escaped_str(&mut text, path).unwrap();
        assert_eq!(super::unescape(&text), path);
    }
}
