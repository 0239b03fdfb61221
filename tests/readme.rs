//! README.md, CONTRIBUTING.md and the guides in `docs/`: their commands do what
//! they say, their links lead somewhere, the messages that they explain exist.

mod commands;
mod links;
mod messages;

use std::fs;

use crate::support::root;

/// Most lines of README.md: a front door, with everything else behind it.
const README_MOST_LINES: usize = 150;
/// Lines that a guide stays below.
const GUIDE_LINES: usize = 400;

/// A Markdown file of the repository.
pub struct Guide {
    /// Its path from the repository's root.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Guide {
    /// README.md, CONTRIBUTING.md, then `docs/` in the order of names.
    pub fn all() -> Vec<Self> {
        let mut docs: Vec<String> = fs::read_dir(root().join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".md"))
            .map(|name| format!("docs/{name}"))
            .collect();
        docs.sort();
        assert!(!docs.is_empty());
        ["README.md", "CONTRIBUTING.md"].map(str::to_owned).into_iter().chain(docs).map(Self::read).collect()
    }

    /// Reads one.
    pub fn read(path: impl Into<String>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path, text }
    }

    /// Its fenced blocks, as language and text, in order.
    pub fn blocks(&self) -> Vec<(String, String)> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let Some(language) = line.strip_prefix("```") else { continue };
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((language.to_owned(), text.join("\n") + "\n"));
        }
        blocks
    }

    /// Its lines outside fenced blocks.
    pub fn prose(&self) -> Vec<&str> {
        let mut fenced = false;
        self.text
            .lines()
            .filter(|line| {
                let is_fence = line.starts_with("```");
                fenced ^= is_fence;
                !fenced && !is_fence
            })
            .collect()
    }
}

/// The blocks of a language in a chapter, whose heading is given without `#`.
pub fn blocks_of(path: &str, heading: &str, language: &str) -> Vec<String> {
    let guide = Guide::read(path);
    let start = format!("\n## {heading}\n");
    let (_, chapter) = guide.text.split_once(&start).unwrap_or_else(|| panic!("{path} has no {heading:?}"));
    let text = chapter.split("\n## ").next().unwrap().to_owned();
    let chapter = Guide { path: path.to_owned(), text };
    chapter.blocks().into_iter().filter(|(of, _)| of == language).map(|(_, block)| block).collect()
}

#[test]
fn the_readme_is_short_and_so_are_the_guides() {
    for guide in Guide::all() {
        let lines = guide.text.lines().count();
        let most = if guide.path == "README.md" { README_MOST_LINES } else { GUIDE_LINES - 1 };
        assert!(lines <= most, "{} has {lines} lines; at most {most}", guide.path);
    }
}

#[test]
fn a_guide_says_first_whom_it_is_for() {
    for guide in Guide::all().iter().skip(1) {
        let mut lines = guide.text.lines();
        let heading = lines.next().unwrap();
        assert!(heading.starts_with("# ") && lines.next() == Some(""), "{}: {heading}", guide.path);
        let first = lines.next().unwrap();
        assert!(first.starts_with("For who"), "{}: {first}", guide.path);
    }
}
