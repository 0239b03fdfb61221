//! A Mac, as far as the scripts can see: a root folder with macOS's places in
//! it, a small userland, and stand-ins for what only a Mac has.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::state::{Account, BUSYBOX_AS, CALLS, FILE, LOG, Phase, State};
use crate::support::succeed;

/// Where macOS has what the scripts call and every Unix has. busybox does it
/// here; that BSD's own do it too is for `tests/on-a-mac.sh` to show.
const TOOLS: [(&str, &[&str]); 3] = [
    (
        "bin",
        &["cat", "chmod", "cp", "echo", "kill", "ln", "ls", "mkdir", "mv", "pwd", "rm", "rmdir", "test", "["],
    ),
    (
        "usr/bin",
        &[
            "cmp", "cut", "env", "false", "grep", "head", "mktemp", "printf", "sed", "tail", "tee", "tr",
            "true", "wc",
        ],
    ),
    ("usr/sbin", &["chown"]),
];
/// Where macOS has what is a stand-in here.
const STAND_INS: [(&str, &[&str]); 4] = [
    ("bin", &["launchctl", "date", "df", "ps", "sleep"]),
    (
        "usr/bin",
        &["defaults", "dscl", "file", "iconv", "id", "install", "logger", "nice", "plutil", "stat", "uname"],
    ),
    ("usr/sbin", &["pkgutil", "sysctl"]),
    ("stand-ins", &["as-user", "mach-o"]),
];
/// Folders that a Mac has, with owner, group and mode.
const FOLDERS: [(&str, u32, u32, u32); 18] = [
    ("/Applications", 0, 80, 0o775),
    ("/Library", 0, 0, 0o755),
    ("/Library/Application Support", 0, 80, 0o755),
    ("/Library/LaunchAgents", 0, 0, 0o755),
    ("/Library/LaunchDaemons", 0, 0, 0o755),
    ("/Library/Logs", 0, 0, 0o755),
    ("/Users", 0, 80, 0o755),
    ("/Volumes", 0, 0, 0o755),
    ("/bin", 0, 0, 0o755),
    ("/dev", 0, 0, 0o755),
    ("/opt", 0, 0, 0o755),
    ("/private/etc", 0, 0, 0o755),
    ("/private/tmp", 0, 0, 0o1777),
    ("/private/var/root", 0, 0, 0o750),
    ("/stand-ins", 0, 0, 0o755),
    ("/usr/bin", 0, 0, 0o755),
    ("/usr/lib", 0, 0, 0o755),
    ("/usr/sbin", 0, 0, 0o755),
];
/// What is this machine's, and what the scripts do not lay down.
const NOT_THE_MACS: [&str; 8] =
    ["/bin", "/dev", "/lib", "/lib64", "/stand-ins", "/usr", "/private/tmp", "/private/var/root"];

pub const ALICE: u32 = 501;
pub const BOB: u32 = 502;
pub const STAFF: u32 = 20;

/// A Mac for one scenario.
pub struct Mac {
    folder: tempfile::TempDir,
    /// Its macOS.
    pub macos: &'static str,
    /// Whether Installer removes files of the version before that the new one
    /// does not have. It says "Will do receipt-based obsoleting for package
    /// identifier" in its log (Installomator/Installomator#2048).
    pub obsoletes: std::cell::Cell<bool>,
    /// Whether Installer does all of a component before it begins with the next.
    /// It does not, and packages need not rely on it.
    pub one_by_one: std::cell::Cell<bool>,
    /// Whether a call fails, of which shells and tools may say something.
    pub tries: std::cell::Cell<bool>,
    /// The files of each installed package.
    pub laid_down: std::cell::RefCell<BTreeMap<String, Vec<String>>>,
    /// What lay there when nothing had been installed.
    before: std::cell::RefCell<BTreeMap<String, Entry>>,
}

/// Something in a file system.
#[derive(Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    uid: u32,
    gid: u32,
    content: Vec<u8>,
}

