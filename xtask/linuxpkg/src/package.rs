//! A package as every format writes it.
//!
//! Must not know: any format's bytes.

use crate::error::Error;

/// A package for any processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, which all formats have to take: `[a-z0-9][a-z0-9+.-]+`.
    pub name: String,
    /// Upstream's version: a digit, then digits, letters, `.` and `+`.
    pub version: String,
    /// The package's revision, such as `1`: digits and dots.
    pub release: String,
    /// Who answers for it: `Name <address>`.
    pub maintainer: String,
    /// What it is, in a line without a full stop.
    pub summary: String,
    /// The same at length, in paragraphs.
    pub description: Vec<String>,
    /// Where it comes from, as a URL.
    pub homepage: Option<String>,
    /// The licence's SPDX identifier.
    pub license: String,
    /// Who holds the rights, and the licence's text.
    pub copyright: Copyright,
    /// What it installs, in any order. Folders above a path need no entry.
    pub files: Vec<Entry>,
    /// What runs when it is installed or removed.
    pub scripts: Scripts,
    /// What it needs.
    pub depends: Depends,
    /// What changed, the latest first; not empty.
    pub changes: Vec<Change>,
    /// Modification time of everything in it, and its own, in seconds since 1970.
    pub time: u32,
}

/// Who holds the rights, and under which conditions others may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copyright {
    /// Years and names, such as `2026 Alice Example`.
    pub holders: Vec<String>,
    /// The licence's text.
    pub text: String,
}

/// A path that a package installs, owned by root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where, without a leading slash: `usr/lib/x`.
    pub path: String,
    /// Permissions, such as `0o644`; of a link they do not count.
    pub mode: u32,
    /// What is there.
    pub content: Content,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A regular file.
    File(Vec<u8>),
    /// A symbolic link, with where it leads.
    Link(String),
    /// A folder of the package's own, which goes when the package does. The formats list
    /// the folders above each path anyway; RPM alone has to be told whose they are.
    Folder,
}

/// What runs as root, for each format its own, since their arguments differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scripts {
    /// Debian's maintainer scripts.
    pub deb: DebScripts,
    /// RPM's scriptlets.
    pub rpm: RpmScripts,
    /// Arch's `.INSTALL`: functions in sh, such as `post_install`.
    pub arch: Option<String>,
}

/// Debian's maintainer scripts, whole, with `#!`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DebScripts {
    /// Before files are there.
    pub preinst: Option<String>,
    /// When they are.
    pub postinst: Option<String>,
    /// Before they go.
    pub prerm: Option<String>,
    /// When they are gone.
    pub postrm: Option<String>,
}

/// RPM's scriptlets, which `/bin/sh` runs, without `#!`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RpmScripts {
    /// `%pre`: before files are there.
    pub pre: Option<String>,
    /// `%post`: when they are.
    pub post: Option<String>,
    /// `%preun`: before they go.
    pub preun: Option<String>,
    /// `%postun`: when they are gone.
    pub postun: Option<String>,
    /// `%posttrans`: at the end of the transaction.
    pub posttrans: Option<String>,
}

/// What a package needs, under each distribution's names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Depends {
    /// Debian's.
    pub deb: Relations,
    /// RPM's.
    pub rpm: Relations,
    /// Arch's.
    pub arch: Relations,
}

/// What a package needs, from necessary to useful.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relations {
    /// Without these it is not installed.
    pub requires: Vec<Relation>,
    /// Installed beside it unless somebody objects. Arch knows no such thing: there it is
    /// a suggestion.
    pub recommends: Vec<Relation>,
    /// Named as useful.
    pub suggests: Vec<Relation>,
}

/// Another package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// The oldest version that will do.
    pub at_least: Option<String>,
    /// What it is for; Arch shows it beside suggestions.
    pub why: Option<String>,
}

impl Relation {
    /// Any version.
    pub fn any(name: impl Into<String>) -> Self {
        Self { name: name.into(), at_least: None, why: None }
    }

    /// From a version on.
    pub fn at_least(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), at_least: Some(version.into()), why: None }
    }

    /// The same, with what it is for.
    #[must_use]
    pub fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }
}

/// What changed in a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The version with its revision, such as `1.0-1`.
    pub version: String,
    /// When, in seconds since 1970.
    pub time: u32,
    /// A sentence for each change.
    pub lines: Vec<String>,
}

/// Longest summary in characters: Debian's tools complain about longer ones.
pub const SUMMARY_MAX: usize = 80;

