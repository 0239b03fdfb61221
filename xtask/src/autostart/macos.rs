//! launchd: a LaunchAgent of the caller's for login, a LaunchDaemon for boot.
//! What is there is looked up here; the order in which a job is loaded and
//! unloaded is `pkg-scripts/launchd.sh`, and nowhere else.
//!
//! Must not know: systemd, how a plan is carried out.

mod job;
mod package;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use super::instances::{self, Found};
use super::plan::{Action, Ownership, Plan, Step};
use super::platform::{Account, Machine, is_program};
use super::status::Status;
use job::{Registration, is_logged_in, make_root_folders, remove_root_folders};

use super::{Request, lima_home_of_caller, nothing_to_remove, spec_of};
use crate::macos::launchd::{self, AGENTS_DIR, DAEMONS_DIR, Job, Launcher};
use crate::settings::names::quoted;
use crate::settings::{AbsolutePath, Condition, Instance, InstanceName, Spec, UserName};

/// The account with this name.
fn account(machine: &Machine, name: &UserName) -> Result<Account> {
    let word = name.as_str();
    let uid = cmd!(machine.shell, "id -u {word}").quiet().ignore_stderr().read();
    let Some(uid) = uid.ok().and_then(|uid| uid.parse().ok()) else {
        bail!("--user: there is no user {} on this Mac", quoted(word));
    };
    if uid == 0 {
        bail!("--user: {} is root, and limactl refuses to run as root", quoted(word));
    }
    if uid == machine.caller.uid {
        return Ok(machine.caller.clone());
    }
    // /Search has the network's accounts too. A value with a space in it comes
    // on a line of its own, after a space.
    let record = format!("/Users/{word}");
    let said = cmd!(machine.shell, "dscl /Search -read {record} NFSHomeDirectory").quiet().ignore_stderr();
    let said = said.read().unwrap_or_default();
    let home = said.lines().map(|line| line.strip_prefix("NFSHomeDirectory:").unwrap_or(line).trim_start());
    match home.filter_map(|line| line.parse().ok()).next() {
        Some(home) => Ok(Account { name: name.clone(), uid, home }),
        None => bail!("--user: {} has no home folder", quoted(word)),
    }
}

/// The instance as it is to be registered, and what only root can look up.
fn resolve(machine: &Machine, request: &Request) -> Result<(Spec, Account, Option<Ownership>)> {
    let account = match &request.user {
        Some(name) => account(machine, name)?,
        None => machine.caller.clone(),
    };
    let is_caller = account == machine.caller;
    if !is_caller && request.condition == Condition::Login {
        bail!(
            "--user: what starts when {0} logs in is {0}'s own to set up: run this as {0}, or use --condition boot",
            account.name
        );
    }
    let lima_home = match is_caller {
        true => machine.lima_home(request.lima_home.as_ref())?,
        // The caller's $LIMA_HOME says nothing about somebody else's.
        false => request.lima_home.clone(),
    };
    let limactl = machine.limactl(request.limactl.as_ref())?;
    let spec = spec_of(&request.name, request.condition, &account, &limactl, lima_home.as_ref())?;
    let [instance] = &spec.instances[..] else { bail!("one instance was asked for") };
    let lima_home = instance.macos_lima_home().context("the user is named, and so is the folder")?;
    let settings = format!("{lima_home}/{}/{}", instance.name, instances::SETTINGS_FILE);
    let only_if = match instances::find(&lima_home, &request.name, &account)? {
        Found::Owned => None,
        Found::Hidden if is_caller => bail!("{settings}: you may not read it"),
        Found::Hidden => Some(Ownership {
            uid: account.uid,
            otherwise: format!(
                "instance \"{}\" not found: {} owns no {settings}, or sudo was refused",
                request.name, account.name
            ),
            path: settings,
        }),
    };
    Ok((spec, account, only_if))
}

/// Where `autostart` puts what the job runs: for boot where only root may write, for
/// login in the user's own folder. Its log is the user's.
fn launcher(spec: &Spec, instance: &Instance, account: &Account) -> Launcher {
    let program = launchd::start_path(spec, instance);
    let logs = launchd::log_dir(spec, instance, Condition::Login);
    Launcher {
        program: match instance.condition {
            Condition::Boot => program,
            Condition::Login => format!("{}{program}", account.home),
        },
        template: None,
        log: format!("{logs}/{}", launchd::LOG_FILE),
    }
}

/// Whether there is the lima-start of this version.
fn is_lima_start(path: &str) -> bool {
    fs::read(path).is_ok_and(|text| text == crate::lima_start::program().as_bytes())
        && is_program(Path::new(path))
}

