//! Small Mach-O files for tests: real ones, which other readers take and which a Mac would
//! run. They do nothing and end.
//!
//! ```text
//! header, load commands │ code, property list, data │ (to a page) │ __LINKEDIT: texts, signature
//! └─────────────────────────── __TEXT ────────────────────────────┘
//! ```
//!
//! Source: xnu, `EXTERNAL_HEADERS/mach-o/loader.h`.
//!
//! Must not know: tests.

mod sign;

use crate::entitlements::Value;
use crate::image::{Platform, Version, kind, platform};

pub use sign::AdHoc;

/// A kind of processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// Apple silicon.
    Arm64,
    /// Intel, 64 bits.
    X86_64,
    /// Intel, 32 bits.
    I386,
    /// PowerPC, 32 bits: big-endian.
    PowerPc,
}

impl Processor {
    fn number(self) -> u32 {
        match self {
            Self::Arm64 => 0x0100_000c,
            Self::X86_64 => 0x0100_0007,
            Self::I386 => 7,
            Self::PowerPc => 18,
        }
    }

    fn subtype(self) -> u32 {
        if matches!(self, Self::X86_64 | Self::I386) { 3 } else { 0 }
    }

    fn is_64(self) -> bool {
        matches!(self, Self::Arm64 | Self::X86_64)
    }

    fn page_size(self) -> usize {
        if self == Self::Arm64 { 0x4000 } else { 0x1000 }
    }

    /// `return 0;`
    fn code(self) -> &'static [u8] {
        match self {
            Self::Arm64 => &[0x00, 0x00, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6],
            Self::X86_64 | Self::I386 => &[0x31, 0xc0, 0xc3],
            Self::PowerPc => &[0x38, 0x60, 0x00, 0x00, 0x4e, 0x80, 0x00, 0x20],
        }
    }
}

/// A program or a library.
#[derive(Debug, Clone)]
pub struct Program {
    /// What runs it.
    pub processor: Processor,
    /// Whether it is a library.
    pub is_library: bool,
    /// What it was built for; macOS 13 by default.
    pub platform: Option<Platform>,
    /// A property list inside.
    pub info: Option<Vec<u8>>,
    /// Data, so that it has a size and a content of its own.
    pub data: Vec<u8>,
}

impl Program {
    /// A program for `processor`.
    pub fn new(processor: Processor) -> Self {
        Self {
            processor,
            is_library: false,
            platform: Some(Platform {
                number: platform::MACOS,
                minimum: Version::new(13, 0, 0),
                sdk: Version::new(15, 2, 0),
            }),
            info: None,
            data: Vec::new(),
        }
    }

    /// The file, without a signature.
    pub fn unsigned(&self) -> Vec<u8> {
        self.image(0).bytes
    }

    /// The file with a signature of nobody.
    pub fn ad_hoc(&self, how: &AdHoc) -> Vec<u8> {
        let length = how.length(self.image(1).code_limit(), !self.is_library);
        let image = self.image(length);
        let signature = how.signature(&image.bytes, self.info.as_deref(), image.text_size, !self.is_library);
        [image.bytes, signature].concat()
    }

    /// The file up to its signature, which is to have this length.
    fn image(&self, signature: usize) -> Laid {
        let (is_64, page) = (self.processor.is_64(), self.processor.page_size());
        let base = if self.is_library {
            0
        } else if is_64 {
            0x1_0000_0000
        } else {
            0x1000
        };
        let code = self.processor.code();
        // Room for another load command, which who signs it adds.
        let text_at = 0x800;
        let data_at = text_at + code.len().next_multiple_of(16);
        let info_at = data_at + self.data.len().next_multiple_of(16);
        let info = self.info.as_deref().unwrap_or_default();
        let text_size = (info_at + info.len()).next_multiple_of(page);
        let names = b"\0_main\0\0\0\0\0\0\0\0\0\0";
        let code_limit = text_size + names.len();
        let linkedit_size = names.len() + signature;

        let mut commands = Commands { bytes: Vec::new(), count: 0, processor: self.processor };
        if !self.is_library {
            commands.segment("__PAGEZERO", [0, base, 0, 0], 0, &[]);
        }
        let mut sections =
            vec![("__text", text_at, code.len(), 0x8000_0400), ("__const", data_at, self.data.len(), 0)];
        sections.extend(self.info.as_ref().map(|info| ("__info_plist", info_at, info.len(), 0)));
        commands.segment("__TEXT", [base, text_size as u64, 0, text_size as u64], 5, &sections);
        let linkedit = [
            base + text_size as u64,
            linkedit_size.next_multiple_of(page) as u64,
            text_size as u64,
            linkedit_size as u64,
        ];
        commands.segment("__LINKEDIT", linkedit, 1, &[]);
        let end = |count: usize| vec![0; count];
        commands.add(0x2, &[0, 0, text_size as u32, names.len() as u32], &[]);
        commands.add(0xb, &[], &end(72));
        commands.add(0x1b, &[], &self.uuid());
        match self.platform {
            Some(one) if one.number == platform::MACOS && one.minimum < Version::new(10, 14, 0) => {
                commands.add(0x24, &[one.minimum.0, one.sdk.0], &[]);
            }
            Some(one) => commands.add(0x32, &[one.number, one.minimum.0, one.sdk.0, 0], &[]),
            None => {}
        }
        let version = 0x1_0000;
        if self.is_library {
            commands.add(0xd, &[24, 2, version, version], b"/opt/lib/libsmall.dylib\0");
        } else {
            commands.add(0xe, &[12], b"/usr/lib/dyld\0\0\0\0\0\0\0");
            commands.entry(text_at as u64);
        }
        commands.add(0xc, &[24, 2, version, version], b"/usr/lib/libSystem.B.dylib\0\0\0\0\0\0");
        if signature > 0 {
            commands.add(0x1d, &[code_limit as u32, signature as u32], &[]);
        }

        let mut bytes = commands.file(if self.is_library { kind::LIBRARY } else { kind::EXECUTE });
        assert!(bytes.len() <= text_at, "the load commands take more room than there is");
        for (at, content) in
            [(text_at, code), (data_at, self.data.as_slice()), (info_at, info), (text_size, names)]
        {
            bytes.resize(at, 0);
            bytes.extend_from_slice(content);
        }
        Laid { bytes, text_size: text_size as u64 }
    }

