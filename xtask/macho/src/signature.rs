//! The signature of an image: a SuperBlob with its parts, held against each other and against
//! the image.
//!
//! ```text
//! SuperBlob   magic fade0cc0, length, count; then count times: slot, offset
//! blob        magic 4, length 4 (with these eight bytes), content
//!
//! slot        magic      what
//!      0      fade0c02   CodeDirectory
//!      2      fade0c01   requirements: what it demands of itself and of others
//!      5      fade7171   entitlements, a property list in XML
//!      7      fade7172   the same in DER
//!   8 to 11   fade8181   constraints on launching and loading, DER
//!   1000...   fade0c02   up to five more CodeDirectories, with other digests
//!  10000      fade0b01   CMS: who signed the CodeDirectory; empty where nobody did
//!  10002      fade0b01   a notarization ticket
//! ```
//!
//! All numbers are big-endian. Source: xnu, `osfmk/kern/cs_blobs.h`.
//!
//! Must not know: what CMS holds, whom to trust.

use std::io::{self, Read, Seek};

use crate::bytes::{Numbers, is_empty};
use crate::directory::{self, Directory, SlotState};
use crate::entitlements::{self, NoEntitlements, Value};
use crate::findings::Findings;
use crate::input::Input;

/// Most bytes of the signatures of a file that are read: enough for two programs of a GiB.
pub const SIGNATURES_MAX: u64 = 32 << 20;
/// Most parts of a signature; Apple's have seven at most.
const BLOBS_MAX: u32 = 32;
/// Longest part beside the code directories.
const PART_MAX: usize = 1 << 20;

const SUPER_BLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const WRAPPER: u32 = 0xfade_0b01;
/// What each slot that a code directory covers has for a magic.
const COVERED: [(u32, u32, &str); 7] = [
    (2, 0xfade_0c01, "requirements"),
    (5, 0xfade_7171, "entitlements"),
    (7, 0xfade_7172, "entitlements in DER"),
    (8, 0xfade_8181, "constraints on launching it"),
    (9, 0xfade_8181, "constraints on its parent"),
    (10, 0xfade_8181, "constraints on who is responsible for it"),
    (11, 0xfade_8181, "constraints on its libraries"),
];
const ALTERNATES: std::ops::Range<u32> = 0x1000..0x1005;
const CMS: u32 = 0x1_0000;
const TICKET: u32 = 0x1_0002;

/// The signature of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The code directories: the one that CMS is over, then those with other digests.
    pub directories: Vec<Directory>,
    /// The first code directory's bytes: what CMS is over.
    pub signed: Vec<u8>,
    /// The entitlements' property list in XML.
    pub entitlements: Option<Vec<u8>>,
    /// The entitlements in DER.
    pub entitlements_der: Option<Result<Value, NoEntitlements>>,
    /// The requirements, as a blob.
    pub requirements: Option<Vec<u8>>,
    /// The CMS structure; absent where nobody signed.
    pub cms: Option<Vec<u8>>,
    /// The notarization ticket that is stapled.
    pub ticket: Option<Vec<u8>>,
}

impl Signature {
    /// The first code directory, which there always is.
    pub fn directory(&self) -> &Directory {
        &self.directories[0]
    }

    /// The directory whose digest a Mac knows the image by: the one with the best digest.
    pub fn best(&self) -> &Directory {
        let rank = |one: &&Directory| one.hash;
        self.directories.iter().max_by_key(rank).unwrap_or(&self.directories[0])
    }
}

/// A part of a signature.
#[derive(Clone, Copy)]
struct Blob<'a> {
    slot: u32,
    magic: u32,
    bytes: &'a [u8],
}

impl Blob<'_> {
    fn content(&self) -> &[u8] {
        &self.bytes[8..]
    }
}

