//! What to build: flags and `installers.toml`, resolved once into a [`Spec`]
//! that every later step trusts.
//!
//! Must not know: artifacts, formats, `out/`.

pub mod advice;
pub mod architectures;
pub mod bundled;
mod carried;
pub mod error;
mod examine;
mod keys;
pub mod load;
pub mod names;
mod places;
pub mod resolve;
pub mod source;
pub mod tables;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bundle::Lima;

pub use advice::advice;
pub use bundled::Bundled;
pub use error::SpecError;
pub use load::load;
pub use names::{
    AbsolutePath, Account, BaseUrl, CatalogName, EnvName, EnvValue, IdentifierPrefix, InstanceName, Limactl,
    MacosVersion, Maintainer, PackageVersion, Text, UserName,
};
pub use resolve::{Environment, Flags, resolve};

/// Everything one run builds. Values are checked; nothing here is raw text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Version of every package of the run.
    pub version: PackageVersion,
    /// Reverse-DNS prefix of package identifiers, and the name of the folder
    /// under `/Library/Application Support`.
    pub identifier_prefix: IdentifierPrefix,
    /// Who publishes the installers, for the pages that Installer shows.
    pub organization: Option<Text>,
    /// A license that Installer shows and asks to accept.
    pub license: Option<Resource>,
    /// A picture behind Installer's pages.
    pub background: Option<Resource>,
    /// Who answers for the Linux packages; without it, nobody who can be reached.
    pub maintainer: Option<Maintainer>,
    /// Where the output folder is served; without it, nothing is written that
    /// device managers read.
    pub base_url: Option<BaseUrl>,
    /// The Munki catalogs that every package is in; not empty, no two equal when
    /// case is folded.
    pub munki_catalogs: Vec<CatalogName>,
    /// Whether Munki installs and removes while somebody works, which restarts a VM.
    pub munki_unattended: bool,
    /// Lima, if packages bring it.
    pub lima: Option<Lima>,
    /// Whether people's shells find the package's Lima.
    pub paths_d: bool,
    /// The instances, in the order in which they were given; no two names are
    /// equal when case is folded.
    pub instances: Vec<Instance>,
}

/// A file that travels in a package's `Resources` folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// File name inside `Resources`.
    pub file_name: String,
    /// Its bytes, as they were on disk.
    pub bytes: Vec<u8>,
}

/// A Lima template, as it was on disk: UTF-8. Shared, since many instances may
/// have the one of `[defaults]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Arc<str>);

impl Template {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Template {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// One Lima instance and how it is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Name of the instance, as `limactl list` shows it.
    pub name: InstanceName,
    /// Boot or login.
    pub condition: Condition,
    /// The user that it runs as.
    pub user: Account,
    /// The user's home folder on the Mac; `None` is `/Users/<user>`, or for
    /// [`Account::Auto`] what the Mac says, and always for that.
    pub home: Option<AbsolutePath>,
    /// limactl; `None` is where each platform has it.
    pub limactl: Option<Limactl>,
    /// LIMA_HOME; `None` is `.lima` in the user's home folder.
    pub lima_home: Option<AbsolutePath>,
    /// What a Mac creates the instance from where it has none.
    pub template: Option<Template>,
    /// Environment of limactl beside PATH and LIMA_HOME.
    pub env: BTreeMap<EnvName, EnvValue>,
    /// When the VM is started again after it ended.
    pub keep_alive: KeepAlive,
    /// Seconds between the request to stop and the kill.
    pub exit_timeout: u32,
    /// What macOS gives it of processors, disk and network.
    pub process_type: ProcessType,
    /// Whether an installation fails when the instance could not be started.
    pub require_start: bool,
    /// Oldest macOS that the package accepts.
    pub min_macos: MacosVersion,
    /// Processors that the package accepts; not empty, no duplicates, sorted.
    pub architectures: Vec<Architecture>,
    /// What it uses of the package's own files.
    pub bundled: Bundled,
}

/// What makes an instance start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Condition {
    /// The machine starts: a LaunchDaemon, or a systemd user unit with lingering.
    Boot,
    /// The user logs in: a LaunchAgent, or a systemd user unit.
    Login,
}

names::choice!(Condition, "a condition", "`boot` or `login` in quotes", {
    "boot" => Boot,
    "login" => Login,
});

