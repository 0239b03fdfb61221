//! Builds what was planned: renders, packages, signs, stages, records.
//!
//! ```text
//! instances ─ on all cores, some at a time ─┐
//! packages of several instances ────────────┼─ records ─ catalogs, page, zip, sums, manifest ─ into place
//! ```
//!
//! What is in memory is what is being built: a record of each finished file
//! goes to a scratch file.
//!
//! Must not know: flags, the clock, where `out/` is.

mod files;
mod finish;
mod index;
mod managers;

use std::io;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use finish::{Finish, finish};

use crate::hex::hex;
use crate::manifest::{Built, Header, Part};
use crate::mdm::munki::CatalogError;
use crate::output::{Committed, Output, OutputError};
use crate::plan::Plan;
use crate::records::Records;
use crate::sign::{PackageSigner, SigningError, TIMESTAMPS_IN_FLIGHT};

/// How many instances are built before their records are written: enough to
/// keep all cores busy, and all requests for timestamps in flight, and few enough
/// to be nothing.
const INSTANCES_AT_A_TIME: usize = 512;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The output folder.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A package could not be laid out.
    #[error("{path}: {source}")]
    Layout {
        /// The artifact.
        path: String,
        /// Why.
        source: flatpkg::tree::TreeError,
    },
    /// A package could not be written or signed.
    #[error("could not build {path}")]
    Package {
        /// The artifact.
        path: String,
        /// Why.
        #[source]
        source: flatpkg::Error,
    },
    /// A package that was just built does not hold.
    #[error(
        "{path} was built and is not sound, so nothing was put into place: {faults}; this is a fault of this program"
    )]
    Unsound {
        /// The artifact.
        path: String,
        /// What failed.
        faults: String,
    },
    /// A profile could not be signed.
    #[error("could not sign {path}")]
    Signing {
        /// The artifact.
        path: String,
        /// Why.
        #[source]
        source: SigningError,
    },
    /// A file could not be written.
    #[error("could not write {path}")]
    Write {
        /// The artifact.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The archive of all files could not be written.
    #[error("could not write the zip: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// A catalog of the Munki repository could not be made.
    #[error("could not write {path}: {source}")]
    Catalog {
        /// The artifact.
        path: String,
        /// Why.
        source: Box<CatalogError<io::Error>>,
    },
    /// What was built could not be recorded, or read again.
    #[error("could not keep account of what was built: {0}")]
    Records(#[from] io::Error),
    /// With `keep_going`: some artifacts failed, and each was reported.
    #[error("{failed} of {all} files could not be built, so nothing was put into place")]
    Several {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
    },
}

/// Is told what happens while it does, from any thread.
pub trait Progress: Sync {
    /// A file is complete, and not yet in its place.
    fn built(&self, built: &Built);
    /// A file could not be built, and the run goes on.
    fn failed(&self, error: &BuildError);
}

/// What every artifact of a run is built with.
pub struct Build<'a> {
    /// What to build.
    pub plan: &'a Plan<'a>,
    /// Signs packages; `None` leaves them unsigned.
    pub signer: Option<&'a PackageSigner>,
    /// Time of every file inside, seconds since 1970.
    pub time: u32,
    /// Whether a file that cannot be built keeps the others from being tried.
    pub keep_going: bool,
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// What the manifest says beside the artifacts.
    pub header: Header,
    /// How many artifacts it lists.
    pub artifacts: usize,
    /// What was done to the output folder.
    pub committed: Committed,
}

impl Build<'_> {
    /// Builds everything into `output` and puts it into place.
    ///
    /// # Errors
    /// [`BuildError`]; the folder is then as it was.
    pub fn run(&self, output: Output<'_>, progress: &dyn Progress) -> Result<Finished, BuildError> {
        let build = || self.each(&output, progress);
        let records = match self.waiting_pool()? {
            Some(pool) => pool.install(build),
            None => build(),
        }?;
        finish(self.finish(), records, output, progress)
    }

    /// More threads than cores, where each waits for a timestamp most of the time: enough to
    /// keep as many requests in flight as there may be, and as many packages ready for when
    /// one comes back.
    fn waiting_pool(&self) -> Result<Option<rayon::ThreadPool>, BuildError> {
        if !self.signer.is_some_and(PackageSigner::asks_authority) {
            return Ok(None);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(cores + 2 * TIMESTAMPS_IN_FLIGHT).build();
        pool.map(Some).map_err(|error| BuildError::Records(io::Error::other(error)))
    }

    /// Builds what is not made of all files, and records it in the plan's order.
    fn each(&self, output: &Output<'_>, progress: &dyn Progress) -> Result<Records, BuildError> {
        let mut records = Records::create(&output.scratch().join("records"))?;
        let (mut failed, mut all) = (0, 0);
        for instances in self.plan.instances().chunks(INSTANCES_AT_A_TIME) {
            let built: Vec<Vec<Result<Built, BuildError>>> = instances
                .par_iter()
                .map(|instance| self.instance(instance, output, progress))
                .collect::<Result<_, BuildError>>()?;
            for result in built.into_iter().flatten() {
                all += 1;
                match result {
                    Ok(built) => records.push(&built)?,
                    Err(_) => failed += 1,
                }
            }
        }
        for artifact in self.plan.of_several() {
            all += 1;
            match self.go_on(self.several(&artifact, output), output, progress)? {
                Ok(built) => records.push(&built)?,
                Err(_) => failed += 1,
            }
        }
        if failed > 0 {
            return Err(BuildError::Several { failed, all });
        }
        Ok(records)
    }

    fn finish(&self) -> Finish {
        let of_all = self.plan.of_all();
        let version = self.plan.spec().version.to_string();
        let (part, of_all) = match self.plan.partition() {
            None => (None, of_all),
            Some(partition) => {
                let part = Part { partition, run: self.run_digest(), time: self.time, of_all };
                (Some(part), Vec::new())
            }
        };
        let organization = self.plan.spec().organization.as_ref().map(ToString::to_string);
        let header = Header { organization, time: Some(self.time), ..Header::new(version, part) };
        Finish { header, of_all, time: self.time }
    }

    /// What the parts of one run have in common. Settings that make no
    /// difference to file names make one here.
    fn run_digest(&self) -> String {
        let (spec, request) = (self.plan.spec(), self.plan.request());
        let signer = self.signer.map(PackageSigner::signed_by);
        let mut digest = DebugDigest(Sha256::new());
        let text = (env!("CARGO_PKG_VERSION"), &request.only, request.combined, self.time, signer, spec);
        std::fmt::write(&mut digest, format_args!("{text:?}")).expect("a digest takes everything");
        hex(digest.0.finalize())
    }

    /// Reports a result. An error ends the run unless it is to go on; once it
    /// was interrupted there is nothing to go on with.
    fn go_on(
        &self,
        result: Result<Built, BuildError>,
        output: &Output<'_>,
        progress: &dyn Progress,
    ) -> Result<Result<Built, BuildError>, BuildError> {
        match result {
            Ok(built) => {
                progress.built(&built);
                Ok(Ok(built))
            }
            Err(error) if self.keep_going && !output.is_interrupted() => {
                progress.failed(&error);
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// A digest of text that is never held as a whole.
struct DebugDigest(Sha256);

impl std::fmt::Write for DebugDigest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text);
        Ok(())
    }
}
