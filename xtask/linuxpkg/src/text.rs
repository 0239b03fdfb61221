//! Text in lines.
//!
//! Must not know: what it is for.

/// A paragraph in lines of at most `width` characters; a longer word has a line of its own.
/// No line begins with a dot, which means something else there.
pub fn wrapped(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line)
                if word.starts_with('.') || line.chars().count() + 1 + word.chars().count() <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_are_as_wide_as_they_may_be() {
        assert_eq!(wrapped("a bc  def g", 4), ["a bc", "def", "g"]);
        assert_eq!(wrapped("longer ab", 4), ["longer", "ab"]);
        assert_eq!(wrapped("abcd .ef gh", 4), ["abcd .ef", "gh"]);
        assert!(wrapped(" ", 4).is_empty());
    }
}
