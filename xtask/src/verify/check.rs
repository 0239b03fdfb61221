//! What a check came to: it passes, has something to note, fails, or does not apply.
//!
//! A *fault* is what a Mac would refuse, or what makes a package another than it seems.
//! A *note* is odd and harmless: worth knowing, and no reason to turn a package away.
//!
//! Must not know: what is checked.

use serde::Serialize;

/// Most faults, and most notes, of one check: after these, their number.
const SHOWN_MAX: usize = 20;
/// After so many faults or notes of a component, a check ends.
pub const FOUND_MAX: usize = 1000;

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It holds.
    Pass,
    /// It holds, and something is odd; the notes say what and where.
    Note,
    /// It does not hold; the details say what and where.
    Fail,
    /// There is nothing to check.
    NotApplicable,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, the same in every version.
    pub name: &'static str,
    /// What it came to.
    pub status: Status,
    /// Each fault where it failed, remarks elsewhere.
    pub details: Vec<String>,
    /// What is odd and harmless.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What must not be.
    pub faults: Vec<String>,
    /// What is odd and harmless.
    pub notes: Vec<String>,
}

impl From<Vec<String>> for Findings {
    fn from(faults: Vec<String>) -> Self {
        Self { faults, notes: Vec::new() }
    }
}

/// A reader's lies are faults.
impl From<&flatpkg::Findings> for Findings {
    fn from(read: &flatpkg::Findings) -> Self {
        let of = |severity| read.of(severity).map(ToString::to_string).collect();
        Self { faults: of(flatpkg::Severity::Lie), notes: of(flatpkg::Severity::Note) }
    }
}

impl Findings {
    /// Adds a fault.
    pub fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// Adds a note.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds what was found elsewhere, with `place` before each.
    pub fn extend(&mut self, place: &str, other: Self) {
        let placed = |text: String| format!("{place}: {text}");
        self.faults.extend(other.faults.into_iter().map(placed));
        self.notes.extend(other.notes.into_iter().map(placed));
    }

    /// Adds what was found elsewhere.
    pub fn append(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.notes.extend(other.notes);
    }

    /// Whether so much was found that nobody reads on.
    pub fn are_many(&self) -> bool {
        self.faults.len() >= FOUND_MAX || self.notes.len() >= FOUND_MAX
    }
}

impl Check {
    /// Fails where there are faults; notes where there are only notes.
    pub fn of(name: &'static str, found: impl Into<Findings>) -> Self {
        let Findings { faults, notes } = found.into();
        let status = match (faults.is_empty(), notes.is_empty()) {
            (false, _) => Status::Fail,
            (true, false) => Status::Note,
            (true, true) => Status::Pass,
        };
        Self { name, status, details: shortened(faults), notes: shortened(notes) }
    }

    /// There is nothing to check, for this reason.
    pub fn not_applicable(name: &'static str, reason: &str) -> Self {
        Self { name, status: Status::NotApplicable, details: vec![reason.to_owned()], notes: Vec::new() }
    }

    /// Adds a remark to a check that holds.
    pub(super) fn remark(mut self, remark: impl Into<String>) -> Self {
        if matches!(self.status, Status::Pass | Status::Note) {
            self.details.push(remark.into());
        }
        self
    }

    /// Adds faults to a check that has none or few.
    pub(super) fn add_faults(&mut self, mut faults: Vec<String>) {
        if faults.is_empty() {
            return;
        }
        if self.status == Status::Fail {
            faults.splice(..0, std::mem::take(&mut self.details));
        }
        self.status = Status::Fail;
        self.details = shortened(faults);
    }

    /// Whether it holds or does not apply. A note is a fault for who is `strict`.
    pub fn holds(&self, strict: bool) -> bool {
        match self.status {
            Status::Pass | Status::NotApplicable => true,
            Status::Note => !strict,
            Status::Fail => false,
        }
    }
}

/// Whether every check passed, has notes alone, or did not apply.
pub fn all_hold(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.holds(false))
}

fn shortened(mut found: Vec<String>) -> Vec<String> {
    let more = found.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        found.truncate(SHOWN_MAX);
        found.push(format!("and {more} more"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(faults: &[&str], notes: &[&str]) -> Findings {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Findings { faults: owned(faults), notes: owned(notes) }
    }

    #[test]
    fn a_fault_outweighs_a_note_and_a_note_a_pass() {
        for (found, status, holds, holds_strictly) in [
            (found(&[], &[]), Status::Pass, true, true),
            (found(&[], &["odd"]), Status::Note, true, false),
            (found(&["wrong"], &["odd"]), Status::Fail, false, false),
        ] {
            let check = Check::of("x", found);
            assert_eq!(check.status, status);
            assert_eq!((check.holds(false), check.holds(true)), (holds, holds_strictly));
        }
        assert!(Check::not_applicable("x", "none").holds(true));
    }

    #[test]
    fn what_is_too_much_to_read_is_counted() {
        let check = Check::of("x", vec!["wrong".to_owned(); 23]);
        assert_eq!(check.details.len(), 21);
        assert_eq!(check.details[20], "and 3 more");
    }
}
