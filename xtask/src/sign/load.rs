//! Identities from a PKCS#12 file or from PEM files, checked before anything
//! is built.
//!
//! Must not know: where the bytes came from, beyond the name it is told for
//! its messages; passwords never enter a message.

use std::time::SystemTime;

use apple_codesign::{AppleCertificate, CertificateProfile};
use chrono::{DateTime, Utc};
use p12_keystore::Pkcs12Archive;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::traits::PublicKeyParts;
use x509_certificate::{CapturedX509Certificate, InMemorySigningKeyPair, Sign};

use super::Identity;
use super::certificate::{
    CODE_SIGNING, DEVELOPER_ID_APPLICATION, DEVELOPER_ID_INSTALLER, complete_chain, extended_key_usages,
    has_extension,
};

/// What an identity is to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Packages.
    Installer,
    /// Programs.
    Application,
}

impl Purpose {
    fn certificate(self) -> &'static str {
        match self {
            Self::Installer => "Developer ID Installer",
            Self::Application => "Developer ID Application",
        }
    }

    /// What stands before the names of the flags that name it.
    fn flag(self) -> &'static str {
        match self {
            Self::Installer => "--",
            Self::Application => "--app-",
        }
    }

    fn password_variable(self) -> &'static str {
        match self {
            Self::Installer => "LIMA_AUTOSTART_P12_PASSWORD",
            Self::Application => "LIMA_AUTOSTART_APP_P12_PASSWORD",
        }
    }
}

/// Why an identity cannot sign what it is to sign. `origin` names the file or the
/// environment variable.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum IdentityError {
    #[error("{origin}: this is not a PKCS#12 file (.p12, .pfx): {reason}")]
    NotPkcs12 { origin: String, reason: String },
    #[error(
        "{origin}: the password is wrong; give the right one with {}p12-password-file FILE or {}",
        purpose.flag(),
        purpose.password_variable()
    )]
    WrongPassword { origin: String, purpose: Purpose },
    #[error(
        "{origin}: the PKCS#12 file is protected in a way that cannot be read here ({reason}); export it \
         again from Keychain Access, or with `openssl pkcs12 -export`"
    )]
    UnsupportedPkcs12 { origin: String, reason: String },
    #[error("{origin}: this is not a PEM file: {reason}")]
    NotPem { origin: String, reason: String },
    #[error(
        "{origin}: the private key is encrypted; decrypt it with `openssl pkey -in KEY -out PLAIN`, or put key \
         and certificate into a PKCS#12 file and use {}p12-file",
        purpose.flag()
    )]
    EncryptedKey { origin: String, purpose: Purpose },
    #[error("{origin}: there is no private key in it{hint}")]
    NoKey { origin: String, hint: String },
    #[error(
        "{origin}: there are {count} private keys in it; leave the one of the {} certificate",
        purpose.certificate()
    )]
    SeveralKeys { origin: String, count: usize, purpose: Purpose },
    #[error(
        "{origin}: the private key cannot be used: {reason}; packages and programs are signed with an RSA \
         key of 2048 bits or more"
    )]
    BadKey { origin: String, reason: String },
    #[error("{origin}: there is no certificate in it; add the {} certificate", purpose.certificate())]
    NoCertificate { origin: String, purpose: Purpose },
    #[error("{origin}: a certificate in it cannot be read: {reason}")]
    BadCertificate { origin: String, reason: String },
    #[error(
        "{origin}: none of the certificates in it belongs to the private key ({subjects}); export the \
         certificate together with its own key"
    )]
    KeyMismatch { origin: String, subjects: String },
    #[error(
        "{origin}: the certificate \"{subject}\" is not an installer certificate: {what}; a Developer ID Installer \
         certificate is needed (extended key usage 1.2.840.113635.100.4.13)"
    )]
    NotInstaller { origin: String, subject: String, what: String },
    #[error(
        "{origin}: the certificate \"{subject}\" is not for programs: {what}; a Developer ID Application \
         certificate is needed (extension 1.2.840.113635.100.6.1.13)"
    )]
    NotApplication { origin: String, subject: String, what: String },
    #[error("{origin}: the certificate \"{subject}\" expired on {end}; renew it at developer.apple.com")]
    Expired { origin: String, subject: String, end: DateTime<Utc> },
    #[error(
        "{origin}: the certificate \"{subject}\" is not valid before {start}; is this machine's clock right?"
    )]
    NotYetValid { origin: String, subject: String, start: DateTime<Utc> },
}

