//! `artifacts.json` and `SHA256SUMS`: what a run built, for machines.
//!
//! ```text
//! artifacts.json   { "schema": 1, "version": "...", ..., "artifacts": [ ... ] }, as docs/artifacts.schema.json has it
//! SHA256SUMS       digest, two spaces, path: a line per file, as sha256sum writes and checks it
//! ```
//!
//! Both are written and read one artifact at a time: a run may have hundreds of
//! thousands. Their order is that of the build: instances by the name of their
//! folder, each one's files in the plan's order, then what belongs to all instances.
//!
//! Must not know: how files are built or where `out/` is.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::partition::Partition;
use crate::artifact::{Artifact, Built};
use crate::settings::names::{BaseUrl, Commit};

/// Version of the schema of `artifacts.json` and of `plan --format json`. It
/// grows when a field changes its meaning or goes, not when one is added.
pub const SCHEMA: u32 = 1;
/// File name of the manifest.
pub const MANIFEST_FILE: &str = "artifacts.json";
/// File name of the checksums.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// What `artifacts.json` says beside the artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of every package of the run.
    pub version: String,
    /// Version of the program that built it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub program: Option<String>,
    /// The commit that was built, where the run was told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<Commit>,
    /// Where the files are served, if device managers are to fetch them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base_url: Option<BaseUrl>,
    /// Who publishes the packages, where the settings say so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organization: Option<String>,
    /// Time of the files inside archives, seconds since 1970: `SOURCE_DATE_EPOCH`,
    /// or a fixed date.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<u32>,
    /// Of which run this is a part; nothing where it is all of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub partition: Option<Part>,
}

/// What `artifacts.json` says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What is recorded of it.
    #[serde(flatten)]
    pub built: Built,
    /// Its permission bits, as in `0644`: an upload or a web server loses them.
    pub mode: String,
    /// Where it is served, in a run with a `base_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Listed {
    /// Lists a file of a run with this header.
    pub fn new(built: Built, mode: u32, header: &Header) -> Self {
        let url = header.base_url.as_ref().map(|base| base.join(&built.artifact.path));
        Self { built, mode: format!("{mode:04o}"), url }
    }
}

/// What a part of a run records for `merge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which part.
    #[serde(flatten)]
    pub partition: Partition,
    /// A digest of all that the parts of one run have in common: the program,
    /// the spec, what was asked for, who signs. Hexadecimal.
    pub run: String,
    /// Time of the files inside archives, seconds since 1970.
    pub time: u32,
    /// What is made of all the parts' files.
    #[serde(rename = "of_all")]
    pub of_run: Vec<Artifact>,
}

impl Header {
    /// A header of this program's schema.
    pub fn new(version: String, partition: Option<Part>) -> Self {
        Self {
            schema: SCHEMA,
            version,
            program: Some(env!("CARGO_PKG_VERSION").to_owned()),
            commit: None,
            base_url: None,
            organization: None,
            time: None,
            partition,
        }
    }
}

/// Writes `artifacts.json`, one field a line, with a newline at its end.
///
/// # Errors
/// What `artifacts` or `out` reports.
pub fn write_json<W: Write>(
    out: &mut W,
    header: &Header,
    artifacts: impl Iterator<Item = io::Result<Listed>>,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Manifest<'a, S: Serialize> {
        #[serde(flatten)]
        header: &'a Header,
        artifacts: S,
    }
    let manifest = Manifest { header, artifacts: Sequence(RefCell::new(artifacts)) };
    serde_json::to_writer_pretty(&mut *out, &manifest)?;
    out.write_all(b"\n")
}

/// What an iterator gives, as a sequence that is never held as a whole.
struct Sequence<I>(RefCell<I>);

impl<I: Iterator<Item = io::Result<Listed>>> Serialize for Sequence<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut sequence = serializer.serialize_seq(None)?;
        for listed in &mut *self.0.borrow_mut() {
            sequence.serialize_element(&listed.map_err(S::Error::custom)?)?;
        }
        sequence.end()
    }
}

