//! A property list that anybody may have made, XML or binary.
//!
//! The crate plist reads it; what it does not bound is bounded here. Lists in each other
//! without end overflow the stack, which nothing can catch; and in a binary list, whose
//! parts are referred to by number, ten lists of ten times the next one are ten thousand
//! million values. Layout of the latter: Apple's CFBinaryPList.c.
//!
//! Must not know: what property lists are for.

use std::cell::Cell;
use std::fmt;
use std::io::Cursor;

use plist::{Dictionary, Value};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep a list may be nested. A job of launchd's has a handful of levels.
const DEPTH_MAX: usize = 64;
/// What a binary list may come to in memory, in bytes, roughly.
const MEMORY_MAX: usize = 16 << 20;
/// What each value takes, beside its text or data.
const VALUE_COST: usize = 64;
/// A binary list's first bytes and the length of its last part.
const MAGIC: &[u8] = b"bplist00";
const TRAILER_LEN: usize = 32;

/// Reads a property list.
///
/// # Errors
/// Why it is none, or none that is read.
pub fn read(content: &[u8]) -> Result<Value, String> {
    let read = if content.starts_with(MAGIC) {
        let bounded = Binary::new(content).is_some_and(|list| list.is_bounded());
        if !bounded {
            return Err("it is damaged, or refers to its parts again and again".to_owned());
        }
        Value::from_reader(Cursor::new(content))
    } else {
        plist::from_reader_xml(content).map(|Bounded(value)| value)
    };
    read.map_err(|error| error.to_string())
}

/// A value of an XML list, not nested too deep; a date is its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounded(pub Value);

