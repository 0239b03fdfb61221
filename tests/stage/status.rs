//! `status.sh`, in every state that a VM and its job can be in. Whose it is, and what a
//! user may put in its way, is in `status_people`.

use std::fs;

use serde_json::{Value, json};
use xtask::macos::launchd;
use xtask::settings::{Condition, Instance};

use super::installer::spec;
use super::mac::{ALICE, Mac, STAFF};
use super::state::{Phase, Process};
use super::{on_a_mac, on_macs};
use crate::render::{plain, with_template};

const TARGET: &str = "system/io.lima-vm.daemon.k3s";
pub const LOG: &str = "/Library/Logs/io.lima-vm/k3s/lima-start.log";
pub const INSTANCE: &str = "/Users/alice/.lima/k3s";
const LIMACTL: &str = "/opt/homebrew/bin/limactl";

/// What it said, and how it ended.
pub struct Status {
    pub code: i32,
    pub said: Value,
}

impl Status {
    /// It must say this: keys with their values.
    #[track_caller]
    pub fn is(&self, code: i32, expected: Value) -> &Self {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&self.said[key], value, "{key} in {:#}", self.said);
        }
        assert_eq!(self.code, code, "{:#}", self.said);
        assert_eq!(self.said["running"], json!(code == 0));
        self
    }

    /// What is wrong must be said in these words.
    #[track_caller]
    pub fn because(&self, words: &str) {
        let problem = self.said["problem"].as_str().unwrap_or_default();
        assert!(problem.contains(words), "{words:?} in {:#}", self.said);
    }
}

impl Mac {
    /// Runs the instance's `status.sh` as this user, and looks that it changes nothing.
    #[track_caller]
    pub fn status_as(&self, uid: u32, instance: &Instance) -> Status {
        let before = (self.jobs(), self.changes());
        let script = launchd::status_path(&spec(instance), instance);
        let environment = [("HOME", "/var/root"), ("PATH", "/usr/local/bin"), ("LANG", "de_DE.UTF-8")];
        let output = self.chroot(&format!("{uid}:20"), "/", &[&script], &environment);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.is_empty(), "{errors}");
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(text.ends_with('\n'), "{text}");
        let said = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let complaints = self.state().complaints;
        assert!(complaints.is_empty(), "{complaints:#?}");
        assert_eq!((self.jobs(), self.changes()), before);
        assert_eq!(fs::read_dir(self.path("/private/tmp")).unwrap().count(), 0, "something is left in /tmp");
        Status { code: output.status.code().unwrap(), said }
    }

    #[track_caller]
    pub fn status(&self, instance: &Instance) -> Status {
        self.status_as(0, instance)
    }

    /// A process of alice's VM, of which a pid file of the instance's tells.
    pub fn put_process(&self, pid: u32, files: &[&str], command: &str) {
        self.set(|state| {
            state.of_vms.push(Process {
                pid,
                uid: ALICE,
                started: "Fri May  1 06:07:08 2026".to_owned(),
                command: command.to_owned(),
            });
        });
        for file in files {
            self.put_pid_file(file, pid);
        }
    }

    fn put_pid_file(&self, name: &str, pid: u32) {
        let text = format!("{pid}\n");
        self.put(&format!("{INSTANCE}/{name}"), ALICE, STAFF, 0o644, text.as_bytes());
    }

    /// The host agent of alice's VM.
    pub fn put_host_agent(&self, files: &[&str]) {
        let dir = INSTANCE;
        self.put_process(
            4711,
            files,
            &format!("{LIMACTL} hostagent --pidfile {dir}/ha.pid --socket {dir}/ha.sock k3s"),
        );
    }

    /// The VM runs, and limactl says so.
    pub fn put_vm(&self) {
        self.put_host_agent(&["ha.pid", "vz.pid"]);
        self.set(|state| state.faults.limactl_says = Some("Running".to_owned()));
    }

    /// In a script on this Mac, a time limit is shorter.
    fn shorten(&self, script: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(script)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        self.put(script, 0, 0, 0o755, text.replace(from, to).as_bytes());
        self.remember();
    }

    pub fn log(&self, text: &str) {
        self.put(LOG, ALICE, STAFF, 0o644, text.as_bytes());
    }

    /// launchd has this of the job.
    pub fn set_job(&self, phase: Phase, last_exit: Option<i32>, runs: u32) {
        self.set(|state| {
            let job = state.jobs.get_mut(TARGET).expect("the job");
            (job.phase, job.last_exit, job.runs) = (phase, last_exit, runs);
        });
    }
}

