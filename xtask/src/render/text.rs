//! Values as people read them on a page, or type them into a shell.
//!
//! What comes in is from records, which may have been written elsewhere: nothing
//! is taken to be well-formed.
//!
//! Must not know: which page it is.

use std::fmt::Write;

use askama::filters::Escaper;

use super::escape::Sh;

/// What stands for a character that a page cannot carry or should not.
const REPLACEMENT: char = '\u{fffd}';

/// A text without what no page can carry (control characters, noncharacters),
/// and without what would make text beside it read in another order.
pub fn plain(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|c| if is_odd(c) { REPLACEMENT } else { c }).collect()
}

/// A word of a shell's command line.
pub fn word(text: &str) -> String {
    let mut word = String::new();
    Sh.write_escaped_str(&mut word, &plain(text)).expect("a plain text has no NUL");
    word
}

/// A path below a page's own folder, as a reference (RFC 3986, 4.2): with
/// anything but what is unreserved percent-encoded, `:` of the first segment
/// included, so that no path reads as a URL with a scheme.
pub fn href(path: &str) -> String {
    let mut href = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                href.push(char::from(byte));
            }
            _ => write!(href, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    href
}

/// A size as Finder shows it: `41 KB`, of a thousand bytes each.
pub fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return count(bytes, "byte", "bytes");
    }
    let (mut unit, mut name) = (1000, "KB");
    for (larger, larger_name) in [(1_000_000, "MB"), (1_000_000_000, "GB")] {
        // What would be shown as 1000 of the smaller unit.
        if bytes >= larger - unit / 2 {
            (unit, name) = (larger, larger_name);
        }
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if tenths < 100 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", (u128::from(bytes) + u128::from(unit) / 2) / u128::from(unit))
    }
}

/// A size in words and to the byte.
pub fn exact_size(bytes: u64) -> String {
    if bytes < 1000 { size(bytes) } else { format!("{}, {}", size(bytes), count(bytes, "byte", "bytes")) }
}

/// A number of things: `1,234 files`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_finder() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 KB"),
            (9_949, "9.9 KB"),
            (9_950, "10 KB"),
            (41_236, "41 KB"),
            (999_499, "999 KB"),
            (999_500, "1.0 MB"),
            (999_499_999, "999 MB"),
            (999_500_000, "1.0 GB"),
            (u64::MAX, "18446744074 GB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(exact_size(812), "812 bytes");
        assert_eq!(exact_size(1_041_236), "1.0 MB, 1,041,236 bytes");
    }

    #[test]
    fn a_reference_is_below_the_page_and_nowhere_else() {
        assert_eq!(href("k3s/linux/lima-vm@.service"), "k3s/linux/lima-vm%40.service");
        assert_eq!(href("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(href("a b\"'<&>?#%é"), "a%20b%22%27%3C%26%3E%3F%23%25%C3%A9");
    }

    #[test]
    fn a_text_is_neither_lost_nor_turned_round() {
        assert_eq!(plain("Grüße \u{5d0} & <b>"), "Grüße \u{5d0} & <b>");
        assert_eq!(plain("a\0b\nc\u{202e}d\u{ffff}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(word("/Library/Application Support/x"), "'/Library/Application Support/x'");
        assert_eq!(word("a\nb"), "'a\u{fffd}b'");
    }
}
