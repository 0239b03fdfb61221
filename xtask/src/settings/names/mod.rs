//! Names and values that parse or explain.
//!
//! Must not know: where a value came from (flag, file, environment); the
//! caller adds that to the message.
//!
//! Every type here holds text that was checked once, when it was parsed, and
//! is given back unchanged. Every refusal names the value, with
//! [`quoted`] so that it cannot drive a terminal, and says what would be right.

mod automatic;
mod choice;
mod commit;
mod digest;
mod environment;
mod identity;
mod linux;
mod managers;
mod path;
mod quote;
mod rfc3986;
mod text;
mod version;

pub use automatic::{Account, Limactl};
pub use commit::Commit;
pub use digest::Sha256;
pub use environment::{EnvName, EnvValue};
pub use identity::{IdentifierPrefix, InstanceName, UserName};
pub use linux::Maintainer;
pub use managers::{BaseUrl, CatalogName};
pub use path::AbsolutePath;
pub use quote::{did_you_mean, list, printable, quoted};
pub use text::Text;
pub use version::{MacosVersion, PackageVersion};

pub(super) use choice::choice;

/// Why a value was refused, in words, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub String);

/// Returns early with a [`NameError`].
macro_rules! refuse {
    ($($argument:tt)*) => {
        return Err($crate::settings::names::NameError(format!($($argument)*)))
    };
}
use refuse;

/// A type around checked text. Its module adds `fn check(&str)`. The literal
/// says what a settings file should have held where it holds no string.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
        pub struct $name(String);

        impl $name {
            /// The text that was parsed, unchanged.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::settings::names::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        $crate::settings::names::deserialize_from_str!($name, $expected);
    };
}
use name_type;

/// Reads a type from a string of the settings file with its `FromStr`, so that
/// a value is held to the same rule and gets the same words wherever it is
/// written.
macro_rules! deserialize_from_str {
    ($name:ident, $expected:literal) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}
pub(super) use deserialize_from_str;

#[cfg(test)]
pub(super) mod testing {
    //! What the tests of all names share.

    use super::quoted;

    /// Every value parses and is given back unchanged.
    pub fn accepts<T>(values: &[&str])
    where
        T: std::str::FromStr<Err = super::NameError> + std::fmt::Display,
    {
        for value in values {
            match value.parse::<T>() {
                Ok(parsed) => assert_eq!(&parsed.to_string(), value),
                Err(error) => panic!("refused: {error}"),
            }
        }
    }

    /// Every value is refused, and the message shows it.
    pub fn refuses<T>(values: &[&str])
    where
        T: std::str::FromStr<Err = super::NameError> + std::fmt::Display,
    {
        for value in values {
            match value.parse::<T>() {
                Ok(parsed) => panic!("accepted: {:?}", parsed.to_string()),
                Err(error) => assert!(error.to_string().contains(&quoted(value)), "{error}"),
            }
        }
    }
}
