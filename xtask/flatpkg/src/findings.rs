//! What a reader met that is odd, or made to deceive.
//!
//! A reader reads a package as Apple's tools read it. Where a document could be read
//! in two ways, or where something is there that no reader would look at, it says so
//! here and goes on.
//!
//! Must not know: what follows from a finding; whoever judges packages decides that.

use std::fmt;

/// How many findings of a package are kept; of the others, the number.
pub const FINDINGS_MAX: usize = 1000;
/// How many bytes of a text from the package a finding quotes.
const QUOTED_MAX: usize = 200;

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Odd and harmless: worth knowing, never a fault.
    Note,
    /// The package is not what it seems: readers differ over it, or something in it
    /// hides from them.
    Lie,
}

/// Something that a reader met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub severity: Severity,
    /// Where it is: a member's path, a path in a payload, or a document's element.
    /// Text from the package; it can hold anything.
    pub place: String,
    /// What it is, in words that follow the place.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}", self.place, self.text)
    }
}

/// The findings of a reader, in order and not more than [`FINDINGS_MAX`]; lies have
/// room of their own, so that notes cannot crowd them out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    lies: usize,
    notes: usize,
}

impl Findings {
    /// Adds something odd.
    pub fn note(&mut self, place: impl AsRef<str>, text: impl Into<String>) {
        self.add(Severity::Note, place.as_ref(), text);
    }

    /// Adds something that deceives.
    pub fn lie(&mut self, place: impl AsRef<str>, text: impl Into<String>) {
        self.add(Severity::Lie, place.as_ref(), text);
    }

    /// Adds all that another reader met.
    pub fn extend(&mut self, other: &Findings) {
        let (lies, notes) = (other.count(Severity::Lie), other.count(Severity::Note));
        let (mut kept_lies, mut kept_notes) = (0, 0);
        for finding in other.iter() {
            match finding.severity {
                Severity::Lie => kept_lies += 1,
                Severity::Note => kept_notes += 1,
            }
            self.add(finding.severity, &finding.place, finding.text.clone());
        }
        self.lies += lies - kept_lies;
        self.notes += notes - kept_notes;
    }

    fn add(&mut self, severity: Severity, place: &str, text: impl Into<String>) {
        let count = match severity {
            Severity::Note => &mut self.notes,
            Severity::Lie => &mut self.lies,
        };
        *count += 1;
        if *count <= FINDINGS_MAX / 2 {
            self.kept.push(Finding { severity, place: shortened(place), text: text.into() });
        }
    }

    /// Those that are kept, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.kept.iter()
    }

    /// Those of one severity that are kept, in order.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.kept.iter().filter(move |finding| finding.severity == severity)
    }

    /// How many of one severity there are, with those that were not kept.
    pub fn count(&self, severity: Severity) -> usize {
        match severity {
            Severity::Note => self.notes,
            Severity::Lie => self.lies,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lies == 0 && self.notes == 0
    }
}

/// A place as a finding keeps it: its beginning, if it is long.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().find(|(at, one)| at + one.len_utf8() > QUOTED_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_do_not_crowd_out_lies() {
        let mut findings = Findings::default();
        for number in 0..2 * FINDINGS_MAX {
            findings.note(number.to_string(), "is odd");
        }
        findings.lie("a", "deceives");
        assert_eq!(findings.count(Severity::Note), 2 * FINDINGS_MAX);
        assert_eq!(findings.of(Severity::Note).count(), FINDINGS_MAX / 2);
        let lies: Vec<_> = findings.of(Severity::Lie).map(ToString::to_string).collect();
        assert_eq!(lies, ["\"a\" deceives"]);
        let mut all = Findings::default();
        all.extend(&findings);
        assert_eq!(all, findings);
    }

    #[test]
    fn long_places_are_shortened_between_characters() {
        let mut findings = Findings::default();
        findings.lie("é".repeat(QUOTED_MAX), "is long");
        assert_eq!(findings.iter().next().unwrap().place, format!("{}…", "é".repeat(QUOTED_MAX / 2)));
    }
}
