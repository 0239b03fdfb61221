//! A payload of 1 GiB: its speed against one core's gzip, and its memory.
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

/// Writes a package with a payload of 1 GiB, then says how long it took and
/// the most memory it held, in KiB.
pub fn run_child(folder: &Path) {
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
    let begin = Instant::now();
    let mut spool = tempfile::tempfile_in(folder).unwrap();
    let mut out = io::BufWriter::new(fs::File::create(folder.join("gigabyte.pkg")).unwrap());
    flatpkg::write_component(&component, TIME, None, &mut spool, &mut out).unwrap();
    out.flush().unwrap();
    let milliseconds = begin.elapsed().as_millis();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0").trim();
    println!("{milliseconds} {}", peak.split(' ').next().unwrap_or("0"));
}

/// Runs both and prints what came out.
pub fn report(folder: &Path) {
    let source = folder.join("gigabyte");
    io::copy(&mut Words::new(), &mut fs::File::create(&source).unwrap()).unwrap();
    let program = std::env::current_exe().unwrap();
    let (mut ours, mut gzips, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let said = Command::new(&program).env(CHILD, folder).output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        let (milliseconds, peak) = said.trim().split_once(' ').expect("the child says two numbers");
        ours.push(Duration::from_millis(milliseconds.parse().unwrap()));
        peaks.push(peak.parse::<u64>().unwrap());
        let begin = Instant::now();
        let status = Command::new("gzip").arg("-c").arg(&source).stdout(Stdio::null()).status();
        assert!(status.expect("gzip is installed").success());
        gzips.push(begin.elapsed());
    }
    ours.sort_unstable();
    gzips.sort_unstable();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("\nA payload of 1 GiB, {cores} cores");
    super::ratio("whole package, times as fast as gzip -c > /dev/null of the same bytes", gzips[1], ours[1]);
    let largest = peaks.iter().max().copied().unwrap_or_default();
    println!("  {:4} MiB  most memory held (aim: under 64)", largest / 1024);
}
