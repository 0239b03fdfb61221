//! The structure of which signature and header are made, written.
//!
//! ```text
//! 8e ad e8 01, 4 zeros, number of entries (4), length of the data (4)
//! entry    tag (4), type (4), offset in the data (4), number of values (4)
//! data     integers at multiples of their size, strings with a NUL
//! ```
//!
//! Everything is big-endian; entries are sorted by tag. The first is a region: 16 bytes at
//! the data's end, which say how many entries belong to it. Everything does.
//!
//! Must not know: what tags mean. Source: rpm's `docs/manual/format_header.md`.

use std::collections::BTreeMap;

/// The first bytes.
pub const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
/// Bytes before the entries.
pub const START_LEN: usize = 16;
/// Bytes of an entry, and of the region's end.
pub const ENTRY_LEN: usize = 16;

/// Types of values.
pub mod kind {
    #![allow(missing_docs, reason = "the names are rpm's own")]
    pub const CHAR: u32 = 1;
    pub const INT8: u32 = 2;
    pub const INT16: u32 = 3;
    pub const INT32: u32 = 4;
    pub const INT64: u32 = 5;
    pub const STRING: u32 = 6;
    pub const BIN: u32 = 7;
    pub const STRINGS: u32 = 8;
    pub const I18N: u32 = 9;
}

/// What a tag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Numbers of 16 bits.
    Int16(Vec<u16>),
    /// Numbers of 32 bits.
    Int32(Vec<u32>),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// A text in the first language of the table of languages.
    Translated(String),
}

impl Value {
    fn kind(&self) -> u32 {
        match self {
            Self::Int16(_) => kind::INT16,
            Self::Int32(_) => kind::INT32,
            Self::Text(_) => kind::STRING,
            Self::Texts(_) => kind::STRINGS,
            Self::Translated(_) => kind::I18N,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Int16(numbers) => numbers.len(),
            Self::Int32(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
            Self::Text(_) | Self::Translated(_) => 1,
        }
    }

    fn put(&self, data: &mut Vec<u8>) {
        let put_text = |data: &mut Vec<u8>, text: &str| {
            data.extend_from_slice(text.as_bytes());
            data.push(0);
        };
        match self {
            Self::Int16(numbers) => {
                data.resize(data.len().next_multiple_of(2), 0);
                data.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
            }
            Self::Int32(numbers) => {
                data.resize(data.len().next_multiple_of(4), 0);
                data.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
            }
            Self::Text(text) | Self::Translated(text) => put_text(data, text),
            Self::Texts(texts) => texts.iter().for_each(|text| put_text(data, text)),
        }
    }

    /// Where its first byte is, if `length` bytes are before it.
    fn offset(&self, length: usize) -> usize {
        match self {
            Self::Int16(_) => length.next_multiple_of(2),
            Self::Int32(_) => length.next_multiple_of(4),
            Self::Text(_) | Self::Texts(_) | Self::Translated(_) => length,
        }
    }
}

/// The bytes of a header with this region. A tag without a value is left out.
pub fn write(region: u32, values: &BTreeMap<u32, Value>) -> Vec<u8> {
    let values: Vec<_> = values.iter().filter(|(_, value)| value.count() > 0).collect();
    let entries_len = (values.len() + 1) * ENTRY_LEN;
    let mut entries = Vec::with_capacity(entries_len);
    let mut data = Vec::new();
    for (tag, value) in &values {
        entries.push([**tag, value.kind(), value.offset(data.len()) as u32, value.count() as u32]);
        value.put(&mut data);
    }
    entries.insert(0, [region, kind::BIN, data.len() as u32, ENTRY_LEN as u32]);
    let end = [region, kind::BIN, (entries_len as u32).wrapping_neg(), ENTRY_LEN as u32];
    data.extend(end.iter().flat_map(|number| number.to_be_bytes()));
    let mut out = MAGIC.to_vec();
    out.extend((entries.len() as u32).to_be_bytes());
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(entries.iter().flatten().flat_map(|number| number.to_be_bytes()));
    out.extend(data);
    out
}
