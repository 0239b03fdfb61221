//! The messages that the guides to trouble explain are those that the scripts
//! and the program say, and none of the scripts' is left out.

use std::fs;
use std::path::{Path, PathBuf};

use super::Guide;
use crate::support::root;

/// Most characters of the code that stands between two parts of a message: a
/// variable, or a command whose output is put there.
const GAP: usize = 70;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// A source's text with each message on one line, as it is said: in a script,
/// words in several strings and lines are one message.
fn said(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\\\n") {
        let behind = behind.trim_start();
        match (before.strip_suffix("\" "), behind.strip_prefix('"')) {
            (Some(before), Some(behind)) => {
                out.push_str(before);
                out.push(' ');
                rest = behind;
            }
            _ => {
                out.push_str(before);
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out.replace("\\\"", "\"")
}

fn scripts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root().join("pkg-scripts"), &mut found);
    found.sort();
    found.into_iter().map(|path| (path.clone(), said(&fs::read_to_string(path).unwrap()))).collect()
}

/// Whether a text says the parts one after the other, each soon after the one before.
fn says(text: &str, parts: &[&str]) -> bool {
    let Some((first, others)) = parts.split_first() else { return true };
    text.match_indices(first).any(|(at, _)| {
        let mut end = at + first.len();
        others.iter().all(|part| {
            let reach = text[end..].char_indices().nth(GAP).map_or(text.len(), |(at, _)| end + at);
            let reach = text[reach..]
                .char_indices()
                .nth(part.chars().count())
                .map_or(text.len(), |(at, _)| reach + at);
            text[end..reach].find(part).is_some_and(|at| {
                end += at + part.len();
                true
            })
        })
    })
}

/// Where messages are explained, as one text.
fn guides_to_trouble() -> Guide {
    let parts = ["docs/troubleshooting.md", "docs/lima-start-log.md"].map(|path| Guide::read(path).text);
    Guide { path: "docs/troubleshooting.md".to_owned(), text: parts.concat() }
}

#[test]
fn every_message_that_is_explained_is_one_that_is_said() {
    let mut sources = scripts();
    let mut rust = Vec::new();
    files(&root().join("xtask/src"), &mut rust);
    files(&root().join("templates"), &mut rust);
    sources.extend(rust.into_iter().map(|path| (path.clone(), said(&fs::read_to_string(path).unwrap()))));
    let guide = guides_to_trouble();
    let mut count = 0;
    // Each on a line of its own, so that it can be searched for.
    let lines = guide.text.lines().map(|line| line.trim_start_matches(['-', ' ']));
    for message in lines.filter_map(|line| line.strip_prefix("**`")?.strip_suffix("`**\\")) {
        let parts: Vec<&str> = message.split('…').filter(|part| !part.trim().is_empty()).collect();
        assert!(sources.iter().any(|(_, text)| says(text, &parts)), "nothing says: {message}");
        count += 1;
    }
    assert!(count > 80, "{count} messages");
}

/// What a script says after one of these words is for the person who meets it.
const SAY: [&str; 9] = [
    "fail \"",
    "tell \"",
    "fail_together \"",
    "warn \"",
    "vm_say \"",
    "vm_say_once \"",
    "USER_PROBLEM=\"",
    "vm_problem=\"",
    "status_problem=\"",
];

/// The words of a message in a script that are the same whatever is found: what
/// is between its variables and commands.
fn fixed(message: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = message;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '$' {
            parts.last_mut().unwrap().push(c);
            continue;
        }
        let end = match rest.chars().next() {
            Some('{') => rest.find('}').map_or(rest.len(), |at| at + 1),
            Some('(') => rest.rfind(')').map_or(rest.len(), |at| at + 1),
            _ => rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len()),
        };
        rest = &rest[end..];
        parts.push(String::new());
    }
    parts.iter().flat_map(|part| part.split('"')).map(str::to_owned).collect()
}

#[test]
fn every_message_of_the_scripts_is_explained() {
    let guide = guides_to_trouble();
    let mut count = 0;
    for (path, text) in scripts() {
        for message in SAY.iter().flat_map(|word| text.split(word).skip(1)) {
            let parts = fixed(message.split('\n').next().unwrap());
            let words = parts.iter().map(|part| part.trim_matches(|c: char| !c.is_alphanumeric()));
            let Some(words) = words.into_iter().find(|words| words.len() >= 12 && words.contains(' ')) else {
                continue;
            };
            let start: String = words.chars().take(30).collect();
            assert!(
                guide.text.contains(&start),
                "{} does not explain {start:?} of {}",
                guide.path,
                path.display()
            );
            count += 1;
        }
    }
    assert!(count > 50, "{count} messages");
}
