//! Where device managers find what is built, and in which of Munki's catalogs.
//!
//! Must not know: the files that say it to a manager.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::{NameError, deserialize_from_str, name_type, quoted, refuse, rfc3986};

/// The address at which the output folder is served: `https`, a host, perhaps a
/// port and a path. Kept without a slash at its end, as the crate url writes
/// it.
///
/// Macs fetch packages and manifests from nothing but https (Apple's
/// `other/manifesturl.yaml`). `$` is refused because Fleet's command line puts
/// variables in its place (`ExpandEnvBytes` in Fleet's `pkg/spec/gitops.go`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BaseUrl(String);

/// In characters: Fleet takes 4000 for a whole URL, and a file's own path is
/// put behind this one.
const BASE_URL_MAX: usize = 1000;

impl BaseUrl {
    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a file, by its path relative to the output folder.
    pub fn join(&self, path: &str) -> String {
        let mut url = Url::parse(&self.0).expect("it was parsed before");
        url.path_segments_mut().expect("https has a path").pop_if_empty().extend(path.split('/'));
        url.into()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        const RIGHT: &str =
            "give the https address at which the output folder is served, as `https://mdm.example.com/lima`";
        let shown = quoted(text);
        if let Some(c) = text.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '$') {
            refuse!("{shown} contains {}, which an address here may not; {RIGHT}", quoted(&c.to_string()));
        }
        if text.chars().count() > BASE_URL_MAX {
            refuse!("{shown} is too long; an address here has at most {BASE_URL_MAX} characters");
        }
        let (authority, path) = match rfc3986::split(text, "https") {
            Ok(parts) => parts,
            Err(fault) => refuse!("{shown} {fault}, and Macs fetch from nothing else; {RIGHT}"),
        };
        if text.contains(['?', '#']) {
            refuse!("{shown} has a part behind `?` or `#`, and paths are put behind the address; {RIGHT}");
        }
        if authority.contains('@') {
            refuse!(
                "{shown} contains a user or a password, which whoever reads a manifest would learn; {RIGHT}"
            );
        }
        let host = match rfc3986::host(authority).and_then(|host| rfc3986::path(path).map(|()| host)) {
            Ok(host) => host,
            Err(fault) => refuse!("{shown} is not an address: it {fault}; {RIGHT}"),
        };
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => refuse!("{shown} is not an address: {error}; {RIGHT}"),
        };
        // Browsers and curl read `0x7f.1`, `192.0.2.01` and `%61` as other hosts.
        let read = url.host_str().unwrap_or_default();
        if !host.starts_with('[') && !read.eq_ignore_ascii_case(host) {
            refuse!("{shown} names a host that some programs take for {}; write that; {RIGHT}", quoted(read));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

deserialize_from_str!(BaseUrl, "an address in quotes");

impl serde::Serialize for BaseUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

name_type!(
    /// Name of a Munki catalog, which is a file's name in the repository:
    /// letters, digits, `.`, `_` and `-`, the first one a letter or digit, at
    /// most 100 characters, and not `all`, which is Munki's own.
    #[derive(PartialOrd, Ord)]
    CatalogName, "a catalog's name in quotes"
);

/// In characters (all of them ASCII).
const CATALOG_NAME_MAX: usize = 100;

impl CatalogName {
    fn check(text: &str) -> Result<(), NameError> {
        let shape = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if !shape {
            refuse!(
                "{} is not a name of a catalog: use a letter or digit, then letters A-Z, a-z, digits, `.`, `_` or `-`, as `testing`",
                quoted(text)
            );
        }
        if text.len() > CATALOG_NAME_MAX {
            refuse!(
                "{} has {} characters; a catalog's name has at most {CATALOG_NAME_MAX}",
                quoted(text),
                text.len()
            );
        }
        if text.eq_ignore_ascii_case("all") {
            refuse!("{} is Munki's own catalog of everything; name another", quoted(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::names::testing::{accepts, refuses};

    #[test]
    fn addresses() {
        accepts::<BaseUrl>(&[
            "https://example.com",
            "https://mdm.example.com:8443/a/b%20c",
            "https://[2001:db8::1]/x",
            "https://192.0.2.1",
            "https://mdm.example.com/~lima/a:b@c;d=e,f!(g)*'h+i&j",
        ]);
        refuses::<BaseUrl>(&[
            "",
            "http://example.com",
            "example.com",
            "https:example.com",
            "https:///",
            "https://",
            "https://a b.example",
            "https://user@example.com",
            "https://:x@example.com",
            "https://@example.com",
            "https://example.com/?",
            "https://example.com/?a=b",
            "https://example.com/#",
            "https://example.com\\a",
            "https://example.com/$HOME",
            " https://example.com",
            "https://example.com\n",
            "https://example.com:99999",
            "https://example.com:",
            "https://example.com:+1",
            "https://ex%",
            "https://ex%61mple.com",
            "https://0x7f.1",
            "https://127.1",
            "https://192.0.2.01",
            "https://192.0.2.256",
            "https://ex|ample.com",
            "https://exämple.com",
            "https://[::1",
            "https://[::g]",
            "https://[fe80::1%25en0]",
            "https://[v7.x]",
            "https://example.com/a b",
            "https://example.com/ü",
            "https://example.com/%",
            "https://example.com/%4",
            "https://example.com/%zz",
            "https://example.com/{a}",
            "https://example.com/a|b",
            "https://example.com/[a]",
            "https://example.com/a^b",
            "https://example.com/`id`",
            "https://example.com/\"a\"",
            "https://example.com/<a>",
            "https://example.com/\u{202e}",
            "https:/example.com",
            "https:\\\\example.com",
            "//example.com",
            "\u{1b}[2J",
            &format!("https://example.com/{}", "a".repeat(1000)),
        ]);
    }

    #[test]
    fn an_address_is_written_in_one_way() {
        for (written, kept) in [
            ("https://example.com/", "https://example.com"),
            ("HTTPS://Example.COM:443/Lima//", "https://example.com/Lima"),
            ("https://example.com/a/../%C3%BC", "https://example.com/%C3%BC"),
            ("https://[2001:DB8:0::1]:0443/", "https://[2001:db8::1]"),
        ] {
            let url: BaseUrl = written.parse().unwrap();
            assert_eq!(url.as_str(), kept);
            assert_eq!(kept.parse::<BaseUrl>().unwrap(), url);
        }
    }

    #[test]
    fn a_path_is_put_behind_it() {
        let url = |text: &str| text.parse::<BaseUrl>().unwrap();
        assert_eq!(url("https://h.example").join("k3s/a.pkg"), "https://h.example/k3s/a.pkg");
        assert_eq!(url("https://h.example/a/b/").join("x@y.z"), "https://h.example/a/b/x@y.z");
        assert_eq!(
            url("https://h.example/a").join("a b/c?d#e%f/ü"),
            "https://h.example/a/a%20b/c%3Fd%23e%25f/%C3%BC"
        );
    }

    #[test]
    fn catalogs() {
        accepts::<CatalogName>(&["testing", "9", "a.b_c-D", "alle", &"a".repeat(100)]);
        refuses::<CatalogName>(&[
            "",
            ".",
            "..",
            ".a",
            "-a",
            "a/b",
            "a b",
            "ä",
            "all",
            "ALL",
            "a\0",
            &"a".repeat(101),
        ]);
    }
}