/// See [`super::enable`].
pub fn enable(machine: &Machine, request: &Request) -> Result<Plan> {
    let (spec, account, only_if) = resolve(machine, request)?;
    let instance = &spec.instances[0];
    let name = &instance.name;
    let launcher = launcher(&spec, instance, &account);
    let program = launcher.program.clone();
    let text = Job::new(instance, &launcher).to_xml()?;
    let agent = Registration::look(machine, Condition::Login, name);
    let daemon = Registration::look(machine, Condition::Boot, name);
    let daemon_is_of = daemon.user().filter(|user| *user != account.name.as_str());
    let mut plan = Plan::default();
    let (own, other) = match instance.condition {
        Condition::Boot => (&daemon, &agent),
        Condition::Login => (&agent, &daemon),
    };
    // One instance, one job: two would start the same VM twice.
    let mut removal = other.removal();
    match (daemon_is_of, instance.condition) {
        (Some(user), Condition::Boot) => bail!(
            "{} starts the instance {name} of {user}, and there can be one of that name: \
             `cargo xtask autostart disable {name}` removes it",
            daemon.path
        ),
        (Some(user), Condition::Login) => {
            removal.clear();
            plan.notes
                .push(format!("{} starts the instance {name} of {user}, and was left alone", daemon.path));
        }
        // The caller's agent is for the caller's instance of that name.
        (None, _) if account.name != machine.caller.name => removal.clear(),
        (None, _) => {}
    }
    let runs = own.loaded.as_ref().is_some_and(|loaded| loaded.running);
    let when = instance.condition.as_str();
    let is_current = own.file.as_deref() == Some(&text) && is_lima_start(&program);
    if removal.is_empty() && runs && is_current {
        plan.done = format!("{name} is set up to start at {when} already, and runs.");
        return Ok(plan);
    }
    // What sudo may refuse comes before a VM is stopped.
    let path = own.path.clone();
    match instance.condition {
        Condition::Boot => {
            let folders = [2, 1].map(|above| Path::new(&program).ancestors().nth(above).expect("a folder"));
            let folders = folders.map(|folder| folder.display().to_string());
            let undo_last = vec![Action::Run(remove_root_folders(&[folders[1].clone(), folders[0].clone()]))];
            let make = Action::Run(make_root_folders(&folders));
            plan.steps.push(Step { undo_last, all_or_nothing: true, ..Step::new(make) });
            let start = crate::lima_start::program().into_bytes();
            plan.steps.push(Step::new(Action::Install {
                path: program,
                text: start,
                mode: 0o755,
                only_if: only_if.clone(),
            }));
            plan.steps.push(Step::new(Action::Install { path, text, mode: 0o644, only_if }));
            plan.steps.extend(removal);
        }
        Condition::Login => {
            plan.steps.extend(removal);
            let text_of_start = crate::lima_start::program().into_bytes();
            let undo_last = [1, 2].map(|above| Path::new(&program).ancestors().nth(above).expect("a folder"));
            let undo_last =
                undo_last.map(|folder| Action::RemoveFolder { path: folder.display().to_string() });
            let write = Action::Write { path: program, text: text_of_start, mode: 0o755 };
            plan.steps.push(Step { undo_last: undo_last.into(), ..Step::new(write) });
            plan.steps.push(Step::new(Action::write(&path, text)));
        }
    }
    plan.done = format!("{name} starts at {when} as {}, by {}.", account.name, own.path);
    plan.notes.push(format!(
        "what the job waits for, and why the VM ended, is in {}/{}",
        account.home, launcher.log
    ));
    if instance.condition == Condition::Login && !is_logged_in(machine, own.domain) {
        let user = &account.name;
        plan.notes.push(format!("{user} is not logged in at the screen: it starts at the next login"));
        return Ok(plan);
    }
    let reload = Action::Run(own.reload(instance.exit_timeout));
    plan.steps.push(Step { undo_last: own.undo_last(), ..Step::new(reload) });
    plan.steps.push(Step::new(Action::Run(own.check_loaded())));
    if account.name != machine.caller.name {
        plan.notes.push(format!(
            "if {0} set it up to start at login as well, {0} removes that with `cargo xtask autostart disable {name}`",
            account.name
        ));
    }
    Ok(plan)
}

/// See [`super::disable`].
pub fn disable(machine: &Machine, name: &InstanceName) -> Result<Plan> {
    let found = [Condition::Login, Condition::Boot].map(|it| Registration::look(machine, it, name));
    let mut plan = Plan::default();
    for registration in found.iter().filter(|registration| registration.is_there()) {
        if let Some(user) = registration.user().filter(|user| *user != machine.caller.name.as_str()) {
            plan.notes.push(format!("{} was for the instance of {}", registration.path, quoted(&user)));
        }
        plan.steps.extend(registration.removal());
    }
    if plan.steps.is_empty() {
        return nothing_to_remove(machine, name);
    }
    plan.done = format!("Nothing starts {name} by itself any more; the instance itself stays.");
    for entry in fs::read_dir(launchd::SUPPORT_ROOT).into_iter().flatten().flatten() {
        let uninstaller = entry.path().join(name.as_str()).join(launchd::UNINSTALLER_FILE);
        if uninstaller.is_file() {
            plan.notes.push(format!(
                "a package was installed for it; what is left of that goes with: sudo {:?}",
                uninstaller.display().to_string()
            ));
        }
    }
    Ok(plan)
}

