//! House rules for templates and scripts, so that an injection cannot come in
//! by a template that a reviewer overlooked.

use std::path::PathBuf;

use crate::support::root;

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files: Vec<(PathBuf, String)> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    assert!(!files.is_empty());
    files.sort();
    files
}

/// What stands between `{{` and `}}`.
fn holes(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap().trim())
}

fn is_name(text: &str, of: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(of)
}

#[test]
fn a_hole_is_a_name_and_nothing_else() {
    for (path, text) in files("templates") {
        for hole in holes(&text) {
            let parts: Vec<&str> = hole.split('.').collect();
            assert!(
                parts.iter().all(|part| is_name(part, |c| c.is_ascii_lowercase() || c == '_')),
                "{}: {{{{ {hole} }}}}: no filters and no expressions, which could go round the escaper",
                path.display()
            );
        }
        assert!(!text.contains("{% filter") && !text.contains("|safe"), "{}", path.display());
    }
}

#[test]
fn a_shell_template_has_only_whole_lines_as_holes() {
    for (path, text) in files("templates").into_iter().filter(|(path, _)| path.extension().unwrap() == "sh") {
        for line in text.lines().filter(|line| line.contains('{')) {
            let name_and_hole = line.split_once('=').filter(|(name, value)| {
                is_name(name, |c| c.is_ascii_uppercase() || c == '_')
                    && value.starts_with("{{ ")
                    && value.ends_with(" }}")
                    && holes(value).count() == 1
            });
            assert!(name_and_hole.is_some(), "{}: {line}: only NAME={{{{ expression }}}}", path.display());
        }
    }
}

#[test]
fn a_unit_template_has_holes_in_quotes_or_of_a_type_of_their_own() {
    // Holes that are not inside double quotes, each because the type in the
    // template's struct lets nothing dangerous through.
    let free = ["exit_timeout", "restart", "stop_timeout", "timeout", "instance", "user"];
    let ends = [".service", ".conf"];
    let units = files("templates");
    for (path, text) in
        units.iter().filter(|(path, _)| ends.iter().any(|end| path.to_str().unwrap().ends_with(end)))
    {
        for line in text.lines() {
            let mut quoted = false;
            let mut rest = line;
            while let Some(at) = rest.find("{{") {
                quoted ^= rest[..at].replace("\\\"", "").matches('"').count() % 2 == 1;
                let hole = holes(&rest[at..]).next().unwrap();
                assert!(quoted || free.contains(&hole), "{}: {line}", path.display());
                rest = &rest[at + rest[at..].find("}}").unwrap() + 2..];
            }
        }
    }
}

#[test]
fn scripts_have_no_holes_and_begin_with_their_shell() {
    for (path, text) in files("pkg-scripts") {
        // limactl's own templates; askama never sees these files.
        let text = text.replace("'{{.Status}}'", "");
        assert!(!text.contains("{{") && !text.contains("{%"), "{}", path.display());
        assert!(text.starts_with("#!/bin/sh\n# "), "{}", path.display());
        assert!(
            text.lines().all(|line| line.chars().count() <= 120),
            "{}: a line is too long",
            path.display()
        );
    }
}

#[test]
fn only_the_escapers_say_that_a_text_is_safe() {
    for (path, text) in files("xtask/src/render").into_iter().filter(|(path, _)| !path.ends_with("escape.rs"))
    {
        assert!(!text.contains("Safe(") && !text.contains("MaybeSafe"), "{}", path.display());
    }
}
