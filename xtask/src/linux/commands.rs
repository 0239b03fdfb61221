//! The commands that the page of a run shows for Linux, with the names filled in.
//!
//! Must not know: how they are shown.

use super::{ARCH, DEB, RPM, SYSTEMD, systemd};
use crate::artifact::{Built, Command, ComponentRecord, component_of};
use crate::lima_start;
use crate::render::text::word;

/// Folder of the file that makes a user's manager start at boot.
const TMPFILES_FOLDER: &str = "tmpfiles.d";

/// What root does with an instance's packages and units on Linux.
pub(super) fn of_instance(name: &str, built: &[Built]) -> Vec<Command> {
    let mut commands = of_packages(built);
    commands.extend(of_units(name, built));
    commands
}

/// How a kind of package is installed and removed.
struct PackageManager {
    kind: &'static str,
    install: &'static str,
    remove: &'static str,
    /// Commands that install, and commands that remove.
    programs: &'static [[&'static str; 2]],
}

const PACKAGE_MANAGERS: [PackageManager; 3] = [
    PackageManager {
        kind: DEB,
        install: "Install on Debian or Ubuntu",
        remove: "Remove from Debian or Ubuntu",
        programs: &[["apt-get install", "apt-get remove"]],
    },
    PackageManager {
        kind: RPM,
        install: "Install on Fedora or RHEL, or on SUSE",
        remove: "Remove from Fedora or RHEL, or from SUSE",
        programs: &[["dnf install", "dnf remove"], ["zypper install --allow-unsigned-rpm", "zypper remove"]],
    },
    PackageManager {
        kind: ARCH,
        install: "Install on Arch",
        remove: "Remove from Arch",
        programs: &[["pacman -U", "pacman -R"]],
    },
];

fn of_packages(built: &[Built]) -> Vec<Command> {
    let mut commands = Vec::new();
    for manager in PACKAGE_MANAGERS {
        let Some(package) = built.iter().find(|one| one.artifact.kind == manager.kind) else { continue };
        let file = word(&format!("./{}", package.artifact.path));
        let install: Vec<String> =
            manager.programs.iter().map(|[verb, _]| format!("{verb} {file}")).collect();
        commands.push(Command::new(manager.install, None, &install));
        if let Some(name) = &package.artifact.identifier {
            let name = word(name);
            let remove: Vec<String> =
                manager.programs.iter().map(|[_, verb]| format!("{verb} {name}")).collect();
            commands.push(Command::new(manager.remove, None, &remove));
        }
    }
    commands
}

/// What root does with an instance's units.
fn of_units(name: &str, built: &[Built]) -> Vec<Command> {
    let units: Vec<&Built> = built.iter().filter(|one| one.artifact.kind == SYSTEMD).collect();
    let files = units.iter().filter_map(|one| one.artifact.path.strip_prefix(&format!("{name}/linux/")));
    let files: Vec<&str> = files.collect();
    let unit = units.iter().filter_map(|one| one.artifact.identifier.as_deref());
    let Some(unit) = unit.into_iter().find(|unit| *unit != systemd::TEMPLATE_UNIT) else {
        return Vec::new();
    };
    let component = component_of(name, built);
    let user = component.and_then(ComponentRecord::user);
    let note = match user {
        Some(_) => None,
        None => Some("NAME is the user who owns the instance."),
    };
    let manager = format!("systemctl --user --machine={}@", word(user.unwrap_or("NAME")));

    let mut install = vec![format!("cd {}", word(&format!("{name}/linux")))];
    let mut is_at_boot = false;
    for file in files {
        let (folder, _) = file.rsplit_once('/').unwrap_or_default();
        let to = if folder == TMPFILES_FOLDER {
            // For images that cannot run commands; loginctl does the same.
            is_at_boot = true;
            continue;
        } else if file == systemd::USER_MANAGER_DROP_IN {
            format!("{}/{folder}/", systemd::SYSTEM_UNITS_DIR)
        } else if file == lima_start::FILE {
            format!("{}/", systemd::START_DIR)
        } else if folder.is_empty() {
            format!("{}/", systemd::USER_UNITS_DIR)
        } else {
            format!("{}/{folder}/", systemd::USER_UNITS_DIR)
        };
        let mode = if file == lima_start::FILE { 755 } else { 644 };
        install.push(format!("install -D -m {mode} {} -t {}", word(file), word(&to)));
    }
    install.push("systemctl daemon-reload".to_owned());
    if is_at_boot {
        install.push(format!("loginctl enable-linger {}", word(user.unwrap_or("NAME"))));
    }
    install.push(format!("{manager} daemon-reload"));
    install.push(format!("{manager} enable --now {}", word(unit)));
    let remove = vec![
        format!("{manager} disable --now {}", word(unit)),
        format!("rm -r {}", word(&format!("{}/{unit}.d", systemd::USER_UNITS_DIR))),
        format!("{manager} daemon-reload"),
    ];
    vec![
        Command::new("Install the units, without a package", note, &install),
        Command::new("Remove the units", Some("What it shares with other instances stays."), &remove),
    ]
}
