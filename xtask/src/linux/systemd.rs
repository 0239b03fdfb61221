//! systemd's names and places, for units of the user manager.
//!
//! Lima's instance names are safe in a unit's name as they are (`%i`, never
//! `%I`, no systemd-escape), and `lima-vm@<instance>.service` is the name that
//! limactl uses itself (Lima `pkg/autostart/systemd`).
//!
//! Must not know: launchd, packages, the disk.

use crate::lima_start;
use crate::settings::{Instance, InstanceName, KeepAlive, Spec, UserName};

/// The template unit, the same for every instance.
pub const TEMPLATE_UNIT: &str = "lima-vm@.service";
/// Name of the instance's drop-in, in the folder of [`drop_in_dir`].
pub const DROP_IN_FILE: &str = "10-lima-autostart.conf";
/// The drop-in of the user manager's own unit, in the system manager.
pub const USER_MANAGER_DROP_IN: &str = "user@.service.d/10-lima.conf";
/// Where an administrator puts units for every user.
pub const USER_UNITS_DIR: &str = "/etc/systemd/user";
/// Where an administrator puts units of the system.
pub const SYSTEM_UNITS_DIR: &str = "/etc/systemd/system";
/// Where packages put units for every user: relative to the root, as in an archive.
pub const PACKAGED_USER_UNITS_DIR: &str = "usr/lib/systemd/user";
/// Where packages put units of the system.
pub const PACKAGED_SYSTEM_UNITS_DIR: &str = "usr/lib/systemd/system";
/// Where packages put lines of tmpfiles.d.
pub const PACKAGED_TMPFILES_DIR: &str = "usr/lib/tmpfiles.d";
/// What the user manager reaches when it has started.
pub const DEFAULT_TARGET: &str = "default.target";
/// Where an administrator puts lima-start.
pub const START_DIR: &str = "/usr/local/lib/lima-autostart";
/// Where a user's own lima-start is, below the home folder.
pub const USER_START_PATH: &str = ".local/share/lima-autostart/lima-start";
/// Which users' managers start at boot, one file each (loginctl(1),
/// enable-linger).
pub const LINGER_DIR: &str = "/var/lib/systemd/linger";
/// PATH of a unit, behind limactl's folder. The user manager's own lacks `sbin`
/// on some distributions.
pub const SYSTEM_PATH: [&str; 6] =
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

/// What systemd gives `user@.service` to stop in by itself
/// (DefaultTimeoutStopSec of that unit, 120 s): never go below.
const USER_MANAGER_STOCK_TIMEOUT: u32 = 120;
/// What the user manager itself needs beside the slowest instance.
const USER_MANAGER_MARGIN: u32 = 30;
/// What limactl itself needs once the VM is down or given up: it stops its
/// helpers and writes its state.
const LIMACTL_MARGIN: u32 = 20;

/// The instance's unit: `lima-vm@<instance>.service`.
pub fn unit(name: &InstanceName) -> String {
    format!("lima-vm@{name}.service")
}

/// Folder of the instance's drop-ins: `lima-vm@<instance>.service.d`.
pub fn drop_in_dir(name: &InstanceName) -> String {
    format!("{}.d", unit(name))
}

/// Name of the instance's file of tmpfiles.d lines.
pub fn tmpfiles_name(name: &InstanceName) -> String {
    format!("lima-vm-{name}.conf")
}

/// The user manager's drop-in of one instance's package, in `user@.service.d`.
///
/// Drop-ins apply in the order of their names, and the last one wins (systemd.unit(5)):
/// with the seconds in ten digits, that is the slowest instance's, whichever packages
/// are installed. `20-`: behind [`USER_MANAGER_DROP_IN`].
pub fn packaged_user_manager_drop_in(name: &InstanceName, timeout: u32) -> String {
    format!("user@.service.d/20-lima-{timeout:010}-{name}.conf")
}

/// The file whose presence makes the user's manager start at boot.
pub fn linger_file(user: &UserName) -> String {
    format!("{LINGER_DIR}/{user}")
}

/// lima-start as an administrator installs it.
pub fn start_path() -> String {
    format!("{START_DIR}/{}", lima_start::FILE)
}

/// `Restart=` of the unit: for an end of lima-start itself, which has the rules for
/// the VM's.
pub fn restart(keep_alive: KeepAlive) -> &'static str {
    match keep_alive {
        KeepAlive::OnFailure => "on-failure",
        KeepAlive::Always => "always",
        KeepAlive::Never => "no",
    }
}

/// `TimeoutStopSec=` of the instance's unit, in seconds. The instance has its
/// whole `exit_timeout` for itself, and limactl some more: killed in the moment
/// in which the VM is down, it would leave its files as if the VM still ran.
pub fn stop_timeout(exit_timeout: u32) -> u32 {
    exit_timeout.saturating_add(LIMACTL_MARGIN)
}

/// `TimeoutStopSec=` of `user@.service`, in seconds. It caps every unit of the
/// user, so the slowest instance of the whole run decides.
pub fn user_manager_timeout(spec: &Spec, instance: &Instance) -> u32 {
    let all = spec.instances.iter().chain([instance]);
    all.map(own_user_manager_timeout).max().unwrap_or(USER_MANAGER_STOCK_TIMEOUT)
}

/// The same for a user who has this instance alone.
pub fn own_user_manager_timeout(instance: &Instance) -> u32 {
    stop_timeout(instance.exit_timeout).saturating_add(USER_MANAGER_MARGIN).max(USER_MANAGER_STOCK_TIMEOUT)
}
