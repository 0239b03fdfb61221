//! CMS signatures: the detached SignedData over a TOC's digest, and the one around a
//! configuration profile.
//!
//! Two forms are in the wild: with signed attributes (contentType, signingTime,
//! messageDigest), and, in packages up to 2020, without any, where the signature
//! is over the content itself. Source: the signatures of 64 of Apple's packages.
//!
//! Must not know: archives, which certificates are trusted.

use bcder::decode::{Constructed, SliceSource};
use bcder::{Integer, Mode, Oid, Tag};
use chrono::{DateTime, NaiveDateTime, Utc};
use cryptographic_message_syntax::asn1::rfc3161::{MessageImprint, OID_CONTENT_TYPE_TST_INFO};
use cryptographic_message_syntax::asn1::rfc5652;
use cryptographic_message_syntax::{SignedData, SignerInfo};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::Digest as _;
use x509_certificate::{CapturedX509Certificate, DigestAlgorithm};

/// Most certificates that a signature may bring; Apple's have three or four. Each of
/// them may have issued each other, and to find out takes a computation every time.
pub const CERTIFICATES_MAX: usize = 32;

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

/// A timestamp whose signature holds and is over this signature.
#[derive(Debug)]
pub struct Timestamp {
    /// When.
    pub time: DateTime<Utc>,
    /// The authority's certificate.
    pub authority: CapturedX509Certificate,
    /// All certificates that the timestamp carries.
    pub certificates: Vec<CapturedX509Certificate>,
}

/// Checks the signature in `slot` (which zeros may fill up) over `content`,
/// made by `leaf`.
pub fn verify(slot: &[u8], content: &[u8], leaf: &CapturedX509Certificate) -> Result<Verified, String> {
    let length = ber_length(slot, 0).ok_or("it is no BER structure")?;
    if slot[length..].iter().any(|byte| *byte != 0) {
        return Err("there is something behind it in its place".to_owned());
    }
    frame(&slot[..length])?;
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
    let certificates = certificates(&signed)?;
    if !is_carried(slot, leaf) {
        return Err("it does not carry the package's first certificate".to_owned());
    }
    to_the_letter(slot, &certificates)?;
    let signing_time = match signer.signed_attributes() {
        Some(attributes) => {
            signer
                .verify_message_digest_with_content(content)
                .map_err(|_| "it is over another table of contents".to_owned())?;
            signer
                .verify_signature_with_signed_data(&signed)
                .map_err(|error| format!("its signature does not hold: {error}"))?;
            attributes.signing_time().copied()
        }
        None => {
            direct(signer, content, leaf)?;
            None
        }
    };
    let timestamp = signer.unsigned_attributes().map(|_| timestamp(signer)).and_then(Result::transpose);
    let timestamp = timestamp.map(|stamp| {
        let stamp = stamp?;
        to_the_letter(slot, &stamp.certificates)?;
        Ok(stamp)
    });
    Ok(Verified { signing_time, certificates, timestamp })
}

