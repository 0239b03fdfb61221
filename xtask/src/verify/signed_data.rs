//! The structure of CMS (RFC 5652, SignedData), as a signature and a timestamp have it:
//! what of it no signature covers has to be as it is always written.
//!
//! Must not know: what is signed, and by whom.

use cryptographic_message_syntax::SignedData;
use cryptographic_message_syntax::asn1::rfc5652::{self, CmsVersion};
use x509_certificate::CapturedX509Certificate;
use x509_certificate::rfc5280::AlgorithmIdentifier;

use super::ber;

/// Most certificates that a signature may bring; Apple's have three or four. Each of
/// them may have issued each other, and to find out takes a computation every time.
pub const CERTIFICATES_MAX: usize = 32;

/// The certificates that a structure carries. Each must be there to the letter: what
/// was parsed may have been written otherwise, and what was not may have been one.
pub(super) fn certificates(
    signed: &SignedData,
    bytes: &[u8],
) -> Result<Vec<CapturedX509Certificate>, String> {
    let count = signed.certificates().count();
    if count > CERTIFICATES_MAX {
        return Err(format!("it carries {count} certificates; {CERTIFICATES_MAX} are read"));
    }
    let parsed: Vec<_> = signed.certificates().cloned().collect();
    let written = written_certificates(bytes).ok_or("it cannot be read")?;
    if !parsed.iter().map(CapturedX509Certificate::constructed_data).eq(written) {
        return Err("it carries a certificate in another form than the signed one".to_owned());
    }
    Ok(parsed)
}

/// What is where a structure has its certificates: ContentInfo's second part holds the
/// SignedData, and there they follow version, algorithms and content.
fn written_certificates(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    const CERTIFICATES: u8 = 0xa0;
    let content = *ber::children(bytes)?.get(1)?;
    let signed = *ber::children(content)?.first()?;
    let parts = ber::children(signed)?;
    match parts.get(3) {
        Some(part) if part.first() == Some(&CERTIFICATES) => ber::children(part),
        _ => Some(Vec::new()),
    }
}

/// The structure with the parts that the signature does not cover.
pub(super) fn frame(bytes: &[u8]) -> Result<rfc5652::SignedData, String> {
    let raw =
        rfc5652::SignedData::decode_ber(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if raw.signer_infos.iter().any(|signer| signer.version != CmsVersion::V1) {
        return Err("its signer's version is not one that packages have".to_owned());
    }
    // NULL or left out: readers pass over anything else, and nothing signs it.
    let none = |algorithm: &AlgorithmIdentifier| {
        algorithm.parameters.as_ref().is_none_or(|parameters| parameters.as_slice() == [5, 0])
    };
    let of_signers =
        raw.signer_infos.iter().flat_map(|one| [&one.digest_algorithm, &one.signature_algorithm]);
    if !raw.digest_algorithms.iter().chain(of_signers).all(none) {
        return Err("one of its algorithms has parameters, and those that are known have none".to_owned());
    }
    // Nothing signs this list. Readers go by what the signers say.
    let said: Vec<_> = raw.signer_infos.iter().map(|one| &one.digest_algorithm.algorithm).collect();
    let listed: Vec<_> = raw.digest_algorithms.iter().map(|one| &one.algorithm).collect();
    if said.iter().any(|one| !listed.contains(one)) || listed.iter().any(|one| !said.contains(one)) {
        return Err("the digests that it lists are not those of its signers".to_owned());
    }
    Ok(raw)
}
