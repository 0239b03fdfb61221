//! What Installer shows for a package of several instances.
//!
//! Must not know: how a Distribution refers to it.

use std::collections::BTreeSet;

use askama::Template;

use crate::macos::launchd;
use crate::render::fill;
use crate::render::text::count;
use crate::settings::{Condition, Instance, Spec, Text};

/// Stands for the name of an instance in what is the same for all of them: a package may
/// have hundreds.
const NAME: &str = "NAME";
/// Of more instances that have the same said of them, the names are folded.
const UNFOLDED: usize = 20;

/// What the pages tell.
struct Facts {
    title: String,
    version: String,
    organization: Option<String>,
    groups: Vec<Group>,
    /// The jobs' logs: one for each condition there is.
    logs: BTreeSet<String>,
    /// The commands that show a job: one for each condition there is.
    looks: BTreeSet<String>,
    /// The command that says how an instance is.
    status: String,
    /// The command that removes one.
    remove: String,
    /// Lima's version, where the package brings it for all of them.
    lima: Option<String>,
}

/// Instances of which the same is said.
struct Group {
    description: String,
    names: String,
    /// How many they are, where they are many.
    fold: Option<String>,
}

impl Facts {
    fn new(spec: &Spec, title: String, describe: impl Fn(&Instance) -> String) -> Self {
        let look = |instance: &Instance| {
            let label = launchd::label_in_words(instance.condition, NAME);
            match instance.condition {
                Condition::Boot => format!("sudo launchctl print system/{label}"),
                Condition::Login => format!("launchctl print gui/$(id -u)/{label}"),
            }
        };
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for instance in &spec.instances {
            let (description, name) = (describe(instance), instance.name.to_string());
            match groups.iter_mut().find(|(said, _)| *said == description) {
                Some((_, names)) => names.push(name),
                None => groups.push((description, vec![name])),
            }
        }
        let group = |(description, names): (String, Vec<String>)| Group {
            description,
            fold: (names.len() > UNFOLDED).then(|| count(names.len() as u64, "instance", "instances")),
            names: names.join(", "),
        };
        let support = launchd::support_folder(spec);
        Self {
            title,
            version: spec.version.to_string(),
            organization: spec.organization.as_ref().map(Text::to_string),
            groups: groups.into_iter().map(group).collect(),
            logs: spec
                .instances
                .iter()
                .map(|instance| launchd::log_path_in_words(spec, instance.condition, NAME))
                .collect(),
            looks: spec.instances.iter().map(look).collect(),
            status: format!("sudo \"{support}/{NAME}/{}\" --words", launchd::STATUS_FILE),
            remove: format!("sudo \"{support}/{NAME}/{}\"", launchd::UNINSTALLER_FILE),
            lima: spec
                .lima
                .as_ref()
                .filter(|_| spec.instances.iter().all(Instance::uses_bundled_lima))
                .map(|lima| lima.version.clone()),
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
