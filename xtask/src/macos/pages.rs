//! What Installer shows: the pages around an installation.
//!
//! The pages are XHTML, so that any XML parser can check them, and fetch
//! nothing.
//!
//! Must not know: how a Distribution refers to them.

use askama::Template;

use crate::macos::launchd;
use crate::render::fill;
use crate::settings::bundled::lima_root;
use crate::settings::{Condition, Instance, MACOS_LIMACTL_PLACES, Spec, Text, UserName};

/// What the pages tell about an instance.
struct Facts {
    instance: String,
    version: String,
    organization: Option<String>,
    /// Whether the instance starts at boot, and not at login.
    boot: bool,
    /// `None`: found when the package is installed.
    user: Option<String>,
    /// `None`: the first of `limactl_places`.
    limactl: Option<String>,
    limactl_places: [&'static str; 3],
    /// Lima's version, where the package brings it.
    lima: Option<String>,
    lima_root: String,
    /// Whether the package brings what the instance is created from.
    brings_files: bool,
    /// Whether the package creates the instance where there is none.
    template: bool,
    label: String,
    /// Where launchd reads the job.
    plist: String,
    uninstaller: String,
    /// The script that says how the instance is.
    status: String,
    support_dir: String,
    lima_start: String,
    instance_dir: String,
    /// What lima-start says.
    log: String,
}

impl Facts {
    fn new(spec: &Spec, instance: &Instance) -> Self {
        let instance_dir =
            instance.macos_instance_dir().unwrap_or_else(|| format!("~/.lima/{}", instance.name));
        Self {
            instance: instance.name.to_string(),
            version: spec.version.to_string(),
            organization: spec.organization.as_ref().map(Text::to_string),
            boot: instance.condition == Condition::Boot,
            user: instance.user.name().map(UserName::to_string),
            limactl: instance.macos_limactl().map(str::to_owned),
            limactl_places: MACOS_LIMACTL_PLACES,
            lima: spec
                .lima
                .as_ref()
                .filter(|_| instance.uses_bundled_lima())
                .map(|lima| lima.version.clone()),
            lima_root: lima_root(&spec.identifier_prefix),
            brings_files: !instance.bundled.files.is_empty(),
            template: instance.template.is_some(),
            label: launchd::label(instance),
            plist: launchd::install_path(instance),
            uninstaller: launchd::uninstaller_path(spec, instance),
            status: launchd::status_path(spec, instance),
            support_dir: launchd::support_dir(spec, instance),
            lima_start: launchd::start_path(spec, instance),
            log: launchd::log_path_in_words(spec, instance.condition, instance.name.as_str()),
            instance_dir,
        }
    }
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome {
    facts: Facts,
}

#[derive(Template)]
#[template(path = "conclusion.html")]
struct Conclusion {
    facts: Facts,
}

#[derive(Template)]
#[template(path = "uninstall-welcome.html")]
struct UninstallWelcome {
    facts: Facts,
}

#[derive(Template)]
#[template(path = "uninstall-conclusion.html")]
struct UninstallConclusion {
    facts: Facts,
}

/// Title of the package that installs.
pub fn title(instance: &Instance) -> String {
    match instance.condition {
        Condition::Boot => format!("Start Lima instance {} at boot", instance.name),
        Condition::Login => format!("Start Lima instance {} at login", instance.name),
    }
}

/// Title of the package that uninstalls.
pub fn uninstall_title(instance: &Instance) -> String {
    format!("No longer start Lima instance {}", instance.name)
}

/// The page before the installation.
pub fn welcome_html(spec: &Spec, instance: &Instance) -> String {
    fill("welcome.html", &Welcome { facts: Facts::new(spec, instance) })
}

/// The page after the installation.
pub fn conclusion_html(spec: &Spec, instance: &Instance) -> String {
    fill("conclusion.html", &Conclusion { facts: Facts::new(spec, instance) })
}

/// The page before the removal.
pub fn uninstall_welcome_html(spec: &Spec, instance: &Instance) -> String {
    fill("uninstall-welcome.html", &UninstallWelcome { facts: Facts::new(spec, instance) })
}

/// The page after the removal.
pub fn uninstall_conclusion_html(spec: &Spec, instance: &Instance) -> String {
    fill("uninstall-conclusion.html", &UninstallConclusion { facts: Facts::new(spec, instance) })
}