/// Reads a PKCS#12 file: one private key, its certificate, and any others.
///
/// Both protections in the wild are read: what Keychain Access writes
/// (SHA-1, RC2, 3DES) and what OpenSSL 3 writes (PBES2, AES-256).
///
/// # Errors
/// [`IdentityError`].
pub fn from_p12(
    purpose: Purpose,
    origin: &str,
    data: &[u8],
    password: &str,
    now: SystemTime,
) -> Result<Identity, IdentityError> {
    let origin = origin.to_owned();
    let archive = Pkcs12Archive::from_pkcs12(data, password).map_err(|error| match error {
        p12_keystore::error::Error::MacError(_) => {
            IdentityError::WrongPassword { origin: origin.clone(), purpose }
        }
        p12_keystore::error::Error::DerError(_) | p12_keystore::error::Error::InvalidVersion => {
            IdentityError::NotPkcs12 { origin: origin.clone(), reason: error.to_string() }
        }
        _ => IdentityError::UnsupportedPkcs12 { origin: origin.clone(), reason: error.to_string() },
    })?;
    let certificates: Vec<Vec<u8>> = archive.certs.iter().map(|c| c.cert.as_der().to_vec()).collect();
    let keys: Vec<&[u8]> = archive.keys.iter().map(|k| k.key.as_der()).collect();
    match keys.as_slice() {
        [] => Err(IdentityError::NoKey {
            origin,
            hint: "; in Keychain Access, export the certificate with the key below it, as .p12".to_owned(),
        }),
        [key] => assemble(purpose, &origin, key, &certificates, now),
        keys => Err(IdentityError::SeveralKeys { origin, count: keys.len(), purpose }),
    }
}

/// [`from_p12`] for what signs packages.
///
/// # Errors
/// [`IdentityError`].
pub fn identity_from_p12(
    origin: &str,
    data: &[u8],
    password: &str,
    now: SystemTime,
) -> Result<Identity, IdentityError> {
    from_p12(Purpose::Installer, origin, data, password, now)
}

/// [`from_pem`] for what signs packages.
///
/// # Errors
/// [`IdentityError`].
pub fn identity_from_pem(files: &[(String, Vec<u8>)], now: SystemTime) -> Result<Identity, IdentityError> {
    from_pem(Purpose::Installer, files, now)
}

/// Reads PEM files: together they hold one private key (PKCS#8 or PKCS#1, not
/// encrypted), its certificate, and any others.
///
/// # Errors
/// [`IdentityError`].
pub fn from_pem(
    purpose: Purpose,
    files: &[(String, Vec<u8>)],
    now: SystemTime,
) -> Result<Identity, IdentityError> {
    let origin = files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let mut certificates = Vec::new();
    let mut keys = Vec::new();
    for (name, text) in files {
        let blocks = pem::parse_many(text)
            .map_err(|error| IdentityError::NotPem { origin: name.clone(), reason: error.to_string() })?;
        if blocks.is_empty() {
            let reason = "there is no -----BEGIN ...----- in it".to_owned();
            return Err(IdentityError::NotPem { origin: name.clone(), reason });
        }
        for block in blocks {
            match block.tag() {
                "CERTIFICATE" => certificates.push(block.into_contents()),
                "PRIVATE KEY" => keys.push(block.into_contents()),
                "RSA PRIVATE KEY" if block.headers().get("DEK-Info").is_some() => {
                    return Err(IdentityError::EncryptedKey { origin: name.clone(), purpose });
                }
                "RSA PRIVATE KEY" => {
                    let key = rsa::RsaPrivateKey::from_pkcs1_der(block.contents())
                        .map_err(|error| bad_key(name, error))?;
                    let pkcs8 = key.to_pkcs8_der().map_err(|error| bad_key(name, error))?;
                    keys.push(pkcs8.as_bytes().to_vec());
                }
                "ENCRYPTED PRIVATE KEY" => {
                    return Err(IdentityError::EncryptedKey { origin: name.clone(), purpose });
                }
                "EC PRIVATE KEY" | "DSA PRIVATE KEY" => return Err(bad_key(name, block.tag())),
                // Bag attributes, public keys, parameters: nothing of ours.
                _ => {}
            }
        }
    }
    match keys.as_slice() {
        [] => Err(IdentityError::NoKey {
            origin,
            hint: format!(
                "; give the file with -----BEGIN PRIVATE KEY----- too: {}pem-file may be repeated",
                purpose.flag()
            ),
        }),
        [key] => assemble(purpose, &origin, key, &certificates, now),
        keys => Err(IdentityError::SeveralKeys { origin, count: keys.len(), purpose }),
    }
}

