//! The structure of which signature and header are made, read: see [`header`](super::header).
//!
//! A header is checked as a whole first: every entry's values lie in the data. What a tag
//! holds is read when it is asked for.
//!
//! Must not know: what tags mean.

use std::io::Read;

use super::header::{ENTRY_LEN, MAGIC, START_LEN, kind};

/// Most entries of a header: rpm's own limit.
pub const ENTRIES_MAX: u32 = 0xffff;
/// Most bytes of a header's data.
pub const DATA_MAX: u32 = 32 << 20;
/// Most values of a tag that are read.
pub const VALUES_MAX: u32 = 1 << 18;

/// A header that was read.
#[derive(Debug, Clone)]
pub struct Header {
    /// All of it, as it is in the package.
    pub bytes: Vec<u8>,
    entries: Vec<Entry>,
    data_start: usize,
    /// Whether the region that it begins with covers all of it.
    pub is_whole: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u32,
    kind: u32,
    offset: usize,
    count: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// Why it is none, or goes beyond a limit.
    pub fn read(input: &mut impl Read, region: u32) -> Result<Self, String> {
        let mut bytes = vec![0; START_LEN];
        input.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        if bytes[..4] != MAGIC[..4] {
            return Err("it does not begin as one".to_owned());
        }
        let number = |bytes: &[u8], at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let (count, data_len) = (number(&bytes, 8), number(&bytes, 12));
        if count > ENTRIES_MAX || data_len > DATA_MAX {
            return Err(format!(
                "it has {count} entries and {data_len} bytes; {ENTRIES_MAX} and {DATA_MAX} are read"
            ));
        }
        let rest = u64::from(count) * ENTRY_LEN as u64 + u64::from(data_len);
        // Grows with what is there, not with what is said.
        let read = input.take(rest).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if (read as u64) < rest {
            return Err("the package ends within it".to_owned());
        }
        let data_start = START_LEN + count as usize * ENTRY_LEN;
        let mut entries = Vec::with_capacity(count as usize);
        for at in (START_LEN..data_start).step_by(ENTRY_LEN) {
            let [tag, kind, offset, count] = [0, 4, 8, 12].map(|part| number(&bytes, at + part));
            let size = match kind {
                kind::CHAR | kind::INT8 | kind::BIN | kind::STRING | kind::STRINGS | kind::I18N => 1,
                kind::INT16 => 2,
                kind::INT32 => 4,
                kind::INT64 => 8,
                0 => 0,
                _ => return Err(format!("the tag {tag} is of the unknown type {kind}")),
            };
            // A text has a byte at least, the NUL.
            let end = u64::from(offset) + u64::from(count) * size;
            if end > u64::from(data_len) || !u64::from(offset).is_multiple_of(size.max(1)) {
                return Err(format!("the values of the tag {tag} do not lie in it"));
            }
            entries.push(Entry { tag, kind, offset: offset as usize, count: count as usize });
        }
        let is_whole = covers(&bytes[data_start..], entries.first(), region, count);
        Ok(Self { bytes, entries, data_start, is_whole })
    }

    /// Tags that are there more than once.
    pub fn repeated(&self) -> Vec<u32> {
        let mut tags: Vec<u32> = self.entries.iter().map(|entry| entry.tag).collect();
        tags.sort_unstable();
        let mut repeated: Vec<u32> =
            tags.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        repeated.dedup();
        repeated
    }

    /// Whether a tag is there.
    pub fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    fn find(&self, tag: u32) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    fn data(&self, entry: &Entry) -> &[u8] {
        &self.bytes[self.data_start + entry.offset..]
    }

    /// The numbers of a tag, up to 64 bits.
    pub fn numbers(&self, tag: u32) -> Vec<u64> {
        let Some(entry) = self.find(tag).filter(|entry| entry.count <= VALUES_MAX as usize) else {
            return Vec::new();
        };
        let size = match entry.kind {
            kind::INT16 => 2,
            kind::INT32 => 4,
            kind::INT64 => 8,
            _ => return Vec::new(),
        };
        let values = self.data(entry)[..entry.count * size].chunks_exact(size);
        values.map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))).collect()
    }

    /// The only number of a tag.
    pub fn number(&self, tag: u32) -> Option<u64> {
        self.numbers(tag).first().copied()
    }

    /// The texts of a tag; fewer than it says, where they end too late.
    pub fn texts(&self, tag: u32) -> Vec<&[u8]> {
        let Some(entry) = self.find(tag).filter(|entry| entry.count <= VALUES_MAX as usize) else {
            return Vec::new();
        };
        if !matches!(entry.kind, kind::STRING | kind::STRINGS | kind::I18N) {
            return Vec::new();
        }
        let mut rest = self.data(entry);
        let mut texts = Vec::new();
        // A single text has a count of 1, whatever is said.
        let count = if entry.kind == kind::STRING { 1 } else { entry.count };
        while texts.len() < count {
            let Some(end) = rest.iter().position(|byte| *byte == 0) else { break };
            texts.push(&rest[..end]);
            rest = &rest[end + 1..];
        }
        texts
    }

    /// The first text of a tag.
    pub fn text(&self, tag: u32) -> Option<String> {
        self.texts(tag).first().map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// The bytes of a tag.
    pub fn binary(&self, tag: u32) -> Option<&[u8]> {
        let entry = self.find(tag).filter(|entry| entry.kind == kind::BIN)?;
        self.data(entry).get(..entry.count)
    }
}

/// Whether a region is there and holds every entry.
fn covers(data: &[u8], first: Option<&Entry>, region: u32, count: u32) -> bool {
    let Some(first) =
        first.filter(|entry| entry.tag == region && entry.kind == kind::BIN && entry.count == 16)
    else {
        return false;
    };
    let Some(end) = data.get(first.offset..first.offset + ENTRY_LEN) else { return false };
    let entries_len = (count as usize * ENTRY_LEN) as u32;
    let expected = [region, kind::BIN, entries_len.wrapping_neg(), ENTRY_LEN as u32];
    end.chunks_exact(4).zip(expected).all(|(bytes, number)| bytes == number.to_be_bytes())
}
