//! The grammar of an address: RFC 3986, appendix A, as far as an address here may go.
//!
//! ```text
//! https://  host [ ":" port ] *( "/" segment )
//! host    = "[" IPv6address "]" / *( unreserved / pct-encoded / sub-delims )
//! segment = *( unreserved / pct-encoded / sub-delims / ":" / "@" )
//! ```
//!
//! The crate url follows the WHATWG's standard for browsers instead, which mends what is
//! none, and guesses.
//!
//! Must not know: what an address is for.

use std::net::Ipv6Addr;

/// The authority and the path of an address of this scheme; the path begins with a slash or
/// is empty.
///
/// # Errors
/// What is wrong, to stand behind the address.
pub fn split<'a>(text: &'a str, scheme: &str) -> Result<(&'a str, &'a str), String> {
    let start = text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
    let rest = start.and_then(|_| text[scheme.len()..].strip_prefix("://"));
    let rest = rest.ok_or_else(|| format!("does not start with `{scheme}://`"))?;
    let end = rest.find('/').unwrap_or(rest.len());
    Ok(rest.split_at(end))
}

const IN_HOST: &str = "in its host";

/// Checks a host with or without a port; who logs in is not a part of it. Returns the host.
///
/// # Errors
/// As [`split`].
pub fn host(authority: &str) -> Result<&str, String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => {
            let (address, port) = literal.split_once(']').ok_or("has a `[` without `]`")?;
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(format!("has `[{address}]` as its host, which is not an IPv6 address"));
            }
            (&authority[..address.len() + 2], port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (name, port) = authority.split_at(end);
            characters(name, IN_HOST, |_| false)?;
            (name, port)
        }
    };
    if host.is_empty() {
        return Err("names no host".to_owned());
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(host),
        // An empty port is one by the grammar, and nobody means it.
        Some(digits) if digits.parse::<u16>().is_ok() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(host)
        }
        _ => Err(format!("has {port:?} behind its host, and a port is a number up to 65535 behind a `:`")),
    }
}

/// Checks a path.
///
/// # Errors
/// As [`split`].
pub fn path(path: &str) -> Result<(), String> {
    characters(path, "in its path", |byte| matches!(byte, b'/' | b':' | b'@'))
}

/// `unreserved`, `pct-encoded`, `sub-delims`, and what else may be there.
fn characters(text: &str, place: &str, also: impl Fn(u8) -> bool) -> Result<(), String> {
    let mut rest = text.bytes().enumerate();
    while let Some((at, byte)) = rest.next() {
        let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_unreserved || b"!$&'()*+,;=".contains(&byte) || also(byte) {
            continue;
        }
        let is_digit = |next: Option<(usize, u8)>| next.is_some_and(|(_, byte)| byte.is_ascii_hexdigit());
        if byte == b'%' {
            if is_digit(rest.next()) && is_digit(rest.next()) {
                continue;
            }
            return Err(format!("has a `%` {place} without two hexadecimal digits behind it"));
        }
        let character = text[at..].chars().next().unwrap_or_default();
        let shown = super::quoted(&character.to_string());
        if character.is_ascii() {
            return Err(format!("holds {shown} {place}; write `%{byte:02X}`"));
        }
        let mut encoded = [0; 4];
        let encoded: String =
            character.encode_utf8(&mut encoded).bytes().map(|byte| format!("%{byte:02X}")).collect();
        let right = if place == IN_HOST {
            "the name as DNS has it, with `xn--`".to_owned()
        } else {
            format!("`{encoded}`")
        };
        return Err(format!("holds {shown} {place}; write {right}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split() {
        assert_eq!(split("https://h:1/a/b", "https"), Ok(("h:1", "/a/b")));
        assert_eq!(split("HTTPS://h", "https"), Ok(("h", "")));
        for text in ["", "h", "https:/h", "https:h", "http://h", "https", "ftp://h", "äöü"] {
            assert!(split(text, "https").is_err(), "{text}");
        }
    }

    #[test]
    fn hosts() {
        for (authority, name) in [
            ("h", "h"),
            ("a.example:443", "a.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("[::1]:8443", "[::1]"),
            ("[2001:db8::192.0.2.1]", "[2001:db8::192.0.2.1]"),
            ("a_b~!&'()*+,;=%C3%BC", "a_b~!&'()*+,;=%C3%BC"),
        ] {
            assert_eq!(host(authority), Ok(name));
        }
        for authority in [
            "",
            ":443",
            "h:",
            "h:x",
            "h:+1",
            "h:99999",
            "h:1:2",
            "h ",
            "hä",
            "a%2",
            "a%zz",
            "a\\b",
            "a|b",
            "a[b",
            "[",
            "[]",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[1:2:3]",
            "[::1%25en0]",
            "[v1.x]",
            "[192.0.2.1]",
            "u@h",
            "\0",
        ] {
            assert!(host(authority).is_err(), "{authority:?}");
        }
    }

    #[test]
    fn paths() {
        for good in ["", "/", "//", "/a/b%20c/:@!$&'()*+,;=~._-", "/%00", "/..", "/%c3%bC"] {
            assert_eq!(path(good), Ok(()), "{good}");
        }
        for bad in [
            "/a b",
            "/%",
            "/%2",
            "/%g0",
            "/%ä",
            "/ü",
            "/\"",
            "/<",
            "/>",
            "/[",
            "/]",
            "/^",
            "/`",
            "/{",
            "/|",
            "/}",
            "/\\",
            "/#",
            "/?",
            "/\u{7f}",
            "/\0",
            "/\u{202e}",
        ] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }
}
