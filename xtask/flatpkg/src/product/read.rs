//! Reads a package, product archive or component, that anybody may have made.
//!
//! Must not know: whether its parts agree with each other.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::facts::DistributionFacts;
use super::strings::{self, STRINGS_MAX};
use crate::component::{ComponentFacts, read_document};
use crate::error::ReadError;
use crate::findings::Findings;
use crate::xar::{Archive, TocFile};
use crate::xml::Left;

/// In how many languages the title is looked for.
const LANGUAGES_MAX: usize = 64;

/// A package whose table of contents and documents were read.
#[derive(Debug, Clone)]
pub struct PackageFacts {
    /// The archive; content is read through it.
    pub archive: Archive,
    /// `Distribution`; a component package alone has none.
    pub distribution: Option<DistributionFacts>,
    /// The components: those folders at the top that have a `PackageInfo`, a `Bom`, a
    /// `Payload` or `Scripts`, or the top itself.
    pub components: Vec<ComponentFacts>,
    /// The paths of the files under `Resources/`.
    pub resources: Vec<String>,
    /// The title, where `Distribution` names a text of `Localizable.strings`: in English,
    /// else in the first language that is there.
    pub localized_title: Option<String>,
    /// What is odd or deceitful in the table of contents and the documents.
    pub findings: Findings,
}

impl PackageFacts {
    /// Reads a package.
    ///
    /// # Errors
    /// [`ReadError`], if the archive or one of the documents cannot be read.
    pub fn read<R: Read + Seek>(input: &mut R) -> Result<Self, ReadError> {
        let archive = Archive::read(input)?;
        let mut findings = archive.findings.clone();
        // All documents together: there can be thousands, and they are kept.
        let mut left = Left::of_documents();
        let has = |name| archive.find(name).is_some_and(|file| file.data.is_some());
        if !has("Distribution") && !has("PackageInfo") {
            return Err(ReadError::NotPackage);
        }
        let distribution = match archive.find("Distribution").and_then(|file| file.data.as_ref()) {
            None => None,
            Some(data) => {
                let document =
                    read_document(&archive, input, "Distribution", data, &mut left, &mut findings)?;
                Some(DistributionFacts::new(document, &mut findings))
            }
        };
        let mut components = Vec::new();
        let mut read = |folder: &str| {
            ComponentFacts::read_within(&archive, input, folder, &mut left, &mut findings)
                .map(|component| components.push(component))
        };
        if is_component(&archive.toc.files) {
            read("")?;
        }
        // Of folders with the same name, the first counts: read under their name, all
        // would be that one.
        let mut names = HashSet::new();
        for folder in archive.toc.files.iter().filter(|file| is_component(&file.files)) {
            if names.insert(folder.name()) {
                read(folder.name())?;
            }
        }
        if let Some(distribution) = &distribution {
            let references = &distribution.package_references;
            let named: HashSet<&str> = references.iter().filter_map(|one| one.component.as_deref()).collect();
            for component in components.iter().filter(|one| !named.contains(one.folder.as_str())) {
                let place = if component.folder.is_empty() { "PackageInfo" } else { &component.folder };
                findings.lie(place, "is a component that Distribution does not name");
            }
        }
        let files = archive.files().into_iter();
        let resources: Vec<String> = files
            .filter(|(path, file)| path.starts_with("Resources/") && !file.is_directory())
            .map(|(path, _)| path)
            .collect();
        let title = distribution.as_ref().and_then(|distribution| distribution.title.as_deref());
        let localized_title = title.and_then(|title| localized(&archive, input, &resources, title));
        Ok(Self { archive, distribution, components, resources, localized_title, findings })
    }
}

fn is_component(files: &[TocFile]) -> bool {
    files.iter().any(|file| matches!(file.name(), "PackageInfo" | "Bom" | "Payload" | "Scripts"))
}

/// The text that a key stands for. What cannot be read has none.
fn localized<R: Read + Seek>(
    archive: &Archive,
    input: &mut R,
    resources: &[String],
    key: &str,
) -> Option<String> {
    let is_strings = |path: &&String| path.ends_with(".lproj/Localizable.strings");
    let mut files: Vec<&String> = resources.iter().filter(is_strings).take(LANGUAGES_MAX).collect();
    let is_english =
        |path: &str| ["en.lproj", "English.lproj", "Base.lproj"].iter().any(|one| path.contains(one));
    files.sort_by_key(|path| !is_english(path));
    files.into_iter().find_map(|path| {
        let data = archive.find(path)?.data.as_ref()?;
        strings::lookup(&archive.content(input, path, data, STRINGS_MAX).ok()?, key)
    })
}
