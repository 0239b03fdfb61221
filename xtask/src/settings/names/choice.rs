//! Values of a closed set, written as words.
//!
//! Must not know: the sets; each is listed where its type is.

/// Gives an enum its words: `ALL`, `as_str`, `Display`, `FromStr` with a
/// suggestion for a typo, and serde both ways, all from one list.
macro_rules! choice {
    ($name:ident, $what:literal, $expected:literal, { $($word:literal => $variant:ident),+ $(,)? }) => {
        impl $name {
            /// Every value, in the order in which messages list them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that the settings file uses.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::settings::names::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                use $crate::settings::names::{NameError, did_you_mean, list, quoted};
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => {
                        let words = || Self::ALL.iter().map(|choice| choice.as_str());
                        Err(NameError(format!(
                            "{} is not {}: give {}{}",
                            quoted(text),
                            $what,
                            list(words(), "or"),
                            did_you_mean(text, words()),
                        )))
                    }
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        $crate::settings::names::deserialize_from_str!($name, $expected);
    };
}
pub(in crate::settings) use choice;
