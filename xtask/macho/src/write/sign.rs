//! The signature of nobody: as the linker makes it, or `codesign --sign -`.
//!
//! Source: xnu, `osfmk/kern/cs_blobs.h`; LLVM, `lld/MachO/SyntheticSections.cpp` for the
//! linker's form.
//!
//! Must not know: keys, and who reads it.

use crate::digest::HashType;
use crate::directory::flag;
use crate::entitlements::{self, Value};

const PAGE: usize = 4096;
/// Header of a code directory of version 20400, and of 20500, which has the runtime's version.
const HEADER: usize = 88;
const HEADER_RUNTIME: usize = 96;

/// How to sign.
#[derive(Debug, Clone)]
pub struct AdHoc {
    /// The name that the signature gives the program.
    pub identifier: String,
    /// What it is allowed to; a dictionary.
    pub entitlements: Option<Value>,
    /// Whether as the linker does it: a code directory and nothing else.
    pub linker: bool,
    /// Whether it asks for the hardened runtime.
    pub runtime: bool,
    /// The digests; the first is that of the main code directory.
    pub hashes: Vec<HashType>,
}

impl AdHoc {
    /// As `codesign --sign -` does it.
    pub fn new(identifier: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            entitlements: None,
            linker: false,
            runtime: false,
            hashes: vec![HashType::Sha256],
        }
    }

    /// As the linker does it.
    pub fn by_linker(identifier: &str) -> Self {
        Self { linker: true, ..Self::new(identifier) }
    }

    /// How long a signature over so many bytes is.
    pub(super) fn length(&self, code_limit: usize, is_program: bool) -> usize {
        self.super_blob(&vec![0; code_limit], None, 0, is_program).len().next_multiple_of(16)
    }

    /// The signature over `code`, filled up to its length.
    pub(super) fn signature(
        &self,
        code: &[u8],
        info: Option<&[u8]>,
        text_size: u64,
        is_program: bool,
    ) -> Vec<u8> {
        let mut signature = self.super_blob(code, info, text_size, is_program);
        signature.resize(signature.len().next_multiple_of(16), 0);
        signature
    }

    fn super_blob(&self, code: &[u8], info: Option<&[u8]>, text_size: u64, is_program: bool) -> Vec<u8> {
        let mut parts = Vec::new();
        if !self.linker {
            // Requirements: none.
            parts.push((2, blob(0xfade_0c01, &[0; 4])));
            if let Some(entitlements) = &self.entitlements {
                parts.push((5, blob(0xfade_7171, xml(entitlements).as_bytes())));
                if is_program {
                    parts.push((7, blob(0xfade_7172, &entitlements::encode(entitlements))));
                }
            }
        }
        let directories = self.hashes.iter().enumerate().map(|(number, hash)| {
            let slot = if number == 0 { 0 } else { 0xfff + number as u32 };
            (slot, self.directory(*hash, code, info, text_size, is_program, &parts))
        });
        let mut all: Vec<(u32, Vec<u8>)> = directories.collect();
        all.extend(parts);
        if !self.linker {
            all.push((0x1_0000, blob(0xfade_0b01, &[])));
        }
        all.sort_by_key(|(slot, _)| *slot);
        let mut offset = 12 + 8 * all.len();
        let mut content = (all.len() as u32).to_be_bytes().to_vec();
        for (slot, part) in &all {
            content.extend_from_slice(&slot.to_be_bytes());
            content.extend_from_slice(&(offset as u32).to_be_bytes());
            offset += part.len();
        }
        content.extend(all.into_iter().flat_map(|(_, part)| part));
        blob(0xfade_0cc0, &content)
    }

    fn directory(
        &self,
        hash: HashType,
        code: &[u8],
        info: Option<&[u8]>,
        text_size: u64,
        is_program: bool,
        parts: &[(u32, Vec<u8>)],
    ) -> Vec<u8> {
        let special = if self.linker { 0 } else { parts.iter().map(|(slot, _)| *slot).max().unwrap_or(0) };
        let header = if self.runtime { HEADER_RUNTIME } else { HEADER };
        let first = header + self.identifier.len() + 1 + special as usize * hash.size();
        let mut flags = flag::AD_HOC;
        flags |= if self.linker { flag::LINKER_SIGNED } else { 0 };
        flags |= if self.runtime { flag::RUNTIME } else { 0 };
        let version: u32 = if self.runtime { 0x2_0500 } else { 0x2_0400 };
        let pages = code.len().div_ceil(PAGE) as u32;
        let mut content = Vec::new();
        // hashOffset, identOffset, and the numbers of slots follow version and flags.
        for number in [version, flags, first as u32, header as u32, special, pages, code.len() as u32] {
            content.extend_from_slice(&number.to_be_bytes());
        }
        content.extend_from_slice(&[hash.size() as u8, hash.number(), 0, PAGE.trailing_zeros() as u8]);
        // Spare, no scatter list, no team, spare, no limit of 64 bits.
        content.resize(content.len() + 4 * 4 + 8, 0);
        for number in [0, text_size, u64::from(is_program)] {
            content.extend_from_slice(&number.to_be_bytes());
        }
        if self.runtime {
            content.extend_from_slice(&(15_u32 << 16).to_be_bytes());
            content.resize(content.len() + 4, 0);
        }
        content.extend_from_slice(self.identifier.as_bytes());
        content.push(0);
        for slot in (1..=special).rev() {
            let part = parts.iter().find(|(number, _)| *number == slot).map(|(_, part)| part.as_slice());
            let part = if slot == 1 { info } else { part };
            content.extend(part.map_or_else(|| vec![0; hash.size()], |part| hash.digest(part)));
        }
        content.extend(code.chunks(PAGE).flat_map(|page| hash.digest(page)));
        blob(0xfade_0c02, &content)
    }
}

fn blob(magic: u32, content: &[u8]) -> Vec<u8> {
    let length = (content.len() + 8) as u32;
    [&magic.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

/// A property list.
fn xml(value: &Value) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n",
    );
    element(value, &mut text);
    text.push_str("</plist>\n");
    text
}

fn element(value: &Value, text: &mut String) {
    let escaped = |raw: &str| raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    match value {
        Value::Boolean(true) => text.push_str("<true/>\n"),
        Value::Boolean(false) => text.push_str("<false/>\n"),
        Value::Integer(number) => text.push_str(&format!("<integer>{number}</integer>\n")),
        Value::String(raw) => text.push_str(&format!("<string>{}</string>\n", escaped(raw))),
        Value::Data(_) => panic!("entitlements of tests have no data"),
        Value::Array(values) => {
            text.push_str("<array>\n");
            values.iter().for_each(|value| element(value, text));
            text.push_str("</array>\n");
        }
        Value::Dictionary(pairs) => {
            text.push_str("<dict>\n");
            for (key, value) in pairs {
                text.push_str(&format!("<key>{}</key>\n", escaped(key)));
                element(value, text);
            }
            text.push_str("</dict>\n");
        }
    }
}
