//! An instance on the page, and the packages of all instances.
//!
//! Must not know: what the files are.

use askama::Template;

use super::Facts;
use super::file::{Group, groups};
use super::head::Totals;
use super::package::{Package, package, starts};
use crate::artifact::{Built, Command, ComponentRecord, component_of};
use crate::render::fill;
use crate::render::text::plain;

#[derive(Template)]
#[template(path = "index-combined.html")]
struct CombinedPage {
    facts: Combined,
}

struct Combined {
    packages: Vec<Package>,
    commands: Vec<Command>,
}

#[derive(Template)]
#[template(path = "index-instance.html")]
struct InstancePage {
    facts: Instance,
}

struct Instance {
    name: String,
    open: bool,
    starts: Option<String>,
    settings: Option<Settings>,
    packages: Vec<Package>,
    sections: Vec<Section>,
    others: Vec<Group>,
}

/// What limactl is started with.
struct Settings {
    limactl: String,
    lima_home: Option<String>,
    /// Lines of `NAME=VALUE`.
    env: Vec<String>,
}

/// What a maker shows.
struct Section {
    heading: &'static str,
    groups: Vec<Group>,
    commands: Vec<Command>,
    fold: Option<&'static str>,
}

/// The packages of all instances together.
pub fn combined(built: &[Built], totals: &Totals, facts: &Facts) -> String {
    let makers = facts.makers;
    let of_kinds = makers.kinds().flat_map(|kind| built.iter().filter(|one| one.artifact.kind == kind.name));
    let facts = Combined {
        packages: of_kinds.map(|one| package(one, totals)).collect(),
        commands: makers.iter().flat_map(|maker| maker.combined_commands(built)).collect(),
    };
    fill("index-combined.html", &CombinedPage { facts })
}

/// An instance with all its files.
pub fn instance(name: &str, built: &[Built], totals: &Totals, facts: &Facts) -> String {
    let makers = facts.makers;
    let mut sections: Vec<crate::artifact::Section<'_>> = Vec::new();
    for section in makers.iter().filter_map(|maker| maker.section(name, built)) {
        // Of several makers, what is for the same people.
        match sections.iter_mut().find(|other| other.heading == section.heading) {
            Some(other) => {
                other.files.extend(section.files);
                other.commands.extend(section.commands);
            }
            None => sections.push(section),
        }
    }
    sections.sort_by_key(|section| section.rank);
    let is_package = |one: &&Built| makers.is_package(&one.artifact.kind);
    let in_a_section = |one: &Built| {
        sections.iter().flat_map(|section| &section.files).any(|file| file.artifact == one.artifact)
    };
    let is_listed = |one: &&Built| makers.is_listed(&one.artifact);
    let others = built.iter().filter(|one| !is_package(one) && is_listed(one) && !in_a_section(one));
    let others = groups(others, name, facts);
    let section = |section: crate::artifact::Section<'_>| Section {
        heading: section.heading,
        groups: groups(section.files.into_iter().filter(|one| makers.is_listed(&one.artifact)), name, facts),
        commands: section.commands,
        fold: section.fold,
    };
    let component = component_of(name, built);
    let facts = Instance {
        name: plain(name),
        open: totals.is_unfolded(),
        starts: component.map(starts),
        settings: component.and_then(settings),
        packages: built.iter().filter(is_package).map(|one| package(one, totals)).collect(),
        sections: sections.into_iter().map(section).collect(),
        others,
    };
    fill("index-instance.html", &InstancePage { facts })
}

/// What a record says of how limactl is started; one of an older program, nothing.
fn settings(component: &ComponentRecord) -> Option<Settings> {
    let ComponentRecord { limactl, lima_home, env, .. } = component;
    (!limactl.is_empty()).then(|| Settings {
        limactl: plain(limactl),
        lima_home: lima_home.as_deref().map(plain),
        env: env.iter().map(|(name, value)| plain(&format!("{name}={value}"))).collect(),
    })
}
