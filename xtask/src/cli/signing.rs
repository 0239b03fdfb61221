//! The signing options: from flags and environment to a signer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use clap::Args;

use super::environment;
use crate::sign::{
    APPLE_TIMESTAMP_URL, CodeSigner, Identity, PackageSigner, Purpose, development_identity, from_p12,
    from_pem,
};

/// The names of flags and variables that name an identity.
struct Names {
    purpose: Purpose,
    p12: &'static str,
    p12_password: &'static str,
    pem: &'static str,
    p12_flag: &'static str,
}

const INSTALLER: Names = Names {
    purpose: Purpose::Installer,
    p12: "LIMA_AUTOSTART_P12",
    p12_password: "LIMA_AUTOSTART_P12_PASSWORD",
    pem: "LIMA_AUTOSTART_PEM",
    p12_flag: "--p12",
};
const APPLICATION: Names = Names {
    purpose: Purpose::Application,
    p12: "LIMA_AUTOSTART_APP_P12",
    p12_password: "LIMA_AUTOSTART_APP_P12_PASSWORD",
    pem: "LIMA_AUTOSTART_APP_PEM",
    p12_flag: "--app-p12",
};

/// Files of an identity, as flags name them.
struct Given<'a> {
    names: &'static Names,
    p12_file: Option<&'a Path>,
    p12_password_file: Option<&'a Path>,
    pem_files: &'a [PathBuf],
}

/// Who signs. Without any of these: LIMA_AUTOSTART_P12 (base64) with
/// LIMA_AUTOSTART_P12_PASSWORD, or LIMA_AUTOSTART_PEM; without those a
/// development identity, which no Mac trusts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signing")]
pub struct SigningArgs {
    /// Sign with the Developer ID Installer identity in this PKCS#12 file
    ///
    /// Also taken from the environment, for CI: LIMA_AUTOSTART_P12 holds the file as base64.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pem_file", "unsigned"])]
    p12_file: Option<PathBuf>,

    /// Read the PKCS#12 password from this file
    ///
    /// One line break at its end is not part of the password. Also taken from the environment:
    /// LIMA_AUTOSTART_P12_PASSWORD.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pem_file", "unsigned"])]
    p12_password_file: Option<PathBuf>,

    /// Sign with the key and certificates in this PEM file; may be repeated
    ///
    /// Also taken from the environment: LIMA_AUTOSTART_PEM holds the text.
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned")]
    pem_file: Vec<PathBuf>,

    /// Sign programs and libraries with the Developer ID Application identity in this PKCS#12 file
    ///
    /// They keep what they are allowed to, and get the hardened runtime. Without it, they stay as
    /// they are. Also taken from the environment: LIMA_AUTOSTART_APP_P12 holds the file as base64.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app_pem_file", "unsigned"])]
    app_p12_file: Option<PathBuf>,

    /// Read the password of that file from this one
    ///
    /// Also taken from the environment: LIMA_AUTOSTART_APP_P12_PASSWORD.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app_pem_file", "unsigned"])]
    app_p12_password_file: Option<PathBuf>,

    /// Sign programs and libraries with the key and certificates in this PEM file; may be repeated
    ///
    /// Also taken from the environment: LIMA_AUTOSTART_APP_PEM holds the text.
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned")]
    app_pem_file: Vec<PathBuf>,

    /// Ask this authority for timestamps, or "none"
    ///
    /// Without it: Apple's where the identity is a Developer ID, none for other identities.
    #[arg(long, value_name = "URL", conflicts_with = "unsigned")]
    timestamp_url: Option<String>,

    /// Do not sign. No MDM installs the package, and a double-click is refused
    #[arg(long)]
    unsigned: bool,
}

