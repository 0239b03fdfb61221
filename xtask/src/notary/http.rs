//! Requests that are made again where that may help, and what answers mean.
//!
//! Must not know: what is asked.

use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use reqwest::blocking::{Client, RequestBuilder, Response};
use url::Url;

use super::{NotaryError, Pace, TRIES};
use crate::retry_after::retry_after;

/// Longest answer that is read. A log says a few hundred bytes of each file.
const ANSWER_MAX: u64 = 64 << 20;
/// By how much a clock may be off before that is the likelier reason for a refusal.
const CLOCK_TOLERANCE: u64 = 120;

/// What a run takes from its surroundings.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The clock.
    pub now: fn() -> SystemTime,
    /// Set where the run is to end.
    pub interrupted: &'a AtomicBool,
}

/// A client, and how patient it is.
pub struct Http<'a> {
    client: Client,
    pace: Pace,
    surroundings: Surroundings<'a>,
}

impl fmt::Debug for Http<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// An answer that is worth reading.
#[derive(Debug)]
pub struct Answer {
    /// HTTP's.
    pub status: u16,
    /// The server's clock.
    pub date: Option<DateTime<Utc>>,
    /// What it says.
    pub body: Vec<u8>,
    /// Who said it.
    pub host: String,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

impl<'a> Http<'a> {
    /// A client.
    ///
    /// # Errors
    /// [`NotaryError::Client`].
    pub fn new(pace: Pace, surroundings: Surroundings<'a>) -> Result<Self, NotaryError> {
        let client = Client::builder()
            .user_agent(concat!("lima-autostart/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(30))
            .timeout(Duration::from_secs(120))
            .build()
            .map_err(|error| NotaryError::Client(error.to_string()))?;
        Ok(Self { client, pace, surroundings })
    }

    /// For requests of one's own making.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How patient it is.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Seconds since 1970.
    pub fn now(&self) -> u64 {
        (self.surroundings.now)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// Makes a request to `url` until there is an answer that is neither 429 nor 5xx.
    /// `is_kept` says whether a later run can go on from here.
    ///
    /// # Errors
    /// [`NotaryError::Busy`], [`NotaryError::Unreachable`], [`NotaryError::Interrupted`], and what `request` reports.
    pub fn send(
        &self,
        what: &'static str,
        url: &Url,
        is_kept: bool,
        request: impl Fn(&Client) -> Result<RequestBuilder, NotaryError>,
    ) -> Result<Answer, NotaryError> {
        self.send_so_often(TRIES, what, url, is_kept, request)
    }

    /// The same, with a number of tries of its own.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub fn send_so_often(
        &self,
        most: u32,
        what: &'static str,
        url: &Url,
        is_kept: bool,
        request: impl Fn(&Client) -> Result<RequestBuilder, NotaryError>,
    ) -> Result<Answer, NotaryError> {
        let host = host(url);
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match request(&self.client)?.send().map_err(reason).and_then(|one| read(one, &host)) {
                Ok(answer) if answer.is_busy() => {
                    if tries < most
                        && let Some(asked) = answer.retry_after
                    {
                        self.sleep(asked)?;
                    }
                    let (status, detail) = (answer.status, answer.text());
                    NotaryError::Busy { what, host: host.clone(), status, tries, detail, is_kept }
                }
                Ok(answer) => return Ok(answer),
                Err(reason) => NotaryError::Unreachable { what, host: host.clone(), tries, reason, is_kept },
            };
            if tries >= most {
                return Err(error);
            }
            self.sleep(self.pace.pause * 2_u32.pow(tries - 1))?;
        }
    }

    /// Waits, unless the run is to end.
    ///
    /// # Errors
    /// [`NotaryError::Interrupted`].
    pub fn sleep(&self, duration: Duration) -> Result<(), NotaryError> {
        const STEP: Duration = Duration::from_millis(100);
        let begin = Instant::now();
        loop {
            self.go_on()?;
            let left = duration.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(STEP));
        }
    }

    /// Whether the run is to go on.
    ///
    /// # Errors
    /// [`NotaryError::Interrupted`].
    pub fn go_on(&self) -> Result<(), NotaryError> {
        if self.surroundings.interrupted.load(Ordering::Relaxed) {
            return Err(NotaryError::Interrupted);
        }
        Ok(())
    }

    /// The error for a clock that is off, where the answer's date says so.
    pub fn clock_fault(&self, date: Option<DateTime<Utc>>) -> Option<NotaryError> {
        let theirs = u64::try_from(date?.timestamp()).ok()?;
        let ours = self.now();
        let seconds = ours.abs_diff(theirs);
        let direction = if ours > theirs { "ahead of" } else { "behind" };
        (seconds > CLOCK_TOLERANCE).then_some(NotaryError::Clock { seconds, direction })
    }
}

impl Answer {
    /// Whether the same request may be answered otherwise later.
    pub fn is_busy(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..)
    }

    /// Whether it was done.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What it says, where that is text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(4096)]).into_owned()
    }
}

/// Who is asked, for messages: a URL may hold more than they should say.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Why there is no answer, without the URL.
fn reason(error: reqwest::Error) -> String {
    crate::verify::causes(&error.without_url())
}

fn read(response: Response, host: &str) -> Result<Answer, String> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let date =
        header("date").and_then(|text| DateTime::parse_from_rfc2822(text).ok()).map(|date| date.to_utc());
    let retry_after = header("retry-after").and_then(|text| retry_after(text, date));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    response.take(ANSWER_MAX + 1).read_to_end(&mut body).map_err(|error| error.to_string())?;
    if body.len() as u64 > ANSWER_MAX {
        return Err(format!("it says more than {ANSWER_MAX} bytes"));
    }
    Ok(Answer { status, date, body, host: host.to_owned(), retry_after })
}
