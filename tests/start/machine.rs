//! A machine: its root folder and its settings.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::boot::Boot;
use super::state::{
    BEHAVIOUR, BOOT_ID, Behaviour, CALLS, COMPLAINTS, LOGGED, NOW, SLEEPERS, TERM_AT, TOOLS as CALLS_OF_TOOLS,
};
use crate::stage::mac::libraries;

/// Who owns the instance.
pub const ALICE: u32 = 501;
/// Somebody else.
pub const BOB: u32 = 502;
/// The program under test.
pub const LIMA_START: &str = "/Library/Application Support/lima-autostart/k3s/lima-start";
/// What limactl is on it.
pub const LIMACTL: &str = "/opt/homebrew/bin/limactl";
/// Where lima-start logs.
pub const LOG: &str = "/Users/alice/Library/Logs/lima-start.log";
/// What lima-start writes to standard error.
pub const ERRORS: &str = "/stand-ins/stderr";
/// Seconds between SIGTERM and SIGKILL.
pub const EXIT_TIMEOUT: u64 = 240;

const TOOLS: [&str; 18] = [
    "cat", "env", "grep", "head", "id", "kill", "mkdir", "mktemp", "mv", "printf", "pwd", "rm", "sed", "sh",
    "test", "tr", "true", "wc",
];
const STAND_INS: [&str; 3] = ["date", "logger", "sleep"];
const OF_A_MAC: [&str; 4] = ["file", "ps", "sysctl", "uname"];

/// A machine for one scenario. Nothing of it is left behind.
pub struct Machine {
    pub folder: tempfile::TempDir,
    pub on_mac: bool,
    pub boot: RefCell<Option<Boot>>,
    pub boots: RefCell<u32>,
    /// Processes that have ended, and how.
    pub ended: RefCell<BTreeMap<i32, i32>>,
    /// Options of lima-start that are not as usual.
    pub options: RefCell<Vec<String>>,
    /// LIMA_HOME, where that is in the end, and what the instance is called.
    pub home: RefCell<String>,
    pub real_home: RefCell<String>,
    pub name: RefCell<String>,
    pub limactl: RefCell<String>,
    pub keep_alive: RefCell<String>,
}