/// The content of a SignedData that carries it, if its one signer's signature holds.
/// Whether the signer is trusted is another question.
///
/// # Errors
/// Why it does not hold.
pub fn attached(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let length = ber_length(bytes, 0).ok_or("it is no BER structure")?;
    if length != bytes.len() {
        return Err("there is something behind it".to_owned());
    }
    let signed = SignedData::parse_ber(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    certificates(&signed)?;
    let signers: Vec<&SignerInfo> = signed.signers().collect();
    let [signer] = signers.as_slice() else {
        return Err(format!("it has {} signers; a profile has one", signers.len()));
    };
    signer
        .verify_message_digest_with_signed_data(&signed)
        .map_err(|_| "it is over another content".to_owned())?;
    signer
        .verify_signature_with_signed_data(&signed)
        .map_err(|error| format!("its signature does not hold: {error}"))?;
    Ok(signed.signed_content().ok_or("it is empty")?.to_vec())
}

fn certificates(signed: &SignedData) -> Result<Vec<CapturedX509Certificate>, String> {
    let count = signed.certificates().count();
    if count > CERTIFICATES_MAX {
        return Err(format!("it carries {count} certificates; {CERTIFICATES_MAX} are read"));
    }
    Ok(signed.certificates().cloned().collect())
}

/// Whether a certificate is among these bytes.
fn is_carried(bytes: &[u8], certificate: &CapturedX509Certificate) -> bool {
    let wanted = certificate.constructed_data();
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// What was parsed may have been written otherwise, and would look right.
fn to_the_letter(bytes: &[u8], certificates: &[CapturedX509Certificate]) -> Result<(), String> {
    match certificates.iter().find(|one| !is_carried(bytes, one)) {
        None => Ok(()),
        Some(one) => Err(format!(
            "it carries the certificate {:?} in another form than the signed one",
            one.subject_common_name().unwrap_or_default()
        )),
    }
}

/// The parts around the signed attributes that the signature does not cover.
fn frame(bytes: &[u8]) -> Result<(), String> {
    let signed =
        rfc5652::SignedData::decode_ber(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if signed.content_info.content_type != rfc5652::OID_ID_DATA {
        return Err("it is over something else than data".to_owned());
    }
    if signed.content_info.content.is_some() {
        return Err("it brings its own content".to_owned());
    }
    let is_version_1 = signed.version == rfc5652::CmsVersion::V1
        && signed.signer_infos.iter().all(|signer| signer.version == rfc5652::CmsVersion::V1);
    if is_version_1 { Ok(()) } else { Err("it is of a version that packages do not have".to_owned()) }
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
    key.verify(padding, &digest, signer.signature()).map_err(|_| "its signature does not hold".to_owned())
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

/// The timestamp among the unsigned attributes: its own signature, and that it
/// is over the signer's signature.
fn timestamp(signer: &SignerInfo) -> Result<Option<Timestamp>, String> {
    let cannot = |error: cryptographic_message_syntax::CmsError| format!("it cannot be read: {error}");
    let Some(token) = signer.time_stamp_token_signed_data().map_err(cannot)? else { return Ok(None) };
    let certificates = certificates(&token)?;
    let signers: Vec<&SignerInfo> = token.signers().collect();
    let [authority_info] = signers.as_slice() else {
        return Err(format!("it has {} signers; a timestamp has one", signers.len()));
    };
    let authority = authority_info
        .certificate_issuer_and_serial()
        .and_then(|(issuer, serial)| {
            certificates.iter().find(|one| one.issuer_name() == issuer && one.serial_number_asn1() == serial)
        })
        .ok_or("it does not carry its authority's certificate")?
        .clone();
    authority_info
        .verify_message_digest_with_signed_data(&token)
        .and_then(|()| authority_info.verify_signature_with_signed_data(&token))
        .map_err(|error| format!("the authority's signature does not hold: {error}"))?;
    let content = token.signed_content().ok_or("it is empty")?;
    let (imprint, time) = timestamp_info(content)?;
    let is_timestamp = authority_info
        .signed_attributes()
        .is_some_and(|attributes| attributes.content_type() == &OID_CONTENT_TYPE_TST_INFO);
    if !is_timestamp {
        return Err("it is no timestamp".to_owned());
    }
    let algorithm = DigestAlgorithm::try_from(&imprint.hash_algorithm)
        .map_err(|error| format!("its digest algorithm is not known: {error}"))?;
    if algorithm.digest_data(signer.signature()) != imprint.hashed_message.to_bytes().as_ref() {
        return Err("it is for another signature".to_owned());
    }
    Ok(Some(Timestamp { time, authority, certificates }))
}

/// What a timestamp says (TSTInfo): of what, and when.
///
/// Read here and not by cryptographic-message-syntax 0.27, which panics where the
/// time has ten digits behind its point.
fn timestamp_info(content: &[u8]) -> Result<(MessageImprint, DateTime<Utc>), String> {
    let read = |cons: &mut Constructed<SliceSource<'_>>| {
        cons.take_sequence(|cons| {
            let _version = Integer::take_from(cons)?;
            let _policy = Oid::take_from(cons)?;
            let imprint = MessageImprint::take_from(cons)?;
            let _serial_number = Integer::take_from(cons)?;
            let time = cons.take_primitive_if(Tag::GENERALIZED_TIME, |primitive| primitive.take_all())?;
            cons.skip_all()?;
            Ok((imprint, time))
        })
    };
    let (imprint, time) = Constructed::decode(SliceSource::new(content), Mode::Der, read)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    let time = std::str::from_utf8(&time)
        .ok()
        .and_then(|text| NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S%.fZ").ok())
        .ok_or("its time is none")?;
    Ok((imprint, time.and_utc()))
}

/// How deep BER structures may be nested. Certificates need about a dozen.
const BER_DEPTH_MAX: usize = 32;

/// Length of the BER structure at the beginning of `bytes`, definite or not.
/// Apple's signatures are of indefinite length.
fn ber_length(bytes: &[u8], depth: usize) -> Option<usize> {
    if depth > BER_DEPTH_MAX {
        return None;
    }
    let tag = *bytes.first()?;
    let mut at = 1;
    if tag & 0x1f == 0x1f {
        // A tag of several bytes ends with one below 0x80.
        at += 1 + bytes.get(at..)?.iter().position(|byte| byte & 0x80 == 0)?;
    }
    let first = *bytes.get(at)?;
    at += 1;
    match first {
        0x80 => loop {
            let rest = bytes.get(at..)?;
            if rest.starts_with(&[0, 0]) {
                return Some(at + 2);
            }
            at += ber_length(rest, depth + 1)?;
        },
        0..=0x7f => at.checked_add(first.into()).filter(|end| *end <= bytes.len()),
        _ => {
            let octets = bytes.get(at..at + usize::from(first & 0x7f))?;
            let length = octets.iter().try_fold(0_usize, |length, byte| {
                length.checked_mul(256).map(|length| length + usize::from(*byte))
            })?;
            (at + octets.len()).checked_add(length).filter(|end| *end <= bytes.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ber_length, timestamp_info};

    /// A TSTInfo of the SHA-1 00…00.
    fn stamp(time: &str) -> Vec<u8> {
        let mut imprint = vec![0x30, 0x1d, 0x30, 7, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 4, 20];
        imprint.resize(imprint.len() + 20, 0);
        imprint[1] = (imprint.len() - 2) as u8;
        let mut content = vec![2, 1, 1, 6, 3, 0x2a, 3, 4];
        content.extend_from_slice(&imprint);
        content.extend_from_slice(&[2, 1, 7, 0x18, time.len() as u8]);
        content.extend_from_slice(time.as_bytes());
        // The accuracy, which nobody asks for.
        content.extend_from_slice(&[0x30, 3, 2, 1, 1]);
        [&[0x30, content.len() as u8], content.as_slice()].concat()
    }

    #[test]
    fn times_of_timestamps() {
        for (text, expected) in [
            ("20260102030405Z", "2026-01-02T03:04:05+00:00"),
            ("20260102030405.25Z", "2026-01-02T03:04:05.250+00:00"),
            // The crate that reads CMS panics.
            ("20260102030405.1234567891Z", "2026-01-02T03:04:05.123456789+00:00"),
        ] {
            let (imprint, time) = timestamp_info(&stamp(text)).unwrap();
            assert_eq!(imprint.hashed_message.to_bytes().as_ref(), [0; 20]);
            assert_eq!(time.to_rfc3339(), expected);
        }
        for wrong in
            ["", "Z", "20261302030405Z", "20260102030405", "20260102030405+0100", "20260102030405.Z."]
        {
            assert!(timestamp_info(&stamp(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_definite_and_not() {
        assert_eq!(ber_length(&[0x30, 2, 1, 2, 9], 0), Some(4));
        assert_eq!(ber_length(&[0x30, 0x80, 4, 1, 7, 0, 0, 0], 0), Some(7));
        assert_eq!(ber_length(&[0x30, 0x81, 1, 7, 0], 0), Some(4));
        for wrong in
            [&[][..], &[0x30], &[0x30, 3, 1], &[0x30, 0x80, 4, 1], &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1]]
        {
            assert_eq!(ber_length(wrong, 0), None, "{wrong:?}");
        }
        assert_eq!(ber_length(&[0x30, 0x80].repeat(1000), 0), None, "nested without end");
    }
}
