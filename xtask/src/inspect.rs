//! What a package is and does, for a person or a program to read.
//!
//! Must not know: whether it is sound (that is `verify`), how it is printed.

mod code;
mod component;
pub mod linux;
mod product;

use std::io::{Read, Seek};

use flatpkg::ReadError;
use flatpkg::product::PackageFacts;
use flatpkg::xar::Archive;
use serde::Serialize;

pub use code::{Program, ProgramImage};
use component::Room;
pub use component::{Component, Script};
pub use product::{Choice, Elsewhere, JavaScript, Product};

use crate::digest::hex;
use crate::sign::certificate::Facts;
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
    let mut room = Room::default();
    let read = |component| component::component(&facts, component, input, texts, &mut room);
    let components = facts.components.iter().map(read).collect();
    let product = product::product(&facts, input, texts);
    let (ticket, notarization) = match ticket::read(&facts.archive, input) {
        Ticket::None => ("none".to_owned(), None),
        Ticket::Broken(fault) => (fault, None),
        Ticket::Stapled(notarized) => ("valid".to_owned(), Some(notarization(&notarized))),
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

fn signature<R: Read + Seek>(archive: &Archive, input: &mut R) -> Option<Signature> {
    let signatures = signature::read(archive, input)?;
    let stamp = signatures.cms.as_ref().and_then(|cms| cms.as_ref().ok()?.timestamp.as_ref()?.as_ref().ok());
    let time = signatures.time.as_ref();
    Some(Signature {
        certificates: signatures.chain.iter().flatten().map(Facts::of).collect(),
        rsa: match &signatures.rsa {
            None => "none".to_owned(),
            Some(Err(fault)) => fault.clone(),
            Some(Ok(RsaForm::OverDigest)) => "valid".to_owned(),
            Some(Ok(RsaForm::OverDigestOfDigest)) => "valid, in the form used before 2021".to_owned(),
        },
        cms: match &signatures.cms {
            None => "none".to_owned(),
            Some(Err(fault)) => fault.clone(),
            Some(Ok(_)) => "valid".to_owned(),
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
