//! Linux packages in a machine, by the real package manager: installed before its first
//! boot and while it runs, upgraded, removed, for several users. One machine goes through
//! all of it, since a boot is what takes time.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::machine::{Machine, wait_until};
use crate::readme::blocks_of;
use crate::support::{Xtask, root, succeed};

/// A machine with the stand-in for limactl.
pub struct Host {
    pub machine: Machine,
}

/// An instance of a user's in it.
pub struct Vm<'a> {
    host: &'a Host,
    user: &'a str,
    name: &'a str,
}

/// What `dist` makes of settings: file names in the machine's /root by the ends of their
/// names.
pub fn packages(machine: &Machine, kind: &str, settings: &str) -> BTreeMap<String, String> {
    let xtask = Xtask::new();
    fs::write(xtask.path("installers.toml"), settings).unwrap();
    succeed(&mut xtask.bare_command(&["dist", "--only", kind]));
    let mut found = BTreeMap::new();
    for path in xtask.files("out").into_keys().filter(|path| path.contains("/linux/")) {
        let (instance, name) = (path.split('/').next().unwrap(), path.rsplit('/').next().unwrap());
        fs::copy(xtask.path("out").join(&path), machine.path("/root").join(name)).unwrap();
        found.insert(instance.to_owned(), format!("/root/{name}"));
    }
    found
}

pub fn settings(version: &str, instances: &[(&str, &str, &str)]) -> String {
    let mut text = format!("version = '{version}'\n");
    for (name, user, more) in instances {
        text += &format!("[[instance]]\nname = '{name}'\nuser = '{user}'\n{more}\n");
    }
    text
}

impl Host {
    pub fn new() -> Option<Self> {
        let machine = Machine::new()?;
        // Where a distribution's package has it: the settings do not say.
        fs::copy(root().join("tests/boot/limactl"), machine.path("/usr/bin/limactl")).unwrap();
        Some(Self { machine })
    }

    /// Runs a script in its folder, switched off or not, as an image is made.
    pub fn chroot(&self, script: &str) -> String {
        let mut command = Command::new("chroot");
        command.arg(self.machine.path("")).args(["sh", "-euc", script]).env_clear();
        succeed(command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive"))
    }

    fn apt(&self, what: &str) -> String {
        self.machine.root(&format!("cd; DEBIAN_FRONTEND=noninteractive {} 2>&1", apt(what)))
    }

    pub fn vm<'a>(&'a self, user: &'a str, name: &'a str) -> Vm<'a> {
        Vm { host: self, user, name }
    }
}

fn apt(what: &str) -> String {
    format!("apt-get -qq -o DPkg::Use-Pty=0 --allow-downgrades {what}")
}

/// What `limactl create` makes, as root for the user.
pub fn create(user: &str, name: &str) -> String {
    format!(
        "install -d -o {user} ~{user}/.lima ~{user}/.lima/{name}; install -o {user} /dev/null ~{user}/.lima/{name}/lima.yaml"
    )
}

impl Vm<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.host.machine.path(&format!("/home/{}/stand-in/{}/{name}", self.user, self.name))
    }

    pub fn events(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("events")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn forget(&self) {
        if self.file("events").exists() {
            fs::write(self.file("events"), "").unwrap();
        }
    }

    pub fn runs(&self) {
        wait_until("ready", || self.events().iter().any(|line| line == "ready"));
        assert_eq!(self.state(), "active");
    }

    pub fn systemctl(&self, what: &str) -> String {
        let user = self.user;
        self.host.machine.root(&format!(
            "setpriv --reuid {user} --regid {user} --init-groups env XDG_RUNTIME_DIR=/run/user/$(id -u {user}) \
             systemctl --user {what} || :"
        ))
    }

    pub fn unit(&self) -> String {
        format!("lima-vm@{}.service", self.name)
    }

    pub fn state(&self) -> String {
        self.systemctl(&format!("is-active {}", self.unit())).trim().to_owned()
    }
}

