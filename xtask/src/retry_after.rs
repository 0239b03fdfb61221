//! How long a server asks to wait: HTTP's Retry-After (RFC 9110, 10.2.3).
//!
//! Must not know: the clock.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Longest pause that a server may ask for.
const LONGEST: Duration = Duration::from_secs(600);

/// Seconds, or a date, which is held against the server's own clock in `date`.
pub fn retry_after(text: &str, date: Option<DateTime<Utc>>) -> Option<Duration> {
    let asked = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTime::parse_from_rfc2822(text.trim()).ok()?.to_utc();
            (until - date?).to_std().unwrap_or_default()
        }
    };
    Some(asked.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_in_both_forms_and_has_an_end() {
        let date =
            DateTime::parse_from_rfc2822("Wed, 21 Oct 2026 07:28:00 GMT").ok().map(|date| date.to_utc());
        let seconds = |text| retry_after(text, date).map(|pause| pause.as_secs());
        assert_eq!(seconds(" 7 "), Some(7));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:28:30 GMT"), Some(30));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:27:00 GMT"), Some(0));
        assert_eq!(seconds("99999999"), Some(600));
        assert_eq!(seconds("soon"), None);
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:30 GMT", None), None);
    }
}
