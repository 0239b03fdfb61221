//! The scripts of the packages.
//!
//! `pkg-scripts/` holds them as plain POSIX sh, without holes; what differs
//! from instance to instance is in `config.sh` alone, one variable a line.
//!
//! Must not know: how scripts are packed and run.

use askama::Template;

use crate::macos::{bundle, launchd};
use crate::render::{fill, stand_alone};
use crate::settings::bundled::lima_root;
use crate::settings::{AbsolutePath, Condition, Instance, Spec, UserName};

const PREINSTALL: &str = include_str!("../../../pkg-scripts/preinstall");
const POSTINSTALL: &str = include_str!("../../../pkg-scripts/postinstall");
const LAUNCHD: &str = include_str!("../../../pkg-scripts/launchd.sh");
const BASICS: &str = include_str!("../../../pkg-scripts/basics.sh");
const BUNDLE: &str = include_str!("../../../pkg-scripts/bundle.sh");
const COMMON: &str = include_str!("../../../pkg-scripts/common.sh");
const USER: &str = include_str!("../../../pkg-scripts/user.sh");
const LOGS: &str = include_str!("../../../pkg-scripts/logs.sh");
const COMPONENTS: &str = include_str!("../../../pkg-scripts/components.sh");
const UNINSTALL: &str = include_str!("../../../pkg-scripts/uninstall");
const JSON: &str = include_str!("../../../pkg-scripts/json.sh");
const STATUS: &str = include_str!("../../../pkg-scripts/status");
const RELOAD: &str = include_str!("../../../pkg-scripts/reload");

const VERSION: &str = include_str!("../../../pkg-scripts/version.sh");
const BUNDLE_PREINSTALL: &str = include_str!("../../../pkg-scripts/bundle-preinstall");
const BUNDLE_POSTINSTALL: &str = include_str!("../../../pkg-scripts/bundle-postinstall");

/// A file of a package's `Scripts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFile {
    /// Its name there.
    pub name: &'static str,
    /// Whether Installer runs it (mode 0755), or another script reads it (0644).
    pub executable: bool,
    /// What it says.
    pub text: String,
}

/// Every value that a script uses; see the template for what each is for.
#[derive(Template)]
#[template(path = "config.sh")]
struct Config<'a> {
    instance: &'a str,
    version: &'a str,
    condition: &'a str,
    user: &'a str,
    home: &'a str,
    limactl: &'a str,
    lima_home: &'a str,
    template: &'a str,
    packaged_plist: &'a str,
    lima_start: &'a str,
    daemon_logs: &'a str,
    agent_logs: &'a str,
    daemon_label: &'a str,
    agent_label: &'a str,
    support_dir: &'a str,
    exit_timeout: u32,
    time_limit: u32,
    require_start: &'a str,
    lima_root: &'a str,
    lima_id: &'a str,
    paths_d: &'a str,
    bundled: &'a str,
    bundled_lima: &'a str,
    installer_id: &'a str,
    uninstaller_id: &'a str,
}

/// The same of what the package brings beside the instances.
#[derive(Template)]
#[template(path = "bundle-config.sh")]
struct BundleConfig<'a> {
    name: &'a str,
    version: &'a str,
    root: &'a str,
    id: &'a str,
    paths_d: &'a str,
    support_root: &'a str,
    needed_kbytes: u64,
    time_limit: u32,
}

/// `config.sh`: what the scripts need to know about this instance.
pub fn config_sh(spec: &Spec, instance: &Instance) -> String {
    let template = match instance.template {
        Some(_) => launchd::template_path(spec, instance),
        None => String::new(),
    };
    fill(
        "config.sh",
        &Config {
            instance: instance.name.as_str(),
            version: spec.version.as_str(),
            condition: match instance.condition {
                Condition::Boot => "boot",
                Condition::Login => "login",
            },
            user: instance.user.name().map_or("", UserName::as_str),
            home: &instance.macos_home().unwrap_or_default(),
            limactl: instance.macos_limactl().unwrap_or(crate::lima_start::AUTO),
            lima_home: instance.lima_home.as_ref().map_or("", AbsolutePath::as_str),
            template: &template,
            packaged_plist: &launchd::payload_path(spec, instance),
            lima_start: &launchd::start_path(spec, instance),
            daemon_logs: &launchd::log_dir(spec, instance, Condition::Boot),
            agent_logs: &launchd::log_dir(spec, instance, Condition::Login),
            daemon_label: &launchd::label_for(Condition::Boot, &instance.name),
            agent_label: &launchd::label_for(Condition::Login, &instance.name),
            support_dir: &launchd::support_dir(spec, instance),
            exit_timeout: instance.exit_timeout,
            time_limit: launchd::script_time_limit(instance),
            require_start: if instance.require_start { "yes" } else { "no" },
            lima_root: &lima_root(&spec.identifier_prefix),
            lima_id: &bundle::identifier(spec),
            paths_d: &bundle::paths_d(spec),
            bundled: if bundle::list(instance).is_empty() { "" } else { "yes" },
            bundled_lima: if instance.uses_bundled_lima() { "yes" } else { "" },
            installer_id: &launchd::installer_identifier(spec, instance),
            uninstaller_id: &launchd::uninstaller_identifier(spec, instance),
        },
    )
}

