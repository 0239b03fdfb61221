//! What a Distribution says, and what runs because it says so: JavaScript, Installer's
//! plug-ins, programs that the JavaScript starts, components from elsewhere.
//!
//! All of that runs as the person who installs, before anything is agreed to.
//!
//! Must not know: whether any of it is sound, how it is printed.

use std::io::{Read, Seek};

use flatpkg::product::strings::{self, STRINGS_MAX};
use flatpkg::product::{DistributionFacts, PackageFacts};
use flatpkg::xml::Element;
use serde::Serialize;

use crate::verify::distribution::{Place, references};

/// Languages whose titles are taken first, in order.
const LANGUAGES: [&str; 3] = ["en", "English", "Base"];
/// Attributes of a choice that hold an expression of JavaScript.
const EXPRESSIONS: [&str; 5] = ["selected", "enabled", "visible", "start_selected", "start_enabled"];

/// What a Distribution says.
#[derive(Debug, Serialize)]
pub struct Product {
    /// Title of Installer's window.
    pub title: Option<String>,
    /// Identifier.
    pub identifier: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Oldest macOS.
    pub minimum_macos: Vec<String>,
    /// Processors.
    pub host_architectures: Option<String>,
    /// Whether a script decides if it may be installed.
    pub installation_check: bool,
    /// Files that Installer shows.
    pub resources: Vec<String>,
    /// The JavaScript in it, if there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub javascript: Option<JavaScript>,
    /// Bundles that Installer loads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plug_ins: Vec<String>,
    /// What can be chosen.
    pub choices: Vec<Choice>,
    /// Components that are not in the package.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Elsewhere>,
    /// What is asked for at the end: a restart, say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_conclusion: Vec<String>,
}

/// A Distribution's JavaScript.
#[derive(Debug, Serialize)]
pub struct JavaScript {
    /// What starts it: element and attribute, with the expression.
    pub starts: Vec<String>,
    /// The programs that it runs, as they are named in `system.run`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// Whether it may run programs.
    pub may_run_programs: bool,
    /// Bytes of all of it.
    pub size: usize,
    /// Its text, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Something that the person who installs can choose, or that is chosen for them.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// Its identifier.
    pub id: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Whether it is shown, as it stands.
    pub visible: Option<String>,
    /// Whether it is chosen at first, as it stands.
    pub selected: Option<String>,
    /// The components that it installs.
    pub packages: Vec<String>,
}

/// A component that is not in the package.
#[derive(Debug, Serialize)]
pub struct Elsewhere {
    /// Its identifier.
    pub id: Option<String>,
    /// Where Installer finds it.
    pub location: String,
}

/// Reads what a Distribution says; the JavaScript's text with `texts`.
pub fn product<R: Read + Seek>(facts: &PackageFacts, input: &mut R, texts: bool) -> Option<Product> {
    let distribution = facts.distribution.as_ref()?;
    let mut localized = |text: &Option<String>| {
        text.as_ref().map(|key| localized(facts, distribution, input, key).unwrap_or_else(|| key.clone()))
    };
    let title = localized(&distribution.title);
    let choices = distribution
        .document
        .all("choice")
        .map(|choice| Choice {
            id: choice.attribute("id").map(str::to_owned),
            title: localized(&choice.attribute("title").map(str::to_owned)),
            visible: choice.attribute("visible").map(str::to_owned),
            selected: choice
                .attribute("selected")
                .or_else(|| choice.attribute("start_selected"))
                .map(str::to_owned),
            packages: choice
                .all("pkg-ref")
                .filter_map(|reference| reference.attribute("id").map(str::to_owned))
                .collect(),
        })
        .collect();
    Some(Product {
        title,
        identifier: distribution.identifier.clone(),
        version: distribution.version.clone(),
        minimum_macos: distribution.minimum_macos.clone(),
        host_architectures: distribution.host_architectures.clone(),
        installation_check: distribution.installation_check.is_some(),
        resources: facts.resources.clone(),
        javascript: javascript(&distribution.document, texts),
        plug_ins: plug_ins(facts),
        choices,
        elsewhere: references(distribution)
            .into_iter()
            .filter_map(|reference| match reference.place {
                Place::Outside(location) => {
                    Some(Elsewhere { id: reference.element.attribute("id").map(str::to_owned), location })
                }
                _ => None,
            })
            .collect(),
        on_conclusion: conclusions(distribution),
    })
}

