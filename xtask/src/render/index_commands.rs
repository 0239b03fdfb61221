//! The commands that the page of a run shows, with the names filled in, ready
//! to be copied into a shell.
//!
//! Must not know: how they are shown.

use super::index::{component_of, is_at_boot, user};
use super::text::word;
use crate::lima_start;
use crate::manifest::Built;
use crate::plan::Kind;
use crate::sign::SignedBy;
use crate::systemd;

/// Folder of the file that makes a user's manager start at boot.
const TMPFILES_FOLDER: &str = "tmpfiles.d";

/// A command, or some that belong together.
pub(super) struct Command {
    pub what: &'static str,
    pub note: Option<&'static str>,
    /// A command a line.
    pub text: String,
}

impl Command {
    fn new(what: &'static str, note: Option<&'static str>, lines: &[String]) -> Self {
        Self { what, note, text: lines.join("\n") }
    }
}

/// What to do with an instance's packages on a Mac.
pub(super) fn mac_commands(name: &str, built: &[Built]) -> Vec<Command> {
    let of = |kind: Kind| built.iter().find(|one| one.artifact.kind == kind);
    let mut commands = Vec::new();
    if let Some(installer) = of(Kind::Pkg) {
        commands.push(check(installer));
        commands.push(Command::new("Install", double_click(installer), &[install(installer)]));
    }
    if let Some(component) = component_of(name, built) {
        let (note, look) = if is_at_boot(component) {
            (None, format!("sudo launchctl print system/{}", word(&component.label)))
        } else {
            (
                Some("As the user who logged in:"),
                format!("launchctl print gui/$(id -u)/{}", word(&component.label)),
            )
        };
        commands.push(Command::new("See it run", note, &[look]));
        if of(Kind::Pkg).is_some() {
            let script = format!("sudo {}", word(&component.uninstaller));
            let note = "The instance and its disk stay.";
            commands.push(Command::new("Remove", Some(note), &[script]));
        }
    }
    if let Some(uninstaller) = of(Kind::UninstallPkg) {
        commands.push(Command::new("Remove by package", None, &[install(uninstaller)]));
    }
    commands
}

/// What to do with the packages of all instances.
pub(super) fn combined_commands(built: &[Built]) -> Vec<Command> {
    let of = |kind: Kind| built.iter().find(|one| one.artifact.kind == kind);
    let mut commands = Vec::new();
    if let Some(installer) = of(Kind::CombinedPkg) {
        let file = word(file_name(installer));
        commands.push(check(installer));
        commands.push(Command::new("Install all", double_click(installer), &[install(installer)]));
        commands.push(Command::new(
            "Install some",
            Some(
                "Write the choices down, give attributeSetting 0 to those that are not wanted, and install:",
            ),
            &[
                format!("installer -showChoiceChangesXML -pkg {file} -target / > choices.xml"),
                format!(
                    "sudo installer{} -applyChoiceChangesXML choices.xml -pkg {file} -target /",
                    allow(installer.signed_by.as_ref())
                ),
            ],
        ));
    }
    if let Some(uninstaller) = of(Kind::CombinedUninstallPkg) {
        commands.push(Command::new("Remove all", None, &[install(uninstaller)]));
    }
    commands
}

/// What root does with an instance's units on Linux.
pub(super) fn linux_commands(name: &str, built: &[Built]) -> Vec<Command> {
    let units: Vec<&Built> = built.iter().filter(|one| one.artifact.kind == Kind::Systemd).collect();
    let files = units.iter().filter_map(|one| one.artifact.path.strip_prefix(&format!("{name}/linux/")));
    let files: Vec<&str> = files.collect();
    let unit = units.iter().filter_map(|one| one.artifact.identifier.as_deref());
    let Some(unit) = unit.into_iter().find(|unit| *unit != systemd::TEMPLATE_UNIT) else {
        return Vec::new();
    };
    let component = component_of(name, built);
    let user = component.and_then(user);
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
        Command::new("Install", note, &install),
        Command::new("Remove", Some("What it shares with other instances stays."), &remove),
    ]
}

fn check(package: &Built) -> Command {
    let file = file_name(package);
    let sum = format!("echo {} | shasum -a 256 -c", word(&format!("{}  {file}", package.sha256)));
    let mut lines = vec![sum];
    if package.signed_by.is_some() {
        lines.push(format!("pkgutil --check-signature {}", word(file)));
    }
    Command::new("Check", None, &lines)
}

fn double_click(package: &Built) -> Option<&'static str> {
    let is_trusted = package.signed_by.as_ref().is_some_and(SignedBy::is_trusted);
    Some(match package.notarized {
        Some(_) => "Double-click it, or:",
        None if is_trusted => "It is not notarized: after a download a double-click is refused; in Terminal:",
        None => "A double-click is refused; in Terminal:",
    })
}

fn install(package: &Built) -> String {
    format!("sudo installer{} -pkg {} -target /", allow(package.signed_by.as_ref()), word(file_name(package)))
}

/// What `installer` must be told before it takes a package of this signer: nothing for one
/// that every Mac trusts, and nothing for a package that nobody signed.
pub fn allow(signer: Option<&SignedBy>) -> &'static str {
    if signer.is_some_and(|signer| !signer.is_trusted()) { " -allowUntrusted" } else { "" }
}

fn file_name(package: &Built) -> &str {
    let path = &package.artifact.path;
    path.rsplit('/').next().unwrap_or(path)
}
