//! How fast packages are built, as ratios of what was measured in the same run.
//!
//! `cargo bench --bench packages` prints them at its end, and with `-- reading` those of
//! others' packages alone, with `-- brought` those of a package with a disk image. Absolute times are
//! criterion's and mean nothing on another machine, or on this one tomorrow.

#[path = "../../../tests/signing/authority.rs"]
mod authority;
mod brought;
mod fleet;
mod payload;
mod reading;
mod timestamps;

use std::fs;
use std::io::{BufWriter, Cursor};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

use criterion::Criterion;
use flatpkg::Signer;
use rsa::signature::Signer as _;
use x509_certificate::InMemorySigningKeyPair;
use xtask::artifact::Built;
use xtask::assemble::{AssembleError, Assembly, Progress};
use xtask::output::Output;
use xtask::plan::{Plan, Request};
use xtask::settings::{Environment, Flags, Spec};
use xtask::sign::PackageSigner;

const TIME: u32 = 946_684_800;

fn main() {
    if let Some(job) = payload::child_job() {
        return payload::run_child(&job);
    }
    if let Some(job) = brought::child_job() {
        return brought::run_child(&job);
    }
    if let Some(instances) = fleet::child_job() {
        return fleet::run_child(instances);
    }
    if let Some(job) = reading::child_job() {
        return reading::run_child(&job);
    }
    // `cargo test --benches` asks only whether it runs.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    if quick {
        println!("packages: run with `cargo bench --bench packages`");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    if std::env::args().any(|argument| argument == "reading") {
        return reading::report(folder.path());
    }
    if std::env::args().any(|argument| argument == "brought") {
        return brought::report(folder.path());
    }
    if std::env::args().any(|argument| argument == "timestamps") {
        return timestamps::report(folder.path());
    }
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .output_directory(folder.path());
    let signer = signer(folder.path());
    let spec = spec(&["k3s".to_owned()]);
    one_package(&mut criterion, &spec, &signer, folder.path());
    criterion.final_summary();

    let median = |name: &str| Duration::from_secs_f64(median_seconds(folder.path(), name));
    let two_signatures = median("rsa-2048 signature (ring)") * 2;
    // The two that a package needs: ring makes the one in CMS, and the one over
    // the digest itself is only to be had from the rsa crate, which is slower.
    let these_signatures = median("rsa-2048 signature (ring)") + median("rsa-2048 signature (rsa)");
    println!("\nOne package, one core");
    ratio(
        "signed packages per second, of the bound of two signatures",
        two_signatures,
        median("signed package"),
    );
    ratio("the same, of the bound of the two that were made", these_signatures, median("signed package"));
    ratio("unsigned package, times as fast as embala-pkg", median("embala-pkg"), median("unsigned package"));

    thousand_instances(&signer, two_signatures, these_signatures);
    timestamps::report(folder.path());
    fleet::report();
    payload::report(folder.path());
    brought::report(folder.path());
    reading::report(folder.path());
}

/// A ratio of two durations, printed as `first / second`.
fn ratio(what: &str, first: Duration, second: Duration) {
    println!("  {:7.2}  {what}", first.as_secs_f64() / second.as_secs_f64());
}

/// The median that criterion estimated for a benchmark.
fn median_seconds(output: &Path, name: &str) -> f64 {
    let folder = name.replace(['/', '"', '?', '*', '<', '>', '\\', ':', '|', '^'], "_");
    let file = output.join(folder).join("new/estimates.json");
    let text = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let estimates: serde_json::Value = serde_json::from_slice(&text).expect("criterion writes JSON");
    estimates["median"]["point_estimate"].as_f64().expect("a median in nanoseconds") / 1e9
}

fn spec(instances: &[String]) -> Spec {
    let flags = Flags { instances: instances.to_vec(), user: Some("alice".to_owned()), ..Flags::default() };
    xtask::settings::resolve(&flags, None, &Environment::default()).expect("a valid spec")
}

fn signer(folder: &Path) -> PackageSigner {
    let identity = xtask::sign::development_identity(folder, SystemTime::now()).expect("an identity");
    PackageSigner::new(identity, SystemTime::now(), None)
}

/// Signing keys of the same size, for the bound. Which key does not matter.
fn key() -> (rsa::RsaPrivateKey, InMemorySigningKeyPair) {
    use rsa::pkcs8::EncodePrivateKey;
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key");
    let der = key.to_pkcs8_der().expect("PKCS#8");
    let pair = InMemorySigningKeyPair::from_pkcs8_der(der.as_bytes()).expect("a key pair");
    (key, pair)
}

fn one_package(criterion: &mut Criterion, spec: &Spec, signer: &PackageSigner, folder: &Path) {
    let (raw, pair) = key();
    let digest = [7; 20];
    criterion.bench_function("rsa-2048 signature (ring)", |bencher| {
        bencher.iter(|| pair.try_sign(&digest).unwrap())
    });
    criterion.bench_function("rsa-2048 signature (rsa)", |bencher| {
        let padding = || rsa::Pkcs1v15Sign::new::<sha1::Sha1>();
        bencher.iter(|| raw.sign_with_rng(&mut rsa::rand_core::OsRng, padding(), &digest).unwrap());
    });
    let instance = &spec.instances[0];
    criterion.bench_function("signed package", |bencher| {
        // From the spec to the bytes: rendering, formats, signatures.
        bencher.iter(|| {
            let product = xtask::macos::package::installer(spec, instance, TIME).unwrap().product;
            let mut out = Vec::new();
            let signer: Option<&dyn Signer> = Some(signer);
            flatpkg::write_product(&product, TIME, signer, &mut Cursor::new(Vec::new()), &mut out).unwrap();
            out
        });
    });

    // The same content for both writers: files on disk, a package on disk.
    let (embala, sources) = embala_spec(spec, folder);
    let product = same_for_flatpkg(&sources);
    criterion.bench_function("embala-pkg", |bencher| {
        bencher.iter(|| embala_pkg::build(&embala, &folder.join("embala.pkg")).unwrap());
    });
    criterion.bench_function("unsigned package", |bencher| {
        bencher.iter(|| {
            let mut out = BufWriter::new(fs::File::create(folder.join("ours.pkg")).unwrap());
            flatpkg::write_product(&product(), TIME, None, &mut Cursor::new(Vec::new()), &mut out).unwrap();
        });
    });
}

