//! The root folder that machines are copies of: a minimal Debian, made once by
//! debootstrap and kept below the target folder. Also what has to be there for
//! it: Linux, root, a few tools, a host on which systemd-nspawn works.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::machine::{probe, sweep};
use crate::support::{skip, tool};

/// Debian 12: systemd 252, the oldest that the units are for.
const SUITE: &str = "bookworm";
/// Another suite, to see the units under a newer systemd.
const SUITE_VARIABLE: &str = "LIMA_AUTOSTART_BOOT_SUITE";
const MIRROR: &str = "http://deb.debian.org/debian";
const PACKAGES: &str = "--include=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,libnss-systemd";
/// The user of the tests.
pub const USER: &str = "alice";

/// What takes a machine's time or place and no test needs. Timers look for
/// updates and file systems.
const STRIP: &str = r"
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/*
rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/info usr/share/zoneinfo usr/share/i18n
rm -rf usr/share/perl* usr/lib/*/perl* usr/lib/*/gconv
rm -rf etc/systemd/system/timers.target.wants etc/systemd/system/getty.target.wants
: >etc/hostname
";

/// The folder that everything here lies in.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot")
}

/// The root folder to copy. Where machines cannot be booted, says why and
/// returns `None`; under `CI` that is a failure, but on a Mac.
pub fn base() -> Option<&'static Path> {
    static BASE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    if !cfg!(target_os = "linux") {
        crate::support::note_skipped("machines are booted on Linux only");
        return None;
    }
    for name in ["debootstrap", "systemd-nspawn", "unshare", "setpriv", "nsenter", "mount", "chroot"] {
        tool(name)?;
    }
    match BASE.get_or_init(make) {
        Ok(path) => Some(path),
        Err(reason) => skip(reason),
    }
}

fn make() -> Result<PathBuf, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("booting a machine takes root".to_owned());
    }
    let suite = std::env::var(SUITE_VARIABLE).unwrap_or_else(|_| SUITE.to_owned());
    let folder = folder();
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Test programs of several working copies may share the target folder.
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    sweep();
    let base = folder.join(&suite);
    if !base.is_dir() {
        let new = folder.join(format!("{suite}.new"));
        let _ = fs::remove_dir_all(&new);
        eprintln!("making {} by debootstrap; that takes a minute, once", base.display());
        run(Command::new("debootstrap").args(["--variant=minbase", PACKAGES, &suite]).arg(&new).arg(MIRROR))?;
        run(Command::new("sh").args(["-ec", STRIP]).current_dir(&new))?;
        run(Command::new("chroot").arg(&new).args(["useradd", "-m", "-s", "/bin/sh", USER]))?;
        fs::rename(&new, &base).map_err(|error| format!("{}: {error}", base.display()))?;
    }
    probe(&base)?;
    Ok(base)
}

/// Runs a program that must end well; otherwise, what it said last.
pub fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    Err(format!("{name}: {}\n{last}", output.status))
}
