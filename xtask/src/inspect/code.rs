//! Programs and libraries, as a listing shows them: who signed, and what they are allowed to.
//!
//! Must not know: how it is printed.

use macho::HashType;
use serde::Serialize;

use crate::digest::hex;
use crate::sign::certificate::Facts;
use crate::verify::code::{Code, CodeImage, Signed};

/// A program or library, or several for several processors in one file.
#[derive(Debug, Serialize)]
pub struct Program {
    /// Where it is: `Payload` or `Scripts`.
    pub archive: &'static str,
    /// Its path there.
    pub path: String,
    /// For each processor.
    pub images: Vec<ProgramImage>,
    /// What does not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// A program or library for one processor.
#[derive(Debug, Serialize)]
pub struct ProgramImage {
    /// The processor.
    pub processor: String,
    /// What it is: `program`, `library`, ...
    pub kind: &'static str,
    /// The oldest macOS that it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_system: Option<String>,
    /// `none`; `ad-hoc` where nobody answers for it; `broken`, or `signed`.
    pub signature: &'static str,
    /// What the signature calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Apple's team identifier in the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The digest of its code directory that tickets name it by, 20 bytes, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_hash: Option<String>,
    /// The kind of that digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<&'static str>,
    /// Whether it asks for the hardened runtime.
    pub hardened_runtime: bool,
    /// The signing certificate, then its issuers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Facts>,
    /// When it was signed, says the timestamp authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The timestamp authority's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_authority: Option<Facts>,
    /// What it is allowed to.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub entitlements: serde_json::Map<String, serde_json::Value>,
}

impl Program {
    /// Of what was read.
    pub fn new(archive: &'static str, path: &str, code: &Code) -> Self {
        Self {
            archive,
            path: path.to_owned(),
            images: code.images.iter().map(ProgramImage::new).collect(),
            faults: code.findings.faults.clone(),
        }
    }

    /// How many bytes it is to be counted for.
    pub fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }
}

impl ProgramImage {
    fn new(one: &CodeImage) -> Self {
        let directory = one.image.signature.as_ref().map(macho::Signature::best);
        let signer = one.signed.by();
        let stamp = signer.and_then(|signer| signer.timestamp.as_ref());
        let entitlements = serde_json::to_value(&one.entitlements).unwrap_or_default();
        Self {
            processor: one.image.architecture(),
            kind: one.what(),
            minimum_system: one.image.platform.map(|platform| platform.minimum.to_string()),
            signature: match &one.signed {
                Signed::Not => "none",
                Signed::Nobody => "ad-hoc",
                Signed::Broken => "broken",
                Signed::By(_) => "signed",
            },
            identifier: directory.map(|one| one.identifier.clone()),
            team: directory.and_then(|one| one.team.clone()),
            code_hash: directory.map(|one| hex(one.code_hash())),
            digest: directory.map(|one| one.hash).map(HashType::name),
            hardened_runtime: one.has_hardened_runtime(),
            certificates: signer.iter().flat_map(|signer| &signer.chain).map(Facts::of).collect(),
            timestamp: stamp.map(|stamp| stamp.time.to_rfc3339()),
            timestamp_authority: stamp.map(|stamp| Facts::of(&stamp.authority)),
            entitlements: match entitlements {
                serde_json::Value::Object(pairs) => pairs,
                _ => serde_json::Map::new(),
            },
        }
    }
}
