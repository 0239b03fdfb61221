//! Entitlements in DER, which macOS goes by from 12 on.
//!
//! ```text
//! 70 (application 16)  { INTEGER 1, dictionary }       since macOS 12
//! 31 (SET)             { pairs }                       before
//!
//! dictionary  b0 (context 16) or 31  { pairs }
//! pair        30 { UTF8String key, value }
//! value       01 boolean, 02 integer, 04 data, 0c string, 30 { values }, dictionary
//! ```
//!
//! Source: ITU-T X.690 for DER; the forms as `codesign` writes them, and as apple-codesign
//! (`plist_der.rs`) reads them.
//!
//! Must not know: what entitlements mean.

use std::collections::BTreeMap;
use std::fmt;

/// How deep values may be in each other; Apple's have two or three levels.
const DEPTH_MAX: usize = 16;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const DATA: u8 = 0x04;
const STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSIONED: u8 = 0x70;
const DICTIONARY: u8 = 0xb0;

/// What a property list holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// Bytes.
    Data(Vec<u8>),
    /// A text.
    String(String),
    /// Values, in order.
    Array(Vec<Value>),
    /// Values by name.
    Dictionary(BTreeMap<String, Value>),
}

/// Why bytes are no entitlements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEntitlements(&'static str);

impl fmt::Display for NoEntitlements {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for NoEntitlements {}

/// A structure at the beginning of `bytes`: its tag, its content, and what follows it.
fn take(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), NoEntitlements> {
    const SHORT: NoEntitlements = NoEntitlements("they end too early");
    let (&[tag, first], rest) = bytes.split_first_chunk().ok_or(SHORT)?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(SHORT)?;
            let length = octets.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
            // The shortest form is the only one.
            if octets[0] == 0 || length < 0x80 {
                return Err(NoEntitlements("a length is not in its shortest form"));
            }
            (usize::try_from(length).map_err(|_| SHORT)?, rest)
        }
        _ => return Err(NoEntitlements("a length is of another form than DER's")),
    };
    let (content, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
    Ok((tag, content, rest))
}

/// Reads entitlements.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, NoEntitlements> {
    let (tag, content, rest) = take(bytes)?;
    if !rest.is_empty() {
        return Err(NoEntitlements("something follows them"));
    }
    match tag {
        SET | DICTIONARY => dictionary(content, 0),
        VERSIONED => match take(content)? {
            (INTEGER, [1], rest) => match take(rest)? {
                (DICTIONARY, content, []) => dictionary(content, 0),
                _ => Err(NoEntitlements("they are not a single dictionary")),
            },
            _ => Err(NoEntitlements("they are of another version than 1")),
        },
        _ => Err(NoEntitlements("they are not a dictionary")),
    }
}

fn dictionary(mut bytes: &[u8], depth: usize) -> Result<Value, NoEntitlements> {
    let mut found = BTreeMap::new();
    while !bytes.is_empty() {
        let (SEQUENCE, pair, rest) = take(bytes)? else {
            return Err(NoEntitlements("a dictionary holds something else than pairs"));
        };
        let (STRING, key, after) = take(pair)? else {
            return Err(NoEntitlements("a pair does not begin with its name"));
        };
        let (tag, content, []) = take(after)? else {
            return Err(NoEntitlements("a pair has more than two parts"));
        };
        if found.insert(string(key)?, value(tag, content, depth)?).is_some() {
            return Err(NoEntitlements("a name is there twice"));
        }
        bytes = rest;
    }
    Ok(Value::Dictionary(found))
}

fn value(tag: u8, content: &[u8], depth: usize) -> Result<Value, NoEntitlements> {
    if depth > DEPTH_MAX {
        return Err(NoEntitlements("values are too deep in each other"));
    }
    match (tag, content) {
        (BOOLEAN, [0]) => Ok(Value::Boolean(false)),
        // 01 is what Apple's tools write, against DER.
        (BOOLEAN, [1 | 0xff]) => Ok(Value::Boolean(true)),
        (INTEGER, [first, rest @ ..]) if rest.len() < 8 => {
            let sign = i64::from(first.cast_signed());
            Ok(Value::Integer(rest.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))))
        }
        (DATA, _) => Ok(Value::Data(content.to_vec())),
        (STRING, _) => string(content).map(Value::String),
        (SEQUENCE, _) => {
            let (mut rest, mut found) = (content, Vec::new());
            while !rest.is_empty() {
                let (tag, content, after) = take(rest)?;
                found.push(value(tag, content, depth + 1)?);
                rest = after;
            }
            Ok(Value::Array(found))
        }
        (SET | DICTIONARY, _) => dictionary(content, depth + 1),
        _ => Err(NoEntitlements("a value is of a kind that entitlements do not have")),
    }
}

