//! What a run does to this machine, as data: shown by `--dry-run`, done by
//! [`run`](super::run()).
//!
//! Must not know: launchd, systemd, and how anything of it is done.

use std::fmt::{self, Display, Formatter};

use askama::filters::Escaper;

use crate::render::escape::Sh;

/// Everything, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is done.
    pub steps: Vec<Step>,
    /// What else the user should know.
    pub notes: Vec<String>,
    /// Message after success.
    pub done: String,
}

/// Something that is done, and how it is undone. Files are not spoken of: the
/// run remembers what was there, and puts it back between the two lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Whether a failed step has no effect.
    pub all_or_nothing: bool,
    /// Undoes the step while the new files are still there.
    pub undo_first: Vec<Action>,
    /// Undoes the step once the old files are back.
    pub undo_last: Vec<Action>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Writes a file of the caller's own, with the folders above it.
    Write {
        /// Where.
        path: String,
        /// What it says.
        text: Vec<u8>,
        /// Its mode.
        mode: u32,
    },
    /// Puts a link back.
    Link {
        /// Where.
        path: String,
        /// Target of the link.
        target: String,
    },
    /// Removes a file of the caller's own.
    Remove {
        /// Where.
        path: String,
    },
    /// Removes a folder of the caller's own, if nothing is in it.
    RemoveFolder {
        /// Where.
        path: String,
    },
    /// Puts a file of root's into a folder of root's, from a private temporary
    /// file.
    Install {
        /// Where.
        path: String,
        /// What it says.
        text: Vec<u8>,
        /// Its mode.
        mode: u32,
        /// What must be true, where the caller may not look.
        only_if: Option<Ownership>,
    },
    /// Removes a file of root's.
    Uninstall {
        /// Where.
        path: String,
    },
    /// Runs a program.
    Run(Command),
}

/// A file that a user must own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The user's id.
    pub uid: u32,
    /// The file.
    pub path: String,
    /// Message where it is not true.
    pub otherwise: String,
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Whether sudo runs it.
    pub as_root: bool,
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Whether it reads the script on loading and unloading jobs,
    /// [`crate::macos::scripts::reload_sh`].
    pub reads_reload: bool,
    /// Whether the command only looks. Its output is not shown.
    pub quiet: bool,
    /// Exit statuses beside 0 that end nothing, with what they mean.
    pub warnings: Vec<(i32, String)>,
    /// What a failure means, and what to do.
    pub failure: Option<String>,
}

impl Command {
    /// A program that fails with any status but 0.
    pub fn new(program: &str, arguments: &[&str]) -> Self {
        Self {
            as_root: false,
            program: program.to_owned(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            reads_reload: false,
            quiet: false,
            warnings: Vec::new(),
            failure: None,
        }
    }
}

impl Action {
    /// Writes a file that everybody may read.
    pub fn write(path: &str, text: Vec<u8>) -> Self {
        Self::Write { path: path.to_owned(), text, mode: 0o644 }
    }
}

impl Step {
    /// Something whose undoing is putting files back.
    pub fn new(action: Action) -> Self {
        Self { action, all_or_nothing: false, undo_first: Vec::new(), undo_last: Vec::new() }
    }
}

/// Where an [`Action::Install`]'s temporary file is spoken of before it is made.
pub const TEMPORARY_FILE: &str = "<a private temporary file>";

/// Installs `$3` as `$4`, with mode `$5`, if the user `$1` owns `$2`. root itself looks at
/// nothing below a user's folder; the user does.
const INSTALL_IF_OWNED: &str =
    r##"sudo -n -u "#$1" -- test -O "$2" || exit 3; exec /usr/bin/install -o 0 -g 0 -m "$5" "$3" "$4""##;
/// What that ends with where the user does not.
const NOT_OWNED: i32 = 3;

impl Action {
    /// What sudo runs for it, if it does. `file` is the temporary file.
    pub fn as_root(&self, file: &str) -> Option<Command> {
        let root = |command| Some(Command { as_root: true, ..command });
        match self {
            Self::Install { path, mode, only_if: None, .. } => {
                // root and wheel, by number. An older file is unlinked before.
                let mode = format!("{mode:o}");
                root(Command::new("/usr/bin/install", &["-o", "0", "-g", "0", "-m", &mode, file, path]))
            }
            Self::Install {
                path, mode, only_if: Some(Ownership { uid, path: owned, otherwise }), ..
            } => root(Command {
                failure: Some(otherwise.clone()),
                ..Command::new(
                    "/bin/sh",
                    &[
                        "-c",
                        INSTALL_IF_OWNED,
                        "sh",
                        &uid.to_string(),
                        owned,
                        file,
                        path,
                        &format!("{mode:o}"),
                    ],
                )
            }),
            Self::Uninstall { path } => root(Command::new("/bin/rm", &["-f", path])),
            Self::Run(command) if command.as_root => Some(command.clone()),
            _ => None,
        }
    }