#[test]
fn debian_packages_from_an_image_to_their_removal() {
    let Some(host) = Host::new() else { return };
    let mut host = host;
    let slow = "exit-timeout = 400";
    let first =
        packages(&host.machine, "deb", &settings("1.0", &[("k3s", "alice", ""), ("My_VM", "alice", slow)]));
    let second =
        packages(&host.machine, "deb", &settings("1.10", &[("k3s", "alice", ""), ("My_VM", "alice", slow)]));

    // An image, which nothing runs: nothing is asked of any systemd.
    let said =
        host.chroot(&format!("{}; {}", apt(&format!("install {}", first["k3s"])), create("alice", "k3s")));
    assert_eq!(said.lines().filter(|line| line.starts_with("lima-k3s-autostart: ")).count(), 0, "{said}");
    host.chroot("useradd -m -s /bin/sh bob");
    // As in a minimal Debian 13: users have no message bus.
    host.chroot("dpkg --purge --force-depends dbus-user-session");
    host.machine.boot();
    let k3s = host.vm("alice", "k3s");
    k3s.runs();
    assert_eq!(host.machine.root("loginctl show-user alice --value --property=State").trim(), "lingering");
    assert_eq!(
        fs::read(k3s.file("cmdline")).unwrap().split(|b| *b == 0).nth(1).unwrap(),
        b"/usr/bin/limactl"
    );

    // An upgrade leaves what runs, and says so.
    let said = host.apt(&format!("install {}", second["k3s"]));
    assert!(said.contains("The VM of alice goes on with the settings"), "{said}");
    assert_eq!(k3s.events(), ["limactl started", "ready"]);
    assert_eq!(
        k3s.systemctl(&format!("show --value --property=NeedDaemonReload {}", k3s.unit())).trim(),
        "no"
    );

    // What its user stopped stays stopped through an upgrade, until the next boot.
    k3s.systemctl(&format!("stop {}", k3s.unit()));
    host.apt(&format!("install --reinstall {}", second["k3s"]));
    assert_eq!(k3s.state(), "inactive");

    // A second one, whose services policy-rc.d forbids to start; both after a boot.
    host.machine.root(&create("alice", "My_VM"));
    host.machine.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");
    host.machine.root("chmod 755 /usr/sbin/policy-rc.d");
    let my_vm = host.vm("alice", "My_VM");
    let said = host.apt(&format!("install {}", second["My_VM"]));
    assert!(said.contains("policy-rc.d does not allow to start lima-vm@My_VM.service"), "{said}");
    assert_eq!(my_vm.state(), "inactive");
    host.machine.root("rm /usr/sbin/policy-rc.d");
    k3s.forget();
    host.machine.reboot();
    let [k3s, my_vm] = ["k3s", "My_VM"].map(|name| host.vm("alice", name));
    k3s.runs();
    my_vm.runs();
    let cap = host.machine.root("systemctl show --value --property=TimeoutStopUSec user@1000.service");
    assert_eq!(cap.trim(), "7min 30s", "of the slowest");

    // Removal stops it and waits, leaves the other, and no file.
    let files = host.machine.root("dpkg -V lima-+my+++v+m-autostart; dpkg -L lima-+my+++v+m-autostart");
    fs::write(my_vm.file("stop-seconds"), "2").unwrap();
    my_vm.forget();
    let said = host.apt("remove lima-+my+++v+m-autostart");
    assert_eq!(my_vm.events(), ["limactl got TERM", "qemu ended", "limactl ended"], "{said}");
    assert!(said.contains("alice still lingers"), "{said}");
    assert_eq!((my_vm.state(), k3s.state()), ("inactive".to_owned(), "active".to_owned()));
    for file in files.lines().filter(|file| file.contains("My_VM") || file.contains("my+++v")) {
        assert!(fs::symlink_metadata(host.machine.path(file)).is_err(), "{file} is left");
    }
    assert_eq!(host.machine.root("dpkg-query -W 'lima-*' | cut -f 1"), "lima-k3s-autostart\n");

    // Again it is the first installation.
    my_vm.forget();
    host.apt(&format!("install {}", first["My_VM"]));
    my_vm.runs();

    // As somebody else from now on: it changes over.
    let bobs = packages(&host.machine, "deb", &settings("2.0", &[("My_VM", "bob", "")]));
    host.machine.root(&create("bob", "My_VM"));
    my_vm.forget();
    host.apt(&format!("install {}", bobs["My_VM"]));
    assert_eq!(my_vm.events(), ["limactl got TERM", "qemu ended", "limactl ended"]);
    host.vm("bob", "My_VM").runs();

    // Nobody is named: it is for who has the instance, as soon as it is installed.
    let auto = packages(
        &host.machine,
        "deb",
        &settings("1.0", &[("found", "auto", ""), ("shared", "auto", "lima-home = '/srv/lima'")]),
    );
    host.machine.root(&create("bob", "found"));
    host.machine.root("install -D -o alice /dev/null /srv/lima/shared/lima.yaml");
    host.apt(&format!("install {} {}", auto["found"], auto["shared"]));
    host.vm("bob", "found").runs();
    host.vm("alice", "shared").runs();
    assert_eq!(host.vm("alice", "found").state(), "inactive");
    assert_eq!(host.vm("bob", "shared").state(), "inactive");

    // A user who is made later, and an instance in which systemd is told to be away.
    let later =
        packages(&host.machine, "deb", &settings("1.0", &[("later", "carol", ""), ("away", "alice", "")]));
    let said = host.apt(&format!("install {}", later["later"]));
    assert!(said.contains("There is no user carol yet."), "{said}");
    host.machine.root(&create("alice", "away"));
    host.machine
        .root(&format!("export SYSTEMD_OFFLINE=1; {} 2>&1", apt(&format!("install {}", later["away"]))));
    assert_eq!(host.vm("alice", "away").state(), "inactive");
    host.machine.root(&format!("useradd -m -s /bin/sh carol; {}", create("carol", "later")));
    for (user, name) in [("alice", "k3s"), ("bob", "My_VM"), ("bob", "found"), ("alice", "shared")] {
        host.vm(user, name).forget();
    }
    host.machine.reboot();
    let everybody = [
        ("alice", "k3s"),
        ("alice", "shared"),
        ("alice", "away"),
        ("bob", "My_VM"),
        ("bob", "found"),
        ("carol", "later"),
    ];
    for (user, name) in everybody {
        host.vm(user, name).runs();
    }
    assert_eq!(host.vm("alice", "My_VM").state(), "inactive", "it is bob's now");

    // All at once.
    for (user, name) in everybody {
        host.vm(user, name).forget();
    }
    let said = host.apt("purge 'lima-*-autostart'");
    for (user, name) in everybody {
        assert_eq!(
            host.vm(user, name).events().last().map(String::as_str),
            Some("limactl ended"),
            "{name}: {said}"
        );
    }
    assert_eq!(
        host.machine.root("find / -xdev -name '*lima-vm*' -path '/usr/*' -o -xdev -name '20-lima*'"),
        ""
    );
    host.machine.reboot();
    assert!(host.vm("alice", "k3s").events().len() == 3, "it does not start again");

    // What the guide says.
    let [install, remove, _others] =
        blocks_of("docs/linux-packages.md", "Install, upgrade, remove", "sh").try_into().unwrap();
    let plain = packages(&host.machine, "deb", &settings("1.0.0", &[("k3s", "alice", "")]));
    host.machine.root(&format!("mkdir -p ~/out/k3s/linux; cp {} ~/out/k3s/linux", plain["k3s"]));
    let k3s = host.vm("alice", "k3s");
    k3s.forget();
    host.machine.root(&format!("cd; {install}"));
    k3s.runs();
    host.machine.root(&remove);
    assert_eq!(k3s.state(), "inactive");

    // The same from a repository.
    let [repository] = blocks_of("docs/linux-packages.md", "Many machines", "sh").try_into().unwrap();
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--only", "linux-repository", "--linux-repository"]);
    let folder = xtask.path("out/linux-repository");
    succeed(Command::new("cp").arg("-R").arg(folder).arg(host.machine.path("/srv/")));
    k3s.forget();
    host.machine.root(&repository);
    k3s.runs();
}
