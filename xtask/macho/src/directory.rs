//! CodeDirectory: the digests of all pages, and of the parts beside it.
//!
//! ```text
//! at  size
//!  0  4   magic fade0c02         36  1   length of a digest
//!  4  4   length                 37  1   kind of digest
//!  8  4   version, from 20001    38  1   platform, of Apple's own programs
//! 12  4   flags                  39  1   page size: the power of two; 0 for all in one
//! 16  4   hashOffset             40  4   zero
//! 20  4   identOffset            44  4   scatterOffset         from 20100
//! 24  4   nSpecialSlots          48  4   teamOffset            from 20200
//! 28  4   nCodeSlots             56  8   codeLimit64           from 20300
//! 32  4   codeLimit              64  24  executable segment: base, limit, flags  from 20400
//!                                88  4   runtime version, 92 4 preEncryptOffset  from 20500
//!                                96  12  linkage: kinds, offset, size            from 20600
//! ```
//!
//! Digests are at hashOffset: of page 0, 1, ... from there on, and of special slot 1, 2, ...
//! before it, backwards. A digest of zeros stands for nothing. All numbers are big-endian.
//!
//! Source: xnu, `osfmk/kern/cs_blobs.h`, and `bsd/kern/ubc_subr.c` for what is refused.

use std::io::{self, Read, Seek};

use crate::bytes::{Numbers, is_empty, text};
use crate::digest::HashType;
use crate::findings::Findings;
use crate::image::Version;
use crate::input::Input;

/// Special slots that are known: up to the constraints on libraries.
const SPECIAL_SLOTS_MAX: u32 = 11;
/// Longest name of a program that is taken.
const NAME_MAX: usize = 1024;

/// Flags of a code directory. Source: xnu, `osfmk/kern/cs_blobs.h`, `CS_*`.
pub mod flag {
    /// Nobody signed.
    pub const AD_HOC: u32 = 0x2;
    /// Hardened runtime.
    pub const RUNTIME: u32 = 0x1_0000;
    /// The linker made the signature.
    pub const LINKER_SIGNED: u32 = 0x2_0000;
}

/// A code directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Version of its form.
    pub version: u32,
    /// What is asked of the system: [`flag`].
    pub flags: u32,
    /// Kind of its digests.
    pub hash: HashType,
    /// Bytes of a page.
    pub page_size: u64,
    /// The name that it gives the program.
    pub identifier: String,
    /// Apple's team identifier.
    pub team: Option<String>,
    /// Up to where it covers the image.
    pub code_limit: u64,
    /// How many pages it has.
    pub pages: u32,
    /// Version of the hardened runtime.
    pub runtime: Option<Version>,
    /// Its own digest, of its own kind. The first 20 bytes are what tickets and Apple's log
    /// name a program by (cdhash).
    pub digest: Vec<u8>,
    /// What it covers beside pages.
    pub slots: Vec<Slot>,
}

impl Directory {
    /// What tickets and Apple's log name the program by.
    pub fn code_hash(&self) -> &[u8] {
        &self.digest[..20]
    }
}

/// Something that a code directory covers beside pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// 1 Info.plist, 2 requirements, 3 resources of a bundle, 5 entitlements, 7 entitlements in
    /// DER, 8 to 11 constraints.
    pub number: u32,
    /// The digest that is stated.
    pub digest: Vec<u8>,
    /// Whether that holds.
    pub state: SlotState,
}

/// Whether a stated digest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// It does.
    Holds,
    /// It does not.
    Differs,
    /// What it is of is outside of the file, in a bundle.
    Elsewhere,
}

