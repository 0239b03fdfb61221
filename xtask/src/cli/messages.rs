//! What a command says, for people or, an event per line, for programs.
//!
//! A reader that goes away (`| head`) ends nothing: what was asked for is built. What
//! cannot be written for another reason, such as a full disk, is an error at the end.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::printable::printable;

/// How a command speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// For people.
    Human,
    /// A JSON object per line.
    Json,
}

/// Why standard output could not be written.
static FAILED: OnceLock<io::Error> = OnceLock::new();

/// A line on standard output.
pub fn line(text: impl AsRef<str>) {
    keep(writeln!(anstream::stdout(), "{}", text.as_ref()));
}

/// A part of a line on standard output.
pub fn part(text: impl Display) {
    keep(write!(anstream::stdout(), "{text}"));
}

/// Keeps the first failure, for [`failed`].
fn keep(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        // The first one says why.
        let _ = FAILED.set(error);
    }
}

/// Writes what is left, and says whether something of standard output got lost.
pub fn failed() -> Option<&'static io::Error> {
    keep(io::stdout().flush());
    FAILED.get()
}

/// A line on standard error.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(anstream::stderr(), "{}", text.as_ref());
}

impl MessageFormat {
    /// An event, for programs only.
    pub fn event(self, name: &str, mut fields: Value) {
        if self == Self::Json {
            fields["event"] = json!(name);
            line(fields.to_string());
        }
    }

    /// Something to know that ends nothing.
    pub fn warning(self, text: &str) {
        match self {
            Self::Human => note(format!("warning: {text}")),
            Self::Json => self.event("warning", json!({ "message": text })),
        }
    }

    /// The same, of a file that anybody may have made: its names are in the text.
    pub fn foreign_error(self, error: &anyhow::Error) {
        match self {
            Self::Human => note(format!("error: {}", printable(&format!("{error:#}")))),
            Self::Json => self.error(error),
        }
    }

    /// Why the command failed, with its causes.
    pub fn error(self, error: &anyhow::Error) {
        match self {
            Self::Human => note(format!("error: {error:#}")),
            Self::Json => self.event("error", json!({ "message": format!("{error:#}") })),
        }
    }
}
