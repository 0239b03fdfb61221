//! Files that the settings name with their digests, to travel in packages: `{ file = "...",
//! sha256 = "..." }`, or a list of such.
//!
//! Must not know: the disk, what the files are for.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::Architecture;
use super::names::Sha256;
use super::values::FilePath;

/// A file as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Its path, and where that is in the settings file.
    pub path: Spanned<FilePath>,
    /// Its digest.
    pub sha256: Sha256,
    /// The processor that it is for.
    pub architecture: Option<Architecture>,
}

/// One of Lima's release archives, whose name says the processor.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table, as { archive = \"lima-2.2.0-Darwin-arm64.tar.gz\", sha256 = \"...\" }"
)]
struct ArchiveTable {
    archive: Spanned<FilePath>,
    sha256: Sha256,
}

/// Another file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table, as { file = \"disk.qcow2\", sha256 = \"...\" }")]
struct FileTable {
    file: Spanned<FilePath>,
    sha256: Sha256,
    architecture: Option<Architecture>,
}

impl From<ArchiveTable> for NamedFile {
    fn from(ArchiveTable { archive, sha256 }: ArchiveTable) -> Self {
        Self { path: archive, sha256, architecture: None }
    }
}

impl From<FileTable> for NamedFile {
    fn from(FileTable { file, sha256, architecture }: FileTable) -> Self {
        Self { path: file, sha256, architecture }
    }
}

/// Release archives of Lima's.
pub fn archives<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<NamedFile>>, D::Error> {
    let expected =
        "a table, as { archive = \"lima-2.2.0-Darwin-arm64.tar.gz\", sha256 = \"...\" }, or a list of such";
    deserializer.deserialize_any(OneOrSeveral::<ArchiveTable>(expected, PhantomData))
}

/// Other files.
pub fn files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<NamedFile>>, D::Error> {
    let expected = "a table, as { file = \"disk.qcow2\", sha256 = \"...\" }, or a list of such";
    deserializer.deserialize_any(OneOrSeveral::<FileTable>(expected, PhantomData))
}

struct OneOrSeveral<T>(&'static str, PhantomData<T>);

impl<'de, T: Deserialize<'de> + Into<NamedFile>> Visitor<'de> for OneOrSeveral<T> {
    type Value = Option<Vec<NamedFile>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
        let one = T::deserialize(MapAccessDeserializer::new(table))?;
        Ok(Some(vec![one.into()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = items.next_element::<T>()? {
            all.push(one.into());
        }
        if all.is_empty() {
            return Err(A::Error::custom("the list is empty; name a file, or leave the setting out"));
        }
        Ok(Some(all))
    }
}
