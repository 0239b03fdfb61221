//! Where links between Markdown files lead.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::Guide;
use crate::support::root;

/// What a page shows as the anchor of a heading: GitHub's rule, letters in lower
/// case, `-` for a space, and of other characters `-` and `_` alone.
fn slug(heading: &str) -> String {
    // Of a link, only its text is shown.
    let mut shown = String::new();
    let mut rest = heading;
    while let Some((before, link)) = rest.split_once('[') {
        shown.push_str(before);
        let (text, behind) = link.split_once("](").map_or((link, ""), |(text, target)| {
            (text, target.split_once(')').map_or("", |(_, behind)| behind))
        });
        shown.push_str(text);
        rest = behind;
    }
    shown.push_str(rest);
    shown
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            _ if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

fn anchors(guide: &Guide) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in guide.prose() {
        let text = line.trim_start_matches('#');
        if text.len() < line.len() && text.starts_with(' ') {
            let anchor = slug(text.trim());
            assert!(found.insert(anchor.clone()), "{}: two headings #{anchor}", guide.path);
        }
    }
    found
}

/// Targets of links and pictures, without what is shown as code.
fn targets(guide: &Guide) -> Vec<String> {
    let text = guide.prose().join("\n");
    let text: String = text.split('`').step_by(2).collect();
    let mut found: Vec<String> =
        text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()).collect();
    for attribute in [" src=\"", " srcset=\"", " href=\""] {
        found.extend(text.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    found
}

/// A path without `..`, from the repository's root.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(plain.pop(), "{} leads out", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut guides = Guide::all();
    guides.extend(["CHANGELOG.md", "xtask/fuzz/README.md"].map(Guide::read));
    for guide in &guides {
        for target in targets(guide) {
            if target.starts_with("https://") || target.starts_with("http://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => PathBuf::from(&guide.path),
                file => plain(&Path::new(&guide.path).with_file_name(file)),
            };
            assert!(root().join(&path).exists(), "{}: {target}: no such file", guide.path);
            if !anchor.is_empty() {
                let found = anchors(&Guide::read(path.to_str().unwrap()));
                assert!(found.contains(anchor), "{}: {target}: no such heading; {found:?}", guide.path);
            }
        }
    }
}

#[test]
fn the_readme_leads_to_every_guide() {
    let guides = Guide::all();
    let linked = targets(&guides[0]);
    for guide in &guides[1..] {
        assert!(linked.contains(&guide.path), "README.md does not name {}", guide.path);
    }
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(slug("In install.log: warnings"), "in-installlog-warnings");
    assert_eq!(slug("`lima-start`, and [a link](x.md) in_it"), "lima-start-and-a-link-in_it");
}