    /// Whether a failure with this status is that of [`Ownership`].
    pub fn is_not_owned(&self, status: i32) -> bool {
        status == NOT_OWNED && matches!(self, Self::Install { only_if: Some(_), .. })
    }

    /// The file that it changes.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Write { path, .. }
            | Self::Link { path, .. }
            | Self::Remove { path }
            | Self::Install { path, .. }
            | Self::Uninstall { path } => Some(path),
            Self::RemoveFolder { .. } | Self::Run(_) => None,
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, .. } => write!(f, "write {}", word(path)),
            Self::Link { path, target } => write!(f, "link {} to {}", word(path), word(target)),
            Self::Remove { path } => write!(f, "remove {}", word(path)),
            Self::RemoveFolder { path } => write!(f, "remove the folder {}, if it is empty", word(path)),
            Self::Install { .. } | Self::Uninstall { .. } => {
                write!(f, "run {}", self.as_root(TEMPORARY_FILE).expect("root does it"))
            }
            Self::Run(command) => write!(f, "run {command}"),
        }
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.as_root {
            f.write_str("sudo ")?;
        }
        f.write_str(&word(&self.program))?;
        for argument in &self.arguments {
            write!(f, " {}", word(argument))?;
        }
        if self.reads_reload {
            f.write_str(" <reload.sh")?;
        }
        Ok(())
    }
}

/// As a shell takes it, with nothing in it that a terminal would act upon.
fn word(text: &str) -> String {
    if text == TEMPORARY_FILE {
        return text.to_owned();
    }
    if text.is_empty() {
        return "''".to_owned();
    }
    let mut out = String::new();
    match Sh.write_escaped_str(&mut out, text) {
        Ok(()) if !out.contains(char::is_control) => out,
        _ => crate::settings::names::quoted(text),
    }
}

impl Plan {
    /// The commands that sudo runs.
    pub fn root_commands(&self) -> Vec<Command> {
        self.steps.iter().filter_map(|step| step.action.as_root(TEMPORARY_FILE)).collect()
    }

    /// All of it, for a person to read, with what files would say.
    pub fn describe(&self) -> String {
        let mut out = String::new();
        for step in &self.steps {
            out.push_str(&format!("would {}\n", step.action));
            if let Action::Write { text, .. } | Action::Install { text, .. } = &step.action {
                push_indented(&mut out, &String::from_utf8_lossy(text));
            }
        }
        let reads = |step: &Step| matches!(&step.action, Action::Run(command) if command.reads_reload);
        if self.steps.iter().any(reads) {
            out.push_str("reload.sh is this script; nothing is written for it\n");
            push_indented(&mut out, &crate::macos::scripts::reload_sh());
        }
        out
    }
}

fn push_indented(out: &mut String, text: &str) {
    for line in text.lines() {
        out.push_str(format!("    {line}").trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_a_shell_takes() {
        let action =
            Action::Install { path: "/Library/it's".to_owned(), text: vec![], mode: 0o644, only_if: None };
        assert_eq!(
            action.to_string(),
            r"run sudo /usr/bin/install -o 0 -g 0 -m 644 <a private temporary file> '/Library/it'\''s'"
        );
        let command = Command::new("systemctl", &["--user", "a b", "", "x\u{1b}[2J"]);
        assert_eq!(command.to_string(), r"systemctl --user 'a b' '' `x\u{1b}[2J`");
    }
}
