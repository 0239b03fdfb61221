//! What the server answers, and what it checks before.

use std::fs::{self, File};
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flatpkg::xar::ticket::Entry;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::authority::team;
use super::checks;
use super::server::{ACCESS_KEY, Connection, Head, SECRET_KEY, SESSION, Step, Submission, error_body};
use crate::verify::tickets::now;

const BUCKET: &str = "notary-submissions-prod";

/// Status, body, Retry-After.
pub type Answer = (u16, String, Option<u32>);

impl Connection {
    /// Nothing where the line goes dead.
    pub fn answer(&self, head: &Head, reader: &mut impl Read) -> Option<Answer> {
        if head.target.starts_with("/storage/") {
            return self.put(head, reader);
        }
        let length = head.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if head.target.starts_with("/notary/") {
            let refusal = self.state().plan.refusals.pop_front();
            if let Some((status, body, retry_after)) = refusal {
                return Some((status, body.to_owned(), retry_after));
            }
            if let Err(fault) = checks::token(head.header("authorization")) {
                return Some((401, error_body("NOT_AUTHORIZED", &fault), None));
            }
        }
        let answer = match (head.method.as_str(), head.target.as_str()) {
            ("POST", "/notary/v2/submissions") => self.submit(&body)?,
            ("POST", "/tickets/lookup") => self.look_up(&body)?,
            ("GET", target) => self.get(target, head)?,
            _ => (404, String::new()),
        };
        Some((answer.0, answer.1, None))
    }

