//! The upload to Amazon's storage: one PUT of a body that is read while it is sent.
//!
//! ```text
//! canonical   PUT \n path \n \n header ":" value \n ... \n names of headers \n SHA-256 of the body
//! to sign     AWS4-HMAC-SHA256 \n time \n date/us-west-2/s3/aws4_request \n SHA-256 of canonical
//! key         HMAC(HMAC(HMAC(HMAC("AWS4" secret, date), region), "s3"), "aws4_request")
//! ```
//!
//! Source: Amazon's "AWS Signature Version 4 for API requests"; the region, which Apple does
//! not say, is what apple-codesign found by trying. A single PUT takes 5 GB.
//!
//! Must not know: what is uploaded.

use std::io::Read;
use std::time::Duration;

use chrono::DateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::blocking::Body;
use ring::hmac;
use sha2::{Digest, Sha256};
use url::Url;

use super::api::Upload;
use super::http::{Http, host};
use super::{NotaryError, Services};
use crate::digest::hex;

/// Where Apple's bucket is.
pub const REGION: &str = "us-west-2";
/// Most bytes of one PUT.
pub const LARGEST: u64 = 5 << 30;
/// Slowest upload that is waited for, in bytes a second.
const SLOWEST: u64 = 32 << 10;
/// What Amazon leaves as it is in a path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Why an upload did not end well.
#[derive(Debug)]
pub enum UploadFault {
    /// The right to upload has expired: it is given once, for some hours.
    Expired,
    /// Anything else.
    Other(NotaryError),
}

impl From<NotaryError> for UploadFault {
    fn from(error: NotaryError) -> Self {
        Self::Other(error)
    }
}

/// What is uploaded.
#[derive(Debug)]
pub struct Content<'a> {
    /// Bytes.
    pub size: u64,
    /// Their SHA-256, hexadecimal.
    pub sha256: &'a str,
}

/// Puts the bytes of `open`'s reader, which is asked for once a try, to where `to` says.
///
/// # Errors
/// [`UploadFault`].
pub fn upload<R: Read + Send + 'static>(
    http: &Http<'_>,
    services: &Services,
    to: &Upload,
    content: &Content<'_>,
    open: impl Fn() -> Result<R, NotaryError>,
) -> Result<(), UploadFault> {
    const WHAT: &str = "upload";
    let url = address(services.storage.as_ref(), to)?;
    let timeout = Duration::from_secs(600 + content.size / SLOWEST);
    let answer = http.send(WHAT, &url, true, |client| {
        let mut request = client.put(url.clone()).timeout(timeout);
        for (name, value) in headers(&url, to, content.sha256, http.now()) {
            request = request.header(name, value);
        }
        Ok(request.body(Body::sized(open()?, content.size)))
    })?;
    if answer.is_success() {
        return Ok(());
    }
    let text = answer.text();
    let code = element(&text, "Code");
    let clock = http.clock_fault(answer.date);
    match (code, clock) {
        (Some("ExpiredToken" | "TokenRefreshRequired"), _) => Err(UploadFault::Expired),
        (Some("RequestTimeTooSkewed"), Some(fault)) => Err(fault.into()),
        _ => {
            let detail =
                format!("{} {}", code.unwrap_or_default(), element(&text, "Message").unwrap_or_default());
            Err(NotaryError::Unexpected { what: WHAT, host: answer.host, status: answer.status, detail }
                .into())
        }
    }
}

/// The object's URL. The bucket is the host, as Amazon asks for, unless the host is another.
pub fn address(storage: Option<&Url>, to: &Upload) -> Result<Url, NotaryError> {
    let object = utf8_percent_encode(&to.object, IN_PATH);
    let bucket = utf8_percent_encode(&to.bucket, IN_PATH);
    let text = match storage {
        Some(storage) => format!("{}/{bucket}/{object}", storage.as_str().trim_end_matches('/')),
        // A dot in the bucket's name would make it a host that no certificate is for.
        None if to.bucket.contains('.') => format!("https://s3.{REGION}.amazonaws.com/{bucket}/{object}"),
        None => format!("https://{bucket}.s3.{REGION}.amazonaws.com/{object}"),
    };
    Url::parse(&text).map_err(|error| NotaryError::Answer {
        what: "upload",
        host: "Apple".to_owned(),
        reason: format!("it names a place that is none: {error}"),
    })
}

/// The headers of a PUT, which sign it.
pub fn headers(url: &Url, to: &Upload, sha256: &str, now: u64) -> Vec<(&'static str, String)> {
    let time = i64::try_from(now).ok().and_then(|now| DateTime::from_timestamp(now, 0)).unwrap_or_default();
    let (day, time) = (time.format("%Y%m%d").to_string(), time.format("%Y%m%dT%H%M%SZ").to_string());
    let signed = [
        ("host", host(url)),
        ("x-amz-content-sha256", sha256.to_owned()),
        ("x-amz-date", time.clone()),
        ("x-amz-security-token", to.aws_session_token.clone()),
    ];
    let names = signed.each_ref().map(|(name, _)| *name).join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let canonical = format!("PUT\n{}\n\n{lines}\n{names}\n{sha256}", url.path());
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(Sha256::digest(canonical)));
    let secret = format!("AWS4{}", to.aws_secret_access_key).into_bytes();
    let key = [day.as_str(), REGION, "s3", "aws4_request"].iter().fold(secret, |key, part| mac(&key, part));
    let signature = hex(mac(&key, &to_sign));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        to.aws_access_key_id
    );
    let [_, rest @ ..] = signed;
    [("authorization", authorization)].into_iter().chain(rest).collect()
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

/// The text of an element of Amazon's answers, which hold each name once.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(bucket: &str, object: &str) -> Upload {
        Upload {
            aws_access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            aws_secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            aws_session_token: "session".to_owned(),
            bucket: bucket.to_owned(),
            object: object.to_owned(),
        }
    }

    #[test]
    fn where_the_bytes_go() {
        let url = |bucket: &str, object: &str| address(None, &to(bucket, object)).unwrap().to_string();
        assert_eq!(url("notary", "prod/a b+c"), "https://notary.s3.us-west-2.amazonaws.com/prod/a%20b%2Bc");
        assert_eq!(url("a.b", "c"), "https://s3.us-west-2.amazonaws.com/a.b/c");
        assert!(address(None, &to("", "c")).is_err() || url("", "c").contains("amazonaws.com"));
    }

    #[test]
    fn a_secret_is_in_no_debug_text() {
        assert!(!format!("{:?}", to("b", "o")).contains("EXAMPLE"));
    }
}
