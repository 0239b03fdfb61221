//! What can be seen of a machine: its processes, whether the VM runs, what
//! `lima-start` said.

use std::fs;

use super::machine::{ERRORS, LOG, Machine};
use super::state::{CALLS, COMPLAINTS, LOGGED, NOW};

impl Machine {
    /// The one process with these words in its command line.
    pub fn process_of(&self, words: &str) -> i32 {
        let lines: Vec<String> = self.processes().into_iter().filter(|line| line.contains(words)).collect();
        assert_eq!(lines.len(), 1, "{words}: {lines:?}\n{}", self.story());
        lines[0].split(' ').next().unwrap().parse().unwrap()
    }

    /// Whether `limactl list` would say `Running`: the driver has its disk.
    pub fn runs(&self) -> bool {
        let Ok(disk) = fs::File::open(self.of_instance("diffdisk")) else { return false };
        matches!(disk.try_lock(), Err(fs::TryLockError::WouldBlock))
    }

    /// Whether limactl is done with its start.
    pub fn runs_well(&self) -> bool {
        self.runs() && self.of_instance("ha.pid").exists()
    }

    pub fn until_it_runs(&self, seconds: u64) {
        self.until("the VM runs", seconds, || self.runs());
    }

    /// The process in a file of the instance.
    pub fn pid_in(&self, name: &str) -> i32 {
        let file = self.of_instance(name);
        let text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.story()));
        text.trim().parse().unwrap()
    }

    /// Whether a process is there.
    pub fn lives(&self, pid: i32) -> bool {
        self.processes().iter().any(|line| line.starts_with(&format!("{pid} ")))
    }

    pub fn parent_of(&self, pid: i32) -> i32 {
        let lines = self.processes();
        let line = lines.iter().find(|line| line.starts_with(&format!("{pid} "))).expect("it lives");
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Every process: its id, its parent's, its user, its command line.
    pub fn processes(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for process in fs::read_dir(self.inside("/stand-ins/proc")).unwrap().flatten() {
            let Ok(status) = fs::read_to_string(process.path().join("status")) else { continue };
            let field = |name: &str| {
                let rest = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                rest.split_whitespace().next().unwrap().to_owned()
            };
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            if field("State:") != "Z" && field("Pid:") != "1" {
                let line = String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ");
                lines.push(format!("{} {} {} {line}", field("Pid:"), field("PPid:"), field("Uid:")));
            }
        }
        lines
    }

    /// Those that belong to Lima.
    pub fn processes_of_lima(&self) -> Vec<String> {
        let lines = self.processes().into_iter();
        lines
            .filter(|line| ["limactl", "qemu-system", "lima-start"].iter().any(|name| line.contains(name)))
            .collect()
    }

    /// What lima-start said: the second, and the line.
    pub fn said(&self) -> Vec<(u64, String)> {
        let text = fs::read_to_string(self.path(LOG)).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(" lima-start: "));
        lines.map(|(at, line)| (at.parse().unwrap(), line.to_owned())).collect()
    }

    /// What it gave to `logger`.
    pub fn logged(&self) -> Vec<String> {
        fs::read_to_string(self.path(LOGGED)).unwrap().lines().map(str::to_owned).collect()
    }

    /// How often it said something with these words.
    pub fn times_said(&self, words: &str) -> usize {
        self.said().iter().filter(|(_, line)| line.contains(words)).count()
    }

    /// It said this, once.
    pub fn has_said(&self, words: &str) {
        assert_eq!(self.times_said(words), 1, "{words:?} once\n{}", self.story());
    }

    /// Each call of limactl with this verb: the second.
    pub fn calls(&self, verb: &str) -> Vec<u64> {
        let text = fs::read_to_string(self.path(CALLS)).unwrap();
        let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        words.filter(|words| words[1] == verb).map(|words| words[0].parse().unwrap()).collect()
    }

    /// All that can be told of it, for who looks why a scenario failed.
    pub fn story(&self) -> String {
        let read = |path: &str| fs::read_to_string(self.path(path)).unwrap_or_default();
        let folder = |path: &str| {
            let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        format!(
            "second {}\nlog:\n{}\nlogger:\n{}\nstandard error:\n{}\ncalls:\n{}\nprocesses: {:#?}\nha.stderr.log:\n{}\n\
             instance: {:?}\nhome: {:?}",
            read(NOW),
            read(LOG),
            read(LOGGED),
            read(ERRORS),
            read(CALLS),
            self.processes(),
            read(&self.instance_path("ha.stderr.log")),
            folder(&self.instance_path("")),
            folder(&self.home.borrow()),
        )
    }

    /// Nothing happened that must not.
    pub fn has_no_complaints(&self) {
        let complaints = fs::read_to_string(self.path(COMPLAINTS)).unwrap();
        assert_eq!(complaints, "", "{}", self.story());
        assert_eq!(fs::read_to_string(self.path(ERRORS)).unwrap_or_default(), "", "{}", self.story());
    }
}
