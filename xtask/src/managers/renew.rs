//! What device managers read, brought up to date with packages whose bytes have changed:
//! a ticket was stapled to them.
//!
//! What follows from a package's bytes is replaced, and the rest stays byte for byte: the
//! settings that it was made of are not needed. For packages that have not changed the
//! bytes are the same.
//!
//! Must not know: the disk, tickets.

use plist::{Integer, Value};

use super::apple::server_token;
use super::{FLEET_SOFTWARE, MDM_DECLARATION, MDM_MANIFEST, MUNKI_PKGINFO, property_list};
use crate::artifact::{Artifact, Kind};
use crate::digest::sums::Sums;

/// A package as it was when the files were made, and as it is.
#[derive(Debug, Clone, Copy)]
pub struct Renewed<'a> {
    /// Its SHA-256 then, hexadecimal.
    pub before: &'a str,
    /// Its sums now.
    pub now: &'a Sums,
}

/// Whether what files of this kind say follows from a package's bytes.
pub fn follows_packages(kind: &Kind) -> bool {
    [MDM_MANIFEST, MDM_DECLARATION, MUNKI_PKGINFO, FLEET_SOFTWARE].iter().any(|one| *kind == *one)
}

/// The files about two packages, in the order in which they are built: manifests come
/// before the declaration that has a digest of one.
#[derive(Debug)]
pub struct Renewal<'a> {
    installer: Renewed<'a>,
    uninstaller: Renewed<'a>,
    /// The token of the installer's manifest, then and now.
    token: Option<[String; 2]>,
}

impl<'a> Renewal<'a> {
    /// For the packages of an instance, or those of all.
    pub fn new(installer: Renewed<'a>, uninstaller: Renewed<'a>) -> Self {
        Self { installer, uninstaller, token: None }
    }

    /// A file that held `bytes`.
    ///
    /// # Errors
    /// Why it is not the file that was made of these packages.
    pub fn renew(&mut self, artifact: &Artifact, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let (path, kind) = (&artifact.path, artifact.kind.as_str());
        match kind {
            MDM_MANIFEST if path.ends_with("/uninstall-manifest.plist") => {
                manifest(&bytes, self.uninstaller.now)
            }
            MDM_MANIFEST => {
                let renewed = manifest(&bytes, self.installer.now)?;
                self.token = Some([server_token(&bytes), server_token(&renewed)]);
                Ok(renewed)
            }
            MDM_DECLARATION => {
                let [before, now] = self.token.as_ref().ok_or("its manifest is missing")?;
                replace(bytes, before, now)
            }
            FLEET_SOFTWARE => replace(bytes, self.installer.before, &self.installer.now.sha256),
            MUNKI_PKGINFO if path.ends_with("-uninstall.plist") => pkginfo(&bytes, self.uninstaller),
            MUNKI_PKGINFO => pkginfo(&bytes, self.installer),
            _ => Ok(bytes),
        }
    }
}

fn manifest(bytes: &[u8], sums: &Sums) -> Result<Vec<u8>, String> {
    const NONE: &str = "it is not a manifest of a package";
    let mut manifest: Value = plist::from_bytes(bytes).map_err(|error| error.to_string())?;
    let item = manifest
        .as_dictionary_mut()
        .and_then(|top| top.get_mut("items")?.as_array_mut()?.first_mut()?.as_dictionary_mut())
        .ok_or(NONE)?;
    let asset = item
        .get_mut("assets")
        .and_then(|assets| assets.as_array_mut()?.first_mut()?.as_dictionary_mut()?.get_mut("sha256s"));
    *asset.ok_or(NONE)? = Value::Array(sums.chunks.iter().map(|sum| Value::String(sum.clone())).collect());
    let size =
        item.get_mut("metadata").and_then(|metadata| metadata.as_dictionary_mut()?.get_mut("sizeInBytes"));
    *size.ok_or(NONE)? = Value::Integer(Integer::from(sums.size));
    Ok(property_list(&manifest))
}

fn pkginfo(bytes: &[u8], package: Renewed<'_>) -> Result<Vec<u8>, String> {
    let mut pkginfo: plist::Dictionary = plist::from_bytes(bytes).map_err(|error| error.to_string())?;
    let hash = pkginfo.get_mut("installer_item_hash").filter(|hash| hash.as_string() == Some(package.before));
    *hash.ok_or("it is not the pkginfo of the package that was built")? =
        Value::String(package.now.sha256.clone());
    let size = pkginfo.get_mut("installer_item_size").ok_or("it has no size")?;
    *size = Value::Integer(Integer::from(package.now.size / 1024));
    Ok(property_list(&pkginfo))
}

/// Text in which a digest is named once.
fn replace(bytes: Vec<u8>, before: &str, now: &str) -> Result<Vec<u8>, String> {
    let text = String::from_utf8(bytes).map_err(|_| "it is not text")?;
    if text.matches(before).count() != 1 {
        return Err("it does not name the package that was built".to_owned());
    }
    Ok(text.replace(before, now).into_bytes())
}
