//! CMS signatures: the detached SignedData over a TOC's digest or over a program's code
//! directory, and the one around a configuration profile.
//!
//! Two forms are in the wild: with signed attributes (contentType, signingTime,
//! messageDigest), and, in packages up to 2020, without any, where the signature
//! is over the content itself. Source: the signatures of 64 of Apple's packages.
//!
//! Must not know: archives, programs, which certificates are trusted.

use bcder::decode::{Constructed, SliceSource};
use bcder::{Mode, OctetString, Oid};
use chrono::{DateTime, Utc};
use cryptographic_message_syntax::asn1::rfc5652::{self, CmsVersion};
use cryptographic_message_syntax::{SignedData, SignerInfo};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::Digest as _;
use x509_certificate::{CapturedX509Certificate, DigestAlgorithm};

use super::signed_data::{certificates, frame};
use super::timestamp::{self, Timestamp};
use super::{ber, property_list};

/// A CMS signature that holds.
#[derive(Debug)]
pub struct Verified {
    /// When the signer says to have signed.
    pub signing_time: Option<DateTime<Utc>>,
    /// The certificates that it carries.
    pub certificates: Vec<CapturedX509Certificate>,
    /// The timestamp authority's word, where there is one.
    pub timestamp: Option<Result<Timestamp, String>>,
}

/// Checks the signature in `slot` (which zeros may fill up) over `content`,
/// made by `leaf`.
pub fn verify(slot: &[u8], content: &[u8], leaf: &CapturedX509Certificate) -> Result<Verified, String> {
    let opened = Opened::new(slot)?;
    let names_leaf = opened
        .signer()?
        .certificate_issuer_and_serial()
        .is_some_and(|(issuer, serial)| issuer == leaf.issuer_name() && serial == leaf.serial_number_asn1());
    if !names_leaf {
        return Err("its signer is not the package's first certificate".to_owned());
    }
    if !opened.certificates.contains(leaf) {
        return Err("it does not carry the package's first certificate".to_owned());
    }
    opened.verify(content, "table of contents", leaf)
}

/// Most certificates that a program's signature may bring; Apple's have three. There may be
/// thousands of programs.
const CODE_CERTIFICATES_MAX: usize = 8;

/// A program's signature that holds.
#[derive(Debug)]
pub struct CodeSignature {
    /// What every signature has.
    pub verified: Verified,
    /// The certificate of who signed.
    pub leaf: CapturedX509Certificate,
    /// The digests of code directories that it names.
    pub digests: Vec<NamedDigest>,
}

/// The digest of a code directory, as an attribute names it.
#[derive(Debug)]
pub struct NamedDigest {
    /// Its kind; none in the list that has the first 20 bytes of each.
    pub algorithm: Option<DigestAlgorithm>,
    /// The digest, or those bytes.
    pub digest: Vec<u8>,
}

/// Checks a program's signature over its code directory, made by one of its certificates.
///
/// # Errors
/// Why it does not hold.
pub fn verify_code(bytes: &[u8], directory: &[u8]) -> Result<CodeSignature, String> {
    let opened = Opened::new(bytes)?;
    let count = opened.certificates.len();
    if count > CODE_CERTIFICATES_MAX {
        return Err(format!("it carries {count} certificates; {CODE_CERTIFICATES_MAX} are read"));
    }
    let signer = opened.signer()?;
    let (issuer, serial) =
        signer.certificate_issuer_and_serial().ok_or("it does not name its signer's certificate")?;
    let is_leaf =
        |one: &&CapturedX509Certificate| one.issuer_name() == issuer && one.serial_number_asn1() == serial;
    let leaf = opened.certificates.iter().find(is_leaf);
    let leaf = leaf.ok_or("it does not carry its signer's certificate")?.clone();
    let digests = match signer.signed_attributes() {
        Some(attributes) => code_digests(attributes.attributes())?,
        None => Vec::new(),
    };
    Ok(CodeSignature { verified: opened.verify(directory, "code directory", &leaf)?, leaf, digests })
}

/// The digests of code directories among signed attributes (1.2.840.113635.100.9.1: a property
/// list, and .2: algorithm and digest of each).
///
/// Source: apple-codesign, `embedded_signature_builder.rs`.
fn code_digests(attributes: &rfc5652::SignedAttributes) -> Result<Vec<NamedDigest>, String> {
    const LIST: &[u8] = &[42, 134, 72, 134, 247, 99, 100, 9, 1];
    const DIGESTS: &[u8] = &[42, 134, 72, 134, 247, 99, 100, 9, 2];
    let mut found = Vec::new();
    for attribute in attributes.iter() {
        let cannot = |_| "its list of code directories cannot be read".to_owned();
        let values = attribute.values.iter().map(|value| SliceSource::new(value.as_slice()));
        if attribute.typ.as_ref() == LIST {
            for value in values {
                let list = Constructed::decode(value, Mode::Ber, OctetString::take_from).map_err(cannot)?;
                let list = property_list::read(&list.to_bytes())?;
                let hashes = list.as_dictionary().and_then(|list| list.get("cdhashes")?.as_array());
                for hash in hashes.ok_or("its list of code directories has none")? {
                    let hash = hash.as_data().ok_or("its list of code directories holds something else")?;
                    found.push(NamedDigest { algorithm: None, digest: hash.to_vec() });
                }
            }
        } else if attribute.typ.as_ref() == DIGESTS {
            for value in values {
                let pair = |cons: &mut Constructed<SliceSource<'_>>| {
                    cons.take_sequence(|cons| Ok((Oid::take_from(cons)?, OctetString::take_from(cons)?)))
                };
                let (algorithm, digest) = Constructed::decode(value, Mode::Ber, pair).map_err(cannot)?;
                let algorithm = DigestAlgorithm::try_from(&algorithm).map_err(|error| error.to_string())?;
                found.push(NamedDigest { algorithm: Some(algorithm), digest: digest.to_bytes().to_vec() });
            }
        }
    }
    Ok(found)
}