/// Reads `artifacts.json`: what it says beside the artifacts, and each artifact
/// as a `T`, in order, while it is read. The header may come after them.
///
/// # Errors
/// Text that is no such manifest, or what `each` reports.
pub fn read_json<T: DeserializeOwned>(
    input: impl Read,
    each: impl FnMut(T) -> io::Result<()>,
) -> io::Result<serde_json::Map<String, serde_json::Value>> {
    let each = RefCell::new(each);
    let mut deserializer = serde_json::Deserializer::from_reader(io::BufReader::new(input));
    let fields = Fields { each: &each, item: PhantomData }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(fields)
}

/// Reads the header alone.
///
/// # Errors
/// As [`read_json`], and fields that are missing.
pub fn read_header(input: impl Read) -> io::Result<Header> {
    let fields = read_json::<IgnoredAny>(input, |_| Ok(()))?;
    Ok(serde_json::from_value(fields.into())?)
}

/// Calls `each` with the paths that an earlier run's `artifacts.json` lists. A
/// path that leaves the folder is not a path of ours and is left out.
///
/// # Errors
/// As [`read_json`].
pub fn paths(input: impl Read, mut each: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    #[derive(Deserialize)]
    struct Listed {
        path: String,
    }
    read_json(input, |listed: Listed| if stays_inside(&listed.path) { each(&listed.path) } else { Ok(()) })
        .map(drop)
}

/// Whether a path is one below the folder that it is relative to.
pub fn stays_inside(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A line of `SHA256SUMS`.
pub fn sums_line(path: &str, sha256: &str) -> String {
    format!("{sha256}  {path}\n")
}

struct Fields<'a, T, F> {
    each: &'a RefCell<F>,
    item: PhantomData<T>,
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> io::Result<()>> DeserializeSeed<'de> for Fields<'_, T, F> {
    type Value = serde_json::Map<String, serde_json::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> io::Result<()>> Visitor<'de> for Fields<'_, T, F> {
    type Value = serde_json::Map<String, serde_json::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of artifacts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = serde_json::Map::new();
        let mut any = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "artifacts" {
                any = true;
                map.next_value_seed(Items { each: self.each, item: PhantomData::<T> })?;
            } else {
                fields.insert(key, map.next_value()?);
            }
        }
        if any { Ok(fields) } else { Err(serde::de::Error::missing_field("artifacts")) }
    }
}

struct Items<'a, T, F> {
    each: &'a RefCell<F>,
    item: PhantomData<T>,
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> io::Result<()>> DeserializeSeed<'de> for Items<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> io::Result<()>> Visitor<'de> for Items<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of artifacts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element::<T>()? {
            (self.each.borrow_mut())(item).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_cannot_name_files_outside_its_folder() {
        let json = br#"{"artifacts":[{"path":"a/b"},{"path":"/etc/passwd"},{"path":"../x"},{"path":"a/../../x"},{"path":""}]}"#;
        let mut found = Vec::new();
        paths(&json[..], |path| {
            found.push(path.to_owned());
            Ok(())
        })
        .unwrap();
        assert_eq!(found, ["a/b"]);
    }

    #[test]
    fn a_header_is_read_from_either_side_of_the_artifacts() {
        let header = Header { program: None, ..Header::new("1.0".to_owned(), None) };
        for json in [
            r#"{"schema":1,"version":"1.0","artifacts":[]}"#,
            r#"{"artifacts":[{"path":"a"}],"version":"1.0","schema":1}"#,
        ] {
            assert_eq!(read_header(json.as_bytes()).unwrap(), header);
        }
        for json in ["{}", "[]", r#"{"artifacts":{}}"#, r#"{"artifacts":[]} x"#] {
            assert!(read_json::<IgnoredAny>(json.as_bytes(), |_| Ok(())).is_err(), "{json}");
        }
    }

    #[test]
    fn an_error_on_the_way_ends_the_reading() {
        let json = r#"{"artifacts":[{"path":"a"},{"path":"b"}]}"#;
        let mut calls = 0;
        let error = paths(json.as_bytes(), |_| {
            calls += 1;
            Err(io::Error::other("no more"))
        });
        assert!(error.unwrap_err().to_string().contains("no more"));
        assert_eq!(calls, 1);
    }
}
