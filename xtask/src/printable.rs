//! Text that somebody else wrote, made fit for a terminal, a log and a report.
//!
//! A name in a package can hold anything: sequences that move the cursor, characters
//! that turn the line around, ends of lines. What is not plainly printable is written
//! as its number, so that nothing is hidden and nothing is acted upon.
//!
//! Must not know: whose text it is, where it goes.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with every character escaped that a terminal might act upon or not show:
/// control characters (C0 and C1), line breaks, bidirectional controls, and whatever
/// else is not printable. Backslashes stay, so that it can be done twice.
pub fn printable(text: &str) -> Cow<'_, str> {
    // Nearly all names are, and lists have a million of them.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    // In pieces, because these three are escaped too, and need not be here.
    for piece in text.split_inclusive(['"', '\'', '\\']) {
        let (body, last) = match piece.char_indices().next_back() {
            Some((at, last @ ('"' | '\'' | '\\'))) => (&piece[..at], Some(last)),
            _ => (piece, None),
        };
        out.extend(body.escape_debug());
        out.extend(last);
    }
    Cow::Owned(out)
}

/// A JSON document with the same characters escaped as JSON does: outside of strings
/// it has none of them but its own line breaks.
pub fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, '\n' | ' '..='~') || is_printable(character) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn is_printable(character: char) -> bool {
    // Behind another one, as combining characters are.
    let mut pair = String::from("a");
    pair.push(character);
    pair.escape_debug().nth(1) == Some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2Jb\r\n\u{9b}\u{85}\u{2028}\u{202e}\u{2066}\u{200f}\u{7f}\u{0}\t\u{feff}";

    #[test]
    fn nothing_reaches_a_terminal_raw() {
        let shown = r"a\u{1b}[2Jb\r\n\u{9b}\u{85}\u{2028}\u{202e}\u{2066}\u{200f}\u{7f}\0\t\u{feff}";
        assert_eq!(printable(HOSTILE), shown);
        assert_eq!(printable(shown), shown, "twice is once");
        // Apple's file systems hand out names with combining characters.
        for plain in ["it's \"C:\\n\"", "Grüße", "Zoe\u{308}", "日本語", ""] {
            assert_eq!(printable(plain), plain);
        }
    }

    #[test]
    fn json_says_the_same_and_is_printable() {
        let json = serde_json::to_string_pretty(&[HOSTILE, "Zoe\u{308} \u{e0001}"]).unwrap();
        let shown = printable_json(&json);
        assert!(!shown.chars().any(|c| c != '\n' && !is_printable(c) && !"\"\\".contains(c)), "{shown}");
        let back: Vec<String> = serde_json::from_str(&shown).unwrap();
        assert_eq!(back, [HOSTILE, "Zoe\u{308} \u{e0001}"]);
    }
}
