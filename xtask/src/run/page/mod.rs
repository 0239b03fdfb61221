//! `index.html`, the page of a run: written piece by piece as the records are read.
//! A line of them, and the files of one instance, are in memory.
//!
//! The page fetches nothing, and says so to the browser: its policy names the
//! one style and the one script that are in it by their digests. It is XHTML,
//! so that any XML parser can check it.
//!
//! Must not know: the spec, what the files are. Whoever joins parts of a run has no
//! spec; what a file is, and what can be done with it, its maker says.

mod head;
mod instance;
mod package;

use std::io::{self, Write};

use askama::Template;

pub use head::{Totals, head};
pub use instance::{combined, instance};

use crate::artifact::{Artifact, Built, Makers, RunFiles};
use crate::render::fill;
use crate::render::text::{href, plain, size};
use crate::run::manifest::{MANIFEST_FILE, SUMS_FILE};

#[derive(Template)]
#[template(path = "index-file.html")]
struct FilePage {
    file: File,
}

/// A link to a file.
pub(super) struct File {
    pub href: String,
    pub name: String,
    pub what: Option<&'static str>,
    pub size: Option<String>,
}

#[derive(Template)]
#[template(path = "index-list.html")]
struct ListPage;

#[derive(Template)]
#[template(path = "index-foot.html")]
struct FootPage;

#[derive(Template)]
#[template(path = "index-end.html")]
struct EndPage;

/// Writes the page of all finished files.
///
/// # Errors
/// What the run's files or `out` report.
pub fn write(_: &Artifact, run: &mut dyn RunFiles, out: &mut dyn Write) -> io::Result<()> {
    let makers = run.makers();
    let mut totals = Totals::default();
    let mut packages = Vec::new();
    for built in run.records()? {
        let built = built?;
        totals.add(&built, makers);
        if built.artifact.instance.is_none() && makers.is_package(&built.artifact.kind) {
            packages.push(built);
        }
    }
    out.write_all(head(run.version(), run.organization(), &totals).as_bytes())?;
    if !packages.is_empty() {
        out.write_all(combined(&packages, makers).as_bytes())?;
    }
    drop(packages);

    out.write_all(list().as_bytes())?;
    let mut files: Vec<Built> = Vec::new();
    for built in run.records()? {
        let built = built?;
        if files.first().is_some_and(|first| first.artifact.instance != built.artifact.instance) {
            write_instance(&files, &totals, makers, out)?;
            files.clear();
        }
        if built.artifact.instance.is_some() {
            files.push(built);
        }
    }
    write_instance(&files, &totals, makers, out)?;

    out.write_all(foot().as_bytes())?;
    for built in run.records()? {
        let built = built?;
        if built.artifact.instance.is_none() && !makers.is_package(&built.artifact.kind) {
            out.write_all(line(&built, makers).as_bytes())?;
        }
    }
    out.write_all(end(run.to_come(), makers).as_bytes())
}

fn write_instance(files: &[Built], totals: &Totals, makers: &Makers, out: &mut dyn Write) -> io::Result<()> {
    let Some(name) = files.first().and_then(|first| first.artifact.instance.as_deref()) else {
        return Ok(());
    };
    out.write_all(instance(name, files, totals, makers).as_bytes())
}

/// What comes before the instances: a box that a script may show.
pub fn list() -> String {
    fill("index-list.html", &ListPage)
}

/// The beginning of the list of files that belong to no instance.
pub fn foot() -> String {
    fill("index-foot.html", &FootPage)
}

/// A line of that list.
pub fn line(built: &Built, makers: &Makers) -> String {
    fill("index-file.html", &FilePage { file: file(built, "", makers) })
}

/// The rest of it, and the page's end. The page is made before what is made of
/// it, so that it can tell no size of these.
pub fn end(to_come: &[Artifact], makers: &Makers) -> String {
    let link = |path: &str, what| File { href: href(path), name: plain(path), what, size: None };
    let to_come = to_come.iter().map(|artifact| link(&artifact.path, makers.words(artifact)));
    let own = [
        link(SUMS_FILE, Some("the SHA-256 of every file")),
        link(MANIFEST_FILE, Some("all that this page says, for programs")),
    ];
    let lines = to_come.chain(own).map(|file| fill("index-file.html", &FilePage { file }));
    lines.collect::<String>() + &fill("index-end.html", &EndPage)
}

/// A file, named below the folder of its instance.
fn file(built: &Built, instance: &str, makers: &Makers) -> File {
    let path = &built.artifact.path;
    let below = path.strip_prefix(instance).and_then(|path| path.strip_prefix('/'));
    File {
        href: href(path),
        name: plain(below.unwrap_or(path)),
        what: makers.words(&built.artifact),
        size: Some(size(built.size)),
    }
}
