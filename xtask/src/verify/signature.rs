//! Who signed, and whether it holds: both signatures, the certificates' chain,
//! purpose and validity, the timestamp.
//!
//! Must not know: how signatures are made, what the archive holds.

use std::io::{Read, Seek};

use chrono::{DateTime, NaiveDateTime, Utc};
use flatpkg::xar::{Archive, TocSignature};
use rsa::Pkcs1v15Sign;
use sha1::Sha1;
use x509_certificate::CapturedX509Certificate;

use super::archive::Hasher;
use super::carried::carried_faults;
use super::cms::{self, SHA256_PREFIX, Verified};
use super::signed_data::CERTIFICATES_MAX;
use super::ticket::{Ticket, ticket_check};
use super::{Check, Findings, Level, Options, Status, causes};
use crate::sign::certificate::{
    DEVELOPER_ID_AUTHORITY, DEVELOPER_ID_INSTALLER, TIME_STAMPING, complete_chain, extended_key_usages,
    has_extension, is_apple_root, is_authority,
};

/// The check of what `--require` asks for.
pub(super) const REQUIRED: &str = "required-level";
/// Most bytes of a signature's place that are read; Apple reserves 9216.
const SLOT_MAX: u64 = 1 << 20;
/// Purposes of certificates for the App Store's installers, and for Apple's own.
const APPLE_INSTALLERS: [&str; 3] =
    ["1.2.840.113635.100.4.9", "1.2.840.113635.100.4.10", "1.2.840.113635.100.4.12"];

/// What is known of a package's signatures; everything that is `Err` says why.
#[derive(Debug)]
pub struct Signatures {
    /// The signing certificate, then its issuers, as far as they are known.
    pub chain: Result<Vec<CapturedX509Certificate>, String>,
    /// The RSA signature: in which of the two forms it holds.
    pub rsa: Option<Result<RsaForm, String>>,
    /// The CMS signature.
    pub cms: Option<Result<Verified, String>>,
    /// The certificates in the TOC, which its digest covers.
    pub embedded: Vec<CapturedX509Certificate>,
    /// When it was signed, and who says so.
    pub time: Option<(DateTime<Utc>, TimeSource)>,
}

/// The two forms of the RSA signature in the wild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaForm {
    /// The signed digest is the TOC's: what Apple's tools write now.
    OverDigest,
    /// The signed digest is one of the TOC's digest: what they wrote until 2020.
    OverDigestOfDigest,
}

/// Who says when a package was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// A timestamp authority.
    Authority,
    /// The signer, in the CMS signature.
    Signer,
    /// The archive's creation time, which the signatures cover.
    Archive,
}

/// Reads and checks everything that a package says about who signed it.
/// `None` where it is not signed.
pub fn read<R: Read + Seek>(archive: &Archive, input: &mut R) -> Option<Signatures> {
    if archive.toc.signatures.is_empty() {
        return None;
    }
    let digest = toc_digest(archive);
    let leaf = leaf(&archive.toc.signatures);
    // The bytes in a signature's place, and the digest that it is to be over.
    let mut slot_and_digest = |style: &str| -> Option<Result<[Vec<u8>; 2], String>> {
        let signature = archive.toc.signatures.iter().find(|one| one.style == style)?;
        let what = format!("the {style} signature");
        let slot = archive
            .heap(input, &what, signature.offset, signature.size, SLOT_MAX)
            .map_err(|error| causes(&error));
        Some(slot.and_then(|slot| Ok([slot, digest.clone()?])))
    };
    let rsa = slot_and_digest("RSA").map(|read| {
        let [slot, digest] = read?;
        rsa_form(&slot, &digest, leaf.as_ref().map_err(Clone::clone)?)
    });
    let cms = slot_and_digest("CMS").map(|read| {
        let [slot, digest] = read?;
        cms::verify(&slot, &digest, leaf.as_ref().map_err(Clone::clone)?)
    });
    let verified = cms.as_ref().and_then(|cms| cms.as_ref().ok());
    let embedded: Vec<_> = embedded(&archive.toc.signatures).filter_map(Result::ok).collect();
    let chain = leaf.map(|leaf| {
        let mut at_hand = embedded.clone();
        at_hand.extend(verified.into_iter().flat_map(|cms| cms.certificates.iter().cloned()));
        complete_chain(&leaf, &at_hand)
    });
    let stamped = verified.and_then(|cms| cms.timestamp.as_ref()).and_then(|stamp| stamp.as_ref().ok());
    let time = stamped
        .map(|stamp| (stamp.time, TimeSource::Authority))
        .or_else(|| Some((verified?.signing_time?, TimeSource::Signer)))
        .or_else(|| Some((creation_time(archive)?, TimeSource::Archive)));
    Some(Signatures { chain, rsa, cms, embedded, time })
}

