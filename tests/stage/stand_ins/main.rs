//! The programs that macOS has and this machine has not, in one file under
//! their names: `tests/stage` lays it into its roots. What they know is in
//! [`state`]; what launchd does is in [`launchd`].
//!
//! A call that the real program would not understand is refused and noted as a
//! complaint, which fails the test: scripts must not rely on more than was
//! looked up.

mod accounts;
mod launchctl;
mod launchd;
mod limactl;
mod state;

use std::path::Path;
use std::process::exit;
use std::time::Duration;

use state::State;

/// How a program ends: with what it prints where, and its status.
pub struct End {
    status: i32,
    stdout: String,
    stderr: String,
}

impl End {
    /// Well, with this on standard output.
    pub fn good(stdout: impl Into<String>) -> Self {
        Self { status: 0, stdout: stdout.into(), stderr: String::new() }
    }

    /// Badly, with this on standard error.
    pub fn bad(status: i32, stderr: impl Into<String>) -> Self {
        Self { status, stdout: String::new(), stderr: stderr.into() }
    }
}

fn main() {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let words: Vec<String> = words.collect();
    let root = Path::new("/");
    if !root.join(state::FILE).exists() {
        // Started outside of a stage, such as by somebody who looks around.
        eprintln!("{program}: a stand-in for tests; see tests/stage");
        exit(64);
    }
    if let ("sleep", [seconds]) = (&*program, &words[..])
        && seconds.parse().is_ok_and(|seconds: u32| seconds > 600)
    {
        // Somebody waits for what happens beside, and who changes the state is that.
        std::thread::sleep(Duration::from_secs(60));
        exit(0);
    }
    if let ("sleep", [seconds]) = (&*program, &words[..])
        && let Some(tenths) = seconds.strip_prefix("0.").and_then(|tenths| tenths.parse::<u64>().ok())
    {
        // Somebody waits for what really runs beside, and who changes the state is that.
        std::thread::sleep(Duration::from_millis(100 * tenths));
        exit(0);
    }
    if state::BUSYBOX_AS.contains(&&*program) {
        run_tool(root, &program, &words);
    }
    let mut state = State::read(root);
    let uid = rustix::process::getuid().as_raw();
    note_call(root, &format!("{} #{uid} {program} {}", state.now, words.join(" ")));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let end = run(&mut state, uid, &program, &words);
    let end = end.unwrap_or_else(|| {
        state
            .complaints
            .push(format!("#{uid} {program} {}: nobody looked up what that does", words.join(" ")));
        End::bad(64, format!("Usage: {program}\n"))
    });
    let interrupted = program == "launchctl"
        && state.faults.interrupts.as_deref().is_some_and(|verb| words.first() == Some(&verb));
    if interrupted {
        state.faults.interrupts = None;
    }
    state.write(root);
    if interrupted {
        // As a terminal does: to all that it started, this program too.
        let _ = rustix::process::kill_current_process_group(rustix::process::Signal::INT);
    }
    print!("{}", end.stdout);
    eprint!("{}", end.stderr);
    exit(end.status);
}

/// Runs a tool of every Unix's, without a look at the state: in a pipe, others
/// do that meanwhile.
fn run_tool(root: &Path, tool: &str, words: &[String]) -> ! {
    use std::os::unix::process::CommandExt as _;

    note_call(root, &format!("- - {tool} {}", words.join(" ")));
    let error = std::process::Command::new("/stand-ins/busybox").arg(tool).args(words).exec();
    panic!("busybox: {error}");
}

/// Notes the call, and ends where it is the one that a test wants to fail.
fn note_call(root: &Path, call: &str) {
    let end = append(root, state::CALLS, call);
    let Ok(number) = std::fs::read_to_string(root.join(state::FAILS)) else { return };
    let calls = std::fs::read(root.join(state::CALLS)).expect("read the calls");
    let this = calls[..end].iter().filter(|byte| **byte == b'\n').count();
    if number.parse() == Ok(this) {
        exit(1);
    }
}

/// Adds a line to one of the files that only grow, and says where it ends.
fn append(root: &Path, file: &str, line: &str) -> usize {
    use std::io::{Seek as _, Write as _};
    let mut file = std::fs::OpenOptions::new().append(true).open(root.join(file)).expect("open");
    let line = format!("{}\n", line.replace('\n', "\\n"));
    file.write_all(line.as_bytes()).expect("add a line");
    file.stream_position().expect("a place in a file").try_into().expect("a small file")
}

