//! Signing programs and libraries: Mach-O files, in and out as bytes.
//!
//! ```text
//! file ─ images ─┬─ room: apple-codesign lays a signature of nobody into it, long enough
//!                ├─ code directory and CMS over that: apple-codesign
//!                ├─ timestamp into the CMS: our own, which asks as often as it takes
//!                └─ read again: it holds, and is allowed to what it was before ─ images ─ file
//! ```
//!
//! apple-codesign asks for a timestamp once, and cannot be told where its answer comes from. So
//! it makes what needs none: first an image with as much room as a signature with a timestamp
//! takes (the load commands, which say how much, are signed too), then the signature without.
//!
//! What an image is allowed to, its entitlements, stays as it is; the hardened runtime is always
//! asked for. Digests are SHA-256, which Macs read since OS X 10.11.
//!
//! Must not know: packages, where the bytes come from and go to.

use std::io::Cursor;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use apple_codesign::{
    AppleCodesignError, CodeSignatureFlags, MachOBinary, MachOSigner, SettingsScope, SigningSettings,
};
use bcder::Mode;
use bcder::decode::Constructed;
use chrono::{DateTime, Utc};
use cryptographic_message_syntax::asn1::rfc5652;
use macho::{Image, MachO, flag};

use super::{Identity, SignedBy, SigningError, stamped, timestamp};
use crate::verify::code::entitlements;

/// The first slot for constraints on who starts a program; only Apple's own have them.
const FIRST_CONSTRAINT: u32 = 8;
/// What an image asks of the system and goes on asking for, beside the hardened runtime.
const KEPT: CodeSignatureFlags = CodeSignatureFlags::FORCE_HARD
    .union(CodeSignatureFlags::FORCE_KILL)
    .union(CodeSignatureFlags::RESTRICT)
    .union(CodeSignatureFlags::LIBRARY_VALIDATION);

/// Why a program could not be signed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum CodeError {
    #[error("{path:?}: this is not a program or library for macOS")]
    NotMacho { path: String },
    #[error("{path:?}: it is damaged, and is not signed: {fault}")]
    Damaged { path: String, fault: String },
    #[error("{path:?}: it cannot be signed: {reason}")]
    Unfit { path: String, reason: String },
    #[error("{path:?}: {source}")]
    Signing { path: String, source: SigningError },
}

/// Signs the programs of one run.
pub struct CodeSigner {
    identity: Identity,
    signed_by: SignedBy,
    signing_time: DateTime<Utc>,
    authority: Option<timestamp::Authority>,
}

impl CodeSigner {
    /// `signing_time` goes into every signature; `timestamp_url` is asked for a timestamp over
    /// each.
    pub fn new(identity: Identity, signing_time: SystemTime, timestamp_url: Option<String>) -> Self {
        let signed_by = identity.signed_by();
        let authority = timestamp_url.map(timestamp::Authority::new);
        Self { identity, signed_by, signing_time: signing_time.into(), authority }
    }

    /// Ends waiting for timestamps once `stop` is set.
    #[must_use]
    pub fn stop_at(mut self, stop: &'static AtomicBool) -> Self {
        if let Some(authority) = &mut self.authority {
            authority.stop_at(stop);
        }
        self
    }

