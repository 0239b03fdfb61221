//! The signing options: from flags and environment to a signer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use clap::Args;

use super::environment;
use crate::sign::{
    APPLE_TIMESTAMP_URL, Identity, PackageSigner, development_identity, identity_from_p12, identity_from_pem,
};

const P12_VARIABLE: &str = "LIMA_AUTOSTART_P12";
const P12_PASSWORD_VARIABLE: &str = "LIMA_AUTOSTART_P12_PASSWORD";
const PEM_VARIABLE: &str = "LIMA_AUTOSTART_PEM";

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
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl SigningArgs {
    /// Finds the identity, and checks that it can sign installers.
    pub fn resolve(&self) -> Result<Signing> {
        if self.unsigned {
            let warning = "packages are not signed: an MDM refuses them, and so does a double-click";
            return Ok(Signing { signer: None, warnings: vec![warning.to_owned()] });
        }
        let mut warnings = Vec::new();
        let identity = match self.given_identity()? {
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
        let timestamp_url = match self.timestamp_url.as_deref() {
            Some("none") => None,
            Some(url) => Some(checked_url(url)?),
            None if identity.is_developer_id() => Some(APPLE_TIMESTAMP_URL.to_owned()),
            None => None,
        };
        if timestamp_url.is_none() && identity.is_developer_id() {
            warnings.push(
                "signed without a timestamp: Macs refuse the packages once the certificate has expired"
                    .to_owned(),
            );
        }
        Ok(Signing {
            signer: Some(PackageSigner::new(identity, environment::now(), timestamp_url)),
            warnings,
        })
    }

    /// The identity that flags or environment name; flags win.
    fn given_identity(&self) -> Result<Option<Identity>> {
        let now = environment::now();
        if let Some(file) = &self.p12_file {
            let data = read(file)?;
            return Ok(Some(identity_from_p12(&file.display().to_string(), &data, &self.password()?, now)?));
        }
        if !self.pem_file.is_empty() {
            let files = self
                .pem_file
                .iter()
                .map(|file| Ok((file.display().to_string(), read(file)?)))
                .collect::<Result<Vec<_>>>()?;
            return Ok(Some(identity_from_pem(&files, now)?));
        }
        match (environment::secret(P12_VARIABLE)?, environment::secret(PEM_VARIABLE)?) {
            (Some(_), Some(_)) => bail!("{P12_VARIABLE} and {PEM_VARIABLE} are both set; unset one of them"),
            (Some(text), None) => {
                let compact: String = text.split_ascii_whitespace().collect();
                let data = base64::engine::general_purpose::STANDARD.decode(compact).with_context(|| {
                    format!("{P12_VARIABLE} is not base64; make it with `base64 < identity.p12`")
                })?;
                Ok(Some(identity_from_p12(P12_VARIABLE, &data, &self.password()?, now)?))
            }
            (None, Some(text)) => {
                Ok(Some(identity_from_pem(&[(PEM_VARIABLE.to_owned(), text.into_bytes())], now)?))
            }
            (None, None) if self.p12_password_file.is_some() => {
                bail!("--p12-password-file needs --p12-file FILE or {P12_VARIABLE}")
            }
            (None, None) => Ok(None),
        }
    }

    /// The password; a file without one may have none.
    fn password(&self) -> Result<String> {
        let Some(file) = &self.p12_password_file else {
            return Ok(environment::secret(P12_PASSWORD_VARIABLE)?.unwrap_or_default());
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
