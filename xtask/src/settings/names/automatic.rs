//! Values that a person names, or leaves to the Mac with the word `auto`.
//!
//! Must not know: where and how a Mac is asked.

use std::fmt;
use std::str::FromStr;

use super::{AbsolutePath, NameError, UserName, deserialize_from_str, quoted, refuse};

/// The word `auto`.
const AUTO: &str = "auto";

/// Who an instance runs as.
///
/// An account that is really called `auto` cannot be named here. Nor can
/// `Auto`: macOS folds case when it looks an account up, and who writes that
/// most likely means the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// The local user whose Lima folder holds the instance.
    Auto,
    /// The one that is named.
    Named(UserName),
}

deserialize_from_str!(Account, "a user's short name, or \"auto\", in quotes");

impl Account {
    /// The name, where there is one before the installation.
    pub fn name(&self) -> Option<&UserName> {
        match self {
            Self::Auto => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl FromStr for Account {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == AUTO {
            return Ok(Self::Auto);
        }
        if text.eq_ignore_ascii_case(AUTO) {
            refuse!(
                "{} is not a user that can be named; `auto`, in small letters, takes the user whose Lima folder holds the instance",
                quoted(text)
            );
        }
        text.parse().map(Self::Named)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().map_or(AUTO, UserName::as_str))
    }
}

/// Which limactl starts an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limactl {
    /// On a Mac the first of the usual places that has one for its processor;
    /// on Linux where Lima's release archive puts it.
    Auto,
    /// The one that is named.
    At(AbsolutePath),
}

deserialize_from_str!(Limactl, "an absolute path, or \"auto\", in quotes");

impl FromStr for Limactl {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == AUTO {
            return Ok(Self::Auto);
        }
        if !text.starts_with(['/', '~']) {
            refuse!(
                "{} is not an absolute path; start at `/`, or give `auto` to have it looked for",
                quoted(text)
            );
        }
        AbsolutePath::parse_program(text).map(Self::At)
    }
}

impl fmt::Display for Limactl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => AUTO,
            Self::At(path) => path.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::names::testing::{accepts, refuses};

    #[test]
    fn accounts() {
        accepts::<Account>(&["auto", "alice", "autos", "_auto"]);
        refuses::<Account>(&["Auto", "AUTO", "", "root", "a b", "auto "]);
        assert_eq!("auto".parse(), Ok(Account::Auto));
        assert_eq!("alice".parse::<Account>().unwrap().name().unwrap().as_str(), "alice");
    }

    #[test]
    fn programs() {
        accepts::<Limactl>(&["auto", "/opt/homebrew/bin/limactl", "/auto"]);
        refuses::<Limactl>(&["Auto", "", "limactl", "~/limactl", "/a:b/limactl", "/a//b"]);
        assert_eq!("auto".parse(), Ok(Limactl::Auto));
    }
}
