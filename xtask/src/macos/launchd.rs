//! launchd's names, places and property lists.
//!
//! Labels and paths are limactl's own (Lima `pkg/autostart/launchd/launchd.go`),
//! so that limactl and these packages recognise each other's registrations;
//! the identifier prefix of the settings changes package identifiers and never
//! a label.
//!
//! Must not know: packages' formats, scripts, pages, the disk.

use std::collections::BTreeMap;
use std::fmt;

use crate::environment;
use crate::lima_start;
use crate::settings::{Condition, Instance, InstanceName, KeepAlive, Spec, UserName};

/// Where launchd looks for jobs of the system.
pub const DAEMONS_DIR: &str = "/Library/LaunchDaemons";
/// Where launchd looks for a user's own jobs, in their home folder.
pub const AGENTS_DIR: &str = "Library/LaunchAgents";
/// Where packages keep what belongs to them and is not for people to open.
pub const SUPPORT_ROOT: &str = "/Library/Application Support";
/// The stand-alone uninstaller's name in the support folder.
pub const UNINSTALLER_FILE: &str = "uninstall.sh";
/// Name in the support folder of the script that says how the instance is.
pub const STATUS_FILE: &str = "status.sh";
/// PATH as launchd gives it to a job (lima-vm/lima#2444).
pub const SYSTEM_PATH: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// Where macOS keeps logs of the system's jobs.
pub const LOGS_ROOT: &str = "/Library/Logs";
/// Where macOS keeps logs of a user's jobs, in their home folder.
pub const USER_LOGS_ROOT: &str = "Library/Logs";
/// Name of lima-start's log.
pub const LOG_FILE: &str = "lima-start.log";
/// Seconds between two starts of a job that keeps failing. lima-start has pauses
/// of its own; this is for its own failure.
pub const THROTTLE_INTERVAL: u32 = 30;

/// Name of the Lima template in the support folder.
pub const TEMPLATE_FILE: &str = "template.yaml";

/// Stands in a packaged job for the user who is found when the package is
/// installed. No account has a name with spaces, so launchd would not start it.
pub const FOUND_USER: &str = "found at install time";
/// Seconds that Installer gives a script: 600 as pkgbuild writes it, or more
/// where the VM alone may take that long to shut down.
pub fn script_time_limit(instance: &Instance) -> u32 {
    instance.exit_timeout.saturating_add(300).max(600)
}

/// The launchd domain that a job is loaded into (launchctl(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The machine's.
    System,
    /// The graphical login of the user with this id.
    Gui(u32),
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Gui(uid) => write!(f, "gui/{uid}"),
        }
    }
}

/// Label of the job that starts `name` on `condition`.
pub fn label_for(condition: Condition, name: &InstanceName) -> String {
    label_in_words(condition, name.as_str())
}

/// The same for a word that stands for a name.
pub fn label_in_words(condition: Condition, name: &str) -> String {
    match condition {
        Condition::Boot => format!("io.lima-vm.daemon.{name}"),
        Condition::Login => format!("io.lima-vm.autostart.{name}"),
    }
}

/// The job's label.
pub fn label(instance: &Instance) -> String {
    label_for(instance.condition, &instance.name)
}

/// Name of the job's property list.
pub fn file_name(instance: &Instance) -> String {
    format!("{}.plist", label(instance))
}

/// Where launchd finds the property list: for `login` in the home folder that
/// the settings give (`~` where they give no user); the installer asks the Mac
/// for the real one.
pub fn install_path(instance: &Instance) -> String {
    match instance.condition {
        Condition::Boot => format!("{DAEMONS_DIR}/{}", file_name(instance)),
        Condition::Login => {
            let home = instance.macos_home().unwrap_or_else(|| "~".to_owned());
            format!("{home}/{AGENTS_DIR}/{}", file_name(instance))
        }
    }
}

/// Whether the package puts the property list beside the uninstaller and the
/// installation puts it where launchd reads: for `login`, since root writes
/// nothing into a home folder, and where the user has to be found first.
pub fn is_staged(instance: &Instance) -> bool {
    instance.condition == Condition::Login || instance.is_found_at_install_time()
}