impl Mac {
    /// A new Mac. alice (501) is logged in there, and has Lima and the instance
    /// k3s; bob (502) has nothing.
    pub fn new(sh: &Path) -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tempfile::Builder::new().prefix("mac-").tempdir_in(scratch).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mac = Self {
            folder,
            macos: "15.5",
            obsoletes: false.into(),
            one_by_one: false.into(),
            tries: false.into(),
            laid_down: Default::default(),
            before: BTreeMap::new().into(),
        };
        for (path, uid, gid, mode) in FOLDERS {
            mac.put_folder(path, uid, gid, mode);
        }
        for name in ["etc", "tmp", "var"] {
            symlink(format!("private/{name}"), mac.path(&format!("/{name}"))).unwrap();
        }
        mac.install_programs(sh);
        let accounts = [("alice", ALICE), ("bob", 502)].map(|(name, uid)| Account {
            name: name.to_owned(),
            uid,
            home: Some(format!("/Users/{name}")),
        });
        State { accounts: accounts.into(), logged_in: [ALICE].into(), ..State::default() }
            .write(mac.folder.path());
        for file in [FILE, CALLS, LOG] {
            let file = mac.path(file);
            fs::OpenOptions::new().append(true).create(true).open(&file).unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
        }
        for (name, uid) in [("alice", ALICE), ("bob", 502)] {
            mac.put_folder(&format!("/Users/{name}"), uid, STAFF, 0o750);
            mac.put_folder(&format!("/Users/{name}/Library"), uid, STAFF, 0o700);
            for folder in ["Application Support", "Logs"] {
                mac.put_folder(&format!("/Users/{name}/Library/{folder}"), uid, STAFF, 0o700);
            }
        }
        mac.put_instance("/Users/alice/.lima/k3s");
        mac.put_limactl("/opt/homebrew/bin/limactl", "arm64");
        mac.remember();
        mac
    }

    /// A path of the Mac, here.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// The shell, the tools and the stand-ins, with the libraries they load.
    fn install_programs(&self, sh: &Path) {
        let busybox = crate::support::tool("busybox").expect("looked for before");
        let stand_ins = Path::new(env!("CARGO_BIN_EXE_stand-ins"));
        for (program, to) in
            [(sh, "/bin/sh"), (&busybox, "/stand-ins/busybox"), (stand_ins, "/stand-ins/programs")]
        {
            let to = self.path(to);
            // The stand-ins are the tests' own file and on the same disk.
            if program != stand_ins || fs::hard_link(program, &to).is_err() {
                fs::copy(program, to).unwrap();
            }
            self.put_libraries(program);
        }
        for (list, program) in [(&TOOLS[..], "busybox"), (&STAND_INS[..], "programs")] {
            for (folder, names) in list {
                for name in *names {
                    let to = self.path(folder).join(name);
                    symlink(format!("/stand-ins/{program}"), to).unwrap();
                }
            }
        }
        // Its users get root's rights by it.
        fs::copy(stand_ins, self.path("/usr/bin/sudo")).unwrap();
        set_owner_and_mode(&self.path("/usr/bin/sudo"), 0, 0, 0o4755);
        let null = self.path("/dev/null");
        succeed(Command::new("sh").args(["-c", NULL, "sh"]).arg(null));
    }

    /// From now on its tools are stand-ins, too, whose calls are counted and can
    /// fail.
    pub fn let_calls_fail(&self) {
        for name in BUSYBOX_AS {
            let folders = ["/bin", "/usr/bin"].map(|folder| self.path(folder).join(name));
            let tool = folders.into_iter().find(|tool| tool.symlink_metadata().is_ok());
            let tool = tool.expect("a tool");
            fs::remove_file(&tool).unwrap();
            symlink("/stand-ins/programs", tool).unwrap();
        }
    }

    /// What a program of this machine's loads.
    pub fn put_libraries(&self, program: &Path) {
        for library in libraries(program) {
            let to = self.path(&library);
            if !to.exists() {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(&library, to).unwrap();
            }
        }
    }

    /// Lays down a folder, with those above it.
    pub fn put_folder(&self, path: &str, uid: u32, gid: u32, mode: u32) {
        let path = self.path(path);
        fs::create_dir_all(&path).unwrap();
        set_owner_and_mode(&path, uid, gid, mode);
    }

    /// Lays down a file in place of an older one. Folders above it that are
    /// missing get its owner.
    pub fn put(&self, path: &str, uid: u32, gid: u32, mode: u32, bytes: &[u8]) {
        let (folder, _) = path.rsplit_once('/').unwrap();
        let mut missing = Vec::new();
        let mut next = folder;
        while !next.is_empty() && !self.path(next).exists() {
            missing.push(next);
            next = next.rsplit_once('/').unwrap().0;
        }
        for folder in missing.into_iter().rev() {
            self.put_folder(folder, uid, gid, 0o755);
        }
        let path = self.path(path);
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).unwrap();
        }
        fs::write(&path, bytes).unwrap();
        set_owner_and_mode(&path, uid, gid, mode);
    }

    /// An instance of Lima's, of alice's.
    pub fn put_instance(&self, folder: &str) {
        self.put_instance_of(ALICE, folder);
    }

    /// An instance of that user's.
    pub fn put_instance_of(&self, uid: u32, folder: &str) {
        self.put(&format!("{folder}/lima.yaml"), uid, STAFF, 0o644, b"# an instance\n");
    }

    /// limactl, for these processors, as Homebrew has it: of the user's who
    /// installed it.
    pub fn put_limactl(&self, path: &str, architectures: &str) {
        self.put(path, ALICE, 80, 0o755, format!("#!/stand-ins/mach-o {architectures}\n").as_bytes());
    }

    /// A link that alice planted.
    pub fn plant(&self, link: &str, to: &str) {
        self.plant_as(ALICE, link, to);
    }

    /// A link that a user planted.
    pub fn plant_as(&self, uid: u32, link: &str, to: &str) {
        symlink(to, self.path(link)).unwrap();
        std::os::unix::fs::lchown(self.path(link), Some(uid), Some(STAFF)).unwrap();
    }

    /// What launchd, the directory service and the receipts know.
    pub fn state(&self) -> State {
        State::read(self.folder.path())
    }

    /// Every call of a stand-in.
    pub fn calls(&self) -> Vec<String> {
        self.lines(CALLS)
    }

    /// What `logger` was given.
    pub fn logged(&self) -> Vec<String> {
        self.lines(LOG)
    }

    fn lines(&self, file: &str) -> Vec<String> {
        fs::read_to_string(self.path(file)).unwrap().lines().map(str::to_owned).collect()
    }

    /// Changes what they know, or what goes wrong.
    pub fn set(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.write(self.folder.path());
    }

    /// The Mac as it is now is what later changes are told from.
    pub fn remember(&self) {
        *self.before.borrow_mut() = self.entries();
    }

    fn entries(&self) -> BTreeMap<String, Entry> {
        let mut entries = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = format!("/{}", path.strip_prefix(self.folder.path()).unwrap().display());
                if NOT_THE_MACS.contains(&name.as_str()) {
                    continue;
                }
                let metadata = path.symlink_metadata().unwrap();
                let content = if metadata.is_dir() {
                    folders.push(path);
                    Vec::new()
                } else if metadata.is_symlink() {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                } else {
                    fs::read(&path).unwrap()
                };
                let (mode, uid, gid) = (metadata.mode(), metadata.uid(), metadata.gid());
                entries.insert(name, Entry { mode, uid, gid, content });
            }
        }
        entries
    }

    /// What is not as it was: `+` new, `~` changed, `-` gone; with mode and owner.
    pub fn changes(&self) -> Vec<String> {
        let before = self.before.borrow();
        let now = self.entries();
        let mut changes: Vec<(&String, String)> = Vec::new();
        for (path, entry) in &now {
            match before.get(path) {
                Some(old) if old == entry => {}
                old => {
                    let sign = if old.is_some() { '~' } else { '+' };
                    changes.push((path, format!("{sign} {} {path}", entry.words())));
                }
            }
        }
        let gone = before.keys().filter(|path| !now.contains_key(*path));
        changes.extend(gone.map(|path| (path, format!("- {path}"))));
        changes.sort();
        changes.into_iter().map(|(_, line)| line).collect()
    }

    /// What launchd has: each job, what it does and from which file; then what
    /// is disabled.
    pub fn jobs(&self) -> Vec<String> {
        let state = self.state();
        let job = |(target, job): (&String, &super::state::Job)| {
            let does = match job.phase {
                Phase::Waiting => "does not run".to_owned(),
                Phase::Running(_) => "runs".to_owned(),
                Phase::Ending { .. } => "is ending".to_owned(),
                Phase::Scheduled(_) => "is to be started again".to_owned(),
                Phase::Draining { .. } => "is shutting down".to_owned(),
            };
            let user = job.user.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
            format!("{target} {does}{user}, from {}", job.path)
        };
        let disabled = state.disabled.iter().map(|target| format!("{target} is disabled"));
        state.jobs.iter().map(job).chain(disabled).collect()
    }

    /// Receipts: identifier and version.
    pub fn receipts(&self) -> Vec<String> {
        self.state().receipts.iter().map(|(id, version)| format!("{id} {version}")).collect()
    }
}