    /// Who signs.
    pub fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }

    /// Whether Apple's notary takes what it signs: a Developer ID, with a timestamp.
    pub fn is_for_notary(&self) -> bool {
        self.identity.is_developer_id() && self.authority.is_some()
    }

    /// What an image is signed with; without the key, what comes out is of nobody, and has room.
    fn settings(
        &self,
        wanted: &Wanted,
        with_key: bool,
    ) -> Result<SigningSettings<'_>, Box<AppleCodesignError>> {
        let mut settings = SigningSettings::default();
        if with_key {
            settings.set_signing_key(&self.identity.key, self.identity.leaf().clone());
        } else if let Some(authority) = &self.authority {
            // Nobody is asked without a key.
            settings.set_time_stamp_url(authority.url())?;
        }
        for certificate in &self.identity.chain {
            settings.chain_certificate(certificate.clone());
        }
        if let Some(team) = &self.signed_by.team {
            settings.set_team_id(team);
        }
        settings.set_signing_time(self.signing_time);
        settings.set_binary_identifier(SettingsScope::Main, &wanted.identifier);
        settings.set_code_signature_flags(SettingsScope::Main, wanted.flags);
        if let Some(entitlements) = &wanted.entitlements {
            settings.set_entitlements_xml(SettingsScope::Main, entitlements)?;
        }
        if let Some(info) = &wanted.info {
            settings.set_info_plist_data(SettingsScope::Main, info.clone());
        }
        Ok(settings)
    }

    fn laid_out(&self, image: &[u8], wanted: &Wanted) -> Result<LaidOut, Box<AppleCodesignError>> {
        let mut room = Vec::new();
        MachOSigner::new(image)?.write_signed_binary(&self.settings(wanted, false)?, &mut room)?;
        let binary = MachOBinary::parse(&room)?;
        let signature = MachOSigner::new(&room)?.create_superblob(&self.settings(wanted, true)?, &binary)?;
        let place = binary.find_signature_data()?.ok_or(AppleCodesignError::BinaryNoCodeSignature)?;
        let place = place.signature_file_start_offset..place.signature_file_end_offset;
        Ok(LaidOut { image: room, place, signature })
    }

    fn sign_image(&self, image: &[u8], wanted: &Wanted, path: &str) -> Result<Vec<u8>, CodeError> {
        let unfit = |reason: String| CodeError::Unfit { path: path.to_owned(), reason };
        // The crate trusts what it reads further than a stranger's file should be.
        let laid_out = catch_unwind(AssertUnwindSafe(|| self.laid_out(image, wanted)))
            .map_err(|_| unfit("its parts are not where they are in programs".to_owned()))?;
        let LaidOut { image: mut signed, place, signature } =
            laid_out.map_err(|error| unfit(error.to_string()))?;
        let cms = macho::cms(&signature).ok_or_else(|| unfit("there is no signature in it".to_owned()))?;
        // As what it is to be written: values that were read as BER are not written as DER.
        let cms = Constructed::decode(cms, Mode::Der, rfc5652::SignedData::decode)
            .map_err(|error| unfit(error.to_string()))?;
        let stamped = stamped(cms, self.authority.as_ref());
        let cms = stamped.map_err(|source| CodeError::Signing { path: path.to_owned(), source })?;
        let (room, length) = (&mut signed[place], signature.len() + cms.len());
        match macho::with_cms(&signature, &cms) {
            Some(signature) if signature.len() <= room.len() => {
                room.fill(0);
                room[..signature.len()].copy_from_slice(&signature);
                Ok(signed)
            }
            _ => Err(unfit(format!("a signature of {length} bytes does not fit into {}", room.len()))),
        }
    }
}

/// An image with room for its signature.
struct LaidOut {
    image: Vec<u8>,
    /// Where that is.
    place: Range<usize>,
    /// The signature, without a timestamp.
    signature: Vec<u8>,
}

/// What is to be signed.
#[derive(Debug)]
struct Wanted {
    identifier: String,
    flags: CodeSignatureFlags,
    entitlements: Option<String>,
    info: Option<Vec<u8>>,
}

