//! Reads a component package's members, in an archive that anybody may have made.
//!
//! Must not know: whether they agree with each other. The Bom and the archives are
//! not read here but handed out to be read: they can be large.

use std::io::{Read, Seek};

use crate::error::ReadError;
use crate::findings::Findings;
use crate::xar::{Archive, TocData, TocFile};
use crate::xml::{self, Element, Left};

use super::HOOKS;

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
    fn new(document: Element, member: &str, findings: &mut Findings) -> Self {
        if document.name != "pkg-info" {
            let text =
                format!("has the root element {:?}, where Installer looks for pkg-info", document.name);
            findings.lie(member, text);
        }
        for name in ["scripts", "payload"] {
            let count = document.all(name).count();
            if count > 1 {
                findings.lie(member, format!("has {count} elements {name:?}, of which readers take one"));
            }
        }
        for script in document.all("scripts").flat_map(|scripts| &scripts.children) {
            let is_same = |other: &&Element| other.name == script.name;
            let twice = document.all("scripts").flat_map(|scripts| &scripts.children).filter(is_same);
            if HOOKS.contains(&script.name.as_str()) && twice.count() > 1 {
                findings.lie(member, format!("names more than one {} script", script.name));
                break;
            }
        }
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
        Self::read_within(archive, input, folder, &mut Left::of_documents(), &mut Findings::default())
    }

    /// The same, with a `PackageInfo` that takes its own off what is `left`.
    pub(crate) fn read_within<R: Read + Seek>(
        archive: &Archive,
        input: &mut R,
        folder: &str,
        left: &mut Left,
        findings: &mut Findings,
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
                let document = read_document(archive, input, &member, &data, left, findings)?;
                Some(PackageInfo::new(document, &member, findings))
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

/// Reads a member that is an XML document, and takes its own off what is `left`.
pub(crate) fn read_document<R: Read + Seek>(
    archive: &Archive,
    input: &mut R,
    member: &str,
    data: &TocData,
    left: &mut Left,
    findings: &mut Findings,
) -> Result<Element, ReadError> {
    let bytes = archive.content_found(input, member, data, left.bytes as u64, findings)?;
    xml::read_within(&bytes, left).map_err(|source| ReadError::Document { member: member.to_owned(), source })
}
