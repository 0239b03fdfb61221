//! What a maker gives to the page of a run.
//!
//! Must not know: how it is shown.

use super::Built;

/// What is shown of an instance's files that belong together.
#[derive(Debug)]
pub struct Section<'a> {
    /// Its heading.
    pub heading: &'static str,
    /// Its place among the sections: the lowest comes first.
    pub rank: u8,
    /// The files that it lists. What no section lists comes last, under a heading of
    /// its own.
    pub files: Vec<&'a Built>,
    /// Commands, ready to be copied into a shell.
    pub commands: Vec<Command>,
    /// The line that the commands are folded under.
    pub fold: Option<&'static str>,
}

/// A command, or some that belong together.
#[derive(Debug, Clone)]
pub struct Command {
    /// What the command does, in a word or two.
    pub what: &'static str,
    /// What to know before running it.
    pub note: Option<&'static str>,
    /// A command a line.
    pub text: String,
}

impl Command {
    /// Commands of these lines.
    pub fn new(what: &'static str, note: Option<&'static str>, lines: &[String]) -> Self {
        Self { what, note, text: lines.join("\n") }
    }
}
