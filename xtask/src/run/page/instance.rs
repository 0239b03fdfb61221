//! An instance on the page, and the packages of all instances.
//!
//! Must not know: what the files are.

use askama::Template;

use super::head::Totals;
use super::package::{Package, package, starts};
use super::{File, file};
use crate::artifact::{Built, Command, Makers, component_of};
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
    packages: Vec<Package>,
    sections: Vec<Section>,
    others: Vec<File>,
}

/// What a maker shows.
struct Section {
    heading: &'static str,
    files: Vec<File>,
    commands: Vec<Command>,
    fold: Option<&'static str>,
}

/// The packages of all instances together.
pub fn combined(built: &[Built], makers: &Makers) -> String {
    let of_kinds = makers.kinds().flat_map(|kind| built.iter().filter(|one| one.artifact.kind == kind.name));
    let facts = Combined {
        packages: of_kinds.map(package).collect(),
        commands: makers.iter().flat_map(|maker| maker.combined_commands(built)).collect(),
    };
    fill("index-combined.html", &CombinedPage { facts })
}

/// An instance with all its files.
pub fn instance(name: &str, built: &[Built], totals: &Totals, makers: &Makers) -> String {
    let mut sections: Vec<_> = makers.iter().filter_map(|maker| maker.section(name, built)).collect();
    sections.sort_by_key(|section| section.rank);
    let is_package = |one: &&Built| makers.is_package(&one.artifact.kind);
    let is_listed = |one: &Built| {
        sections.iter().flat_map(|section| &section.files).any(|file| file.artifact == one.artifact)
    };
    let others = built.iter().filter(|one| !is_package(one) && !is_listed(one));
    let others = others.map(|built| file(built, name, makers)).collect();
    let section = |section: crate::artifact::Section<'_>| Section {
        heading: section.heading,
        files: section.files.iter().map(|built| file(built, name, makers)).collect(),
        commands: section.commands,
        fold: section.fold,
    };
    let facts = Instance {
        name: plain(name),
        open: totals.is_unfolded(),
        starts: component_of(name, built).map(starts),
        packages: built.iter().filter(is_package).map(package).collect(),
        sections: sections.into_iter().map(section).collect(),
        others,
    };
    fill("index-instance.html", &InstancePage { facts })
}