/// A Mac on which the package was installed.
pub fn installed(mac: &Mac, instance: &Instance) {
    mac.install(instance).ends_with(0, &[]);
    mac.remember();
}

#[test]
fn a_vm_that_runs() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        mac.put_vm();
        mac.log("2026-05-01T08:07:07+0200 lima-start: Starting the instance: limactl start\nlimactl: more\n");
        mac.remember();
        let expected = json!({
            "instance": "k3s", "version": "1.2", "condition": "boot", "user": "alice",
            "label": "io.lima-vm.daemon.k3s", "state": "running", "running": true,
            "since": "2026-05-01T06:07:08Z", "vm_pid": 4711,
            "lima_status": "Running", "lima_status_from": "limactl",
            "loaded": true, "disabled": false, "pid": 4001, "runs": 1, "last_exit": null, "stale": false,
            "message": "Starting the instance: limactl start", "message_time": "2026-05-01T08:07:07+0200",
            "problem": null, "boot_id": "5A0C7E1B-0F6D-4B57-9C2E-8F0C5B6B1E11",
        });
        for user in [0, ALICE] {
            let status = mac.status_as(user, &instance);
            assert_eq!(status.said, expected);
            assert_eq!(status.code, 0);
        }
    });
}

#[test]
fn a_job_that_is_not_loaded_or_disabled() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        let job = mac.state().jobs[TARGET].clone();
        mac.set(|state| state.jobs.clear());
        mac.status(&instance).is(1, json!({"state": "not-loaded", "loaded": false, "pid": null}));
        for older in [false, true] {
            mac.set(|state| {
                state.faults.says_true_for_disabled = older;
                state.disabled.insert(TARGET.to_owned());
            });
            mac.status_as(ALICE, &instance)
                .is(1, json!({"state": "disabled", "loaded": false, "disabled": true}));
        }
        // Disabled while it was loaded, it goes on until the next boot.
        mac.set(|state| {
            state.jobs.insert(TARGET.to_owned(), job.clone());
        });
        mac.put_vm();
        mac.remember();
        mac.status(&instance).is(0, json!({"state": "running", "loaded": true, "disabled": true}));
    });
}

#[test]
fn a_job_without_a_process() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        let cases = [
            (Phase::Waiting, None, "not-started", json!(null)),
            (Phase::Waiting, Some(0), "stopped", json!(0)),
            (Phase::Waiting, Some(78), "failing", json!(78)),
            // It crashes again and again.
            (Phase::Scheduled(u64::MAX), Some(77), "failing", json!(77)),
        ];
        for (phase, exit, state, last_exit) in cases {
            mac.set_job(phase, exit, 12);
            let expected = json!({
                "state": state, "last_exit": last_exit, "runs": 12, "pid": null, "loaded": true,
                "lima_status": "Stopped", "lima_status_from": "files", "since": null,
            });
            mac.status(&instance).is(1, expected);
        }
    });
}

#[test]
fn a_vm_that_is_down_behind_a_job_that_runs() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        let calls = mac.calls().len();
        let words = "The VM was stopped by a person (limactl stop). It stays stopped.";
        mac.log(&format!("2026-05-01T08:00:00+0200 lima-start: {words}\n"));
        mac.remember();
        mac.status(&instance)
            .is(1, json!({"state": "waiting", "pid": 4001, "stale": false, "message": words}));
        // After a power cut, the numbers are other programs'.
        for file in ["ha.pid", "vz.pid"] {
            mac.put_pid_file(file, 93);
        }
        mac.set(|state| {
            let (uid, command) = (ALICE, "/usr/libexec/UserEventAgent (Aqua)".to_owned());
            state.of_vms.push(Process { pid: 93, uid, command, ..Process::default() });
        });
        mac.remember();
        let expected = json!({"state": "waiting", "stale": true, "lima_status": "Stopped", "vm_pid": null});
        mac.status(&instance).is(1, expected.clone());
        // Another user's, and the host agent of another instance.
        mac.set(|state| {
            state.of_vms[0].uid = 0;
            state.of_vms[0].command = format!("{LIMACTL} hostagent --pidfile {INSTANCE}/ha.pid k3s");
        });
        mac.status(&instance).is(1, expected.clone());
        mac.set(|state| {
            state.of_vms[0].uid = ALICE;
            state.of_vms[0].command = format!(
                "{LIMACTL} hostagent --pidfile {INSTANCE}-2/ha.pid --socket {INSTANCE}-2/ha.sock k3s-2"
            );
        });
        mac.status(&instance).is(1, expected);
        // limactl was not needed for any of it.
        assert!(!mac.calls()[calls..].iter().any(|call| call.contains(" mach-o ")));
    });
}

