//! Reads a package, product archive or component, that anybody may have made.
//!
//! Must not know: whether its parts agree with each other.

use std::collections::HashSet;
use std::io::{Read, Seek};

use crate::component::{ComponentFacts, read_document};
use crate::error::ReadError;
use crate::xar::{Archive, TocFile};
use crate::xml::{DOCUMENT_MAX, Element};

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
}

/// What `Distribution` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistributionFacts {
    /// The product's identifier.
    pub identifier: Option<String>,
    /// The product's version.
    pub version: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The option `hostArchitectures`, as it stands.
    pub host_architectures: Option<String>,
    /// Every `os-version`'s `min` of the volume check.
    pub minimum_macos: Vec<String>,
    /// The installation check's expression.
    pub installation_check: Option<String>,
    /// The text of each `script`, in order.
    pub scripts: Vec<String>,
    /// The pages and pictures.
    pub pages: Vec<PageFacts>,
    /// The choices that the outline lists, at any depth, in order.
    pub outline: Vec<String>,
    /// The choices.
    pub choices: Vec<ChoiceFacts>,
    /// Every `pkg-ref` right under the root: one component can have several.
    pub package_references: Vec<PackageReference>,
    /// Everything it says.
    pub document: Element,
}

/// A page or picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageFacts {
    /// The element's name, such as `welcome`.
    pub element: String,
    /// The file under `Resources/`.
    pub file: Option<String>,
    /// Its MIME type.
    pub mime_type: Option<String>,
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceFacts {
    /// Its identifier.
    pub id: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// `visible`, as it stands.
    pub visible: Option<String>,
    /// The identifiers of the components that it installs.
    pub package_references: Vec<String>,
}

/// What refers to a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageReference {
    /// The component's identifier.
    pub id: Option<String>,
    /// The component's version.
    pub version: Option<String>,
    /// Its size on disk in KiB.
    pub install_kbytes: Option<u64>,
    /// Where it is, such as `#name.pkg`; empty if it does not say.
    pub location: String,
}

/// The elements that show a file.
const PAGES: [&str; 6] = ["background", "background-darkAqua", "welcome", "readme", "license", "conclusion"];

impl PackageFacts {
    /// Reads a package.
    ///
    /// # Errors
    /// [`ReadError`], if the archive or one of the documents cannot be read.
    pub fn read<R: Read + Seek>(input: &mut R) -> Result<Self, ReadError> {
        let archive = Archive::read(input)?;
        // All documents together: there can be thousands, and they are kept.
        let mut left = DOCUMENT_MAX as u64;
        let distribution = match archive.find("Distribution").and_then(|file| file.data.as_ref()) {
            None => None,
            Some(data) => {
                let document = read_document(&archive, input, "Distribution", data, &mut left)?;
                Some(DistributionFacts::new(document))
            }
        };
        let mut components = Vec::new();
        if is_component(&archive.toc.files) {
            components.push(ComponentFacts::read_within(&archive, input, "", &mut left)?);
        }
        // Of folders with the same name, the first counts: read under their name, all
        // would be that one.
        let mut names = HashSet::new();
        for folder in archive.toc.files.iter().filter(|file| is_component(&file.files)) {
            if names.insert(folder.name()) {
                components.push(ComponentFacts::read_within(&archive, input, folder.name(), &mut left)?);
            }
        }
        let resources = archive
            .files()
            .into_iter()
            .filter(|(path, file)| path.starts_with("Resources/") && !file.is_directory())
            .map(|(path, _)| path)
            .collect();
        Ok(Self { archive, distribution, components, resources })
    }
}

fn is_component(files: &[TocFile]) -> bool {
    files.iter().any(|file| matches!(file.name(), "PackageInfo" | "Bom" | "Payload" | "Scripts"))
}

impl DistributionFacts {
    fn new(document: Element) -> Self {
        let product = document.first("product");
        let product_text = |name| product?.attribute(name).map(str::to_owned);
        let minimum_macos = document
            .first("volume-check")
            .and_then(|check| check.first("allowed-os-versions"))
            .into_iter()
            .flat_map(|versions| versions.all("os-version"))
            .filter_map(|version| version.attribute("min").map(str::to_owned))
            .collect();
        let attribute = |element: &Element, name| element.attribute(name).map(str::to_owned);
        let pages = document.children.iter().filter(|child| PAGES.contains(&child.name.as_str()));
        let mut outline = Vec::new();
        for element in document.all("choices-outline") {
            list_lines(element, &mut outline);
        }
        Self {
            identifier: product_text("id"),
            version: product_text("version"),
            title: document.child_text("title").map(str::to_owned),
            host_architectures: document
                .first("options")
                .and_then(|options| attribute(options, "hostArchitectures")),
            minimum_macos,
            installation_check: document
                .first("installation-check")
                .and_then(|check| attribute(check, "script")),
            scripts: document.all("script").map(|script| script.text.clone()).collect(),
            pages: pages
                .map(|page| PageFacts {
                    element: page.name.clone(),
                    file: attribute(page, "file"),
                    mime_type: attribute(page, "mime-type"),
                })
                .collect(),
            outline,
            choices: document
                .all("choice")
                .map(|choice| ChoiceFacts {
                    id: attribute(choice, "id"),
                    title: attribute(choice, "title"),
                    visible: attribute(choice, "visible"),
                    package_references: choice
                        .all("pkg-ref")
                        .filter_map(|reference| attribute(reference, "id"))
                        .collect(),
                })
                .collect(),
            package_references: document
                .all("pkg-ref")
                .map(|reference| PackageReference {
                    id: attribute(reference, "id"),
                    version: attribute(reference, "version"),
                    install_kbytes: reference.attribute("installKBytes").and_then(|text| text.parse().ok()),
                    location: reference.text.trim().to_owned(),
                })
                .collect(),
            document,
        }
    }
}

/// The choices of an outline; documents are not nested deeply enough to matter.
fn list_lines(element: &Element, outline: &mut Vec<String>) {
    for line in element.all("line") {
        outline.extend(line.attribute("choice").map(str::to_owned));
        list_lines(line, outline);
    }
}
