//! Apple's Notary API: what is asked, and what the answers mean.
//!
//! ```text
//! POST submissions            sha256, submissionName, notifications -> id, where to upload
//! GET  submissions/ID         -> status
//! GET  submissions/ID/logs    -> developerLogUrl, which is fetched without the token
//! ```
//!
//! Source: Apple's "Notary API"; app-store-connect's `notary_api.rs`.
//!
//! Must not know: packages, the disk.

use std::fmt;

use reqwest::blocking::{Client, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::http::{Answer, Http};
use super::key::ApiKey;
use super::token::token;
use super::{Issue, NotaryError, Services};

/// Apple's code for an agreement that is to be signed.
const AGREEMENT: &str = "REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED";

/// The Notary API, as one key may use it.
#[derive(Debug)]
pub struct Api<'a> {
    http: &'a Http<'a>,
    services: &'a Services,
    key: &'a ApiKey,
}

/// Where a submission is uploaded to, and the right to do so.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "Amazon's names")]
pub struct Upload {
    pub aws_access_key_id: String,
    pub aws_secret_access_key: String,
    pub aws_session_token: String,
    pub bucket: String,
    pub object: String,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("bucket", &self.bucket)
            .field("object", &self.object)
            .finish_non_exhaustive()
    }
}

/// A new submission.
#[derive(Debug)]
pub struct Submitted {
    /// Apple's id of it, a UUID.
    pub id: String,
    /// Where its bytes go.
    pub upload: Upload,
}

/// How far a submission is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Apple looks at it, or waits for its bytes.
    InProgress,
    /// It is notarized.
    Accepted,
    /// It is not, and the log says why: `Invalid` or `Rejected`.
    Refused(String),
    /// Something that Apple did not know when this was written.
    Unknown(String),
}

/// What Apple says of a submission when it has looked at it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// In a sentence.
    pub summary: String,
    /// What it found.
    pub issues: Vec<Issue>,
    /// The digests that have a ticket, lower-case hexadecimal.
    pub tickets: Vec<String>,
}

impl<'a> Api<'a> {
    /// For one key.
    pub fn new(http: &'a Http<'a>, services: &'a Services, key: &'a ApiKey) -> Self {
        Self { http, services, key }
    }

    /// The client.
    pub fn http(&self) -> &'a Http<'a> {
        self.http
    }

    /// Announces a file: its SHA-256 and its name. `webhook` is called when Apple is done.
    ///
    /// # Errors
    /// [`NotaryError`].
    pub fn submit(&self, sha256: &str, name: &str, webhook: Option<&Url>) -> Result<Submitted, NotaryError> {
        const WHAT: &str = "submit";
        let mut body = json!({ "sha256": sha256, "submissionName": name });
        if let Some(target) = webhook {
            body["notifications"] = json!([{ "channel": "webhook", "target": target.as_str() }]);
        }
        let url = self.url(&["submissions"]);
        let answer = self.ask(WHAT, &url, false, |client| client.post(url.clone()).json(&body))?;
        let answer = self.understood(WHAT, None, answer)?;
        let data = self.data(WHAT, &answer)?;
        let id = field(&data, "id").ok_or_else(|| unclear(WHAT, &answer, "it has no id"))?;
        if uuid::Uuid::parse_str(&id).is_err() {
            return Err(unclear(WHAT, &answer, "its id is not a UUID"));
        }
        let upload = serde_json::from_value(data["attributes"].clone())
            .map_err(|_| unclear(WHAT, &answer, "it does not say where to upload"))?;
        Ok(Submitted { id, upload })
    }

    /// Asks how far a submission is.
    ///
    /// # Errors
    /// [`NotaryError`].
    pub fn status(&self, id: &str) -> Result<Status, NotaryError> {
        const WHAT: &str = "ask for the submission's status";
        let url = self.url(&["submissions", id]);
        let answer = self.ask(WHAT, &url, true, |client| client.get(url.clone()))?;
        let answer = self.understood(WHAT, Some(id), answer)?;
        let data = self.data(WHAT, &answer)?;
        let status = field(&data["attributes"], "status");
        let status = status.ok_or_else(|| unclear(WHAT, &answer, "it has no status"))?;
        Ok(match status.as_str() {
            "In Progress" => Status::InProgress,
            "Accepted" => Status::Accepted,
            "Invalid" | "Rejected" => Status::Refused(status),
            _ => Status::Unknown(status),
        })
    }

