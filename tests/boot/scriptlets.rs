//! The RPM and Arch packages in a machine: their files put there by rpm and pacman, as an
//! image is made, and their scripts run with the arguments that these give them. The
//! machine is Debian's, and so neither is in it.

use std::process::Command;

use super::packaged::{Host, Vm, create, packages, settings};
use crate::support::{succeed, tool};

/// rpm and pacman of this host, for the machine's root folder.
fn with_root(host: &Host, program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(tool(program)?);
    command.arg("--root").arg(host.machine.path("")).args(arguments);
    Some(succeed(command.env("LC_ALL", "C.UTF-8")))
}

/// Runs a part of the packages' scripts in the machine; what it says.
fn script(host: &Host, line: &str) -> String {
    host.machine.root(&format!("cd /root; {line} 2>&1"))
}

fn events_of(vm: &Vm<'_>) -> Vec<String> {
    let events = vm.events();
    vm.forget();
    events
}

const ENDED: [&str; 3] = ["limactl got TERM", "qemu ended", "limactl ended"];

/// `%post` of the first installation, in a root folder of its own.
const CHROOT: &str = r"unshare --mount --propagation private sh -ec '
	mount -t tmpfs tmpfs /mnt; cd /mnt
	mkdir usr etc proc run root; cp /root/post root
	for name in usr etc proc run; do mount --rbind /$name $name; done
	for name in bin lib lib64 sbin; do ln -s usr/$name $name; done
	chroot /mnt test -d /run/systemd/system
	chroot /mnt sh /root/post 1'";

#[test]
fn rpm_and_arch_packages_from_an_image_to_their_removal() {
    let Some(mut host) = Host::new() else { return };
    let rpm = packages(&host.machine, "rpm", &settings("1.0", &[("red", "alice", "")]))["red"].clone();
    let arch = packages(&host.machine, "arch", &settings("1.0", &[("arch", "alice", "")]))["arch"].clone();
    let on_host = |path: &str| host.machine.path(path).display().to_string();
    let (rpm, arch) = (on_host(&rpm), on_host(&arch));
    std::fs::create_dir_all(host.machine.path("/var/lib/pacman")).unwrap();
    let installed = with_root(&host, "rpm", &["-i", "--nodeps", "--nosignature", &rpm])
        .and_then(|said| Some(said + &with_root(&host, "pacman", &["--noconfirm", "-Udd", &arch])?));
    let Some(said) = installed else { return };
    assert!(!said.contains("autostart: "), "{said}");
    for (tag, file) in [("PREIN", "pre"), ("POSTIN", "post"), ("PREUN", "preun")] {
        let format = format!("%{{{tag}}}");
        let text = succeed(Command::new("rpm").args(["-qp", "--nosignature", "--qf", &format, &rpm]));
        host.machine.write(&format!("/root/{file}"), &text);
    }
    let Some(bsdtar) = tool("bsdtar") else { return };
    let text = succeed(Command::new(bsdtar).args(["-xOf", &arch, ".INSTALL"]));
    host.machine.write("/root/INSTALL", &text);
    host.chroot(&format!("{}; {}", create("alice", "red"), create("alice", "arch")));

    host.machine.boot();
    let [red, arched] = ["red", "arch"].map(|name| host.vm("alice", name));
    for vm in [&red, &arched] {
        vm.runs();
        vm.forget();
    }
    // An upgrade, in the order in which each calls them, leaves what runs.
    let said = script(&host, "sh pre 2; sh post 2; sh preun 1");
    assert!(said.contains("The VM of alice goes on"), "{said}");
    let said = script(&host, "(. ./INSTALL; pre_upgrade 1.1-1 1.0-1; post_upgrade 1.1-1 1.0-1)");
    assert!(said.contains("The VM of alice goes on"), "{said}");
    assert_eq!([events_of(&red), events_of(&arched)], [[""; 0]; 2]);
    // And what was stopped.
    red.systemctl(&format!("stop {}", red.unit()));
    arched.systemctl(&format!("stop {}", arched.unit()));
    assert_eq!([events_of(&red), events_of(&arched)], [ENDED; 2]);
    assert_eq!(script(&host, "sh pre 2; sh post 2; sh preun 1"), "");
    assert_eq!(script(&host, "(. ./INSTALL; pre_upgrade 1.1-1 1.0-1; post_upgrade 1.1-1 1.0-1)"), "");
    assert_eq!([red.state(), arched.state()], ["inactive"; 2]);
    // In a chroot that has the machine's /proc and /run, it is another system's.
    assert_eq!(script(&host, CHROOT), "");
    assert_eq!(red.state(), "inactive");
    // The first installation starts it.
    script(&host, "sh pre 1; sh post 1");
    script(&host, "(. ./INSTALL; post_install 1.0-1)");
    for vm in [&red, &arched] {
        vm.runs();
        vm.forget();
    }
    // Removal ends it, and has waited.
    let said = script(&host, "sh preun 0");
    assert!(said.contains("alice still lingers"), "{said}");
    script(&host, "(. ./INSTALL; pre_remove 1.0-1)");
    assert_eq!([events_of(&red), events_of(&arched)], [ENDED; 2]);

    with_root(&host, "rpm", &["-e", "--nodeps", "lima-red-autostart"]);
    with_root(&host, "pacman", &["--noconfirm", "-Rdd", "lima-arch-autostart"]);
    let left = host.machine.root("find /usr -name '*lima-vm*' -o -name '20-lima*' -o -name '*autostart'");
    assert_eq!(left, "");
    host.machine.reboot();
    assert_eq!([host.vm("alice", "red").events(), host.vm("alice", "arch").events()], [[""; 0]; 2]);
}
