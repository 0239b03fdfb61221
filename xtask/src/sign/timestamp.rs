//! Timestamps (RFC 3161): many at once, as many as the authority likes.
//!
//! ```text
//! request    TimeStampReq: SHA-256 of the signature, a nonce, "with your certificate"
//! answer     TimeStampResp: a status, and the token: SignedData over TSTInfo
//! ```
//!
//! An authority answers in a tenth of a second or more, so requests overlap: sixteen in
//! flight. One that answers 429 or 503 is asked by half as many at a time, and not before
//! it says (Retry-After); with every sixteen answers one more is tried again.
//!
//! Must not know: what is signed.

use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bcder::decode::{Constructed, SliceSource};
use bcder::encode::{self, PrimitiveContent as _, Values as _};
use bcder::{Captured, Integer, Mode, OctetString, Oid, Tag};
use chrono::DateTime;
use cryptographic_message_syntax::Bytes;
use cryptographic_message_syntax::asn1::rfc3161::{
    MessageImprint, OID_CONTENT_TYPE_TST_INFO, OID_TIME_STAMP_TOKEN, PkiStatus, TimeStampReq, TimeStampResp,
};
use cryptographic_message_syntax::asn1::rfc5652::{OID_ID_SIGNED_DATA, SignedData, UnsignedAttributes};
use reqwest::blocking::Client;
use ring::rand::{SecureRandom, SystemRandom};
use x509_certificate::DigestAlgorithm;
use x509_certificate::rfc5652::{Attribute, AttributeValue};

use crate::retry_after::retry_after;

/// Requests that are in flight at the same time.
pub const IN_FLIGHT: usize = 16;
/// How often a request that fails is made, and how long is waited in between. A timestamp
/// authority that answers 500 requests in a row without one failure is rare.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// How often an authority may say that it is busy.
const BUSY_TRIES: u32 = 12;
/// Longest wait that an authority may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Longest answer that is read; one has some kilobytes.
const ANSWER_MAX: u64 = 1 << 20;

/// Why there is no timestamp.
#[derive(Debug)]
pub struct NoTimestamp {
    /// How often it was asked for.
    pub tries: u32,
    /// What happened the last time.
    pub reason: String,
}

/// A timestamp authority.
pub struct Authority {
    url: String,
    client: OnceLock<Result<Client, String>>,
    gate: Gate,
    stop: Option<&'static AtomicBool>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What came of one request.
enum Failure {
    /// It is to be made again, and not too soon.
    Busy(Option<Duration>, String),
    /// It may be made again.
    Other(String),
}

impl Authority {
    /// One that is asked at `url`.
    pub fn new(url: String) -> Self {
        Self { url, client: OnceLock::new(), gate: Gate::new(IN_FLIGHT), stop: None }
    }

    /// Ends waiting once `stop` is set.
    pub fn stop_at(&mut self, stop: &'static AtomicBool) {
        self.stop = Some(stop);
    }

