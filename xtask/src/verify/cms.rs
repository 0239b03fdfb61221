//! CMS signatures: the detached SignedData over a TOC's digest, and the one around a
//! configuration profile.
//!
//! Two forms are in the wild: with signed attributes (contentType, signingTime,
//! messageDigest), and, in packages up to 2020, without any, where the signature
//! is over the content itself. Source: the signatures of 64 of Apple's packages.
//!
//! Must not know: archives, which certificates are trusted.

use chrono::{DateTime, Utc};
use cryptographic_message_syntax::asn1::rfc5652::{self, CmsVersion};
use cryptographic_message_syntax::{SignedData, SignerInfo};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::Digest as _;
use x509_certificate::{CapturedX509Certificate, DigestAlgorithm};

use super::ber;
use super::signed_data::{certificates, frame};
use super::timestamp::{self, Timestamp};

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
    let length = ber::length(slot, 0).ok_or("it is not a BER structure")?;
    if slot[length..].iter().any(|byte| *byte != 0) {
        return Err("other data follows it in its place".to_owned());
    }
    let raw = frame(&slot[..length])?;
    detached(&raw)?;
    let signed =
        SignedData::parse_ber(&slot[..length]).map_err(|error| format!("it cannot be read: {error}"))?;
    let signers: Vec<&SignerInfo> = signed.signers().collect();
    let [signer] = signers.as_slice() else {
        return Err(format!("it has {} signers; packages have one", signers.len()));
    };
    let names_leaf = signer
        .certificate_issuer_and_serial()
        .is_some_and(|(issuer, serial)| issuer == leaf.issuer_name() && serial == leaf.serial_number_asn1());
    if !names_leaf {
        return Err("its signer is not the package's first certificate".to_owned());
    }
    let certificates = certificates(&signed, &slot[..length])?;
    if !certificates.contains(leaf) {
        return Err("it does not carry the package's first certificate".to_owned());
    }
    let signing_time = match signer.signed_attributes() {
        Some(attributes) => {
            signer
                .verify_message_digest_with_content(content)
                .map_err(|_| "it signs another table of contents".to_owned())?;
            signer
                .verify_signature_with_signed_data(&signed)
                .map_err(|error| format!("its signature is not valid: {error}"))?;
            attributes.signing_time().copied()
        }
        None => {
            direct(signer, content, leaf)?;
            None
        }
    };
    let token = raw.signer_infos.first().map_or(Ok(None), timestamp::token)?;
    let timestamp = token.map(|token| timestamp::verify(signer, token));
    Ok(Verified { signing_time, certificates, timestamp })
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
