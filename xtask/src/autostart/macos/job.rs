//! A job of an instance's: its file and what launchd has, how it is loaded and
//! how it is removed.
//!
//! Must not know: instances' folders, limactl, users other than the caller.

use std::fs;
use std::path::Path;

use xshell::cmd;

use super::super::plan::{Action, Command, Step};
use super::super::platform::Machine;
use crate::launchd::{self, AGENTS_DIR, DAEMONS_DIR, Domain};
use crate::spec::resolve::DEFAULT_EXIT_TIMEOUT;
use crate::spec::{Condition, InstanceName};

/// A job of an instance: its file, and what launchd has.
pub struct Registration {
    /// What starts it.
    pub condition: Condition,
    /// Where it is loaded.
    pub domain: Domain,
    /// launchd's name for it.
    pub label: String,
    /// Its property list, which may not be there.
    pub path: String,
    /// The file's bytes; empty where it cannot be read.
    pub file: Option<Vec<u8>>,
    /// What launchd has of it.
    pub loaded: Option<Loaded>,
}

/// What `launchctl print` says of a job.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// It has a process.
    pub running: bool,
    /// How its last process ended.
    pub last_exit: Option<i64>,
}

impl Loaded {
    /// What belongs to the job stands behind one tab, the environment behind
    /// two. A variable of several lines can look like anything: `state` is
    /// before the environment, so the first counts, and `last exit code` is
    /// behind it, so the last does.
    pub fn parse(text: &str) -> Self {
        let values = |key: &str| {
            let start = format!("\t{key} = ");
            text.lines()
                .filter_map(move |line| line.strip_prefix(&start).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let code = values("last exit code").pop();
        Self {
            running: values("state").first().is_some_and(|state| state == "running"),
            // `(never exited)`, `0`, `78: EX_CONFIG`.
            last_exit: code.and_then(|code| code.split(':').next()?.trim().parse().ok()),
        }
    }
}

impl Registration {
    pub fn look(machine: &Machine, condition: Condition, name: &InstanceName) -> Self {
        let label = launchd::label_for(condition, name);
        let (domain, path) = match condition {
            Condition::Boot => (Domain::System, format!("{DAEMONS_DIR}/{label}.plist")),
            Condition::Login => (
                Domain::Gui(machine.caller.uid),
                format!("{}/{AGENTS_DIR}/{label}.plist", machine.caller.home),
            ),
        };
        let target = format!("{domain}/{label}");
        let said = cmd!(machine.shell, "launchctl print {target}").quiet().ignore_stderr().read();
        Self {
            condition,
            domain,
            label,
            file: path_is_taken(&path).then(|| fs::read(&path).unwrap_or_default()),
            path,
            loaded: said.ok().map(|text| Loaded::parse(&text)),
        }
    }

    pub fn is_there(&self) -> bool {
        self.file.is_some() || self.loaded.is_some()
    }

    pub fn as_root(&self) -> bool {
        self.domain == Domain::System
    }

    pub fn property_list(&self) -> Option<plist::Dictionary> {
        plist::from_bytes(self.file.as_ref()?).ok()
    }

    /// Who a LaunchDaemon runs as.
    pub fn user(&self) -> Option<String> {
        Some(self.property_list()?.get("UserName")?.as_string()?.to_owned())
    }

    /// The program that it starts.
    pub fn limactl(&self) -> Option<String> {
        Some(self.property_list()?.get("ProgramArguments")?.as_array()?.first()?.as_string()?.to_owned())
    }

    pub fn reload(&self, exit_timeout: u32) -> Command {
        let domain = self.domain.to_string();
        let exit_timeout = exit_timeout.to_string();
        Command {
            as_root: self.as_root(),
            reads_reload: true,
            warnings: vec![(
                1,
                format!(
                    "{} is registered and does not run now. If it was started by hand, that is why, and it \
                     starts by itself from the next {} on; otherwise {} in its folder may say more",
                    self.label,
                    self.condition.as_str(),
                    launchd::STDERR_LOG,
                ),
            )],
            failure: Some(format!("launchd did not load {}", self.path)),
            ..Command::new(
                "/bin/sh",
                &["-s", "--", "reload", &domain, &self.label, &self.path, &exit_timeout],
            )
        }
    }

    fn unload(&self) -> Command {
        Command {
            as_root: self.as_root(),
            reads_reload: true,
            warnings: vec![(
                1,
                format!(
                    "launchd has not let go of {}: its VM may still be shutting down; if `launchctl print \
                     {}/{0}` still shows it later, restart the Mac",
                    self.label, self.domain
                ),
            )],
            failure: Some(format!("launchd did not unload {}", self.label)),
            ..Command::new("/bin/sh", &["-s", "--", "unload", &self.domain.to_string(), &self.label])
        }
    }

    /// Fails where launchd has not the job: sudo ends with 1 as well when it is
    /// refused, and the script with 1 when the job is loaded and does not run.
    pub fn check_loaded(&self) -> Command {
        let target = format!("{}/{}", self.domain, self.label);
        Command {
            quiet: true,
            failure: Some(format!("launchd does not have {target}")),
            ..Command::new("launchctl", &["print", &target])
        }
    }

    /// Loads the job as it was, once its file is back. A job without a file
    /// cannot come back.
    pub fn undo_last(&self) -> Vec<Action> {
        match (&self.file, &self.loaded) {
            (Some(_), Some(_)) => vec![Action::Run(self.reload(DEFAULT_EXIT_TIMEOUT))],
            (None, Some(_)) => Vec::new(),
            (_, None) => vec![Action::Run(self.unload())],
        }
    }

    /// Stops it and removes its file.
    pub fn removal(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.loaded.is_some() {
            let undo_last = self.undo_last();
            steps.push(Step { undo_last, ..Step::new(Action::Run(self.unload())) });
        }
        if self.file.is_some() {
            let path = self.path.clone();
            steps.push(Step::new(if self.as_root() {
                Action::Uninstall { path }
            } else {
                Action::Remove { path }
            }));
        }
        steps
    }
}

/// Whether a user's domain is there: from login at the screen to logout.
pub fn is_logged_in(machine: &Machine, domain: Domain) -> bool {
    let domain = domain.to_string();
    let print = cmd!(machine.shell, "launchctl print {domain}").quiet().ignore_stdout().ignore_stderr();
    print.run().is_ok()
}

fn path_is_taken(path: &str) -> bool {
    Path::new(path).symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::Loaded;

    #[test]
    fn what_launchctl_prints() {
        let text = "gui/501/x = {\n\tstate = running\n\n\tenvironment = {\n\t\tTRAP => x\n\tstate = not running\n\
                    \tlast exit code = 77\n\t}\n\tpid = 9\n\tlast exit code = 78: EX_CONFIG\n}\n";
        assert_eq!(Loaded::parse(text), Loaded { running: true, last_exit: Some(78) });
        let text = "system/x = {\n\tstate = not running\n\tlast exit code = (never exited)\n}\n";
        assert_eq!(Loaded::parse(text), Loaded { running: false, last_exit: None });
    }
}
