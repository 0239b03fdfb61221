//! What a certificate says that matters for packages, and who issued it.
//!
//! Must not know: keys, archives, signatures over them.

use apple_codesign::{AppleCertificate, KnownCertificate};
use chrono::{DateTime, Utc};
use serde::Serialize;
use x509_certificate::CapturedX509Certificate;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Extended key usage of a Developer ID Installer certificate.
pub const DEVELOPER_ID_INSTALLER: &str = "1.2.840.113635.100.4.13";
/// Extension of the authority that issues Developer ID certificates.
pub const DEVELOPER_ID_AUTHORITY: &str = "1.2.840.113635.100.6.2.6";

/// A certificate, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Common name, or the whole subject where there is none.
    pub subject: String,
    /// Common name of who issued it.
    pub issuer: String,
    /// Organizational unit, which is Apple's team identifier in a leaf.
    pub team: Option<String>,
    /// SHA-256 of the certificate, hexadecimal.
    pub sha256: String,
    /// First moment at which it is valid.
    pub not_before: DateTime<Utc>,
    /// Last moment at which it is valid.
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
        let issuer = at_hand.iter().chain(KnownCertificate::all().iter().copied()).find(|candidate| {
            candidate.subject_name() == last.issuer_name()
                && !chain.contains(candidate)
                && last.verify_signed_by_certificate(candidate).is_ok()
        });
        match issuer {
            Some(issuer) => chain.push(issuer.clone()),
            None => return chain,
        }
    }
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(data: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    crate::digest::hex(Sha256::digest(data))
}
