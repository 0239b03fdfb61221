//! Does what a [`Plan`] says. Interrupted or failed halfway, it puts back what
//! was there.
//!
//! Must not know: launchd, systemd, instances.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, anyhow, bail};
use xshell::Shell;

use super::plan::{Action, Command, Plan, Step, TEMPORARY_FILE};

/// Progress messages of a run.
pub trait Reporter {
    /// A step.
    fn step(&self, text: &str);
    /// Something to know that ends nothing.
    fn warning(&self, text: &str);
}

/// Runs all steps. `stop` is checked between two of them.
///
/// # Errors
///
/// What failed, behind which everything is as it was, or which parts are not.
pub fn run(plan: &Plan, stop: &AtomicBool, reporter: &dyn Reporter) -> Result<()> {
    let mut run = Run { shell: Shell::new()?, reporter, before: Vec::new() };
    for (index, step) in plan.steps.iter().enumerate() {
        let mut begun = index;
        let mut done = interrupted(stop).and_then(|()| run.remember(&step.action));
        if done.is_ok() {
            done = run.act(&step.action);
            if done.is_ok() || !step.all_or_nothing {
                begun += 1;
            }
            // Ctrl-C reaches the programs as well, and one that ends well may
            // have left its work undone.
            done = done.and_then(|()| interrupted(stop));
        }
        let Err(error) = done else { continue };
        let left = run.put_back(&plan.steps[..begun]);
        if left.is_empty() {
            bail!("{error:#}; everything is as it was");
        }
        bail!("{error:#}; and what was there could not be put back: {}", left.join("; "));
    }
    Ok(())
}

fn interrupted(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}

/// What was in the place of a file.
enum Before {
    Nothing,
    Link(String),
    File { text: Vec<u8>, mode: u32 },
}

impl Before {
    /// Whether the file was never changed.
    fn is_still(&self, path: &str) -> bool {
        match self {
            Self::Nothing => Path::new(path).symlink_metadata().is_err(),
            Self::Link(target) => fs::read_link(path).is_ok_and(|now| now.as_os_str() == target.as_str()),
            Self::File { text, .. } => {
                !Path::new(path).is_symlink() && fs::read(path).is_ok_and(|now| now == *text)
            }
        }
    }
}

struct Run<'a> {
    shell: Shell,
    reporter: &'a dyn Reporter,
    /// What was there before each change, and whether root changes it.
    before: Vec<(String, bool, Before)>,
}

