//! `dist` for a fleet: the memory that ten thousand instances take, beside that
//! of a thousand, and the time of each instance.
//!
//! Each run is a process of its own, so that the kernel's account is its own. It
//! is all of `dist` but the flags: settings from a file, every kind of file, the
//! checks of each package, the zip, the move into place.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use xtask::assemble::Assembly;
use xtask::output::Output;
use xtask::plan::{Plan, Request};
use xtask::settings::{Environment, Flags};

use super::{Silent, TIME};

/// What tells this program that it is a child, and how many instances to build.
const CHILD: &str = "LIMA_AUTOSTART_BENCH_FLEET";
const FEW: usize = 1000;
const MANY: usize = 10_000;

/// The number of instances, where this process is the child.
pub fn child_job() -> Option<usize> {
    std::env::var(CHILD).ok()?.parse().ok()
}

/// Builds them, then says how many milliseconds that took and the most memory
/// it held, in KiB.
pub fn run_child(instances: usize) {
    static GO_ON: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("installers.toml");
    let list: String =
        (0..instances).map(|number| format!("[[instance]]\nname = \"vm{number}\"\n")).collect();
    fs::write(&file, list).expect("write the settings");
    let begin = Instant::now();
    let flags = Flags { spec: Some(file), user: Some("alice".to_owned()), ..Flags::default() };
    let spec = xtask::settings::load(&flags, Path::new(""), &Environment::default()).expect("a spec");
    let request = Request::default();
    let plan = Plan::new(&spec, &request).expect("a plan");
    let output = Output::open(&folder.path().join("out"), &GO_ON, || {}).expect("an output folder");
    let build = Assembly { plan: &plan, signer: None, time: TIME, keep_going: false };
    build.run(output, &Silent).expect("a build");
    println!("{} {}", begin.elapsed().as_millis(), super::payload::peak_memory());
}

/// Runs both, and prints what ten times the instances cost.
pub fn report() {
    let child = |instances: usize| -> (u64, u64) {
        let program = std::env::current_exe().expect("this program");
        let output = Command::new(program).env(CHILD, instances.to_string()).output().expect("a child");
        let said = String::from_utf8(output.stdout).expect("text");
        let (milliseconds, peak) = said.trim().split_once(' ').expect("the child says two numbers");
        (milliseconds.parse().expect("milliseconds"), peak.parse().expect("KiB"))
    };
    let ((few_time, few_peak), (many_time, many_peak)) = (child(FEW), child(MANY));
    let ratio = |many: u64, few: u64| many as f64 / few as f64;
    println!("\ndist --unsigned, {MANY} instances beside {FEW}");
    println!("  {:7.2}  times the memory", ratio(many_peak, few_peak));
    println!(
        "  {:7.2}  times the time of each instance",
        ratio(many_time, few_time) * FEW as f64 / MANY as f64
    );
    println!(
        "  {:4} MiB  most memory held with {MANY} instances, {} MiB with {FEW}",
        many_peak / 1024,
        few_peak / 1024
    );
}