/// Runs a program. `None`: it does not know these words.
fn run(state: &mut State, uid: u32, program: &str, words: &[&str]) -> Option<End> {
    match program {
        "launchctl" => launchctl::run(state, uid, words),
        "sudo" => accounts::sudo(state, uid, words),
        "as-user" => accounts::as_user(state, words),
        "df" => df(state, words),
        "ps" => ps(state, words),
        "uname" => (words == ["-s"]).then(|| End::good("Darwin\n")),
        "id" => accounts::id(state, uid, words),
        "dscl" => accounts::dscl(state, words),
        "install" => install(words),
        "plutil" => plutil(words),
        "pkgutil" => pkgutil(state, uid, words),
        // Not every busybox has it.
        "nice" => match words {
            ["-n", "0", program, arguments @ ..] => {
                let mut command = std::process::Command::new(program);
                Some(accounts::become_program(state, command.args(arguments)))
            }
            _ => None,
        },
        "file" => limactl::file(words),
        "iconv" => iconv(words),
        "defaults" => defaults(words),
        "sysctl" => limactl::sysctl(state, words),
        "stat" => accounts::stat(state, words),
        // The kernel's: the script's first line, its path, its arguments.
        "mach-o" => match words {
            [architectures, _, words @ ..] => limactl::mach_o(state, uid, architectures, words),
            _ => None,
        },
        "logger" => match words {
            ["-t", tag, said @ ..] => {
                append(Path::new("/"), state::LOG, &format!("{tag}: {}", said.join(" ")));
                Some(End::good(""))
            }
            _ => None,
        },
        "sleep" => {
            let [seconds] = words else { return None };
            state.now += seconds.parse::<u64>().ok()?;
            Some(End::good(""))
        }
        "date" if words == ["+%Y-%m-%dT%H:%M:%S%z"] => Some(End::good(format!("{} seconds\n", state.now))),
        "date" => (words == ["+%s"]).then(|| {
            let year =
                if state.faults.clock_is_set_at.is_some_and(|at| state.now >= at) { 2026 } else { 1970 };
            End::good(format!("{}\n", (year - 1970) * 31_556_952 + 1000 + state.now))
        }),
        _ => None,
    }
}

/// ps(1), of one process, or of all. It ends with 1 where there is no such one.
fn ps(state: &mut State, words: &[&str]) -> Option<End> {
    if words == ["-axww", "-o", "command="] {
        launchd::settle(state);
        let vms = state.of_vms.iter().map(|process| format!("{}\n", process.command));
        // What lima-start started for a job with the package's Lima.
        let jobs = state.programs.values().map(|limactl| format!("{limactl} hostagent --pidfile ha.pid\n"));
        let all = state.jobs.values().filter(|job| matches!(job.phase, state::Phase::Running(_)));
        let starts = all.map(|job| format!("/bin/sh {}\n", job.arguments.join(" ")));
        return Some(End::good(vms.chain(jobs).chain(starts).collect::<String>()));
    }
    if words == ["-ax", "-o", "pid=", "-o", "ppid="] {
        let line = |process: &state::Process| format!("{:>5} {:>5}\n", process.pid, 1);
        return Some(End::good(state.of_vms.iter().map(line).collect::<String>()));
    }
    let ["-ww", "-p", pid, "-o", "uid=", "-o", "lstart=", "-o", "command="] = words else { return None };
    if std::env::var("TZ").as_deref() != Ok("UTC0") || std::env::var("LC_ALL").as_deref() != Ok("C") {
        return None;
    }
    if state.faults.ps_hangs {
        std::thread::sleep(Duration::from_secs(60));
    }
    let pid: u32 = pid.parse().ok()?;
    Some(match state.of_vms.iter().find(|process| process.pid == pid) {
        Some(found) => End::good(format!("{:>5} {:<28} {}\n", found.uid, found.started, found.command)),
        None => End::bad(1, ""),
    })
}

/// iconv(1), which ends with 1 where what it reads is not UTF-8.
fn iconv(words: &[&str]) -> Option<End> {
    use std::io::Read as _;
    if words != ["-f", "UTF-8", "-t", "UTF-8"] {
        return None;
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).expect("read");
    Some(match String::from_utf8(bytes) {
        Ok(text) => End::good(text),
        Err(_) => End::bad(1, "iconv: cannot convert\n"),
    })
}

/// install(1) with owner, group and mode, which unlinks what was there and writes
/// a new file. Not every busybox has it.
fn install(words: &[&str]) -> Option<End> {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    if let ["-d", "-o", "0", "-g", "0", "-m", "755", folders @ ..] = words {
        let make = |folder: &&str| -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            chown(folder, Some(0), Some(0))?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        };
        return Some(match folders.iter().try_for_each(make) {
            Ok(()) => End::good(""),
            Err(error) => End::bad(71, format!("install: {error}\n")),
        });
    }
    let ["-o", owner, "-g", group, "-m", mode, from, to] = words else { return None };
    let (owner, group) = (owner.parse().ok()?, group.parse().ok()?);
    let mode = u32::from_str_radix(mode, 8).ok()?;
    let install = || -> std::io::Result<()> {
        let bytes = std::fs::read(from)?;
        if Path::new(to).symlink_metadata().is_ok() {
            std::fs::remove_file(to)?;
        }
        std::fs::write(to, bytes)?;
        chown(to, Some(owner), Some(group))?;
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(mode))
    };
    Some(match install() {
        Ok(()) => End::good(""),
        Err(error) => End::bad(71, format!("install: {to}: {error}\n")),
    })
}