/// The TOC's digest as computed, so that a signature cannot be over another one.
fn toc_digest(archive: &Archive) -> Result<Vec<u8>, String> {
    let style = archive.toc.checksum.as_ref().map_or("", |checksum| checksum.style.as_str());
    let mut hasher = Hasher::new(style).ok_or("the table of contents has no digest to sign")?;
    hasher.update(&archive.toc_compressed);
    Ok(hasher.finish())
}

/// The first signature's certificates: [`leaf`] sees to it that others have the same.
fn embedded(
    signatures: &[TocSignature],
) -> impl Iterator<Item = Result<CapturedX509Certificate, String>> + '_ {
    signatures.iter().take(1).flat_map(|signature| &signature.certificates).map(|der| {
        CapturedX509Certificate::from_der(der.as_slice())
            .map_err(|error| format!("a certificate cannot be read: {error}"))
    })
}

/// The signing certificate: the first one, and the same for both signatures.
fn leaf(signatures: &[TocSignature]) -> Result<CapturedX509Certificate, String> {
    let lists: Vec<_> = signatures.iter().map(|signature| &signature.certificates).collect();
    if let Some(list) = lists.iter().find(|list| list.len() > CERTIFICATES_MAX) {
        return Err(format!("there are {} certificates; {CERTIFICATES_MAX} are read", list.len()));
    }
    if lists.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err("the signatures come with different certificates".to_owned());
    }
    embedded(signatures).next().ok_or("there is no certificate")?
}

fn rsa_form(signature: &[u8], digest: &[u8], leaf: &CapturedX509Certificate) -> Result<RsaForm, String> {
    let key = cms::rsa_key(leaf)?;
    let sha256 = || Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256_PREFIX.into() };
    let direct = if digest.len() == 32 { sha256() } else { Pkcs1v15Sign::new::<Sha1>() };
    if key.verify(direct, digest, signature).is_ok() {
        return Ok(RsaForm::OverDigest);
    }
    let again: Vec<u8> =
        sha1::Digest::finalize(sha1::Digest::chain_update(<Sha1 as sha1::Digest>::new(), digest)).to_vec();
    if key.verify(Pkcs1v15Sign::new::<Sha1>(), &again, signature).is_ok() {
        return Ok(RsaForm::OverDigestOfDigest);
    }
    Err("it is not valid: it was made for another table of contents, or not with this certificate's key"
        .to_owned())
}

fn creation_time(archive: &Archive) -> Option<DateTime<Utc>> {
    let text = archive.toc.creation_time.as_deref()?;
    let time = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y-%m-%dT%H:%M:%S").ok()?;
    Some(time.and_utc())
}

