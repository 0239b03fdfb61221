//! Signing identities, the [`flatpkg::Signer`] made of one, and what signs programs ([`code`]).
//!
//! The one place that imports `apple_codesign` and the crates under it. Must
//! not know: artifacts, `out/`, what is signed beyond the digest it is given.
//!
//! A package carries two signatures over the digest of its table of contents:
//!
//! ```text
//! <signature style="RSA">    PKCS#1 v1.5, SHA-1 DigestInfo whose digest IS the TOC digest
//! <x-signature style="CMS">  detached SignedData whose content is the TOC digest,
//!                            signed attributes contentType, signingTime, messageDigest,
//!                            an RFC 3161 timestamp as unsigned attribute
//! ```
//!
//! A profile carries its content in the same kind of structure, without a
//! timestamp: `security cms -S` asks for none, and a manager sends a profile anew
//! whenever it likes.
//!
//! Source: the signatures of 47 packages that productsign wrote, up to 2026.
//! apple-codesign 0.29 cannot make the first one: its key hashes what it is
//! given, and what comes out is not a signature that a Mac made or checks.
//!
//! The first one is the rsa crate's, which takes three times as long as ring for the
//! second. Measured in 2026, RSA-2048, one core, in microseconds a signature:
//!
//! ```text
//! ring 0.17                            590   signs what it has hashed itself, not a digest
//! rsa 0.9, blinded (this one)         1980
//! rsa 0.9, not blinded                1650
//! rsa 0.10, not blinded               2520
//! num-bigint 0.4, CRT by hand         1430   neither blinded nor of constant time
//! dashu-int 0.4, CRT by hand          1520   the same
//! aws-lc-rs 1.19                       240   takes digests of SHA-2, not of SHA-1
//! ```
//!
//! aws-lc-rs would do it by its C interface, which takes `unsafe`, and 43 seconds of C in
//! the first build: as much as it saves in 25,000 packages. None is worth it.

pub mod certificate;
pub mod code;
mod development;
mod load;
mod timestamp;

use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use apple_codesign::AppleCertificate;
use bcder::encode::Values as _;
use bcder::{Mode, Oid};
use chrono::{DateTime, Utc};
use cryptographic_message_syntax::asn1::rfc5652::{self, OID_ID_DATA};
use cryptographic_message_syntax::{CmsError, SignedDataBuilder, SignerBuilder};
use rsa::Pkcs1v15Sign;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use sha1::Sha1;
use x509_certificate::{CapturedX509Certificate, InMemorySigningKeyPair};

use timestamp::NoTimestamp;

pub use code::{CodeError, CodeSigner};
pub use development::{DevelopmentError, development_identity, development_identity_for};
pub use load::{IdentityError, Purpose, from_p12, from_pem, identity_from_p12, identity_from_pem};
pub use timestamp::IN_FLIGHT as TIMESTAMPS_IN_FLIGHT;

/// The timestamp authority that Apple's own tools ask.
pub const APPLE_TIMESTAMP_URL: &str = "http://timestamp.apple.com/ts01";

/// What Apple's tools reserve for the CMS signature, in bytes.
const APPLE_CMS_SLOT: usize = 9216;

/// A private key with its certificates: leaf first, then its issuers as far as
/// they are known.
pub struct Identity {
    chain: Vec<CapturedX509Certificate>,
    /// For the signature over the digest itself.
    raw_key: rsa::RsaPrivateKey,
    /// For CMS, whose signature hashes its message.
    key: InMemorySigningKeyPair,
    development: bool,
}

/// Who signed, for people and for `artifacts.json`. Nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SignedBy {
    /// The leaf certificate's common name.
    pub subject: String,
    /// Apple's team identifier, where the certificate chains to Apple.
    pub team: Option<String>,
    /// SHA-256 of the leaf certificate, hexadecimal.
    pub sha256: String,
    /// Whether this is the development identity, which no Mac trusts.
    pub development: bool,
}

impl SignedBy {
    /// Whether every Mac trusts it: a Developer ID.
    pub fn is_trusted(&self) -> bool {
        !self.development && self.team.is_some()
    }
}

impl Identity {
    /// Whether a Mac trusts what this identity signs without further ado: a
    /// certificate that chains to an Apple root.
    pub fn is_developer_id(&self) -> bool {
        !self.development && self.chain.last().is_some_and(AppleCertificate::is_apple_root_ca)
    }

    /// Who signs.
    pub fn signed_by(&self) -> SignedBy {
        let leaf = self.leaf();
        SignedBy {
            subject: leaf.subject_common_name().unwrap_or_else(|| "(no common name)".to_owned()),
            team: if self.is_developer_id() { leaf.apple_team_id() } else { None },
            sha256: certificate::sha256_hex(leaf.constructed_data()),
            development: self.development,
        }
    }

    fn leaf(&self) -> &CapturedX509Certificate {
        &self.chain[0]
    }
}

/// Signs the packages of one run.
pub struct PackageSigner {
    identity: Identity,
    certificates: Vec<Vec<u8>>,
    signed_by: SignedBy,
    signing_time: DateTime<Utc>,
    authority: Option<timestamp::Authority>,
}

