//! What a certificate says that matters for packages, and who issued it.
//!
//! Must not know: keys, archives, signatures over them.

use apple_codesign::{AppleCertificate, KnownCertificate};
use chrono::{DateTime, Utc};
use serde::Serialize;
use x509_certificate::{CapturedX509Certificate, EcdsaCurve, KeyAlgorithm, SignatureAlgorithm};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate};

/// Extended key usage of a Developer ID Installer certificate.
pub const DEVELOPER_ID_INSTALLER: &str = "1.2.840.113635.100.4.13";
/// Extended key usage of certificates that sign code (RFC 5280, 4.2.1.12).
pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// Extension of a Developer ID Application certificate.
pub const DEVELOPER_ID_APPLICATION: &str = "1.2.840.113635.100.6.1.13";
/// Extension of the authority that issues Developer ID certificates.
pub const DEVELOPER_ID_AUTHORITY: &str = "1.2.840.113635.100.6.2.6";

/// A certificate, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Common name, or the whole subject where there is none.
    pub subject: String,
    /// Common name of the issuer.
    pub issuer: String,
    /// Organizational unit, which is Apple's team identifier in a leaf.
    pub team: Option<String>,
    /// SHA-256 of the certificate, hexadecimal.
    pub sha256: String,
    /// Start of validity.
    pub not_before: DateTime<Utc>,
    /// End of validity.
    pub not_after: DateTime<Utc>,
}

impl Facts {
    /// Of a certificate.
    pub fn of(certificate: &CapturedX509Certificate) -> Self {
        Self {
            subject: name(certificate.subject_common_name()),
            issuer: name(certificate.issuer_common_name()),
            team: certificate.apple_team_id(),
            sha256: sha256_hex(certificate.constructed_data()),
            not_before: certificate.validity_not_before(),
            not_after: certificate.validity_not_after(),
        }
    }
}

fn name(common_name: Option<String>) -> String {
    common_name.unwrap_or_else(|| "(no common name)".to_owned())
}

/// Dotted identifiers of what it may be used for. apple-codesign reads this
/// extension only where it holds a single one.
///
/// # Errors
/// Why it cannot be read.
pub fn extended_key_usages(certificate: &CapturedX509Certificate) -> Result<Vec<String>, String> {
    let (_, parsed) =
        X509Certificate::from_der(certificate.constructed_data()).map_err(|error| error.to_string())?;
    let usage = parsed.extended_key_usage().map_err(|error| error.to_string())?;
    let Some(usage) = usage else { return Ok(Vec::new()) };
    let mut usages: Vec<String> = usage.value.other.iter().map(|oid| oid.to_id_string()).collect();
    if usage.value.code_signing {
        usages.push(CODE_SIGNING.to_owned());
    }
    if usage.value.time_stamping {
        usages.push(TIME_STAMPING.to_owned());
    }
    Ok(usages)
}

/// Extended key usage of a timestamp authority (RFC 3161, 2.3).
pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// Whether it may issue others (basic constraints).
pub fn is_authority(certificate: &CapturedX509Certificate) -> bool {
    X509Certificate::from_der(certificate.constructed_data()).is_ok_and(|(_, parsed)| parsed.is_ca())
}

/// Whether it has the extension with this dotted identifier.
pub fn has_extension(certificate: &CapturedX509Certificate, identifier: &str) -> bool {
    X509Certificate::from_der(certificate.constructed_data())
        .is_ok_and(|(_, parsed)| parsed.extensions().iter().any(|one| one.oid.to_id_string() == identifier))
}

/// Whether it is one of Apple's roots, which apple-codesign carries.
pub fn is_apple_root(certificate: &CapturedX509Certificate) -> bool {
    certificate.is_apple_root_ca()
}

/// Apple's own certificates, which apple-codesign carries.
pub fn known() -> &'static [&'static CapturedX509Certificate] {
    KnownCertificate::all()
}

/// Apple Root CA - G3, which answers for notarization tickets.
pub fn ticket_root() -> CapturedX509Certificate {
    let root: &CapturedX509Certificate = &KnownCertificate::AppleRootCaG3Root;
    root.clone()
}

/// The leaf and its issuers: from the certificates at hand first, then from
/// Apple's own that apple-codesign carries. Apple's tools embed leaf, Developer
/// ID authority and root; without the intermediate a Mac calls the package
/// untrusted.
///
/// An issuer must have the right name as well as the right key: two of Apple's
/// roots share one key, and apple-codesign, which looks at keys alone, goes on
/// from the one to the other.
pub fn complete_chain(
    leaf: &CapturedX509Certificate,
    at_hand: &[CapturedX509Certificate],
) -> Vec<CapturedX509Certificate> {
    let mut chain = vec![leaf.clone()];
    loop {
        let last = &chain[chain.len() - 1];
        let issuer = at_hand.iter().chain(known().iter().copied()).find(|candidate| {
            candidate.subject_name() == last.issuer_name()
                && !chain.contains(candidate)
                && is_signed_by(last, candidate)
        });
        match issuer {
            Some(issuer) => chain.push(issuer.clone()),
            None => return chain,
        }
    }
}

/// Whether the issuer's key made the certificate's signature.
///
/// x509-certificate 0.24 takes the kind of the certificate's own key for its issuer's,
/// and so finds no issuer with another: Apple's root for tickets has one of 384 bits,
/// and the authority below it one of 256.
pub fn is_signed_by(certificate: &CapturedX509Certificate, issuer: &CapturedX509Certificate) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate.constructed_data()) else { return false };
    let Ok((_, signer)) = X509Certificate::from_der(issuer.constructed_data()) else { return false };
    // What is not signed: the algorithm, which stands there a second time, and the form of
    // the signature.
    if parsed.signature_algorithm != parsed.tbs_certificate.signature
        || parsed.signature_value.unused_bits != 0
    {
        return false;
    }
    let algorithm = SignatureAlgorithm::try_from(certificate.signature_algorithm_oid())
        .ok()
        .zip(key_algorithm(issuer, signer.public_key()))
        .and_then(|(signature, key)| signature.resolve_verification_algorithm(key).ok());
    algorithm.is_some_and(|algorithm| {
        let signed = parsed.tbs_certificate.as_ref();
        issuer.verify_signed_data_with_algorithm(signed, &parsed.signature_value.data, algorithm).is_ok()
    })
}

/// A key's kind, with its curve.
fn key_algorithm(
    certificate: &CapturedX509Certificate,
    key: &SubjectPublicKeyInfo<'_>,
) -> Option<KeyAlgorithm> {
    const P256: &str = "1.2.840.10045.3.1.7";
    const P384: &str = "1.3.132.0.34";
    let kind = KeyAlgorithm::try_from(certificate.key_algorithm_oid()).ok()?;
    if !matches!(kind, KeyAlgorithm::Ecdsa(_)) {
        return Some(kind);
    }
    let curve = key.algorithm.parameters()?.as_oid().ok()?.to_id_string();
    match curve.as_str() {
        P256 => Some(KeyAlgorithm::Ecdsa(EcdsaCurve::Secp256r1)),
        P384 => Some(KeyAlgorithm::Ecdsa(EcdsaCurve::Secp384r1)),
        _ => None,
    }
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(data: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    crate::digest::hex(Sha256::digest(data))
}
