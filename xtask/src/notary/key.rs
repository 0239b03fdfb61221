//! The key to Apple's notary: App Store Connect's, of a team or of a person.
//!
//! ```text
//! .p8    PKCS#8 in PEM, an EC key on P-256, named AuthKey_<key id>.p8
//! JSON   { "issuer_id": UUID, "key_id": "...", "private_key": base64 of the PKCS#8 }
//! ```
//!
//! The JSON is what `rcodesign encode-app-store-connect-api-key` writes. A key without an
//! issuer is a person's.
//!
//! Must not know: where the bytes came from, beyond the name it is told for its messages;
//! nothing of a key enters a message.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde::Deserialize;

/// Folders in which Apple's own tools look for keys, `~` being the home folder.
pub const FOLDERS: [&str; 4] =
    ["./private_keys", "~/private_keys", "~/.private_keys", "~/.appstoreconnect/private_keys"];

/// Why a key cannot be used. `origin` names the file or the environment variable.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum KeyError {
    #[error(
        "{origin}: this is not an API key: it is neither the .p8 file that App Store Connect gives out, nor JSON with \
         issuer_id, key_id and private_key ({reason})"
    )]
    Form { origin: String, reason: String },
    #[error(
        "{origin}: which key is it? Give its id with --api-key-id ID, or keep the file's name AuthKey_ID.p8"
    )]
    NoId { origin: String },
    #[error(
        "{origin}: the key id {id:?} is none: it has ten letters and digits or so, as App Store Connect shows it"
    )]
    BadId { origin: String, id: String },
    #[error(
        "{origin}: the issuer {issuer:?} is none: it is a UUID, as App Store Connect shows it above the keys"
    )]
    BadIssuer { origin: String, issuer: String },
    #[error("{origin}: the file says {inside:?} and the options say {outside:?}; leave one of them away")]
    Contradiction { origin: String, inside: String, outside: String },
    #[error(
        "{origin}: the private key cannot be used: {reason}; Apple's are PKCS#8 and on the curve P-256: download \
         it again or make a new one"
    )]
    BadKey { origin: String, reason: String },
    #[error("could not sign a token with the key {key_id}")]
    Sign { key_id: String },
}