/// Why a package could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The private key refused.
    #[error("the private key could not sign the table of contents: {0}")]
    Key(#[source] rsa::Error),
    /// The CMS signature could not be made.
    #[error("the CMS signature could not be made: {0}")]
    Cms(#[source] Box<CmsError>),
    /// The timestamp authority gave none.
    #[error(
        "the timestamp authority at {url} gave no timestamp after {tries} tries: {reason}; \
         try again later, name another with --timestamp-url URL, or do without with --timestamp-url none \
         (a Mac then refuses the package once the certificate has expired)"
    )]
    Timestamp {
        /// Whom we asked.
        url: String,
        /// How often.
        tries: u32,
        /// The last answer of the authority.
        reason: String,
    },
}

impl PackageSigner {
    /// `signing_time` goes into every signature; `timestamp_url` is asked for
    /// an RFC 3161 timestamp over each.
    pub fn new(identity: Identity, signing_time: SystemTime, timestamp_url: Option<String>) -> Self {
        let certificates = identity.chain.iter().map(|c| c.constructed_data().to_vec()).collect();
        let signed_by = identity.signed_by();
        let authority = timestamp_url.map(timestamp::Authority::new);
        Self { identity, certificates, signed_by, signing_time: signing_time.into(), authority }
    }

    /// Ends waiting for timestamps once `stop` is set.
    #[must_use]
    pub fn stop_at(mut self, stop: &'static AtomicBool) -> Self {
        if let Some(authority) = &mut self.authority {
            authority.stop_at(stop);
        }
        self
    }

    /// Whether a timestamp authority is asked, which is to wait for: up to
    /// [`TIMESTAMPS_IN_FLIGHT`] at the same time.
    pub fn asks_authority(&self) -> bool {
        self.authority.is_some()
    }

    /// Who signs.
    pub fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }

    /// The certificates that go into each package: leaf first, then its issuers.
    pub fn chain(&self) -> &[CapturedX509Certificate] {
        &self.identity.chain
    }

    /// A configuration profile, signed: SignedData with the profile in it, and the
    /// whole chain.
    ///
    /// # Errors
    /// What the key or the CMS structure refused.
    pub fn sign_profile(&self, profile: Vec<u8>) -> Result<Vec<u8>, SigningError> {
        let signer = SignerBuilder::new(&self.identity.key, self.identity.leaf().clone());
        self.signed_data(signer)
            .content_inline(profile)
            .build_der()
            .map_err(|error| SigningError::Cms(Box::new(error)))
    }

    fn raw_signature(&self, toc_digest: &[u8]) -> Result<Vec<u8>, SigningError> {
        // Blinded: the random number hides the key from who measures the time.
        // The signature does not depend on it.
        self.identity
            .raw_key
            .sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha1>(), toc_digest)
            .map_err(SigningError::Key)
    }

    fn cms_signature(&self, toc_digest: &[u8]) -> Result<Vec<u8>, SigningError> {
        let cms = |error: CmsError| SigningError::Cms(Box::new(error));
        let signer = SignerBuilder::new(&self.identity.key, self.identity.leaf().clone())
            .message_id_content(toc_digest.to_vec());
        let signed = self.signed_data(signer).build_signed_data().map_err(cms)?;
        stamped(signed, self.authority.as_ref())
    }

    /// What every signature has.
    fn signed_data<'a>(&'a self, signer: SignerBuilder<'a>) -> SignedDataBuilder<'a> {
        SignedDataBuilder::default()
            .content_type(Oid(OID_ID_DATA.as_ref().into()))
            .signing_time(self.signing_time.into())
            .signer(signer)
            .certificates(self.identity.chain.iter().cloned())
    }
}

/// A CMS signature with the authority's timestamp, if there is one to ask.
fn stamped(
    mut signed: rfc5652::SignedData,
    authority: Option<&timestamp::Authority>,
) -> Result<Vec<u8>, SigningError> {
    if let (Some(authority), [info]) = (authority, signed.signer_infos.as_mut_slice()) {
        let stamp =
            authority.stamp(&info.signature.to_bytes()).map_err(|NoTimestamp { tries, reason }| {
                SigningError::Timestamp { url: authority.url().to_owned(), tries, reason }
            })?;
        info.unsigned_attributes = Some(stamp);
    }
    let mut der = Vec::new();
    let written = signed.encode_ref().write_encoded(Mode::Der, &mut der);
    written.map_err(|error| SigningError::Cms(Box::new(error.into())))?;
    Ok(der)
}

impl flatpkg::Signer for PackageSigner {
    fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    fn rsa_signature_len(&self) -> usize {
        self.identity.raw_key.size()
    }

    fn cms_slot_len(&self) -> usize {
        let certificates: usize = self.certificates.iter().map(Vec::len).sum();
        let attributes = 1024 + self.rsa_signature_len();
        // A timestamp brings the authority's own certificates.
        let timestamp = if self.authority.is_some() { 6144 } else { 0 };
        (certificates + attributes + timestamp).next_multiple_of(512).max(APPLE_CMS_SLOT)
    }

    fn sign_rsa(&self, toc_digest: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(self.raw_signature(toc_digest)?)
    }

    fn sign_cms(&self, toc_digest: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(self.cms_signature(toc_digest)?)
    }
}
