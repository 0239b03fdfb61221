//! The `control` file: fields, and a description in paragraphs.
//!
//! Must not know: archives.

use crate::package::{Package, Relation};

/// Widest line of a description, with the blank before it.
const WIDTH: usize = 77;

/// The version with its revision.
pub fn version(package: &Package) -> String {
    format!("{}-{}", package.version, package.release)
}

/// The fields of a package that installs so many KiB.
pub fn control(package: &Package, installed_kib: u64) -> String {
    let mut fields = vec![
        ("Package", package.name.clone()),
        ("Version", version(package)),
        ("Architecture", "all".to_owned()),
        ("Maintainer", package.maintainer.clone()),
        ("Installed-Size", installed_kib.to_string()),
    ];
    let relations = &package.depends.deb;
    let lists = [
        ("Depends", &relations.requires),
        ("Recommends", &relations.recommends),
        ("Suggests", &relations.suggests),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            fields.push((name, list.iter().map(relation).collect::<Vec<_>>().join(", ")));
        }
    }
    fields.push(("Section", "admin".to_owned()));
    fields.push(("Priority", "optional".to_owned()));
    if let Some(homepage) = &package.homepage {
        fields.push(("Homepage", homepage.clone()));
    }
    fields.push(("Description", package.summary.clone()));
    let mut text: String = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    for (number, paragraph) in package.description.iter().enumerate() {
        if number > 0 {
            text.push_str(" .\n");
        }
        for line in wrapped(paragraph, WIDTH - 1) {
            text.push_str(&format!(" {line}\n"));
        }
    }
    text
}

fn relation(relation: &Relation) -> String {
    match &relation.at_least {
        Some(version) => format!("{} (>= {version})", relation.name),
        None => relation.name.clone(),
    }
}

/// A paragraph in lines of at most `width` characters; a longer word has a line of its own.
/// No line begins with a dot, which means something else there.
pub fn wrapped(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line)
                if word.starts_with('.') || line.chars().count() + 1 + word.chars().count() <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_are_as_wide_as_they_may_be() {
        assert_eq!(wrapped("a bc  def g", 4), ["a bc", "def", "g"]);
        assert_eq!(wrapped("longer ab", 4), ["longer", "ab"]);
        assert_eq!(wrapped("abcd .ef gh", 4), ["abcd .ef", "gh"]);
        assert!(wrapped(" ", 4).is_empty());
    }
}
