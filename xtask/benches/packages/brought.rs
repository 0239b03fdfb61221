//! A package that brings a disk image of 3 GiB, which is compressed already: how fast `dist`
//! builds it, against gzip -1 and cat of the image, and the memory that it takes.
//!
//! In a process of its own, as `payload` has it. It takes 10 GiB of the disk.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use xtask::assemble::Assembly;
use xtask::bundle::File;
use xtask::output::Output;
use xtask::plan::{Plan, Request};
use xtask::settings::{Environment, Flags};

use super::payload::{other, peak_memory};
use super::{Silent, TIME};

/// Bytes of the image.
const SIZE: u64 = 3 << 30;
/// What tells this program that it is a child, and where to work.
const CHILD: &str = "LIMA_AUTOSTART_BENCH_BROUGHT";

/// The folder to work in, where this process is the child.
pub fn child_job() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

/// Bytes that do not compress, from a small generator.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for part in buffer.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let bytes = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            part.copy_from_slice(&bytes[..part.len()]);
        }
        Ok(buffer.len())
    }
}

/// Reads the settings, builds the package and checks it, as `dist` does; then says how long that
/// took and the most memory it held, in KiB.
pub fn run_child(folder: &Path) {
    let begin = Instant::now();
    let flags = Flags { spec: Some(folder.join("installers.toml")), ..Flags::default() };
    let spec = xtask::settings::load(&flags, folder, &Environment::default()).expect("a spec");
    let request = Request { only: vec![xtask::artifact::Kind::new("pkg")], ..Request::default() };
    let plan = Plan::new(&spec, &request).expect("a plan");
    static GO_ON: AtomicBool = AtomicBool::new(false);
    let output = Output::open(&folder.join("out"), &GO_ON, || {}).expect("a folder");
    let build = Assembly { plan: &plan, signer: None, time: TIME, keep_going: false };
    build.run(output, &Silent).expect("a package");
    let packed: u64 = plan.files_to_pack().iter().map(File::packed).sum();
    assert_eq!(packed, SIZE, "it is read once");
    println!("{} {}", begin.elapsed().as_millis(), peak_memory());
}

/// Prints ratios and memory.
pub fn report(folder: &Path) {
    let folder = folder.join("brought");
    fs::create_dir(&folder).unwrap();
    let image = folder.join("disk.qcow2");
    io::copy(&mut Noise(1).take(SIZE), &mut fs::File::create(&image).unwrap()).unwrap();
    let sums = Command::new("sha256sum").arg(&image).output().expect("sha256sum is installed");
    let sums = String::from_utf8(sums.stdout).unwrap();
    let digest = sums.split(' ').next().unwrap();
    fs::write(folder.join("k3s.yaml"), "plain: true\n").unwrap();
    let settings = format!(
        "offline = true\n[defaults]\nuser = \"alice\"\narchitectures = [\"arm64\"]\ntemplate = \"k3s.yaml\"\nimage = {{ \
         file = \"disk.qcow2\", sha256 = \"{digest}\" }}\n[[instance]]\nname = \"k3s\"\n"
    );
    fs::write(folder.join("installers.toml"), settings).unwrap();
    let child = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.env(CHILD, &folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        let (milliseconds, peak) = said.trim().split_once(' ').expect("the child says two numbers");
        let peak: u64 = peak.parse().unwrap();
        (Duration::from_millis(milliseconds.parse().unwrap()), peak)
    };
    let (time, peak) = child();
    let gzip = other("gzip", &["-1", "-c"], &image);
    let begin = Instant::now();
    let copied = fs::File::create(folder.join("copy")).unwrap();
    assert!(Command::new("cat").arg(&image).stdout(copied).status().unwrap().success());
    let cat = begin.elapsed();
    println!("\nA package with an image of 3 GiB, read, packed and checked");
    super::ratio("times as fast as gzip -1 -c > /dev/null of the image", gzip, time);
    super::ratio("times as long as cat of the image into a file", time, cat);
    println!("  {:4} MiB  most memory held (aim: under 64)", peak / 1024);
    fs::remove_dir_all(folder).unwrap();
}
