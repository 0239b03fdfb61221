//! Why there is no [`Spec`](super::Spec): the value's origin, what is wrong
//! with it, and what would be right.
//!
//! Must not know: exit codes, colours.

use std::fmt;
use std::ops::Range;

use super::names::printable;
use super::source::{Excerpt, NotText, Source};

/// Why flags and settings could not be resolved. Its `Display` is a whole
/// message, of several lines where a place in a file is shown; it starts with
/// the origin (`--user: `, `installers.toml:12:8: `, `$USER: `), holds nothing
/// that could drive a terminal, and ends without a newline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A flag or an argument.
    #[error("{flag}: {message}")]
    Flag {
        /// As it is written on the command line; `INSTANCE` for an argument.
        flag: &'static str,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// An environment variable.
    #[error("${variable}: {message}")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A file that has the wrong format.
    #[error("{path}: {message}")]
    File {
        /// Its path, with a place behind it where there is one.
        path: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A place in the settings file.
    #[error("{0}")]
    Settings(Box<Diagnostic>),
    /// Several faults, in the file's order.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))]
    Several(Vec<SpecError>),
}

impl From<NotText> for SpecError {
    fn from(NotText { path, message }: NotText) -> Self {
        Self::File { path, message }
    }
}

impl SpecError {
    /// Each fault by itself; at least one.
    pub fn faults(&self) -> &[SpecError] {
        match self {
            Self::Several(faults) => faults,
            one => std::slice::from_ref(one),
        }
    }

    /// Where it is in the settings file, in bytes; before it where it is none of its.
    fn place(&self) -> usize {
        match self {
            Self::Settings(diagnostic) => diagnostic.start,
            _ => 0,
        }
    }

    pub(super) fn flag(flag: &'static str, message: impl fmt::Display) -> Self {
        Self::Flag { flag, message: message.to_string() }
    }

    pub(super) fn environment(variable: &'static str, message: impl fmt::Display) -> Self {
        Self::Environment { variable, message: message.to_string() }
    }

    /// An error at a place in the settings file, given in bytes of its text.
    pub(super) fn at(source: &Source, span: Range<usize>, message: impl fmt::Display) -> Self {
        Self::Settings(Box::new(Diagnostic {
            message: message.to_string(),
            start: span.start,
            excerpt: source.excerpt(span),
            other: None,
        }))
    }

    /// The same with a second place that the message speaks of.
    pub(super) fn at_both(
        source: &Source,
        span: Range<usize>,
        message: impl fmt::Display,
        other: (Range<usize>, &'static str),
    ) -> Self {
        Self::Settings(Box::new(Diagnostic {
            message: message.to_string(),
            start: span.start,
            excerpt: source.excerpt(span),
            other: Some((source.excerpt(other.0), other.1)),
        }))
    }
}

/// Collects all faults so that they are reported together.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<SpecError>);

impl Faults {
    /// What there is if there is no fault.
    pub fn take<T>(&mut self, result: Result<T, SpecError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(SpecError::Several(faults)) => {
                self.0.extend(faults);
                None
            }
            Err(fault) => {
                self.0.push(fault);
                None
            }
        }
    }

    /// An error, if there was any fault.
    pub fn finish(mut self) -> Result<(), SpecError> {
        // Found in several passes over the file.
        self.0.sort_by_key(SpecError::place);
        // What is wrong with [defaults] or $USER is wrong with each instance.
        self.0.dedup_by(|next, one| next == one || (next.place() > 0 && next.place() == one.place()));
        match self.0.pop() {
            None => Ok(()),
            Some(only) if self.0.is_empty() => Err(only),
            Some(last) => {
                self.0.push(last);
                Err(SpecError::Several(self.0))
            }
        }
    }
}

/// A message about a place in the settings file, or about two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    message: String,
    start: usize,
    excerpt: Excerpt,
    other: Option<(Excerpt, &'static str)>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n{}", self.excerpt.place, self.message, self.excerpt)?;
        if let Some((excerpt, note)) = &self.other {
            write!(f, "\n{}: {note}\n{excerpt}", excerpt.place)?;
        }
        Ok(())
    }
}

/// What the system said about a file, in words that say what to do.
pub(super) fn file_error(path: &str, what: &str, error: &std::io::Error) -> SpecError {
    use std::io::ErrorKind;
    let message = match error.kind() {
        ErrorKind::NotFound => format!("{what} does not exist"),
        ErrorKind::PermissionDenied => format!("no permission to read {what}"),
        ErrorKind::IsADirectory => format!("this is a folder; give the path of {what}"),
        _ => format!("{what} could not be read: {error}"),
    };
    SpecError::File { path: printable(path), message }
}
