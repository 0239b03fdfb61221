//! A machine: a copy of the base, booted by systemd-nspawn.
//!
//! Whatever becomes of the tests, nothing stays. The processes are in a PID
//! namespace whose first process dies with the thread that started it, the
//! mounts in a mount namespace of theirs, and folders and control groups that
//! a killed run left are found by their lock and removed by the next one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::base::{USER, base, folder, run};
use crate::support::succeed;

/// Longest that anything is waited for which takes a second or two on a quiet
/// machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Mounts on /run keep systemd-nspawn's own files off the host.
const ISOLATE: &str = r#"
echo "$$" >"$1/cgroup.procs"
shift
exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
	sh -ec 'mount -t tmpfs tmpfs /run && exec "$@"' sh "$@"
"#;

/// A newer systemd serves nobody whose control group is not one of its own.
const ENTER: &str = r#"echo "$$" >"$1/payload/init.scope/cgroup.procs"; shift; exec nsenter "$@""#;

/// systemd-nspawn in namespaces and a control group of its own: without the
/// latter, machines at one time would share one.
fn nspawn(cgroup: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-ec", ISOLATE, "sh"]).arg(cgroup);
    command.args(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network"]);
    // Where the host mixes both versions of control groups, the default is the
    // older one, in which systemd does not see when a service is empty.
    command.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    command
}

/// A machine, switched off until [`Machine::boot`].
pub struct Machine {
    folder: PathBuf,
    cgroup: PathBuf,
    _lock: File,
    running: Option<Running>,
}

struct Running {
    process: Child,
    /// Its first process, as the host counts.
    leader: u32,
}

/// Folder of the machines that exist.
fn machines() -> PathBuf {
    folder().join("machines")
}

/// The control group that the tests run in, in the hierarchy of version 2.
fn own_cgroup() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).expect("a cgroup2 hierarchy");
    let mut fields = mount.split(' ').skip(3);
    let (mounted, place) = (fields.next().unwrap(), fields.next().unwrap());
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::")).expect("a group in it");
    let below = own.strip_prefix(mounted).unwrap_or(own).trim_start_matches('/');
    Path::new(place).join(below)
}

/// Removes a control group and those below it, once they are empty.
fn remove_cgroup(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_cgroup(&entry.path());
        }
    }
    let _ = fs::remove_dir(cgroup);
}

/// Removes what killed runs left.
pub fn sweep() {
    for entry in fs::read_dir(machines()).into_iter().flatten().flatten() {
        let lock = entry.path().join("lock");
        if File::open(&lock).is_ok_and(|file| file.try_lock().is_err()) {
            continue;
        }
        remove_cgroup(&own_cgroup().join(entry.file_name()));
        fs::remove_dir_all(entry.path()).expect("remove what is left of a machine");
    }
}

/// Whether this host lets systemd-nspawn run anything in `root`; in most
/// containers it does not.
pub fn probe(root: &Path) -> Result<(), String> {
    let cgroup = own_cgroup().join(format!("lima-autostart-{}-probe", std::process::id()));
    fs::create_dir(&cgroup).map_err(|error| format!("{}: {error}", cgroup.display()))?;
    let ran = run(nspawn(&cgroup).args(["--read-only", "--pipe", "--directory"]).arg(root).arg("/bin/true"));
    remove_cgroup(&cgroup);
    ran
}

/// Waits until `what` is so.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited for this in vain: {what}");
        sleep(Duration::from_millis(50));
    }
}