/// The files of an instance's package, on disk, and embala-pkg's description of them.
fn embala_spec(spec: &Spec, folder: &Path) -> (embala_pkg::PkgSpec, PathBuf) {
    let instance = &spec.instances[0];
    let sources = folder.join("sources");
    let scripts = sources.join("scripts");
    fs::create_dir_all(&scripts).unwrap();
    for script in xtask::macos::scripts::installer_scripts(spec, instance) {
        let path = scripts.join(script.name);
        fs::write(&path, script.text).unwrap();
        let mode = if script.executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let (plist, uninstaller) = (sources.join("job.plist"), sources.join("uninstall.sh"));
    let start = sources.join("lima-start");
    fs::write(&start, xtask::lima_start::program()).unwrap();
    fs::write(&plist, xtask::macos::package::property_list(spec, instance)).unwrap();
    fs::write(&uninstaller, xtask::macos::scripts::uninstall_sh(spec, instance)).unwrap();
    let file = |src, dest: &str, mode| embala_pkg::FileSpec { src, dest: dest.to_owned(), mode: Some(mode) };
    let embala = embala_pkg::PkgSpec {
        name: "lima-k3s".to_owned(),
        display_name: "Lima".to_owned(),
        identifier: "io.lima-vm.installer.k3s".to_owned(),
        version: "1.0.0".to_owned(),
        install_location: "/".to_owned(),
        enable_user_home: false,
        files: vec![
            file(plist, "Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist", 0o644),
            file(uninstaller, "Library/Application Support/io.lima-vm/k3s/uninstall.sh", 0o755),
            file(start, "Library/Application Support/io.lima-vm/k3s/lima-start", 0o755),
        ],
        directories: Vec::new(),
        scripts: Some(scripts),
    };
    (embala, sources)
}

/// Reads the same files and describes the same package to flatpkg.
fn same_for_flatpkg(sources: &Path) -> impl Fn() -> flatpkg::Product {
    use flatpkg::tree::{Owner, Tree};
    let sources = sources.to_owned();
    move || {
        let mut payload = Tree::new(TIME);
        let root = Owner::ROOT_WHEEL;
        let folders = ["Library/LaunchDaemons", "Library/Application Support/io.lima-vm/k3s"];
        for folder in folders {
            payload.directories(folder, 0o755, root).unwrap();
        }
        let read = |name: &str| fs::read(sources.join(name)).unwrap();
        let plist = format!("{}/io.lima-vm.daemon.k3s.plist", folders[0]);
        payload.file(&plist, 0o644, root, read("job.plist")).unwrap();
        payload.file(&format!("{}/uninstall.sh", folders[1]), 0o755, root, read("uninstall.sh")).unwrap();
        let mut scripts = Tree::new(TIME);
        for entry in fs::read_dir(sources.join("scripts")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let mode = if name.ends_with("install") { 0o755 } else { 0o644 };
            scripts.file(&name, mode, root, fs::read(entry.path()).unwrap()).unwrap();
        }
        flatpkg::Product {
            title: "Lima".to_owned(),
            identifier: "io.lima-vm.installer.k3s".to_owned(),
            version: "1.0.0".to_owned(),
            host_architectures: vec!["arm64".to_owned(), "x86_64".to_owned()],
            components: vec![flatpkg::Component {
                file_name: "lima-k3s.pkg".to_owned(),
                identifier: "io.lima-vm.installer.k3s".to_owned(),
                version: "1.0.0".to_owned(),
                install_location: "/".to_owned(),
                payload: Some(payload),
                scripts: Some(scripts),
                script_timeout: 600,
                generator: "bench".to_owned(),
                choice: None,
            }],
            ..flatpkg::Product::default()
        }
    }
}

/// Hears nothing.
struct Silent;

impl Progress for Silent {
    fn built(&self, _: &Built) {}

    fn failed(&self, _: &AssembleError) {}
}

/// `dist` for a thousand instances: everything but reading flags, the checks of
/// each package and the zip among it.
fn thousand_instances(signer: &PackageSigner, two_signatures: Duration, these_signatures: Duration) {
    static GO_ON: AtomicBool = AtomicBool::new(false);
    let names: Vec<String> = (0..1000).map(|number| format!("vm{number}")).collect();
    let spec = spec(&names);
    let request = Request::default();
    let plan = Plan::new(&spec, &request).expect("a plan");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut runs: Vec<Duration> = (0..3)
        .map(|_| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let begin = Instant::now();
            let output = Output::open(folder.path(), &GO_ON, || {}).expect("an output folder");
            let build = Assembly { plan: &plan, signer: Some(signer), time: TIME, keep_going: false };
            build.run(output, &Silent).expect("a build");
            begin.elapsed()
        })
        .collect();
    runs.sort_unstable();
    // Two packages per instance are signed, by all cores together.
    let bound = |signatures: Duration| signatures * 2000 / u32::try_from(cores).expect("a number of cores");
    println!("\ndist, 1000 instances, {cores} cores");
    ratio("signed packages per second, of the bound of two signatures", bound(two_signatures), runs[1]);
    ratio("the same, of the bound of the two that were made", bound(these_signatures), runs[1]);
}
