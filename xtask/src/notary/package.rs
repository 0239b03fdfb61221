//! A package that is to be notarized: what Apple will look at, looked at before.
//!
//! Must not know: submissions, the network.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use flatpkg::xar::Archive;
use flatpkg::xar::ticket::Entry;

use super::{NotaryError, Services};
use crate::sign::certificate::{DEVELOPER_ID_INSTALLER, TIME_STAMPING, extended_key_usages, is_authority};
use crate::verify::causes;
use crate::verify::notarizable;
use crate::verify::signature::{self, Signatures};
use crate::verify::ticket;

/// A package file.
#[derive(Debug)]
pub struct Package {
    /// Where it is: the file, then others with the same package.
    pub paths: Vec<PathBuf>,
    /// What it is called in a submission.
    pub name: String,
    /// What its ticket is for.
    pub entry: Entry,
    /// Whether a ticket that holds is stapled to every one of the files.
    pub is_stapled: bool,
    /// Why Apple would refuse it.
    pub faults: Vec<String>,
}

impl Package {
    /// Looks at a package.
    ///
    /// # Errors
    /// [`NotaryError::Io`], [`NotaryError::NoPackage`].
    pub fn open(path: &Path, name: &str, services: &Services) -> Result<Self, NotaryError> {
        let (archive, mut file) = archive(path)?;
        let no_package = |reason| NotaryError::NoPackage { path: path.to_owned(), reason };
        let entry = ticket::package_entry(&archive).map_err(no_package)?;
        let is_stapled = ticket::framed(&archive, &mut file)
            .ok()
            .flatten()
            .is_some_and(|framed| ticket::check(&framed, entry, &services.ticket_roots).is_ok());
        let mut faults = match signature::read(&archive, &mut file) {
            None => vec![
                "it is not signed; build it with --p12-file FILE and a Developer ID Installer certificate"
                    .to_owned(),
            ],
            Some(signatures) => faults(&signatures, services),
        };
        // What Apple has notarized it has looked into.
        if !is_stapled {
            let refused = notarizable::package_refusals(&mut file, &services.roots);
            let refused = refused.unwrap_or_else(|fault| vec![fault]);
            if !refused.is_empty() {
                faults.extend(refused);
                faults.push(UNSIGNED_CODE.to_owned());
            }
        }
        Ok(Self { paths: vec![path.to_owned()], name: name.to_owned(), entry, is_stapled, faults })
    }

    /// The file that stands for all.
    pub fn path(&self) -> &Path {
        &self.paths[0]
    }
}

/// A package's archive.
///
/// # Errors
/// [`NotaryError::Io`], [`NotaryError::NoPackage`].
pub(super) fn archive(path: &Path) -> Result<(Archive, BufReader<File>), NotaryError> {
    let mut file = BufReader::new(File::open(path).map_err(NotaryError::at("open", path))?);
    let archive = Archive::read(&mut file)
        .map_err(|error| NotaryError::NoPackage { path: path.to_owned(), reason: causes(&error) })?;
    Ok((archive, file))
}

/// What is to be done about programs in it.
const UNSIGNED_CODE: &str = "Apple notarizes only programs and libraries that are signed with a Developer ID \
                             Application certificate, with a timestamp and the hardened runtime; sign those of \
                             this package with --app-p12-file FILE";

/// What Apple refuses of the package itself: signatures that are not valid, of another kind of
/// certificate, or without a timestamp.
fn faults(signatures: &Signatures, services: &Services) -> Vec<String> {
    let mut faults = Vec::new();
    match &signatures.rsa {
        Some(Ok(_)) => {}
        Some(Err(fault)) => faults.push(format!("its RSA signature: {fault}")),
        None => faults.push("it has no RSA signature".to_owned()),
    }
    let cms = match &signatures.cms {
        Some(Ok(cms)) => Some(cms),
        Some(Err(fault)) => {
            faults.push(format!("its CMS signature: {fault}"));
            None
        }
        None => {
            faults.push("it has no CMS signature".to_owned());
            None
        }
    };
    match &signatures.chain {
        Err(fault) => faults.push(format!("its certificates: {fault}")),
        Ok(chain) => faults.extend(chain_faults(chain, services)),
    }
    match cms.map(|cms| &cms.timestamp) {
        Some(None) => faults.push(
            "it has no timestamp; build it without --timestamp-url none: a Developer ID asks Apple for one"
                .to_owned(),
        ),
        Some(Some(Err(fault))) => faults.push(format!("its timestamp: {fault}")),
        Some(Some(Ok(stamp))) => {
            let is_for_timestamps = extended_key_usages(&stamp.authority)
                .is_ok_and(|usages| usages.iter().any(|usage| usage == TIME_STAMPING));
            if !is_for_timestamps {
                faults.push("its timestamp is of a certificate that is not for timestamps".to_owned());
            }
            let expired =
                signatures.chain.iter().flatten().find(|one| {
                    !(one.validity_not_before()..=one.validity_not_after()).contains(&stamp.time)
                });
            if let Some(expired) = expired {
                let name = expired.subject_common_name().unwrap_or_default();
                faults.push(format!("it was signed on {}, when {name:?} was not valid", stamp.time));
            }
        }
        None => {}
    }
    faults
}

fn chain_faults(chain: &[x509_certificate::CapturedX509Certificate], services: &Services) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(leaf) = chain.first() else { return vec!["it has no certificate".to_owned()] };
    let name = leaf.subject_common_name().unwrap_or_else(|| "(no common name)".to_owned());
    let is_installer = extended_key_usages(leaf)
        .is_ok_and(|usages| usages.iter().any(|usage| usage == DEVELOPER_ID_INSTALLER));
    if !is_installer {
        faults.push(format!("it is signed by {name:?}, which is not a Developer ID Installer certificate"));
    }
    match chain.iter().position(|one| services.is_root(one)) {
        Some(end) if chain[1..=end].iter().all(is_authority) => {}
        _ => faults.push(format!(
            "it is signed by {name:?}, which does not lead to Apple's root; sign with the Developer ID Installer \
             certificate of your team (--p12-file FILE)"
        )),
    }
    faults
}