/// Puts key and certificates together and checks that they can sign what they are to.
fn assemble(
    purpose: Purpose,
    origin: &str,
    pkcs8: &[u8],
    certificates: &[Vec<u8>],
    now: SystemTime,
) -> Result<Identity, IdentityError> {
    let (raw_key, key) = parse_key(origin, pkcs8)?;
    let certificates = certificates
        .iter()
        .map(|der| {
            CapturedX509Certificate::from_der(der.as_slice()).map_err(|error| IdentityError::BadCertificate {
                origin: origin.to_owned(),
                reason: error.to_string(),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err(IdentityError::NoCertificate { origin: origin.to_owned(), purpose });
    }
    let public_key = key.public_key_data();
    let Some(leaf) = certificates.iter().find(|c| c.public_key_data() == public_key) else {
        let subjects =
            certificates.iter().map(|c| format!("\"{}\"", subject(c))).collect::<Vec<_>>().join(", ");
        return Err(IdentityError::KeyMismatch { origin: origin.to_owned(), subjects });
    };
    check_purpose(purpose, origin, leaf)?;
    check_validity(origin, leaf, now)?;
    Ok(Identity { chain: complete_chain(leaf, &certificates), raw_key, key, development: false })
}

fn parse_key(
    origin: &str,
    pkcs8: &[u8],
) -> Result<(rsa::RsaPrivateKey, InMemorySigningKeyPair), IdentityError> {
    let mut raw_key = rsa::RsaPrivateKey::from_pkcs8_der(pkcs8).map_err(|error| bad_key(origin, error))?;
    raw_key.validate().and_then(|()| raw_key.precompute()).map_err(|error| bad_key(origin, error))?;
    let bits = raw_key.n().bits();
    if bits < 2048 {
        return Err(bad_key(origin, format!("it has {bits} bits")));
    }
    let key = InMemorySigningKeyPair::from_pkcs8_der(pkcs8).map_err(|error| bad_key(origin, error))?;
    Ok((raw_key, key))
}

/// That the leaf is of the kind that is needed.
fn check_purpose(
    purpose: Purpose,
    origin: &str,
    leaf: &CapturedX509Certificate,
) -> Result<(), IdentityError> {
    let (origin, subject) = (origin.to_owned(), subject(leaf));
    let usages = match extended_key_usages(leaf) {
        Ok(usages) => usages,
        Err(reason) => return Err(IdentityError::BadCertificate { origin, reason }),
    };
    let is_for = |usage: &str| usages.iter().any(|oid| oid == usage);
    let fits = match purpose {
        Purpose::Installer => is_for(DEVELOPER_ID_INSTALLER),
        Purpose::Application => is_for(CODE_SIGNING) && has_extension(leaf, DEVELOPER_ID_APPLICATION),
    };
    if fits {
        return Ok(());
    }
    let what = match leaf.apple_guess_profile() {
        Some(CertificateProfile::MacInstallerDistribution) => {
            "it signs submissions to the Mac App Store, which no Mac installs directly".to_owned()
        }
        Some(CertificateProfile::DeveloperIdApplication) => "it signs programs, not installers".to_owned(),
        Some(CertificateProfile::DeveloperIdInstaller) => "it signs installers, not programs".to_owned(),
        Some(profile) => format!("it is of the kind {profile}"),
        None if usages.is_empty() => "it names no purpose".to_owned(),
        None => format!("it is for {}", usages.join(", ")),
    };
    Err(match purpose {
        Purpose::Installer => IdentityError::NotInstaller { origin, subject, what },
        Purpose::Application => IdentityError::NotApplication { origin, subject, what },
    })
}

fn check_validity(
    origin: &str,
    leaf: &CapturedX509Certificate,
    now: SystemTime,
) -> Result<(), IdentityError> {
    let subject = subject(leaf);
    let now: DateTime<Utc> = now.into();
    let (start, end) = (leaf.validity_not_before(), leaf.validity_not_after());
    if now < start {
        return Err(IdentityError::NotYetValid { origin: origin.to_owned(), subject, start });
    }
    if now > end {
        return Err(IdentityError::Expired { origin: origin.to_owned(), subject, end });
    }
    Ok(())
}

fn subject(certificate: &CapturedX509Certificate) -> String {
    certificate.subject_common_name().unwrap_or_else(|| "(no common name)".to_owned())
}

fn bad_key(origin: &str, reason: impl ToString) -> IdentityError {
    IdentityError::BadKey { origin: origin.to_owned(), reason: reason.to_string() }
}

/// The development identity's own way in. Its certificate may be some seconds
/// younger than `now`, which was asked before it was made.
pub(super) fn development(
    purpose: Purpose,
    origin: &str,
    text: &[u8],
    now: SystemTime,
) -> Result<Identity, IdentityError> {
    let files = [(origin.to_owned(), text.to_vec())];
    let mut identity = match from_pem(purpose, &files, now) {
        Err(IdentityError::NotYetValid { start, .. }) => from_pem(purpose, &files, start.into())?,
        other => other?,
    };
    identity.development = true;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_too_small_is_refused_with_its_size() {
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
        let error = parse_key("k.pem", key.to_pkcs8_der().unwrap().as_bytes()).err().unwrap();
        assert!(error.to_string().contains("it has 1024 bits"), "{error}");
    }

    #[test]
    fn the_chain_ends_at_the_leaf_where_no_issuer_is_known() {
        let (leaf, _) = apple_codesign::create_self_signed_code_signing_certificate(
            x509_certificate::KeyAlgorithm::Ed25519,
            CertificateProfile::DeveloperIdInstaller,
            "TEAM",
            "Nobody",
            "ZZ",
            chrono::Duration::hours(1),
        )
        .unwrap();
        assert_eq!(complete_chain(&leaf, std::slice::from_ref(&leaf)).len(), 1);
    }
}