/// An API key.
pub struct ApiKey {
    key_id: String,
    issuer: Option<String>,
    pair: EcdsaKeyPair,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("key_id", &self.key_id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Unified {
    #[serde(default)]
    issuer_id: Option<String>,
    key_id: String,
    private_key: String,
}

impl ApiKey {
    /// Reads a key in either form. `key_id` and `issuer` are what was said beside it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(
        origin: &str,
        bytes: &[u8],
        key_id: Option<&str>,
        issuer: Option<&str>,
    ) -> Result<Self, KeyError> {
        let form = |reason: String| KeyError::Form { origin: origin.to_owned(), reason };
        let text = std::str::from_utf8(bytes).map_err(|_| form("it is not text".to_owned()))?;
        if !text.trim_start().starts_with('{') {
            let key_id = key_id.map(str::to_owned).or_else(|| id_in_name(origin));
            let key_id = key_id.ok_or_else(|| KeyError::NoId { origin: origin.to_owned() })?;
            return Self::new(origin, &der(origin, text)?, key_id, issuer.map(str::to_owned));
        }
        // serde's message may quote what it read; where and what kind of fault is enough.
        let unified: Unified = serde_json::from_str(text).map_err(|error| {
            let what = if error.is_data() { "a field is missing or not a string" } else { "it is not JSON" };
            form(format!("line {}: {what}", error.line()))
        })?;
        let one = |inside: Option<String>, outside: Option<&str>| match (inside, outside) {
            (Some(inside), Some(outside)) if inside != outside => Err(KeyError::Contradiction {
                origin: origin.to_owned(),
                inside,
                outside: outside.to_owned(),
            }),
            (inside, outside) => Ok(inside.or_else(|| outside.map(str::to_owned))),
        };
        let key_id = one(Some(unified.key_id), key_id)?.unwrap_or_default();
        let issuer = one(unified.issuer_id.filter(|text| !text.is_empty()), issuer)?;
        let der = if unified.private_key.contains("-----BEGIN") {
            der(origin, &unified.private_key)?
        } else {
            let compact: String = unified.private_key.split_ascii_whitespace().collect();
            STANDARD.decode(compact).map_err(|_| form("private_key is not base64".to_owned()))?
        };
        Self::new(origin, &der, key_id, issuer)
    }

    fn new(origin: &str, der: &[u8], key_id: String, issuer: Option<String>) -> Result<Self, KeyError> {
        let origin = origin.to_owned();
        let is_id =
            (1..=64).contains(&key_id.len()) && key_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id {
            return Err(KeyError::BadId { origin, id: key_id });
        }
        if let Some(issuer) = &issuer
            && uuid::Uuid::parse_str(issuer).is_err()
        {
            return Err(KeyError::BadIssuer { origin, issuer: issuer.clone() });
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
            .map_err(|error| KeyError::BadKey { origin, reason: error.to_string() })?;
        Ok(Self { key_id, issuer, pair })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.key_id
    }

    /// The team's issuer; none where the key is a person's.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// An ES256 signature: R and S, 32 bytes each (RFC 7518, 3.4).
    ///
    /// # Errors
    /// [`KeyError::Sign`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair
            .sign(&SystemRandom::new(), message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| KeyError::Sign { key_id: self.key_id.clone() })
    }
}

/// What a PEM text holds, if it is a private key.
fn der(origin: &str, text: &str) -> Result<Vec<u8>, KeyError> {
    let bad = |reason: &str| KeyError::BadKey { origin: origin.to_owned(), reason: reason.to_owned() };
    let block = pem::parse(text).map_err(|_| KeyError::Form {
        origin: origin.to_owned(),
        reason: "no -----BEGIN in it".to_owned(),
    })?;
    match block.tag() {
        "PRIVATE KEY" => Ok(block.into_contents()),
        "ENCRYPTED PRIVATE KEY" => Err(bad("it is encrypted")),
        other => Err(bad(&format!("it is a {other}"))),
    }
}

/// The id in a name such as `AuthKey_2X9R4HXF34.p8`.
fn id_in_name(origin: &str) -> Option<String> {
    let name = origin.rsplit('/').next()?;
    Some(name.strip_prefix("AuthKey_")?.strip_suffix(".p8")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pkcs8() -> String {
        let random = SystemRandom::new();
        STANDARD.encode(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap())
    }

    fn pem() -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", pkcs8())
    }

    const ISSUER: &str = "57246542-96fe-1a63-e053-0824d011072a";

    #[test]
    fn both_forms_are_read() {
        let json = format!(r#"{{"issuer_id":"{ISSUER}","key_id":"2X9R4HXF34","private_key":"{}"}}"#, pkcs8());
        let unified = ApiKey::read("key.json", json.as_bytes(), None, None).unwrap();
        let p8 = ApiKey::read("x/AuthKey_2X9R4HXF34.p8", pem().as_bytes(), None, Some(ISSUER)).unwrap();
        for key in [&unified, &p8] {
            assert_eq!((key.id(), key.issuer()), ("2X9R4HXF34", Some(ISSUER)));
            assert_eq!(key.sign(b"x").unwrap().len(), 64);
        }
        let own = ApiKey::read("k", pem().as_bytes(), Some("ABC"), None).unwrap();
        assert_eq!((own.id(), own.issuer()), ("ABC", None));
        assert!(!format!("{unified:?}").contains("pair"));
    }

    #[test]
    fn every_other_thing_is_refused_and_not_quoted() {
        let json = |key: &str| format!(r#"{{"issuer_id":"{ISSUER}","key_id":"ABC","private_key":"{key}"}}"#);
        for (text, says) in [
            ("hello", "AuthKey_ID.p8"),
            ("{\"key_id\": S3CRET", "line 1: it is not JSON"),
            (r#"{"key_id":"S3CRET"}"#, "a field is missing"),
            (&json("!S3CRET"), "not base64"),
            (&json("UzNDUkVU"), "cannot be used"),
        ] {
            let error = ApiKey::read("k.json", text.as_bytes(), None, None).unwrap_err().to_string();
            assert!(error.contains("k.json") && error.contains(says) && !error.contains("S3CRET"), "{error}");
        }
        let error =
            ApiKey::read("k", pem().replace("PRIVATE", "ENCRYPTED PRIVATE").as_bytes(), Some("A"), None);
        assert!(error.unwrap_err().to_string().contains("encrypted"));
        let error = ApiKey::read("k", pem().as_bytes(), Some("A"), Some("team")).unwrap_err().to_string();
        assert!(error.contains("\"team\"") && error.contains("UUID"), "{error}");
        let error =
            ApiKey::read("k", json(&pkcs8()).as_bytes(), Some("OTHER"), None).unwrap_err().to_string();
        assert!(error.contains("\"ABC\"") && error.contains("\"OTHER\""), "{error}");
    }
}