    fn submit(&self, body: &Value) -> Option<(u16, String)> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let number = self.state().submissions.len();
        let id = format!("2efe2717-52ef-43a5-96dc-0797e4ca1{number:03}");
        let submission = Submission {
            id: id.clone(),
            name: text(&body["submissionName"])?,
            sha256: text(&body["sha256"])?,
            webhook: text(&body["notifications"][0]["target"]),
            uploads: 0,
            packages: Vec::new(),
            polls: 0,
            verdict: "",
        };
        if !self.step(Step::Submit) {
            return None;
        }
        self.state().submissions.push(submission);
        if !self.step(Step::Answered) {
            return None;
        }
        let answer = json!({ "data": { "type": "newSubmissions", "id": id, "attributes": {
            "awsAccessKeyId": ACCESS_KEY, "awsSecretAccessKey": SECRET_KEY, "awsSessionToken": SESSION,
            "bucket": BUCKET, "object": format!("prod/AROA+{id}")
        } } });
        Some((200, answer.to_string()))
    }

    fn put(&self, head: &Head, reader: &mut impl Read) -> Option<Answer> {
        let length: u64 = head.header("content-length").parse().unwrap();
        let (cut, expired, trusting) = {
            let mut state = self.state();
            let cut = state.plan.cuts > 0;
            state.plan.cuts = state.plan.cuts.saturating_sub(1);
            (cut, state.plan.expired, state.plan.trusting)
        };
        let half = length / 2;
        let file = self.folder.join(format!("upload-{:?}", std::thread::current().id()));
        let mut out = Digested { file: File::create(&file).ok()?, digest: Sha256::new() };
        std::io::copy(&mut reader.take(half), &mut out).ok()?;
        if cut || !self.step(Step::Half) {
            return None;
        }
        std::io::copy(&mut reader.take(length - half), &mut out).ok()?;
        if expired {
            let xml =
                "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
            return Some((400, xml.to_owned(), None));
        }
        let sha256 = checks::hex(&out.digest.finalize());
        self.check(checks::storage_signature(head, &self.address, &sha256));
        let id = head.target.rsplit("%2B").next()?.to_owned();
        let announced = self.state().submissions.iter().find(|one| one.id == id)?.sha256.clone();
        if announced != sha256 {
            self.check(Err(format!("{announced} was announced, and {sha256} is what came")));
        }
        let packages = if trusting {
            Vec::new()
        } else {
            checks::packages(&file).unwrap_or_else(|fault| {
                self.check(Err(fault));
                Vec::new()
            })
        };
        {
            let mut state = self.state();
            let submission = state.submissions.iter_mut().find(|one| one.id == id)?;
            submission.uploads += 1;
            submission.packages = packages;
        }
        let _ = fs::remove_file(file);
        self.step(Step::Uploaded).then(|| (200, String::new(), None))
    }

    fn get(&self, target: &str, head: &Head) -> Option<(u16, String)> {
        if let Some(id) = target.strip_prefix("/log/") {
            if !head.header("authorization").is_empty() {
                self.check(Err("the log's server was given the token".to_owned()));
            }
            return self.log(id);
        }
        let rest = target.strip_prefix("/notary/v2/submissions/")?;
        let (id, is_log) = rest.strip_suffix("/logs").map_or((rest, false), |id| (id, true));
        if !self.state().submissions.iter().any(|one| one.id == id) {
            return Some((404, error_body("NOT_FOUND", "There is no resource of type 'submissions'")));
        }
        if is_log {
            let url = format!("http://{}/log/{id}", self.address);
            let answer = json!({ "data": { "attributes": { "developerLogUrl": url } } });
            return self.step(Step::Log).then(|| (200, answer.to_string()));
        }
        if !self.step(Step::Status) {
            return None;
        }
        let mut state = self.state();
        let (in_progress, verdict) = (state.plan.in_progress, state.plan.verdict);
        let submission = state.submissions.iter_mut().find(|one| one.id == id)?;
        // Apple does not look at what it has not got.
        let is_done = submission.uploads > 0 && submission.polls >= in_progress;
        submission.polls += 1;
        let status = if is_done { verdict } else { "In Progress" };
        submission.verdict = status;
        let answer = json!({ "data": { "id": id, "attributes": {
            "status": status, "name": submission.name, "createdDate": "2026-01-01T00:00:00.000Z"
        } } });
        Some((200, answer.to_string()))
    }

    fn log(&self, id: &str) -> Option<(u16, String)> {
        if !self.step(Step::LogText) {
            return None;
        }
        let state = self.state();
        let submission = state.submissions.iter().find(|one| one.id == id)?;
        let issues: Vec<Value> = state
            .plan
            .issues
            .iter()
            .map(|(path, message)| {
                json!({ "severity": if state.plan.verdict == "Accepted" { "warning" } else { "error" },
                        "path": format!("{}/{path}", submission.name), "message": message,
                        "docUrl": "https://developer.apple.com/documentation/x", "architecture": null })
            })
            .collect();
        let is_several = submission.packages.len() > 1;
        let gets_ticket = |name: &str| {
            state.plan.verdict == "Accepted"
                && !(is_several && state.plan.only_alone.is_some_and(|part| name.contains(part)))
        };
        let tickets: Vec<Value> = submission
            .packages
            .iter()
            .filter(|(name, _)| gets_ticket(name))
            .map(|(name, digest)| {
                json!({ "path": format!("{}/{name}", submission.name), "digestAlgorithm": "SHA-1",
                        "cdhash": checks::hex(digest) })
            })
            .collect();
        let summary = if state.plan.verdict == "Accepted" {
            "Ready for distribution"
        } else {
            "Archive contains critical validation errors"
        };
        let log = json!({ "logFormatVersion": 1, "jobId": id, "status": state.plan.verdict, "statusSummary": summary,
                          "issues": if issues.is_empty() { Value::Null } else { issues.into() }, "ticketContents": tickets });
        Some((200, log.to_string()))
    }

    /// Tickets for what was accepted.
    fn look_up(&self, body: &Value) -> Option<(u16, String)> {
        let has_bytes = self.state().submissions.iter().any(|one| one.uploads > 0);
        if has_bytes && !self.step(Step::Tickets) {
            return None;
        }
        let (submissions, missing, leaf, only_alone) = {
            let mut state = self.state();
            let missing = state.plan.no_ticket > 0;
            if has_bytes {
                state.plan.no_ticket = state.plan.no_ticket.saturating_sub(1);
            }
            (state.submissions.clone(), missing, state.plan.ticket_leaf, state.plan.only_alone)
        };
        let forger = team().forger.lock().unwrap();
        let records: Vec<Value> = body["records"]
            .as_array()?
            .iter()
            .map(|record| {
                let name = record["recordName"].as_str().unwrap_or_default();
                let found = submissions.iter().filter(|one| one.verdict == "Accepted").any(|one| {
                    let is_several = one.packages.len() > 1;
                    one.packages.iter().any(|(package, digest)| {
                        name == format!("2/1/{}", checks::hex(digest))
                            && !(is_several && only_alone.is_some_and(|part| package.contains(part)))
                    })
                });
                if missing || !found {
                    return json!({ "recordName": name, "reason": "Record not found", "serverErrorCode": "NOT_FOUND" });
                }
                let make = || {
                    let byte = |at| u8::from_str_radix(&name[4 + 2 * at..6 + 2 * at], 16).unwrap();
                    let entry = Entry { digest_type: 1, digest: std::array::from_fn(byte) };
                    let framed = forger.ticket(leaf, now(), &[entry]);
                    STANDARD.encode(&framed[16..framed.len() - 16])
                };
                let ticket = self.state().tickets.entry(name.to_owned()).or_insert_with(make).clone();
                json!({ "recordName": name, "recordType": "DeveloperIDTicket",
                        "fields": { "signedTicket": { "type": "BYTES", "value": ticket } } })
            })
            .collect();
        Some((200, json!({ "records": records }).to_string()))
    }
}

struct Digested {
    file: File,
    digest: Sha256,
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.digest.update(bytes);
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
