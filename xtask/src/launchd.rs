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
use crate::spec::{Condition, Instance, InstanceName, KeepAlive, Spec, UserName};

/// Where launchd looks for jobs of the system.
pub const DAEMONS_DIR: &str = "/Library/LaunchDaemons";
/// Where launchd looks for a user's own jobs, in their home folder.
pub const AGENTS_DIR: &str = "Library/LaunchAgents";
/// Where packages keep what belongs to them and is not for people to open.
pub const SUPPORT_ROOT: &str = "/Library/Application Support";
/// The stand-alone uninstaller's name in the support folder.
pub const UNINSTALLER_FILE: &str = "uninstall.sh";
/// PATH as launchd gives it to a job (lima-vm/lima#2444).
pub const SYSTEM_PATH: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// What the job prints on standard output, in the instance's folder.
pub const STDOUT_LOG: &str = "launchd.stdout.log";
/// What the job prints on standard error, in the instance's folder.
pub const STDERR_LOG: &str = "launchd.stderr.log";

/// Seconds between two starts of a job that keeps failing. launchd's own 10
/// (launchd.plist(5)) is less than a VM's start takes to fail: what the failed
/// start held (locks, ports, a half-started QEMU) gets the time to go, and a VM
/// that can never start does not keep the Mac busy.
pub const THROTTLE_INTERVAL: u32 = 30;

/// Name of the Lima template in the support folder.
pub const TEMPLATE_FILE: &str = "template.yaml";

/// Stands in a packaged job for the user who is found when the package is
/// installed. No account has a name with spaces, so launchd would not start it.
pub const FOUND_USER: &str = "found at install time";
/// Stands for a folder that is found when the package is installed. /dev/null
/// is no folder and nothing will ever be below it, so that launchd, should it be
/// given such a job as it is, finds neither program nor working directory.
pub const FOUND_FOLDER: &str = "/dev/null/found-at-install-time";

/// Seconds that `limactl create` gets beside: it downloads an image of some
/// hundred megabytes.
const CREATION_TIME: u32 = 1800;

/// Seconds that Installer gives a script: 600 as pkgbuild writes it, or more
/// where the VM alone may take that long to shut down, or where it may have to
/// be created first.
pub fn script_time_limit(instance: &Instance) -> u32 {
    let creation = if instance.template.is_some() { CREATION_TIME } else { 0 };
    instance.exit_timeout.saturating_add(300).max(600).saturating_add(creation)
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
/// nothing into a home folder; where something has to be found first; and where
/// the instance has to be created first, so that an installation that fails
/// leaves the registration that was there.
pub fn is_staged(instance: &Instance) -> bool {
    instance.condition == Condition::Login
        || instance.is_found_at_install_time()
        || instance.template.is_some()
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

/// The folder that belongs to the package alone.
pub fn support_dir(spec: &Spec, instance: &Instance) -> String {
    format!("{SUPPORT_ROOT}/{}/{}", spec.identifier_prefix, instance.name)
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

/// A job as launchd reads it; the fields are keys of launchd.plist(5).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Job {
    /// Name, unique in its domain.
    pub label: String,
    /// Who it runs as. Only the system's launchd heeds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_name: Option<String>,
    /// The program and its arguments.
    pub program_arguments: Vec<String>,
    /// Its environment, to which launchd adds the user's HOME, USER, LOGNAME,
    /// SHELL and TMPDIR (launchd's `job_postfork_become_user`).
    pub environment_variables: BTreeMap<String, String>,
    /// The instance's folder. launchd starts nothing while it is missing, so a
    /// job cannot make a VM that nobody asked for: `limactl start` would, from
    /// its default template.
    pub working_directory: String,
    /// Whether loading it starts it.
    pub run_at_load: bool,
    /// When launchd starts it again; `None` is never.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub keep_alive: Option<KeepAliveRule>,
    /// `Background`: other work goes first.
    pub process_type: String,
    /// Seconds from SIGTERM to SIGKILL.
    pub exit_time_out: u32,
    /// Seconds between two starts, at least.
    pub throttle_interval: u32,
    /// Where standard output goes.
    pub standard_out_path: String,
    /// Where standard error goes.
    pub standard_error_path: String,
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
    /// The job of an instance. What is found when the package is installed is
    /// [`FOUND_USER`], or below [`FOUND_FOLDER`].
    pub fn new(instance: &Instance) -> Self {
        let in_home = || format!("{FOUND_FOLDER}/.lima/{}", instance.name);
        let folder = instance.macos_instance_dir().unwrap_or_else(in_home);
        let found_limactl = format!("{FOUND_FOLDER}/limactl");
        let limactl = instance.macos_limactl().unwrap_or(&found_limactl);
        Self {
            label: label(instance),
            user_name: match instance.condition {
                Condition::Boot => Some(instance.user.name().map_or(FOUND_USER, UserName::as_str).to_owned()),
                Condition::Login => None,
            },
            program_arguments: [limactl, "start", instance.name.as_str(), "--foreground"]
                .map(str::to_owned)
                .into(),
            environment_variables: environment::variables(instance, limactl, &SYSTEM_PATH),
            run_at_load: true,
            keep_alive: match instance.keep_alive {
                KeepAlive::OnFailure => Some(KeepAliveRule::When { successful_exit: false }),
                KeepAlive::Always => Some(KeepAliveRule::Always(true)),
                KeepAlive::Never => None,
            },
            process_type: "Background".to_owned(),
            exit_time_out: instance.exit_timeout,
            throttle_interval: THROTTLE_INTERVAL,
            standard_out_path: format!("{folder}/{STDOUT_LOG}"),
            standard_error_path: format!("{folder}/{STDERR_LOG}"),
            working_directory: folder,
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