impl Machine {
    /// A new machine, switched on, with alice's instance k3s of vz.
    pub fn new(sh: &Path, on_mac: bool) -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tempfile::Builder::new().prefix("m-").tempdir_in(scratch).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Self {
            folder,
            on_mac,
            boot: None.into(),
            boots: 0.into(),
            ended: BTreeMap::new().into(),
            options: Vec::new().into(),
            home: "/Users/alice/.lima".to_owned().into(),
            real_home: String::new().into(),
            name: "k3s".to_owned().into(),
            limactl: LIMACTL.to_owned().into(),
            keep_alive: "on-failure".to_owned().into(),
        };
        machine.lay_out(sh);
        machine.put_instance("vz");
        machine.boot();
        machine
    }

    fn lay_out(&self, sh: &Path) {
        for folder in ["bin", "usr/bin", "usr/sbin", "sbin", "dev", "etc", "proc", "stand-ins/proc", SLEEPERS]
        {
            fs::create_dir_all(self.path(folder)).unwrap();
        }
        for folder in [SLEEPERS, "tmp"] {
            fs::create_dir_all(self.path(folder)).unwrap();
            fs::set_permissions(self.path(folder), fs::Permissions::from_mode(0o1777)).unwrap();
        }
        let busybox = crate::support::tool("busybox").expect("looked for before");
        let stand_ins = Path::new(env!("CARGO_BIN_EXE_start-stand-ins"));
        for (program, to) in
            [(sh, "/bin/sh"), (&busybox, "/stand-ins/busybox"), (stand_ins, "/stand-ins/programs")]
        {
            let to = self.path(to);
            // The stand-ins are the tests' own file and on the same disk.
            if program != stand_ins || fs::hard_link(program, &to).is_err() {
                fs::copy(program, to).unwrap();
            }
            for library in libraries(program) {
                let to = self.path(&library);
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(&library, to).unwrap();
            }
        }
        let link = |program: &str, name: &str| {
            if name != "sh" {
                symlink(format!("/stand-ins/{program}"), self.path("/usr/bin").join(name)).unwrap();
            }
        };
        TOOLS.iter().for_each(|name| link("busybox", name));
        STAND_INS.iter().for_each(|name| link("programs", name));
        if self.on_mac {
            OF_A_MAC.iter().for_each(|name| link("programs", name));
        } else {
            link("busybox", "uname");
        }
        for device in ["null", "zero"] {
            fs::write(self.path("/dev").join(device), "").unwrap();
        }
        fs::write(self.path("/etc/passwd"), "root:x:0:0::/:/bin/sh\nalice:x:501:501::/Users/alice:/bin/sh\n")
            .unwrap();
        for file in [CALLS, LOGGED, COMPLAINTS, CALLS_OF_TOOLS] {
            fs::write(self.path(file), "").unwrap();
            fs::set_permissions(self.path(file), fs::Permissions::from_mode(0o666)).unwrap();
        }
        fs::write(self.path(NOW), "0").unwrap();
        fs::write(self.path(BOOT_ID), "").unwrap();
        self.behave(&Behaviour::default());
        self.put_limactl(LIMACTL);
        self.link_program("/opt/homebrew/bin/qemu-system-aarch64");
        self.put(LIMA_START, 0, 0o755, &xtask::lima_start::program());
        self.put_folder("/Users/alice", ALICE, 0o750);
        self.put_folder("/Users/bob", BOB, 0o750);
    }

    /// limactl, or whatever has this name of the stand-ins.
    pub fn put_limactl(&self, path: &str) {
        self.link_program(path);
    }

    fn link_program(&self, path: &str) {
        let to = self.path(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::hard_link(self.path("/stand-ins/programs"), to).unwrap();
    }

    /// From now on every tool can count its calls.
    pub fn count_calls_of_tools(&self) {
        for name in TOOLS.iter().filter(|name| **name != "sh") {
            let tool = self.path("/usr/bin").join(name);
            fs::remove_file(&tool).unwrap();
            symlink("/stand-ins/programs", tool).unwrap();
        }
    }

    /// Counts them from now on. At the one with this number, whoever runs it gets
    /// SIGTERM.
    pub fn send_sigterm_at_call(&self, number: u64) {
        fs::write(self.path(CALLS_OF_TOOLS), "").unwrap();
        fs::write(self.path(TERM_AT), number.to_string()).unwrap();
    }

    pub fn never_send_sigterm(&self) {
        let _ = fs::remove_file(self.path(TERM_AT));
    }

    pub fn calls_of_tools(&self) -> u64 {
        fs::metadata(self.path(CALLS_OF_TOOLS)).unwrap().len()
    }

    /// Runs a program of this computer's with a path.
    pub fn run_here(&self, program: &str, path: &Path) {
        self.run_here_with(program, &[], path);
    }

    pub fn run_here_with(&self, program: &str, words: &[&str], path: &Path) {
        crate::support::succeed(Command::new(program).args(words).arg(path));
    }

    /// A path of the machine, here; of its folders, not of what is mounted there.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// A file in the instance's folder.
    pub fn of_instance(&self, name: &str) -> PathBuf {
        let real = self.real_home.borrow();
        if real.is_empty() {
            return self.path(&self.instance_path(name));
        }
        self.path(&format!("{real}/{}/{name}", self.name.borrow()))
    }

    /// The file that says that the instance is being made.
    pub fn of_making(&self) -> PathBuf {
        self.path(&format!("{}/.{}.lima-start", self.home.borrow(), self.name.borrow()))
    }

    pub fn instance_path(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.home.borrow(), self.name.borrow())
    }

    /// Lays down a folder and those above it that are missing, all of one owner.
    pub fn put_folder(&self, path: &str, uid: u32, mode: u32) {
        let (above, _) = path.rsplit_once('/').unwrap();
        if !above.is_empty() && !self.path(above).exists() {
            self.put_folder(above, if path.starts_with("/Users/alice/") { ALICE } else { 0 }, 0o755);
        }
        let path = self.path(path);
        if !path.exists() {
            fs::create_dir(&path).unwrap();
            chown(&path, Some(uid), Some(uid)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    /// Lays down a file.
    pub fn put(&self, path: &str, uid: u32, mode: u32, text: &str) {
        let (above, _) = path.rsplit_once('/').unwrap();
        self.put_folder(above, uid, 0o755);
        let path = self.path(path);
        fs::write(&path, text).unwrap();
        chown(&path, Some(uid), Some(uid)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A file of alice's in the instance's folder.
    pub fn put_in_instance(&self, name: &str, text: &str) {
        self.put(&self.instance_path(name), ALICE, 0o644, text);
    }

    /// The instance, with this driver.
    pub fn put_instance(&self, driver: &str) {
        self.put_in_instance("lima.yaml", &format!("vmType: {driver}\n"));
    }

    pub fn behave(&self, behaviour: &Behaviour) {
        fs::write(self.path(BEHAVIOUR), serde_json::to_string(behaviour).unwrap()).unwrap();
    }
}
