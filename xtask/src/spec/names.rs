//! Names and values that parse or explain.
//!
//! Must not know: where a value came from (flag, file, environment); the
//! caller adds that to the message.

use std::fmt;

/// Why a value was refused, in words, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub String);

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(String);

        impl $name {
            /// The text that was parsed, unchanged.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::check(text)?;
                Ok(Self(text.to_owned()))
            }
        }
    };
}

name_type!(
    /// Name of a Lima instance.
    InstanceName
);
name_type!(
    /// Short name of a user account.
    UserName
);
name_type!(
    /// An absolute path without `.`, `..` and control characters.
    AbsolutePath
);
name_type!(
    /// Name of an environment variable.
    EnvName
);
name_type!(
    /// Value of an environment variable.
    EnvValue
);
name_type!(
    /// Reverse-DNS prefix.
    IdentifierPrefix
);
name_type!(
    /// A version of dotted numbers.
    PackageVersion
);
name_type!(
    /// A macOS version, as `13.0`.
    MacosVersion
);
name_type!(
    /// A line of text for people.
    Text
);

macro_rules! accept_all {
    ($($name:ident)*) => { $(impl $name {
        fn check(_text: &str) -> Result<(), NameError> { Ok(()) }
    })* };
}
accept_all!(InstanceName UserName AbsolutePath EnvName EnvValue IdentifierPrefix PackageVersion MacosVersion Text);
