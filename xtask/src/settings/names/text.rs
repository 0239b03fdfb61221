//! Text for people.
//!
//! Must not know: the pages that show it.

use super::{NameError, name_type, quoted, refuse};

name_type!(
    /// One line of text for people: not blank, no control characters, no other
    /// character that ends a line, none of U+FFFE and U+FFFF (XML cannot hold
    /// them), at most 200 characters.
    #[derive(PartialOrd, Ord)]
    Text, "text in quotes"
);

/// In characters; Installer's pages have room for about this much in two lines.
const TEXT_MAX: usize = 200;

impl Text {
    fn check(text: &str) -> Result<(), NameError> {
        if text.trim().is_empty() {
            refuse!("{} is blank; give a line of text, or leave the setting out", quoted(text));
        }
        if let Some(c) = text
            .chars()
            .find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}'))
        {
            refuse!(
                "{} contains U+{:04X}; give one line without control characters",
                quoted(text),
                u32::from(c)
            );
        }
        let count = text.chars().count();
        if count > TEXT_MAX {
            refuse!("{} is too long; at most {TEXT_MAX} characters fit", quoted(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::names::testing::{accepts, refuses};

    #[test]
    fn texts() {
        accepts::<Text>(&["Example Corp", "Zoë & <Söhne> \"GmbH\"", &"ü".repeat(200)]);
        refuses::<Text>(&["", "  ", "a\nb", "a\tb", "\u{1b}", "a\u{2028}b", "\u{ffff}", &"ü".repeat(201)]);
    }
}
