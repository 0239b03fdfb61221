//! What Linux gets: the units of systemd's user manager and what lets them run
//! without a login.
//!
//! Must not know: `out/`, how the files are installed.

use askama::Template;

use super::systemd;
use crate::artifact::MakeOfInstance;
use crate::environment;
use crate::lima_start;
use crate::render::fill;
use crate::settings::resolve::DEFAULT_EXIT_TIMEOUT;
use crate::settings::{AbsolutePath, Account, Condition, Instance, Spec, UserName};

/// A file for Linux.
#[derive(Debug, Clone)]
pub struct LinuxFile {
    /// Where it lies under the instance's `linux/` folder.
    pub path: String,
    /// Makes its text.
    pub make: MakeOfInstance,
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
    /// Whose manager is to start it, where every user's manager sees it.
    only_for: Option<&'a str>,
    /// What the user must own.
    owned: Option<String>,
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

/// The files of an instance, sorted by path.
pub fn linux_files(instance: &Instance) -> Vec<LinuxFile> {
    let file = |path: String, make: MakeOfInstance| LinuxFile { path, make };
    let mut files = vec![
        file(lima_start::FILE.to_owned(), |_, _, _| Ok(lima_start::program().into())),
        file(systemd::TEMPLATE_UNIT.to_owned(), |_, _, _| Ok(template_unit(&systemd::start_path()).into())),
        file(drop_in_path(instance), |_, instance, _| Ok(drop_in(instance, &systemd::start_path()).into())),
        file(systemd::USER_MANAGER_DROP_IN.to_owned(), |spec, instance, _| {
            Ok(user_manager(spec, instance).into())
        }),
    ];
    if lingering_user(instance).is_some() {
        files.push(file(
            format!("tmpfiles.d/{}", systemd::tmpfiles_name(&instance.name)),
            |_, instance, _| Ok(lingering_user(instance).map(linger).unwrap_or_default().into()),
        ));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn drop_in_path(instance: &Instance) -> String {
    format!("{}/{}", systemd::drop_in_dir(&instance.name), systemd::DROP_IN_FILE)
}

/// Whose manager is started at boot. Without a name there is nobody to linger:
/// that is for `loginctl` then.
pub(super) fn lingering_user(instance: &Instance) -> Option<&UserName> {
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
    drop_in_for(instance, program, instance.linux_limactl(), None, None)
}

/// The same in a package, whose unit every user's manager wants. limactl is looked for
/// at every start where the settings name none: the package may meet Lima's release or a
/// distribution's.
pub fn packaged_drop_in(instance: &Instance, program: &str) -> String {
    let limactl = instance.limactl.as_ref().and_then(|_| instance.linux_limactl());
    let (only_for, owned) = match &instance.user {
        Account::Named(user) => (user.as_str(), None),
        // A LIMA_HOME is at one place for all users, and is one user's. The instance in
        // a user's own folder is looked for by the unit itself.
        Account::Auto => (NO_SYSTEM_USER, instance.lima_home.as_ref().map(|home| lima_yaml(home, instance))),
    };
    drop_in_for(instance, program, limactl, Some(only_for), owned)
}

/// ConditionUser= against accounts of services, as those of login screens
/// (systemd.unit(5)).
const NO_SYSTEM_USER: &str = "!@system";

fn lima_yaml(lima_home: &AbsolutePath, instance: &Instance) -> String {
    format!("{lima_home}/{}/lima.yaml", instance.name)
}

fn drop_in_for(
    instance: &Instance,
    program: &str,
    limactl: Option<&str>,
    only_for: Option<&str>,
    owned: Option<String>,
) -> String {
    fill(
        "lima-vm-instance.conf",
        &DropIn {
            instance: instance.name.as_str(),
            has_lima_home: instance.lima_home.is_some(),
            only_for,
            owned,
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
    user_manager_of(systemd::user_manager_timeout(spec, instance))
}

/// The drop-in of the user manager's own unit.
pub(super) fn user_manager_of(timeout: u32) -> String {
    fill("user-manager.conf", &UserManager { timeout })
}

/// The line of tmpfiles.d for a user.
pub(super) fn linger(user: &UserName) -> String {
    fill("linger.conf", &Linger { linger_file: &systemd::linger_file(user), user: user.as_str() })
}
