//! `autostart` on a Mac that is none (tests/stage) and on a Linux that boots
//! (tests/boot): what a person runs, and what is there afterwards.

mod boot;
mod completion;
mod found;
mod mac;
mod packaged;
mod rollback;

use std::fs;
use std::path::Path;

use crate::stage::mac::{ALICE, Mac, STAFF};

/// Where the program lies on the Mac.
const PROGRAM: &str = "/usr/local/bin/xtask";
/// What a shell of alice's has, who is logged in at the screen.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("HOME", "/Users/alice"),
    ("USER", "alice"),
    ("PATH", "/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
    ("STAND_IN_SESSION", "501"),
];
const AGENT_PLIST: &str = "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";
const DAEMON_PLIST: &str = "/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
const AGENT_START: &str = "/Users/alice/Library/Application Support/io.lima-vm/k3s/lima-start";
const DAEMON_START: &str = "/Library/Application Support/io.lima-vm/k3s/lima-start";
const AGENT_RUNS: &str = "gui/501/io.lima-vm.autostart.k3s runs, \
     from /Users/alice/Library/LaunchAgents/io.lima-vm.autostart.k3s.plist";
const DAEMON_RUNS: &str = "system/io.lima-vm.daemon.k3s runs as alice, \
     from /Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";

/// What a run said, and how it ended.
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    /// It must have ended like this, and said these words on standard error.
    #[track_caller]
    fn ends_with(self, status: i32, words: &[&str]) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in\n{}", self.err);
        }
        self
    }

    /// It must not have spoken of this on standard output.
    #[track_caller]
    fn shows_nothing_of(self, words: &str) {
        assert!(!self.out.contains(words), "{words:?} in\n{}", self.out);
    }
}

/// Runs the program as alice.
fn xtask(mac: &Mac, words: &[&str]) -> Said {
    xtask_as(mac, ALICE, words, &[])
}

fn xtask_as(mac: &Mac, uid: u32, words: &[&str], environment: &[(&str, &str)]) -> Said {
    if !mac.path(PROGRAM).exists() {
        let program = Path::new(env!("CARGO_BIN_EXE_xtask"));
        fs::create_dir_all(mac.path("/usr/local/bin")).unwrap();
        // It is large.
        if fs::hard_link(program, mac.path(PROGRAM)).is_err() {
            fs::copy(program, mac.path(PROGRAM)).unwrap();
        }
        mac.put_libraries(program);
    }
    let environment = [&ENVIRONMENT, environment].concat();
    let output = mac.chroot(&format!("{uid}:{STAFF}"), "/Users", &[&[PROGRAM], words].concat(), &environment);
    let complaints = mac.state().complaints;
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.is_empty(), "{complaints:#?}\n{err}");
    Said {
        status: output.status.code().expect("an exit status"),
        out: String::from_utf8(output.stdout).unwrap(),
        err,
    }
}

/// Calls that change something, without the second.
fn changing_calls(mac: &Mac) -> Vec<String> {
    let looks = ["launchctl print ", "id -", "uname ", "dscl ", "sleep ", "date ", "logger "];
    let calls = mac.calls();
    let calls = calls.iter().map(|call| call.split_once(' ').unwrap().1);
    let changes = |call: &&str| !looks.iter().any(|look| call.split_once(' ').unwrap().1.starts_with(look));
    calls.filter(changes).map(str::to_owned).collect()
}
