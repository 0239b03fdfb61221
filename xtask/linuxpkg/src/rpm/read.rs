//! Reads an `.rpm`, anybody's.
//!
//! Must not know: the disk, keys, what is installed.

use std::io::Read;

use flatpkg::unpack::Budget;

use super::facts::{describe, files, signatures};
use super::parse::Header;
use super::payload::payload;
use super::{LEAD_LEN, LEAD_MAGIC, tag};
use crate::contents::{Contents, Each, Format, ReadError, check_paths, settle};
use crate::digest::{Algorithm, Hasher};

/// What stands before the payload.
#[derive(Debug, Clone)]
pub struct Start {
    /// Sums and signatures.
    pub signature: Header,
    /// What the package is.
    pub header: Header,
    /// Where the header begins in the file, in bytes.
    pub header_start: u64,
}

impl Start {
    /// Reads up to the payload.
    ///
    /// # Errors
    /// Why it is no `.rpm`.
    pub fn read(input: &mut impl Read) -> Result<Self, ReadError> {
        let damaged =
            |what: &str, error: String| ReadError::Damaged(format!("its {what} cannot be read: {error}"));
        let mut lead = [0; LEAD_LEN];
        input.read_exact(&mut lead).map_err(|error| damaged("lead", error.to_string()))?;
        if lead[..4] != LEAD_MAGIC {
            return Err(ReadError::Unknown);
        }
        if !matches!(lead[4], 3 | 4) {
            return Err(ReadError::Damaged(format!("it is of version {}, and 3 and 4 are read", lead[4])));
        }
        let signature =
            Header::read(input, tag::SIGNATURE_REGION).map_err(|error| damaged("signature", error))?;
        let length = signature.bytes.len();
        let mut padding = [0; 7];
        let padding = &mut padding[..length.next_multiple_of(8) - length];
        input.read_exact(padding).map_err(|error| damaged("signature", error.to_string()))?;
        let header_start = (LEAD_LEN + length.next_multiple_of(8)) as u64;
        let header = Header::read(input, tag::HEADER_REGION).map_err(|error| damaged("header", error))?;
        Ok(Self { signature, header, header_start })
    }
}

/// Reads a package, whose content it hands to `each`.
///
/// # Errors
/// What cannot be read as a package at all, and what `each` reports.
pub fn read(mut input: impl Read, budget: &Budget, each: &mut Each<'_>) -> Result<Contents, ReadError> {
    let start = Start::read(&mut input)?;
    let mut contents = Contents::new(Format::Rpm);
    let (signature, header) = (&start.signature, &start.header);
    for (part, one) in [("signature", signature), ("header", header)] {
        if !one.is_whole {
            contents.archive.note(part, "has no region that covers all of it");
        }
        if one.bytes[4..8] != [0; 4] {
            contents.archive.note(part, "has something else than zeros where they are kept free");
        }
        for tag in one.repeated() {
            contents.archive.lie(part, format!("has the tag {tag} twice"));
        }
    }
    contents.signatures = signatures(signature);
    describe(header, &mut contents);
    header_sums(&start, &mut contents);
    let stated = match files(header) {
        Ok(stated) => stated,
        Err(fault) => {
            contents.archive.lie("header", format!("has a list of files that cannot be read: {fault}"));
            return Ok(contents);
        }
    };
    let flow = payload(input, &start, stated, budget, each, &mut contents);
    settle(flow, "payload", &mut contents.archive)?;
    check_paths(&contents.files, &mut contents.path_findings);
    Ok(contents)
}

/// A sum that has to be right.
pub fn compare(what: &str, stated: Option<String>, found: &str, contents: &mut Contents) {
    let Some(stated) = stated else { return };
    contents.sums_checked += 1;
    if !stated.eq_ignore_ascii_case(found) {
        contents.sum_findings.lie(what, format!("has the sum {found}, and not {stated:.200}"));
    }
}

fn header_sums(start: &Start, contents: &mut Contents) {
    for (tag, algorithm) in [(tag::SIG_SHA1, Algorithm::Sha1), (tag::SIG_SHA256, Algorithm::Sha256)] {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&start.header.bytes);
        compare("header", start.signature.text(tag), &hasher.finish(), contents);
    }
    if start.signature.has(tag::SIG_SHA3_256) {
        contents.sum_findings.note("header", "has a SHA3 sum, which is not looked at");
    }
}
