//! Does what Installer does with a package.
//!
//! With several components, in the order that `/var/log/install.log` shows of
//! others' packages: all are extracted into one folder; then each one's
//! preinstall; then that folder is moved to its place as a whole ("Shoving …
//! Root (2 items) to /"); then each one's postinstall; then the receipts of all.
//! The first script that fails ends it, and no receipt is written.
//!
//! | seen in | what |
//! |---|---|
//! | macfuse/macfuse#337 | two preinstalls, then one shove |
//! | Installomator/Installomator#2048, macfuse/macfuse#1029 | all extracted before the first preinstall |
//! | Installomator/Installomator#2758 | receipts of both after the last postinstall |
//! | Wireshark's Q&A, question 34826 | the second of three's postinstall fails: "Install Failed" at once |
//!
//! Each component's scripts lie in a folder of their own, side by side:
//! `PKInstallSandbox.QArz8j/Scripts/com.wibu.cmdriver.ohDiG6`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use xtask::macos::package;
use xtask::settings::{Instance, Spec};

use super::mac::{Mac, set_owner_and_mode};
use super::package::{Component, Entry, Package};
use crate::support::tool;

/// Where Installer unpacks scripts: a folder that only root may enter.
const SANDBOX: &str = "/private/tmp/PKInstallSandbox.u5Nspg";

/// Tools whose own words may be in the log, beside plutil's, and before the
/// script's; `time=` is limactl's, and sorry is sudo.
const TOOLS_THAT_MAY_SPEAK: [&str; 5] = ["Sorry, user root", "mkdir: ", "mktemp: ", "rm: ", "time="];

/// How a run ended, what it said, and how long it took on the Mac's clock.
pub struct Run {
    /// Exit status.
    pub status: i32,
    /// What Installer puts into `/var/log/install.log`.
    pub log: String,
    /// Seconds that the longest script took.
    pub seconds: u64,
    /// Seconds that it might have taken.
    pub limit: u64,
}

impl Run {
    /// It must have ended like this, and said these words.
    #[track_caller]
    pub fn ends_with(self, status: i32, words: &[&str]) -> Self {
        assert_eq!(self.status, status, "{}", self.log);
        for word in words {
            assert!(self.log.contains(word), "no {word:?} in\n{}", self.log);
        }
        self
    }

    /// The last it said must have been this.
    #[track_caller]
    pub fn ends_with_words(self, words: &str) -> Self {
        assert!(self.log.trim_end().ends_with(words), "not {words:?} at the end of\n{}", self.log);
        self
    }

    /// It must not have said this.
    #[track_caller]
    pub fn without(self, words: &str) -> Self {
        assert!(!self.log.contains(words), "{words:?} in\n{}", self.log);
        self
    }
}

/// The package of an instance, written and read.
fn build(spec: &Spec, instance: &Instance, uninstaller: bool) -> Package {
    let lay_out = if uninstaller { package::uninstaller } else { package::installer };
    written(&lay_out(spec, instance, 1_700_000_000).unwrap().product)
}

/// A product as Installer finds it.
pub fn written(product: &flatpkg::Product) -> Package {
    let mut bytes = Vec::new();
    let mut spool = std::io::Cursor::new(Vec::new());
    flatpkg::write_product(product, 1_700_000_000, None, &mut spool, &mut bytes).unwrap();
    Package::read(&bytes)
}

/// The settings around an instance: version 1.2.
pub fn spec(instance: &Instance) -> Spec {
    crate::render::spec(instance)
}

impl Mac {
    /// Installs the instance's package.
    pub fn install(&self, instance: &Instance) -> Run {
        self.install_package(&build(&spec(instance), instance, false), "/")
    }

    /// Installs another version of it.
    pub fn install_version(&self, instance: &Instance, version: &str) -> Run {
        let spec = Spec { version: version.parse().unwrap(), ..spec(instance) };
        self.install_package(&build(&spec, instance, false), "/")
    }

    /// Installs another version of it, while a program fails that only ever works.
    pub fn try_to_install(&self, instance: &Instance, version: &str) -> Run {
        self.tries.set(true);
        let run = self.install_version(instance, version);
        self.tries.set(false);
        run
    }

    /// Installs a package that was damaged before it came here.
    pub fn install_damaged(&self, instance: &Instance, damage: impl FnOnce(&mut Component)) -> Run {
        let mut package = build(&spec(instance), instance, false);
        damage(&mut package.components[0]);
        self.install_package(&package, "/")
    }

    /// Installs it on another volume.
    pub fn install_on(&self, instance: &Instance, volume: &str) -> Run {
        self.install_package(&build(&spec(instance), instance, false), volume)
    }

    /// Runs the package that uninstalls.
    pub fn run_uninstall_package(&self, instance: &Instance) -> Run {
        self.run_uninstall_package_on(instance, "/")
    }

    /// Runs it on another volume.
    pub fn run_uninstall_package_on(&self, instance: &Instance, volume: &str) -> Run {
        self.install_package(&build(&spec(instance), instance, true), volume)
    }

