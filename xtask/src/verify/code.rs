//! Programs and libraries in a package: who signed them, what they are allowed to, and whether
//! that holds.
//!
//! The crate macho holds pages and parts against the code directories; here the CMS structure
//! is held against those, and its certificates against each other.
//!
//! Must not know: packages, where the bytes come from, what Apple's notary takes ([`super::notarizable`]).

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use chrono::{DateTime, Utc};
use macho::{HashType, Image, MachO, Signature, Value, flag};
use plist::Dictionary;
use x509_certificate::{CapturedX509Certificate, DigestAlgorithm};

use super::carried::carried_faults;
use super::cms::{self, CodeSignature, NamedDigest};
use super::timestamp::Timestamp;
use super::{Findings, property_list};
use crate::sign::certificate::complete_chain;

/// A program or library, or several for several processors in one file.
#[derive(Debug)]
pub struct Code {
    /// For each processor.
    pub images: Vec<CodeImage>,
    /// What does not hold, and what is odd.
    pub findings: Findings,
}

/// A program or library for one processor.
#[derive(Debug)]
pub struct CodeImage {
    /// What it is, and its code directories.
    pub image: Image,
    /// Who signed.
    pub signed: Signed,
    /// What it is allowed to.
    pub entitlements: Dictionary,
}

/// Who signed an image.
#[derive(Debug)]
pub enum Signed {
    /// There is no signature, or none that can be read.
    Not,
    /// There are digests of its pages, and nobody answers for them.
    Nobody,
    /// There is a CMS structure, and it does not hold.
    Broken,
    /// It holds.
    By(Box<Signer>),
}

/// Somebody who signed.
#[derive(Debug)]
pub struct Signer {
    /// The certificate, then its issuers, as far as they are known.
    pub chain: Vec<CapturedX509Certificate>,
    /// When the signer says to have signed.
    pub signing_time: Option<DateTime<Utc>>,
    /// A timestamp authority's word, where there is one that holds.
    pub timestamp: Option<Timestamp>,
}

impl Signed {
    /// The signer, where there is one and the signature holds.
    pub fn by(&self) -> Option<&Signer> {
        match self {
            Self::By(signer) => Some(signer),
            _ => None,
        }
    }
}

impl CodeImage {
    /// What it is, in a word.
    pub fn what(&self) -> &'static str {
        use macho::kind;
        match self.image.kind {
            kind::OBJECT => "object file",
            kind::EXECUTE => "program",
            kind::LIBRARY => "library",
            kind::DYNAMIC_LINKER => "dynamic linker",
            kind::BUNDLE => "bundle",
            kind::DEBUG_SYMBOLS => "debug symbols",
            kind::KERNEL_EXTENSION => "kernel extension",
            _ => "file of another kind",
        }
    }

    /// Whether it asks for the hardened runtime.
    pub fn has_hardened_runtime(&self) -> bool {
        self.image.signature.as_ref().is_some_and(|one| one.directory().flags & flag::RUNTIME != 0)
    }
}

/// Reads a file. `None` where it is not a program or library.
///
/// # Errors
/// Of the input alone.
pub fn read<R: Read + Seek>(input: &mut R, at_hand: &[CapturedX509Certificate]) -> io::Result<Option<Code>> {
    let Some(file) = macho::read(input)? else { return Ok(None) };
    let mut findings = Findings { faults: file.faults().collect(), notes: file.notes().collect() };
    let MachO { images, .. } = file;
    let several = images.len() > 1;
    let images = images
        .into_iter()
        .map(|image| {
            let mut found = Findings::default();
            let one = one(image, at_hand, &mut found);
            match several {
                true => findings.extend(&one.image.architecture(), found),
                false => findings.append(found),
            }
            one
        })
        .collect();
    Ok(Some(Code { images, findings }))
}

fn one(mut image: Image, at_hand: &[CapturedX509Certificate], found: &mut Findings) -> CodeImage {
    let Some(signature) = &mut image.signature else {
        // Object files are linked into something, and that is signed.
        if image.is_code() {
            found.note(match image.architecture().starts_with("arm64") {
                true => "it is not signed, and Macs with Apple silicon do not run it",
                false => "it is not signed",
            });
        }
        return CodeImage { image, signed: Signed::Not, entitlements: Dictionary::new() };
    };
    let entitlements = entitlements(signature).unwrap_or_else(|fault| {
        found.fault(fault);
        Dictionary::new()
    });
    let signed = match &signature.cms {
        None => Signed::Nobody,
        Some(cms) => signer(cms, signature, at_hand, found),
    };
    // Up to sixteen MiB, and no more of use.
    (signature.signed, signature.entitlements) = Default::default();
    CodeImage { image, signed, entitlements }
}

