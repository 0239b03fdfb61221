//! What a table of contents says.
//!
//! Must not know: whether any of it is right. Numbers are numbers and digests stay
//! text; owners, modes and times of members, which mean nothing to Installer, are left out.

/// How many files and folders a TOC may have.
pub const FILES_MAX: usize = 10_000;
/// The longest name in bytes.
pub const NAME_MAX: usize = 1024;
/// How deep folders may be nested.
pub const FOLDERS_MAX: usize = 16;
/// How many bytes all paths together may have. Within the other limits a TOC of a few
/// megabytes has paths of 170.
pub const PATHS_LEN_MAX: usize = 16 << 20;

/// A table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toc {
    /// `creation-time`, as it stands.
    pub creation_time: Option<String>,
    /// The TOC's own digest.
    pub checksum: Option<TocChecksum>,
    /// `signature` and `x-signature` elements in order.
    pub signatures: Vec<TocSignature>,
    /// The top level's files in order.
    pub files: Vec<TocFile>,
}

/// Where the TOC's digest lies in the heap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TocChecksum {
    /// `sha1` or `sha256` in those that are known.
    pub style: String,
    /// Where in the heap, in bytes.
    pub offset: u64,
    /// How long, in bytes.
    pub size: u64,
}

/// Where a signature lies in the heap, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TocSignature {
    /// `signature` or `x-signature`.
    pub element: String,
    /// `RSA` or `CMS` in those that are known.
    pub style: String,
    /// Where in the heap, in bytes.
    pub offset: u64,
    /// The slot's length in bytes; a CMS signature is shorter.
    pub size: u64,
    /// The certificates in DER, in order.
    pub certificates: Vec<Vec<u8>>,
}

/// A member of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TocFile {
    /// The attribute `id`, as it stands.
    pub id: Option<String>,
    /// Its name: the last one counts, as in Apple's reader. Newer Apple tools write it
    /// twice.
    pub name: String,
    /// `file`, `directory` and others.
    pub file_type: Option<String>,
    /// Where its content is; folders have none.
    pub data: Option<TocData>,
    /// Where its extended attributes are (`ea`). Their places are wrong in some packages.
    pub extended_attributes: Vec<TocData>,
    /// What a folder holds.
    pub files: Vec<TocFile>,
}

impl TocFile {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a folder.
    pub fn is_directory(&self) -> bool {
        self.file_type.as_deref() == Some("directory")
    }
}

/// Where a member's content is and how it is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TocData {
    /// Its length in the heap, in bytes.
    pub length: u64,
    /// Where in the heap, in bytes.
    pub offset: u64,
    /// Its length once decoded, in bytes.
    pub size: u64,
    /// A MIME type; `None` means that it is stored as it is.
    pub encoding: Option<String>,
    /// The digest of the decoded content; `unarchived-checksum` in archives of 10.10.
    pub extracted_checksum: Option<Digest>,
    /// The digest of what is in the heap.
    pub archived_checksum: Option<Digest>,
}

/// A digest as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// `sha1` or `sha256` in those that are known.
    pub style: String,
    /// Hexadecimal digits in those that are right.
    pub hex: String,
}
