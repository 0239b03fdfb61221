//! Distribution: what it refers to is there and says the same.
//!
//! Must not know: payloads, signatures.

use std::collections::{HashMap, HashSet};

use flatpkg::product::{DistributionFacts, PackageFacts};

use super::Check;
use super::check::FOUND_MAX;
use super::payload::Contents;

const NAMES: [&str; 3] = ["distribution-references", "distribution-resources", "distribution-architectures"];

/// The checks of this module.
pub fn checks(facts: &PackageFacts, components: &[Contents<'_>]) -> Vec<Check> {
    let Some(distribution) = &facts.distribution else {
        return NAMES
            .iter()
            .map(|name| Check::not_applicable(name, "a component package has none"))
            .collect();
    };
    vec![
        Check::of(NAMES[0], reference_faults(distribution, components)),
        Check::of(NAMES[1], resource_faults(distribution, &facts.resources)),
        Check::of(NAMES[2], architecture_faults(distribution)),
    ]
}

/// Each pkg-ref names a component that is there, with its identifier, version
/// and size; each choice names such a reference.
fn reference_faults(distribution: &DistributionFacts, components: &[Contents<'_>]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut referred = HashSet::new();
    let folders: HashMap<&str, _> =
        components.iter().map(|component| (component.facts.folder.as_str(), component)).collect();
    for reference in &distribution.package_references {
        if faults.len() >= FOUND_MAX {
            return faults;
        }
        let id = reference.id.as_deref().unwrap_or_default();
        // One component can have several references; those without a place add facts.
        let Some(place) = reference.location.strip_prefix('#') else {
            if !reference.location.is_empty() && !reference.location.contains("://") {
                faults.push(format!("{id:?} refers to {:?}, outside the package", reference.location));
            }
            continue;
        };
        let folder = percent_decoded(place);
        let Some(component) = folders.get(folder.as_str()) else {
            faults.push(format!("{id:?} refers to {place:?}, which is not there"));
            continue;
        };
        referred.insert(folder);
        let Some(info) = &component.facts.package_info else { continue };
        let mut differs = |what: &str, here: Option<String>, there: Option<String>| {
            if here.is_some() && here != there {
                faults.push(format!(
                    "{id:?}: its {what} is {:?} here and {:?} in PackageInfo",
                    here.unwrap_or_default(),
                    there.unwrap_or_default()
                ));
            }
        };
        differs("identifier", reference.id.clone(), info.identifier.clone());
        differs("version", reference.version.clone(), info.version.clone());
        differs(
            "size",
            reference.install_kbytes.map(|size| size.to_string()),
            Some(info.install_kbytes.unwrap_or(0).to_string()),
        );
    }
    for component in components {
        if !component.facts.folder.is_empty() && !referred.contains(&component.facts.folder) {
            faults.push(format!("{:?} is there and nothing refers to it", component.facts.folder));
        }
    }
    let known: HashSet<&str> =
        distribution.package_references.iter().filter_map(|one| one.id.as_deref()).collect();
    for choice in &distribution.choices {
        for id in &choice.package_references {
            if faults.len() >= FOUND_MAX {
                return faults;
            }
            if !known.contains(id.as_str()) {
                faults.push(format!(
                    "the choice {:?} wants {id:?}, which is not there",
                    choice.id.as_deref().unwrap_or_default()
                ));
            }
        }
    }
    let choices: HashSet<&str> =
        distribution.choices.iter().filter_map(|choice| choice.id.as_deref()).collect();
    for line in &distribution.outline {
        if !choices.contains(line.as_str()) {
            faults.push(format!("the outline lists the choice {line:?}, which is not there"));
        }
    }
    faults
}

/// productbuild writes names in pkg-ref as URLs.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = (*first == b'%').then(|| after.get(..2)).flatten();
        let value = escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
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

/// A page's file lies in Resources, or in a language's folder there.
fn resource_faults(distribution: &DistributionFacts, resources: &[String]) -> Vec<String> {
    let mut there = HashSet::new();
    for path in resources.iter().filter_map(|path| path.strip_prefix("Resources/")) {
        there.insert(path);
        if let Some((folder, name)) = path.split_once('/')
            && folder.ends_with(".lproj")
        {
            there.insert(name);
        }
    }
    distribution
        .pages
        .iter()
        .filter_map(|page| Some((page, page.file.as_deref()?)))
        .filter(|(_, file)| !there.contains(file))
        .map(|(page, file)| format!("{}: Resources/{file} is not there", page.element))
        .collect()
}

/// Without hostArchitectures a Mac with Apple silicon asks for Rosetta.
fn architecture_faults(distribution: &DistributionFacts) -> Vec<String> {
    match distribution.host_architectures.as_deref() {
        Some(list) if !list.trim().is_empty() => Vec::new(),
        _ => vec![
            "the option hostArchitectures is missing: a Mac with Apple silicon would ask for Rosetta"
                .to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn names_in_references_are_urls() {
        assert_eq!(percent_decoded("My%20App.pkg"), "My App.pkg");
        assert_eq!(percent_decoded("100%.pkg%2"), "100%.pkg%2");
        assert_eq!(percent_decoded("%C3%A9%é"), "é%é");
    }
}
