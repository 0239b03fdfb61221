//! `Localizable.strings`: where a Distribution's title is a key, the text is here.
//!
//! Must not know: what the texts are for. Two forms are read; a binary property list is
//! not:
//!
//! ```text
//! /* comment */ "KEY" = "text";      in UTF-8 or UTF-16
//! <plist><dict><key>KEY</key><string>text</string>
//! ```

use crate::xml;

/// The longest file that is read, in bytes.
pub const STRINGS_MAX: u64 = 1 << 20;

/// The text of a key.
pub fn lookup(bytes: &[u8], key: &str) -> Option<String> {
    let text = xml::decoded(bytes).ok()?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('<') {
        let document = xml::read(bytes).ok()?;
        let items = &document.first("dict")?.children;
        let found = items.windows(2).find(|pair| pair[0].name == "key" && pair[0].text.trim() == key)?;
        return (found[1].name == "string").then(|| found[1].text.clone());
    }
    let mut tokens = Tokens { rest: text };
    // KEY = TEXT ;
    let mut before: [Option<Token>; 2] = [None, None];
    while let Some(token) = tokens.next() {
        if let (Token::Text(text), [Some(Token::Text(found)), Some(Token::Sign('='))]) = (&token, &before)
            && found == key
        {
            return Some(text.clone());
        }
        let [_, second] = before;
        before = [second, Some(token)];
    }
    None
}

enum Token {
    Text(String),
    Sign(char),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl Tokens<'_> {
    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else {
                break;
            }
        }
        let first = self.rest.chars().next()?;
        if first == '"' {
            return Some(Token::Text(self.quoted()));
        }
        let end = self.rest.find(|one: char| !one.is_alphanumeric() && !matches!(one, '_' | '-' | '.'));
        match end.unwrap_or(self.rest.len()) {
            0 => {
                self.rest = &self.rest[first.len_utf8()..];
                Some(Token::Sign(first))
            }
            end => {
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                Some(Token::Text(word.to_owned()))
            }
        }
    }

    /// A text in quotation marks, of which the first is the next character.
    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, one)) = characters.next() {
            match one {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return text;
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                other => text.push(other),
            }
        }
        self.rest = "";
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_and_both_encodings() {
        let plain = "/* \"TITLE\" = \"no\"; */\n// x\n\"OTHER\" = \"TITLE\";\nTITLE = \"My \\\"App\\\"\\n\";";
        assert_eq!(lookup(plain.as_bytes(), "TITLE").as_deref(), Some("My \"App\"\n"));
        let wide: Vec<u8> = format!("\u{feff}{plain}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lookup(&wide, "TITLE").as_deref(), Some("My \"App\"\n"));
        let list = b"<plist><dict><key>A</key><string>TITLE</string><key>TITLE</key><string>App</string></dict></plist>";
        assert_eq!(lookup(list, "TITLE").as_deref(), Some("App"));
        for nothing in [&b""[..], b"bplist00", b"\"TITLE\" = ", b"\"TITLE", b"TITLE;", b"<plist/>", b"\xff"] {
            assert_eq!(lookup(nothing, "TITLE"), None);
        }
    }
}