/// Reads the signature at `at`, and checks the image that fills `input` against it.
pub(crate) fn read<R: Read + Seek>(
    input: &mut Input<'_, R>,
    at: u64,
    length: u64,
    left: &mut u64,
    info: Option<&[u8]>,
    findings: &mut Findings,
) -> io::Result<Option<Signature>> {
    let Some(bytes) = input.bytes(at, length, *left)? else {
        findings.fault(format!("its signature of {length} bytes at {at} is missing or too large"));
        return Ok(None);
    };
    *left -= length;
    let Some(blobs) = blobs(&bytes, findings) else { return Ok(None) };
    let mut parsed = Vec::new();
    for blob in blobs.iter().filter(|blob| blob.magic == CODE_DIRECTORY) {
        match directory::parse(blob.bytes) {
            Ok(one) => parsed.push((one, blob.bytes)),
            Err(fault) => findings.fault(format!("its code directory {fault}")),
        }
    }
    let has_first = blobs.iter().any(|blob| blob.slot == 0 && blob.magic == CODE_DIRECTORY);
    if !has_first || parsed.is_empty() {
        findings.fault("its signature has no code directory that can be read");
        return Ok(None);
    }
    for (one, bytes) in &mut parsed {
        directory::check_pages(one, bytes, input, at, findings)?;
        slots(one, &blobs, info, findings);
    }
    agree(&parsed, findings);
    let part = |slot: u32| blobs.iter().find(|blob| blob.slot == slot);
    let content = |slot: u32| part(slot).map(|blob| blob.content().to_vec());
    let signature = Signature {
        signed: parsed[0].1.to_vec(),
        directories: parsed.iter().map(|(one, _)| one.clone()).collect(),
        entitlements: content(5),
        entitlements_der: part(7).map(|blob| entitlements::decode(blob.content())),
        requirements: part(2).map(|blob| blob.bytes.to_vec()),
        cms: content(CMS).filter(|cms| !cms.is_empty()),
        ticket: content(TICKET),
    };
    if let Some(Err(error)) = &signature.entitlements_der {
        findings.fault(format!("its entitlements in DER: {error}"));
    }
    let says_nobody = signature.directory().flags & directory::flag::AD_HOC != 0;
    match &signature.cms {
        Some(_) if says_nobody => {
            findings.fault("it says that its signature is ad hoc, but it has a CMS signature")
        }
        None if !says_nobody => findings.fault("it says that it is signed, but it has no CMS signature"),
        _ => {}
    }
    Ok(Some(signature))
}

/// The CMS structure in a signature, where it is the last part; `None` where it is not.
pub fn cms(signature: &[u8]) -> Option<&[u8]> {
    let (at, end) = last_cms(signature)?;
    signature.get(at + 8..end)
}

/// A signature with another CMS structure as its last part.
pub fn with_cms(signature: &[u8], cms: &[u8]) -> Option<Vec<u8>> {
    let (at, _) = last_cms(signature)?;
    let part_length = u32::try_from(cms.len().checked_add(8)?).ok()?;
    let length = u32::try_from(at).ok()?.checked_add(part_length)?;
    let mut changed = signature[..at].to_vec();
    changed[4..8].copy_from_slice(&length.to_be_bytes());
    changed.extend_from_slice(&WRAPPER.to_be_bytes());
    changed.extend_from_slice(&part_length.to_be_bytes());
    changed.extend_from_slice(cms);
    Some(changed)
}

/// Where the CMS structure's part begins and ends, which is the signature's end.
fn last_cms(signature: &[u8]) -> Option<(usize, usize)> {
    let all = Numbers::big(signature);
    let (magic, end, count) = (all.u32(0)?, usize::try_from(all.u32(4)?).ok()?, all.u32(8)?);
    let whole = all.part(0, end).filter(|_| magic == SUPER_BLOB && count <= BLOBS_MAX)?;
    let entry = (0..count as usize).map(|number| 12 + 8 * number).find(|at| whole.u32(*at) == Some(CMS))?;
    let at = usize::try_from(whole.u32(entry + 4)?).ok()?;
    let length = usize::try_from(whole.u32(at.checked_add(4)?)?).ok().filter(|length| *length >= 8)?;
    (at >= 12 && at.checked_add(length)? == end).then_some((at, end))
}

