//! The text of a settings file, and places in it as people count them.
//!
//! Must not know: TOML, settings.

use std::fmt;
use std::ops::Range;

use super::names::printable;

/// Why a file is not text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct NotText {
    /// The file, with the place where there is one.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A settings file's text and the name that messages give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// Decodes what was read from a file: UTF-8, with or without a byte order
    /// mark. `name` is the file's path as it was given.
    pub fn decode(name: &str, bytes: Vec<u8>) -> Result<Self, NotText> {
        let name = printable(name);
        let refused = |message: String| Err(NotText { path: name.clone(), message });
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return refused("this is UTF-16; save it as UTF-8".to_owned());
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = error.as_bytes();
                // What is before the place is valid, so this loses nothing.
                let before = String::from_utf8_lossy(&bytes[..valid]);
                let before = before.strip_prefix('\u{feff}').unwrap_or(&before);
                let Position { line, column } = Position::of(before, before.len());
                let byte = bytes[valid];
                return Err(NotText {
                    path: format!("{name}:{line}:{column}"),
                    message: format!("the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"),
                });
            }
        };
        // Columns count from what people see.
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        if text.trim().is_empty() {
            return refused(
                "the file is empty; fill it in as installers.example.toml shows, or remove it".to_owned(),
            );
        }
        Ok(Self { name, text })
    }

    /// The file's name, fit for a terminal.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line that a span (in bytes) starts on, for a message.
    pub fn excerpt(&self, span: Range<usize>) -> Excerpt {
        let start = floor_char_boundary(&self.text, span.start);
        let end = floor_char_boundary(&self.text, span.end).max(start);
        let position = Position::of(&self.text, start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        // A span may run over the end of its line; the mark does not, and is
        // never empty.
        let marked = self.text[start..end].lines().next().unwrap_or_default().chars().count().max(1);
        Excerpt { place: format!("{}:{position}", self.name), position, line: line.to_owned(), marked }
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// A place in a text, as editors count: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// Where the byte at `index` is; `index` lies on a character boundary.
    fn of(text: &str, index: usize) -> Self {
        let before = &text[..index];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One line of a source with a mark under a part of it. Its `Display` is three
/// lines without a newline at the end:
///
/// ```text
///    |
/// 12 | lima-hom = "/srv/lima"
///    | ^^^^^^^^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// `file:line:column`.
    pub place: String,
    position: Position,
    line: String,
    marked: usize,
}

/// Longest part of a line that is shown, in characters.
const LINE_MAX: usize = 100;
/// Length of the part before the mark.
const BEFORE_MARK: usize = 40;

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.position.column - 1;
        let length = self.line.chars().count();
        let skipped = if length > LINE_MAX { before.saturating_sub(BEFORE_MARK) } else { 0 };
        let shown: String = self.line.chars().skip(skipped).take(LINE_MAX).map(visible).collect();
        let dots = |cut: bool| if cut { "…" } else { "" };
        let marked = self.marked.min((skipped + LINE_MAX).saturating_sub(before)).max(1);

        let number = self.position.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(before - skipped + usize::from(skipped > 0));
        writeln!(f, "{gutter} |")?;
        let line = format!("{}{shown}{}", dots(skipped > 0), dots(skipped + LINE_MAX < length));
        writeln!(f, "{number} | {}", line.trim_end())?;
        write!(f, "{gutter} | {indent}{}", "^".repeat(marked))
    }
}

/// One character for one character, so that the mark stays under its place:
/// nothing that moves the cursor, changes the terminal or reorders the line.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
            '\u{fffd}'
        }
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::decode("f.toml", text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn places_count_characters_from_one() {
        let source = source("\u{feff}a = 1\r\nü = \t2\n");
        let at = source.text().find('2').unwrap();
        let excerpt = source.excerpt(at..at + 1);
        assert_eq!(excerpt.place, "f.toml:2:6");
        assert_eq!(excerpt.to_string(), "  |\n2 | ü =  2\n  |      ^");
    }

    #[test]
    fn any_span_has_an_excerpt() {
        let source = source("aü\n\u{1b}[2J\u{202e}x\n");
        for start in 0..20 {
            for end in 0..20 {
                let shown = source.excerpt(start..end).to_string();
                assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let source = source(&format!("{}X{}", "a".repeat(300), "b".repeat(300)));
        let shown = source.excerpt(300..301).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1].chars().count(), "1 | ".len() + LINE_MAX + 2);
        let mark = lines[2].chars().position(|c| c == '^');
        assert_eq!(mark, lines[1].chars().position(|c| c == 'X'));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        let refused = |bytes: &[u8]| Source::decode("a\u{1b}.toml", bytes.to_vec()).unwrap_err().to_string();
        assert_eq!(refused(b"\xff\xfea\0"), r"a\u{1b}.toml: this is UTF-16; save it as UTF-8");
        assert_eq!(
            refused(b"\xef\xbb\xbfa = 1\nb\xc3\xbc\xfc"),
            r"a\u{1b}.toml:2:3: the byte 0xfc is not UTF-8; save the file as UTF-8"
        );
        assert!(refused(b"\xef\xbb\xbf \n").contains("the file is empty"));
        assert!(refused(b"").contains("the file is empty"));
    }
}
