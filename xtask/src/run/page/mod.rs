//! `index.html`, the page of a run: written piece by piece as the records are read.
//! A line of them, and the files of one instance, are in memory.
//!
//! The page fetches nothing, and says so to the browser: its policy names the
//! one style and the one script that are in it by their digests. It is XHTML,
//! so that any XML parser can check it.
//!
//! The zip has a page of its own, which links what is in the zip.
//!
//! Must not know: the spec, what the files are. Whoever joins parts of a run has no
//! spec; what a file is, and what can be done with it, its maker says.

mod file;
mod head;
mod instance;
mod package;

use std::io::{self, Write};

use askama::Template;

pub use head::{Totals, head};
pub use instance::{combined, instance};

use self::file::{File, Group, groups};
use crate::artifact::{Artifact, Built, Makers, RunFiles};
use crate::render::fill;
use crate::render::text::{href, plain};
use crate::run::manifest::{MANIFEST_FILE, SUMS_FILE};
use crate::settings::BaseUrl;

/// Where the page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the output folder.
    Folder,
    /// In the zip.
    Zip,
}

/// What the page says of the run itself.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Version of the packages.
    pub version: String,
    /// Who publishes them.
    pub organization: Option<String>,
    /// What they were built from.
    pub commit: Option<String>,
    /// Time of the files inside archives, seconds since 1970.
    pub time: u32,
    /// Where the files are served.
    pub base_url: Option<BaseUrl>,
    /// Who made them.
    pub makers: &'static Makers,
    /// Where the page lies.
    pub place: Place,
}

impl Facts {
    fn of(run: &dyn RunFiles, place: Place) -> Self {
        Self {
            version: run.version().to_owned(),
            organization: run.organization().map(str::to_owned),
            commit: run.commit().map(ToString::to_string),
            time: run.time(),
            base_url: run.base_url().cloned(),
            makers: run.makers(),
            place,
        }
    }

    /// Whether the page says something of this file.
    fn has(&self, built: &Built) -> bool {
        let Self { makers, place, .. } = self;
        *place == Place::Folder || makers.is_in_zip(&built.artifact)
    }
}

#[derive(Template)]
#[template(path = "index-list.html")]
struct ListPage;

#[derive(Template)]
#[template(path = "index-foot.html")]
struct FootPage {
    groups: Vec<Group>,
}

/// Writes the page of all finished files.
///
/// # Errors
/// What the run's files or `out` report.
pub fn write(_: &Artifact, run: &mut dyn RunFiles, out: &mut dyn Write) -> io::Result<()> {
    write_for(Place::Folder, run, out)
}

/// Writes the page for a place.
///
/// # Errors
/// As [`write()`].
pub fn write_for(place: Place, run: &mut dyn RunFiles, out: &mut dyn Write) -> io::Result<()> {
    let facts = Facts::of(run, place);
    let mut totals = Totals::default();
    // Those of no instance are few.
    let mut of_run = Vec::new();
    for built in run.records()? {
        let built = built?;
        if facts.has(&built) {
            totals.add(&built, facts.makers);
            if built.artifact.instance.is_none() {
                of_run.push(built);
            }
        }
    }
    out.write_all(head(&facts, &totals).as_bytes())?;
    let (packages, others): (Vec<_>, Vec<_>) =
        of_run.into_iter().partition(|built| facts.makers.is_package(&built.artifact.kind));
    if !packages.is_empty() {
        out.write_all(combined(&packages, &totals, &facts).as_bytes())?;
    }

    out.write_all(list().as_bytes())?;
    let mut files: Vec<Built> = Vec::new();
    for built in run.records()? {
        let built = built?;
        if files.first().is_some_and(|first| first.artifact.instance != built.artifact.instance) {
            write_instance(&files, &totals, &facts, out)?;
            files.clear();
        }
        if built.artifact.instance.is_some() && facts.has(&built) {
            files.push(built);
        }
    }
    write_instance(&files, &totals, &facts, out)?;
    out.write_all(foot(&others, run.to_come(), &facts).as_bytes())
}

fn write_instance(files: &[Built], totals: &Totals, facts: &Facts, out: &mut dyn Write) -> io::Result<()> {
    let Some(name) = files.first().and_then(|first| first.artifact.instance.as_deref()) else {
        return Ok(());
    };
    out.write_all(instance(name, files, totals, facts).as_bytes())
}

/// What comes before the instances: a box that a script may show.
pub fn list() -> String {
    fill("index-list.html", &ListPage)
}

/// The files that belong to no instance, and the page's end. The page is made before what
/// is made of it, so that it can tell no size of these.
pub fn foot(files: &[Built], to_come: &[Artifact], facts: &Facts) -> String {
    let link =
        |path: &str, what| File { href: href(path), name: plain(path), what, size: None, address: None };
    let listed = files.iter().filter(|built| facts.makers.is_listed(&built.artifact));
    let mut all = groups(listed, "", facts);
    let mut own = vec![link(SUMS_FILE, Some("the SHA-256 of every file"))];
    if facts.place == Place::Folder {
        own.push(link(MANIFEST_FILE, Some("all that this page says, for programs")));
        let to_come = to_come.iter().filter(|artifact| facts.makers.is_listed(artifact));
        own.splice(0..0, to_come.map(|artifact| link(&artifact.path, facts.makers.words(artifact))));
    }
    match all.first_mut() {
        Some(first) if first.name.is_none() => first.files.extend(own),
        _ => all.insert(0, Group { name: None, files: own }),
    }
    fill("index-foot.html", &FootPage { groups: all })
}
