//! The timestamp in a CMS signature: an authority's word on when it was made (RFC 3161).
//!
//! Must not know: packages, which authorities are trusted.

use bcder::decode::{Constructed, SliceSource};
use bcder::{Integer, Mode, Oid, Tag};
use chrono::{DateTime, NaiveDateTime, Utc};
use cryptographic_message_syntax::asn1::rfc3161::{
    MessageImprint, OID_CONTENT_TYPE_TST_INFO, OID_TIME_STAMP_TOKEN,
};
use cryptographic_message_syntax::asn1::rfc5652::{self, CmsVersion};
use cryptographic_message_syntax::{CmsError, SignerInfo};
use x509_certificate::{CapturedX509Certificate, DigestAlgorithm};

use super::signed_data::{certificates, frame};

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

/// The one unsigned attribute that packages have: a timestamp's structure. Whatever
/// else is there would be passed over, and a damaged timestamp with it.
pub fn token(signer: &rfc5652::SignerInfo) -> Result<Option<&[u8]>, String> {
    let attributes = signer.unsigned_attributes.as_ref().map_or(&[][..], |attributes| attributes.as_slice());
    match attributes {
        [] => Ok(None),
        [one] if one.typ == OID_TIME_STAMP_TOKEN && one.values.len() == 1 => {
            Ok(Some(one.values[0].as_slice()))
        }
        _ => Err("it has an unsigned attribute that is not a timestamp".to_owned()),
    }
}

/// The timestamp among the unsigned attributes: its own signature, and that it
/// is over the signer's signature.
pub fn verify(signer: &SignerInfo, bytes: &[u8]) -> Result<Timestamp, String> {
    let raw = frame(bytes)?;
    if raw.content_info.content_type != OID_CONTENT_TYPE_TST_INFO || raw.version != CmsVersion::V3 {
        return Err("it is not a timestamp".to_owned());
    }
    let cannot = |error: CmsError| format!("it cannot be read: {error}");
    let token = signer.time_stamp_token_signed_data().map_err(cannot)?.ok_or("it is empty")?;
    let certificates = certificates(&token, bytes)?;
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
        .map_err(|error| format!("the authority's signature is not valid: {error}"))?;
    let content = token.signed_content().ok_or("it is empty")?;
    let (imprint, time) = timestamp_info(content)?;
    let is_timestamp = authority_info
        .signed_attributes()
        .is_some_and(|attributes| attributes.content_type() == &OID_CONTENT_TYPE_TST_INFO);
    if !is_timestamp {
        return Err("it is not a timestamp".to_owned());
    }
    let algorithm = DigestAlgorithm::try_from(&imprint.hash_algorithm)
        .map_err(|error| format!("its digest algorithm is not known: {error}"))?;
    if algorithm.digest_data(signer.signature()) != imprint.hashed_message.to_bytes().as_ref() {
        return Err("it is for another signature".to_owned());
    }
    Ok(Timestamp { time, authority, certificates })
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
        .ok_or("its time cannot be read")?;
    Ok((imprint, time.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::timestamp_info;

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
}
