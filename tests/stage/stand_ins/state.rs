//! What a Mac remembers between two commands. One JSON file: the stand-ins read
//! and write it, tests set it up before a run and look at it afterwards. Two
//! files beside it only grow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where the file is in the stage's root.
pub const FILE: &str = "stand-ins/state.json";

/// Every call, a line each: the second, the caller's id, the words.
pub const CALLS: &str = "stand-ins/calls";
/// What `logger` was given, a line each.
pub const LOG: &str = "stand-ins/log";

/// A number: the call with that number fails, and does nothing.
pub const FAILS: &str = "stand-ins/fails";
/// Tools that every Unix has, and whose calls can fail, too.
pub const BUSYBOX_AS: [&str; 13] =
    ["cat", "chmod", "cmp", "cp", "env", "ls", "mkdir", "mktemp", "mv", "rm", "rmdir", "sed", "tee"];

/// All of it but these.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Seconds that have passed. Only `sleep` lets time pass.
    pub now: u64,
    /// What the directory service knows, root not counted.
    pub accounts: Vec<Account>,
    /// Names of those that the network's directory has, and this Mac has not.
    #[serde(default)]
    pub network_accounts: BTreeSet<String>,
    /// Names of those that are hidden.
    #[serde(default)]
    pub hidden: BTreeSet<String>,
    /// Whether the processor is Intel's; otherwise it is Apple's.
    #[serde(default)]
    pub intel: bool,
    /// The environment in which limactl created an instance last.
    #[serde(default)]
    pub created_with: BTreeMap<String, String>,
    /// Ids of the users who are logged in at the screen.
    pub logged_in: BTreeSet<u32>,
    /// launchd's jobs by target, such as `system/LABEL`.
    pub jobs: BTreeMap<String, Job>,
    /// Targets that `launchctl disable` named. Loaded or not, they stay.
    pub disabled: BTreeSet<String>,
    /// Installed packages: identifier and version.
    pub receipts: BTreeMap<String, String>,
    /// limactl of each job's process, where lima-start found it by a link.
    #[serde(default)]
    pub programs: BTreeMap<String, String>,
    /// How often sudo asked for a password.
    pub sudo_asked: u32,
    /// Until this second it asks no more.
    pub sudo_asks_again_at: Option<u64>,
    /// How many processes there were.
    pub processes: u32,
    /// Processes of VMs, for ps(1).
    #[serde(default)]
    pub of_vms: Vec<Process>,
    /// What must not happen and did.
    pub complaints: Vec<String>,
    /// What a test wants to go wrong.
    pub faults: Faults,
}

/// A process, as ps(1) has it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Process {
    /// Id.
    pub pid: u32,
    /// Whose it is.
    pub uid: u32,
    /// When it was started, in UTC, as `lstart` has it.
    pub started: String,
    /// Program and arguments.
    pub command: String,
}

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Short name.
    pub name: String,
    /// Id.
    pub uid: u32,
    /// Home folder; `None`: the directory service does not say.
    pub home: Option<String>,
}

/// A job that launchd has registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its property list.
    pub path: String,
    /// Who it runs as; `None` is whoever the domain belongs to.
    pub user: Option<String>,
    /// Program and arguments.
    pub arguments: Vec<String>,
    /// Environment.
    pub environment: BTreeMap<String, String>,
    /// Folder that it starts in.
    pub working_directory: Option<String>,
    /// Whether it starts again after it ended badly.
    pub keep_alive: bool,
    /// Seconds between SIGTERM and SIGKILL.
    pub exit_timeout: u64,
    /// Seconds between two starts.
    pub throttle: u64,
    /// What it does now.
    pub phase: Phase,
    /// The second in which its process started.
    pub started: u64,
    /// How its last process ended; `None`: there was none.
    pub last_exit: Option<i32>,
    /// How often it was started.
    pub runs: u32,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It has no process.
    Waiting,
    /// It has this one.
    Running(u32),
    /// It failed; launchd starts it again in this second.
    Scheduled(u64),
    /// It was sent SIGTERM, and its process is gone in this second.
    Ending {
        /// Its process.
        pid: u32,
        /// The second.
        until: u64,
    },
    /// It was booted out and is gone in this second.
    Draining {
        /// Its process.
        pid: u32,
        /// The second.
        until: u64,
    },
}

/// What goes wrong, or is not as usual.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Faults {
    /// Seconds that a VM takes to shut down, unless it is killed before.
    pub vm_stops_in: u64,
    /// A VM may be killed before it is down.
    pub may_cut_power: bool,
    /// Seconds after the job's start until `limactl list` says that the VM runs.
    pub vm_boots_in: u64,
    /// launchd never lets go of a job that was booted out.
    pub never_lets_go: bool,
    /// So many times does `bootstrap` fail with 5.
    pub bootstrap_fails: u32,
    /// `bootstrap` of a property list with these words in it fails with 5.
    pub bootstrap_refuses: Option<String>,
    /// `bootstrap` fails with 5 so many times, and yet the job is registered.
    pub bootstrap_lies: u32,
    /// A job with RunAtLoad is registered and not started.
    pub never_spawns: bool,
    /// `kickstart` does not start it either.
    pub kickstart_fails: bool,
    /// The program ends at once with this status.
    pub program_exits: Option<i32>,
    /// `pkgutil --forget` fails.
    pub receipts_refuse: bool,
    /// `limactl create` fails halfway.
    pub create_fails: bool,
    /// The instance is there when `limactl create` looks, from long ago.
    pub create_meets_another: bool,
    /// Installer's time is up while `limactl create` runs.
    pub create_is_ended: bool,
    /// sudo does not let root act as them.
    pub sudo_refuses_to_be: BTreeSet<String>,
    /// Accounts of the directory that the system does not resolve.
    pub unresolved: BTreeSet<String>,
    /// Kilobytes that are free on the disk.
    #[serde(default)]
    pub free_kbytes: Option<u64>,
    /// sudo gets no right password.
    pub sudo_refuses: bool,
    /// Somebody presses Ctrl-C when `launchctl` is called with this verb next.
    pub interrupts: Option<String>,
    /// What `limactl list` says, whatever there is.
    #[serde(default)]
    pub limactl_says: Option<String>,
    /// `limactl list` does not end.
    #[serde(default)]
    pub limactl_hangs_until: u64,
    /// `ps` does not end, as whatever looks into a folder of a server that is gone.
    #[serde(default)]
    pub ps_hangs: bool,
    /// macOS is older than 13, which says `=> true` of what is disabled.
    #[serde(default)]
    pub says_true_for_disabled: bool,
    /// So many seconds does each `launchctl` take.
    pub launchctl_takes: u64,
    /// In this second the clock is set to another year.
    pub clock_is_set_at: Option<u64>,
}

impl State {
    /// Reads it. `root` is the stage's root.
    pub fn read(root: &Path) -> Self {
        let text = std::fs::read_to_string(root.join(FILE)).expect("read the state");
        serde_json::from_str(&text).expect("understand the state")
    }

    /// Writes it over what was there, which keeps owner and mode.
    pub fn write(&self, root: &Path) {
        let text = serde_json::to_string_pretty(self).expect("a state is data");
        std::fs::write(root.join(FILE), text).expect("write the state");
    }
}