/// A SignedData beside its content, taken apart.
struct Opened {
    raw: rfc5652::SignedData,
    signed: SignedData,
    certificates: Vec<CapturedX509Certificate>,
}

impl Opened {
    fn new(slot: &[u8]) -> Result<Self, String> {
        let length = ber::length(slot, 0).ok_or("it is not a BER structure")?;
        if slot[length..].iter().any(|byte| *byte != 0) {
            return Err("other data follows it in its place".to_owned());
        }
        let raw = frame(&slot[..length])?;
        detached(&raw)?;
        let signed =
            SignedData::parse_ber(&slot[..length]).map_err(|error| format!("it cannot be read: {error}"))?;
        let certificates = certificates(&signed, &slot[..length])?;
        Ok(Self { raw, signed, certificates })
    }

    fn signer(&self) -> Result<&SignerInfo, String> {
        let signers: Vec<&SignerInfo> = self.signed.signers().collect();
        match signers.as_slice() {
            [signer] => Ok(signer),
            _ => Err(format!("it has {} signers instead of one", signers.len())),
        }
    }

    /// That it is over `content`, which is called `what`.
    fn verify(self, content: &[u8], what: &str, leaf: &CapturedX509Certificate) -> Result<Verified, String> {
        let signer = self.signer()?;
        let signing_time = match signer.signed_attributes() {
            Some(attributes) => {
                signer
                    .verify_message_digest_with_content(content)
                    .map_err(|_| format!("it signs another {what}"))?;
                signer
                    .verify_signature_with_signed_data(&self.signed)
                    .map_err(|error| format!("its signature is not valid: {error}"))?;
                attributes.signing_time().copied()
            }
            None => {
                direct(signer, content, leaf)?;
                None
            }
        };
        let token = self.raw.signer_infos.first().map_or(Ok(None), timestamp::token)?;
        let timestamp = token.map(|token| timestamp::verify(signer, token));
        Ok(Verified { signing_time, certificates: self.certificates, timestamp })
    }
}

/// The content of a SignedData that carries it, if its one signer's signature holds.
/// Whether the signer is trusted is another question.
///
/// # Errors
/// Why it is not valid.
pub fn attached(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let length = ber::length(bytes, 0).ok_or("it is not a BER structure")?;
    if length != bytes.len() {
        return Err("other data follows it".to_owned());
    }
    let signed = SignedData::parse_ber(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    certificates(&signed, bytes)?;
    let signers: Vec<&SignerInfo> = signed.signers().collect();
    let [signer] = signers.as_slice() else {
        return Err(format!("it has {} signers; a profile has one", signers.len()));
    };
    signer
        .verify_message_digest_with_signed_data(&signed)
        .map_err(|_| "it signs other content".to_owned())?;
    signer
        .verify_signature_with_signed_data(&signed)
        .map_err(|error| format!("its signature is not valid: {error}"))?;
    Ok(signed.signed_content().ok_or("it is empty")?.to_vec())
}

/// That the signature stands beside what it is over.
fn detached(raw: &rfc5652::SignedData) -> Result<(), String> {
    if raw.content_info.content_type != rfc5652::OID_ID_DATA {
        return Err("it signs something other than plain data".to_owned());
    }
    if raw.content_info.content.is_some() {
        return Err("it brings its own content".to_owned());
    }
    if raw.version != CmsVersion::V1 {
        return Err("its version is not one that packages have".to_owned());
    }
    Ok(())
}

/// A signature without signed attributes: over the content.
fn direct(signer: &SignerInfo, content: &[u8], leaf: &CapturedX509Certificate) -> Result<(), String> {
    let key = rsa_key(leaf)?;
    let (padding, digest) = match signer.digest_algorithm() {
        DigestAlgorithm::Sha1 => {
            (Pkcs1v15Sign::new::<Sha1>(), sha1::Digest::finalize(sha1_of(content)).to_vec())
        }
        DigestAlgorithm::Sha256 => (
            Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256_PREFIX.into() },
            sha2::Sha256::digest(content).to_vec(),
        ),
        other => return Err(format!("its digest algorithm {other:?} is not one that packages have")),
    };
    key.verify(padding, &digest, signer.signature()).map_err(|_| "its signature is not valid".to_owned())
}

fn sha1_of(content: &[u8]) -> Sha1 {
    let mut hasher: Sha1 = sha1::Digest::new();
    sha1::Digest::update(&mut hasher, content);
    hasher
}

/// DigestInfo of SHA-256 up to the digest (RFC 8017, 9.2, note 1).
pub const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// A certificate's RSA key.
pub fn rsa_key(certificate: &CapturedX509Certificate) -> Result<RsaPublicKey, String> {
    RsaPublicKey::from_pkcs1_der(&certificate.public_key_data())
        .map_err(|error| format!("its certificate has no RSA key that can be read: {error}"))
}
