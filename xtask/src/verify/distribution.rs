//! Distribution: what it refers to is there, and nothing else is.
//!
//! Must not know: payloads, signatures.

use std::collections::{HashMap, HashSet};

use flatpkg::component::ComponentFacts;
use flatpkg::product::{DistributionFacts, PackageFacts, component_folder};
use flatpkg::xml::Element;

use super::{Check, Findings};

const NAMES: [&str; 3] = ["distribution-references", "distribution-resources", "distribution-architectures"];

/// What a `pkg-ref` refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing: it adds facts to another one of the same identifier.
    Nowhere,
    /// A component in the package, by its folder.
    Inside(String),
    /// Something outside of the package, which Installer fetches.
    Outside(String),
}

/// A `pkg-ref`, wherever it stands: right under the root, or in a choice.
pub struct Reference<'a> {
    /// The element.
    pub element: &'a Element,
    /// What it refers to.
    pub place: Place,
}

/// Every `pkg-ref` of a Distribution, in order.
pub fn references(distribution: &DistributionFacts) -> Vec<Reference<'_>> {
    fn add<'a>(element: &'a Element, all: &mut Vec<Reference<'a>>) {
        for child in &element.children {
            if child.name == "pkg-ref" {
                all.push(Reference { element: child, place: place(child.text.trim()) });
            } else {
                add(child, all);
            }
        }
    }
    let mut all = Vec::new();
    add(&distribution.document, &mut all);
    all
}

fn place(location: &str) -> Place {
    match component_folder(location) {
        Some(inside) => Place::Inside(inside),
        None if location.is_empty() => Place::Nowhere,
        None => Place::Outside(location.to_owned()),
    }
}

/// The checks of this module.
pub fn checks(facts: &PackageFacts) -> Vec<Check> {
    let Some(distribution) = &facts.distribution else {
        return NAMES
            .iter()
            .map(|name| Check::not_applicable(name, "a component package has none"))
            .collect();
    };
    vec![
        Check::of(NAMES[0], reference_findings(distribution, &facts.components)),
        Check::of(NAMES[1], resource_findings(distribution, &facts.resources)),
        Check::of(NAMES[2], architecture_findings(distribution)),
    ]
}

/// Each pkg-ref names a component that is there. (That each component is named, its reader
/// sees to.) What they say of it twice is odd where it differs: Installer goes by PackageInfo.
fn reference_findings(distribution: &DistributionFacts, components: &[ComponentFacts]) -> Findings {
    let mut found = Findings::default();
    let mut known = HashSet::new();
    let folders: HashMap<&str, _> =
        components.iter().map(|component| (component.folder.as_str(), component)).collect();
    for Reference { element, place } in references(distribution) {
        if found.are_many() {
            return found;
        }
        let id = element.attribute("id").unwrap_or_default();
        let folder = match place {
            Place::Nowhere => continue,
            Place::Outside(location) => {
                known.insert(id);
                found.note(format!("{id:?} is {location:?}, outside the package: it was not checked"));
                continue;
            }
            Place::Inside(folder) => folder,
        };
        known.insert(id);
        let Some(component) = folders.get(folder.as_str()).filter(|_| !folder.is_empty()) else {
            found.fault(format!("{id:?} refers to {folder:?}, which is missing"));
            continue;
        };
        let Some(info) = &component.package_info else { continue };
        let mut differs = |what: &str, here: Option<&str>, there: Option<&str>| {
            if here.is_some() && here != there {
                found.note(format!(
                    "{id:?}: its {what} is {:?} here and {:?} in PackageInfo",
                    here.unwrap_or_default(),
                    there.unwrap_or_default()
                ));
            }
        };
        differs("identifier", element.attribute("id"), info.identifier.as_deref());
        differs("version", element.attribute("version"), info.version.as_deref());
        let size = info.install_kbytes.unwrap_or(0).to_string();
        differs("size", element.attribute("installKBytes"), Some(&size));
    }
    // A reference without a place is one too, if another tells the place, or none is needed.
    known.extend(distribution.package_references.iter().filter_map(|one| one.id.as_deref()));
    for choice in &distribution.choices {
        for id in &choice.package_references {
            if found.are_many() {
                return found;
            }
            if !known.contains(id.as_str()) {
                found.note(format!(
                    "the choice {:?} wants {id:?}, which is missing",
                    choice.id.as_deref().unwrap_or_default()
                ));
            }
        }
    }
    let choices: HashSet<&str> =
        distribution.choices.iter().filter_map(|choice| choice.id.as_deref()).collect();
    for line in &distribution.outline {
        if !choices.contains(line.as_str()) {
            found.note(format!("the outline lists the choice {line:?}, which is missing"));
        }
    }
    found
}

/// A page's file lies in Resources, or in a language's folder there. Installer leaves a
/// page out whose file is missing.
fn resource_findings(distribution: &DistributionFacts, resources: &[String]) -> Findings {
    let mut there = HashSet::new();
    for path in resources.iter().filter_map(|path| path.strip_prefix("Resources/")) {
        there.insert(path);
        if let Some((folder, name)) = path.split_once('/')
            && folder.ends_with(".lproj")
        {
            there.insert(name);
        }
    }
    let mut found = Findings::default();
    for page in &distribution.pages {
        if let Some(file) = page.file.as_deref().filter(|file| !there.contains(file)) {
            found.note(format!("{}: Resources/{file} is missing", page.element));
        }
    }
    found
}

/// Without hostArchitectures, as before 2020, a Mac with Apple silicon asks for Rosetta.
fn architecture_findings(distribution: &DistributionFacts) -> Findings {
    let mut found = Findings::default();
    if distribution.host_architectures.as_deref().is_none_or(|list| list.trim().is_empty()) {
        found.note("the option hostArchitectures is missing: a Mac with Apple silicon would ask for Rosetta");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Place, place};

    #[test]
    fn where_references_lead() {
        for inside in ["#a%20b.pkg", "file:#a%20b.pkg", "#./a%20b.pkg"] {
            assert_eq!(place(inside), Place::Inside("a b.pkg".to_owned()));
        }
        assert_eq!(place(""), Place::Nowhere);
        for outside in ["https://example.com/a.pkg", "file:./a.pkg", "../a.pkg"] {
            assert_eq!(place(outside), Place::Outside(outside.to_owned()));
        }
    }
}
