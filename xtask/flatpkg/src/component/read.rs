//! Reads a component package's members, in an archive that anybody may have made.
//!
//! Must not know: whether they agree with each other. The Bom and the archives are
//! not read here but handed out to be read: they can be large.

use std::io::{Read, Seek};

use crate::cpio::ArchiveReader;
use crate::error::ReadError;
use crate::gzip::Decoder;
use crate::xar::{Archive, MemberReader, TocData, TocFile, XarReadError};
use crate::xml::{self, DOCUMENT_MAX, Element};

/// A component's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentFacts {
    /// Its folder in the archive; empty for a component package alone.
    pub folder: String,
    /// `PackageInfo`.
    pub package_info: Option<PackageInfo>,
    /// Where `Bom` is.
    pub bom: Option<TocData>,
    /// Where `Payload` is.
    pub payload: Option<TocData>,
    /// Where `Scripts` is.
    pub scripts: Option<TocData>,
    /// The names of all other members.
    pub others: Vec<String>,
}

/// What `PackageInfo` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageInfo {
    /// Its identifier.
    pub identifier: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where its payload lands.
    pub install_location: Option<String>,
    /// How many paths the payload is said to have.
    pub number_of_files: Option<u64>,
    /// How large it is said to be on disk, in KiB.
    pub install_kbytes: Option<u64>,
    /// What is run, in order.
    pub hooks: Vec<HookFacts>,
    /// Everything it says.
    pub document: Element,
}

/// A script that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFacts {
    /// The element's name, `preinstall` or `postinstall`.
    pub name: String,
    /// The file, such as `./postinstall`.
    pub file: Option<String>,
    /// Seconds until it is ended.
    pub timeout: Option<u64>,
}

impl PackageInfo {
    fn new(document: Element) -> Self {
        let text = |name| document.attribute(name).map(str::to_owned);
        let payload = document.first("payload");
        let number = |name| payload?.attribute(name)?.parse().ok();
        let scripts = document.first("scripts").map(|scripts| scripts.children.as_slice());
        let hook = |element: &Element| HookFacts {
            name: element.name.clone(),
            file: element.attribute("file").map(str::to_owned),
            timeout: element.attribute("timeout").and_then(|text| text.parse().ok()),
        };
        Self {
            identifier: text("identifier"),
            version: text("version"),
            install_location: text("install-location"),
            number_of_files: number("numberOfFiles"),
            install_kbytes: number("installKBytes"),
            hooks: scripts.unwrap_or_default().iter().map(hook).collect(),
            document,
        }
    }
}

impl ComponentFacts {
    /// Reads the members of a folder of the archive; of its top, if `folder` is empty.
    /// Of members with the same name, the first counts; see
    /// [`Archive::duplicate_paths`].
    ///
    /// # Errors
    /// [`ReadError`], if `PackageInfo` is there but cannot be read.
    pub fn read<R: Read + Seek>(archive: &Archive, input: &mut R, folder: &str) -> Result<Self, ReadError> {
        Self::read_within(archive, input, folder, &mut { DOCUMENT_MAX as u64 })
    }

    /// The same, with a `PackageInfo` of at most `left` bytes, of which it takes its own.
    pub(crate) fn read_within<R: Read + Seek>(
        archive: &Archive,
        input: &mut R,
        folder: &str,
        left: &mut u64,
    ) -> Result<Self, ReadError> {
        let files: &[TocFile] = match folder {
            "" => &archive.toc.files,
            folder => archive.find(folder).map(|file| file.files.as_slice()).unwrap_or_default(),
        };
        let data = |name| files.iter().find(|file| file.name() == name).and_then(|file| file.data.clone());
        let package_info = match data("PackageInfo") {
            None => None,
            Some(data) => {
                let member = match folder {
                    "" => "PackageInfo".to_owned(),
                    folder => format!("{folder}/PackageInfo"),
                };
                Some(PackageInfo::new(read_document(archive, input, &member, &data, left)?))
            }
        };
        let is_other =
            |file: &&TocFile| !matches!(file.name(), "PackageInfo" | "Bom" | "Payload" | "Scripts");
        Ok(Self {
            folder: folder.to_owned(),
            package_info,
            bom: data("Bom"),
            payload: data("Payload"),
            scripts: data("Scripts"),
            others: files.iter().filter(is_other).map(|file| file.name().to_owned()).collect(),
        })
    }
}

/// Reads a member that is an XML document of at most `left` bytes, and takes its own off.
pub(crate) fn read_document<R: Read + Seek>(
    archive: &Archive,
    input: &mut R,
    member: &str,
    data: &TocData,
    left: &mut u64,
) -> Result<Element, ReadError> {
    let bytes = archive.content(input, member, data, *left)?;
    *left -= bytes.len() as u64;
    xml::read(&bytes).map_err(|source| ReadError::Document { member: member.to_owned(), source })
}

/// A payload or scripts archive, decompressed on the way.
pub type PayloadReader<'input, R> = ArchiveReader<Decoder<MemberReader<'input, R>>>;

/// Opens a component's `payload` or `scripts`; `what` names it in errors.
///
/// # Errors
/// [`XarReadError`], if it is not in the file.
pub fn open_archive<'input, R: Read + Seek>(
    archive: &Archive,
    input: &'input mut R,
    what: &str,
    data: &TocData,
) -> Result<PayloadReader<'input, R>, XarReadError> {
    Ok(ArchiveReader::new(Decoder::new(archive.open(input, what, data)?)))
}