fn signer(
    cms: &[u8],
    signature: &Signature,
    at_hand: &[CapturedX509Certificate],
    found: &mut Findings,
) -> Signed {
    let CodeSignature { verified, leaf, digests } = match cms::verify_code(cms, &signature.signed) {
        Ok(signature) => signature,
        Err(fault) => {
            found.fault(format!("its signature: {fault}"));
            return Signed::Broken;
        }
    };
    for fault in covered(signature, &digests) {
        found.fault(fault);
    }
    for fault in carried_faults(&verified.certificates, at_hand, false) {
        found.fault(fault);
    }
    let timestamp = match verified.timestamp {
        None => None,
        Some(Ok(stamp)) => Some(stamp),
        Some(Err(fault)) => {
            found.fault(format!("its timestamp: {fault}"));
            None
        }
    };
    let at_hand = [verified.certificates.as_slice(), at_hand].concat();
    let chain = complete_chain(&leaf, &at_hand);
    Signed::By(Box::new(Signer { chain, signing_time: verified.signing_time, timestamp }))
}

/// That the signer answers for every code directory, and for no other.
fn covered(signature: &Signature, digests: &[NamedDigest]) -> Vec<String> {
    let mut faults = Vec::new();
    let algorithm = |hash: HashType| match hash {
        HashType::Sha1 => DigestAlgorithm::Sha1,
        HashType::Sha256 | HashType::Sha256Truncated => DigestAlgorithm::Sha256,
        HashType::Sha384 => DigestAlgorithm::Sha384,
    };
    let is_of = |named: &NamedDigest, one: &macho::Directory| match named.algorithm {
        None => named.digest == one.code_hash(),
        Some(kind) => kind == algorithm(one.hash) && named.digest == one.digest,
    };
    if digests.iter().any(|digest| !signature.directories.iter().any(|one| is_of(digest, one))) {
        faults.push("who signed it named a code directory that is missing".to_owned());
    }
    // The first one is what was signed.
    for one in signature.directories.iter().skip(1) {
        if !digests.iter().any(|digest| is_of(digest, one)) {
            faults.push(format!("nobody signed its code directory with {}", one.hash.name()));
        }
    }
    faults
}

/// What an image is allowed to: the same in both forms, where there are both.
///
/// # Errors
/// What is wrong with them.
pub fn entitlements(signature: &Signature) -> Result<Dictionary, String> {
    let xml = signature.entitlements.as_deref().map(|xml| match property_list::read(xml) {
        Ok(plist::Value::Dictionary(pairs)) => Ok(pairs),
        Ok(_) => Err("its entitlements are not a dictionary".to_owned()),
        Err(fault) => Err(format!("its entitlements: {fault}")),
    });
    let xml = xml.transpose()?;
    let Some(Ok(Value::Dictionary(der))) = &signature.entitlements_der else {
        return Ok(xml.unwrap_or_default());
    };
    let der = dictionary(der);
    if xml.as_ref().is_some_and(|xml| sorted(xml) != sorted(&der)) {
        return Err("its entitlements are not the same in XML and in DER".to_owned());
    }
    Ok(xml.unwrap_or(der))
}

fn sorted(pairs: &Dictionary) -> BTreeMap<&str, plist::Value> {
    pairs.iter().map(|(key, value)| (key.as_str(), value.clone())).collect()
}

fn dictionary(pairs: &BTreeMap<String, Value>) -> Dictionary {
    pairs.iter().map(|(key, value)| (key.clone(), plist_value(value))).collect()
}

fn plist_value(value: &Value) -> plist::Value {
    match value {
        Value::Boolean(is) => (*is).into(),
        Value::Integer(number) => (*number).into(),
        Value::Data(bytes) => plist::Value::Data(bytes.clone()),
        Value::String(text) => text.clone().into(),
        Value::Array(values) => values.iter().map(plist_value).collect::<Vec<_>>().into(),
        Value::Dictionary(pairs) => dictionary(pairs).into(),
    }
}
