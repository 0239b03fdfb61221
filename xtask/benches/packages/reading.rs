//! Packages of 300 MB and of a million paths, in gzip and in pbzx: the speed of listing,
//! of `inspect` and of `verify` against bsdtar's, and the memory of each.
//!
//! bsdtar lists the payload of the same package; it knows no pbzx, so there it lists the
//! same archive in xz. Each of ours is a process of its own.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flatpkg::payload;
use flatpkg::product::PackageFacts;
use flatpkg::xar::{Member, Spooled};
use sha1::{Digest, Sha1};

use super::payload::peak_memory;

/// What tells this program that it is a child: the work, a colon and the package.
const CHILD: &str = "LIMA_AUTOSTART_BENCH_READING";
/// A chunk of pbzx, as Apple's tools have it.
const CHUNK: usize = 1 << 24;
const TIME: u32 = 946_684_800;
const WORK: [&str; 3] = ["list", "inspect", "verify"];

/// The work of this process, if it is the child.
pub fn child_job() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Does it, and says how long that took in milliseconds and the most memory in KiB.
pub fn run_child(job: &str) {
    let (work, package) = job.split_once(':').expect("work and package");
    let mut input = BufReader::with_capacity(1 << 16, File::open(package).unwrap());
    let begin = Instant::now();
    match work {
        "list" => list(&mut input),
        "inspect" => drop(xtask::inspect::inspect(&mut input, false).unwrap()),
        _ => drop(xtask::verify::verify(&mut input, &xtask::verify::Options::default()).unwrap()),
    }
    println!("{} {}", begin.elapsed().as_millis(), peak_memory());
}

/// What `inspect --paths` does.
fn list(input: &mut BufReader<File>) {
    let package = PackageFacts::read(input).unwrap();
    let data = package.components[0].payload.clone().unwrap();
    let mut reader = payload::open(&package.archive, input, "Payload", &data).unwrap();
    let mut out = BufWriter::new(File::create("/dev/null").unwrap());
    while let Some(entry) = reader.next_entry().unwrap() {
        writeln!(out, "{}", entry.path).unwrap();
    }
    assert!(reader.finish().unwrap().1.is_empty());
}

/// An entry of an odc archive.
fn entry(out: &mut impl Write, name: &str, mode: u32, content: &[u8]) {
    let (name_len, size) = (name.len() + 1, content.len());
    let header =
        format!("070707000000000000{mode:06o}000000000000000001000000{TIME:011o}{name_len:06o}{size:011o}");
    for part in [header.as_bytes(), name.as_bytes(), b"\0", content] {
        out.write_all(part).unwrap();
    }
}

/// A thousand folders of a thousand files.
fn million(out: &mut impl Write) {
    for folder in 0..1000 {
        let folder = format!("./Library/Application Support/folder-{folder}");
        entry(out, &folder, 0o040_755, b"");
        for file in 0..1000 {
            entry(out, &format!("{folder}/file-{file}.txt"), 0o100_644, folder.as_bytes());
        }
    }
}

/// 300 files of a megabyte, every other one of bytes that nothing compresses.
fn large(out: &mut impl Write) {
    let mut state = 1_u64;
    for number in 0..300 {
        let mut content = Vec::new();
        while content.len() < 1 << 20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if number % 2 == 0 {
                content.extend_from_slice(&state.to_be_bytes()[..4]);
            } else {
                content.extend_from_slice(format!("{} started\n", (state >> 33) % 9973).as_bytes());
            }
        }
        entry(out, &format!("./file-{number}"), 0o100_644, &content);
    }
}

/// Runs a program over bytes.
fn through(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(program);
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        let mut out = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        assert!(child.wait().unwrap().success());
        out
    })
}

fn pbzx(archive: &[u8]) -> Vec<u8> {
    let mut out = b"pbzx".to_vec();
    out.extend_from_slice(&(CHUNK as u64).to_be_bytes());
    for chunk in archive.chunks(CHUNK) {
        let xz = through("xz", &["-1", "-c"], chunk);
        let stored = if xz.len() < chunk.len() { xz.as_slice() } else { chunk };
        out.extend_from_slice(&(chunk.len() as u64).to_be_bytes());
        out.extend_from_slice(&(stored.len() as u64).to_be_bytes());
        out.extend_from_slice(stored);
    }
    out
}

fn write_package(path: &Path, payload: Vec<u8>) {
    let digest = Sha1::digest(&payload).into();
    let spooled = Spooled { start: 0, length: payload.len() as u64, digest };
    let members = [Member::compressed("PackageInfo", b"<pkg-info/>"), Member::stored("Payload", spooled)];
    let mut out = BufWriter::new(File::create(path).unwrap());
    flatpkg::xar::write(&members, TIME, None, &mut io::Cursor::new(payload), &mut out).unwrap();
    out.flush().unwrap();
}

/// A child's time, and its peak in KiB.
fn child(work: &str, package: &Path) -> (Duration, u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CHILD, format!("{work}:{}", package.display()));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (milliseconds, peak) = said.trim().split_once(' ').expect("the child says two numbers");
    (Duration::from_millis(milliseconds.parse().unwrap()), peak.parse().unwrap())
}

/// bsdtar's time for listing.
fn bsdtar(script: &str, file: &Path) -> Duration {
    let begin = Instant::now();
    let status = Command::new("sh").args(["-euc", script, "sh"]).arg(file).stdout(Stdio::null()).status();
    assert!(status.expect("sh").success());
    begin.elapsed()
}

/// Runs all, in turn, and prints the ratios of their medians.
pub fn report(folder: &Path) {
    println!("\nReading others' packages (bsdtar has to list alone)");
    for name in ["a million paths", "300 MB"] {
        let mut archive = Vec::new();
        if name == "300 MB" {
            large(&mut archive)
        } else {
            million(&mut archive)
        }
        entry(&mut archive, "TRAILER!!!", 0, b"");
        let xz = folder.join("payload.xz");
        fs::write(&xz, through("xz", &["-1", "-c"], &archive)).unwrap();
        let (gzip_package, pbzx_package) = (folder.join("gzip.pkg"), folder.join("pbzx.pkg"));
        write_package(&gzip_package, through("gzip", &["-c"], &archive));
        write_package(&pbzx_package, pbzx(&archive));
        drop(archive);
        for (packing, package, script, file) in [
            ("gzip", &gzip_package, "bsdtar -xOf \"$1\" Payload | bsdtar -tf -", &gzip_package),
            ("pbzx", &pbzx_package, "bsdtar -tf \"$1\"", &xz),
        ] {
            let mut theirs = Vec::new();
            let mut ours = [const { Vec::new() }; WORK.len()];
            let mut peaks = [0; WORK.len()];
            for _ in 0..3 {
                theirs.push(bsdtar(script, file));
                for (at, work) in WORK.iter().enumerate() {
                    let (time, peak) = child(work, package);
                    ours[at].push(time);
                    peaks[at] = peaks[at].max(peak);
                }
            }
            theirs.sort_unstable();
            for (at, work) in WORK.iter().enumerate() {
                ours[at].sort_unstable();
                let what =
                    format!("{name}, {packing}: {work}, times bsdtar's time ({} MiB)", peaks[at] / 1024);
                super::ratio(&what, ours[at][1], theirs[1]);
            }
        }
    }
}