/// The signer and its warnings.
pub struct Signing {
    /// `None`: unsigned.
    pub signer: Option<PackageSigner>,
    /// What signs programs in packages; `None`: they stay as they are.
    pub code: Option<CodeSigner>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl SigningArgs {
    /// Finds the identities, and checks that they can sign what they are to.
    pub fn resolve(&self) -> Result<Signing> {
        if self.unsigned {
            let warning = "packages are not signed: an MDM refuses them, and so does a double-click";
            return Ok(Signing { signer: None, code: None, warnings: vec![warning.to_owned()] });
        }
        let mut warnings = Vec::new();
        let identity = match self.installer().identity()? {
            Some(identity) => {
                if !identity.is_developer_id() {
                    warnings.push(
                        "the certificate does not chain to an Apple root: only Macs that were told to trust its \
                         issuer accept the packages"
                            .to_owned(),
                    );
                }
                identity
            }
            None => {
                let folder = environment::target().join("lima-autostart");
                let identity = development_identity(&folder, environment::now())?;
                warnings.push(
                    "signed with the development identity: Gatekeeper and MDM will refuse these packages; sign \
                     with --p12-file FILE for anything but trying out"
                        .to_owned(),
                );
                identity
            }
        };
        let timestamp_url = self.timestamp_url_for(&identity)?;
        if timestamp_url.is_none() && identity.is_developer_id() {
            warnings.push(
                "signed without a timestamp: Macs refuse the packages once the certificate has expired"
                    .to_owned(),
            );
        }
        let code = match self.application().identity()? {
            None => None,
            Some(application) => {
                if !application.is_developer_id() {
                    warnings.push(
                        "the certificate for programs does not chain to an Apple root: Apple does not notarize \
                         packages with them"
                            .to_owned(),
                    );
                }
                let timestamp_url = self.timestamp_url_for(&application)?;
                Some(CodeSigner::new(application, environment::now(), timestamp_url))
            }
        };
        let signer = Some(PackageSigner::new(identity, environment::now(), timestamp_url));
        Ok(Signing { signer, code, warnings })
    }

    fn timestamp_url_for(&self, identity: &Identity) -> Result<Option<String>> {
        Ok(match self.timestamp_url.as_deref() {
            Some("none") => None,
            Some(url) => Some(checked_url(url)?),
            None if identity.is_developer_id() => Some(APPLE_TIMESTAMP_URL.to_owned()),
            None => None,
        })
    }

    fn installer(&self) -> Given<'_> {
        Given {
            names: &INSTALLER,
            p12_file: self.p12_file.as_deref(),
            p12_password_file: self.p12_password_file.as_deref(),
            pem_files: &self.pem_file,
        }
    }

    fn application(&self) -> Given<'_> {
        Given {
            names: &APPLICATION,
            p12_file: self.app_p12_file.as_deref(),
            p12_password_file: self.app_p12_password_file.as_deref(),
            pem_files: &self.app_pem_file,
        }
    }
}

impl Given<'_> {
    /// The identity that flags or environment name; flags win.
    fn identity(&self) -> Result<Option<Identity>> {
        let (now, names, purpose) = (environment::now(), self.names, self.names.purpose);
        if let Some(file) = self.p12_file {
            let origin = file.display().to_string();
            return Ok(Some(from_p12(purpose, &origin, &read(file)?, &self.password()?, now)?));
        }
        if !self.pem_files.is_empty() {
            let files = self
                .pem_files
                .iter()
                .map(|file| Ok((file.display().to_string(), read(file)?)))
                .collect::<Result<Vec<_>>>()?;
            return Ok(Some(from_pem(purpose, &files, now)?));
        }
        let Names { p12, pem, p12_flag, .. } = names;
        match (environment::secret(p12)?, environment::secret(pem)?) {
            (Some(_), Some(_)) => bail!("{p12} and {pem} are both set; unset one of them"),
            (Some(text), None) => {
                let compact: String = text.split_ascii_whitespace().collect();
                let data = base64::engine::general_purpose::STANDARD
                    .decode(compact)
                    .with_context(|| format!("{p12} is not base64; make it with `base64 < identity.p12`"))?;
                Ok(Some(from_p12(purpose, p12, &data, &self.password()?, now)?))
            }
            (None, Some(text)) => {
                Ok(Some(from_pem(purpose, &[((*pem).to_owned(), text.into_bytes())], now)?))
            }
            (None, None) if self.p12_password_file.is_some() => {
                bail!("{p12_flag}-password-file needs {p12_flag}-file FILE or {p12}")
            }
            (None, None) => Ok(None),
        }
    }

    /// The password; a file without one may have none.
    fn password(&self) -> Result<String> {
        let Some(file) = self.p12_password_file else {
            return Ok(environment::secret(self.names.p12_password)?.unwrap_or_default());
        };
        let text = String::from_utf8(read(file)?)
            .map_err(|_| anyhow::anyhow!("{}: the password is not UTF-8 text", file.display()))?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("could not read {}", file.display()))
}

fn checked_url(text: &str) -> Result<String> {
    let url = url::Url::parse(text).with_context(|| format!("--timestamp-url: {text:?} is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("--timestamp-url: {text:?}: a timestamp authority is asked over http or https");
    }
    Ok(url.into())
}