/// Where the package itself puts the property list.
pub fn payload_path(spec: &Spec, instance: &Instance) -> String {
    if is_staged(instance) {
        format!("{}/{}", support_dir(spec, instance), file_name(instance))
    } else {
        install_path(instance)
    }
}

/// Where the package puts the Lima template.
pub fn template_path(spec: &Spec, instance: &Instance) -> String {
    format!("{}/{TEMPLATE_FILE}", support_dir(spec, instance))
}

/// Where the package puts the script that says how the instance is.
pub fn status_path(spec: &Spec, instance: &Instance) -> String {
    format!("{}/{STATUS_FILE}", support_dir(spec, instance))
}

/// Where the package puts the program that the job runs.
pub fn start_path(spec: &Spec, instance: &Instance) -> String {
    format!("{}/{}", support_dir(spec, instance), lima_start::FILE)
}

/// The folder of the log of a job for `condition`: absolute for boot, below the
/// home folder for login.
pub fn log_dir(spec: &Spec, instance: &Instance, condition: Condition) -> String {
    let root = match condition {
        Condition::Boot => LOGS_ROOT,
        Condition::Login => USER_LOGS_ROOT,
    };
    format!("{root}/{}/{}", spec.identifier_prefix, instance.name)
}

/// The job's log, as [`log_dir`].
pub fn log_path(spec: &Spec, instance: &Instance) -> String {
    format!("{}/{LOG_FILE}", log_dir(spec, instance, instance.condition))
}

/// The log of the job of the instance `name`, for people: below `~` for login.
pub fn log_path_in_words(spec: &Spec, condition: Condition, name: &str) -> String {
    let root = match condition {
        Condition::Boot => LOGS_ROOT.to_owned(),
        Condition::Login => format!("~/{USER_LOGS_ROOT}"),
    };
    format!("{root}/{}/{name}/{LOG_FILE}", spec.identifier_prefix)
}

/// The folder that the packages of one prefix share.
pub fn support_folder(spec: &Spec) -> String {
    format!("{SUPPORT_ROOT}/{}", spec.identifier_prefix)
}

/// The folder that belongs to the package alone.
pub fn support_dir(spec: &Spec, instance: &Instance) -> String {
    format!("{}/{}", support_folder(spec), instance.name)
}

/// Where the package puts the stand-alone uninstaller.
pub fn uninstaller_path(spec: &Spec, instance: &Instance) -> String {
    format!("{}/{UNINSTALLER_FILE}", support_dir(spec, instance))
}

/// Identifier of the package that installs, and of its receipt.
pub fn installer_identifier(spec: &Spec, instance: &Instance) -> String {
    format!("{}.installer.{}", spec.identifier_prefix, instance.name)
}

/// Identifier of the package that uninstalls.
pub fn uninstaller_identifier(spec: &Spec, instance: &Instance) -> String {
    format!("{}.uninstaller.{}", spec.identifier_prefix, instance.name)
}

/// Identifier of the product that installs several instances. Its components
/// have those of the instances' own packages, so that receipts agree.
pub fn combined_installer_identifier(spec: &Spec) -> String {
    format!("{}.installer", spec.identifier_prefix)
}

/// Identifier of the product that uninstalls several instances.
pub fn combined_uninstaller_identifier(spec: &Spec) -> String {
    format!("{}.uninstaller", spec.identifier_prefix)
}

/// What a job has of the machine that it is for: its program, and the files that
/// this reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    /// lima-start.
    pub program: String,
    /// The Lima template that it creates the instance from.
    pub template: Option<String>,
    /// Its log; not absolute: below the home folder of who runs it.
    pub log: String,
}

impl Launcher {
    /// As the package installs it.
    pub fn packaged(spec: &Spec, instance: &Instance) -> Self {
        Self {
            program: start_path(spec, instance),
            template: instance.template.as_ref().map(|_| template_path(spec, instance)),
            log: log_path(spec, instance),
        }
    }
}

