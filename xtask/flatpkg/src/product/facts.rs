//! What a `Distribution` says, element by element.
//!
//! Must not know: the archive around it, whether any of it is right.

use crate::findings::Findings;
use crate::xml::Element;

/// The elements that show a file.
const PAGES: [&str; 6] = ["background", "background-darkAqua", "welcome", "readme", "license", "conclusion"];
/// The root elements that Installer knows: of today and of before 10.6.
const ROOTS: [&str; 2] = ["installer-gui-script", "installer-script"];

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
    /// Every `pkg-ref` right under the root, and those in a choice that say where their
    /// component is: one component can have several.
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
    /// The folder of the archive that the location names, decoded; `None`, if it names
    /// none.
    pub component: Option<String>,
}

impl DistributionFacts {
    pub(super) fn new(document: Element, findings: &mut Findings) -> Self {
        if !ROOTS.contains(&document.name.as_str()) {
            let text = format!(
                "has the root element {:?}, where Installer looks for installer-gui-script",
                document.name
            );
            findings.lie("Distribution", text);
        }
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
                .chain(document.all("choice").flat_map(|choice| choice.all("pkg-ref")).filter(has_location))
                .map(package_reference)
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

fn has_location(reference: &&Element) -> bool {
    !reference.text.trim().is_empty()
}

fn package_reference(reference: &Element) -> PackageReference {
    let attribute = |name| reference.attribute(name).map(str::to_owned);
    let location = reference.text.trim();
    PackageReference {
        id: attribute("id"),
        version: attribute("version"),
        install_kbytes: reference.attribute("installKBytes").and_then(|text| text.parse().ok()),
        location: location.to_owned(),
        component: component_folder(location),
    }
}

/// The folder of the archive that a `pkg-ref`'s location names: productbuild writes
/// `#a.pkg`, PackageMaker `file:#a.pkg`.
pub fn component_folder(location: &str) -> Option<String> {
    let place = location.strip_prefix("file:").unwrap_or(location).strip_prefix('#')?;
    Some(percent_decoded(place.strip_prefix("./").unwrap_or(place)))
}

/// productbuild writes names in pkg-ref as URLs.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = (*first == b'%').then(|| after.first_chunk::<2>()).flatten();
        let digits = escape.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let value = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_references_lead() {
        for (location, component) in [
            ("#a.pkg", Some("a.pkg")),
            ("file:#a.pkg", Some("a.pkg")),
            ("#./a.pkg", Some("a.pkg")),
            ("#My%20App.pkg", Some("My App.pkg")),
            ("#100%.pkg%2", Some("100%.pkg%2")),
            ("#%+1", Some("%+1")),
            ("#%C3%A9%é", Some("é%é")),
            ("a.pkg", None),
            ("https://example.org/a.pkg", None),
        ] {
            let reference = Element { text: format!(" {location}\n"), ..Element::default() };
            assert_eq!(package_reference(&reference).component.as_deref(), component, "{location}");
        }
    }
}