/// When an instance is started again after it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeepAlive {
    /// After a failure; `limactl stop` stays stopped.
    OnFailure,
    /// Always; `limactl stop` is undone.
    Always,
    /// Not before the next boot or login.
    Never,
}

names::choice!(KeepAlive, "a value of keep-alive", "`on-failure`, `always` or `never` in quotes", {
    "on-failure" => OnFailure,
    "always" => Always,
    "never" => Never,
});

/// What macOS gives a job of processors, disk and network: `ProcessType` of
/// launchd.plist(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcessType {
    /// As an application that somebody works with. launchd's other types hold the
    /// VM, which is limactl's child, back.
    Interactive,
    /// As launchd treats jobs that name no type.
    Standard,
    /// Background until it is asked for something over XPC, which limactl never is.
    Adaptive,
    /// Behind everything else: efficiency cores, throttled disk and network.
    Background,
}

names::choice!(ProcessType, "a value of process-type", "`interactive`, `standard`, `adaptive` or `background` in quotes", {
    "interactive" => Interactive,
    "standard" => Standard,
    "adaptive" => Adaptive,
    "background" => Background,
});

impl ProcessType {
    /// launchd's name for the value.
    pub fn launchd_word(self) -> &'static str {
        match self {
            Self::Interactive => "Interactive",
            Self::Standard => "Standard",
            Self::Adaptive => "Adaptive",
            Self::Background => "Background",
        }
    }
}

/// A Mac's processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// Apple silicon.
    Arm64,
    /// Intel.
    X86_64,
}

// The names that Apple's tools use.
names::choice!(Architecture, "an architecture", "`arm64` or `x86_64` in quotes", {
    "arm64" => Arm64,
    "x86_64" => X86_64,
});

/// limactl on a Mac with Homebrew on Apple silicon.
pub const MACOS_LIMACTL: &str = "/opt/homebrew/bin/limactl";
/// limactl where Lima's release archive puts it on Linux.
pub const LINUX_LIMACTL: &str = "/usr/local/bin/limactl";

/// Where a Mac looks for limactl with [`Limactl::Auto`], first to last:
/// Homebrew on Apple silicon; Homebrew on Intel and Lima's release archive;
/// MacPorts.
pub const MACOS_LIMACTL_PLACES: [&str; 3] =
    [MACOS_LIMACTL, "/usr/local/bin/limactl", "/opt/local/bin/limactl"];

impl Instance {
    /// limactl on the Mac; `None`: looked for at each start.
    pub fn macos_limactl(&self) -> Option<&str> {
        match &self.limactl {
            None => Some(self.bundled.limactl.as_ref().map_or(MACOS_LIMACTL, AbsolutePath::as_str)),
            Some(Limactl::At(path)) => Some(path.as_str()),
            Some(Limactl::Auto) => None,
        }
    }

    /// Whether a Mac runs it with the package's own Lima.
    pub fn uses_bundled_lima(&self) -> bool {
        self.limactl.is_none() && self.bundled.limactl.is_some()
    }

    /// limactl on Linux; `None`: looked for at each start.
    pub fn linux_limactl(&self) -> Option<&str> {
        match &self.limactl {
            None => Some(LINUX_LIMACTL),
            Some(Limactl::At(path)) => Some(path.as_str()),
            Some(Limactl::Auto) => None,
        }
    }

    /// The user's home folder on the Mac; `None`: found when the package is
    /// installed.
    pub fn macos_home(&self) -> Option<String> {
        let user = self.user.name()?;
        Some(match &self.home {
            Some(home) => home.as_str().to_owned(),
            None => format!("/Users/{user}"),
        })
    }

    /// LIMA_HOME on the Mac, set or not; `None`: found when the package is
    /// installed.
    pub fn macos_lima_home(&self) -> Option<String> {
        match &self.lima_home {
            Some(path) => Some(path.as_str().to_owned()),
            None => Some(format!("{}/.lima", self.macos_home()?)),
        }
    }

    /// The instance's folder on the Mac; `None`: found when the package is
    /// installed.
    pub fn macos_instance_dir(&self) -> Option<String> {
        Some(format!("{}/{}", self.macos_lima_home()?, self.name))
    }

    /// Whether the job is not known before the package is installed.
    pub fn is_found_at_install_time(&self) -> bool {
        self.user == Account::Auto
    }
}