impl Run<'_> {
    fn remember(&mut self, action: &Action) -> Result<()> {
        let Some(path) = action.file() else { return Ok(()) };
        let by_root = matches!(action, Action::Install { .. } | Action::Uninstall { .. });
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => Some(other.with_context(|| path.to_owned())?),
        };
        let before = match metadata {
            None => Before::Nothing,
            Some(metadata) if metadata.is_symlink() => {
                let target = fs::read_link(path).with_context(|| path.to_owned())?;
                Before::Link(target.into_os_string().into_string().map_err(|_| anyhow!("{path}: not UTF-8"))?)
            }
            Some(metadata) if metadata.is_file() => Before::File {
                text: fs::read(path).with_context(|| path.to_owned())?,
                mode: metadata.permissions().mode() & 0o7777,
            },
            Some(_) => bail!("{path} is in the way, and no file"),
        };
        self.before.push((path.to_owned(), by_root, before));
        Ok(())
    }

    fn act(&self, action: &Action) -> Result<()> {
        match action {
            Action::Write { path, text, mode } => {
                write(path, text, *mode)?;
                self.reporter.step(&format!("wrote {path}"));
            }
            Action::Link { path, target } => {
                remove(path)?;
                symlink(target, path).with_context(|| path.clone())?;
            }
            Action::Remove { path } => {
                if remove(path)? {
                    self.reporter.step(&format!("removed {path}"));
                }
            }
            // Whatever else is in it stays, and so does the folder.
            Action::RemoveFolder { path } => drop(fs::remove_dir(path)),
            Action::Install { path, text, .. } => {
                let mut file = tempfile::NamedTempFile::new().context("a private temporary file")?;
                file.write_all(text).context("a private temporary file")?;
                let name = file.path().to_str().context("the temporary file's name is not UTF-8")?;
                self.command(action, &action.as_root(name).expect("root does it"))?;
                self.reporter.step(&format!("wrote {path}"));
            }
            Action::Uninstall { path } => {
                self.command(action, &action.as_root("").expect("root does it"))?;
                self.reporter.step(&format!("removed {path}"));
            }
            Action::Run(command) => self.command(action, command)?,
        }
        Ok(())
    }

    fn command(&self, action: &Action, command: &Command) -> Result<()> {
        let mut words = vec![command.program.as_str()];
        words.extend(command.arguments.iter().map(String::as_str));
        if command.as_root {
            words.insert(0, "sudo");
        }
        let mut program: std::process::Command = self.shell.cmd(words[0]).args(&words[1..]).into();
        program.stdin(if command.reads_reload { Stdio::piped() } else { Stdio::null() });
        if command.quiet {
            program.stdout(Stdio::null()).stderr(Stdio::null());
        }
        // xshell's own `run` would not tell how the program ended.
        let status = start(&mut program).with_context(|| format!("could not run {command}"))?;
        if status.signal().is_some() || status.code() == Some(130) {
            bail!("{command} was interrupted");
        }
        let code = status.code().unwrap_or(-1);
        if code == 0 {
            return Ok(());
        }
        if let Some((_, warning)) = command.warnings.iter().find(|(status, _)| *status == code) {
            self.reporter.warning(warning);
            return Ok(());
        }
        match &command.failure {
            Some(failure) if !matches!(action, Action::Install { .. }) || action.is_not_owned(code) => {
                bail!("{failure}")
            }
            _ => bail!("{command} ended with status {code}"),
        }
    }

    /// Undoes these steps and returns what failed.
    fn put_back(&mut self, begun: &[Step]) -> Vec<String> {
        if !begun.is_empty() {
            self.reporter.step("putting back what was there");
        }
        let mut actions: Vec<Action> = begun.iter().rev().flat_map(|step| step.undo_first.clone()).collect();
        let before: Vec<_> = std::mem::take(&mut self.before);
        let restored = before.into_iter().rev().filter(|(path, _, before)| !before.is_still(path));
        let restored = restored.map(|(path, by_root, before)| match (before, by_root) {
            (Before::Nothing, false) => Action::Remove { path },
            (Before::Nothing, true) => Action::Uninstall { path },
            (Before::File { text, mode }, true) => Action::Install { path, text, mode, only_if: None },
            (Before::File { text, mode }, false) => Action::Write { path, text, mode },
            (Before::Link(target), _) => Action::Link { path, target },
        });
        actions.extend(restored);
        actions.extend(begun.iter().rev().flat_map(|step| step.undo_last.clone()));
        let mut left = Vec::new();
        for action in &actions {
            if let Some(command) = action.as_root(TEMPORARY_FILE) {
                self.reporter.step(&format!("running {command}"));
            }
            if let Err(error) = self.act(action) {
                left.push(format!("{error:#}"));
            }
        }
        left
    }
}

/// Runs a program to its end; on its standard input, if that is a pipe, it gets
/// the script on loading and unloading jobs.
fn start(program: &mut std::process::Command) -> io::Result<ExitStatus> {
    let mut child = program.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // Where it does not read to the end, its status says more.
        let _ = input.write_all(crate::macos::scripts::reload_sh().as_bytes());
    }
    child.wait()
}

/// Writes a file beside its place, then moves it there.
fn write(path: &str, text: &[u8], mode: u32) -> Result<()> {
    let place = Path::new(path);
    let folder = place.parent().with_context(|| format!("{path} has no folder"))?;
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".lima-autostart-").tempfile_in(folder)?;
        file.write_all(text)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(place).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("could not write {path}"))
}

/// Removes a file. Returns whether it was there.
fn remove(path: &str) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("could not remove {path}")),
    }
}
