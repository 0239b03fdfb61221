//! Values of the settings file that are no names: numbers, lists, tables.
//!
//! Must not know: where they are; toml adds that to an error.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use serde::Deserializer;
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::names::{deserialize_from_str, list, quoted};
use super::{Architecture, CatalogName, EnvName, EnvValue};

/// The longest time between the request to stop and the kill, in seconds.
const EXIT_TIMEOUT_MAX: u32 = 3600;

/// A path on the disk of whoever builds, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(pub String);

impl std::str::FromStr for FilePath {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

deserialize_from_str!(FilePath, "a path in quotes");

/// `true` or `false`.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    struct Boolean;
    impl Visitor<'_> for Boolean {
        type Value = Option<bool>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`true` or `false` without quotes")
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
            Ok(Some(value))
        }
    }
    deserializer.deserialize_bool(Boolean)
}

/// Seconds, 1 to 3600.
pub fn exit_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    struct Seconds;
    impl Visitor<'_> for Seconds {
        type Value = Option<u32>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "seconds, a whole number from 1 to {EXIT_TIMEOUT_MAX} without quotes")
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
            match u32::try_from(value) {
                Ok(seconds @ 1..=EXIT_TIMEOUT_MAX) => Ok(Some(seconds)),
                _ => Err(E::invalid_value(Unexpected::Signed(value), &self)),
            }
        }
    }
    deserializer.deserialize_i64(Seconds)
}

/// Architectures, each once and at least one, sorted: their order means nothing
/// and must not make another package.
pub fn architectures<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Architecture>>, D::Error> {
    struct Architectures;
    impl<'de> Visitor<'de> for Architectures {
        type Value = Option<Vec<Architecture>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, as [\"arm64\", \"x86_64\"]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut architectures = Vec::new();
            while let Some(architecture) = items.next_element::<Architecture>()? {
                if architectures.contains(&architecture) {
                    return Err(A::Error::custom(format!(
                        "{} is here twice; leave one out",
                        quoted(architecture.as_str())
                    )));
                }
                architectures.push(architecture);
            }
            if architectures.is_empty() {
                let all = Architecture::ALL.iter().map(|architecture| architecture.as_str());
                return Err(A::Error::custom(format!(
                    "a package for no architecture installs nowhere; give {}, or both",
                    list(all, "or")
                )));
            }
            architectures.sort_unstable();
            Ok(Some(architectures))
        }
    }
    deserializer.deserialize_seq(Architectures)
}

/// Munki catalogs, at least one, each once where file names fold case.
pub fn catalogs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<CatalogName>>, D::Error> {
    struct Catalogs;
    impl<'de> Visitor<'de> for Catalogs {
        type Value = Option<Vec<CatalogName>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, as [\"testing\"]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut catalogs: Vec<CatalogName> = Vec::new();
            while let Some(catalog) = items.next_element::<CatalogName>()? {
                if catalogs.iter().any(|other| other.as_str().eq_ignore_ascii_case(catalog.as_str())) {
                    return Err(A::Error::custom(format!(
                        "{} is here twice, in whatever case; leave one out",
                        quoted(catalog.as_str())
                    )));
                }
                catalogs.push(catalog);
            }
            if catalogs.is_empty() {
                return Err(A::Error::custom("a package in no catalog reaches no Mac; name at least one"));
            }
            Ok(Some(catalogs))
        }
    }
    deserializer.deserialize_seq(Catalogs)
}

/// A table of environment variables.
pub fn env<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<EnvName, EnvValue>>, D::Error> {
    struct Env;
    impl<'de> Visitor<'de> for Env {
        type Value = Option<BTreeMap<EnvName, EnvValue>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table, as { NAME = \"value\" }")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
            let mut env = BTreeMap::new();
            while let Some((name, value)) = table.next_entry()? {
                env.insert(name, value);
            }
            Ok(Some(env))
        }
    }
    deserializer.deserialize_map(Env)
}