fn string(bytes: &[u8]) -> Result<String, NoEntitlements> {
    String::from_utf8(bytes.to_vec()).map_err(|_| NoEntitlements("a text is not UTF-8"))
}

/// Writes entitlements in the form since macOS 12. Anything but a dictionary is one value.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    structure(VERSIONED, &[structure(INTEGER, &[1]), encode_value(value)].concat())
}

fn encode_value(value: &Value) -> Vec<u8> {
    match value {
        Value::Boolean(is) => structure(BOOLEAN, &[u8::from(*is)]),
        Value::Integer(number) => {
            let bytes = number.to_be_bytes();
            // Leading bytes that the sign bit of the next one says again.
            let spare = bytes.windows(2).take_while(|pair| {
                matches!(pair, [0, next] if next & 0x80 == 0)
                    || matches!(pair, [0xff, next] if next & 0x80 != 0)
            });
            structure(INTEGER, &bytes[spare.count()..])
        }
        Value::Data(bytes) => structure(DATA, bytes),
        Value::String(text) => structure(STRING, text.as_bytes()),
        Value::Array(values) => {
            structure(SEQUENCE, &values.iter().flat_map(encode_value).collect::<Vec<_>>())
        }
        Value::Dictionary(pairs) => {
            let pair = |(key, value): (&String, &Value)| {
                structure(SEQUENCE, &[structure(STRING, key.as_bytes()), encode_value(value)].concat())
            };
            structure(DICTIONARY, &pairs.iter().flat_map(pair).collect::<Vec<_>>())
        }
    }
}

fn structure(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let octets = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut bytes = vec![tag];
    match content.len() {
        0..=0x7f => bytes.push(content.len().to_le_bytes()[0]),
        _ => {
            bytes.push(0x80 | octets.len().to_le_bytes()[0]);
            bytes.extend_from_slice(octets);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(pairs: &[(&str, Value)]) -> Value {
        Value::Dictionary(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let inner = dictionary(&[("x", Value::Integer(-1)), ("long", Value::String("ä".repeat(200)))]);
        for value in [
            dictionary(&[]),
            dictionary(&[
                ("com.apple.security.virtualization", Value::Boolean(true)),
                ("off", Value::Boolean(false)),
                ("data", Value::Data(vec![0, 255])),
                ("list", Value::Array(vec![Value::String("a".to_owned()), inner])),
            ]),
        ] {
            assert_eq!(decode(&encode(&value)), Ok(value));
        }
        for number in [0, 1, -1, 127, 128, -128, -129, 255, 256, i64::MAX, i64::MIN] {
            let value = dictionary(&[("n", Value::Integer(number))]);
            assert_eq!(decode(&encode(&value)), Ok(value));
        }
    }

    /// As `codesign` of before macOS 12 wrote it, in a release of Node.js.
    #[test]
    fn the_older_form() {
        let pair = [&b"\x30\x24\x0c\x1fcom.apple.security.cs.allow-jit"[..], &[1, 1, 1]].concat();
        let bytes = structure(SET, &pair);
        let expected = dictionary(&[("com.apple.security.cs.allow-jit", Value::Boolean(true))]);
        assert_eq!(decode(&bytes), Ok(expected));
    }

    #[test]
    fn others_are_refused() {
        let pair = structure(SEQUENCE, &[structure(STRING, b"a"), structure(BOOLEAN, &[1])].concat());
        let deep = (0..40).fold(structure(BOOLEAN, &[1]), |inner, _| structure(SEQUENCE, &inner));
        let deep = structure(SEQUENCE, &[structure(STRING, b"a"), deep].concat());
        for wrong in [
            vec![],
            vec![SET],
            vec![SET, 0x80, 0, 0],
            vec![SET, 0x81, 1, 0],
            vec![SET, 0x85, 1, 1, 1, 1, 1],
            vec![SET, 2, 1],
            vec![SEQUENCE, 0],
            vec![SET, 0, 0],
            structure(VERSIONED, &[2, 1, 2, DICTIONARY, 0]),
            structure(SET, &[pair.clone(), pair].concat()),
            structure(SET, &deep),
            structure(SET, &structure(SEQUENCE, &[12, 1, 0xff, 1, 1, 1])),
            structure(SET, &structure(SEQUENCE, &[12, 1, 65, 1, 1, 2])),
            structure(SET, &structure(SEQUENCE, &[12, 1, 65, 9, 1, 2])),
        ] {
            assert!(decode(&wrong).is_err(), "{wrong:02x?}");
        }
    }
}
