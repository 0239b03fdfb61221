//! House rules that a reviewer would otherwise repeat.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Lines that a file may have before it holds more than one idea.
const MOST_LINES: usize = 450;

fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no Rust file in {folder}");
    found
}

fn all() -> Vec<(PathBuf, String)> {
    [
        "xtask/src",
        "xtask/flatpkg/src",
        "xtask/macho/src",
        "xtask/linuxpkg/src",
        "xtask/benches",
        "xtask/fuzz/src",
        "xtask/fuzz/fuzz_targets",
        "tests",
    ]
    .iter()
    .flat_map(|folder| rust_files(folder))
    .collect()
}

/// Lines of a file that are code: no comments, no tests at its end.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn assert_none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

#[test]
fn no_file_holds_more_than_one_idea() {
    let long: Vec<_> = all()
        .iter()
        .filter(|(_, text)| text.lines().count() > MOST_LINES)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert_none("split these", &long);
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<_> = all()
        .iter()
        // A module's unit tests may lie in a file beside it; the module's name says it all.
        .filter(|(path, text)| !text.starts_with("//! ") && !path.to_string_lossy().ends_with("tests.rs"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_none("begin these with //!", &silent);
}

/// Where `words` occur in the code of `files`, except below the folders or
/// files named in `at_home`.
fn strays(files: &[(PathBuf, String)], words: &[&str], at_home: &[&str]) -> Vec<String> {
    let is_home = |path: &Path| at_home.iter().any(|home| path.starts_with(root().join(home)));
    files
        .iter()
        .filter(|(path, _)| !is_home(path) && !path.to_string_lossy().contains("test"))
        .flat_map(|(path, text)| {
            code(text)
                .filter(|line| words.iter().any(|word| line.contains(word)))
                .map(move |line| format!("{}: {}", path.display(), line.trim()))
        })
        .collect()
}

#[test]
fn the_formats_know_no_disk_no_clock_and_no_environment() {
    let words =
        ["std::fs", "fs::", "std::env", "SystemTime", "Instant", "std::net", "std::process", "println!"];
    for folder in ["xtask/flatpkg/src", "xtask/linuxpkg/src", "xtask/macho/src"] {
        assert_none("the formats must not know these", &strays(&rust_files(folder), &words, &[]));
    }
}

#[test]
fn planning_and_rendering_are_pure() {
    let pure: Vec<_> = rust_files("xtask/src")
        .into_iter()
        .filter(|(path, _)| {
            [
                "artifact",
                "environment.rs",
                "lima_start.rs",
                "linux",
                "macos",
                "managers",
                "plan.rs",
                "render",
                "run/manifest.rs",
                "run/page",
            ]
            .iter()
            .any(|name| path.starts_with(root().join("xtask/src").join(name)))
        })
        .collect();
    let words = ["std::fs", "fs::", "std::env", "env::var", "SystemTime", "std::process"];
    assert_none("these modules are pure", &strays(&pure, &words, &[]));
}

#[test]
fn one_module_imports_apple_codesign_and_one_reads_the_environment() {
    let files = rust_files("xtask/src");
    assert_none("only sign/ may", &strays(&files, &["apple_codesign"], &["xtask/src/sign"]));
    assert_none(
        "only cli/environment.rs may",
        &strays(&files, &["env::var", "SystemTime::now"], &["xtask/src/cli/environment.rs"]),
    );
}

#[test]
fn every_dependency_says_what_it_is_for() {
    for manifest in ["xtask", "xtask/flatpkg", "xtask/linuxpkg", "xtask/macho", "xtask/fuzz"] {
        let manifest = format!("{manifest}/Cargo.toml");
        let text = fs::read_to_string(root().join(&manifest)).unwrap();
        let mut explained = false;
        let mut in_dependencies = false;
        for line in text.lines() {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
            }
            match line.chars().next() {
                Some('#') => explained = true,
                Some('[') | None => explained = false,
                // A line right behind an explained one belongs to it.
                Some(_) => assert!(!in_dependencies || explained, "{manifest}: no word on why: {line}"),
            }
        }
    }
}
