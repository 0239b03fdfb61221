//! Paths on the machine that an instance runs on.
//!
//! Must not know: the disk of the machine that builds.

use super::{NameError, name_type, quoted, refuse};

name_type!(
    /// An absolute path in its plainest form: no `.` or `..`, no `//`, no
    /// slash at the end (so never `/` itself), no control characters, none of
    /// U+FFFE and U+FFFF (a property list is XML, which cannot hold them) nor of
    /// U+2028 and U+2029 (Munki breaks the lines of scripts there), at most 1023 bytes of UTF-8 (macOS' `PATH_MAX` is 1024 with the final NUL).
    ///
    /// One path has one spelling, so that two settings can be compared, and
    /// appending `/name` to it never makes another form.
    #[derive(PartialOrd, Ord)]
    AbsolutePath, "an absolute path in quotes"
);

/// In bytes of UTF-8.
const PATH_MAX: usize = 1023;

impl AbsolutePath {
    fn check(text: &str) -> Result<(), NameError> {
        if text == "~" || text.starts_with("~/") {
            refuse!(
                "{}: `~` is not expanded; write the home folder out, as `/Users/alice/.lima`",
                quoted(text)
            );
        }
        if !text.starts_with('/') {
            refuse!("{} is not an absolute path; start at `/`", quoted(text));
        }
        if let Some(c) = text
            .chars()
            .find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}'))
        {
            refuse!(
                "{} contains U+{:04X}, which a property list, a unit or a script for Munki cannot carry in a path",
                quoted(text),
                u32::from(c)
            );
        }
        if text == "/" {
            refuse!("{} is the root folder itself; name something in it", quoted(text));
        }
        if text.ends_with('/') {
            refuse!("{} ends in a slash; leave it out", quoted(text));
        }
        // What is before the first slash is empty; that is not a component.
        for component in text.split('/').skip(1) {
            match component {
                "" => refuse!("{} has two slashes in a row; leave one out", quoted(text)),
                "." | ".." => {
                    refuse!("{} has a `{component}` in it; write the path that it leads to", quoted(text))
                }
                _ => {}
            }
        }
        if text.len() > PATH_MAX {
            refuse!("{} has {} bytes; macOS allows a path {PATH_MAX}", quoted(text), text.len());
        }
        Ok(())
    }

    /// Parses the path of a program whose folder goes into PATH, where `:`
    /// would end it.
    pub fn parse_program(text: &str) -> Result<Self, NameError> {
        let path: Self = text.parse()?;
        if path.folder().contains(':') {
            refuse!(
                "{} lies in a folder with a `:` in its name, and that folder cannot go into PATH; use a link to it from another folder",
                quoted(text)
            );
        }
        Ok(path)
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &str {
        match self.as_str().rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((folder, _)) => folder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::names::testing::{accepts, refuses};

    #[test]
    fn paths() {
        accepts::<AbsolutePath>(&[
            "/a",
            "/opt/homebrew/bin/limactl",
            "/Users/Zoë Müller/.lima",
            "/a/.../b",
            "/a:b",
            "/$(id)/`x`/%h/'\"\\",
            &format!("/{}", "a".repeat(1022)),
        ]);
        refuses::<AbsolutePath>(&[
            "",
            "a",
            "./a",
            "~",
            "~/x",
            "/",
            "//",
            "//a",
            "/a//b",
            "/a/",
            "/.",
            "/a/.",
            "/./a",
            "/..",
            "/a/../b",
            "/a\u{2028}b",
            "/a\u{2029}b",
            "/a\n",
            "/a\0b",
            "/a\u{85}",
            "/\u{fffe}",
            "/\u{ffff}",
            &format!("/{}", "a".repeat(1023)),
        ]);
    }

    #[test]
    fn programs() {
        for (path, folder) in [("/limactl", "/"), ("/a/b/limactl", "/a/b"), ("/a/b:c", "/a")] {
            assert_eq!(AbsolutePath::parse_program(path).unwrap().folder(), folder);
        }
        let error = AbsolutePath::parse_program("/a:b/limactl").unwrap_err().to_string();
        assert!(error.starts_with("`/a:b/limactl` lies in a folder with a `:`"), "{error}");
        assert!(AbsolutePath::parse_program("limactl").is_err());
    }
}
