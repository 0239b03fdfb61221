//! The look-up of tickets: one request for many packages.
//!
//! ```text
//! POST { "records": [{ "recordName": "2/TYPE/HEX" }, ...] }
//! TYPE   of the table of contents' digest: 1 SHA-1, 2 SHA-256
//! HEX    the digest, cut to 20 bytes
//! answer { "records": [{ recordName, fields: { signedTicket: { value: base64 } } }
//!                      or { recordName, serverErrorCode: "NOT_FOUND", reason }, ...] }
//! ```
//!
//! Nobody has to say who he is. Source: apple-codesign's `ticket_lookup.rs`.
//!
//! Must not know: whether a ticket is true.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flatpkg::xar::ticket::Entry;
use serde::Deserialize;
use serde_json::json;

use super::http::Http;
use super::{NotaryError, Services, TRIES};
use crate::digest::hex;

/// Most records of one request; CloudKit takes 200.
const AT_A_TIME: usize = 200;
const WHAT: &str = "look up tickets";

/// The tickets that there are, by what they are for.
///
/// # Errors
/// [`NotaryError`], where Apple does not answer.
pub fn look_up(
    http: &Http<'_>,
    services: &Services,
    entries: &[Entry],
) -> Result<HashMap<Entry, Vec<u8>>, NotaryError> {
    tries(http, services, entries, TRIES)
}

/// The same for who can do without an answer: it is asked for once.
///
/// # Errors
/// As [`look_up`].
pub fn look_up_once(
    http: &Http<'_>,
    services: &Services,
    entries: &[Entry],
) -> Result<HashMap<Entry, Vec<u8>>, NotaryError> {
    tries(http, services, entries, 1)
}

fn tries(
    http: &Http<'_>,
    services: &Services,
    entries: &[Entry],
    tries: u32,
) -> Result<HashMap<Entry, Vec<u8>>, NotaryError> {
    let mut found = HashMap::new();
    for some in entries.chunks(AT_A_TIME) {
        let names: HashMap<String, Entry> = some.iter().map(|entry| (name(entry), *entry)).collect();
        let records: Vec<_> = some.iter().map(|entry| json!({ "recordName": name(entry) })).collect();
        let body = json!({ "records": records });
        let url = &services.tickets;
        let answer =
            http.send_so_often(tries, WHAT, url, false, |client| Ok(client.post(url.clone()).json(&body)))?;
        let host = || answer.host.clone();
        if !answer.is_success() {
            let (status, detail) = (answer.status, answer.text());
            return Err(NotaryError::Unexpected { what: WHAT, host: host(), status, detail });
        }
        let unclear = |reason: String| NotaryError::Answer { what: WHAT, host: host(), reason };
        let Records { records } =
            serde_json::from_slice(&answer.body).map_err(|error| unclear(error.to_string()))?;
        for record in records {
            let Some(entry) = names.get(&record.record_name) else { continue };
            if let Some(fields) = record.fields {
                let ticket = STANDARD.decode(fields.signed_ticket.value);
                found.insert(*entry, ticket.map_err(|_| unclear("a ticket is not base64".to_owned()))?);
            } else if record.server_error_code.as_deref().is_some_and(|code| code != "NOT_FOUND") {
                let code = record.server_error_code.unwrap_or_default();
                return Err(unclear(format!("{code} {}", record.reason.unwrap_or_default())));
            }
        }
    }
    Ok(found)
}

/// How Apple calls a ticket.
pub fn name(entry: &Entry) -> String {
    format!("2/{}/{}", entry.digest_type, hex(entry.digest))
}

#[derive(Deserialize)]
struct Records {
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    record_name: String,
    #[serde(default)]
    fields: Option<Fields>,
    #[serde(default)]
    server_error_code: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    signed_ticket: SignedTicket,
}

#[derive(Deserialize)]
struct SignedTicket {
    value: String,
}
