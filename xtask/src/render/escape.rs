//! Escapers: one per language that a template is written in. `askama.toml`
//! binds each to a file name extension, so that a template cannot forget its
//! own.
//!
//! askama hands over a value in the pieces that its `Display` writes, so every
//! escaper's output stays right when outputs are put one after the other.
//! A refusal here reaches people only as "an error occurred when formatting an
//! argument"; what can be refused is refused, in words, where settings are read.
//!
//! Must not know: which templates exist, and what a value means.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// A word of a POSIX shell script, outside any quotes.
///
/// A piece that is not plainly safe goes into single quotes, inside which the
/// shell gives no character a meaning but `'` (POSIX.1-2024 XCU 2.2.2).
/// Adjacent quoted pieces are one word. NUL cannot be in a word.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sh;

impl Escaper for Sh {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
        if string.contains('\0') {
            return Err(fmt::Error);
        }
        if string.chars().all(plain) {
            return dest.write_str(string);
        }
        dest.write_char('\'')?;
        for (i, part) in string.split('\'').enumerate() {
            if i > 0 {
                dest.write_str(r"'\''")?;
            }
            dest.write_str(part)?;
        }
        dest.write_char('\'')
    }
}

/// Inside double quotes on an `Exec...=` line that turns `$` off with `:`, or
/// in an item of `Environment=` (systemd.syntax(7), "Quoting";
/// systemd.unit(5), "Specifiers").
///
/// A newline must never get through as itself: what follows it would be the
/// next directive, and `systemd-analyze verify` has nothing to say against it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Systemd;

impl Escaper for Systemd {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for c in string.chars() {
            match c {
                '\0' => return Err(fmt::Error),
                '\\' => dest.write_str(r"\\")?,
                '"' => dest.write_str("\\\"")?,
                '\n' => dest.write_str(r"\n")?,
                '\t' => dest.write_str(r"\t")?,
                '\r' => dest.write_str(r"\r")?,
                '%' => dest.write_str("%%")?,
                c if c.is_ascii_control() => write!(dest, "\\x{:02x}", u32::from(c))?,
                c => dest.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Inside a double-quoted JavaScript string.
///
/// Every character but ASCII letters, digits and `/._-` becomes UTF-16 code
/// units as `\uXXXX` (ECMA-262, 12.9.4), so the literal is a JSON string too,
/// and can end neither a `<script>` nor a CDATA section around it.
#[derive(Debug, Clone, Copy, Default)]
pub struct JavaScript;

impl Escaper for JavaScript {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for c in string.chars() {
            if c.is_ascii_alphanumeric() || "/._-".contains(c) {
                dest.write_char(c)?;
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(dest, "\\u{unit:04X}")?;
            }
        }
        Ok(())
    }
}

/// XML and XHTML: text, or an attribute's value in either kind of quotes.
///
/// Tab, newline and CR are written as references, since a parser makes spaces
/// of them in an attribute and newlines of CR in text (XML 1.0, 2.11 and
/// 3.3.3). What XML 1.0 cannot carry even so (2.2, `Char`) is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Xml;

impl Escaper for Xml {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for c in string.chars() {
            match c {
                '&' => dest.write_str("&amp;")?,
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '"' => dest.write_str("&quot;")?,
                '\'' => dest.write_str("&#39;")?,
                '\t' | '\n' | '\r' => write!(dest, "&#{};", u32::from(c))?,
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => return Err(fmt::Error),
                c => dest.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// For kinds of files that have no escaper yet: refuses every value, where
/// askama's own default would put it in as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deny;

impl Escaper for Deny {
    fn write_escaped_str<W: Write>(&self, _dest: W, _string: &str) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escaper: impl Escaper, pieces: &[&str]) -> Result<String, fmt::Error> {
        let mut out = String::new();
        for piece in pieces {
            escaper.write_escaped_str(&mut out, piece)?;
        }
        Ok(out)
    }

    #[test]
    fn sh_quotes_what_is_not_plain() {
        assert_eq!(escaped(Sh, &["/opt/homebrew/bin/limactl"]).unwrap(), "/opt/homebrew/bin/limactl");
        assert_eq!(escaped(Sh, &["it's $HOME"]).unwrap(), r"'it'\''s $HOME'");
        assert_eq!(escaped(Sh, &["a b", "c", "~"]).unwrap(), "'a b'c'~'");
        assert_eq!(escaped(Sh, &["a\nb"]).unwrap(), "'a\nb'");
        assert!(escaped(Sh, &["a\0b"]).is_err());
    }

    #[test]
    fn systemd_leaves_no_line_break_and_no_specifier() {
        assert_eq!(escaped(Systemd, &["a\nExecStartPre=x"]).unwrap(), r"a\nExecStartPre=x");
        assert_eq!(escaped(Systemd, &["%h \"q\" \\ $x\t\r\x1b"]).unwrap(), r#"%%h \"q\" \\ $x\t\r\x1b"#);
        assert!(escaped(Systemd, &["\0"]).is_err());
    }

    #[test]
    fn javascript_is_also_json() {
        let hostile = "/a \"b\" \\ ]]></script> \u{2028} \u{1f600} é";
        let text = escaped(JavaScript, &[hostile]).unwrap();
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-\\".contains(c)), "{text}");
        let read: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        assert_eq!(read, hostile);
    }

    #[test]
    fn xml_refuses_what_xml_cannot_carry() {
        assert_eq!(escaped(Xml, &["<a b='c'>&\n"]).unwrap(), "&lt;a b=&#39;c&#39;&gt;&amp;&#10;");
        assert!(escaped(Xml, &["\u{1}"]).is_err());
        assert!(escaped(Xml, &["\u{ffff}"]).is_err());
    }

    #[test]
    fn what_has_no_escaper_is_refused() {
        assert!(escaped(Deny, &["anything"]).is_err());
    }
}
