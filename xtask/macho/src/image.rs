//! One program or library: header and load commands.
//!
//! ```text
//! magic       4   feedface (32 bits) or feedfacf (64), in the order of the numbers after it
//! cputype     4   7 i386, 12 arm, 18 PowerPC; with 01000000 for 64 bits
//! cpusubtype  4   the upper 8 bits are capabilities
//! filetype    4   1 object, 2 program, 6 library, 8 bundle, 11 kernel extension, ...
//! ncmds       4
//! sizeofcmds  4
//! flags       4
//! reserved    4   64 bits only
//!
//! load command    cmd 4, cmdsize 4, then
//!   1, 19   segment (32, 64 bits): segname 16, vmaddr, vmsize, fileoff, filesize (words),
//!           maxprot 4, initprot 4, nsects 4, flags 4, then nsects sections:
//!           sectname 16, segname 16, addr, size (words), offset 4, ...
//!   1d      LC_CODE_SIGNATURE: dataoff 4, datasize 4
//!   24, 25, 2f, 30   LC_VERSION_MIN_*: version 4, sdk 4
//!   32      LC_BUILD_VERSION: platform 4, minos 4, sdk 4, ntools 4
//! ```
//!
//! Source: xnu, `EXTERNAL_HEADERS/mach-o/loader.h`, `osfmk/mach/machine.h`.
//!
//! Must not know: what a signature holds.

use std::fmt;
use std::io::{self, Read, Seek};

use crate::bytes::{Numbers, text};
use crate::findings::Findings;
use crate::input::Input;
use crate::signature::{self, Signature};

/// Most bytes of load commands that are read; large programs have some ten thousand.
const COMMANDS_MAX: u64 = 4 << 20;
/// Longest property list in a program that is read.
const INFO_MAX: u64 = 256 << 10;

const LC_SEGMENT: u32 = 0x1;
const LC_SEGMENT_64: u32 = 0x19;
const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_BUILD_VERSION: u32 = 0x32;
/// `LC_VERSION_MIN_*` and the platform that each is for.
const VERSION_MIN: [(u32, u32); 4] =
    [(0x24, platform::MACOS), (0x25, platform::IOS), (0x2f, platform::TVOS), (0x30, platform::WATCHOS)];

/// What a file is: `filetype` of its header.
pub mod kind {
    /// An object file.
    pub const OBJECT: u32 = 1;
    /// A program.
    pub const EXECUTE: u32 = 2;
    /// A library.
    pub const LIBRARY: u32 = 6;
    /// What starts programs.
    pub const DYNAMIC_LINKER: u32 = 7;
    /// A bundle, which a program loads.
    pub const BUNDLE: u32 = 8;
    /// What a debugger reads.
    pub const DEBUG_SYMBOLS: u32 = 10;
    /// A kernel extension.
    pub const KERNEL_EXTENSION: u32 = 11;
}

/// What a file runs on: `platform` of its build version.
pub mod platform {
    /// macOS.
    pub const MACOS: u32 = 1;
    /// iOS.
    pub const IOS: u32 = 2;
    /// tvOS.
    pub const TVOS: u32 = 3;
    /// watchOS.
    pub const WATCHOS: u32 = 4;
}

/// A version: `xxxx.yy.zz` in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// Of its three numbers.
    pub const fn new(major: u16, minor: u8, patch: u8) -> Self {
        Self((major as u32) << 16 | (minor as u32) << 8 | patch as u32)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0 >> 16, self.0 >> 8 & 0xff)?;
        match self.0 & 0xff {
            0 => Ok(()),
            patch => write!(formatter, ".{patch}"),
        }
    }
}

/// What it runs on, and what it was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// One of [`platform`], or another.
    pub number: u32,
    /// The oldest system that it runs on.
    pub minimum: Version,
    /// The SDK that it was linked against.
    pub sdk: Version,
}

/// A program or library for one kind of processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Kind of processor.
    pub cpu_type: u32,
    /// Which of that kind, without capabilities.
    pub cpu_subtype: u32,
    /// What it is: one of [`kind`], or another.
    pub kind: u32,
    /// Where it is in its file.
    pub offset: u64,
    /// How long it is.
    pub size: u64,
    /// What it runs on.
    pub platform: Option<Platform>,
    /// The property list in it, which says what a bundle's would.
    pub info: Option<Vec<u8>>,
    /// Its signature, as far as there is one that can be read.
    pub signature: Option<Signature>,
    /// What is wrong with it, or odd.
    pub findings: Findings,
}

