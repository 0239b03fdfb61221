//! A Mac, as far as the scripts can see: stand-ins for what only a Mac has, and
//! a folder for its disk. Nothing needs root or a root of its own, so paths
//! under `/Library` and PATH are replaced in the scripts; nothing else is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::launchd::{self, Job};
use xtask::render::{self, ScriptFile};
use xtask::spec::{Condition, Instance};

use super::goldens::SHELLS;
use super::{plain, spec};
use crate::support::tool;

const STAND_IN: &str = include_str!("stand_in.sh");
const STAND_INS: [&str; 9] =
    ["launchctl", "sudo", "id", "dscl", "plutil", "pkgutil", "logger", "sleep", "date"];

/// A Mac, as far as the scripts can see.
pub struct Mac {
    shell: (PathBuf, &'static [&'static str]),
    folder: tempfile::TempDir,
}

/// How a script ended, and what it said.
pub struct Run {
    pub status: i32,
    pub log: String,
}

impl Run {
    #[track_caller]
    pub fn ends_with(self, status: i32, words: &[&str]) -> Self {
        assert_eq!(self.status, status, "{}", self.log);
        for word in words {
            assert!(self.log.contains(word), "no {word:?} in\n{}", self.log);
        }
        self
    }
}

/// Runs a scenario on a new Mac for each shell. Alice is logged in there. Her
/// home folder is where it is said to be for her alone: whatever root does there
/// goes wrong or leaves a trace.
pub fn on_a_mac(scenario: impl Fn(&Mac)) {
    for (shell, args) in SHELLS {
        let Some(path) = tool(shell) else { continue };
        println!("under {shell}");
        let mac = Mac { shell: (path, args), folder: tempfile::tempdir().unwrap() };
        for folder in ["state/bin", "state/loaded", "state/pid", "state/draining", "state/disabled"] {
            fs::create_dir_all(mac.path(folder)).unwrap();
        }
        for folder in ["state/receipts", "state/users", "state/session", "Library/LaunchDaemons", "opt"] {
            fs::create_dir_all(mac.path(folder)).unwrap();
        }
        for name in STAND_INS {
            let path = mac.path("state/bin").join(name);
            fs::write(&path, STAND_IN).unwrap();
            make_executable(&path);
        }
        fs::create_dir_all(mac.path("Users/al ice")).unwrap();
        let home = mac.path("seen-by-users/al ice");
        fs::write(mac.path("state/users/alice"), format!("501\n{}\n", home.display())).unwrap();
        mac.wants("session/501", "");
        scenario(&mac);
        assert!(!mac.path("seen-by-users").exists(), "root wrote into a home folder");
    }
}

pub fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Mac {
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn wants(&self, what: &str, text: &str) {
        fs::write(self.path("state").join(what), text).unwrap();
    }

    pub fn no_longer_wants(&self, what: &str) {
        fs::remove_file(self.path("state").join(what)).unwrap();
    }

    /// An instance that exists here, with a limactl that does.
    pub fn instance(&self, condition: Condition) -> Instance {
        let text = |path: &str| self.path(path).to_str().unwrap().parse().unwrap();
        let instance = Instance {
            home: Some(text("seen-by-users/al ice")),
            limactl: Some(text("opt/limactl")),
            ..plain(condition)
        };
        fs::create_dir_all(self.instance_dir(&instance)).unwrap();
        fs::write(self.instance_dir(&instance).join("lima.yaml"), "").unwrap();
        fs::write(self.path("opt/limactl"), "").unwrap();
        make_executable(&self.path("opt/limactl"));
        instance
    }

    /// The instance's folder, in the real home folder.
    pub fn instance_dir(&self, instance: &Instance) -> PathBuf {
        PathBuf::from(instance.macos_instance_dir().replace("/seen-by-users/", "/Users/"))
    }

    /// A path of the real Mac, here.
    pub fn here(&self, path: &str) -> PathBuf {
        match path.strip_prefix("/Library/") {
            Some(rest) => self.path("Library").join(rest),
            None => PathBuf::from(path),
        }
    }

    pub fn adapt(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        text.replace("=/Library/", &format!("={folder}/Library/"))
            .replace("='/Library/", &format!("='{folder}/Library/"))
            .replace("PATH=/usr/bin:", &format!("PATH={folder}/state/bin:/usr/bin:"))
    }

    pub fn put(&self, path: &str, text: &[u8]) {
        let path = self.here(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn run(&self, script: &Path, args: &[&str]) -> Run {
        let output = Command::new(&self.shell.0)
            .args(self.shell.1)
            .arg(script)
            .args(args)
            .env("STAND_IN", self.path("state"))
            .output()
            .unwrap();
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        Run {
            status: output.status.code().unwrap(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn run_packed(&self, scripts: &[ScriptFile], script: &str, volume: &str) -> Run {
        let folder = self.path("scripts");
        fs::create_dir_all(&folder).unwrap();
        for file in scripts {
            fs::write(folder.join(file.name), self.adapt(&file.text)).unwrap();
        }
        self.run(&folder.join(script), &["/tmp/lima.pkg", volume, volume, "/"])
    }

    /// Does what Installer does.
    pub fn install_on(&self, instance: &Instance, volume: &str) -> Run {
        let spec = spec(instance);
        let scripts = render::installer_scripts(&spec, instance);
        let before = self.run_packed(&scripts, "preinstall", volume);
        if before.status != 0 {
            return before;
        }
        self.put(&launchd::payload_path(&spec, instance), &Job::new(instance).to_xml().unwrap());
        let uninstaller = self.adapt(&render::uninstall_sh(&spec, instance));
        self.put(&launchd::uninstaller_path(&spec, instance), uninstaller.as_bytes());
        let after = self.run_packed(&scripts, "postinstall", volume);
        if after.status == 0 {
            self.wants(&format!("receipts/{}", launchd::installer_identifier(&spec, instance)), "");
        }
        Run { status: after.status, log: before.log + &after.log }
    }

    pub fn install(&self, instance: &Instance) -> Run {
        self.install_on(instance, "/")
    }

    /// The loaded jobs with their property lists, and which of them runs.
    pub fn jobs(&self) -> Vec<String> {
        let mut jobs: Vec<String> = fs::read_dir(self.path("state/loaded"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                let from = PathBuf::from(fs::read_to_string(entry.path()).unwrap().trim_end());
                let from = from.file_name().unwrap().to_str().unwrap();
                let runs = self.path("state/pid").join(&name).exists();
                let state = if runs { "runs" } else { "does not run" };
                format!("{} {state}, from {from}", name.replace('+', "/"))
            })
            .collect();
        jobs.sort();
        jobs
    }

    /// Every file of Lima's that is not the instance's, under `/Library` and in
    /// Alice's LaunchAgents.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.path("Library"), self.path("Users/al ice/Library")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    files.push(entry.strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }

    pub fn calls(&self) -> String {
        fs::read_to_string(self.path("state/calls")).unwrap_or_default()
    }

    pub fn seconds(&self) -> u32 {
        fs::read_to_string(self.path("state/clock")).map_or(0, |text| text.trim().parse().unwrap())
    }
}