thread_local! {
    /// How deep the value that is being read is nested.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One level more, as long as it is kept.
struct Level;

impl Level {
    fn enter<E: Error>() -> Result<Self, E> {
        let depth = DEPTH.get();
        if depth >= DEPTH_MAX {
            return Err(E::custom(format!("it is nested more than {DEPTH_MAX} deep")));
        }
        DEPTH.set(depth + 1);
        Ok(Self)
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

impl<'de> Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a property list")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Boolean(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Integer(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Real(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::String(value.to_owned()))
            }

            fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
                Ok(Value::Data(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let _level = Level::enter()?;
                let mut values = Vec::new();
                while let Some(Bounded(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(Value::Array(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let _level = Level::enter()?;
                let mut values = Dictionary::new();
                while let Some((key, Bounded(value))) = map.next_entry::<String, _>()? {
                    values.insert(key, value);
                }
                Ok(Value::Dictionary(values))
            }
        }
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

/// A binary list's parts.
struct Binary<'a> {
    bytes: &'a [u8],
    offset_len: usize,
    reference_len: usize,
    root: usize,
    table: usize,
}

impl<'a> Binary<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (_, trailer) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER_LEN)?)?;
        Some(Self {
            bytes,
            offset_len: trailer[6].into(),
            reference_len: trailer[7].into(),
            root: number(&trailer[16..24])?,
            table: number(&trailer[24..])?,
        })
    }

    /// Whether everything that can be reached from the root, each time it is referred
    /// to, stays within the limits.
    fn is_bounded(&self) -> bool {
        self.visit(self.root, 0, &mut { MEMORY_MAX }).is_some()
    }

    fn visit(&self, object: usize, depth: usize, memory: &mut usize) -> Option<()> {
        *memory = memory.checked_sub(VALUE_COST)?;
        if depth > DEPTH_MAX {
            return None;
        }
        let position = self.table.checked_add(object.checked_mul(self.offset_len)?)?;
        let mut rest = self.bytes.get(number(self.take(position, self.offset_len)?)?..)?;
        let (&marker, after) = rest.split_first()?;
        rest = after;
        let mut length = usize::from(marker & 0x0f);
        if length == 0x0f {
            let (&integer, after) = rest.split_first()?;
            let (digits, after) = after.split_at_checked(1 << (integer & 3))?;
            length = number(digits)?;
            rest = after;
        }
        let references = match marker >> 4 {
            4..=6 => {
                *memory = memory.checked_sub(length.checked_mul(2)?)?;
                return Some(());
            }
            0xa => length,
            0xd => length.checked_mul(2)?,
            _ => return Some(()),
        };
        let references = rest.get(..references.checked_mul(self.reference_len)?)?;
        if self.reference_len == 0 {
            return None;
        }
        references
            .chunks_exact(self.reference_len)
            .try_for_each(|reference| self.visit(number(reference)?, depth + 1, memory))
    }

    fn take(&self, position: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(position..position.checked_add(length)?)
    }
}

/// A big-endian number of at most 8 bytes.
fn number(bytes: &[u8]) -> Option<usize> {
    if bytes.len() > 8 {
        return None;
    }
    let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binary list of these objects, the first one the root.
    fn binary(objects: &[&[u8]]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut table = Vec::new();
        for object in objects {
            table.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
            bytes.extend_from_slice(object);
        }
        let table_at = bytes.len() as u64;
        bytes.extend_from_slice(&table);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 2, 1]);
        for number in [objects.len() as u64, 0, table_at] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let mut value = plist::Dictionary::new();
        value.insert("Label".to_owned(), "a".repeat(300).into());
        value.insert("Two".to_owned(), Value::Array(vec![true.into(), 7.into(), "é".into()]));
        let value = Value::Dictionary(value);
        let (mut xml, mut bytes) = (Vec::new(), Vec::new());
        value.to_writer_xml(&mut xml).unwrap();
        value.to_writer_binary(&mut bytes).unwrap();
        assert_eq!(read(&xml), Ok(value.clone()));
        assert_eq!(read(&bytes), Ok(value));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn lists_of_the_same_list_again_and_again_are_refused() {
        let arrays: Vec<Vec<u8>> = (0..20_u8).map(|at| [&[0xaa][..], &[at + 1; 10]].concat()).collect();
        let mut objects: Vec<&[u8]> = arrays.iter().map(Vec::as_slice).collect();
        objects.push(b"\x09");
        assert!(read(&binary(&objects)).unwrap_err().contains("again and again"));
        assert!(read(&binary(&objects[17..])).is_err(), "numbers that lead nowhere");
        assert!(read(&binary(&[b"\xa1\x00"])).is_err(), "a list in itself");
        assert_eq!(read(&binary(&[b"\xa2\x01\x01", b"\x09"])).unwrap().as_array().unwrap().len(), 2);
    }

    #[test]
    fn lists_in_each_other_are_bounded() {
        let xml = |depth: usize| {
            format!("<plist>{}{}</plist>", "<array>".repeat(depth), "</array>".repeat(depth)).into_bytes()
        };
        assert!(read(&xml(DEPTH_MAX)).is_ok());
        assert!(read(&xml(DEPTH_MAX + 1)).unwrap_err().contains("more than 64 deep"));
        assert!(read(&xml(DEPTH_MAX)).is_ok(), "the levels are counted from nothing again");
        let many = "<array/>".repeat(100_000);
        assert!(read(format!("<plist><array>{many}</array></plist>").as_bytes()).is_ok());
        let open = format!("<plist>{}", "<dict><key>a</key>".repeat(100_000));
        assert!(read(open.as_bytes()).is_err());
        let arrays: Vec<Vec<u8>> = (0..=DEPTH_MAX as u8 + 1).map(|at| vec![0xa1, at + 1]).collect();
        let nested = |from: usize| {
            let mut objects: Vec<Vec<u8>> = arrays[from..].to_vec();
            objects.iter_mut().for_each(|object| object[1] -= from as u8);
            objects.push(vec![0x09]);
            binary(&objects.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        assert!(read(&nested(2)).is_ok());
        assert!(read(&nested(1)).is_err());
    }
}