impl Image {
    /// The processor, as people write it.
    pub fn architecture(&self) -> String {
        match (self.cpu_type, self.cpu_subtype) {
            (0x0100_000c, 2) => "arm64e".to_owned(),
            (0x0100_000c, _) => "arm64".to_owned(),
            (0x0200_000c, _) => "arm64_32".to_owned(),
            (0x0100_0007, 8) => "x86_64h".to_owned(),
            (0x0100_0007, _) => "x86_64".to_owned(),
            (7, _) => "i386".to_owned(),
            (12, _) => "arm".to_owned(),
            (18, _) => "ppc".to_owned(),
            (0x0100_0012, _) => "ppc64".to_owned(),
            (other, subtype) => format!("processor {other:#x}, {subtype}"),
        }
    }

    /// Whether it is code that is run or loaded, and so is to be signed: no object file, no
    /// symbols for a debugger.
    pub fn is_code(&self) -> bool {
        use kind::{BUNDLE, DYNAMIC_LINKER, EXECUTE, KERNEL_EXTENSION, LIBRARY};
        matches!(self.kind, EXECUTE | LIBRARY | DYNAMIC_LINKER | BUNDLE | KERNEL_EXTENSION)
    }
}

/// Whether it is the magic of an image; with 64 bits, and big-endian.
pub(crate) fn magic(bytes: [u8; 4]) -> Option<(bool, bool)> {
    match u32::from_be_bytes(bytes) {
        0xfeed_face => Some((false, true)),
        0xfeed_facf => Some((true, true)),
        0xcefa_edfe => Some((false, false)),
        0xcffa_edfe => Some((true, false)),
        _ => None,
    }
}

/// What the load commands say.
#[derive(Default)]
struct Commands {
    platform: Option<Platform>,
    signature: Option<(u64, u64)>,
    /// Where `__LINKEDIT` ends.
    linkedit_end: Option<u64>,
    /// Where the property list in the program is.
    info: Option<(u64, u64)>,
}

/// Reads an image that fills `input` and begins at `offset` in its file. `None` where it is
/// not one. `left` is how many bytes signatures may still have.
pub(crate) fn read<R: Read + Seek>(
    input: &mut Input<'_, R>,
    offset: u64,
    left: &mut u64,
) -> io::Result<Option<Image>> {
    let Some(start) = input.bytes(0, 4, 4)? else { return Ok(None) };
    let Some((is_64, big_endian)) = start.first_chunk().and_then(|bytes| magic(*bytes)) else {
        return Ok(None);
    };
    let header_size = if is_64 { 32 } else { 28 };
    let mut findings = Findings::default();
    let mut image = Image {
        cpu_type: 0,
        cpu_subtype: 0,
        kind: 0,
        offset,
        size: input.length,
        platform: None,
        info: None,
        signature: None,
        findings: Findings::default(),
    };
    let header = input.bytes(0, header_size, header_size)?;
    let header = header.as_deref().map(|bytes| Numbers { bytes, big_endian });
    let field = |at| header.and_then(|header| header.u32(at)).unwrap_or_default();
    if header.is_none() {
        findings.fault("it ends within its header");
    }
    (image.cpu_type, image.cpu_subtype, image.kind) = (field(4), field(8) & 0x00ff_ffff, field(12));
    let (count, size) = (field(16), u64::from(field(20)));
    let commands = match input.bytes(header_size, size, COMMANDS_MAX)? {
        Some(bytes) => commands(Numbers { bytes: &bytes, big_endian }, count, input.length, &mut findings),
        None => {
            findings.fault(format!("its load commands of {size} bytes are missing or too many"));
            Commands::default()
        }
    };
    image.platform = commands.platform;
    if let Some((at, length)) = commands.info {
        image.info = input.bytes(at, length, INFO_MAX)?;
    }
    if let Some((at, length)) = commands.signature {
        image.signature = signature::read(input, at, length, left, image.info.as_deref(), &mut findings)?;
        if commands.linkedit_end != Some(at.saturating_add(length)) {
            findings.note("its signature is not at the end of its last segment");
        }
        behind(input, at.saturating_add(length), &mut findings)?;
    }
    image.findings = findings;
    Ok(Some(image))
}

