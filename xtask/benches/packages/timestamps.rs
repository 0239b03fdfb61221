//! A thousand packages, signed and stamped by an authority that takes 200 ms for each
//! answer: how near that is to what sixteen requests in flight allow.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use xtask::assemble::Assembly;
use xtask::output::Output;
use xtask::plan::{Plan, Request};
use xtask::sign::{PackageSigner, TIMESTAMPS_IN_FLIGHT};

use super::authority::{Authority, Reply};
use super::{Silent, TIME, ratio, spec};

/// Two packages each.
const INSTANCES: u32 = 500;
const ANSWER: Duration = Duration::from_millis(200);

/// Runs it, and prints the ratio of its median.
pub fn report(folder: &Path) {
    static GO_ON: AtomicBool = AtomicBool::new(false);
    let authority = Authority::start(folder, |_| Reply { after: ANSWER, busy: None });
    let identity = xtask::sign::development_identity(folder, SystemTime::now()).expect("an identity");
    let signer = PackageSigner::new(identity, SystemTime::now(), Some(authority.url.clone()));
    let names: Vec<String> = (0..INSTANCES).map(|number| format!("vm{number}")).collect();
    let spec = spec(&names);
    let request = Request::default();
    let plan = Plan::new(&spec, &request).expect("a plan");
    let plain = super::signer(folder);
    let run = |signer: &PackageSigner| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let begin = Instant::now();
        let output = Output::open(folder.path(), &GO_ON, || {}).expect("an output folder");
        let build = Assembly { plan: &plan, signer: Some(signer), time: TIME, keep_going: false };
        build.run(output, &Silent).expect("a build");
        begin.elapsed()
    };
    let median = |signer: &PackageSigner| {
        let mut runs: Vec<Duration> = (0..3).map(|_| run(signer)).collect();
        runs.sort_unstable();
        runs[1]
    };
    let (stamped, plain) = (median(&signer), median(&plain));
    let in_flight = u32::try_from(TIMESTAMPS_IN_FLIGHT).expect("a small number");
    let bound = ANSWER * (2 * INSTANCES) / in_flight;
    let most = authority.seen.most.load(Ordering::Relaxed);
    println!("\n{} stamped packages, 200 ms an answer, {most} in flight at most", 2 * INSTANCES);
    ratio("times what sixteen in flight allow (aim: at most 1.3)", stamped, bound);
    ratio("the same without timestamps, on all cores", plain, bound);
}