/// Runs before Installer lays files down.
pub fn preinstall() -> &'static str {
    PREINSTALL
}

/// Runs after Installer laid files down.
pub fn postinstall() -> &'static str {
    POSTINSTALL
}

/// Functions that speak to launchd: the one description of the order in which
/// a job is reloaded.
pub fn launchd_sh() -> &'static str {
    LAUNCHD
}

/// Functions about the user, the files and the receipts of the package.
pub fn common_sh() -> &'static str {
    COMMON
}

/// Functions that find on a Mac what the settings leave to it.
pub fn user_sh() -> &'static str {
    USER
}

/// The order of [`launchd_sh`] as a program of its own, which needs no file
/// beside it: `sh -s -- reload DOMAIN LABEL PLIST`, or `unload DOMAIN LABEL`,
/// with this text on standard input. The first lines of `pkg-scripts/reload`
/// say which variables it heeds and what its exit status means.
pub fn reload_sh() -> String {
    stand_alone("Loads and unloads a job of launchd.", &[LAUNCHD, RELOAD])
}

/// `uninstall.sh`, which needs no file beside it. It is also the uninstall
/// package's `postinstall`.
pub fn uninstall_sh(spec: &Spec, instance: &Instance) -> String {
    let purpose =
        format!("Removes what starts the Lima instance {}; the instance itself stays.", instance.name);
    stand_alone(
        &purpose,
        &[&config_sh(spec, instance), LAUNCHD, BASICS, COMMON, USER, LOGS, BUNDLE, UNINSTALL],
    )
}

/// `status.sh`, which says how the instance is and needs no file beside it. The first
/// lines of `pkg-scripts/status` say what it prints and what its exit status means.
pub fn status_sh(spec: &Spec, instance: &Instance) -> String {
    let purpose = format!("Says how the Lima instance {} is.", instance.name);
    stand_alone(&purpose, &[&config_sh(spec, instance), LAUNCHD, COMMON, JSON, STATUS])
}

/// What lies in the `Scripts` of the package that installs.
pub fn installer_scripts(spec: &Spec, instance: &Instance) -> Vec<ScriptFile> {
    let read = |name, text| ScriptFile { name, executable: false, text };
    let run = |name, text: &str| ScriptFile { name, executable: true, text: text.to_owned() };
    let list = bundle::list(instance);
    let mut files = vec![
        read("basics.sh", BASICS.to_owned()),
        read("bundle.sh", BUNDLE.to_owned()),
        read("common.sh", COMMON.to_owned()),
        read("config.sh", config_sh(spec, instance)),
        read("user.sh", USER.to_owned()),
        read("launchd.sh", LAUNCHD.to_owned()),
        read("logs.sh", LOGS.to_owned()),
        read("components.sh", COMPONENTS.to_owned()),
        run("postinstall", POSTINSTALL),
        run("preinstall", PREINSTALL),
    ];
    // What it uses is told before its files are laid down.
    if !list.is_empty() {
        files.push(read(bundle::LIST_FILE, list));
    }
    files
}

/// What lies in the `Scripts` of the package that uninstalls.
pub fn uninstaller_scripts(spec: &Spec, instance: &Instance) -> Vec<ScriptFile> {
    vec![ScriptFile { name: "postinstall", executable: true, text: uninstall_sh(spec, instance) }]
}

/// What lies in the `Scripts` of what the package brings beside the instances. `sets_up`: it is
/// Lima.
pub fn bundle_scripts(spec: &Spec, name: &str, sets_up: bool, needed_kbytes: u64) -> Vec<ScriptFile> {
    let read = |name, text: &str| ScriptFile { name, executable: false, text: text.to_owned() };
    let run = |name, text: &str| ScriptFile { name, executable: true, text: text.to_owned() };
    let config = BundleConfig {
        name,
        version: spec.lima.as_ref().filter(|_| sets_up).map_or("", |lima| lima.version.as_str()),
        root: &lima_root(&spec.identifier_prefix),
        id: &bundle::identifier(spec),
        paths_d: &bundle::paths_d(spec),
        support_root: &launchd::support_folder(spec),
        needed_kbytes,
        time_limit: bundle::TIME_LIMIT,
    };
    let mut files = vec![
        read("basics.sh", BASICS),
        read("bundle.sh", BUNDLE),
        read("components.sh", COMPONENTS),
        read("config.sh", &fill("bundle-config.sh", &config)),
        read("launchd.sh", LAUNCHD),
        read("version.sh", VERSION),
        run("preinstall", BUNDLE_PREINSTALL),
    ];
    if sets_up {
        files.push(run("postinstall", BUNDLE_POSTINSTALL));
    }
    files
}
