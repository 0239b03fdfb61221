//! Environment variables of limactl.
//!
//! Must not know: how a plist or a unit writes them.

use super::{NameError, name_type, quoted, refuse};

name_type!(
    /// Name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`, at most 255
    /// characters; not `LIMA_HOME`, which has a setting of its own, and none that
    /// the shell keeps for itself, which runs between launchd or systemd and
    /// limactl.
    #[derive(PartialOrd, Ord)]
    EnvName, "a variable's name"
);

/// In characters (all of them ASCII); more is a value in the wrong place.
const ENV_NAME_MAX: usize = 255;

/// Variables that a shell sets, resets or does not hand on (dash(1), bash(1),
/// zshparam(1)).
const SHELL_NAMES: [&str; 26] = [
    "_",
    "IFS",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "PPID",
    "OPTIND",
    "OPTARG",
    "OPTERR",
    "UID",
    "EUID",
    "GID",
    "EGID",
    "GROUPS",
    "SHELLOPTS",
    "DIRSTACK",
    "FUNCNAME",
    "LINENO",
    "RANDOM",
    "SECONDS",
    "HISTCMD",
    "PIPESTATUS",
    "ENV",
    "PS1",
    "PS2",
    "PS4",
];

impl EnvName {
    fn check(text: &str) -> Result<(), NameError> {
        let mut bytes = text.bytes();
        let shape = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !shape {
            refuse!(
                "{} is not a name of an environment variable: use a letter A-Z, a-z or `_`, then letters, digits or `_`, as `HTTPS_PROXY`",
                quoted(text)
            );
        }
        if text.len() > ENV_NAME_MAX {
            refuse!("{} is too long; a variable's name has at most {ENV_NAME_MAX} characters", quoted(text));
        }
        if text == "LIMA_HOME" {
            refuse!("{} does not go into env; use lima-home", quoted(text));
        }
        if SHELL_NAMES.contains(&text) || text.starts_with("BASH") || text.starts_with("vm_") {
            refuse!(
                "{} is a variable of the shell that starts limactl, which would not get it as it is; have limactl started by a program of your own that sets it",
                quoted(text)
            );
        }
        Ok(())
    }
}

name_type!(
    /// Value of an environment variable: any text without control characters
    /// other than tab and newline, and without U+FFFE and U+FFFF (a property
    /// list is XML, which cannot hold them); at most 32,768 bytes of UTF-8.
    ///
    /// Linux refuses to start a program with a variable of more than 131,072
    /// bytes (`MAX_ARG_STRLEN`), macOS with more than 1,048,576 bytes of
    /// variables and arguments together; and systemd refuses a line of a unit
    /// over 1,048,576 bytes, in which a character may take several. A quarter
    /// of the smallest of them leaves room for the rest, and is found here
    /// instead of at boot, where nobody is looking.
    #[derive(PartialOrd, Ord)]
    EnvValue, "a string in quotes"
);

/// In bytes of UTF-8.
const ENV_VALUE_MAX: usize = 32 * 1024;

impl EnvValue {
    fn check(text: &str) -> Result<(), NameError> {
        if let Some(c) = text
            .chars()
            .find(|c| (c.is_control() && !matches!(c, '\t' | '\n')) || matches!(c, '\u{fffe}' | '\u{ffff}'))
        {
            refuse!(
                "{} contains U+{:04X}, which a property list or a unit cannot carry; of the control characters, a value may have tab and newline only",
                quoted(text),
                u32::from(c)
            );
        }
        if text.len() > ENV_VALUE_MAX {
            refuse!(
                "{} has {} bytes; a value has at most {ENV_VALUE_MAX}: put it into a file and name the file",
                quoted(text),
                text.len()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::names::testing::{accepts, refuses};

    #[test]
    fn names() {
        accepts::<EnvName>(&["PATH", "__", "a9", "VM_", "PS3", "lima_home", "LIMA_HOME_", &"A".repeat(255)]);
        refuses::<EnvName>(&[
            "",
            "9A",
            "A-B",
            "A B",
            "A=B",
            "Ä",
            "A\0",
            "LIMA_HOME",
            "IFS",
            "_",
            "BASH_ENV",
            "vm_x",
            &"A".repeat(256),
        ]);
    }

    #[test]
    fn values() {
        accepts::<EnvValue>(&[
            "",
            " ",
            "a\tb\nc",
            "$HOME %h \\ \" ' ` <&>",
            "Grüße 🦀 \u{1fffe}",
            &"v".repeat(32768),
        ]);
        refuses::<EnvValue>(&[
            "\0",
            "a\r",
            "\u{1b}[0m",
            "\u{7f}",
            "\u{80}",
            "\u{9f}",
            "\u{fffe}",
            "\u{ffff}",
            &"v".repeat(32769),
        ]);
    }
}
