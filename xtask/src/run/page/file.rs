//! Files as the page links them, those for one reader together.
//!
//! Must not know: what the files are.

use super::Facts;
use crate::artifact::Built;
use crate::render::text::{href, plain, size};

/// A link to a file.
pub(super) struct File {
    pub href: String,
    pub name: String,
    pub what: Option<&'static str>,
    pub size: Option<String>,
    pub address: Option<Address>,
}

/// The address of a file, where somebody enters it.
pub(super) struct Address {
    pub what: &'static str,
    pub url: String,
}

/// Files for one reader.
pub(super) struct Group {
    /// Who that is; `None` comes first.
    pub name: Option<&'static str>,
    pub files: Vec<File>,
}

/// Files of an instance by whom they are for, in the order in which they come.
pub(super) fn groups<'a>(
    files: impl Iterator<Item = &'a Built>,
    instance: &str,
    facts: &Facts,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for built in files {
        let (name, file) = (facts.makers.for_whom(&built.artifact), file(built, instance, facts));
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.files.push(file),
            None => groups.push(Group { name, files: vec![file] }),
        }
    }
    groups.sort_by_key(|group| group.name.is_some());
    groups
}

/// A file, named below the folder of its instance.
pub(super) fn file(built: &Built, instance: &str, facts: &Facts) -> File {
    let (path, makers) = (&built.artifact.path, facts.makers);
    let below = path.strip_prefix(instance).and_then(|path| path.strip_prefix('/'));
    let address = |url: &crate::settings::BaseUrl| {
        let what = makers.address(&built.artifact)?;
        Some(Address { what, url: plain(&url.join(path)) })
    };
    File {
        href: href(path),
        name: plain(below.unwrap_or(path)),
        what: makers.words(&built.artifact),
        size: Some(size(built.size)),
        address: facts.base_url.as_ref().and_then(address),
    }
}
