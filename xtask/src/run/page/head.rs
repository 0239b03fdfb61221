//! The beginning of the page: what a run is, counted, and who signed it.
//!
//! Must not know: what the files are.

use std::collections::BTreeSet;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use sha2::{Digest, Sha256};

use super::Facts;
use crate::artifact::{Built, Command, Kind, Makers};
use crate::render::fill;
use crate::render::text::{count, plain, size};
use crate::run::NO_TIME;
use crate::sign::SignedBy;

/// So many instances are shown unfolded; of more, a list is what one looks for.
const UNFOLDED: u64 = 5;

/// What the head of the page says of all files.
#[derive(Debug, Default)]
pub struct Totals {
    instances: u64,
    files: u64,
    bytes: u64,
    /// The instance of the file before.
    last: Option<String>,
    /// Who signed packages; `None` is nobody. One, unless parts of different
    /// makers were joined by hand.
    signers: Vec<Option<SignedBy>>,
    /// What there is.
    kinds: BTreeSet<Kind>,
}

impl Totals {
    /// Counts a file. Those of an instance come one after the other.
    pub fn add(&mut self, built: &Built, makers: &Makers) {
        self.files += 1;
        self.bytes += built.size;
        if !self.kinds.contains(&built.artifact.kind) {
            self.kinds.insert(built.artifact.kind.clone());
        }
        if built.artifact.instance.is_some() && built.artifact.instance != self.last {
            self.instances += 1;
            self.last.clone_from(&built.artifact.instance);
        }
        if makers.is_package(&built.artifact.kind) && !self.signers.contains(&built.signed_by) {
            self.signers.push(built.signed_by.clone());
        }
    }

    /// Whether all packages are signed by the same: the head says who that is.
    pub(super) fn has_one_signer(&self) -> bool {
        self.signers.len() == 1
    }

    /// Whether instances are shown unfolded.
    pub(super) fn is_unfolded(&self) -> bool {
        self.instances <= UNFOLDED
    }
}

#[derive(Template)]
#[template(path = "index-head.html")]
struct HeadPage {
    style_digest: String,
    script_digest: String,
    facts: Head,
}

struct Head {
    version: String,
    organization: Option<String>,
    counts: String,
    /// What the packages were built from, and when that was.
    commit: Option<String>,
    date: Option<String>,
    signers: Vec<Signer>,
    /// What somebody enters into a device manager.
    addresses: Vec<Command>,
}

struct Signer {
    name: String,
    team: Option<String>,
    /// SHA-256 of the certificate.
    fingerprint: Option<String>,
    warning: Option<&'static str>,
}

/// The page's beginning.
pub fn head(facts: &Facts, totals: &Totals) -> String {
    let counts = [
        count(totals.instances, "instance", "instances"),
        count(totals.files, "file", "files"),
        size(totals.bytes),
    ];
    let date = DateTime::from_timestamp(facts.time.into(), 0).filter(|_| facts.time != NO_TIME);
    let addresses = facts
        .base_url
        .iter()
        .flat_map(|url| facts.makers.iter().flat_map(|maker| maker.addresses(url, &totals.kinds)));
    let addresses = addresses.map(|one| Command { text: plain(&one.text), ..one }).collect();
    let facts = Head {
        version: plain(&facts.version),
        organization: facts.organization.as_deref().map(plain),
        counts: counts.join(", "),
        commit: facts.commit.as_deref().map(plain),
        date: date.map(|date| date.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        addresses,
        signers: totals.signers.iter().map(|signer| self::signer(signer.as_ref())).collect(),
    };
    // A template that is included loses the newline at its end.
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text.strip_suffix('\n').unwrap_or(text)));
    fill(
        "index-head.html",
        &HeadPage {
            style_digest: digest(include_str!("../../../../templates/index.css")),
            script_digest: digest(include_str!("../../../../templates/index.js")),
            facts,
        },
    )
}

/// Who signed, in words.
pub(super) fn signed_by(signer: Option<&SignedBy>) -> String {
    match signer {
        None => "nobody".to_owned(),
        Some(signer) if signer.development => {
            format!("{} (development identity)", plain(&signer.subject))
        }
        Some(signer) => plain(&signer.subject),
    }
}

fn signer(signer: Option<&SignedBy>) -> Signer {
    let warning = match signer {
        None => Some(
            "The packages are not signed: a double-click and device managers refuse them, and only sudo installer \
             takes them.",
        ),
        Some(signer) if signer.development => Some(
            "The packages are signed with a development identity, which no Mac trusts: a double-click and device \
             managers refuse them, and only sudo installer -allowUntrusted takes them.",
        ),
        Some(signer) if signer.team.is_none() => Some(
            "The certificate does not chain to an Apple root: only Macs that were told to trust its issuer accept \
             the packages, and others only by sudo installer -allowUntrusted.",
        ),
        Some(_) => None,
    };
    Signer {
        name: signed_by(signer),
        team: signer.and_then(|signer| signer.team.as_deref()).map(plain),
        fingerprint: signer.map(|signer| plain(&signer.sha256)),
        warning,
    }
}
