//! The boots of a machine, and what is done on it: process 1 gets an order a
//! line (`stand_ins/init.rs`).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::machine::{ALICE, BOB, ERRORS, EXIT_TIMEOUT, LIMA_START, Machine};
use super::state::{BOOT_ID, NOW, SLEEPERS};

pub struct Boot {
    program: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Machine {
    /// A path of the machine, here, as its processes see it.
    pub fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init()))
    }

    /// Process 1, as it is called here.
    fn init(&self) -> u32 {
        let boot = self.boot.borrow();
        let unshare = boot.as_ref().expect("it is on").program.id();
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap();
        children.trim().parse().unwrap()
    }

    /// Switches it on, as another boot. What ran is gone without a word.
    pub fn boot(&self) {
        self.cut_power();
        *self.boots.borrow_mut() += 1;
        let boots = *self.boots.borrow();
        fs::write(self.path(BOOT_ID), format!("00000000-0000-4000-8000-{boots:012}\n")).unwrap();
        for sleeper in fs::read_dir(self.path(SLEEPERS)).unwrap() {
            fs::remove_file(sleeper.unwrap().path()).unwrap();
        }
        // A program that was put in another's place keeps its name.
        let init = self.path("/stand-ins/init");
        let _ = fs::remove_file(&init);
        fs::hard_link(self.path("/stand-ins/programs"), &init).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount", "--kill-child", "sh", "-c", MOUNT, "sh"]);
        command.arg(self.folder.path()).arg(if self.on_mac { "mac" } else { "linux" });
        let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = program.stdin.take();
        let answers = BufReader::new(program.stdout.take().unwrap());
        self.ended.borrow_mut().clear();
        *self.boot.borrow_mut() = Some(Boot { program, orders, answers });
        // The first processes are the system's.
        for _ in 0..3 {
            self.spawn(&["/bin/sh", "-c", "sleep 1000000; :"], 0);
        }
        self.settle();
    }

    /// The same where alice's home is on a disk of 256 KiB that has only her
    /// instance.
    pub fn boot_with_small_disk(&self) {
        fs::write(self.path("/stand-ins/small-disk"), "").unwrap();
        self.boot();
        let folder = self.inside("/Users/alice/.lima/k3s");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("lima.yaml"), "vmType: vz\n").unwrap();
        self.run_here_with("chown", &["-R", "501:501"], &self.inside("/Users/alice"));
    }

    /// Ends all processes at once.
    pub fn cut_power(&self) {
        if let Some(mut boot) = self.boot.borrow_mut().take() {
            drop(boot.orders.take());
            boot.program.wait().unwrap();
        }
    }

    fn order(&self, order: &Value) -> Value {
        let mut line = String::new();
        {
            let mut boot = self.boot.borrow_mut();
            let boot = boot.as_mut().expect("it is on");
            writeln!(boot.orders.as_mut().unwrap(), "{order}").unwrap();
            boot.answers.read_line(&mut line).unwrap();
        }
        let answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{order}: {line:?}: {error}"));
        if let Some(problem) = answer["problem"].as_str() {
            panic!("{order}: {problem}\n{}", self.story());
        }
        for pair in answer["ended"].as_array().unwrap() {
            let number = |at: usize| i32::try_from(pair[at].as_i64().unwrap()).unwrap();
            self.ended.borrow_mut().insert(number(0), number(1));
        }
        answer
    }

    /// Starts a program as a user.
    pub fn spawn(&self, arguments: &[&str], uid: u32) -> i32 {
        let home = if uid == BOB { "/Users/bob" } else { "/Users/alice" };
        let mut environment = json!({
            "HOME": home, "USER": "alice", "LOGNAME": "alice", "PATH": "/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        });
        if *self.home.borrow() != "/Users/alice/.lima" && arguments[0] != LIMA_START {
            environment["LIMA_HOME"] = json!(*self.home.borrow());
        }
        // What others say to it is not looked at.
        let errors =
            if arguments.iter().any(|word| word.contains(LIMA_START)) { ERRORS } else { "/stand-ins/others" };
        let answer = self.order(&json!({
            "spawn": {"arguments": arguments, "environment": environment, "uid": uid, "errors": errors},
        }));
        i32::try_from(answer["pid"].as_i64().unwrap()).unwrap()
    }

    /// Lets all come to rest, without any time passing.
    pub fn settle(&self) {
        self.order(&json!("settle"));
    }

    pub fn now(&self) -> u64 {
        fs::read_to_string(self.path(NOW)).unwrap().parse().unwrap()
    }

    /// Lets this many seconds pass.
    pub fn pass(&self, seconds: u64) {
        let until = self.now() + seconds;
        while self.order(&json!({"step": {"until": until}}))["woken"] == true {}
    }

    /// Lets time pass, up to so many seconds, until something is so.
    pub fn until(&self, what: &str, seconds: u64, is_so: impl Fn() -> bool) {
        let until = self.now() + seconds;
        self.settle();
        while !is_so() {
            let woken = self.order(&json!({"step": {"until": until}}))["woken"] == true;
            assert!(woken || is_so(), "{what}: not within {seconds} seconds\n{}", self.story());
        }
    }

    /// Runs lima-start as launchd does, with a verb or without. Its process.
    pub fn start(&self) -> i32 {
        self.start_with(&[])
    }

    pub fn start_with(&self, verb: &[&str]) -> i32 {
        let arguments = self.arguments(verb);
        let pid = self.spawn(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), ALICE);
        self.settle();
        pid
    }

    pub fn arguments(&self, verb: &[&str]) -> Vec<String> {
        let (home, name) = (self.home.borrow(), self.name.borrow());
        let mut words = vec![LIMA_START.to_owned()];
        words.extend(verb.iter().map(|&word| word.to_owned()));
        words.push(format!("--instance={name}"));
        words.push(format!("--keep-alive={}", self.keep_alive.borrow()));
        words.push(format!("--exit-timeout={EXIT_TIMEOUT}"));
        if *home != "/Users/alice/.lima" {
            words.push(format!("--lima-home={home}"));
        }
        words.extend(self.options.borrow().iter().cloned());
        words.push("--log=Library/Logs/lima-start.log".to_owned());
        words.extend([&*self.limactl.borrow(), "start", &*name, "--foreground"].map(str::to_owned));
        words
    }

    /// limactl, called by alice, until it has ended. Its exit status.
    pub fn limactl(&self, words: &[&str]) -> i32 {
        let limactl = self.limactl.borrow().clone();
        let arguments: Vec<&str> = [limactl.as_str()].into_iter().chain(words.iter().copied()).collect();
        let pid = self.spawn(&arguments, ALICE);
        self.until("limactl ends", 400, || self.status(pid).is_some());
        self.status(pid).unwrap()
    }

    pub fn send(&self, pid: i32, signal: i32) {
        self.order(&json!({"kill": {"pid": pid, "signal": signal}}));
        self.settle();
    }

    /// How a process that was started here has ended.
    pub fn status(&self, pid: i32) -> Option<i32> {
        self.ended.borrow().get(&pid).copied()
    }

    /// Lets it end as launchd does. It ends in time, well, and leaves nothing.
    pub fn stop(&self, pid: i32) {
        self.send(pid, 15);
        self.ends_well(pid);
    }

    pub fn ends_well(&self, pid: i32) {
        self.until("lima-start ends", EXIT_TIMEOUT - 1, || self.status(pid).is_some());
        assert_eq!(self.status(pid), Some(0), "{}", self.story());
        assert_eq!(self.processes_of_lima(), Vec::<String>::new(), "{}", self.story());
    }

    /// The same where others of Lima's processes are to stay; these are among them.
    pub fn stop_and_leave(&self, pid: i32, others: &[i32]) {
        self.send(pid, 15);
        self.until("lima-start ends", EXIT_TIMEOUT - 1, || self.status(pid).is_some());
        assert_eq!(self.status(pid), Some(0), "{}", self.story());
        assert!(!self.runs() && others.iter().all(|other| self.lives(*other)), "{}", self.story());
    }
}

/// What init gets around it: its root folder is `$1`.
const MOUNT: &str = r#"set -e
mount --make-rprivate /
mount -t proc proc "$1/stand-ins/proc"
for device in null zero; do
	mount --bind "/dev/$device" "$1/dev/$device"
done
if [ -e "$1/stand-ins/small-disk" ]; then
	mount -t tmpfs -o size=256k tmpfs "$1/Users/alice"
fi
if [ "$2" = linux ]; then
	mount -t proc proc "$1/proc"
	mount --bind "$1/stand-ins/boot-id" "$1/proc/sys/kernel/random/boot_id"
fi
exec "$1/stand-ins/init" "$1""#;

impl Drop for Machine {
    fn drop(&mut self) {
        self.cut_power();
    }
}
