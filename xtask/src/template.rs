//! What limactl fetches to create an instance from a template.
//!
//! ```text
//! base:        one template or several, each a locator or { url, digest }
//! images:      - location, arch, digest, kernel: { location, digest }, initrd: { location, digest }
//! containerd:  system, user, archives: - location, arch, digest
//! plain:       true: nothing of containerd
//! provision:   - file: a locator or { url, digest }
//! ```
//!
//! Source: Lima's `pkg/limatype/lima_yaml.go`, `pkg/limayaml/defaults.go` (containerd is
//! wanted for the user unless a template says otherwise, and its archives are limactl's own
//! unless a template lists some), `pkg/downloader/downloader.go`.
//!
//! Must not know: the disk, the network.

use std::fmt;

use serde::{Deserialize, Serialize};

mod edit;

pub use edit::{Local, arch, with_files};

/// Something that limactl reads to create an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetch {
    /// What it is for.
    pub what: What,
    /// Where it is, as the template says; nothing where limactl itself knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The guest's processor, as Lima names it; nothing for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Its digest, as the template says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where it comes from.
    pub from: From,
}

/// What something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A template that this one is based on.
    Base,
    /// The disk image.
    Image,
    /// The kernel beside an image.
    Kernel,
    /// The first disk in memory, beside an image.
    Initrd,
    /// containerd with nerdctl.
    Containerd,
    /// A script for the guest.
    Provision,
}

/// Where something comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// The network.
    Network,
    /// A file on the Mac.
    File,
    /// What limactl has beside it. What that fetches in turn is not in this template.
    Limactl,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base => "base",
            Self::Image => "image",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::Containerd => "containerd",
            Self::Provision => "provision",
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    base: Option<OneOrSeveral>,
    #[serde(default)]
    images: Vec<Image>,
    #[serde(default)]
    containerd: Containerd,
    #[serde(default)]
    plain: Option<bool>,
    #[serde(default)]
    provision: Vec<Provision>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(Locator),
    Several(Vec<Locator>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Locator {
    Url(String),
    WithDigest { url: String, digest: Option<String> },
}

#[derive(Deserialize)]
struct File {
    location: String,
    arch: Option<String>,
    digest: Option<String>,
}

#[derive(Deserialize)]
struct Image {
    location: String,
    arch: Option<String>,
    digest: Option<String>,
    kernel: Option<File>,
    initrd: Option<File>,
}

#[derive(Default, Deserialize)]
struct Containerd {
    system: Option<bool>,
    user: Option<bool>,
    #[serde(default)]
    archives: Vec<File>,
}

#[derive(Deserialize)]
struct Provision {
    file: Option<Locator>,
}

/// What a template has limactl read, in the order in which it is listed.
///
/// # Errors
/// Why the text is not a template, with the place.
pub fn fetches(text: &str) -> Result<Vec<Fetch>, String> {
    // How deep and how large the YAML may be is bounded by serde-saphyr's own budget.
    let template: Template = serde_saphyr::from_str(text)
        .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
    let mut all = Vec::new();
    let bases = match template.base {
        None => Vec::new(),
        Some(OneOrSeveral::One(base)) => vec![base],
        Some(OneOrSeveral::Several(bases)) => bases,
    };
    let is_based = !bases.is_empty();
    all.extend(bases.into_iter().map(|base| located(What::Base, base)));
    for image in template.images {
        let Image { location, arch, digest, kernel, initrd } = image;
        all.push(file(What::Image, File { location, arch: arch.clone(), digest }));
        for (what, part) in [(What::Kernel, kernel), (What::Initrd, initrd)] {
            let part = part.map(|part| File { arch: part.arch.or_else(|| arch.clone()), ..part });
            all.extend(part.map(|part| file(what, part)));
        }
    }
    let Containerd { system, user, archives } = template.containerd;
    let is_unwanted = template.plain == Some(true) || (system != Some(true) && user == Some(false));
    // Without a word on it, a base may have one.
    if !is_unwanted && archives.is_empty() && (user.is_some() || system.is_some() || !is_based) {
        let from = From::Network;
        all.push(Fetch { what: What::Containerd, location: None, arch: None, digest: None, from });
    } else if !is_unwanted {
        all.extend(archives.into_iter().map(|archive| file(What::Containerd, archive)));
    }
    let scripts = template.provision.into_iter().filter_map(|provision| provision.file);
    all.extend(scripts.map(|script| located(What::Provision, script)));
    Ok(all)
}

fn located(what: What, locator: Locator) -> Fetch {
    let (location, digest) = match locator {
        Locator::Url(url) => (url, None),
        Locator::WithDigest { url, digest } => (url, digest),
    };
    file(what, File { location, arch: None, digest })
}

fn file(what: What, File { location, arch, digest }: File) -> Fetch {
    let from = origin(&location);
    Fetch { what, location: Some(location), arch, digest, from }
}

fn origin(location: &str) -> From {
    match location.split_once(':') {
        Some(("template", _)) => From::Limactl,
        Some(("file", _)) => From::File,
        // A scheme has two letters at least, and a path none before its first slash.
        Some((scheme, _)) if scheme.len() > 1 && !scheme.contains('/') => From::Network,
        _ => From::File,
    }
}
