//! Notarizing and stapling without a Mac.
//!
//! ```text
//! packages ─ check ─ zip ─ submit ─ upload ─ wait ─ log ─ tickets ─ check ─ staple
//!            [package] [archive] [api] [upload] [api]  [tickets]    [staple]
//!                               └──── [record]: where a killed run goes on ────┘
//! ```
//!
//! Source: Apple's "Notary API" and "Customizing the notarization workflow"; the crates
//! app-store-connect and apple-codesign for what Apple does not say (the storage's region,
//! the tickets' address).
//!
//! Must not know: flags, the environment, the clock, how packages are built.

pub mod api;
pub mod archive;
mod error;
mod http;
pub mod key;
pub mod package;
pub mod record;
pub mod run;
pub mod staple;
mod submit;
pub mod tickets;
pub mod token;
pub mod upload;

use std::time::Duration;

use url::Url;
use x509_certificate::CapturedX509Certificate;

use crate::sign::certificate::{is_apple_root, ticket_root};

pub use error::{Issue, NotaryError};
pub use http::{Http, Surroundings};

/// Whom to ask, and whose certificates to believe.
#[derive(Debug, Clone)]
pub struct Services {
    /// The Notary API, up to its version's slash.
    pub notary: Url,
    /// The look-up of tickets.
    pub tickets: Url,
    /// Where uploads go instead of Amazon's storage, as `URL/bucket/object`.
    pub storage: Option<Url>,
    /// Roots of installer certificates beside Apple's.
    pub roots: Vec<CapturedX509Certificate>,
    /// Roots of tickets.
    pub ticket_roots: Vec<CapturedX509Certificate>,
    /// How long is waited.
    pub pace: Pace,
}

/// How long is waited, and how often is asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Before a status is asked for the second time; every further time it is half as
    /// long again, up to [`Pace::poll_max`].
    pub poll: Duration,
    /// The longest of these.
    pub poll_max: Duration,
    /// Before a request that failed is made again; doubled every time.
    pub pause: Duration,
}

/// How often a request is made before it has failed: with the pauses, half a minute.
pub const TRIES: u32 = 6;

impl Services {
    /// Apple's.
    pub fn apple() -> Self {
        let url = |text| Url::parse(text).expect("the address is right");
        Self {
            notary: url("https://appstoreconnect.apple.com/notary/v2/"),
            tickets: url(
                "https://api.apple-cloudkit.com/database/1/com.apple.gk.ticket-delivery/production/public/records/lookup",
            ),
            storage: None,
            roots: Vec::new(),
            ticket_roots: vec![ticket_root()],
            pace: Pace {
                poll: Duration::from_secs(5),
                poll_max: Duration::from_secs(30),
                pause: Duration::from_secs(1),
            },
        }
    }

    /// Whether an installer certificate may lead to this root.
    pub fn is_root(&self, certificate: &CapturedX509Certificate) -> bool {
        is_apple_root(certificate) || self.roots.contains(certificate)
    }
}
