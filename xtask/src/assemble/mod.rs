//! Assembles what was planned: has it made, packages, signs, checks, stages, records.
//!
//! ```text
//! files of each instance ─ on all cores ─┐
//! files of all instances ────────────────┼─ records ─ what is made of all, sums, manifest ─ into place
//! ```
//!
//! What is in memory is what is being built: a record of each finished file
//! goes to a scratch file.
//!
//! Must not know: flags, the clock, where `out/` is, what the artifacts are.

mod content;
mod instance;
mod whole_run;

use std::io;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use whole_run::WholeRun;

use crate::artifact::{Built, MakeError};
use crate::digest::hex;
use crate::output::{Committed, Output, OutputError};
use crate::plan::Plan;
use crate::run::manifest::{Header, Part};
use crate::run::records::Records;
use crate::sign::{PackageSigner, SigningError, TIMESTAMPS_IN_FLIGHT};

/// How many instances are built before their records are written: enough to
/// keep all cores busy, and all requests for timestamps in flight, and few enough
/// to be nothing.
const INSTANCES_AT_A_TIME: usize = 512;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The output folder.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A package could not be laid out.
    #[error("{path}: {source}")]
    Layout {
        /// The artifact.
        path: String,
        /// Why.
        source: MakeError,
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
    /// A package that was just built fails verification.
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
    /// A part of a run says of a file that it is made of all others, and it is not.
    #[error("{path} is not made of the other files of a run; this program may be older than the parts")]
    NoRunArtifact {
        /// The artifact.
        path: String,
    },
    /// What was built could not be recorded, or read again.
    #[error("could not keep account of what was built: {0}")]
    Records(#[from] io::Error),
    /// With `keep_going`: some artifacts failed, and each was reported.
    #[error("{failed} of {all} files could not be built, so nothing was put into place")]
    Several {
        /// Number of files that failed.
        failed: usize,
        /// Number of files of the run.
        all: usize,
    },
}

/// Progress callbacks. Called from any thread.
pub trait Progress: Sync {
    /// Called when a file is built, before it is moved into `out/`.
    fn built(&self, built: &Built);
    /// Called when a file could not be built and the run goes on.
    fn failed(&self, error: &AssembleError);
}

/// What every artifact of a run is built with.
pub struct Assembly<'a> {
    /// What to build.
    pub plan: &'a Plan<'a>,
    /// Signs packages; `None` leaves them unsigned.
    pub signer: Option<&'a PackageSigner>,
    /// Time of every file inside, seconds since 1970.
    pub time: u32,
    /// Whether a file that cannot be built keeps the others from being tried.
    pub keep_going: bool,
}

/// Result of a run.
#[derive(Debug)]
pub struct Finished {
    /// What the manifest says beside the artifacts.
    pub header: Header,
    /// How many artifacts it lists.
    pub artifacts: usize,
    /// What was done to the output folder.
    pub committed: Committed,
}

impl Assembly<'_> {
    /// Builds everything into `output` and puts it into place.
    ///
    /// # Errors
    /// [`AssembleError`]; the folder is then as it was.
    pub fn run(&self, output: Output<'_>, progress: &dyn Progress) -> Result<Finished, AssembleError> {
        let build = || self.each(&output, progress);
        let records = match self.waiting_pool()? {
            Some(pool) => pool.install(build),
            None => build(),
        }?;
        self.whole_run().complete(records, output, progress)
    }

    /// More threads than cores, where each waits for a timestamp most of the time: enough to
    /// keep as many requests in flight as there may be, and as many packages ready for when
    /// one comes back.
    fn waiting_pool(&self) -> Result<Option<rayon::ThreadPool>, AssembleError> {
        if !self.signer.is_some_and(PackageSigner::asks_authority) {
            return Ok(None);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(cores + 2 * TIMESTAMPS_IN_FLIGHT).build();
        pool.map(Some).map_err(|error| AssembleError::Records(io::Error::other(error)))
    }

    /// Builds what is not made of all files, and records it in the plan's order.
    fn each(&self, output: &Output<'_>, progress: &dyn Progress) -> Result<Records, AssembleError> {
        let mut records = Records::create(&output.scratch().join("records"))?;
        let (mut failed, mut all) = (0, 0);
        for instances in self.plan.instances().chunks(INSTANCES_AT_A_TIME) {
            let built: Vec<Vec<Result<Built, AssembleError>>> = instances
                .par_iter()
                .map(|instance| self.instance(instance, output, progress))
                .collect::<Result<_, AssembleError>>()?;
            for result in built.into_iter().flatten() {
                all += 1;
                match result {
                    Ok(built) => records.push(&built)?,
                    Err(_) => failed += 1,
                }
            }
        }
        for result in self.of_all_instances(output, progress)? {
            all += 1;
            match result {
                Ok(built) => records.push(&built)?,
                Err(_) => failed += 1,
            }
        }
        if failed > 0 {
            return Err(AssembleError::Several { failed, all });
        }
        Ok(records)
    }

    /// What is left to do when every single file is staged.
    fn whole_run(&self) -> WholeRun {
        let of_run = self.plan.of_run();
        let version = self.plan.spec().version.to_string();
        let (part, artifacts) = match self.plan.partition() {
            None => (None, of_run),
            Some(partition) => {
                let part = Part { partition, run: self.run_digest(), time: self.time, of_run };
                (Some(part), Vec::new())
            }
        };
        let header = Header {
            organization: self.plan.spec().organization.as_ref().map(ToString::to_string),
            base_url: self.plan.spec().base_url.clone(),
            commit: self.plan.request().commit.clone(),
            time: Some(self.time),
            ..Header::new(version, part)
        };
        WholeRun { header, artifacts, time: self.time }
    }

    /// What the parts of one run have in common. Settings that make no
    /// difference to file names make one here.
    fn run_digest(&self) -> String {
        let (spec, request) = (self.plan.spec(), self.plan.request());
        let signer = self.signer.map(PackageSigner::signed_by);
        let mut digest = DebugDigest(Sha256::new());
        let request = (&request.only, request.combined, request.linux_repository, &request.commit);
        let text = (env!("CARGO_PKG_VERSION"), request, self.time, signer, spec);
        std::fmt::write(&mut digest, format_args!("{text:?}")).expect("a digest takes everything");
        hex(digest.0.finalize())
    }

    /// Reports a result. An error ends the run unless it is to go on; once it
    /// was interrupted there is nothing to go on with.
    fn go_on(
        &self,
        result: Result<Built, AssembleError>,
        output: &Output<'_>,
        progress: &dyn Progress,
    ) -> Result<Result<Built, AssembleError>, AssembleError> {
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
