//! Which kind of machine this is, and who asks: looked up once, for everything
//! else to be told.
//!
//! The platform is what `uname -s` says, and not what the program was compiled
//! for: so the tests run what a Mac runs, in a root folder whose uname says
//! Darwin, and there is no switch that a person could set by mistake.
//!
//! Must not know: what is registered, and how.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Access, access};
use xshell::{Shell, cmd};

use crate::settings::names::quoted;
use crate::settings::{AbsolutePath, UserName};

/// What starts programs by themselves here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// launchd.
    MacOs,
    /// systemd, where it runs.
    Linux,
    /// Nothing that this program knows. The system's name.
    Other(String),
}

/// The environment of the process.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Its effective user id.
    pub uid: u32,
    /// `$HOME`.
    pub home: Option<String>,
    /// The folders of `$PATH`.
    pub path: Vec<PathBuf>,
    /// `$LIMA_HOME`, if it is set and not empty.
    pub lima_home: Option<String>,
    /// `$XDG_CONFIG_HOME`, if it is set and not empty.
    pub config_home: Option<String>,
}

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Short name.
    pub name: UserName,
    /// Id.
    pub uid: u32,
    /// Home folder.
    pub home: AbsolutePath,
}

/// What is known of the machine.
pub struct Machine {
    /// Runs other programs.
    pub shell: Shell,
    /// Its operating system.
    pub platform: Platform,
    /// Who asks.
    pub caller: Account,
    /// What that user's shell says.
    pub surroundings: Surroundings,
}

impl Platform {
    /// What `uname -s` says; where there is none, what this was compiled for.
    pub fn detect(shell: &Shell) -> Self {
        match cmd!(shell, "uname -s").quiet().ignore_stderr().read().as_deref() {
            Ok("Darwin") => Self::MacOs,
            Ok("Linux") => Self::Linux,
            Ok(other) => Self::Other(other.to_owned()),
            Err(_) => Self::Other(std::env::consts::OS.to_owned()),
        }
    }
}

impl Machine {
    /// Looks around.
    ///
    /// # Errors
    ///
    /// root asks, or it cannot be said who does.
    pub fn new(surroundings: Surroundings) -> Result<Self> {
        if surroundings.uid == 0 {
            bail!(
                "this does not run as root, which limactl refuses as well: run it as the user who owns the \
                 instance, without sudo. Where root's rights are needed, it asks sudo itself and says what for"
            );
        }
        let shell = Shell::new()?;
        let platform = Platform::detect(&shell);
        if let Platform::Other(name) = &platform {
            bail!(
                "instances are started by launchd on macOS and by systemd on Linux; {} has neither. What works \
                 elsewhere: have whatever starts programs there at login run `limactl start --foreground INSTANCE`",
                quoted(name)
            );
        }
        let name = cmd!(shell, "id -un").quiet().read().context("who runs this")?;
        let home = surroundings.home.clone().context("$HOME is not set")?;
        let caller = Account {
            name: name.parse().context("who runs this")?,
            uid: surroundings.uid,
            home: without_end_slash(&home).parse().context("$HOME")?,
        };
        Ok(Self { shell, platform, caller, surroundings })
    }

    /// The caller's LIMA_HOME: the flag, or `$LIMA_HOME`. `None`: Lima's own.
    ///
    /// # Errors
    ///
    /// `$LIMA_HOME` is not a path that could be recorded.
    pub fn lima_home(&self, flag: Option<&AbsolutePath>) -> Result<Option<AbsolutePath>> {
        let own = format!("{}/.lima", self.caller.home);
        let lima_home = match (flag, &self.surroundings.lima_home) {
            (Some(flag), _) => Some(flag.clone()),
            (None, Some(text)) => Some(without_end_slash(text).parse().context("$LIMA_HOME")?),
            (None, None) => None,
        };
        Ok(lima_home.filter(|lima_home| lima_home.as_str() != own))
    }

    /// The limactl to record: the flag, or the first on `$PATH`, as it is
    /// written there. Links are not followed: Homebrew's `bin/limactl` leads
    /// into a folder that the next upgrade removes.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be run.
    pub fn limactl(&self, flag: Option<&AbsolutePath>) -> Result<AbsolutePath> {
        if let Some(path) = flag {
            if !is_program(Path::new(path.as_str())) {
                bail!("--limactl: there is no program {}", quoted(path.as_str()));
            }
            return Ok(path.clone());
        }
        let folders = self.surroundings.path.iter().filter(|folder| folder.is_absolute());
        let found = folders.map(|folder| folder.join("limactl")).find(|file| is_program(file));
        let found = found.context("limactl is not on PATH; install Lima, or name it with --limactl PATH")?;
        // Without a second slash, should PATH have one.
        let found: PathBuf = found.components().collect();
        let text = found.to_str().context("limactl's path is not UTF-8; name another with --limactl")?;
        AbsolutePath::parse_program(text).context("limactl on PATH; name another with --limactl")
    }
}

/// Whether there is a program that the caller may run.
pub fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn without_end_slash(text: &str) -> &str {
    if text.len() > 1 { text.trim_end_matches('/') } else { text }
}
