//! An instance in a machine, installed by the commands that docs/linux.md
//! tells people to type.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::machine::{Machine, wait_until};
use crate::readme::blocks_of;
use crate::support::{Xtask, root, succeed};

/// The instance and the user of the guide's commands.
pub const INSTANCE: &str = "k3s";
/// Settings for them, with everything else as it is by default.
pub const PLAIN: &str = "[[instance]]\nname = 'k3s'\nuser = 'alice'\n";
/// The same, to be started by a login.
pub const AT_LOGIN: &str = "[[instance]]\nname = 'k3s'\nuser = 'alice'\ncondition = 'login'\n";

/// What an instance does when it is started and stopped, and where from.
pub struct Installed {
    /// Where it is installed.
    pub machine: Machine,
    name: String,
}

/// The command that starts at boot what the guide's first block installs.
const LINGER: &str = "loginctl enable-linger alice\n";

/// The commands of docs/linux.md, in order.
fn guide() -> [String; 4] {
    let blocks = ["Installing", "Removing"].map(|heading| blocks_of("docs/linux.md", heading, "sh"));
    blocks.concat().try_into().expect("install, tmpfiles.d, remove, remove the last")
}

/// Installs and starts the instance as the guide says.
pub fn install(machine: &Machine) {
    install_named(machine, INSTANCE);
}

/// The same for one with another name.
pub fn install_named(machine: &Machine, name: &str) {
    machine.root(&format!("cd\n{}", guide()[0].replace(INSTANCE, name)));
}

/// The same for one that waits for a login.
pub fn install_without_lingering(machine: &Machine) {
    let [commands, ..] = guide();
    assert!(commands.contains(LINGER), "{commands}");
    machine.root(&format!("cd\n{}", commands.replace(LINGER, "")));
}

/// The same with the line of tmpfiles.d in place of `loginctl enable-linger`.
pub fn install_with_tmpfiles(machine: &Machine) {
    install_without_lingering(machine);
    machine.root(&format!("cd ~/out/{INSTANCE}/linux\n{}", guide()[1]));
}

/// Removes everything as the guide says.
pub fn remove(machine: &Machine) {
    machine.root(&[guide()[2].as_str(), guide()[3].as_str()].concat());
}

/// A machine that is switched off, with a limactl and what `dist` makes of
/// settings, in root's home folder.
pub fn machine(settings: &str) -> Option<Machine> {
    let machine = Machine::new()?;
    machine.write("/usr/local/bin/limactl", "");
    fs::copy(root().join("tests/boot/limactl"), machine.path("/usr/local/bin/limactl")).unwrap();
    dist(&machine, settings);
    Some(machine)
}

/// Puts what `dist` makes of settings into root's home folder.
pub fn dist(machine: &Machine, settings: &str) {
    let xtask = Xtask::new();
    fs::write(xtask.path("installers.toml"), settings).unwrap();
    succeed(&mut xtask.bare_command(&["dist", "--only", "systemd"]));
    succeed(Command::new("cp").arg("-R").arg(xtask.path("out")).arg(machine.path("/root/")));
}

impl Installed {
    /// The instance of [`PLAIN`] settings, or others for the same names:
    /// created, installed and running.
    pub fn new(settings: &str) -> Option<Self> {
        Self::with(settings, |_| ())
    }

    /// The same, in a machine that is changed before it boots.
    pub fn with(settings: &str, change: impl FnOnce(&Machine)) -> Option<Self> {
        let mut machine = machine(settings)?;
        change(&machine);
        machine.boot();
        let mut installed = Self::in_machine(machine, INSTANCE);
        installed.create();
        install(&installed.machine);
        installed.wait_for("ready");
        Some(installed)
    }

    /// An instance in a machine, whatever its state.
    pub fn in_machine(machine: Machine, name: &str) -> Self {
        Self { machine, name: name.to_owned() }
    }

    /// Makes the instance's folder, as `limactl create` does.
    pub fn create(&mut self) {
        let name = &self.name;
        self.machine.user(&format!("mkdir -p .lima/{name} stand-in/{name} && : >.lima/{name}/lima.yaml"));
    }

    /// A file of the stand-in's, as the host sees it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.machine.path("/home/alice/stand-in").join(&self.name).join(name)
    }

    /// Tells the stand-in something.
    pub fn tell(&self, name: &str, value: &str) {
        // The file is the user's: the stand-in writes to it.
        self.machine.user(&format!("echo '{value}' >stand-in/{}/{name}", self.name));
    }

    /// What the stand-in wrote down, line by line.
    pub fn events(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("events")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Forgets what was written down.
    pub fn forget(&self) {
        fs::write(self.file("events"), "").unwrap();
    }

    /// Powers off, and boots with nothing written down yet.
    pub fn reboot(&mut self) {
        self.machine.power_off();
        self.forget();
        self.machine.boot();
    }

    /// How often it wrote a line.
    pub fn count(&self, event: &str) -> usize {
        self.events().iter().filter(|line| *line == event).count()
    }

    /// Waits until a line is there.
    pub fn wait_for(&self, event: &str) {
        wait_until(event, || self.count(event) > 0);
    }

    /// Waits until the unit is in a state: `active`, `inactive`.
    pub fn wait_until_unit_is(&self, state: &str) {
        wait_until(state, || self.property("ActiveState") == state);
    }

    /// What the unit said since the machine was made.
    pub fn journal(&self) -> String {
        let unit = format!("lima-vm@{}.service", self.name);
        self.machine.root(&format!("journalctl --no-pager --output=cat _SYSTEMD_USER_UNIT={unit}"))
    }

    /// A property of the unit in the user's manager.
    pub fn property(&self, name: &str) -> String {
        let unit = format!("lima-vm@{}.service", self.name);
        let said = self.machine.user(&format!("systemctl --user show --value --property={name} {unit}"));
        said.trim().to_owned()
    }

    /// `systemctl --user VERB` for the unit; whether it succeeded.
    pub fn systemctl(&self, verb: &str) -> bool {
        let script = format!("systemctl --user {verb} lima-vm@{}.service", self.name);
        self.machine.user_command(&script).output().unwrap().status.success()
    }

    /// Strings of a file of the stand-in's that end in NUL bytes.
    pub fn strings(&self, name: &str) -> Vec<String> {
        let bytes = fs::read(self.file(name)).unwrap();
        let bytes = bytes.strip_suffix(b"\0").expect("a NUL byte at the end");
        bytes.split(|byte| *byte == 0).map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
    }

    /// A variable that limactl got.
    pub fn variable(&self, name: &str) -> Option<String> {
        let start = format!("{name}=");
        self.strings("environ").iter().find_map(|entry| entry.strip_prefix(&start).map(str::to_owned))
    }
}
