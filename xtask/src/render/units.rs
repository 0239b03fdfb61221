//! What Linux gets: the units of systemd's user manager and what lets them run
//! without a login.
//!
//! Must not know: `out/`, how the files are installed.

use askama::Template;
use askama::filters::Safe;

use super::escape::{SystemdLiteral, systemd_literal};
use super::fill;
use crate::environment;
use crate::spec::{Account, Condition, Instance, LINUX_LIMACTL, Spec, UserName};
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
    limactl: &'a str,
}

#[derive(Template)]
#[template(path = "lima-vm-instance.conf")]
struct DropIn<'a> {
    instance: &'a str,
    /// LIMA_HOME where the settings give it.
    lima_home: Option<Safe<SystemdLiteral<'a>>>,
    limactl: &'a str,
    plain_program: bool,
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

/// The files of an instance, sorted by path.
pub fn linux_files(spec: &Spec, instance: &Instance) -> Vec<LinuxFile> {
    let file = |path: &str, dir: &str, text| LinuxFile {
        path: path.to_owned(),
        install_path: format!("{dir}/{path}"),
        text,
    };
    let mut files = vec![
        file(systemd::TEMPLATE_UNIT, systemd::USER_UNITS_DIR, template_unit()),
        file(&drop_in_path(instance), systemd::USER_UNITS_DIR, drop_in_text(instance)),
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

fn template_unit() -> String {
    fill("lima-vm@.service", &TemplateUnit { limactl: LINUX_LIMACTL })
}

fn drop_in_text(instance: &Instance) -> String {
    let limactl = instance.linux_limactl();
    fill(
        "lima-vm-instance.conf",
        &DropIn {
            instance: instance.name.as_str(),
            lima_home: instance.lima_home.as_ref().map(|path| systemd_literal(path.as_str())),
            limactl,
            plain_program: systemd::is_plain_program(limactl),
            environment: environment::variables(instance, limactl, &systemd::SYSTEM_PATH)
                .into_iter()
                .collect(),
            restart: systemd::restart(instance.keep_alive),
            stop_timeout: systemd::stop_timeout(instance),
        },
    )
}

fn user_manager(spec: &Spec, instance: &Instance) -> String {
    fill("user-manager.conf", &UserManager { timeout: systemd::user_manager_timeout(spec, instance) })
}

fn linger(user: &UserName) -> String {
    fill("linger.conf", &Linger { linger_file: &systemd::linger_file(user), user: user.as_str() })
}