/// The JavaScript of a Distribution: `script` elements, and attributes that are
/// expressions.
fn javascript(document: &Element, texts: bool) -> Option<JavaScript> {
    let mut starts = Vec::new();
    let mut scripts: Vec<&str> = Vec::new();
    let mut open = vec![document];
    while let Some(element) = open.pop() {
        open.extend(element.children.iter().rev());
        match element.name.as_str() {
            "script" => scripts.push(&element.text),
            "choice" => {
                let id = element.attribute("id").unwrap_or_default();
                for name in EXPRESSIONS {
                    let value = element.attribute(name).map(str::trim);
                    if let Some(value) = value.filter(|value| !matches!(*value, "" | "true" | "false")) {
                        starts.push(format!("choice {id}, {name}: {value}"));
                    }
                }
            }
            name => starts.extend(element.attribute("script").map(|value| format!("{name}: {value}"))),
        }
    }
    if starts.is_empty() && scripts.is_empty() {
        return None;
    }
    let text = scripts.join("\n");
    let mut programs = Vec::new();
    for source in scripts.iter().copied().chain(starts.iter().map(String::as_str)) {
        programs.extend(programs_in(source));
    }
    programs.sort();
    programs.dedup();
    let options = document.all("options");
    let may_run_programs = options
        .filter_map(|options| options.attribute("allow-external-scripts"))
        .any(|value| matches!(value, "true" | "yes"));
    Some(JavaScript { starts, programs, may_run_programs, size: text.len(), text: texts.then_some(text) })
}

/// What is written in `system.run(...)` and `system.runOnce(...)` up to the first comma:
/// a program's name, or the expression that gives it.
fn programs_in(source: &str) -> Vec<String> {
    const LONGEST: usize = 200;
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find("system.run") {
        rest = &rest[at + "system.run".len()..];
        let call = rest.strip_prefix("Once").unwrap_or(rest).trim_start();
        let Some(arguments) = call.strip_prefix('(') else { continue };
        let end = arguments.find([',', ')', '\n']).unwrap_or(arguments.len());
        let name: String = arguments[..end].trim().trim_matches(['"', '\'']).chars().take(LONGEST).collect();
        found.push(name);
    }
    found
}

/// The bundles in `Plugins/`, and the list that says in which order.
fn plug_ins(facts: &PackageFacts) -> Vec<String> {
    let folder = facts.archive.toc.files.iter().filter(|file| file.name() == "Plugins");
    let members = folder.flat_map(|folder| &folder.files);
    members.map(|member| member.name()).filter(|name| name.ends_with(".bundle")).map(str::to_owned).collect()
}

fn conclusions(distribution: &DistributionFacts) -> Vec<String> {
    let mut found = Vec::new();
    for reference in references(distribution) {
        let id = reference.element.attribute("id").unwrap_or_default();
        for name in ["onConclusion", "onConclusionScript"] {
            let value = reference.element.attribute(name).map(str::trim);
            if let Some(value) = value.filter(|value| !matches!(*value, "" | "none" | "None")) {
                found.push(format!("{id}, {name}: {value}"));
            }
        }
    }
    found
}

/// The text that a key of the Distribution stands for, in English where it is there.
fn localized<R: Read + Seek>(
    facts: &PackageFacts,
    distribution: &DistributionFacts,
    input: &mut R,
    key: &str,
) -> Option<String> {
    let inline = distribution.document.all("localization").flat_map(|one| one.all("strings"));
    let by_language = |language: &str| LANGUAGES.iter().position(|one| *one == language);
    let mut inline: Vec<&Element> = inline.collect();
    let rank = |language: Option<&str>| language.and_then(by_language).unwrap_or(LANGUAGES.len());
    inline.sort_by_key(|strings| rank(strings.attribute("language")));
    if let Some(text) = inline.iter().find_map(|one| strings::lookup(one.text.as_bytes(), key)) {
        return Some(text);
    }
    let folder = |path: &str| {
        path.strip_prefix("Resources/")?.strip_suffix(".lproj/Localizable.strings").map(str::to_owned)
    };
    let mut files: Vec<(String, &String)> =
        facts.resources.iter().filter_map(|path| Some((folder(path)?, path))).collect();
    files.sort_by_key(|(language, _)| rank(Some(language)));
    files.iter().find_map(|(_, path)| {
        let data = facts.archive.find(path)?.data.as_ref()?;
        let bytes = facts.archive.content(input, path, data, STRINGS_MAX).ok()?;
        strings::lookup(&bytes, key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_javascript_runs() {
        let source = "if (system.run('/usr/bin/true')) { x = system.runOnce ( \"a.sh\", \"-x\"); }\n\
                      system.run(system.files.name);\nsystem.running = 1; system.run(";
        assert_eq!(programs_in(source), ["/usr/bin/true", "a.sh", "system.files.name", ""]);
    }

    #[test]
    fn expressions_are_javascript_and_plain_values_are_not() {
        let document = flatpkg::xml::read(
            b"<installer-gui-script><options allow-external-scripts='yes'/>\
              <choice id='a' visible='false' selected='f()'/><choice id='b' selected='true'/>\
              <volume-check script='v()'/><script>function f() {}</script></installer-gui-script>",
        )
        .unwrap();
        let found = javascript(&document, true).unwrap();
        assert_eq!(found.starts, ["choice a, selected: f()", "volume-check: v()"]);
        assert_eq!((found.may_run_programs, found.text.as_deref()), (true, Some("function f() {}")));
        let plain = flatpkg::xml::read(b"<a><choice id='b' selected='true'/></a>").unwrap();
        assert!(javascript(&plain, true).is_none());
    }
}