/// The parts of a SuperBlob, each in its bounds and none on top of another.
fn blobs<'a>(bytes: &'a [u8], findings: &mut Findings) -> Option<Vec<Blob<'a>>> {
    let all = Numbers::big(bytes);
    let header = all.u32(0).zip(all.u32(4)).zip(all.u32(8));
    let Some(((SUPER_BLOB, length), count)) = header else {
        findings.fault("its signature does not begin as one");
        return None;
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len());
    let whole = length.and_then(|length| all.part(0, length));
    let Some(whole) = whole.filter(|_| count <= BLOBS_MAX) else {
        findings.fault("its signature is longer than its place, or has too many parts");
        return None;
    };
    if !is_empty(&bytes[whole.bytes.len()..]) {
        findings.fault("something hides behind its signature, in the place reserved for it");
    }
    let index_end = 12 + 8 * count as usize;
    let mut found: Vec<Blob<'_>> = Vec::new();
    let mut ranges = vec![(0, index_end)];
    for number in 0..count as usize {
        let entry = whole.u32(12 + 8 * number).zip(whole.u32(16 + 8 * number));
        let blob = entry.and_then(|(slot, offset)| {
            let at = usize::try_from(offset).ok()?;
            let length = usize::try_from(whole.u32(at.checked_add(4)?)?).ok()?;
            let part = whole.part(at, length).filter(|_| length >= 8)?;
            Some((at, Blob { slot, magic: part.u32(0)?, bytes: part.bytes }))
        });
        let Some((at, blob)) = blob else {
            findings.fault(format!("part {number} of its signature goes beyond the signature's end"));
            continue;
        };
        let end = at + blob.bytes.len();
        if ranges.iter().any(|(start, stop)| at < *stop && *start < end) {
            findings.fault(format!("part {number} of its signature lies on top of another"));
            continue;
        }
        ranges.push((at, end));
        if known(&blob, findings) && !found.iter().any(|other| other.slot == blob.slot) {
            found.push(blob);
        }
    }
    ranges.sort_unstable();
    ranges.push((whole.bytes.len(), whole.bytes.len()));
    for gap in ranges.windows(2).map(|pair| &whole.bytes[pair[0].1.min(pair[1].0)..pair[1].0]) {
        if !is_empty(gap) {
            findings.fault("something hides between the parts of its signature");
        } else if !gap.is_empty() {
            findings.note(format!("there are {} zeros between the parts of its signature", gap.len()));
        }
    }
    // By slot: the first code directory comes before its alternates.
    found.sort_by_key(|blob| blob.slot);
    Some(found)
}

/// Whether it is a part as it is to be in its slot.
fn known(blob: &Blob<'_>, findings: &mut Findings) -> bool {
    let expected = match blob.slot {
        0 => Some(CODE_DIRECTORY),
        slot if ALTERNATES.contains(&slot) => Some(CODE_DIRECTORY),
        CMS | TICKET => Some(WRAPPER),
        slot => COVERED.iter().find(|one| one.0 == slot).map(|one| one.1),
    };
    match expected {
        None => {
            findings.note(format!("its signature has a part {:#x} that is not known", blob.slot));
            false
        }
        Some(magic) if magic != blob.magic => {
            findings.fault(format!("part {:#x} of its signature is of another kind", blob.slot));
            false
        }
        Some(magic) if magic != CODE_DIRECTORY && blob.bytes.len() > PART_MAX => {
            findings.fault(format!("part {:#x} of its signature is too large", blob.slot));
            false
        }
        Some(_) => true,
    }
}

/// Each part that a code directory covers, against the digest there.
fn slots(directory: &mut Directory, blobs: &[Blob<'_>], info: Option<&[u8]>, findings: &mut Findings) {
    for (slot, _, what) in COVERED {
        let blob = blobs.iter().find(|blob| blob.slot == slot);
        let stated = directory.slots.iter_mut().find(|one| one.number == slot);
        match (blob, stated) {
            (None, None) => {}
            (None, Some(_)) => {
                findings.fault(format!("its {what} are missing, though its signature covers them"))
            }
            (Some(_), None) => findings.fault(format!("no signature covers its {what}")),
            (Some(blob), Some(stated)) => {
                let holds = directory.hash.digest(blob.bytes) == stated.digest;
                stated.state = if holds { SlotState::Holds } else { SlotState::Differs };
                if !holds {
                    findings.fault(format!("its {what} are not as they were signed"));
                }
            }
        }
    }
    // A bundle's property list is in the bundle; that of a program alone is in the program.
    if let (Some(info), Some(stated)) = (info, directory.slots.iter_mut().find(|one| one.number == 1))
        && directory.hash.digest(info) == stated.digest
    {
        stated.state = SlotState::Holds;
    }
}

/// Code directories differ in their digests alone.
fn agree(parsed: &[(Directory, &[u8])], findings: &mut Findings) {
    let key = |one: &Directory| (one.identifier.clone(), one.team.clone(), one.flags, one.code_limit);
    if parsed.iter().any(|(one, _)| key(one) != key(&parsed[0].0)) {
        findings.fault("its code directories do not say the same");
    }
    let mut hashes: Vec<_> = parsed.iter().map(|(one, _)| one.hash).collect();
    hashes.sort_unstable();
    if hashes.windows(2).any(|pair| pair[0] == pair[1]) {
        findings.fault("two of its code directories have the same kind of digest");
    }
}
