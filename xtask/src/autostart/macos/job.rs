//! A job of an instance's: its file and what launchd has, how it is loaded and
//! how it is removed.
//!
//! Must not know: instances' folders, limactl, users other than the caller.

use std::fs;
use std::path::Path;

use xshell::cmd;

use super::super::plan::{Action, Command, Step};
use super::super::platform::Machine;
use crate::macos::launchd::{self, AGENTS_DIR, DAEMONS_DIR, Domain};
use crate::settings::resolve::DEFAULT_EXIT_TIMEOUT;
use crate::settings::{Condition, InstanceName};

/// A job of an instance: its file, and what launchd has.
pub struct Registration {
    /// Boot or login.
    pub condition: Condition,
    /// The launchd domain that it is loaded into.
    pub domain: Domain,
    /// launchd's name for it.
    pub label: String,
    /// Its property list, which may not be there.
    pub path: String,
    /// The file's bytes; empty where it cannot be read.
    pub file: Option<Vec<u8>>,
    /// What launchd knows of the job.
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

    /// The program that it runs, and its arguments.
    pub fn arguments(&self) -> Option<Vec<String>> {
        let list = self.property_list()?;
        let words = list.get("ProgramArguments")?.as_array()?.iter();
        words.map(|word| Some(word.as_string()?.to_owned())).collect()
    }

    /// limactl, a path or `auto`, whether the job runs it itself or lima-start does.
    pub fn limactl(&self) -> Option<String> {
        launchd::limactl_of(&self.arguments()?).map(str::to_owned)
    }

    /// lima-start, where the job runs it.
    pub fn start_program(&self) -> Option<String> {
        let program = self.arguments()?.into_iter().next()?;
        (program.rsplit('/').next() == Some(crate::lima_start::FILE)).then_some(program)
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
                    "{} is registered and does not run now; it starts at the next {}. \
                     `launchctl print {}/{0}` shows how it ended last",
                    self.label,
                    self.condition.as_str(),
                    self.domain,
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

    /// Stops it and removes its file, and the program that it runs unless that is a
    /// package's.
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
        if let Some(program) = self.start_program().filter(|program| is_own(program, self.as_root())) {
            let folders = [1, 2].map(|above| Path::new(&program).ancestors().nth(above).expect("a folder"));
            let folders = folders.map(|folder| folder.display().to_string());
            if self.as_root() {
                steps.push(Step::new(Action::Uninstall { path: program }));
                steps.push(Step::new(Action::Run(remove_root_folders(&folders))));
            } else {
                steps.push(Step::new(Action::Remove { path: program }));
                steps.extend(folders.map(|path| Step::new(Action::RemoveFolder { path })));
            }
        }
        steps
    }
}

/// Whether `autostart` put lima-start there: where it would, and no package's
/// uninstaller lies beside it.
fn is_own(program: &str, as_root: bool) -> bool {
    let root = launchd::SUPPORT_ROOT;
    let in_place = if as_root { program.starts_with(root) } else { program.contains(root) };
    let uninstaller = Path::new(program).with_file_name(launchd::UNINSTALLER_FILE);
    in_place && path_is_taken(program) && !uninstaller.exists()
}

/// Makes folders of root's that everybody may enter.
pub fn make_root_folders(folders: &[String]) -> Command {
    let mut words = vec!["-d", "-o", "0", "-g", "0", "-m", "755"];
    words.extend(folders.iter().map(String::as_str));
    Command { as_root: true, ..Command::new("/usr/bin/install", &words) }
}

/// Removes those of them that are empty.
pub fn remove_root_folders(folders: &[String]) -> Command {
    let mut words = vec!["-c", r#"for folder do rmdir "$folder" 2>/dev/null || :; done"#, "sh"];
    words.extend(folders.iter().map(String::as_str));
    Command { as_root: true, ..Command::new("/bin/sh", &words) }
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
