//! What lies where in the heap, and behind it.
//!
//! Every byte belongs to one thing that the table of contents knows. Two members may
//! share one place (`xar --coalesce-heap`). Extended attributes have wrong places in
//! some packages. The xar of OS X 10.10 to 10.14 left up to 4096 bytes behind the heap,
//! which it copied in blocks of 4096 after the digest and the signatures.
//!
//! Must not know: what members are for.

use std::io::{Read, Seek, SeekFrom};

use super::read::{Archive, XarReadError};
use super::ticket::{TRAILER_LEN, TYPE_TERMINATOR, TYPE_TICKET, trailer};
use crate::findings::Findings;

/// The most bytes of rubbish that xar of 10.10 to 10.14 left behind a heap.
pub const RUBBISH_MAX: u64 = 4096;
/// What it wrote before it copied blocks of 4096: the digest, then with signatures.
const BEFORE_BLOCKS: [u64; 2] = [20, 1300];
/// The largest ticket that is looked for, in bytes.
const TICKET_MAX: u64 = 16 << 20;

/// What follows the heap. Offsets are in bytes from the file's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BehindHeap {
    /// Where the heap ends; not beyond the file's end.
    pub start: u64,
    /// Bytes between the heap and a ticket or the file's end that belong to nothing.
    pub rubbish: u64,
    /// Where a stapled ticket starts and its length, found from the file's end.
    pub ticket: Option<(u64, u64)>,
    /// Where the file without a ticket ends.
    pub end: u64,
}

impl BehindHeap {
    /// Whether the rubbish is what xar of 10.10 to 10.14 left there.
    pub fn is_known_rubbish(&self, heap_start: u64) -> bool {
        let length = self.end.saturating_sub(heap_start);
        self.rubbish <= RUBBISH_MAX && BEFORE_BLOCKS.contains(&(length % RUBBISH_MAX))
    }
}

impl Archive {
    /// Looks at what follows the heap.
    ///
    /// # Errors
    /// [`XarReadError`], if it cannot be read.
    pub fn behind_heap<R: Read + Seek>(&self, input: &mut R) -> Result<BehindHeap, XarReadError> {
        let start = self.heap_start.saturating_add(self.heap_end()).min(self.file_len);
        let ticket = self.ticket(input, start)?;
        let end = ticket.map_or(self.file_len, |(at, _)| at - TRAILER_LEN as u64);
        Ok(BehindHeap { start, rubbish: end.saturating_sub(start), ticket, end })
    }

    /// The ticket between its trailers, from the file's end.
    fn ticket<R: Read + Seek>(&self, input: &mut R, start: u64) -> Result<Option<(u64, u64)>, XarReadError> {
        let mut at = |position: u64| {
            let failed = |source| XarReadError::Read { what: "what follows the heap".to_owned(), source };
            input.seek(SeekFrom::Start(position)).map_err(failed)?;
            let mut bytes = [0; TRAILER_LEN];
            input.read_exact(&mut bytes).map_err(failed)?;
            Ok::<_, XarReadError>(trailer(&bytes))
        };
        let length = TRAILER_LEN as u64;
        if self.file_len < self.heap_start + 2 * length {
            return Ok(None);
        }
        let Some(last) = at(self.file_len - length)?.filter(|one| one.trailer_type == TYPE_TICKET) else {
            return Ok(None);
        };
        let size = u64::from(last.length);
        let before = (self.file_len - 2 * length).checked_sub(size).filter(|before| *before >= start);
        let Some(before) = before.filter(|_| size <= TICKET_MAX) else { return Ok(None) };
        let first = at(before)?;
        let is_framed = first.is_some_and(|one| one.trailer_type == TYPE_TERMINATOR && one.length == 0);
        Ok(is_framed.then_some((before + length, size)))
    }

    /// What is odd about the heap: bytes that belong to nothing, members that overlap,
    /// rubbish behind it.
    ///
    /// # Errors
    /// [`XarReadError`], if what follows it cannot be read.
    pub fn heap_findings<R: Read + Seek>(&self, input: &mut R) -> Result<Findings, XarReadError> {
        const HEAP: &str = "the heap";
        let mut findings = Findings::default();
        let mut ranges: Vec<(u64, u64, String)> = Vec::new();
        if let Some(checksum) = &self.toc.checksum {
            ranges.push((checksum.offset, checksum.size, "the digest".to_owned()));
        }
        for one in &self.toc.signatures {
            ranges.push((one.offset, one.size, format!("the {} signature", one.style)));
        }
        let heap_len = self.file_len - self.heap_start;
        // Attributes explain as many bytes that belong to nothing as they are said to have.
        let mut attributes = 0_u64;
        for (path, file) in self.files() {
            ranges.extend(file.data.iter().map(|data| (data.offset, data.length, path.clone())));
            for data in &file.extended_attributes {
                attributes = attributes.saturating_add(data.length);
                if data.offset.checked_add(data.length).is_some_and(|end| end <= heap_len) {
                    ranges.push((data.offset, data.length, format!("an extended attribute of {path}")));
                }
            }
        }
        ranges.retain(|(_, length, _)| *length > 0);
        ranges.sort();
        let (mut end, mut holes) = (0_u64, 0_u64);
        let mut before: Option<&(u64, u64, String)> = None;
        for range in &ranges {
            let (offset, length, name) = range;
            let is_attribute = name.starts_with("an extended attribute of ");
            if *offset > end {
                holes = holes.saturating_add(offset - end);
                let text = format!("has {} bytes before {name:?} that belong to nothing", offset - end);
                if holes <= attributes { findings.note(HEAP, text) } else { findings.lie(HEAP, text) }
            } else if let Some(before) = before.filter(|_| *offset < end) {
                let is_shared = (before.0, before.1) == (*offset, *length);
                let was_attribute = before.2.starts_with("an extended attribute of ");
                let text = format!("has {name:?} within {:?}", before.2);
                if is_shared {
                    findings.note(HEAP, format!("has {name:?} in the place of {:?}", before.2));
                } else if is_attribute || was_attribute {
                    findings.note(HEAP, text);
                } else {
                    findings.lie(HEAP, text);
                }
            }
            if offset.saturating_add(*length) >= end {
                end = offset.saturating_add(*length);
                before = Some(range);
            }
        }
        if end > heap_len {
            findings.lie(HEAP, format!("ends {} bytes early", end - heap_len));
        }
        let behind = self.behind_heap(input)?;
        if behind.rubbish > 0 {
            let text = format!("is followed by {} bytes that belong to nothing", behind.rubbish);
            if behind.is_known_rubbish(self.heap_start) {
                findings.note(HEAP, format!("{text}, as xar of OS X 10.10 to 10.14 left them"));
            } else if holes.saturating_add(behind.rubbish) <= attributes {
                findings.note(HEAP, format!("{text} but extended attributes whose places are wrong"));
            } else {
                findings.lie(HEAP, text);
            }
        }
        Ok(findings)
    }
}
