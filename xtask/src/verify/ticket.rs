//! The notarization ticket: that Apple signed it, and that it is for this package.
//!
//! A ticket says of itself all that it says, so it is worth what its signature is
//! worth: the signer's certificate is one for tickets, and leads to Apple's root.
//!
//! Must not know: who signed the package.

use std::io::{Read, Seek};

use chrono::{DateTime, Utc};
use flatpkg::xar::Archive;
use flatpkg::xar::ticket::{self, ENTRY_DIGEST_LEN, Entry, TRAILER_LEN, framed_len};
use x509_certificate::{CapturedX509Certificate, EcdsaCurve, KeyAlgorithm, SignatureAlgorithm};

use super::archive::Hasher;
use super::check::Findings;
use super::signed_data::CERTIFICATES_MAX;
use super::{Check, causes};
use crate::sign::certificate::{complete_chain, has_extension, is_authority, ticket_root};

/// Longest ticket that is read, with its framing; one has about 1800 bytes, and 21 more
/// for each program in the package.
const FRAMED_MAX: u64 = 16 << 20;
/// The extension that a certificate for tickets has, and others of its authority have
/// not. Source: the tickets of 64 packages.
const TICKET_SIGNING: &str = "1.2.840.113635.100.6.1.30";

/// What a file has behind its heap.
#[derive(Debug, PartialEq, Eq)]
pub enum Ticket {
    /// No ticket.
    None,
    /// A ticket of Apple's for this package.
    Stapled(Notarized),
    /// A ticket, and what is wrong with it.
    Broken(String),
}

/// What a ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notarized {
    /// When the package was notarized.
    pub time: DateTime<Utc>,
    /// The code directories of the programs in it, and whatever else it is for beside
    /// the package itself.
    pub code: Vec<Entry>,
}

/// Reads the ticket at a package's end.
pub fn read<R: Read + Seek>(archive: &Archive, input: &mut R) -> Ticket {
    match framed(archive, input) {
        Ok(None) => Ticket::None,
        Err(fault) => Ticket::Broken(fault),
        Ok(Some(bytes)) => {
            match package_entry(archive).and_then(|entry| check(&bytes, entry, &[ticket_root()])) {
                Ok(notarized) => Ticket::Stapled(notarized),
                Err(fault) => Ticket::Broken(fault),
            }
        }
    }
}

/// The bytes at the file's end that its last trailer is for.
///
/// # Errors
/// Why they cannot be read.
pub fn framed<R: Read + Seek>(archive: &Archive, input: &mut R) -> Result<Option<Vec<u8>>, String> {
    let heap_len = archive.file_len - archive.heap_start;
    let mut last = |length: u64, limit: u64| {
        let start = heap_len.checked_sub(length).ok_or_else(|| ticket::TicketError::TooLong.to_string())?;
        archive.heap(input, "the ticket", start, length, limit).map_err(|error| causes(&error))
    };
    if heap_len < TRAILER_LEN as u64 {
        return Ok(None);
    }
    let trailer = last(TRAILER_LEN as u64, TRAILER_LEN as u64)?;
    let Some(length) = trailer.first_chunk().and_then(framed_len) else { return Ok(None) };
    last(length, FRAMED_MAX).map(Some)
}

/// What the ticket must have for this package: its TOC's digest, as computed.
///
/// # Errors
/// Where no ticket has such a digest.
pub fn package_entry(archive: &Archive) -> Result<Entry, String> {
    let style = archive.toc.checksum.as_ref().map_or("", |checksum| checksum.style.as_str());
    let (digest_type, mut hasher) = match Hasher::new(style) {
        Some(hasher @ Hasher::Sha1(_)) => (1, hasher),
        Some(hasher @ Hasher::Sha256(_)) => (2, hasher),
        _ => return Err("no ticket can be for a table of contents with this digest".to_owned()),
    };
    hasher.update(&archive.toc_compressed);
    let digest = hasher.finish();
    let digest = digest.first_chunk::<ENTRY_DIGEST_LEN>().expect("both digests are longer");
    Ok(Entry { digest_type, digest: *digest })
}

/// Checks a ticket in its framing: that it is for `package`, and that its signature
/// and certificates lead to one of `roots`.
///
/// # Errors
/// What is not valid.
pub fn check(framed: &[u8], package: Entry, roots: &[CapturedX509Certificate]) -> Result<Notarized, String> {
    let ticket = ticket::read(framed).map_err(|error| error.to_string())?;
    let time = i64::try_from(ticket.time)
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or("its time cannot be read")?;
    let count = ticket.certificates.len();
    if count > CERTIFICATES_MAX {
        return Err(format!("it carries {count} certificates; {CERTIFICATES_MAX} are read"));
    }
    let certificates = ticket
        .certificates
        .iter()
        .map(|der| CapturedX509Certificate::from_der(*der))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("a certificate in it cannot be read: {error}"))?;
    let leaf = certificates.first().ok_or("it carries no certificate")?;
    let algorithm = SignatureAlgorithm::EcdsaSha256
        .resolve_verification_algorithm(KeyAlgorithm::Ecdsa(EcdsaCurve::Secp256r1))
        .map_err(|error| error.to_string())?;
    leaf.verify_signed_data_with_algorithm(ticket.signed, ticket.signature, algorithm)
        .map_err(|_| "its signature is not valid".to_owned())?;
    let mut chain = complete_chain(leaf, &[&certificates[1..], roots].concat());
    let end = chain.iter().position(|one| roots.contains(one)).ok_or("Apple did not sign it")?;
    chain.truncate(end + 1);
    if let Some(issuer) = chain[1..].iter().find(|one| !is_authority(one)) {
        let name = issuer.subject_common_name().unwrap_or_default();
        return Err(format!("{name:?} issued its certificate but is not a certificate authority"));
    }
    if certificates.iter().any(|one| !chain.contains(one)) {
        return Err("it carries a certificate that is not valid".to_owned());
    }
    if !has_extension(leaf, TICKET_SIGNING) {
        return Err(format!("its certificate is not for tickets: it has no extension {TICKET_SIGNING}"));
    }
    for one in &chain {
        let (from, to) = (one.validity_not_before(), one.validity_not_after());
        if !(from..=to).contains(&time) {
            let name = one.subject_common_name().unwrap_or_default();
            return Err(format!("it is of {time}, and {name:?} was valid from {from} to {to}"));
        }
    }
    if !ticket.entries.contains(&package) {
        return Err("it is the ticket of another package".to_owned());
    }
    Ok(Notarized { time, code: ticket.entries.into_iter().filter(|entry| *entry != package).collect() })
}

/// How a digest's type is called.
pub fn digest_name(digest_type: u8) -> &'static str {
    match digest_type {
        1 => "SHA-1",
        2 => "SHA-256",
        _ => "unknown",
    }
}

/// The check of the ticket.
pub fn ticket_check(ticket: &Ticket) -> Check {
    match ticket {
        Ticket::None => Check::not_applicable("ticket", "no notarization ticket is stapled"),
        Ticket::Stapled(notarized) => Check::of("ticket", Findings::default()).remark(format!(
            "notarized by Apple on {}; it covers the digests of {} programs in the package",
            notarized.time,
            notarized.code.len()
        )),
        Ticket::Broken(fault) => Check::of("ticket", vec![fault.clone()]),
    }
}
