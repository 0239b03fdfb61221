//! How a refused value is shown, and what was perhaps meant.
//!
//! Must not know: what the values are.

/// The longest value that a message shows whole, in characters.
const SHOWN_WHOLE: usize = 200;
/// Number of characters shown of a longer value.
const SHOWN_START: usize = 60;

/// The value in backticks, fit for a terminal: whatever is not plainly
/// printable is escaped as Rust does (`\n`, `\u{1b}`), and a value of more
/// than 200 characters is cut, with its length behind it. Nothing at all is
/// called `the empty string`, since a pair of backticks is easily missed.
pub fn quoted(value: &str) -> String {
    if value.is_empty() {
        return "the empty string".to_owned();
    }
    let count = value.chars().count();
    if count <= SHOWN_WHOLE {
        return format!("`{}`", printable(value));
    }
    let start: String = value.chars().take(SHOWN_START).collect();
    format!("`{}…` ({count} characters)", printable(&start))
}

/// The text with everything escaped that a terminal might act upon or not
/// show, and the backslash, so that two values never look alike.
pub fn printable(text: &str) -> String {
    crate::printable::printable(&text.replace('\\', r"\\")).into_owned()
}

/// `; did you mean ...?` where one of the candidates is close to the word,
/// nothing where none is.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match closest(word, candidates) {
        Some(candidate) => format!("; did you mean {}?", quoted(candidate)),
        None => String::new(),
    }
}

/// The candidate most like the word: letters swapped, left out or added, other
/// case, `_` for `-`.
fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer word is not a typo, and the comparison takes quadratic time.
    if word.len() > 100 {
        return None;
    }
    let word = word.to_lowercase().replace('_', "-");
    let mut best = None;
    for candidate in candidates {
        let score = strsim::jaro_winkler(&word, &candidate.to_lowercase().replace('_', "-"));
        // The first of equals, so that the message does not depend on more than the order.
        if score > 0.8 && best.is_none_or(|(other, _)| score > other) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`; of more than sixteen the first ten and how many are left.
pub fn list<'a>(words: impl ExactSizeIterator<Item = &'a str>, last: &str) -> String {
    let count = words.len();
    let shown = if count > 16 { 10 } else { count };
    let mut out = String::new();
    for (index, word) in words.take(shown).enumerate() {
        if index > 0 {
            let is_last = index + 1 == count;
            out.push_str(&if is_last { format!(" {last} ") } else { ", ".to_owned() });
        }
        out.push_str(&quoted(word));
    }
    if count > shown {
        out.push_str(&format!(" {last} {} more", count - shown));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_raw() {
        assert_eq!(quoted("a\u{1b}[2Jb\r\n\u{9b}\u{202e}\u{0}"), r"`a\u{1b}[2Jb\r\n\u{9b}\u{202e}\0`");
        assert_eq!(quoted(r#"it's "\n""#), r#"`it's "\\n"`"#);
        assert_eq!(quoted("Grüße"), "`Grüße`");
        assert_eq!(quoted(""), "the empty string");
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = "x".repeat(201);
        assert_eq!(quoted(&long), format!("`{}…` (201 characters)", "x".repeat(60)));
        assert_eq!(quoted(&long[1..]), format!("`{}`", "x".repeat(200)));
    }

    #[test]
    fn suggestions() {
        let keys = ["lima-home", "limactl", "keep-alive", "exit-timeout"];
        for (typo, meant) in [
            ("lima_home", "lima-home"),
            ("limahome", "lima-home"),
            ("LimaCtl", "limactl"),
            ("keepalive", "keep-alive"),
            ("exit-timout", "exit-timeout"),
        ] {
            assert_eq!(closest(typo, keys), Some(meant), "{typo}");
        }
        assert_eq!(closest("colour", keys), None);
        assert_eq!(closest("", keys), None);
        assert_eq!(closest(&"lima-home".repeat(20), keys), None);
    }

    #[test]
    fn lists() {
        assert_eq!(list(["a"].into_iter(), "or"), "`a`");
        assert_eq!(list(["a", "b", "c"].into_iter(), "or"), "`a`, `b` or `c`");
        let many = vec!["x"; 17];
        assert_eq!(list(many.into_iter(), "and"), format!("{} and 7 more", ["`x`"; 10].join(", ")));
    }
}
