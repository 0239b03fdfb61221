//! The programs of a machine that runs `lima-start`, in one file under their
//! names: `tests/start` lays it into its root folders.
//!
//! | name | what it is |
//! |---|---|
//! | `init` | process 1, the clock |
//! | `limactl`, `qemu-system-aarch64` | as bad as the real ones are reported to be |
//! | `sleep`, `date` | by the machine's clock |
//! | `file`, `logger`, `ps`, `sysctl`, `uname` | what only one of the systems has |
//! | others | busybox, and SIGTERM for somebody at the call with a certain number |

mod agent;
mod clock;
mod init;
mod instance;
mod limactl;
mod state;

use std::fs;
use std::io::{Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::exit;

use nix::sys::signal::{Signal, kill};

fn main() {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = words.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let words: Vec<String> = words.collect();
    if name == "init" {
        return init::run(Path::new(&words[0]));
    }
    if !Path::new("/").join(state::NOW).exists() {
        eprintln!("{name}: a stand-in for tests; see tests/start");
        exit(64);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    exit(match &*name {
        "limactl" | ".limactl-wrapped" => {
            count_call();
            limactl::run(&words)
        }
        "qemu-system-aarch64" => agent::qemu(&words),
        _ => {
            count_call();
            run_tool(&name, &words)
        }
    });
}

/// Adds a line to one of the files that only grow, and says where it ends.
fn append(file: &str, line: &str) -> u64 {
    let path = Path::new("/").join(file);
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("open");
    file.write_all(line.as_bytes()).expect("add a line");
    file.stream_position().expect("a place in a file")
}

/// Notes what must not happen.
fn complain(what: &str) {
    append(state::COMPLAINTS, &format!("{} {what}\n", clock::now()));
}

/// Counts the call of a tool, and sends SIGTERM where it is the one.
fn count_call() {
    let Ok(text) = fs::read_to_string(Path::new("/").join(state::TERM_AT)) else { return };
    let this = append(state::TOOLS, ".");
    if text.trim().parse() == Ok(this) {
        let _ = kill(nix::unistd::getpgrp(), Signal::SIGTERM);
    }
}

fn run_tool(name: &str, words: &[&str]) -> i32 {
    match (name, words) {
        // Its clock has whole seconds.
        ("sleep", [seconds]) => clock::sleep(seconds.parse::<f64>().expect("seconds").ceil() as u64),
        ("date", ["+%s"]) => println!("{}", 1_000_000_000 + clock::now()),
        ("date", ["+%Y-%m-%dT%H:%M:%S%z"]) => println!("{}", clock::now()),
        ("uname", ["-s"]) => println!("Darwin"),
        ("sysctl", ["-n", "hw.optional.arm64"]) => println!("1"),
        ("sysctl", ["-n", "kern.bootsessionuuid"]) => {
            print!("{}", fs::read_to_string(Path::new("/").join(state::BOOT_ID)).expect("the boot"));
        }
        ("file", ["-bL", _]) => println!("Mach-O 64-bit executable arm64"),
        ("logger", ["-t", tag, said @ ..]) => {
            append(state::LOGGED, &format!("{tag}: {}\n", said.join(" ")));
        }
        ("ps", ["-ww", "-x", "-U", uid, "-o", "pid=", "-o", "ppid=", "-o", "command="]) => ps(uid),
        ("sleep" | "date" | "uname" | "sysctl" | "file" | "logger" | "ps", _) => {
            complain(&format!("{name} {}: nobody looked up what that does", words.join(" ")));
            return 64;
        }
        _ => {
            let error = std::process::Command::new("/stand-ins/busybox").arg(name).args(words).exec();
            panic!("busybox: {error}");
        }
    }
    0
}

/// ps(1) of macOS, for the processes of one user.
fn ps(uid: &str) {
    for process in fs::read_dir(Path::new("/").join(state::PROC)).expect("look at the processes").flatten() {
        let Ok(status) = fs::read_to_string(process.path().join("status")) else { continue };
        let field = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            rest.split_whitespace().next().unwrap_or_default().to_owned()
        };
        if field("Uid:") != uid {
            continue;
        }
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ");
        let line = if line.is_empty() { format!("({})", field("Name:")) } else { line };
        println!("{:>5} {:>5} {line}", field("Pid:"), field("PPid:"));
    }
}