/// The checks of this module.
pub fn checks<R: Read + Seek>(
    archive: &Archive,
    input: &mut R,
    ticket: &Ticket,
    options: &Options<'_>,
) -> Vec<Check> {
    const NAMES: [&str; 6] = [
        "signature-rsa",
        "signature-cms",
        "signature-chain",
        "signature-purpose",
        "signature-validity",
        "signature-timestamp",
    ];
    let Some(signatures) = read(archive, input) else {
        let mut checks: Vec<_> =
            NAMES.iter().map(|name| Check::not_applicable(name, "the package is not signed")).collect();
        checks.push(ticket_check(ticket));
        checks.extend(
            options.require.map(|_| Check::of(REQUIRED, vec!["the package is not signed".to_owned()])),
        );
        return checks;
    };
    let mut checks = vec![
        rsa_check(&signatures),
        cms_check(&signatures, options),
        chain_check(&signatures, options),
        purpose_check(&signatures),
        validity_check(&signatures),
        timestamp_check(&signatures, options),
        ticket_check(ticket),
    ];
    checks.extend(options.require.map(|level| required(level, &signatures, ticket, &checks)));
    checks
}

fn rsa_check(signatures: &Signatures) -> Check {
    match &signatures.rsa {
        None => Check::of("signature-rsa", vec!["there is a CMS signature but no RSA signature".to_owned()]),
        Some(Err(fault)) => Check::of("signature-rsa", vec![fault.clone()]),
        Some(Ok(form)) => Check::of("signature-rsa", Vec::new()).remark(match form {
            RsaForm::OverDigest => "over the digest of the table of contents",
            RsaForm::OverDigestOfDigest => {
                "over the digest of that digest, as Apple's tools wrote it until 2020"
            }
        }),
    }
}

fn cms_check(signatures: &Signatures, options: &Options<'_>) -> Check {
    match &signatures.cms {
        // Packages before macOS 10.12 or so have the RSA signature alone.
        None => Check::not_applicable("signature-cms", "there is none"),
        Some(Err(fault)) => Check::of("signature-cms", vec![fault.clone()]),
        Some(Ok(cms)) => {
            let at_hand = [signatures.embedded.as_slice(), options.trust].concat();
            Check::of("signature-cms", carried_faults(&cms.certificates, &at_hand, false))
        }
    }
}

fn subjects(chain: &[CapturedX509Certificate]) -> String {
    let names =
        chain.iter().map(|one| one.subject_common_name().unwrap_or_else(|| "(no common name)".to_owned()));
    names.collect::<Vec<_>>().join(" < ")
}

/// From the leaf to a root that is trusted, each issuer one that may issue.
fn chain_faults(chain: &[CapturedX509Certificate], trust: &[CapturedX509Certificate]) -> Vec<String> {
    let mut faults = Vec::new();
    // A certificate that is trusted itself ends the chain, the leaf too.
    let end = chain.iter().position(|one| trust.contains(one) || is_apple_root(one));
    match end {
        None => faults.push(format!(
            "{}: it does not lead to an Apple root; --trust CERT takes another one",
            subjects(chain)
        )),
        Some(end) => {
            for issuer in &chain[1..=end] {
                if !is_authority(issuer) {
                    faults.push(format!(
                        "{:?} issued a certificate but is not a certificate authority",
                        subjects(std::slice::from_ref(issuer))
                    ));
                }
            }
        }
    }
    faults
}

fn chain_check(signatures: &Signatures, options: &Options<'_>) -> Check {
    match &signatures.chain {
        Err(fault) => Check::of("signature-chain", vec![fault.clone()]),
        Ok(chain) => Check::of("signature-chain", chain_faults(chain, options.trust)).remark(subjects(chain)),
    }
}

fn purpose_check(signatures: &Signatures) -> Check {
    let Ok(chain) = &signatures.chain else {
        return Check::not_applicable("signature-purpose", "there is no certificate");
    };
    let mut found = Findings::default();
    match extended_key_usages(&chain[0]) {
        Ok(_) if has_purpose(&chain[0], &[DEVELOPER_ID_INSTALLER]) => {}
        // Apple's root answers for it, and it was not made for packages to be handed around.
        Ok(usages)
            if has_purpose(&chain[0], &APPLE_INSTALLERS) && chain.last().is_some_and(is_apple_root) =>
        {
            found.note(format!(
                "the certificate is one for Apple's own installers or for the App Store: {}",
                usages.join(", ")
            ));
        }
        Ok(usages) => found.fault(format!(
            "the certificate is not for installers: it names {}, and not {DEVELOPER_ID_INSTALLER}",
            if usages.is_empty() { "no purpose".to_owned() } else { usages.join(", ") }
        )),
        Err(fault) => found.fault(fault),
    }
    Check::of("signature-purpose", found)
}

