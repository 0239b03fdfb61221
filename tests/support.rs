//! What the tests share: other people's tools, the reference data, goldens.
#![allow(dead_code, reason = "each module uses a part of it")]

use std::path::{Path, PathBuf};

/// The repository's root. Tests run with `xtask/` as working directory.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository").to_owned()
}

/// Whether what is missing is a failure instead of a skip.
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Finds a program that somebody else wrote. Where it is not installed, says
/// so and returns `None`; under `CI` that is a failure.
pub fn tool(name: &str) -> Option<PathBuf> {
    in_path(name).or_else(|| skip(&format!("{name} is not installed")))
}

/// Finds a program that not every system has as a package, so that also under
/// `CI` it may be missing, and says so.
pub fn optional_tool(name: &str) -> Option<PathBuf> {
    let found = in_path(name);
    if found.is_none() {
        note_skipped(&format!("{name} is not installed"));
    }
    found
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Finds Chromium: Google's build where that is installed, as on GitHub's
/// machines.
pub fn browser() -> Option<PathBuf> {
    in_path("google-chrome").or_else(|| tool("chromium"))
}

/// Whether everything is tested at full length: each scenario under every shell, and
/// VMs that take their time to shut down.
pub fn at_full_length() -> bool {
    std::env::var_os("LIMA_AUTOSTART_FULL_LENGTH").is_some()
}

/// Which of `count` a scenario takes, always the same one; another scenario takes
/// another.
pub fn turn<F>(count: usize) -> usize {
    std::any::type_name::<F>().bytes().map(usize::from).sum::<usize>() % count
}

/// Says why a test is skipped, and returns `None`; under `CI` that is a
/// failure.
pub fn skip<T>(reason: &str) -> Option<T> {
    assert!(!in_ci(), "{reason}, and CI runs every check");
    note_skipped(reason);
    None
}

/// Has `tests/skipped.rs` name the test in its line at the end.
pub fn note_skipped(reason: &str) {
    use std::io::Write;
    eprintln!("skipped: {reason}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    let _ = std::fs::create_dir_all(&folder);
    let file = folder.join(std::os::unix::process::parent_id().to_string());
    // A line at once: tests run side by side.
    if let Ok(mut file) = std::fs::File::options().append(true).create(true).open(file) {
        let _ = file.write_all(format!("{test}\t{reason}\n").as_bytes());
    }
}

/// A file of the reference data: other people's packages, which are not in the
/// repository. `LIMA_AUTOSTART_REFERENCE` names their folder; without it the test is
/// skipped, under `CI` too.
pub fn reference(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("LIMA_AUTOSTART_REFERENCE") else {
        note_skipped("LIMA_AUTOSTART_REFERENCE names no folder with other people's packages");
        return None;
    };
    let file = Path::new(&folder).join(name);
    assert!(file.is_file(), "{} is not there, where LIMA_AUTOSTART_REFERENCE leads", file.display());
    Some(file)
}

/// Where the development identity of all tests is.
pub fn identity_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("identity")
}

/// The program in a folder of its own, with an environment of its own.
pub struct Xtask {
    /// Its working directory.
    pub dir: tempfile::TempDir,
}

impl Xtask {
    /// A new, empty folder.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that is ready to run, for the user alice: tests may run as
    /// root, who has no instances.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.bare_command(arguments);
        command.args(["--user", "alice"]);
        command
    }

    /// A command without a user. The development identity is shared by all
    /// tests: making a key takes its time.
    pub fn bare_command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("USER", "alice")
            .env("CARGO_TARGET_DIR", identity_folder());
        command
    }

    /// Runs it; it must succeed. Returns standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        succeed(&mut self.command(arguments))
    }

    /// Runs it; it must fail with status 1. Returns standard error.
    pub fn fail(&self, arguments: &[&str]) -> String {
        fail(&mut self.command(arguments))
    }

    /// Every file below a folder, relative, with its mode and bytes.
    pub fn files(&self, folder: &str) -> std::collections::BTreeMap<String, (u32, Vec<u8>)> {
        files(&self.path(folder))
    }
}

/// The command inside a shell script, where it is `"$@"`, with the same folder
/// and environment.
pub fn in_shell(script: &str, program: &std::process::Command) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// Runs a command that must succeed. Returns standard output.
pub fn succeed(command: &mut std::process::Command) -> String {
    let output = command.output().expect("run the program");
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&said));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a command that must fail with status 1. Returns standard error.
pub fn fail(command: &mut std::process::Command) -> String {
    let output = command.output().expect("run the program");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{command:?}\n{error}");
    error
}

/// Every file below a folder, relative, with its mode and bytes.
pub fn files(folder: &Path) -> std::collections::BTreeMap<String, (u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.expect("a folder's entry").path();
            let metadata = path.symlink_metadata().expect("look at a file");
            if metadata.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
                found.insert(
                    name,
                    (metadata.permissions().mode() & 0o7777, std::fs::read(&path).expect("read")),
                );
            }
        }
    }
    found
}
