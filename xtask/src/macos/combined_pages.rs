//! What Installer shows for a package of several instances.
//!
//! Must not know: how a Distribution refers to it.

use std::collections::BTreeSet;

use askama::Template;

use crate::macos::launchd;
use crate::render::fill;
use crate::settings::{Condition, Instance, Spec, Text};

/// What the pages tell.
struct Facts {
    title: String,
    version: String,
    organization: Option<String>,
    choices: Vec<Choice>,
    /// The jobs' logs, NAME for the instance's name: one for each condition there is.
    logs: BTreeSet<String>,
}

/// What they tell about an instance.
struct Choice {
    name: String,
    description: String,
    /// The command that shows the job.
    look: String,
    /// The command that removes it.
    remove: String,
}

impl Facts {
    fn new(spec: &Spec, title: String, describe: impl Fn(&Instance) -> String) -> Self {
        let choice = |instance: &Instance| {
            let label = launchd::label(instance);
            Choice {
                name: instance.name.to_string(),
                description: describe(instance),
                look: match instance.condition {
                    Condition::Boot => format!("sudo launchctl print system/{label}"),
                    Condition::Login => format!("launchctl print gui/$(id -u)/{label}"),
                },
                remove: format!("sudo \"{}\"", launchd::uninstaller_path(spec, instance)),
            }
        };
        Self {
            title,
            version: spec.version.to_string(),
            organization: spec.organization.as_ref().map(Text::to_string),
            choices: spec.instances.iter().map(choice).collect(),
            logs: spec
                .instances
                .iter()
                .map(|instance| launchd::log_path_in_words(spec, instance.condition, "NAME"))
                .collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "combined-welcome.html")]
struct Welcome {
    facts: Facts,
}

#[derive(Template)]
#[template(path = "combined-conclusion.html")]
struct Conclusion {
    facts: Facts,
}

#[derive(Template)]
#[template(path = "combined-uninstall-welcome.html")]
struct UninstallWelcome {
    facts: Facts,
}

#[derive(Template)]
#[template(path = "combined-uninstall-conclusion.html")]
struct UninstallConclusion {
    facts: Facts,
}

/// Title of the package that installs several.
pub fn combined_title() -> String {
    "Start Lima instances by themselves".to_owned()
}

/// Title of the package that uninstalls several.
pub fn combined_uninstall_title() -> String {
    "No longer start Lima instances".to_owned()
}

fn user(instance: &Instance) -> String {
    match instance.user.name() {
        Some(name) => format!("the user {name}"),
        None => "the user who has it".to_owned(),
    }
}

/// What Installer's list says of an instance that is selected.
pub fn choice_description(instance: &Instance) -> String {
    match instance.condition {
        Condition::Boot => format!("Starts when this Mac starts, as {}.", user(instance)),
        Condition::Login => format!("Starts when {} logs in.", user(instance)),
    }
}

/// What the uninstaller's list says of one.
pub fn uninstall_choice_description(instance: &Instance) -> String {
    match instance.condition {
        Condition::Boot => "No longer starts when this Mac starts.".to_owned(),
        Condition::Login => format!("No longer starts when {} logs in.", user(instance)),
    }
}

/// The page before the installation.
pub fn combined_welcome_html(spec: &Spec) -> String {
    let facts = Facts::new(spec, combined_title(), choice_description);
    fill("combined-welcome.html", &Welcome { facts })
}

/// The page after the installation.
pub fn combined_conclusion_html(spec: &Spec) -> String {
    let facts = Facts::new(spec, combined_title(), choice_description);
    fill("combined-conclusion.html", &Conclusion { facts })
}

/// The page before the removal.
pub fn combined_uninstall_welcome_html(spec: &Spec) -> String {
    let facts = Facts::new(spec, combined_uninstall_title(), uninstall_choice_description);
    fill("combined-uninstall-welcome.html", &UninstallWelcome { facts })
}

/// The page after the removal.
pub fn combined_uninstall_conclusion_html(spec: &Spec) -> String {
    let facts = Facts::new(spec, combined_uninstall_title(), uninstall_choice_description);
    fill("combined-uninstall-conclusion.html", &UninstallConclusion { facts })
}