/// A job as launchd reads it; the fields are keys of launchd.plist(5).
///
/// It names no log and no working directory: launchd starts nothing where one of
/// them cannot be opened (`last exit code = 78`), and both may be on a volume that
/// comes later. lima-start opens its own log, and waits for the rest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Job {
    /// Name, unique in its domain.
    pub label: String,
    /// Who it runs as. Only the system's launchd heeds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_name: Option<String>,
    /// lima-start with its options, then limactl with its arguments.
    pub program_arguments: Vec<String>,
    /// Its environment, to which launchd adds the user's HOME, USER, LOGNAME,
    /// SHELL and TMPDIR (launchd's `job_postfork_become_user`).
    pub environment_variables: BTreeMap<String, String>,
    /// Whether loading it starts it.
    pub run_at_load: bool,
    /// When launchd starts it again; `None` is never.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub keep_alive: Option<KeepAliveRule>,
    /// What the kernel gives it of processors, disk and network.
    pub process_type: String,
    /// Seconds from SIGTERM to SIGKILL.
    pub exit_time_out: u32,
    /// Seconds between two starts, at least.
    pub throttle_interval: u32,
}

/// `KeepAlive`: yes, or under a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum KeepAliveRule {
    /// However it ended.
    Always(bool),
    /// Depending on how it ended.
    #[serde(rename_all = "PascalCase")]
    When {
        /// `false`: after a crash or a non-zero exit only.
        successful_exit: bool,
    },
}

impl Job {
    /// The job of an instance. A user who is found when the package is installed is
    /// [`FOUND_USER`].
    pub fn new(instance: &Instance, launcher: &Launcher) -> Self {
        // With `auto`, lima-start puts limactl's folder before the system's.
        let limactl = instance.macos_limactl();
        let environment_variables =
            environment::variables(instance, limactl.unwrap_or_default(), &SYSTEM_PATH);
        Self {
            label: label(instance),
            user_name: match instance.condition {
                Condition::Boot => Some(instance.user.name().map_or(FOUND_USER, UserName::as_str).to_owned()),
                Condition::Login => None,
            },
            program_arguments: program_arguments(instance, launcher, limactl.unwrap_or(lima_start::AUTO)),
            environment_variables,
            run_at_load: true,
            keep_alive: match instance.keep_alive {
                KeepAlive::OnFailure => Some(KeepAliveRule::When { successful_exit: false }),
                KeepAlive::Always => Some(KeepAliveRule::Always(true)),
                KeepAlive::Never => None,
            },
            process_type: instance.process_type.launchd_word().to_owned(),
            exit_time_out: instance.exit_timeout,
            throttle_interval: THROTTLE_INTERVAL,
        }
    }

    /// The property list, as XML.
    ///
    /// # Errors
    ///
    /// What the serializer says; for a job made by [`Job::new`] nothing is known
    /// to make it fail.
    pub fn to_xml(&self) -> Result<Vec<u8>, plist::Error> {
        let mut bytes = Vec::new();
        plist::to_writer_xml(&mut bytes, self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn program_arguments(instance: &Instance, launcher: &Launcher, limactl: &str) -> Vec<String> {
    let mut words = vec![launcher.program.clone()];
    words.extend(lima_start::options(instance, launcher.template.as_deref()));
    words.push(format!("--log={}", launcher.log));
    if instance.uses_bundled_lima() {
        words.push("--bundled".to_owned());
    }
    // As limactl's own registration has it.
    words.extend([limactl, "start", instance.name.as_str(), "--foreground"].map(str::to_owned));
    words
}

/// limactl in the arguments of a job, of ours or of limactl's own making.
pub fn limactl_of(arguments: &[String]) -> Option<&str> {
    let (program, rest) = arguments.split_first()?;
    if program.rsplit('/').next() != Some(lima_start::FILE) {
        return Some(program);
    }
    rest.iter().find(|word| !word.starts_with("--")).map(String::as_str)
}
