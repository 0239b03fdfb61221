//! The files that are about a whole run: its page and its zip.
//!
//! The manifest and the sums are none of them: they list all artifacts.
//!
//! Must not know: what the other files are.

use super::{page, zip};
use crate::artifact::{Artifact, Description, Kind, Maker};
use crate::settings::Spec;

/// File name of the page.
pub const INDEX_FILE: &str = "index.html";

const INDEX: &str = "index";
const ZIP: &str = "zip";

static KINDS: [Description; 2] = [
    Description {
        words: |_| Some("this page"),
        of_run: Some(page::write),
        ..Description::new(INDEX, "The page that shows everything else")
    },
    Description {
        is_in_zip: |_| false,
        words: |_| Some("the instances’ files and this page in one archive"),
        of_run: Some(zip::write_run),
        ..Description::new(ZIP, "The archive of everything else, but the Munki repository")
    },
];

/// Makes them.
pub struct Run;

impl Maker for Run {
    fn kinds(&self) -> &'static [Description] {
        &KINDS
    }

    /// A run of one side has its page and its zip.
    fn groups(&self) -> &'static [&'static str] {
        &["linux", "macos"]
    }

    /// The zip has the page in it, which links all but the zip's sum.
    fn of_run(&self, spec: &Spec) -> Vec<Artifact> {
        let artifact =
            |path: String, kind| Artifact { path, kind: Kind::new(kind), instance: None, identifier: None };
        vec![
            artifact(INDEX_FILE.to_owned(), INDEX),
            artifact(format!("lima-autostart-{}.zip", spec.version), ZIP),
        ]
    }
}