    /// Of its content, so that two programs have two.
    fn uuid(&self) -> Vec<u8> {
        let content = [self.data.as_slice(), self.info.as_deref().unwrap_or_default()].concat();
        crate::HashType::Sha256.digest(&content)[..16].to_vec()
    }
}

/// An image up to its signature.
struct Laid {
    bytes: Vec<u8>,
    text_size: u64,
}

impl Laid {
    fn code_limit(&self) -> usize {
        self.bytes.len()
    }
}

/// Load commands in a row.
struct Commands {
    bytes: Vec<u8>,
    count: u32,
    processor: Processor,
}

impl Commands {
    fn number(&self, number: u32) -> [u8; 4] {
        if self.processor == Processor::PowerPc { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    /// An address or a size.
    fn word(&self, word: u64) -> Vec<u8> {
        match (self.processor.is_64(), u32::try_from(word)) {
            (true, _) => word.to_le_bytes().to_vec(),
            (false, Ok(word)) => self.number(word).to_vec(),
            (false, Err(_)) => panic!("{word:#x} is not an address of 32 bits"),
        }
    }

    fn add(&mut self, command: u32, numbers: &[u32], rest: &[u8]) {
        let step = if self.processor.is_64() { 8 } else { 4 };
        let size = (8 + 4 * numbers.len() + rest.len()).next_multiple_of(step);
        let start = self.bytes.len();
        for number in [command, size as u32].iter().chain(numbers) {
            let bytes = self.number(*number);
            self.bytes.extend_from_slice(&bytes);
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.resize(start + size, 0);
        self.count += 1;
    }

    /// Where the program begins.
    fn entry(&mut self, at: u64) {
        let rest: Vec<u8> = [at, 0]
            .iter()
            .flat_map(|word| {
                if self.processor == Processor::PowerPc { word.to_be_bytes() } else { word.to_le_bytes() }
            })
            .collect();
        self.add(0x8000_0028, &[], &rest);
    }

    /// A segment: address, size, offset in the file, size there.
    fn segment(&mut self, name: &str, place: [u64; 4], rights: u32, sections: &[(&str, usize, usize, u32)]) {
        let named = |name: &str| {
            let mut bytes = name.as_bytes().to_vec();
            bytes.resize(16, 0);
            bytes
        };
        let is_64 = self.processor.is_64();
        let mut rest = named(name);
        rest.extend(place.iter().flat_map(|word| self.word(*word)));
        for number in [rights, rights, sections.len() as u32, 0] {
            rest.extend(self.number(number));
        }
        for (section, offset, size, flags) in sections {
            rest.extend([named(section), named(name)].concat());
            rest.extend(self.word(place[0] + *offset as u64));
            rest.extend(self.word(*size as u64));
            for number in [*offset as u32, 4, 0, 0, *flags, 0, 0] {
                rest.extend(self.number(number));
            }
            if is_64 {
                rest.extend(self.number(0));
            }
        }
        self.add(if is_64 { 0x19 } else { 0x1 }, &[], &rest);
    }

    /// The header and the commands.
    fn file(&self, kind: u32) -> Vec<u8> {
        let is_64 = self.processor.is_64();
        // No undefined symbols, for the dynamic linker, two levels of names; at any address.
        let flags = if kind == kind::EXECUTE { 0x20_0085 } else { 0x85 };
        let magic = if is_64 { 0xfeed_facf } else { 0xfeed_face };
        let size = self.bytes.len() as u32;
        let numbers =
            [magic, self.processor.number(), self.processor.subtype(), kind, self.count, size, flags, 0];
        let header = numbers[..if is_64 { 8 } else { 7 }].iter().flat_map(|number| self.number(*number));
        header.chain(self.bytes.iter().copied()).collect()
    }
}

/// What Lima's limactl is allowed to, of `vz.entitlements` in its repository.
pub fn lima_entitlements() -> Value {
    let names = ["network.client", "network.server", "virtualization"];
    let pair = |name: &str| (format!("com.apple.security.{name}"), Value::Boolean(true));
    Value::Dictionary(names.into_iter().map(pair).collect())
}