    /// Where it is asked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The attribute with a timestamp over `signature`, for a signer's unsigned ones.
    ///
    /// # Errors
    /// [`NoTimestamp`].
    pub fn stamp(&self, signature: &[u8]) -> Result<UnsignedAttributes, NoTimestamp> {
        let (mut tries, mut failed) = (0, 0);
        loop {
            tries += 1;
            let entered = self.gate.enter(|| self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)));
            if !entered {
                return Err(NoTimestamp { tries, reason: "interrupted".to_owned() });
            }
            let asked = self.ask(signature);
            self.gate.leave(&asked);
            let reason = match asked {
                Ok(attributes) => return Ok(attributes),
                Err(Failure::Busy(_, reason)) => {
                    if tries < BUSY_TRIES {
                        continue;
                    }
                    reason
                }
                Err(Failure::Other(reason)) => {
                    failed += 1;
                    if failed < TRIES {
                        std::thread::sleep(PAUSE * failed);
                        continue;
                    }
                    reason
                }
            };
            return Err(NoTimestamp { tries, reason });
        }
    }

    fn client(&self) -> Result<&Client, String> {
        let build = || {
            Client::builder()
                .connect_timeout(Duration::from_secs(10))
                .timeout(Duration::from_secs(30))
                .pool_max_idle_per_host(IN_FLIGHT)
                .build()
                .map_err(|error| error.to_string())
        };
        self.client.get_or_init(build).as_ref().map_err(Clone::clone)
    }

    fn ask(&self, signature: &[u8]) -> Result<UnsignedAttributes, Failure> {
        let other = |reason: &str| Failure::Other(reason.to_owned());
        let request = request(signature).map_err(Failure::Other)?;
        let mut body = Vec::new();
        request
            .encode_ref()
            .write_encoded(Mode::Der, &mut body)
            .map_err(|error| other(&error.to_string()))?;
        let sent = self
            .client()
            .map_err(Failure::Other)?
            .post(&self.url)
            .header("Content-Type", "application/timestamp-query")
            .body(body)
            .send();
        let answer = sent.map_err(|error| Failure::Other(crate::verify::causes(&error.without_url())))?;
        let status = answer.status().as_u16();
        if status != 200 {
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            let date = header("date").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
            let pause =
                header("retry-after").and_then(|text| retry_after(text, date.map(|date| date.to_utc())));
            let reason = format!("it answered {status}");
            return Err(match status {
                429 | 503 => Failure::Busy(pause.map(|pause| pause.min(LONGEST_PAUSE)), reason),
                _ => Failure::Other(reason),
            });
        }
        let mut bytes = Vec::new();
        answer.take(ANSWER_MAX).read_to_end(&mut bytes).map_err(|error| other(&error.to_string()))?;
        token(&bytes, &request).map_err(Failure::Other)
    }
}

fn request(signature: &[u8]) -> Result<TimeStampReq, String> {
    let mut nonce = [0; 8];
    SystemRandom::new().fill(&mut nonce).map_err(|_| "there is no randomness".to_owned())?;
    Ok(TimeStampReq {
        version: Integer::from(1),
        message_imprint: MessageImprint {
            hash_algorithm: DigestAlgorithm::Sha256.into(),
            hashed_message: OctetString::new(Bytes::from(DigestAlgorithm::Sha256.digest_data(signature))),
        },
        req_policy: None,
        nonce: Some(Integer::from(u64::from_le_bytes(nonce))),
        cert_req: Some(true),
        extensions: None,
    })
}

/// The token of an answer, if it answers this request. Whether its signature holds is for
/// who verifies the package.
fn token(answer: &[u8], request: &TimeStampReq) -> Result<UnsignedAttributes, String> {
    let cannot = |what: String| format!("it answered what is not a timestamp: {what}");
    let answer = Constructed::decode(SliceSource::new(answer), Mode::Der, TimeStampResp::take_from)
        .map_err(|error| cannot(error.to_string()))?;
    if !matches!(answer.status.status, PkiStatus::Granted | PkiStatus::GrantedWithMods) {
        return Err(format!("it refused: {:?}", answer.status.status));
    }
    let token = answer.time_stamp_token.ok_or_else(|| cannot("it has no token".to_owned()))?;
    if token.content_type != OID_ID_SIGNED_DATA {
        return Err(cannot("the token is not signed".to_owned()));
    }
    let signed = Constructed::decode(token.content.as_slice(), Mode::Ber, SignedData::take_from)
        .map_err(|error| cannot(error.to_string()))?;
    let content =
        signed.content_info.content.filter(|_| signed.content_info.content_type == OID_CONTENT_TYPE_TST_INFO);
    let content = content.ok_or_else(|| cannot("the token says nothing".to_owned()))?.to_bytes();
    let (imprint, nonce) = info(&content).map_err(cannot)?;
    // An algorithm without parameters is written in two ways.
    let asked = &request.message_imprint;
    let is_of_signature = imprint.hash_algorithm.algorithm == asked.hash_algorithm.algorithm
        && imprint.hashed_message.to_bytes() == asked.hashed_message.to_bytes();
    if !is_of_signature || nonce != request.nonce {
        return Err("it answered another request".to_owned());
    }
    // As it came, byte for byte; the crate's own writer leaves out the tag around the content.
    let token =
        encode::sequence((token.content_type.encode_ref(), encode::sequence_as(Tag::CTX_0, &token.content)));
    let mut attributes = UnsignedAttributes::default();
    attributes.push(Attribute {
        typ: Oid(Bytes::copy_from_slice(OID_TIME_STAMP_TOKEN.as_ref())),
        values: vec![AttributeValue::new(Captured::from_values(Mode::Der, token))],
    });
    Ok(attributes)
}

