//! Localizable.strings: what a title's key stands for in a language.
//!
//! ```text
//! /* comment */ "key" = "value";      or without quotes, if a word is plain
//! ```
//!
//! UTF-8, or UTF-16 with a byte order mark; `\n`, `\"`, `\\` and `\U0041` are escapes.
//! Source: Apple's "Internationalization and Localization Guide", strings files.
//!
//! Must not know: where the bytes came from.

use std::iter::Peekable;
use std::str::Chars;

/// The value of a key; `None` where the file has none, or cannot be read that far.
pub fn value(bytes: &[u8], wanted: &str) -> Option<String> {
    let text = decoded(bytes)?;
    let mut rest = text.chars().peekable();
    loop {
        let key = word(&mut rest)?;
        skip(&mut rest);
        let value = match rest.next()? {
            // A key alone stands for itself.
            ';' => key.clone(),
            '=' => {
                let value = word(&mut rest)?;
                skip(&mut rest);
                (rest.next()? == ';').then_some(value)?
            }
            _ => return None,
        };
        if key == wanted {
            return Some(value);
        }
    }
}

fn decoded(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).collect::<Result<String, _>>().ok()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// Skips white space and comments.
fn skip(rest: &mut Peekable<Chars<'_>>) {
    loop {
        while rest.next_if(|one| one.is_whitespace()).is_some() {}
        let mut ahead = rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('/'), Some('/')) => while rest.next().is_some_and(|one| one != '\n') {},
            (Some('/'), Some('*')) => {
                rest.nth(1);
                let mut last = ' ';
                for one in rest.by_ref() {
                    if last == '*' && one == '/' {
                        break;
                    }
                    last = one;
                }
            }
            _ => return,
        }
    }
}

fn word(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    skip(rest);
    if rest.next_if_eq(&'"').is_none() {
        let mut plain = String::new();
        while let Some(one) = rest.next_if(|one| one.is_alphanumeric() || "_.-$/:".contains(*one)) {
            plain.push(one);
        }
        return (!plain.is_empty()).then_some(plain);
    }
    let mut text = String::new();
    loop {
        text.push(match rest.next()? {
            '"' => return Some(text),
            '\\' => escape(rest)?,
            plain => plain,
        });
    }
}

fn escape(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    Some(match rest.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'U' | 'u' => {
            let digits: String = (0..4).map_while(|_| rest.next_if(char::is_ascii_hexdigit)).collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "/* a \"comment\" = \"x\"; */\n// another\nplain = word;\n\"A B\" = \"say \\\"hi\\\" \\U00e9\";\n\"T\"=\"Zoë\" ;";

    #[test]
    fn values_by_key_in_each_encoding() {
        let utf16 = |unit: fn(u16) -> [u8; 2]| {
            let units = std::iter::once(0xfeff).chain(TEXT.encode_utf16());
            units.flat_map(unit).collect::<Vec<u8>>()
        };
        for bytes in [
            TEXT.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", TEXT.as_bytes()].concat(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ] {
            assert_eq!(value(&bytes, "plain").as_deref(), Some("word"));
            assert_eq!(value(&bytes, "A B").as_deref(), Some("say \"hi\" é"));
            assert_eq!(value(&bytes, "T").as_deref(), Some("Zoë"));
            assert_eq!(value(&bytes, "comment"), None);
        }
    }

    #[test]
    fn what_is_no_strings_file_has_no_values() {
        for wrong in ["", "\"a", "\"a\" =", "\"a\" = \"b\"", "= b;", "/*", "\"a\" = \"\\U12", "\"\\"] {
            assert_eq!(value(wrong.as_bytes(), "a"), None, "{wrong}");
        }
        assert_eq!(value(b"\xff\xfe\x00\xd8", "a"), None);
    }
}
