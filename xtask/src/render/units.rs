//! What Linux gets: the units of systemd's user manager and what lets them run
//! without a login.
//!
//! Must not know: `out/`, how the files are installed.

use askama::Template;

use super::fill;
use crate::environment;
use crate::lima_start;
use crate::spec::resolve::DEFAULT_EXIT_TIMEOUT;
use crate::spec::{Account, Condition, Instance, Spec, UserName};
use crate::systemd;

/// A file for Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinuxFile {
    /// Where it lies under the instance's `linux/` folder.
    pub path: String,
    /// Where an administrator puts it: absolute.
    pub install_path: String,
    /// What it says.
    pub text: String,
}

#[derive(Template)]
#[template(path = "lima-vm@.service")]
struct TemplateUnit<'a> {
    program: &'a str,
    exit_timeout: u32,
    stop_timeout: u32,
}

#[derive(Template)]
#[template(path = "lima-vm-instance.conf")]
struct DropIn<'a> {
    instance: &'a str,
    /// Whether the settings give a LIMA_HOME.
    has_lima_home: bool,
    program: &'a str,
    options: Vec<String>,
    limactl: &'a str,
    environment: Vec<(String, String)>,
    restart: &'a str,
    stop_timeout: u32,
}

#[derive(Template)]
#[template(path = "user-manager.conf")]
struct UserManager {
    timeout: u32,
}

#[derive(Template)]
#[template(path = "linger.conf")]
struct Linger<'a> {
    linger_file: &'a str,
    user: &'a str,
}

/// The files of an instance, sorted by path; of [`linux_paths`].
pub fn linux_files(spec: &Spec, instance: &Instance) -> Vec<LinuxFile> {
    let program = systemd::start_path();
    let file = |path: &str, dir: &str, text| LinuxFile {
        path: path.to_owned(),
        install_path: format!("{dir}/{path}"),
        text,
    };
    let mut files = vec![
        file(lima_start::FILE, systemd::START_DIR, super::lima_start()),
        file(systemd::TEMPLATE_UNIT, systemd::USER_UNITS_DIR, template_unit(&program)),
        file(&drop_in_path(instance), systemd::USER_UNITS_DIR, drop_in(instance, &program)),
        file(systemd::USER_MANAGER_DROP_IN, systemd::SYSTEM_UNITS_DIR, user_manager(spec, instance)),
    ];
    if let Some(user) = lingering_user(instance) {
        let name = systemd::tmpfiles_name(&instance.name);
        files.push(LinuxFile {
            path: format!("tmpfiles.d/{name}"),
            install_path: format!("{}/{name}", systemd::TMPFILES_DIR),
            text: linger(user),
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The paths of [`linux_files`], in the same order, without their texts.
pub fn linux_paths(instance: &Instance) -> Vec<String> {
    let mut paths = vec![
        lima_start::FILE.to_owned(),
        systemd::TEMPLATE_UNIT.to_owned(),
        drop_in_path(instance),
        systemd::USER_MANAGER_DROP_IN.to_owned(),
    ];
    if lingering_user(instance).is_some() {
        paths.push(format!("tmpfiles.d/{}", systemd::tmpfiles_name(&instance.name)));
    }
    paths.sort();
    paths
}

fn drop_in_path(instance: &Instance) -> String {
    format!("{}/{}", systemd::drop_in_dir(&instance.name), systemd::DROP_IN_FILE)
}

/// Whose manager is started at boot. Without a name there is nobody to linger:
/// that is for `loginctl` then.
fn lingering_user(instance: &Instance) -> Option<&UserName> {
    match (instance.condition, &instance.user) {
        (Condition::Boot, Account::Named(user)) => Some(user),
        _ => None,
    }
}

/// The unit, the same for every instance. `program`: where lima-start is.
pub fn template_unit(program: &str) -> String {
    let stop_timeout = systemd::stop_timeout(DEFAULT_EXIT_TIMEOUT);
    fill("lima-vm@.service", &TemplateUnit { program, exit_timeout: DEFAULT_EXIT_TIMEOUT, stop_timeout })
}

/// What an instance's unit has of its own. `program`: where lima-start is.
pub fn drop_in(instance: &Instance, program: &str) -> String {
    let limactl = instance.linux_limactl();
    fill(
        "lima-vm-instance.conf",
        &DropIn {
            instance: instance.name.as_str(),
            has_lima_home: instance.lima_home.is_some(),
            program,
            options: lima_start::options(instance, None),
            limactl: limactl.unwrap_or(lima_start::AUTO),
            environment: environment::variables(instance, limactl.unwrap_or_default(), &systemd::SYSTEM_PATH)
                .into_iter()
                .collect(),
            restart: systemd::restart(instance.keep_alive),
            stop_timeout: systemd::stop_timeout(instance.exit_timeout),
        },
    )
}

fn user_manager(spec: &Spec, instance: &Instance) -> String {
    fill("user-manager.conf", &UserManager { timeout: systemd::user_manager_timeout(spec, instance) })
}

fn linger(user: &UserName) -> String {
    fill("linger.conf", &Linger { linger_file: &systemd::linger_file(user), user: user.as_str() })
}
