//! limactl, as far as it creates and deletes instances; and what tells which
//! processor a program is for: file(1), sysctl(8).
//!
//! A program for a processor is a script here whose first line says
//! `#!/stand-ins/mach-o ARCHITECTURES`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::End;
use crate::state::State;

/// What a program for these architectures begins with.
const MACH_O: &str = "#!/stand-ins/mach-o ";

/// file(1), `-bL`.
pub fn file(words: &[&str]) -> Option<End> {
    let ["-bL", path] = words else { return None };
    // It ends well where it cannot read.
    let Ok(bytes) = fs::read(path) else {
        return Some(End::good(format!("cannot open `{path}' (Permission denied)\n")));
    };
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next().unwrap_or_default();
    let thin = |one: &str| format!("Mach-O 64-bit executable {one}");
    Some(End::good(match line.strip_prefix(MACH_O).map(|all| all.split(',').collect::<Vec<_>>()) {
        Some(all) if all.len() == 1 => format!("{}\n", thin(all[0])),
        Some(all) => {
            let list: String = all.iter().map(|one| format!(" [{one}:{}]", thin(one))).collect();
            let each: String =
                all.iter().map(|one| format!("{path} (for architecture {one}):\t{}\n", thin(one))).collect();
            format!("Mach-O universal binary with {} architectures:{list}\n{each}", all.len())
        }
        None if line.starts_with("#!") => "POSIX shell script text executable, ASCII text\n".to_owned(),
        None => "data\n".to_owned(),
    }))
}

/// sysctl(8): only Apple silicon knows the name.
pub fn sysctl(state: &State, words: &[&str]) -> Option<End> {
    if words == ["-n", "kern.bootsessionuuid"] {
        return Some(End::good("5A0C7E1B-0F6D-4B57-9C2E-8F0C5B6B1E11\n"));
    }
    let ["-n", name @ "hw.optional.arm64"] = words else { return None };
    Some(match state.intel {
        false => End::good("1\n"),
        true => End::bad(1, format!("sysctl: unknown oid '{name}'\n")),
    })
}

/// A program for `architectures` is started.
pub fn mach_o(state: &mut State, uid: u32, architectures: &str, words: &[&str]) -> Option<End> {
    let own = if state.intel { "x86_64" } else { "arm64" };
    if !architectures.split(',').any(|one| one == own) {
        // Apple silicon starts it under Rosetta, and Lima refuses that itself.
        return Some(match state.intel {
            true => End::bad(126, "Bad CPU type in executable\n"),
            false => fatal("limactl is running under rosetta, please reinstall lima with native arch"),
        });
    }
    if uid == 0 {
        state.complaints.push(format!("limactl runs as root: {}", words.join(" ")));
        return Some(fatal("must not run as the root user"));
    }
    match words {
        ["create", "--tty=false", name, template] => {
            Some(create(state, name.strip_prefix("--name=")?, template))
        }
        // What launchd's job of that name does: it is not really run in these scenarios.
        ["list", "--format", "{{.Status}}", name] => Some(list(state, name)),
        ["delete", "--force", name] => {
            let _ = fs::remove_dir_all(lima_home().join(name));
            Some(End { status: 0, stdout: String::new(), stderr: said("info", &format!("Deleted {name:?}")) })
        }
        _ => None,
    }
}

fn list(state: &State, name: &str) -> End {
    if state.now < state.faults.limactl_hangs_until {
        std::thread::sleep(Duration::from_secs(60));
    }
    if let Some(word) = &state.faults.limactl_says {
        return End::good(format!("{word}\n"));
    }
    if !lima_home().join(name).join("lima.yaml").exists() {
        return fatal(&format!("unmatched instances: {name}"));
    }
    let instance = format!("--instance={name}");
    let runs = |job: &crate::state::Job| {
        matches!(job.phase, crate::state::Phase::Running(_))
            && job.arguments.contains(&instance)
            && job.started + state.faults.vm_boots_in <= state.now
    };
    End::good(if state.jobs.values().any(runs) { "Running\n" } else { "Stopped\n" })
}

fn create(state: &mut State, name: &str, template: &str) -> End {
    let folder = lima_home().join(name);
    if state.faults.create_meets_another {
        let make = || -> std::io::Result<()> {
            fs::create_dir_all(&folder)?;
            let file = fs::File::create(folder.join("lima.yaml"))?;
            file.set_modified(SystemTime::now() - Duration::from_secs(60))
        };
        make().expect("make an instance");
    }
    if folder.symlink_metadata().is_ok() {
        return fatal(&format!("instance {name:?} already exists"));
    }
    let Ok(yaml) = fs::read(template) else { return fatal(&format!("cannot read {template}")) };
    let make = || -> std::io::Result<()> {
        // With them come its own keys, once.
        fs::create_dir_all(lima_home().join("_config"))?;
        fs::write(lima_home().join("_config/user"), "a key\n")?;
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        fs::write(folder.join("lima.yaml"), &yaml)
    };
    if let Err(error) = make() {
        return fatal(&error.to_string());
    }
    if state.faults.create_is_ended {
        // See `end_soon`. It goes on until it is ended too.
        std::thread::sleep(Duration::from_secs(60));
        state.complaints.push("nobody ended limactl".to_owned());
    }
    // It finds some mistakes only when it has begun.
    let mistaken = String::from_utf8_lossy(&yaml).contains("base: template:mistake\n");
    if state.faults.create_fails || mistaken {
        return fatal("failed to download the image");
    }
    state.created_with = std::env::vars().collect();
    End {
        status: 0,
        stdout: String::new(),
        stderr: said("info", "Run `limactl start` to start the instance."),
    }
}

/// Installer's time is up in a moment: it ends the script, which is `sudo`'s
/// parent. sudo has the rights for that.
#[expect(clippy::zombie_processes, reason = "the program becomes another one, which waits for nobody")]
pub fn end_soon() {
    let script = rustix::process::getppid().expect("whoever started it").as_raw_nonzero();
    let wait_and_end = format!("/stand-ins/busybox sleep 2; kill -TERM {script}");
    let busybox = std::process::Command::new("/stand-ins/busybox").args(["sh", "-c", &wait_and_end]).spawn();
    busybox.expect("start busybox");
}

fn lima_home() -> PathBuf {
    match std::env::var_os("LIMA_HOME") {
        Some(folder) => folder.into(),
        None => Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".lima"),
    }
}

fn fatal(message: &str) -> End {
    End::bad(1, said("fatal", message))
}

fn said(level: &str, message: &str) -> String {
    format!("time=\"2026-01-01T00:00:00Z\" level={level} msg={message:?}\n")
}