impl Machine {
    /// A copy of the base. `None` where machines cannot be booted.
    pub fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let base = base()?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lima-autostart-{}-{count}", std::process::id());
        let folder = machines().join(&name);
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let machine = Self { cgroup: own_cgroup().join(&name), folder, _lock: lock, running: None };
        fs::create_dir(&machine.cgroup).unwrap();
        succeed(Command::new("cp").args(["-a", "--reflink=auto"]).arg(base).arg(machine.path("")));
        Some(machine)
    }

    /// A path in the machine, as the host sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join("root").join(path.trim_start_matches('/'))
    }

    /// Writes a file, and the folders around it.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Boots, and waits until systemd says that it is done and nothing failed.
    pub fn boot(&mut self) {
        let console = File::create(self.folder.join("console")).unwrap();
        let process = nspawn(&self.cgroup)
            .args(["--boot", "--console=pipe", "--kill-signal=SIGRTMIN+3", "--directory"])
            .arg(self.path(""))
            .arg(format!("--machine={}", self.folder.file_name().unwrap().display()))
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let leader = find_leader(process.id());
        self.running = Some(Running { process, leader });
        // Until systemd listens, systemctl fails.
        let mut state = String::new();
        wait_until("systemd listens", || {
            let mut command = self.enter();
            let output = command.args(["systemctl", "is-system-running", "--wait"]).output().unwrap();
            state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            !matches!(&*state, "" | "offline" | "unknown")
        });
        assert_eq!(state, "running", "{}", self.root("systemctl --failed; true"));
    }

    /// Powers off as people do, and waits. Returns how long it took.
    pub fn power_off(&mut self) -> Duration {
        let start = Instant::now();
        self.root("systemctl poweroff");
        let mut running = self.running.take().unwrap();
        running.process.wait().unwrap();
        start.elapsed()
    }

    /// Ends everything at once, as a power cut does.
    pub fn cut_power(&mut self) {
        let mut running = self.running.take().expect("the machine is switched on");
        running.process.kill().unwrap();
        running.process.wait().unwrap();
        // The processes are gone a moment later.
        let empty = || !self.cgroup.exists() || fs::remove_dir(&self.cgroup).is_ok();
        wait_until("nothing runs any more", || {
            remove_cgroup(&self.cgroup);
            empty()
        });
        fs::create_dir(&self.cgroup).unwrap();
    }

    /// Powers off and boots.
    pub fn reboot(&mut self) {
        self.power_off();
        self.boot();
    }

    fn enter(&self) -> Command {
        let leader = self.running.as_ref().expect("the machine is switched on").leader;
        let mut command = Command::new("sh");
        command.args(["-ec", ENTER, "sh"]).arg(&self.cgroup).env_clear();
        command.args(["--target", &leader.to_string(), "--all", "--"]);
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// A script of root's in the machine, to be run.
    pub fn root_command(&self, script: &str) -> Command {
        let mut command = self.enter();
        command.env("HOME", "/root").args(["sh", "-euc", script]);
        command
    }

    /// Runs a script as root in the machine. It must succeed; what it says.
    pub fn root(&self, script: &str) -> String {
        succeed(&mut self.root_command(script))
    }

    /// A script of the user's, to be run: where the user manager runs, with
    /// what a login shell has to reach it, but without a login.
    pub fn user_command(&self, script: &str) -> Command {
        let mut command = self.enter();
        command
            .args(["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"])
            .args(["env", "HOME=/home/alice", "USER=alice", "XDG_RUNTIME_DIR=/run/user/1000"])
            .arg("DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus")
            .args(["sh", "-euc", &format!("cd; {script}")]);
        command
    }

    /// Runs a script as the user. It must succeed; what it says.
    pub fn user(&self, script: &str) -> String {
        succeed(&mut self.user_command(script))
    }
}

/// The first process of the machine that `outermost` started: it is the one
/// with a PID namespace more than systemd-nspawn.
fn find_leader(outermost: u32) -> u32 {
    let children = |process: u32| -> Vec<u32> {
        let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
        list.unwrap_or_default().split_whitespace().map(|id| id.parse().unwrap()).collect()
    };
    let ids = |process: u32| -> Vec<u32> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default().to_owned();
        line.split_whitespace().map(|id| id.parse().unwrap()).collect()
    };
    let depth = ids(outermost).len();
    let mut leader = None;
    wait_until("the machine has a first process", || {
        leader = children(outermost)
            .into_iter()
            .flat_map(children)
            .find(|process| matches!(&ids(*process)[..], [outer @ .., 1] if outer.len() == depth + 1));
        leader.is_some()
    });
    leader.unwrap()
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            if std::thread::panicking() {
                let leader = running.leader.to_string();
                let journal =
                    ["journalctl", "--boot", "--no-pager", "--lines=80", "--output=short-monotonic"];
                let output =
                    Command::new("nsenter").args(["--target", &leader, "--all", "--"]).args(journal).output();
                eprintln!(
                    "{}",
                    output.map_or_else(|e| e.to_string(), |o| String::from_utf8_lossy(&o.stdout).into())
                );
            }
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
        // A killed namespace's processes are gone a moment later.
        for _ in 0..100 {
            remove_cgroup(&self.cgroup);
            if !self.cgroup.exists() {
                break;
            }
            sleep(Duration::from_millis(20));
        }
        let removed = fs::remove_dir_all(&self.folder);
        if !std::thread::panicking() {
            removed.expect("remove the machine");
            assert!(!self.cgroup.exists(), "{} is still there", self.cgroup.display());
        }
    }
}
