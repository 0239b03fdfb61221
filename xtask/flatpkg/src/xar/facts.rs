//! What a table of contents says, element by element.
//!
//! Must not know: whether any of it is right. Numbers are numbers and digests stay
//! text; elements that nothing here names can be found in [`TocFile::element`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::XarReadError;
use crate::xml::Element;

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
    /// Every `name` in order: newer Apple tools write it twice.
    pub names: Vec<String>,
    /// `file`, `directory` and others.
    pub file_type: Option<String>,
    /// Where its content is; folders have none.
    pub data: Option<TocData>,
    /// What a folder holds.
    pub files: Vec<TocFile>,
    /// The element with everything else that it says (owner, mode, times) as text;
    /// `data` and the files in it are left out.
    pub element: Element,
}

impl TocFile {
    /// Its name: the last one counts, as in Apple's reader and `apple-xar`.
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
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
    /// The digest of the decoded content.
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

/// Takes a TOC's document apart.
pub(super) fn toc(document: &Element) -> Result<Toc, XarReadError> {
    let toc = document
        .first("toc")
        .filter(|_| document.name == "xar")
        .ok_or(XarReadError::Missing { what: "the element xar/toc".to_owned() })?;
    let checksum = match toc.first("checksum") {
        None => None,
        Some(element) => Some(TocChecksum {
            style: element.attribute("style").unwrap_or_default().to_owned(),
            offset: number(element, "offset", "the TOC's checksum")?,
            size: number(element, "size", "the TOC's checksum")?,
        }),
    };
    let signatures = toc
        .children
        .iter()
        .filter(|child| matches!(child.name.as_str(), "signature" | "x-signature"))
        .map(signature)
        .collect::<Result<_, _>>()?;
    Ok(Toc {
        creation_time: toc.child_text("creation-time").map(str::to_owned),
        checksum,
        signatures,
        files: files(toc, 0, 0, &mut Counts::default())?,
    })
}

fn signature(element: &Element) -> Result<TocSignature, XarReadError> {
    let x509 = element.first("KeyInfo").and_then(|info| info.first("X509Data"));
    let certificates = x509
        .into_iter()
        .flat_map(|data| data.all("X509Certificate"))
        .map(|certificate| {
            let compact: String = certificate.text.split_ascii_whitespace().collect();
            STANDARD.decode(compact).map_err(|_| XarReadError::Invalid {
                what: "X509Certificate".to_owned(),
                place: format!("the element {}", element.name),
                reason: "not Base64",
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(TocSignature {
        element: element.name.clone(),
        style: element.attribute("style").unwrap_or_default().to_owned(),
        offset: number(element, "offset", &element.name)?,
        size: number(element, "size", &element.name)?,
        certificates,
    })
}

/// What was counted so far.
#[derive(Default)]
struct Counts {
    files: usize,
    paths_len: usize,
}

/// The files of an element, `depth` folders down, whose path has `folder_len` bytes.
fn files(
    element: &Element,
    depth: usize,
    folder_len: usize,
    counts: &mut Counts,
) -> Result<Vec<TocFile>, XarReadError> {
    element.all("file").map(|element| file(element, depth, folder_len, counts)).collect()
}

fn file(
    element: &Element,
    depth: usize,
    folder_len: usize,
    counts: &mut Counts,
) -> Result<TocFile, XarReadError> {
    if depth > FOLDERS_MAX {
        return Err(XarReadError::TooMany { what: "folders in each other", limit: FOLDERS_MAX });
    }
    counts.files += 1;
    if counts.files > FILES_MAX {
        return Err(XarReadError::TooMany { what: "files", limit: FILES_MAX });
    }
    let names: Vec<String> = element.all("name").map(|name| name.text.clone()).collect();
    if names.iter().any(|name| name.len() > NAME_MAX) {
        return Err(XarReadError::TooMany { what: "bytes in a name", limit: NAME_MAX });
    }
    let path_len = folder_len + names.last().map_or(0, String::len) + 1;
    counts.paths_len += path_len;
    if counts.paths_len > PATHS_LEN_MAX {
        return Err(XarReadError::TooMany { what: "bytes in paths", limit: PATHS_LEN_MAX });
    }
    let place = names.last().cloned().unwrap_or_else(|| "a file without a name".to_owned());
    let data = match element.first("data") {
        None => None,
        Some(data) => Some(TocData {
            length: number(data, "length", &place)?,
            offset: number(data, "offset", &place)?,
            size: number(data, "size", &place)?,
            encoding: data.first("encoding").and_then(|one| one.attribute("style")).map(str::to_owned),
            extracted_checksum: digest(data, "extracted-checksum"),
            archived_checksum: digest(data, "archived-checksum"),
        }),
    };
    let files = files(element, depth + 1, path_len, counts)?;
    let rest = element.children.iter().filter(|child| !matches!(child.name.as_str(), "data" | "file"));
    Ok(TocFile {
        id: element.attribute("id").map(str::to_owned),
        file_type: element.child_text("type").map(str::to_owned),
        data,
        files,
        element: Element {
            name: element.name.clone(),
            attributes: element.attributes.clone(),
            children: rest.cloned().collect(),
            text: String::new(),
        },
        names,
    })
}

fn digest(data: &Element, name: &str) -> Option<Digest> {
    let element = data.first(name)?;
    Some(Digest {
        style: element.attribute("style").unwrap_or_default().to_owned(),
        hex: element.text.trim().to_owned(),
    })
}

fn number(element: &Element, name: &str, place: &str) -> Result<u64, XarReadError> {
    let text = element
        .child_text(name)
        .ok_or_else(|| XarReadError::Missing { what: format!("{name} of {place}") })?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| XarReadError::Invalid {
        what: format!("{name} {text:?}"),
        place: place.to_owned(),
        reason: "not a number of 64 bits",
    })
}
