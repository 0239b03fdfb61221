//! Names for Linux packages: who maintains them, and what an instance's is called.
//!
//! Must not know: the formats, what is in a package.

use super::{InstanceName, NameError, name_type, quoted, refuse};

name_type!(
    /// Who answers for the Linux packages, as Debian, RPM and Arch write it:
    /// `Name <address>`, at most 200 characters, in one line. The name holds none of
    /// `<>,"()\@` and no control characters, since Debian Policy (5.6.2) has it read
    /// as the sender of a mail. The address is `local@domain`, in ASCII.
    #[derive(PartialOrd, Ord)]
    Maintainer, "a name and an address in quotes, as \"Jane Doe <jane@example.com>\""
);

/// In characters.
const MAINTAINER_MAX: usize = 200;

impl Maintainer {
    fn check(text: &str) -> Result<(), NameError> {
        const RIGHT: &str = "give a name and an address, as `Jane Doe <jane@example.com>`";
        let shown = quoted(text);
        if text.chars().count() > MAINTAINER_MAX {
            refuse!("{shown} is too long; a maintainer has at most {MAINTAINER_MAX} characters");
        }
        let parts = text.strip_suffix('>').and_then(|text| text.split_once(" <"));
        let Some((name, address)) = parts else {
            refuse!("{shown} is not a maintainer; {RIGHT}");
        };
        let is_odd = |c: char| {
            c.is_control()
                || "<>,\"()\\@".contains(c)
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
        };
        if name.is_empty() || name.trim() != name || name.contains(is_odd) {
            refuse!("{shown} has no name that packages can carry before its address; {RIGHT}");
        }
        if !is_address(address) {
            refuse!("{shown} has no mail address between `<` and `>`; {RIGHT}");
        }
        Ok(())
    }
}

/// `local@domain`: of the local part, what RFC 5322 (3.2.3) takes without quotes.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    local.split('.').all(is_atom) && domain.contains('.') && domain.split('.').all(is_label)
}

impl InstanceName {
    /// The name of the instance's Linux package: `lima-`, the name, `-autostart`.
    ///
    /// Debian takes `[a-z0-9][a-z0-9+.-]+` (Policy 5.6.1), RPM and Arch more; one name
    /// holds for all three. `+` is legal in them and never in an instance's name: `A` is
    /// written as `+a`, `_` as `++`, so two instances never share a name. At the end it
    /// would be a command of apt's, and the end is always the same.
    pub fn linux_package(&self) -> String {
        let mut name = String::from("lima-");
        for c in self.as_str().chars() {
            match c {
                '_' => name.push_str("++"),
                c if c.is_ascii_uppercase() => name.extend(['+', c.to_ascii_lowercase()]),
                c => name.push(c),
            }
        }
        name + "-autostart"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::names::testing::{accepts, refuses};

    #[test]
    fn maintainers() {
        accepts::<Maintainer>(&[
            "Jane Doe <jane@example.com>",
            "J. R. O'Neil <a.b+c@x-1.example>",
            "Zoë & Söhne <root@lima.invalid>",
        ]);
        refuses::<Maintainer>(&[
            "",
            "jane@example.com",
            "<jane@example.com>",
            " <jane@example.com>",
            "Jane <jane@example.com> ",
            "Jane <jane>",
            "Jane <jane@host>",
            "Jane <@example.com>",
            "Jane <a b@example.com>",
            "Jane <a..b@example.com>",
            "Jane <a@-x.com>",
            "Doe, Jane <jane@example.com>",
            "Jane\nDepends: x <jane@example.com>",
            "Jane <jane@example.com>\nX: y <j@example.com>",
            "Jane \"J\" <jane@example.com>",
            "Jane\u{2028} <jane@example.com>",
            &format!("{} <jane@example.com>", "x".repeat(200)),
        ]);
    }

    #[test]
    fn package_names() {
        let name = |text: &str| text.parse::<InstanceName>().unwrap().linux_package();
        assert_eq!(name("k3s"), "lima-k3s-autostart");
        assert_eq!(name("docker.rootless-1"), "lima-docker.rootless-1-autostart");
        assert_eq!(name("My_VM"), "lima-+my+++v+m-autostart");
    }
}