fn has_purpose(certificate: &CapturedX509Certificate, purposes: &[&str]) -> bool {
    extended_key_usages(certificate)
        .is_ok_and(|usages| usages.iter().any(|usage| purposes.contains(&usage.as_str())))
}

fn validity_check(signatures: &Signatures) -> Check {
    let Ok(chain) = &signatures.chain else {
        return Check::not_applicable("signature-validity", "there is no certificate");
    };
    let Some((time, source)) = signatures.time else {
        return Check::of("signature-validity", vec!["nothing says when it was signed".to_owned()]);
    };
    let said_by = match source {
        TimeSource::Authority => "the timestamp authority",
        TimeSource::Signer => "the signer",
        TimeSource::Archive => "the archive",
    };
    let faults: Vec<_> = chain
        .iter()
        .filter(|one| !(one.validity_not_before()..=one.validity_not_after()).contains(&time))
        .map(|one| {
            format!(
                "{} was valid from {} to {}, but {said_by} says that it was used on {time}",
                subjects(std::slice::from_ref(one)),
                one.validity_not_before(),
                one.validity_not_after()
            )
        })
        .collect();
    Check::of("signature-validity", faults).remark(format!("signed on {time}, says {said_by}"))
}

fn timestamp_check(signatures: &Signatures, options: &Options<'_>) -> Check {
    const NAME: &str = "signature-timestamp";
    let verified = signatures.cms.as_ref().and_then(|cms| cms.as_ref().ok());
    match verified.and_then(|cms| cms.timestamp.as_ref()) {
        None => Check::not_applicable(NAME, "there is no timestamp"),
        Some(Err(fault)) => Check::of(NAME, vec![fault.clone()]),
        Some(Ok(stamp)) => {
            let chain = complete_chain(&stamp.authority, &stamp.certificates);
            let mut faults = if options.any_timestamp_authority {
                Vec::new()
            } else {
                chain_faults(&chain, options.trust)
            };
            faults.extend(carried_faults(
                &stamp.certificates,
                options.trust,
                options.any_timestamp_authority,
            ));
            let is_for_timestamps = extended_key_usages(&stamp.authority)
                .is_ok_and(|usages| usages.iter().any(|usage| usage == TIME_STAMPING));
            if !is_for_timestamps {
                faults.push(format!("{}: its certificate is not for timestamps", subjects(&chain)));
            }
            if !(stamp.authority.validity_not_before()..=stamp.authority.validity_not_after())
                .contains(&stamp.time)
            {
                faults.push(format!("{}: it was not valid on {}", subjects(&chain), stamp.time));
            }
            Check::of(NAME, faults).remark(format!("{}, says {}", stamp.time, subjects(&chain)))
        }
    }
}

/// Whether the package is what `--require` asks for.
fn required(level: Level, signatures: &Signatures, ticket: &Ticket, checks: &[Check]) -> Check {
    let mut faults: Vec<String> = checks
        .iter()
        .filter(|check| check.status == Status::Fail)
        .map(|check| format!("{} failed", check.name))
        .collect();
    if level >= Level::DeveloperId {
        let chain = signatures.chain.as_deref().unwrap_or_default();
        if !chain.last().is_some_and(is_apple_root)
            || !chain.iter().any(|one| has_extension(one, DEVELOPER_ID_AUTHORITY))
            || !chain.first().is_some_and(|leaf| has_purpose(leaf, &[DEVELOPER_ID_INSTALLER]))
        {
            faults.push("it is not signed with a Developer ID Installer certificate of Apple's".to_owned());
        }
    }
    // A ticket that is not valid is among those that failed.
    if level >= Level::Notarized && *ticket == Ticket::None {
        faults.push("no notarization ticket is stapled to it".to_owned());
    }
    Check::of(REQUIRED, faults)
}
