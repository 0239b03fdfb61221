//! Who and what: instances, users, package identifiers.
//!
//! Must not know: the rest of [`names`](super).

use super::{NameError, name_type, quoted, refuse};

name_type!(
    /// Name of a Lima instance, by Lima's own rule
    /// (`pkg/identifiers/validate.go`, `ValidateInstName`):
    /// `^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$`, at most 76 characters, and no
    /// ending `.yml` or `.yaml` in any case, since limactl would take that for
    /// the file of a template.
    ///
    /// Such a name is safe as it is in a file name, a label, a unit name, a
    /// shell word and XML. Two names that differ only in case are two names
    /// here; whoever puts them side by side on a Mac has to refuse that.
    #[derive(PartialOrd, Ord)]
    InstanceName, "an instance's name in quotes"
);

/// Lima's limit, in characters (all of them ASCII).
const INSTANCE_NAME_MAX: usize = 76;

impl InstanceName {
    fn check(text: &str) -> Result<(), NameError> {
        const RIGHT: &str =
            "letters A-Z, a-z and digits, with a single `.`, `_` or `-` between them, as `k3s` or `dev-vm.2`";
        let shape = text
            .split(['.', '_', '-'])
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if !shape {
            refuse!("{} is not an instance name for Lima; use {RIGHT}", quoted(text));
        }
        if text.len() > INSTANCE_NAME_MAX {
            refuse!(
                "{} has {} characters; Lima allows an instance's name {INSTANCE_NAME_MAX}",
                quoted(text),
                text.len()
            );
        }
        let lower = text.to_ascii_lowercase();
        if lower.ends_with(".yml") || lower.ends_with(".yaml") {
            refuse!(
                "{} ends like the file of a template, which Lima refuses for an instance; give the name that `limactl list` shows",
                quoted(text)
            );
        }
        Ok(())
    }

    /// The name as a file system that folds case compares it.
    pub fn folded(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

name_type!(
    /// Short name of a user account on macOS or Linux:
    /// `[A-Za-z_][A-Za-z0-9._-]*` without a dot at the end, at most 32
    /// characters, and never `root`.
    ///
    /// 32 is where Linux ends (`useradd` refuses more, since utmp has no room
    /// for them); macOS accounts have no shorter limit. `root` is refused in
    /// any case because macOS folds case when it looks an account up.
    #[derive(PartialOrd, Ord)]
    UserName, "a user's short name in quotes"
);

/// Limit of Linux account tools, in characters (all of them ASCII).
const USER_NAME_MAX: usize = 32;

impl UserName {
    fn check(text: &str) -> Result<(), NameError> {
        const RIGHT: &str = "the short name that `id -un` prints: a letter or `_`, then letters A-Z, a-z, digits, `.`, `_` or `-`, as `alice`";
        let mut bytes = text.bytes();
        let shape = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if !shape {
            refuse!("{} is not a user name; give {RIGHT}", quoted(text));
        }
        if text.ends_with('.') {
            refuse!("{} ends in a dot, which no user name does; give {RIGHT}", quoted(text));
        }
        if text.len() > USER_NAME_MAX {
            refuse!(
                "{} has {} characters; a user name has at most {USER_NAME_MAX}",
                quoted(text),
                text.len()
            );
        }
        if text.eq_ignore_ascii_case("root") {
            refuse!(
                "{} cannot run instances: limactl refuses root; name the user who owns them",
                quoted(text)
            );
        }
        Ok(())
    }
}

name_type!(
    /// Reverse-DNS prefix of package identifiers, and the name of a folder:
    /// at least two labels `[A-Za-z0-9-]+` joined by dots, none of which starts
    /// or ends with `-`, at most 100 characters.
    ///
    /// The limit leaves room for what is put behind it: macOS keeps a receipt
    /// in a file that is named after the whole identifier, and such a name
    /// ends at 255 bytes.
    #[derive(PartialOrd, Ord)]
    IdentifierPrefix, "a prefix in quotes, as \"com.example\""
);

/// In characters (all of them ASCII).
const IDENTIFIER_PREFIX_MAX: usize = 100;

impl IdentifierPrefix {
    fn check(text: &str) -> Result<(), NameError> {
        const RIGHT: &str = "the reversed name of a domain that is yours, as `com.example`: at least two parts of letters A-Z, a-z, digits and inner `-`, joined by dots";
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !text.split('.').all(label) || !text.contains('.') {
            refuse!("{} is not an identifier prefix; give {RIGHT}", quoted(text));
        }
        if text.len() > IDENTIFIER_PREFIX_MAX {
            refuse!(
                "{} has {} characters; an identifier prefix has at most {IDENTIFIER_PREFIX_MAX}",
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
    fn instance_names() {
        accepts::<InstanceName>(&[
            "k3s",
            "default",
            "0",
            "A.b_c-9",
            "a.yml.b",
            "yml",
            "a.yamlx",
            &"a".repeat(76),
        ]);
        refuses::<InstanceName>(&[
            "",
            "-a",
            "a-",
            "a..b",
            "a.-b",
            ".a",
            "a b",
            "a/b",
            "ä",
            "a\n",
            "a\0",
            "$(id)",
            "a.yml",
            "a.YAML",
            "K.Yml",
            &"a".repeat(77),
        ]);
    }

    #[test]
    fn user_names() {
        accepts::<UserName>(&["alice", "_lima", "a.b-c_d9", "A", "roots", "toor", &"u".repeat(32)]);
        refuses::<UserName>(&[
            "",
            "root",
            "ROOT",
            "Root",
            "9a",
            "-a",
            ".a",
            "a.",
            "a b",
            "a:b",
            "a/b",
            "ü",
            "a\u{7}",
            "a$",
            &"u".repeat(33),
        ]);
    }

    #[test]
    fn prefixes() {
        accepts::<IdentifierPrefix>(&[
            "io.lima-vm",
            "a.b",
            "com.example.9-x",
            &format!("a.{}", "b".repeat(98)),
        ]);
        refuses::<IdentifierPrefix>(&[
            "",
            "io",
            "io.",
            ".io",
            "a..b",
            "-a.b",
            "a-.b",
            "a.b-",
            "a_b.c",
            "a/b.c",
            "a. b",
            "ä.b",
            &format!("a.{}", "b".repeat(99)),
        ]);
    }
}