/// Makes /dev/null; in a user namespace, where that is not allowed, from the
/// machine's own.
const NULL: &str =
    r#"mknod -m 666 "$1" c 1 3 2>/dev/null && : >"$1" || { : >"$1"; mount --bind /dev/null "$1"; }"#;

impl Drop for Mac {
    fn drop(&mut self) {
        let null = self.path("/dev/null");
        let _ = Command::new("umount").arg(null).stderr(std::process::Stdio::null()).status();
    }
}

impl Entry {
    /// As `ls -l` says it.
    fn words(&self) -> String {
        let kind = match self.mode & 0o170_000 {
            0o040_000 => 'd',
            0o120_000 => 'l',
            _ => '-',
        };
        let bit = |at: u32, letter: char| if self.mode & (1 << at) == 0 { '-' } else { letter };
        let bits: String = (0..9).rev().map(|at| bit(at, ['x', 'w', 'r'][at as usize % 3])).collect();
        let user = match self.uid {
            0 => "root",
            ALICE => "alice",
            502 => "bob",
            _ => "nobody-known",
        };
        let group = match self.gid {
            0 => "wheel",
            20 => "staff",
            80 => "admin",
            _ => "nobody-known",
        };
        format!("{kind}{bits} {user}:{group}")
    }
}

pub fn set_owner_and_mode(path: &Path, uid: u32, gid: u32, mode: u32) {
    chown(path, Some(uid), Some(gid)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777)).unwrap();
}

/// The libraries that a program loads, with the one that loads them.
pub fn libraries(program: &Path) -> Vec<String> {
    static KNOWN: Mutex<BTreeMap<PathBuf, Vec<String>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let ask = || {
        let output = Command::new("ldd").arg(program).output().expect("run ldd");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
        paths.map(|path| path.trim_end_matches(':').to_owned()).collect()
    };
    known.entry(program.to_owned()).or_insert_with(ask).clone()
}