impl Package {
    /// Checks all that every format relies on.
    ///
    /// # Errors
    /// The first field that a format would not take.
    pub fn check(&self) -> Result<(), Error> {
        let field = |field, value: &str, reason| Err(Error::Field { field, value: value.to_owned(), reason });
        if !is_name(&self.name) {
            return field(
                "name",
                &self.name,
                "has to be small letters, digits, +, - and ., begin with a letter or digit and have two at least",
            );
        }
        if !is_version(&self.version) {
            return field("version", &self.version, "has to be a digit, then letters, digits, . and +");
        }
        if !self.release.starts_with(|one: char| one.is_ascii_digit())
            || !self.release.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return field("release", &self.release, "has to be digits and dots, such as 1");
        }
        if !is_maintainer(&self.maintainer) {
            return field(
                "maintainer",
                &self.maintainer,
                "has to be a name and an address, as Name <address>",
            );
        }
        let length = self.summary.chars().count();
        if !is_line(&self.summary) || length > SUMMARY_MAX || self.summary.ends_with('.') {
            return field(
                "summary",
                &self.summary,
                "has to be a line of at most 80 characters without a full stop",
            );
        }
        if let Some(homepage) = &self.homepage
            && (!is_line(homepage) || homepage.contains(' ') || !homepage.contains("://"))
        {
            return field("homepage", homepage, "has to be a URL");
        }
        if !is_line(&self.license) {
            return field("license", &self.license, "has to be the SPDX identifier of a licence");
        }
        let lines = self.description.iter().chain(&self.copyright.holders);
        let lines = lines.chain(self.changes.iter().flat_map(|change| &change.lines));
        for line in lines {
            if !is_line(line) {
                return field("text", line, "has to be a line without control characters");
            }
        }
        if let Some(text) = self.description.iter().find(|text| text.starts_with('.')) {
            return field("description", text, "begins a paragraph with a dot");
        }
        if self.copyright.text.chars().any(|one| one.is_control() && one != '\n') {
            return field("licence text", &self.copyright.text, "holds control characters");
        }
        if self.changes.is_empty() {
            return field("list of changes", "", "has to have an entry at least");
        }
        for change in &self.changes {
            if !is_line(&change.version) || change.version.contains([' ', '(', ')']) {
                return field("version of a change", &change.version, "has to be a version");
            }
        }
        for relations in [&self.depends.deb, &self.depends.rpm, &self.depends.arch] {
            relations.check()?;
        }
        self.scripts.check()
    }
}

impl Relations {
    fn check(&self) -> Result<(), Error> {
        for relation in self.requires.iter().chain(&self.recommends).chain(&self.suggests) {
            let field = |value: &str, reason| {
                Err(Error::Field { field: "other package", value: value.to_owned(), reason })
            };
            // rpm's may be a path.
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._@/()".contains(&byte);
            if relation.name.is_empty() || !relation.name.bytes().all(is_name) {
                return field(&relation.name, "is not a package's name");
            }
            if let Some(version) = relation.at_least.as_ref().filter(|version| !is_version(version)) {
                return field(version, "is not a version: a digit, then letters, digits, . and +");
            }
            if let Some(why) = relation.why.as_ref().filter(|why| !is_line(why)) {
                return field(why, "has to be a line without control characters");
            }
        }
        Ok(())
    }
}

impl Scripts {
    fn check(&self) -> Result<(), Error> {
        let (deb, rpm) = (&self.deb, &self.rpm);
        let whole = [
            ("preinst", &deb.preinst),
            ("postinst", &deb.postinst),
            ("prerm", &deb.prerm),
            ("postrm", &deb.postrm),
        ];
        let bodies = [
            ("%pre", &rpm.pre),
            ("%post", &rpm.post),
            ("%preun", &rpm.preun),
            ("%postun", &rpm.postun),
            ("%posttrans", &rpm.posttrans),
            (".INSTALL", &self.arch),
        ];
        for (script, text) in whole {
            if text.as_ref().is_some_and(|text| !text.starts_with("#!")) {
                return Err(Error::Script { script, reason: "has to begin with #!" });
            }
        }
        for (script, text) in whole.into_iter().chain(bodies) {
            if text.as_ref().is_some_and(|text| text.contains('\0')) {
                return Err(Error::Script { script, reason: "holds a NUL" });
            }
        }
        Ok(())
    }
}

/// Whether all formats take it for a package's name.
pub fn is_name(name: &str) -> bool {
    let is_small = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() >= 2
        && bytes.first().is_some_and(is_small)
        && bytes.iter().all(|byte| is_small(byte) || b"+.-".contains(byte))
}

/// Whether all formats take it for upstream's version.
pub fn is_version(version: &str) -> bool {
    version.starts_with(|one: char| one.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+".contains(&byte))
}

/// Whether it is `Name <address>`.
pub fn is_maintainer(text: &str) -> bool {
    let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.split_once(" <")) else {
        return false;
    };
    let is_plain = |text: &str| is_line(text) && !text.contains(['<', '>']);
    is_plain(name) && is_plain(address) && !address.contains(' ') && name.trim() == name
}

/// Whether it is a line of text: there, printable, and not blank at either end.
fn is_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