/// See [`super::status()`].
pub fn status(machine: &Machine, name: Option<&InstanceName>) -> Result<Vec<Status>> {
    let names = match name {
        Some(name) => BTreeSet::from([name.clone()]),
        None => {
            let mut names: BTreeSet<InstanceName> =
                instances::names(&lima_home_of_caller(machine)?).into_iter().collect();
            let agents = format!("{}/{AGENTS_DIR}", machine.caller.home);
            names.extend(registered(&agents, "io.lima-vm.autostart."));
            names.extend(registered(DAEMONS_DIR, "io.lima-vm.daemon."));
            names
        }
    };
    let mut statuses = Vec::new();
    for name in names {
        let found = [Condition::Login, Condition::Boot].map(|it| Registration::look(machine, it, &name));
        let found: Vec<_> = found.into_iter().filter(Registration::is_there).collect();
        if found.is_empty() {
            statuses.push(Status::none(name.as_str()));
        }
        statuses.extend(found.iter().map(|registration| status_of(machine, &name, registration)));
    }
    Ok(statuses)
}

/// The instances with a file in a folder of launchd's.
fn registered(folder: &str, start: &str) -> Vec<InstanceName> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let name =
        |file: std::ffi::OsString| file.to_str()?.strip_prefix(start)?.strip_suffix(".plist")?.parse().ok();
    entries.filter_map(|entry| name(entry.file_name())).collect()
}

fn status_of(machine: &Machine, name: &InstanceName, found: &Registration) -> Status {
    let user = match found.condition {
        Condition::Login => Some(machine.caller.name.to_string()),
        Condition::Boot => found.user(),
    };
    let package = found.file.as_ref().and_then(|file| package::origin(name, &found.label, file));
    let drift = match &package {
        // Its settings need not be those that `enable` has.
        Some(_) => {
            let programs = found.start_program().into_iter().chain(found.limactl());
            let mut missing =
                programs.filter(|it| it != crate::lima_start::AUTO && !is_program(Path::new(it)));
            missing.next().map(no_program)
        }
        None => drift(machine, name, found),
    };
    Status {
        instance: name.to_string(),
        condition: Some(found.condition),
        user,
        file: Some(found.path.clone()),
        loaded: found.loaded.is_some(),
        running: found.loaded.as_ref().is_some_and(|loaded| loaded.running),
        last_exit_code: found.loaded.as_ref().and_then(|loaded| loaded.last_exit),
        drift,
        package,
    }
}

fn no_program(limactl: String) -> String {
    format!("there is no program {limactl}")
}

/// Why the file is not what `enable` would write today, with the user, limactl
/// and LIMA_HOME that it names.
fn drift(machine: &Machine, name: &InstanceName, found: &Registration) -> Option<String> {
    let Some(file) = &found.file else {
        return Some("the file is gone, and launchd still has the job".to_owned());
    };
    let today = || -> Option<(AbsolutePath, String, Vec<u8>)> {
        let list = found.property_list()?;
        let limactl = AbsolutePath::parse_program(&found.limactl()?).ok()?;
        let environment = list.get("EnvironmentVariables").and_then(plist::Value::as_dictionary);
        let lima_home = environment.and_then(|all| all.get("LIMA_HOME")).and_then(plist::Value::as_string);
        let lima_home = lima_home.map(str::parse).transpose().ok()?;
        let account = match found.condition {
            Condition::Login => machine.caller.clone(),
            Condition::Boot => account(machine, &found.user()?.parse().ok()?).ok()?,
        };
        let spec = spec_of(name, found.condition, &account, &limactl, lima_home.as_ref()).ok()?;
        let launcher = launcher(&spec, &spec.instances[0], &account);
        Some((limactl, launcher.program.clone(), Job::new(&spec.instances[0], &launcher).to_xml().ok()?))
    };
    match today() {
        None => Some("the file is not one that `enable` would write".to_owned()),
        Some((limactl, ..)) if !is_program(Path::new(limactl.as_str())) => {
            Some(no_program(limactl.to_string()))
        }
        Some((_, _, text)) if text != *file => Some(match found.start_program() {
            // limactl's own, for one.
            None => {
                "the job runs limactl itself, so that stale files of an earlier boot can keep the VM down; \
                     `enable` writes it anew"
                    .to_owned()
            }
            Some(_) => {
                "the file was written by something else, or by another version; `enable` writes it anew"
                    .to_owned()
            }
        }),
        Some((_, program, _)) if !is_lima_start(&program) => {
            Some(format!("{program} is missing, or of another version; `enable` writes it anew"))
        }
        Some(_) => None,
    }
}