#[test]
fn a_vm_that_is_starting_or_broken() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        mac.put_host_agent(&["ha.pid"]);
        mac.set(|state| state.faults.limactl_says = Some("Broken".to_owned()));
        mac.remember();
        let starting = json!({
            "state": "starting", "lima_status": "Broken", "vm_pid": 4711, "since": "2026-05-01T06:07:08Z",
        });
        mac.status(&instance).is(1, starting);
        mac.put_pid_file("vz.pid", 4711);
        mac.remember();
        mac.status(&instance)
            .is(1, json!({"state": "broken", "lima_status": "Broken", "lima_status_from": "limactl"}))
            .because("does not answer limactl");
        // QEMU outlives its host agent.
        fs::remove_file(mac.path(&format!("{INSTANCE}/vz.pid"))).unwrap();
        mac.set(|state| state.of_vms.clear());
        mac.put_process(
            4800,
            &["qemu.pid"],
            &format!("/opt/homebrew/bin/qemu-system-aarch64 -pidfile {INSTANCE}/qemu.pid -m 4096"),
        );
        mac.remember();
        mac.status(&instance)
            .is(1, json!({"state": "broken", "lima_status": "Broken", "lima_status_from": "files", "stale": true}))
            .because("the VM's driver runs without its host agent");
    });
}

#[test]
fn limactl_that_hangs_or_is_gone() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        mac.put_vm();
        mac.set(|state| state.faults.limactl_hangs_until = u64::MAX);
        mac.shorten(&launchd::start_path(&spec(&instance), &instance), "VM_ASK_LIMIT=50", "VM_ASK_LIMIT=10");
        let begun = std::time::Instant::now();
        mac.status(&instance)
            .is(0, json!({"state": "running", "lima_status": "Running", "lima_status_from": "files"}))
            .because("limactl list does not answer in 1 seconds");
        assert!(begun.elapsed().as_secs() < 30);
        fs::remove_file(mac.path(LIMACTL)).unwrap();
        mac.remember();
        mac.status(&instance)
            .is(0, json!({"state": "running", "lima_status_from": "files"}))
            .because("there is no program /opt/homebrew/bin/limactl");
        // Without a VM it is not asked; that it is not there is said all the same.
        mac.set(|state| state.of_vms.clear());
        mac.status(&instance).is(1, json!({"state": "waiting"})).because("there is no program");
    });
}

/// As one on a server that is gone.
#[test]
fn a_home_folder_that_hangs() {
    on_macs(&["bash"], |mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        mac.put_vm();
        mac.set(|state| state.faults.ps_hangs = true);
        let script = launchd::status_path(&spec(&instance), &instance);
        mac.shorten(&script, "STATUS_LIMIT=150", "STATUS_LIMIT=30");
        let begun = std::time::Instant::now();
        let output = mac.chroot("0:0", "/", &[&script], &[]);
        assert!(begun.elapsed().as_secs() < 50);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.is_empty(), "{errors}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        Status { code: output.status.code().unwrap(), said }
            .is(1, json!({"state": "unknown", "lima_status": null, "pid": 4001}))
            .because("the folder of the instance does not answer in 3 seconds");
    });
}

#[test]
fn an_instance_that_was_deleted() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        fs::remove_dir_all(mac.path(INSTANCE)).unwrap();
        mac.remember();
        mac.status(&instance)
            .is(1, json!({"state": "waiting", "lima_status": "Stopped"}))
            .because("there is no Lima instance in /Users/alice/.lima/k3s");
        // One that is made when it is missing is not missed.
        let instance = with_template(instance);
        installed(mac, &instance);
        mac.status(&instance).is(1, json!({"state": "waiting", "problem": null}));
        assert!(!mac.path(INSTANCE).exists());
    });
}