    /// Fetches a submission's log.
    ///
    /// # Errors
    /// [`NotaryError`].
    pub fn log(&self, id: &str) -> Result<Log, NotaryError> {
        const WHAT: &str = "fetch the submission's log";
        let url = self.url(&["submissions", id, "logs"]);
        let answer = self.ask(WHAT, &url, true, |client| client.get(url.clone()))?;
        let answer = self.understood(WHAT, Some(id), answer)?;
        let data = self.data(WHAT, &answer)?;
        let log_url = field(&data["attributes"], "developerLogUrl").and_then(|text| Url::parse(&text).ok());
        let log_url = log_url.ok_or_else(|| unclear(WHAT, &answer, "it does not say where the log is"))?;
        // The URL says itself who may read it; the token is for Apple alone.
        let answer = self.http.send(WHAT, &log_url, true, |client| Ok(client.get(log_url.clone())))?;
        let answer = self.understood(WHAT, Some(id), answer)?;
        let raw: RawLog = serde_json::from_slice(&answer.body)
            .map_err(|error| unclear(WHAT, &answer, &format!("the log is none: {error}")))?;
        Ok(raw.into())
    }

    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.services.notary.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url
    }

    /// Makes a request with a new token, every time that it is made.
    fn ask(
        &self,
        what: &'static str,
        url: &Url,
        is_kept: bool,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Answer, NotaryError> {
        self.http.send(what, url, is_kept, |client| {
            Ok(request(client).bearer_auth(token(self.key, self.http.now())?))
        })
    }

    /// The answer if it is one, and otherwise what is wrong and what to do.
    fn understood(
        &self,
        what: &'static str,
        id: Option<&str>,
        answer: Answer,
    ) -> Result<Answer, NotaryError> {
        if answer.is_success() {
            return Ok(answer);
        }
        let (code, detail) = errors(&answer);
        let key_id = self.key.id().to_owned();
        Err(match (answer.status, id) {
            (401, _) => {
                self.http.clock_fault(answer.date).unwrap_or(NotaryError::Unauthorized { key_id, detail })
            }
            (403, _) if code.contains(AGREEMENT) => NotaryError::Agreement { detail },
            (403, _) => NotaryError::Forbidden { key_id, what, detail },
            (404, Some(id)) => NotaryError::NotFound { id: id.to_owned() },
            (status, _) => NotaryError::Unexpected { what, host: answer.host, status, detail },
        })
    }

    fn data(&self, what: &'static str, answer: &Answer) -> Result<Value, NotaryError> {
        let mut body: Value = serde_json::from_slice(&answer.body)
            .map_err(|error| unclear(what, answer, &format!("it is not JSON: {error}")))?;
        Ok(body["data"].take())
    }
}

fn field(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn unclear(what: &'static str, answer: &Answer, reason: &str) -> NotaryError {
    NotaryError::Answer { what, host: answer.host.clone(), reason: reason.to_owned() }
}

/// All codes, and all that is said beside them; the text as it is, if it is no such JSON.
fn errors(answer: &Answer) -> (String, String) {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        title: String,
        #[serde(default)]
        detail: String,
    }
    let Ok(Errors { errors }) = serde_json::from_slice(&answer.body) else {
        return (String::new(), answer.text());
    };
    let text = |one: &One| if one.detail.is_empty() { one.title.clone() } else { one.detail.clone() };
    let codes: Vec<&str> = errors.iter().map(|one| one.code.as_str()).collect();
    (codes.join(" "), errors.iter().map(text).collect::<Vec<_>>().join("; "))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLog {
    #[serde(default)]
    status_summary: Option<String>,
    #[serde(default)]
    issues: Option<Vec<RawIssue>>,
    #[serde(default)]
    ticket_contents: Option<Vec<RawTicket>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawIssue {
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    doc_url: Option<String>,
}

#[derive(Deserialize)]
struct RawTicket {
    #[serde(default)]
    cdhash: Option<String>,
}

impl From<RawLog> for Log {
    fn from(raw: RawLog) -> Self {
        let issue = |raw: RawIssue| Issue {
            severity: raw.severity.unwrap_or_else(|| "error".to_owned()),
            path: raw.path.unwrap_or_default(),
            message: raw.message.unwrap_or_default(),
            url: raw.doc_url,
        };
        Self {
            summary: raw.status_summary.unwrap_or_default(),
            issues: raw.issues.unwrap_or_default().into_iter().map(issue).collect(),
            tickets: raw
                .ticket_contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|one| Some(one.cdhash?.to_ascii_lowercase()))
                .collect(),
        }
    }
}