impl Wanted {
    /// What an image said of itself; its file's name, where nobody or the linker gave it one.
    fn of(image: &Image, path: &str) -> Result<Self, String> {
        if image.platform.is_none() {
            return Err("it does not say which SDK it was built with, and the hardened runtime goes by that"
                .to_owned());
        }
        let file_name = path.rsplit('/').next().unwrap_or(path).to_owned();
        let info = image.info.clone();
        let Some(signature) = &image.signature else {
            let flags = CodeSignatureFlags::RUNTIME;
            return Ok(Self { identifier: file_name, flags, entitlements: None, info });
        };
        let directory = signature.directory();
        if directory.slots.iter().any(|slot| slot.number >= FIRST_CONSTRAINT) {
            return Err("it has constraints on who starts it, which would be lost".to_owned());
        }
        let (xml, der) = (&signature.entitlements, &signature.entitlements_der);
        if xml.is_none() && der.is_some() {
            return Err("its entitlements are only in DER".to_owned());
        }
        entitlements(signature)?;
        let xml = xml.clone().map(String::from_utf8).transpose();
        let by_linker = directory.flags & flag::LINKER_SIGNED != 0;
        Ok(Self {
            identifier: if by_linker { file_name } else { directory.identifier.clone() },
            flags: CodeSignatureFlags::from_bits_truncate(directory.flags) & KEPT
                | CodeSignatureFlags::RUNTIME,
            entitlements: xml.map_err(|_| "its entitlements are not text".to_owned())?,
            info,
        })
    }
}

/// Whether a file that begins with these bytes is one to be signed; eight are enough.
pub fn is_macho(start: &[u8]) -> bool {
    macho::is_macho(start)
}

/// Signs a file: every program and library in it. An object file stays as it is, since nothing
/// runs it. `path` is for messages, and names what has no name yet.
///
/// # Errors
/// [`CodeError`].
pub fn sign(signer: &CodeSigner, path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, CodeError> {
    let file = read(path, &bytes)?;
    let unfit = |reason: String| CodeError::Unfit { path: path.to_owned(), reason };
    if !file.images.iter().any(Image::is_code) {
        return Ok(bytes);
    }
    let mut images = Vec::new();
    for image in &file.images {
        let part = part(&bytes, image).ok_or_else(|| unfit("it is too large".to_owned()))?;
        images.push(if image.is_code() {
            signer.sign_image(part, &Wanted::of(image, path).map_err(unfit)?, path)?
        } else {
            part.to_vec()
        });
    }
    drop(bytes);
    let signed = match file.universal {
        true => macho::universal(&images).ok_or_else(|| unfit("it has more than 4 GiB".to_owned()))?,
        false => images.pop().unwrap_or_default(),
    };
    drop(images);
    check(&file, &read(path, &signed)?).map_err(unfit)?;
    Ok(signed)
}

/// Reads a file that holds.
fn read(path: &str, bytes: &[u8]) -> Result<MachO, CodeError> {
    let file = macho::read(&mut Cursor::new(bytes)).ok().flatten();
    let file = file.ok_or_else(|| CodeError::NotMacho { path: path.to_owned() })?;
    let fault = file.faults().next();
    match fault {
        Some(fault) => Err(CodeError::Damaged { path: path.to_owned(), fault }),
        None => Ok(file),
    }
}

/// An image's bytes.
fn part<'a>(bytes: &'a [u8], image: &Image) -> Option<&'a [u8]> {
    let (offset, size) = (usize::try_from(image.offset).ok()?, usize::try_from(image.size).ok()?);
    bytes.get(offset..offset.checked_add(size)?)
}

/// That what came out is allowed to what went in, and has what was asked for.
fn check(before: &MachO, after: &MachO) -> Result<(), String> {
    let same_number = before.images.len() == after.images.len();
    for (before, after) in before.images.iter().zip(&after.images).filter(|(one, _)| one.is_code()) {
        let signature = after.signature.as_ref().ok_or("no signature came out")?;
        let had = before.signature.as_ref().map_or_else(|| Ok(plist::Dictionary::new()), entitlements)?;
        if entitlements(signature)? != had {
            return Err("its entitlements would not be the same".to_owned());
        }
        if signature.cms.is_none() || signature.directory().flags & flag::RUNTIME == 0 {
            return Err("what came out is not signed, or without the hardened runtime".to_owned());
        }
    }
    same_number.then_some(()).ok_or_else(|| "an image got lost".to_owned())
}
