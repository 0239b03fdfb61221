//! Goldens: files that show what a change changes, once.
//!
//! A text that is a golden or a source file of its own is left out of another that
//! it travels in, and named there: [`abridged`]. A number that is different as soon
//! as such a text is, is not shown: [`without_sizes`].

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Compares with `tests/golden/<name>`. `UPDATE_GOLDEN=1` writes it instead;
/// read the difference before you commit it.
pub fn golden(name: &str, actual: &[u8]) {
    let path = root().join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("a golden has a folder"))
            .expect("create the golden's folder");
        fs::write(&path, actual).expect("write the golden");
        return;
    }
    let expected = fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    if expected != actual {
        panic!(
            "{} differs; UPDATE_GOLDEN=1 rewrites it.\n--- expected\n{}\n--- actual\n{}",
            path.display(),
            String::from_utf8_lossy(&expected),
            String::from_utf8_lossy(actual)
        );
    }
}

/// A script that is joined of others, with each of these as the line `<NAME>`: those of
/// `pkg-scripts`, and `others` by name and text.
pub fn abridged(text: &str, others: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (name, other) in others {
        assert_eq!(text.matches(other).count(), 1, "{name} is in it, as it is");
        text = text.replace(other, &format!("<{name}>\n"));
    }
    for (name, script) in pkg_scripts() {
        let body = script.strip_prefix("#!/bin/sh\n").unwrap_or(&script);
        text = text.replace(body, &format!("<pkg-scripts/{name}>\n"));
    }
    text
}

fn pkg_scripts() -> Vec<(String, String)> {
    let folder: PathBuf = root().join("pkg-scripts");
    let mut scripts: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let text = fs::read_to_string(folder.join(&name)).unwrap();
            (name, text)
        })
        .collect();
    scripts.sort();
    scripts
}

/// What `inspect` says, or a document of a package, without the sizes of scripts and of
/// what holds them.
pub fn without_sizes(text: &str) -> String {
    let lines = text.lines().map(|line| {
        // A mode, perhaps owners, a size, a path.
        let Some((before, path)) = line.split_once("  ./") else { return line.to_owned() };
        let is_script = before.trim_start().starts_with("-r") && !path.ends_with(".plist");
        let mode = before.rfind(' ').map_or("", |space| before[..space].trim_end());
        if is_script { format!("{mode} SIZE  ./{path}") } else { line.to_owned() }
    });
    let text: String = lines.map(|line| line + "\n").collect();
    let mut parts = text.split("installKBytes=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (_, rest) = part.split_once('"').expect("an attribute ends");
        format!("{text}installKBytes=\"SIZE\"{rest}")
    })
}

/// Every golden below a folder of `tests/golden`.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