/// df(1) as POSIX has it, on the volume of the system.
fn df(state: &State, words: &[&str]) -> Option<End> {
    let ["-Pk", "/"] = words else { return None };
    let free = state.faults.free_kbytes.unwrap_or(100_000_000);
    Some(End::good(format!(
        "Filesystem  1024-blocks      Used Available Capacity  Mounted on\n\
         /dev/disk3s1s1   482797652  11223344 {free}    24%    /\n"
    )))
}

/// plutil(1): `-lint` prints `FILE: OK` on standard output, or what is wrong,
/// and ends with 1. `-replace` says nothing; a dot in its path leads into a
/// dictionary or an array.
fn plutil(words: &[&str]) -> Option<End> {
    if let ["-replace", key, kind @ ("-string" | "-json"), text, file] = words {
        let value = match *kind {
            "-json" => serde_json::from_str(text).ok(),
            _ => Some(plist::Value::from(*text)),
        };
        return Some(match value.and_then(|value| replace(file, key, value)) {
            Some(()) => End::good(""),
            None => End {
                status: 1,
                stdout: format!("{file}: {key} cannot be replaced\n"),
                stderr: String::new(),
            },
        });
    }
    if let ["-convert", "xml1", file] = words {
        let done = plist::Value::from_file(file).and_then(|value| value.to_file_xml(file));
        return Some(match done {
            Ok(()) => End::good(""),
            Err(error) => End::bad(1, format!("{file}: {error}\n")),
        });
    }
    let ["-lint", file] = words else { return None };
    Some(match plist::Value::from_file(file) {
        Ok(_) => End::good(format!("{file}: OK\n")),
        Err(error) => End { status: 1, stdout: format!("{file}: {error}\n"), stderr: String::new() },
    })
}

/// defaults(1), of a property list by its path without the ending: it writes a binary one,
/// and keeps what other keys have.
fn defaults(words: &[&str]) -> Option<End> {
    let read = |path: &str| plist::Value::from_file(format!("{path}.plist")).ok();
    let mut keys = match words {
        ["read" | "write", path, ..] => {
            read(path).and_then(plist::Value::into_dictionary).unwrap_or_default()
        }
        _ => return None,
    };
    match words {
        ["read", path, key] => Some(match keys.get(key).and_then(plist::Value::as_string) {
            Some(text) => End::good(format!("{text}\n")),
            None => End::bad(1, format!("The domain/default pair of ({path}, {key}) does not exist\n")),
        }),
        ["write", path, key, "-array", values @ ..] => {
            let values = values.iter().map(|value| plist::Value::from(*value)).collect();
            keys.insert((*key).to_owned(), plist::Value::Array(values));
            let file = format!("{path}.plist");
            Some(match plist::Value::Dictionary(keys).to_file_binary(file) {
                Ok(()) => End::good(""),
                Err(error) => End::bad(1, format!("Could not write domain {path}: {error}\n")),
            })
        }
        _ => None,
    }
}

/// By an index of an array it inserts, and what was there stays behind it
/// (neomjs/neo#16440, macOS 26).
fn replace(file: &str, key: &str, value: plist::Value) -> Option<()> {
    let mut list = plist::Value::from_file(file).ok()?;
    let mut place = &mut list;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        place = match place {
            plist::Value::Dictionary(keys) if parts.peek().is_none() => {
                keys.insert(part.to_owned(), value);
                return list.to_file_xml(file).ok();
            }
            plist::Value::Array(items) if parts.peek().is_none() => {
                let index = part.parse().ok().filter(|index| *index <= items.len())?;
                items.insert(index, value);
                return list.to_file_xml(file).ok();
            }
            plist::Value::Dictionary(keys) => keys.get_mut(part)?,
            plist::Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    None
}

/// pkgutil(1), of which the words are Apple's.
fn pkgutil(state: &mut State, uid: u32, words: &[&str]) -> Option<End> {
    let (verb, id) = match words {
        ["--pkgs"] => {
            return Some(End::good(state.receipts.keys().map(|id| format!("{id}\n")).collect::<String>()));
        }
        [verb @ ("--pkg-info" | "--forget"), id] => (*verb, *id),
        _ => return None,
    };
    let Some(version) = state.receipts.get(id) else {
        return Some(End::bad(1, format!("No receipt for '{id}' found at '/'.\n")));
    };
    if verb == "--pkg-info" {
        return Some(End::good(format!("package-id: {id}\nversion: {version}\nvolume: /\nlocation: /\n")));
    }
    if uid != 0 || state.faults.receipts_refuse {
        return Some(End::bad(1, format!("Couldn't forget receipt '{id}': Operation not permitted\n")));
    }
    state.receipts.remove(id);
    Some(End::good(format!("Forgot package '{id}' on '/'.\n")))
}
