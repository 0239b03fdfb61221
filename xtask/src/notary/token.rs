//! The token that says to Apple who asks: a JWT with an ES256 signature.
//!
//! ```text
//! base64url(header) "." base64url(claims) "." base64url(R and S)
//! header   alg ES256, kid the key's id, typ JWT
//! claims   iss the team's issuer (a person's key: sub "user"), iat, exp, aud
//! ```
//!
//! A submission may outlive a token, so each request has one of its own. Source: Apple's
//! "Generating Tokens for API Requests"; RFC 7515, 7518.
//!
//! Must not know: the clock.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::key::{ApiKey, KeyError};

/// Seconds that a token is valid. Apple refuses more than 1200.
pub const VALID_SECONDS: u64 = 600;
/// How many seconds ago it says to be made: Apple refuses one of the future, and no two
/// clocks are the same.
pub const EARLIER_SECONDS: u64 = 30;
const AUDIENCE: &str = "appstoreconnect-v1";

/// A token of `now`, in seconds since 1970.
///
/// # Errors
/// [`KeyError::Sign`].
pub fn token(key: &ApiKey, now: u64) -> Result<String, KeyError> {
    let issued = now.saturating_sub(EARLIER_SECONDS);
    let mut claims = json!({ "iat": issued, "exp": issued + VALID_SECONDS, "aud": AUDIENCE });
    match key.issuer() {
        Some(issuer) => claims["iss"] = json!(issuer),
        None => claims["sub"] = json!("user"),
    }
    let header = json!({ "alg": "ES256", "kid": key.id(), "typ": "JWT" });
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}