    /// Runs the script that uninstalls, from where the package put it.
    pub fn run_uninstall_script(&self, instance: &Instance) -> Run {
        let script = xtask::macos::launchd::uninstaller_path(&spec(instance), instance);
        let limit = xtask::macos::launchd::script_time_limit(instance).into();
        self.run(&script, &[], &[("HOME", "/Users/alice"), ("PATH", "/usr/bin:/bin")], limit)
    }

    /// Runs a script as a user.
    pub fn run_as(&self, uid: u32, script: &str) -> Run {
        let output = self.chroot(&format!("{uid}:20"), "/", &[script], &[]);
        let log = String::from_utf8(output.stderr).expect("UTF-8");
        Run { status: output.status.code().expect("an exit status"), log, seconds: 0, limit: 0 }
    }

    /// Compares all that a run left with `tests/golden/stage/<name>.txt`; every
    /// shell gives the same.
    pub fn golden(&self, name: &str, run: &Run) {
        let list = |lines: Vec<String>| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let text = format!(
            "# Status {}, after {} seconds\n{}\n# launchd has\n{}\n# Receipts\n{}\n# Files\n{}",
            run.status,
            run.seconds,
            run.log,
            list(self.jobs()),
            list(self.receipts()),
            list(self.changes())
        );
        crate::golden::golden(&format!("stage/{name}.txt"), text.as_bytes());
    }

    /// Installer: checks, preinstalls, payloads, postinstalls, receipts.
    pub fn install_package(&self, package: &Package, volume: &str) -> Run {
        let refused = |why: &str| Run { status: 1, log: why.to_owned(), seconds: 0, limit: 0 };
        if number(self.macos) < number(&package.minimum) {
            return refused("this macOS is too old for the package");
        }
        if !package.architectures.split(',').any(|architecture| architecture == "arm64") {
            return refused("the package is for other processors");
        }
        let chosen = package.choices.iter().filter(|choice| choice.selected);
        let components: Vec<&Component> =
            chosen.flat_map(|choice| &choice.components).map(|id| package.component(id)).collect();
        // One folder for all, with one for each in it.
        self.put_folder(SANDBOX, 0, 0, 0o700);
        for component in &components {
            self.lay_down(&component.scripts, &scripts_of(component));
        }
        let run = if self.one_by_one.get() {
            components.iter().fold(nothing_yet(), |run, one| self.install_components(&[one], volume, run))
        } else {
            self.install_components(&components, volume, nothing_yet())
        };
        fs::remove_dir_all(self.path(SANDBOX)).unwrap();
        run
    }

    /// Goes on from `run`, if that did not fail.
    fn install_components(&self, components: &[&Component], volume: &str, run: Run) -> Run {
        let hook = |run: Run, component: &&Component, name| {
            if run.status != 0 {
                // PKInstallErrorDomain Code=112 (ancwrd1/snx-rs#241).
                return run;
            }
            let next = self.run_hook(component, name, volume);
            Run {
                status: next.status,
                log: run.log + &next.log,
                seconds: run.seconds.max(next.seconds),
                limit: run.limit.max(next.limit),
            }
        };
        let run = components.iter().fold(run, |run, component| hook(run, component, "preinstall"));
        if run.status != 0 {
            return run;
        }
        for component in components {
            self.lay_down(&component.payload, volume);
            self.remove_obsolete_files(component);
        }
        let run = components.iter().fold(run, |run, component| hook(run, component, "postinstall"));
        // A package without payload leaves no receipt (pkgbuild(1), --nopayload),
        // and a failed one none either, though its files stay
        // (csstaub/hue-scene-keeper#24).
        let leave_one = components.iter().filter(|one| !one.payload.is_empty() && volume == "/");
        for component in leave_one.filter(|_| run.status == 0) {
            self.laid_down.borrow_mut().insert(component.identifier.clone(), component.files());
            self.set(|state| {
                state.receipts.insert(component.identifier.clone(), component.version.clone());
            });
        }
        run
    }

    fn remove_obsolete_files(&self, component: &Component) {
        let laid_down = self.laid_down.borrow();
        let Some(before) = laid_down.get(&component.identifier).filter(|_| self.obsoletes.get()) else {
            return;
        };
        for file in before.iter().filter(|file| !component.files().contains(file)) {
            let _ = fs::remove_file(self.path(file));
        }
    }

    /// With the recorded owners and modes, on folders that are there as well,
    /// and each file in place of an older one.
    fn lay_down(&self, entries: &[Entry], folder: &str) {
        for entry in entries {
            let path = format!("{}/{}", folder.trim_end_matches('/'), entry.path);
            if entry.is_folder() {
                if !entry.path.is_empty() {
                    self.put_folder(&path, entry.uid, entry.gid, entry.mode);
                } else {
                    fs::create_dir_all(self.path(folder)).unwrap();
                }
            } else if entry.mode & 0o170_000 == 0o120_000 {
                let target = String::from_utf8(entry.bytes.clone()).expect("UTF-8");
                let _ = fs::remove_file(self.path(&path));
                std::os::unix::fs::symlink(target, self.path(&path)).unwrap();
            } else {
                self.put(&path, entry.uid, entry.gid, entry.mode, &started_here(&entry.bytes));
                set_owner_and_mode(&self.path(&path), entry.uid, entry.gid, entry.mode);
            }
        }
    }

