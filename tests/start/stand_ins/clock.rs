//! The machine's clock, and how its programs wait: init writes the second and
//! wakes whoever is due with SIGUSR1, as soon as nothing on the machine is busy.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{SigSet, Signal};

use crate::state::{NOW, SLEEPERS};

/// The second that it is.
pub fn now() -> u64 {
    let text = fs::read_to_string(Path::new("/").join(NOW)).expect("read the clock");
    text.trim().parse().expect("a second")
}

/// Blocks the signals that [`wait`] waits for. Blocked, they reach it also where
/// a shell had them ignored for a program in the background, as they reach a
/// program in Go that asks for them.
pub fn block(signals: &[Signal]) -> SigSet {
    let set: SigSet = signals.iter().copied().chain([Signal::SIGUSR1]).collect();
    set.thread_block().expect("block signals");
    set
}

/// Waits for one of the signals, or until this second: then it is `None`.
pub fn wait(signals: &SigSet, until: Option<u64>) -> Option<Signal> {
    if let Some(until) = until {
        if until <= now() {
            return None;
        }
        fs::write(file(), until.to_string()).expect("ask to be woken");
    }
    let signal = signals.wait().expect("wait for a signal");
    let _ = fs::remove_file(file());
    (signal != Signal::SIGUSR1).then_some(signal)
}

/// Waits for so many seconds, whatever happens.
pub fn sleep(seconds: u64) {
    let signals = block(&[]);
    let until = now() + seconds;
    while now() < until {
        wait(&signals, Some(until));
    }
}

fn file() -> PathBuf {
    Path::new("/").join(SLEEPERS).join(std::process::id().to_string())
}