/// What a TSTInfo is for, and for which request. Read here because
/// cryptographic-message-syntax 0.27 panics where the time has ten digits behind its point.
fn info(content: &[u8]) -> Result<(MessageImprint, Option<Integer>), String> {
    let read = |cons: &mut Constructed<SliceSource<'_>>| {
        cons.take_sequence(|cons| {
            let _version = Integer::take_from(cons)?;
            let _policy = Oid::take_from(cons)?;
            let imprint = MessageImprint::take_from(cons)?;
            let _serial_number = Integer::take_from(cons)?;
            cons.take_primitive_if(Tag::GENERALIZED_TIME, |primitive| primitive.skip_all())?;
            // The accuracy, and whether timestamps are in order.
            cons.take_opt_constructed_if(Tag::SEQUENCE, |accuracy| accuracy.skip_all())?;
            cons.take_opt_bool()?;
            let nonce = cons.take_opt_primitive_if(Tag::INTEGER, Integer::from_primitive)?;
            cons.skip_all()?;
            Ok((imprint, nonce))
        })
    };
    Constructed::decode(SliceSource::new(content), Mode::Der, read).map_err(|error| error.to_string())
}

/// Lets so many in at a time, and fewer where that was too many.
struct Gate {
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    limit: usize,
    inside: usize,
    /// Answers since the limit was changed.
    good: usize,
    closed_until: Option<Instant>,
}

impl Gate {
    fn new(most: usize) -> Self {
        let state = State { limit: most, inside: 0, good: 0, closed_until: None };
        Self { most, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits to be let in. Not, where `is_over`.
    fn enter(&self, is_over: impl Fn() -> bool) -> bool {
        const STEP: Duration = Duration::from_millis(100);
        let mut state = self.lock();
        loop {
            if is_over() {
                return false;
            }
            let closed = state
                .closed_until
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if closed.is_zero() && state.inside < state.limit {
                state.inside += 1;
                return true;
            }
            let wait = if closed.is_zero() { STEP } else { closed.min(STEP) };
            state = self
                .changed
                .wait_timeout(state, wait)
                .map_or_else(|error| error.into_inner().0, |ended| ended.0);
        }
    }

    fn leave<T>(&self, result: &Result<T, Failure>) {
        let mut state = self.lock();
        state.inside -= 1;
        match result {
            Ok(_) => {
                state.good += 1;
                if state.good >= self.most && state.limit < self.most {
                    state.limit += 1;
                    state.good = 0;
                }
            }
            Err(Failure::Busy(pause, _)) => {
                // All that are inside hear the same: it counts once.
                let now = Instant::now();
                let is_new = state.closed_until.is_none_or(|until| until <= now);
                if is_new {
                    state.limit = (state.limit / 2).max(1);
                    state.good = 0;
                }
                let until = now + pause.unwrap_or(PAUSE);
                state.closed_until = Some(state.closed_until.map_or(until, |earlier| earlier.max(until)));
            }
            Err(Failure::Other(_)) => {}
        }
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_narrows_when_it_is_told_to_and_opens_again() {
        let gate = Gate::new(4);
        let limit = |gate: &Gate| gate.lock().limit;
        let busy = Err(Failure::Busy(Some(Duration::from_millis(30)), String::new()));
        assert!(gate.enter(|| false) && gate.enter(|| false));
        gate.leave::<()>(&busy);
        gate.leave::<()>(&busy);
        assert_eq!(limit(&gate), 2, "two that heard the same are one");
        let begin = Instant::now();
        assert!(gate.enter(|| false));
        assert!(begin.elapsed() >= Duration::from_millis(25), "closed for as long as was asked");
        gate.leave::<()>(&busy);
        assert_eq!(limit(&gate), 1);
        for _ in 0..12 {
            assert!(gate.enter(|| false));
            gate.leave(&Ok(()));
        }
        assert_eq!(limit(&gate), 4);
        assert!(!gate.enter(|| true), "a run that is over enters nothing");
    }
}
