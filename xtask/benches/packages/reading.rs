//! Packages of 300 MB and of a million paths, in gzip and in pbzx: the speed of listing,
//! of `inspect` and of `verify` against bsdtar's, and the memory of each, which has a bound.
//! Then twelve components of a million paths in one package, for the memory alone.
//!
//! bsdtar lists the payload of the same package; it knows no pbzx, so there it lists the
//! same archive in xz. Each of ours is a process of its own.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flatpkg::cksum::Cksum;
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
/// The most memory for all of a package, in KiB.
const MEMORY_MAX: u64 = 256 << 10;

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
        "inspect" => {
            let inspection = xtask::inspect::inspect(&mut input, false).unwrap();
            assert!(inspection.components.iter().all(|one| one.paths > 0 && one.unreadable.is_empty()));
        }
        _ => {
            let checks = xtask::verify::verify(&mut input, &xtask::verify::Options::default()).unwrap();
            assert!(xtask::verify::all_hold(&checks), "{checks:#?}");
        }
    }
    println!("{} {}", begin.elapsed().as_millis(), peak_memory());
}

/// What `inspect --paths` does.
fn list(input: &mut BufReader<File>) {
    let package = PackageFacts::read(input).unwrap();
    let mut out = BufWriter::new(File::create("/dev/null").unwrap());
    for component in &package.components {
        let data = component.payload.as_ref().unwrap();
        let mut reader = payload::open(&package.archive, input, "Payload", data).unwrap();
        while let Some(entry) = reader.next_entry().unwrap() {
            writeln!(out, "{}", entry.path).unwrap();
        }
        assert!(reader.finish().unwrap().1.is_empty());
    }
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

/// A path as a Bom lists it: its folder's number, name, mode, size and checksum.
type Listed = (u32, String, u32, usize, u32);

/// A thousand folders of a thousand files, and what a Bom lists of them.
fn million(out: &mut impl Write) -> Vec<Listed> {
    let mut listed = Vec::new();
    let (mut number, mut above) = (0, String::new());
    for name in [".", "Library", "Application Support"] {
        listed.push((number, name.to_owned(), 0o040_755, 0, 0));
        number += 1;
        above = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        entry(out, &above, 0o040_755, b"");
    }
    // In order, as a Bom must be: of all folders, then of the files in each.
    let folders: Vec<String> = (0..1000).map(|folder| format!("folder-{folder:03}")).collect();
    listed.extend(folders.iter().map(|folder| (number, folder.clone(), 0o040_755, 0, 0)));
    for (folder, name) in (number + 1..).zip(&folders) {
        let path = format!("{above}/{name}");
        entry(out, &path, 0o040_755, b"");
        let mut sum = Cksum::default();
        sum.update(path.as_bytes());
        let sum = sum.finish();
        for file in 0..1000 {
            let name = format!("file-{file:03}.txt");
            entry(out, &format!("{path}/{name}"), 0o100_644, path.as_bytes());
            listed.push((folder, name, 0o100_644, path.len(), sum));
        }
    }
    listed
}

/// A Bom of that: leaves of 256 paths, one behind the other.
fn bom(listed: &[Listed]) -> Vec<u8> {
    let be = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
    let (leaves, paths) = (listed.len().div_ceil(256) as u32, listed.len() as u32);
    // Block 1 is the tree; then the leaves, and of each path its record, value and key.
    let mut blocks = vec![[b"tree".to_vec(), be(&[1, 2, 4096, paths]), vec![0]].concat()];
    for (leaf, some) in (0..leaves).zip(listed.chunks(256)) {
        let mut bytes = vec![0, 1, (some.len() >> 8) as u8, some.len() as u8];
        bytes
            .extend(be(&[if leaf + 1 < leaves { leaf + 3 } else { 0 }, if leaf > 0 { leaf + 1 } else { 0 }]));
        for path in 0..some.len() as u32 {
            let first = 2 + leaves + 3 * (256 * leaf + path);
            bytes.extend(be(&[first + 1, first + 2]));
        }
        bytes.resize(4096, 0);
        blocks.push(bytes);
    }
    for (number, (folder, name, mode, size, sum)) in (1..).zip(listed) {
        let first = blocks.len() as u32 + 1;
        let is_file = *mode & 0o170_000 == 0o100_000;
        let mut record = vec![if is_file { 1 } else { 2 }, 1, 0, 15, (mode >> 8) as u8, *mode as u8];
        record.extend(be(&[0, 0, TIME, *size as u32]));
        record.push(1);
        record.extend(be(&[*sum, 0]));
        record.resize(if is_file { 35 } else { 31 }, 0);
        blocks.extend([record, be(&[number, first]), [&be(&[*folder]), name.as_bytes(), b"\0"].concat()]);
    }
    let mut index = be(&[blocks.len() as u32 + 1, 0, 0]);
    let mut content = Vec::new();
    for block in &blocks {
        index.extend(be(&[512 + content.len() as u32, block.len() as u32]));
        content.extend_from_slice(block);
    }
    let variables = [be(&[1, 1]), b"\x05Paths".to_vec()].concat();
    let end = 512 + content.len() as u32;
    let places = [end, index.len() as u32, end + index.len() as u32, variables.len() as u32];
    let mut out = [b"BOMStore".to_vec(), be(&[1, blocks.len() as u32]), be(&places)].concat();
    out.resize(512, 0);
    [out, content, index, variables].concat()
}

/// 300 files of a megabyte, every other one of bytes that nothing compresses.
fn large(out: &mut impl Write) -> Vec<Listed> {
    let mut listed = vec![(0, ".".to_owned(), 0o040_755, 0, 0)];
    entry(out, ".", 0o040_755, b"");
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
        entry(out, &format!("./file-{number:03}"), 0o100_644, &content);
        let mut sum = Cksum::default();
        sum.update(&content);
        listed.push((1, format!("file-{number:03}"), 0o100_644, content.len(), sum.finish()));
    }
    listed
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

/// A package of this payload and Bom, or with several components a product of them.
fn write_package(path: &Path, payload: Vec<u8>, bom: &[u8], components: usize) {
    let digest = Sha1::digest(&payload).into();
    let spooled = || Spooled { start: 0, length: payload.len() as u64, digest };
    let component = |id: usize| {
        let info = format!("<pkg-info identifier=\"a{id}\" version=\"1\"/>");
        [
            Member::compressed("Bom", bom),
            Member::compressed("PackageInfo", info.as_bytes()),
            Member::stored("Payload", spooled()),
        ]
    };
    let members: Vec<Member> = if components == 1 {
        component(0).into()
    } else {
        let references: String =
            (0..components).map(|id| format!("<pkg-ref id=\"a{id}\">#{id}.pkg</pkg-ref>")).collect();
        let distribution = format!("<installer-gui-script>{references}</installer-gui-script>");
        let folders = (0..components).map(|id| Member::directory(&format!("{id}.pkg"), component(id).into()));
        folders.chain([Member::compressed("Distribution", distribution.as_bytes())]).collect()
    };
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
        let listed = if name == "300 MB" { large(&mut archive) } else { million(&mut archive) };
        let bom = bom(&listed);
        entry(&mut archive, "TRAILER!!!", 0, b"");
        let xz = folder.join("payload.xz");
        fs::write(&xz, through("xz", &["-1", "-c"], &archive)).unwrap();
        let (gzip_package, pbzx_package) = (folder.join("gzip.pkg"), folder.join("pbzx.pkg"));
        let gzip = through("gzip", &["-c"], &archive);
        write_package(&gzip_package, gzip.clone(), &bom, 1);
        write_package(&pbzx_package, pbzx(&archive), &bom, 1);
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
                assert!(peaks[at] <= MEMORY_MAX, "{what}: that is too much memory");
            }
        }
        if name == "a million paths" {
            let twelve = folder.join("twelve.pkg");
            write_package(&twelve, gzip, &bom, 12);
            for work in WORK {
                let (time, peak) = child(work, &twelve);
                println!("  twelve components of that: {work}, {} MiB, {} s", peak / 1024, time.as_secs());
                assert!(peak <= MEMORY_MAX, "that is too much memory");
            }
        }
    }
}
