//! The `control` file: fields, and a description in paragraphs.
//!
//! Must not know: archives.

use crate::package::{Package, Relation};
use crate::text::wrapped;

/// Widest line of a description, without the blank before it.
const WIDTH: usize = 76;

/// The version with its revision.
pub fn version(package: &Package) -> String {
    format!("{}-{}", package.version, package.release)
}

/// The fields of a package that installs so many KiB.
pub fn control(package: &Package, installed_kib: u64) -> String {
    let mut fields = vec![
        ("Package", package.name.clone()),
        ("Version", version(package)),
        ("Architecture", "all".to_owned()),
        ("Maintainer", package.maintainer.clone()),
        ("Installed-Size", installed_kib.to_string()),
    ];
    let relations = &package.depends.deb;
    let lists = [
        ("Depends", &relations.requires),
        ("Recommends", &relations.recommends),
        ("Suggests", &relations.suggests),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            fields.push((name, list.iter().map(relation).collect::<Vec<_>>().join(", ")));
        }
    }
    fields.push(("Section", "admin".to_owned()));
    fields.push(("Priority", "optional".to_owned()));
    if let Some(homepage) = &package.homepage {
        fields.push(("Homepage", homepage.clone()));
    }
    fields.push(("Description", package.summary.clone()));
    let mut text: String = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    for (number, paragraph) in package.description.iter().enumerate() {
        if number > 0 {
            text.push_str(" .\n");
        }
        for line in wrapped(paragraph, WIDTH) {
            text.push_str(&format!(" {line}\n"));
        }
    }
    text
}

fn relation(relation: &Relation) -> String {
    match &relation.at_least {
        Some(version) => format!("{} (>= {version})", relation.name),
        None => relation.name.clone(),
    }
}