    fn run_hook(&self, component: &Component, name: &str, volume: &str) -> Run {
        let Some((script, limit)) = component.hook(name) else { return nothing_yet() };
        let file = "/Users/alice/Downloads/lima.pkg";
        // What Apple's Software Delivery Legacy Guide names, and what the
        // system's own shell has as root. Nothing of it may matter to scripts.
        let environment = [
            ("PATH", "/bin:/sbin:/usr/bin:/usr/sbin:/usr/libexec"),
            ("HOME", "/var/root"),
            ("USER", "root"),
            ("LOGNAME", "root"),
            ("SHELL", "/bin/sh"),
            ("TMPDIR", SANDBOX),
            ("INSTALLER_TEMP", SANDBOX),
            ("PACKAGE_PATH", file),
            ("SCRIPT_NAME", script),
        ];
        self.run(
            &format!("{}/{script}", scripts_of(component)),
            &[file, volume, volume, "/"],
            &environment,
            limit,
        )
    }

    /// Runs a program on the Mac as root, the way that its first line says.
    pub fn run(&self, program: &str, arguments: &[&str], environment: &[(&str, &str)], limit: u64) -> Run {
        let (before, calls, logged) = (self.state().now, self.calls().len(), self.logged().len());
        let folder = program.rsplit_once('/').unwrap().0;
        let output = self.chroot("0:0", folder, &[&[program], arguments].concat(), environment);
        let log = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        let seconds = self.state().now - before;
        let run = Run { status: output.status.code().expect("an exit status"), log, seconds, limit };
        self.check(&run, &self.calls()[calls..], &self.logged()[logged..]);
        run
    }

    /// Runs a program as a user, in a process group of its own.
    pub fn chroot(&self, who: &str, folder: &str, words: &[&str], environment: &[(&str, &str)]) -> Output {
        let run = || {
            Command::new(chroot_program().expect("looked for before"))
                .arg(format!("--userspec={who}"))
                .arg(self.path("/"))
                .args(["/stand-ins/busybox", "sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", folder])
                .args(words)
                .env_clear()
                .envs(environment.iter().copied())
                .stdin(Stdio::null())
                .process_group(0)
                .output()
                .expect("run chroot")
        };
        loop {
            let output = run();
            // A program that another thread starts holds each file that is open
            // here for a moment, and nobody can start one that is being written.
            let busy = String::from_utf8_lossy(&output.stderr).ends_with(": Text file busy\n");
            if !(busy && output.status.code() == Some(126)) {
                return output;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// What holds for every run.
    #[track_caller]
    fn check(&self, run: &Run, calls: &[String], logged: &[String]) {
        let complaints = self.state().complaints;
        assert!(complaints.is_empty(), "{complaints:#?}\n{}", run.log);
        assert!(
            run.seconds < run.limit,
            "Installer would have ended it: {} seconds\n{}",
            run.seconds,
            run.log
        );
        for call in calls {
            let in_a_session = call.contains(" launchctl boot") && call.contains(" gui/");
            assert!(
                !in_a_session || !call.contains(" #0 launchctl boot"),
                "root changed a user's jobs: {call}"
            );
        }
        // What is said goes to both logs, and nothing is there that a shell or
        // a tool said by itself.
        let by_a_tool = |line: &str| {
            TOOLS_THAT_MAY_SPEAK.iter().any(|tool| line.starts_with(tool))
                || (line.starts_with('/') && line.contains(".plist: "))
        };
        let said: Vec<&str> = run.log.lines().filter(|line| !by_a_tool(line)).collect();
        assert!(self.tries.get() || said == logged, "standard error: {said:#?}\nlogger got: {logged:#?}");
        let null = self.path("/dev/null");
        let mode = null.metadata().unwrap().permissions().mode();
        assert_ne!(mode & 0o170_000, 0o100_000, "/dev/null is a file");
    }
}

/// chroot(8), which ordinary users' PATH may not lead to.
pub fn chroot_program() -> Option<PathBuf> {
    let system = PathBuf::from("/usr/sbin/chroot");
    if system.is_file() { Some(system) } else { tool("chroot") }
}

/// Where a component's scripts are unpacked.
fn scripts_of(component: &Component) -> String {
    format!("{SANDBOX}/Scripts/{}.bsgvzG", component.identifier)
}

/// A program for a Mac as something that can be started here.
fn started_here(bytes: &[u8]) -> Vec<u8> {
    if !macho::is_macho(bytes) {
        return bytes.to_vec();
    }
    let file = macho::read(&mut std::io::Cursor::new(bytes)).unwrap().expect("a program");
    let architectures: Vec<String> = file.images.iter().map(macho::Image::architecture).collect();
    format!("#!/stand-ins/mach-o {}\n", architectures.join(",")).into_bytes()
}

/// Before the first script.
fn nothing_yet() -> Run {
    Run { status: 0, log: String::new(), seconds: 0, limit: 1 }
}

/// A version of macOS, to compare.
fn number(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap()).collect()
}
