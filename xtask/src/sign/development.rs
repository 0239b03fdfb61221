//! The development identities: made once, kept readable by their owner alone.
//!
//! They have the shape of a Developer ID Installer and of a Developer ID Application
//! certificate, so that what is signed with them takes the same way through our code and
//! through other people's readers; no Mac trusts them.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use apple_codesign::{CertificateProfile, create_self_signed_code_signing_certificate};
use x509_certificate::KeyAlgorithm;

use super::{Identity, IdentityError, Purpose, load};

/// File name under the folder that the caller names.
fn file_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Installer => "development-identity.pem",
        Purpose::Application => "development-application-identity.pem",
    }
}

/// Days that a development certificate is valid.
const VALID_DAYS: i64 = 3650;

/// Why there is no development identity.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// The file system refused.
    #[error("could not {operation} {path}: {source}")]
    Io {
        /// What we tried.
        operation: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The key could not be made.
    #[error("the development identity could not be made: {0}")]
    Generate(String),
    /// The file is there and cannot be used.
    #[error("{0}; delete the file, and the next run makes a new development identity")]
    Unusable(#[from] IdentityError),
}

/// Reads the development identity for packages in `folder`, or makes it: RSA-2048,
/// self-signed, Developer ID Installer profile.
///
/// # Errors
/// [`DevelopmentError`].
pub fn development_identity(folder: &Path, now: SystemTime) -> Result<Identity, DevelopmentError> {
    development_identity_for(Purpose::Installer, folder, now)
}

/// The same for what is to be signed.
///
/// # Errors
/// [`DevelopmentError`].
pub fn development_identity_for(
    purpose: Purpose,
    folder: &Path,
    now: SystemTime,
) -> Result<Identity, DevelopmentError> {
    let path = folder.join(file_name(purpose));
    if !path.exists() {
        create(purpose, folder, &path)?;
    }
    let text = fs::read(&path).map_err(at("read", &path))?;
    match load::development(purpose, &path.display().to_string(), &text, now) {
        Err(IdentityError::Expired { .. }) => {
            fs::remove_file(&path).map_err(at("remove the expired", &path))?;
            create(purpose, folder, &path)?;
            let text = fs::read(&path).map_err(at("read", &path))?;
            Ok(load::development(purpose, &path.display().to_string(), &text, now)?)
        }
        other => Ok(other?),
    }
}

/// Writes a new identity to `path`, unless another run was faster.
fn create(purpose: Purpose, folder: &Path, path: &Path) -> Result<(), DevelopmentError> {
    let text = generate(purpose)?;
    fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
    // tempfile creates with mode 0600; nobody else can ever open it.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(at("create a file in", folder))?;
    file.write_all(text.as_bytes()).map_err(at("write", file.path()))?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600))
        .map_err(at("protect", file.path()))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(at("write", path)(error.error)),
    }
}

/// Certificate and PKCS#8 key as PEM.
fn generate(purpose: Purpose) -> Result<String, DevelopmentError> {
    let profile = match purpose {
        Purpose::Installer => CertificateProfile::DeveloperIdInstaller,
        Purpose::Application => CertificateProfile::DeveloperIdApplication,
    };
    let (certificate, key) = create_self_signed_code_signing_certificate(
        KeyAlgorithm::Rsa,
        profile,
        "DEVELOPMENT",
        "lima-autostart, trusted by no Mac",
        "ZZ",
        chrono::Duration::days(VALID_DAYS),
    )
    .map_err(|error| DevelopmentError::Generate(error.to_string()))?;
    let key = pem::Pem::new("PRIVATE KEY", key.to_pkcs8_one_asymmetric_key_der().to_vec());
    Ok(format!("{}{}", certificate.encode_pem(), pem::encode(&key)))
}

fn at<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DevelopmentError + 'a {
    move |source| DevelopmentError::Io { operation, path: path.to_owned(), source }
}