/// What follows the signature, which covers nothing of it.
fn behind<R: Read + Seek>(input: &mut Input<'_, R>, end: u64, findings: &mut Findings) -> io::Result<()> {
    let Some(length) = input.length.checked_sub(end).filter(|length| *length > 0) else { return Ok(()) };
    if input.is_empty(end, input.length)? {
        findings.note(format!("{length} zeros follow its signature"));
    } else {
        findings.fault(format!("{length} bytes follow its signature, and nothing covers them"));
    }
    Ok(())
}

fn commands(all: Numbers<'_>, count: u32, length: u64, findings: &mut Findings) -> Commands {
    let mut found = Commands::default();
    let mut at = 0;
    for number in 0..count {
        let size = all.u32(at + 4).and_then(|size| usize::try_from(size).ok());
        let command = size.filter(|size| *size >= 8).and_then(|size| all.part(at, size));
        let Some(command) = command else {
            findings.fault(format!("its load command {number} of {count} does not fit into their place"));
            return found;
        };
        at += command.bytes.len();
        let read = match command.u32(0).unwrap_or_default() {
            LC_SEGMENT => segment(command, false, length, &mut found, findings),
            LC_SEGMENT_64 => segment(command, true, length, &mut found, findings),
            LC_CODE_SIGNATURE => place(command, &mut found, findings),
            LC_BUILD_VERSION => {
                let versions = command.u32(8).zip(command.u32(12)).zip(command.u32(16));
                versions.map(|((number, minimum), sdk)| built(number, minimum, sdk, &mut found, findings))
            }
            other => match VERSION_MIN.iter().find(|(command, _)| *command == other) {
                Some((_, number)) => command
                    .u32(8)
                    .zip(command.u32(12))
                    .map(|(minimum, sdk)| built(*number, minimum, sdk, &mut found, findings)),
                None => Some(()),
            },
        };
        if read.is_none() {
            findings.fault(format!("its load command {number} of {count} is too short"));
        }
    }
    if at != all.bytes.len() {
        findings.note("its load commands take less room than it says");
    }
    found
}

fn built(number: u32, minimum: u32, sdk: u32, found: &mut Commands, findings: &mut Findings) {
    if found.platform.is_some() {
        // A library of both macOS and Mac Catalyst has two.
        return findings.note("it says more than once what it was built for");
    }
    found.platform = Some(Platform { number, minimum: Version(minimum), sdk: Version(sdk) });
}

fn place(command: Numbers<'_>, found: &mut Commands, findings: &mut Findings) -> Option<()> {
    let place = (command.u32(8)?.into(), command.u32(12)?.into());
    if found.signature.is_some() {
        findings.fault("it names two signatures");
    } else {
        found.signature = Some(place);
    }
    Some(())
}

fn segment(
    command: Numbers<'_>,
    is_64: bool,
    length: u64,
    found: &mut Commands,
    findings: &mut Findings,
) -> Option<()> {
    let (word, section_size, offset_at) = if is_64 { (8, 80, 48) } else { (4, 68, 40) };
    let name = |at: usize| Some(command.part(at, 16)?.bytes.split(|byte| *byte == 0).next()?.to_vec());
    let (offset, size) = (command.word(24 + 2 * word, is_64)?, command.word(24 + 3 * word, is_64)?);
    let end = offset.checked_add(size).filter(|end| *end <= length);
    if end.is_none() {
        let name = text(&[name(8)?, vec![0]].concat())?;
        findings.fault(format!("its segment {name:?} goes beyond its end"));
    }
    if name(8)? == b"__LINKEDIT" {
        found.linkedit_end = end;
    }
    let sections = command.u32(24 + 4 * word + 8)?;
    let first = 24 + 4 * word + 16;
    for number in 0..usize::try_from(sections).ok()? {
        let section = command.part(first.checked_add(number.checked_mul(section_size)?)?, section_size)?;
        let is_info = section.bytes.starts_with(b"__info_plist\0\0\0\0__TEXT\0");
        if is_info {
            found.info = Some((section.u32(offset_at)?.into(), section.word(32 + word, is_64)?));
        }
    }
    Some(())
}