/// Takes a code directory apart.
pub(crate) fn parse(bytes: &[u8]) -> Result<Directory, String> {
    let all = Numbers::big(bytes);
    let short = || "is too short".to_owned();
    let field = |at| all.u32(at).ok_or_else(short);
    let byte = |at: usize| bytes.get(at).copied().ok_or_else(short);
    let version = field(8)?;
    if version >> 16 != 2 || version < 0x2_0001 {
        return Err(format!("is of version {version:#x}, which no Mac takes"));
    }
    let kind = byte(37)?;
    let hash = HashType::of(kind).ok_or_else(|| format!("has digests of an unknown kind, {kind}"))?;
    if usize::from(byte(36)?) != hash.size() {
        return Err(format!("says that a digest of {} has {} bytes", hash.name(), byte(36)?));
    }
    // A scatter list is for images in parts, which Macs do not have.
    if version >= 0x2_0100 && field(44)? != 0 {
        return Err("has a scatter list, which programs for Macs do not have".to_owned());
    }
    let shift = byte(39)?;
    // A Mac's pages have 4 or 16 KiB; it takes no others.
    if !(12..=14).contains(&shift) {
        return Err(format!("has pages of 2^{shift} bytes, which no Mac takes"));
    }
    let name = |offset: u32, what: &str| {
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
        let name = rest.and_then(text).filter(|name| name.len() <= NAME_MAX);
        name.ok_or_else(|| format!("has no {what} where it says that one is"))
    };
    let team = match version >= 0x2_0200 && field(48)? != 0 {
        true => Some(name(field(48)?, "team identifier")?),
        false => None,
    };
    let wide = if version >= 0x2_0300 { all.u64(56).ok_or_else(short)? } else { 0 };
    let runtime = if version >= 0x2_0500 { field(88)? } else { 0 };
    let mut directory = Directory {
        version,
        flags: field(12)?,
        hash,
        page_size: 1 << shift,
        identifier: name(field(20)?, "identifier")?,
        team,
        code_limit: if wide == 0 { field(32)?.into() } else { wide },
        pages: field(28)?,
        runtime: Some(Version(runtime)).filter(|version| version.0 != 0),
        digest: hash.digest(bytes),
        slots: Vec::new(),
    };
    let special = field(24)?;
    let (first, last) = (-i64::from(special), i64::from(directory.pages) - 1);
    let is_there = |number| digest(bytes, hash, number).is_some();
    if (special > 0 && !is_there(first)) || (directory.pages > 0 && !is_there(last)) {
        return Err("has fewer digests than it says".to_owned());
    }
    for number in 1..=special {
        let stated = digest(bytes, hash, -i64::from(number)).unwrap_or_default();
        if is_empty(stated) {
            continue;
        }
        if number > SPECIAL_SLOTS_MAX {
            return Err(format!("covers a part {number} that is not known"));
        }
        directory.slots.push(Slot { number, digest: stated.to_vec(), state: SlotState::Elsewhere });
    }
    Ok(directory)
}

/// The digest of a page, or of a special slot, which are negative.
fn digest(bytes: &[u8], hash: HashType, number: i64) -> Option<&[u8]> {
    /// The shortest header, that of version 20001.
    const HEADER: i64 = 44;
    let at = i64::from(Numbers::big(bytes).u32(16)?);
    let size = i64::try_from(hash.size()).ok()?;
    let start = at.checked_add(number.checked_mul(size)?).filter(|start| *start >= HEADER)?;
    let start = usize::try_from(start).ok()?;
    bytes.get(start..start.checked_add(hash.size())?)
}

/// Checks every page of the image in `input`, whose signature is at `signature`.
pub(crate) fn check_pages<R: Read + Seek>(
    directory: &Directory,
    bytes: &[u8],
    input: &mut Input<'_, R>,
    signature: u64,
    findings: &mut Findings,
) -> io::Result<()> {
    let limit = directory.code_limit;
    let kind = directory.hash.name();
    if limit > signature {
        findings.fault(format!("its code directory ({kind}) covers more than there is before the signature"));
        return Ok(());
    }
    if limit < signature {
        let left = signature - limit;
        findings.fault(format!("its code directory ({kind}) does not cover the last {left} bytes before it"));
    }
    let page_size = directory.page_size;
    if u64::from(directory.pages) != limit.div_ceil(page_size) {
        findings.fault(format!(
            "its code directory ({kind}) has {} pages, and the image {}",
            directory.pages,
            limit.div_ceil(page_size)
        ));
        return Ok(());
    }
    // Many pages at a time, since each reading seeks.
    let at_a_time = page_size.saturating_mul((1 << 18) / page_size);
    let mut buffer = vec![0; usize::try_from(at_a_time.min(limit)).unwrap_or_default()];
    let (mut wrong, mut first, mut number) = (0_u64, None, 0_i64);
    let mut at = 0;
    while at < limit {
        let count = usize::try_from((limit - at).min(at_a_time)).unwrap_or_default();
        input.read_at(at, &mut buffer[..count])?;
        for page in buffer[..count].chunks(usize::try_from(page_size).unwrap_or(usize::MAX)) {
            if digest(bytes, directory.hash, number) != Some(directory.hash.digest(page).as_slice()) {
                wrong += 1;
                first = first.or(Some(number.unsigned_abs() * page_size));
            }
            number += 1;
        }
        at += count as u64;
    }
    if let Some(first) = first {
        findings.fault(format!(
            "{wrong} of its {} pages are not as they were signed ({kind}), the first at {first:#x}",
            directory.pages
        ));
    }
    Ok(())
}
