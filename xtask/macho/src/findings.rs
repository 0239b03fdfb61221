//! What is wrong with a file, or odd in it.

/// How many faults, and how many notes, are kept of an image.
const KEPT_MAX: usize = 32;

/// What a reader met, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// What a Mac refuses, or what hides from who looks.
    pub faults: Vec<String>,
    /// What is odd and harmless.
    pub notes: Vec<String>,
}

impl Findings {
    pub(crate) fn fault(&mut self, text: impl Into<String>) {
        keep(&mut self.faults, text.into());
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        keep(&mut self.notes, text.into());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.notes.is_empty()
    }
}

fn keep(kept: &mut Vec<String>, text: String) {
    if kept.len() < KEPT_MAX {
        kept.push(text);
    } else if kept.len() == KEPT_MAX {
        kept.push("and more".to_owned());
    }
}
