//! The keys that a table of the settings file may have, and what was meant by
//! another one.
//!
//! Must not know: what the keys mean. They are the fields of the structs that
//! serde fills, asked of serde itself, so that there is no second list.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor, value::Error};
use serde::forward_to_deserialize_any;

/// The names of the fields that a struct is deserialized from.
pub fn keys_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // It never succeeds: it only asks.
    let _ = T::deserialize(Ask(&mut keys));
    keys
}

/// Notes the field names that it is called with, and refuses to give values.
struct Ask<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Ask<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(serde::de::Error::custom("asked for the names only"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn they_are_the_names_in_the_file() {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[allow(dead_code, reason = "only its names are used")]
        struct Table {
            one: u8,
            two_words: Option<String>,
        }
        assert_eq!(super::keys_of::<Table>(), ["one", "two-words"]);
        assert_eq!(super::keys_of::<String>(), [""; 0]);
    }
}
