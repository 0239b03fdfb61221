//! What a command says, for people or, an event per line, for programs.
//!
//! If the reader closes the pipe (`| head`), the run continues. Output
//! that cannot be written for another reason, such as a full disk, is a failure, which
//! [`finish`] says at the end.

use std::io::{self, Write};
use std::process::ExitCode;
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

/// Why standard output could not be written, the first time.
static OUTPUT_FAILURE: OnceLock<io::Error> = OnceLock::new();
/// Exit status where output could not be written.
const OUTPUT_FAILED: u8 = 1;

/// A line on standard output.
pub fn line(text: impl AsRef<str>) {
    keep(writeln!(anstream::stdout(), "{}", text.as_ref()));
}

fn keep(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        OUTPUT_FAILURE.get_or_init(|| error);
    }
}

/// The program's exit status: a failure, if what it said did not arrive.
pub fn finish(status: ExitCode) -> ExitCode {
    keep(io::stdout().flush());
    match OUTPUT_FAILURE.get() {
        None => status,
        Some(error) => {
            note(format!("error: could not write to standard output: {error}"));
            if status == ExitCode::SUCCESS { ExitCode::from(OUTPUT_FAILED) } else { status }
        }
    }
}

/// A line on standard error.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(anstream::stderr(), "{}", text.as_ref());
}

/// A part of a line on standard output.
pub fn part(text: &str) {
    keep(write!(anstream::stdout(), "{text}"));
}

/// An error with its causes, each said once: a message may have its cause in it already.
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            let colon = if text.is_empty() { "" } else { ": " };
            text.push_str(colon);
            text.push_str(&cause);
        }
    }
    text
}

impl MessageFormat {
    /// An event, for programs only.
    pub fn event(self, name: &str, mut fields: Value) {
        if self == Self::Json {
            fields["event"] = json!(name);
            line(fields.to_string());
        }
    }

    /// Prints a warning; the run continues.
    pub fn warning(self, text: &str) {
        match self {
            Self::Human => note(format!("warning: {text}")),
            Self::Json => self.event("warning", json!({ "message": text })),
        }
    }

    /// The same, of a file that anybody may have made: its names are in the text.
    pub fn foreign_error(self, error: &anyhow::Error) {
        match self {
            Self::Human => note(format!("error: {}", printable(&with_causes(error)))),
            Self::Json => self.error(error),
        }
    }

    /// Why the command failed, with its causes.
    pub fn error(self, error: &anyhow::Error) {
        match self {
            Self::Human => note(format!("error: {}", with_causes(error))),
            Self::Json => self.event("error", json!({ "message": with_causes(error) })),
        }
    }
}
