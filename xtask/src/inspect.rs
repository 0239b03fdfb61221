//! What a package is and does, for a person or a program to read.
//!
//! Must not know: whether it is sound (that is `verify`), how it is printed.

mod product;

use std::io::{Read, Seek};

use flatpkg::ReadError;
use flatpkg::product::PackageFacts;
use flatpkg::xar::Archive;
use flatpkg::xml::Element;
use serde::Serialize;

pub use product::{Choice, Elsewhere, JavaScript, Product};

use crate::hex::hex;
use crate::sign::certificate::Facts;
use crate::verify::component::SET_ID;
use crate::verify::jobs::{self, Job};
use crate::verify::payload::{ArchiveList, Contents, Entry, hooks};
use crate::verify::signature::{self, RsaForm, TimeSource};
use crate::verify::ticket::{self, Notarized, Ticket};

/// A package.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// Version of this structure as JSON.
    pub schema: u32,
    /// `product` or `component`.
    pub kind: &'static str,
    /// What the product says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Product>,
    /// What is installed.
    pub components: Vec<Component>,
    /// Who signed; absent where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Whether a notarization ticket is stapled, in words.
    pub ticket: String,
    /// What the ticket says; absent where none holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notarization: Option<Notarization>,
}

/// A component.
#[derive(Debug, Serialize)]
pub struct Component {
    /// Its folder in the product.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// Identifier of its receipt.
    pub identifier: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Where it is installed.
    pub install_location: Option<String>,
    /// Every path of the payload.
    pub payload: Vec<Entry>,
    /// The scripts and what they bring along.
    pub scripts: Vec<Script>,
    /// Who Installer asks for: `root` or nobody, as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// What is asked for after it is installed: `logout`, `restart`, `shutdown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postinstall_action: Option<String>,
    /// Bundles that are installed where another of their kind is found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relocatable: Vec<String>,
    /// Programs that run as their owner or group, whoever starts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_id: Vec<String>,
    /// The jobs that it gives to launchd.
    pub jobs: Vec<Job>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// A file among the scripts.
#[derive(Debug, Serialize)]
pub struct Script {
    /// Its name.
    pub path: String,
    /// File type and permissions.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Whether Installer runs it.
    pub runs: bool,
    /// As whom, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_as: Option<&'static str>,
    /// Its text, where that was asked for and it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Who signed.
#[derive(Debug, Serialize)]
pub struct Signature {
    /// The signing certificate, then its issuers.
    pub certificates: Vec<Facts>,
    /// What the RSA signature is, or what is wrong with it.
    pub rsa: String,
    /// What the CMS signature is, or what is wrong with it.
    pub cms: String,
    /// When it was signed.
    pub time: Option<String>,
    /// Who says so.
    pub time_source: Option<&'static str>,
    /// The timestamp authority's certificate.
    pub timestamp_authority: Option<Facts>,
}

/// What a notarization ticket of Apple's says.
#[derive(Debug, Serialize)]
pub struct Notarization {
    /// When the package was notarized.
    pub time: String,
    /// The digests of the code in the package that it covers.
    pub code: Vec<CodeDigest>,
}

/// The digest of a program's code directory.
#[derive(Debug, Serialize)]
pub struct CodeDigest {
    /// Its algorithm.
    pub algorithm: &'static str,
    /// Its first 20 bytes, hexadecimal.
    pub digest: String,
}

/// Reads everything; the scripts' text with `texts`.
///
/// # Errors
/// What cannot be read as a package.
pub fn inspect<R: Read + Seek>(input: &mut R, texts: bool) -> Result<Inspection, ReadError> {
    let facts = PackageFacts::read(input)?;
    let components = facts
        .components
        .iter()
        .map(|component| self::component(Contents::read(&facts, component, input), texts))
        .collect();
    let product = product::product(&facts, input, texts);
    let (ticket, notarization) = match ticket::read(&facts.archive, input) {
        Ticket::None => ("none".to_owned(), None),
        Ticket::Broken(fault) => (fault, None),
        Ticket::Stapled(notarized) => ("holds".to_owned(), Some(notarization(&notarized))),
    };
    Ok(Inspection {
        schema: 1,
        kind: if product.is_some() { "product" } else { "component" },
        product,
        components,
        signature: signature(&facts.archive, input),
        ticket,
        notarization,
    })
}

fn notarization(notarized: &Notarized) -> Notarization {
    Notarization {
        time: notarized.time.to_rfc3339(),
        code: notarized
            .code
            .iter()
            .map(|entry| CodeDigest {
                algorithm: ticket::digest_name(entry.digest_type),
                digest: hex(entry.digest),
            })
            .collect(),
    }
}

fn component(contents: Contents<'_>, texts: bool) -> Component {
    let mut unreadable = Vec::new();
    let hooks = hooks(contents.facts);
    let mut jobs = Vec::new();
    for entry in jobs::property_lists(contents.installed()) {
        match jobs::read(entry) {
            Ok(job) => jobs.push(job),
            Err(fault) => unreadable.push(format!("{}: {fault}", entry.path)),
        }
    }
    let mut entries = |what: &str, read: Option<Result<ArchiveList, String>>| match read {
        None => Vec::new(),
        Some(Ok(list)) => list.entries,
        Some(Err(fault)) => {
            unreadable.push(format!("{what}: {fault}"));
            Vec::new()
        }
    };
    let payload = entries("Payload", contents.payload);
    let scripts = entries("Scripts", contents.scripts);
    let info = contents.facts.package_info.as_ref();
    let text = |field: fn(&flatpkg::component::PackageInfo) -> &Option<String>| field(info?).clone();
    let document = info.map(|info| &info.document);
    let attribute = |name: &str| document.and_then(|document| document.attribute(name)).map(str::to_owned);
    let auth = attribute("auth");
    // Without it, or with another value, the product or the person who installs decides.
    let runs_as = if auth.as_deref().is_some_and(|auth| auth.eq_ignore_ascii_case("root")) {
        "root"
    } else {
        "root, or as whoever installs"
    };
    Component {
        folder: contents.facts.folder.clone(),
        identifier: text(|info| &info.identifier),
        version: text(|info| &info.version),
        install_location: text(|info| &info.install_location),
        postinstall_action: attribute("postinstall-action").filter(|action| action != "none"),
        relocatable: document.map(relocatable).unwrap_or_default(),
        set_id: payload
            .iter()
            .filter(|entry| entry.is_file() && entry.mode & SET_ID != 0)
            .map(|entry| entry.path.clone())
            .collect(),
        auth,
        payload,
        scripts: scripts
            .into_iter()
            .filter(|entry| !entry.is_directory())
            .map(|entry| (hooks.contains(entry.path.trim_start_matches("./")), entry))
            .map(|(runs, entry)| Script {
                runs,
                runs_as: runs.then_some(runs_as),
                path: entry.path,
                mode: entry.mode,
                size: entry.size,
                text: entry.content.filter(|_| texts).and_then(|bytes| String::from_utf8(bytes).ok()),
            })
            .collect(),
        jobs,
        unreadable,
    }
}

/// The bundles of the element `relocate`; all, where the package says so of itself.
fn relocatable(document: &Element) -> Vec<String> {
    let bundles = document.all("relocate").flat_map(|relocate| relocate.all("bundle"));
    let mut found: Vec<String> =
        bundles.filter_map(|bundle| bundle.attribute("id").map(str::to_owned)).collect();
    if document.attribute("relocatable") == Some("true") {
        found.push("the whole payload".to_owned());
    }
    found
}

fn signature<R: Read + Seek>(archive: &Archive, input: &mut R) -> Option<Signature> {
    let signatures = signature::read(archive, input)?;
    let stamp = signatures.cms.as_ref().and_then(|cms| cms.as_ref().ok()?.timestamp.as_ref()?.as_ref().ok());
    let time = signatures.time.as_ref();
    Some(Signature {
        certificates: signatures.chain.iter().flatten().map(Facts::of).collect(),
        rsa: match &signatures.rsa {
            None => "none".to_owned(),
            Some(Err(fault)) => fault.clone(),
            Some(Ok(RsaForm::OverDigest)) => "holds".to_owned(),
            Some(Ok(RsaForm::OverDigestOfDigest)) => "holds, in the form of before 2021".to_owned(),
        },
        cms: match &signatures.cms {
            None => "none".to_owned(),
            Some(Err(fault)) => fault.clone(),
            Some(Ok(_)) => "holds".to_owned(),
        },
        time: time.map(|(time, _)| time.to_rfc3339()),
        time_source: time.map(|(_, source)| match source {
            TimeSource::Authority => "timestamp authority",
            TimeSource::Signer => "signer",
            TimeSource::Archive => "archive",
        }),
        timestamp_authority: stamp.map(|stamp| Facts::of(&stamp.authority)),
    })
}
