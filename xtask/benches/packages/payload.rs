//! A payload of 1 GiB: the speed of packaging against one core's gzip, of
//! verifying against one core's SHA-1 and gunzip, and the memory of both.
//!
//! Both run in processes of their own, so that the kernel's account of each is
//! its own: this program again, and gzip(1).

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flatpkg::tree::{Owner, Source, Tree};

/// Bytes of the payload's one file.
const SIZE: u64 = 1 << 30;
/// What tells this program that it is a child, and where to write.
const CHILD: &str = "LIMA_AUTOSTART_BENCH_PAYLOAD";
/// What tells a child to verify the package and not to write it.
const VERIFY: &str = "LIMA_AUTOSTART_BENCH_VERIFY";
const TIME: u32 = 946_684_800;

/// The folder to work in, where this process is the child.
pub fn child_job() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

/// Text-like bytes that gzip makes about a third of, from a small generator:
/// words of a fixed list, chosen by a linear congruential sequence.
struct Words {
    state: u64,
    left: u64,
    line: Vec<u8>,
}

impl Words {
    fn new() -> Self {
        Self { state: 1, left: SIZE, line: Vec::new() }
    }

    fn next(&mut self) -> u64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.state >> 33
    }
}

impl Read for Words {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.line.len() < buffer.len().min(1 << 16) {
            let number = self.next();
            self.line.extend_from_slice(
                format!("{:x} instance started, {} KiB\n", number % 9973, number % 257).as_bytes(),
            );
        }
        let take = self.line.len().min(buffer.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..take].copy_from_slice(&self.line[..take]);
        self.line.drain(..take);
        self.left -= take as u64;
        Ok(take)
    }
}

/// Writes a package with a payload of 1 GiB, or verifies it, then says how long
/// that took and the most memory it held, in KiB.
pub fn run_child(folder: &Path) {
    let begin = Instant::now();
    if std::env::var_os(VERIFY).is_some() {
        let mut package = io::BufReader::new(fs::File::open(folder.join("gigabyte.pkg")).unwrap());
        let checks = xtask::verify::verify(&mut package, &xtask::verify::Options::default()).unwrap();
        assert!(xtask::verify::all_hold(&checks));
    } else {
        write_package(folder);
    }
    let milliseconds = begin.elapsed().as_millis();
    println!("{milliseconds} {}", peak_memory());
}

/// The most memory that this process held, in KiB.
pub fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0").trim();
    peak.split(' ').next().unwrap_or("0").parse().unwrap_or(0)
}

fn write_package(folder: &Path) {
    let source = folder.join("gigabyte");
    let mut payload = Tree::new(TIME);
    let open = move || Ok(Box::new(fs::File::open(&source)?) as Box<dyn Read + Send>);
    payload
        .file("gigabyte", 0o644, Owner::ROOT_WHEEL, Source::Stream { size: SIZE, open: Arc::new(open) })
        .unwrap();
    let component = flatpkg::Component {
        file_name: "gigabyte.pkg".to_owned(),
        identifier: "com.example.gigabyte".to_owned(),
        version: "1".to_owned(),
        install_location: "/".to_owned(),
        payload: Some(payload),
        scripts: None,
        script_timeout: 600,
        generator: "bench".to_owned(),
        choice: None,
    };
    let mut spool = tempfile::tempfile_in(folder).unwrap();
    let mut out = io::BufWriter::new(fs::File::create(folder.join("gigabyte.pkg")).unwrap());
    flatpkg::write_component(&component, TIME, None, &mut spool, &mut out).unwrap();
    out.flush().unwrap();
}

/// A child's time, and its peak in KiB.
fn child(folder: &Path, verify: bool) -> (Duration, u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CHILD, folder);
    if verify {
        command.env(VERIFY, "1");
    }
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let (milliseconds, peak) = said.trim().split_once(' ').expect("the child says two numbers");
    (Duration::from_millis(milliseconds.parse().unwrap()), peak.parse().unwrap())
}

/// The time of another program, whose output is read and thrown away.
pub fn other(program: &str, arguments: &[&str], file: &Path) -> Duration {
    let begin = Instant::now();
    let status = Command::new(program).args(arguments).arg(file).stdout(Stdio::null()).status();
    assert!(status.unwrap_or_else(|error| panic!("{program}: {error}")).success());
    begin.elapsed()
}

/// Runs all, in turn, and prints the ratios of their medians.
pub fn report(folder: &Path) {
    let (source, package) = (folder.join("gigabyte"), folder.join("gigabyte.pkg"));
    io::copy(&mut Words::new(), &mut fs::File::create(&source).unwrap()).unwrap();
    let compressed = folder.join("gigabyte.gz");
    let gzip =
        Command::new("gzip").arg("-c").arg(&source).stdout(fs::File::create(&compressed).unwrap()).status();
    assert!(gzip.expect("gzip is installed").success());
    let (mut writing, mut gzips, mut verifying, mut readers) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut peaks = [0; 2];
    for _ in 0..3 {
        let (time, peak) = child(folder, false);
        writing.push(time);
        peaks[0] = peaks[0].max(peak);
        gzips.push(other("gzip", &["-c"], &source));
        let (time, peak) = child(folder, true);
        verifying.push(time);
        peaks[1] = peaks[1].max(peak);
        readers.push(other("sha1sum", &[], &package) + other("gzip", &["-dc"], &compressed));
    }
    for list in [&mut writing, &mut gzips, &mut verifying, &mut readers] {
        list.sort_unstable();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("\nA payload of 1 GiB, {cores} cores");
    super::ratio("packaging, times as fast as gzip -c > /dev/null of the same bytes", gzips[1], writing[1]);
    super::ratio(
        "verifying, times as fast as sha1sum of the package and gzip -dc of its payload",
        readers[1],
        verifying[1],
    );
    println!("  {:4} MiB  most memory held while packaging (aim: under 64)", peaks[0] / 1024);
    println!("  {:4} MiB  most memory held while verifying", peaks[1] / 1024);
}
