//! The commands that the page of a run shows for a Mac, with the names filled in.
//!
//! Must not know: how they are shown.

use super::{COMBINED_PKG, COMBINED_UNINSTALL_PKG, PKG, UNINSTALL_PKG, launchd};
use crate::artifact::{Built, Command, component_of};
use crate::render::text::word;
use crate::sign::SignedBy;

/// What to do with an instance's packages on a Mac.
pub(super) fn of_instance(name: &str, built: &[Built]) -> Vec<Command> {
    let of = |kind: &str| built.iter().find(|one| one.artifact.kind == kind);
    let mut commands = Vec::new();
    if let Some(installer) = of(PKG) {
        commands.push(check(installer));
        commands.push(Command::new("Install", double_click(installer), &[install(installer)]));
    }
    if let Some(component) = component_of(name, built) {
        let folder = component.uninstaller.rsplit_once('/').map_or("", |(folder, _)| folder);
        let status = format!("{} --words", word(&format!("{folder}/{}", launchd::STATUS_FILE)));
        let label = word(&component.label);
        let (note, looks) = if component.is_at_boot() {
            (None, [format!("sudo {status}"), format!("sudo launchctl print system/{label}")])
        } else {
            (Some("As the user who logged in:"), [status, format!("launchctl print gui/$(id -u)/{label}")])
        };
        commands.push(Command::new("See it run", note, &looks));
        if of(PKG).is_some() {
            let script = format!("sudo {}", word(&component.uninstaller));
            let note = "The instance and its disk stay.";
            commands.push(Command::new("Remove", Some(note), &[script]));
        }
    }
    if let Some(uninstaller) = of(UNINSTALL_PKG) {
        commands.push(Command::new("Remove by package", None, &[install(uninstaller)]));
    }
    commands
}

/// What to do with the packages of all instances.
pub(super) fn combined(built: &[Built]) -> Vec<Command> {
    let of = |kind: &str| built.iter().find(|one| one.artifact.kind == kind);
    let mut commands = Vec::new();
    if let Some(installer) = of(COMBINED_PKG) {
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
    if let Some(uninstaller) = of(COMBINED_UNINSTALL_PKG) {
        commands.push(Command::new("Remove all", None, &[install(uninstaller)]));
    }
    commands
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
