//! Dates in words.
//!
//! Must not know: the clock, time zones other than UTC.

use chrono::DateTime;

/// A time in seconds since 1970 as mail has it (RFC 5322), with `zone` for UTC:
/// `Sat, 01 Jan 2000 00:00:00 +0000`.
pub fn in_words(time: u32, zone: &str) -> String {
    let time = DateTime::from_timestamp(time.into(), 0).expect("chrono's years go far beyond 2106");
    format!("{} {zone}", time.format("%a, %d %b %Y %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::in_words;

    // What `date -uR -d @N` says.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (time, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 +0000"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 +0000"),
            (u32::MAX, "Sun, 07 Feb 2106 06:28:15 +0000"),
        ] {
            assert_eq!(in_words(time, "+0000"), text);
        }
    }
}
