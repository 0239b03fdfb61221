//! Our own packages, of which one part says something else than the others: `verify` says
//! which.

use std::io::Cursor;

use linuxpkg::{arch, deb, rpm};
use xtask::linux::package::package as of_instance;
use xtask::settings::Condition;
use xtask::verify::{Check, Options, Status, verify};

use super::*;
use crate::render::{auto, plain, spec};

fn ours() -> Package {
    let instance = plain(Condition::Boot);
    of_instance(&spec(&instance), &instance, TIME)
}

/// The check over the package in all three formats, which have to say the same.
fn checked(package: &Package) -> Check {
    let all = [deb::write(package), rpm::write(package), arch::write(package)].map(|bytes| {
        let checks = verify(&mut Cursor::new(bytes.unwrap()), &Options::default()).unwrap();
        checks.into_iter().find(|check| check.name == "lima-unit").unwrap()
    });
    let [first, second, third] = all;
    assert_eq!(first.status, second.status);
    assert_eq!(second.status, third.status);
    first
}

fn edit(package: &mut Package, path: &str, from: &str, to: &str) {
    let entry = package.files.iter_mut().find(|entry| entry.path.ends_with(path)).unwrap();
    let Content::File(content) = &mut entry.content else { panic!("{path} is not a file") };
    let text = String::from_utf8(content.clone()).unwrap();
    assert!(text.contains(from), "{path} has no {from}:\n{text}");
    *content = text.replace(from, to).into_bytes();
}

fn edit_scripts(package: &mut Package, from: &str, to: &str) {
    let scripts = &mut package.scripts;
    let all = [
        &mut scripts.deb.preinst,
        &mut scripts.deb.postinst,
        &mut scripts.deb.prerm,
        &mut scripts.rpm.pre,
        &mut scripts.rpm.post,
        &mut scripts.rpm.preun,
        &mut scripts.arch,
    ];
    for script in all.into_iter().flatten() {
        assert!(script.contains(from), "{script}");
        *script = script.replace(from, to);
    }
}

#[test]
fn what_is_of_one_piece_passes() {
    let cases = [
        (plain(Condition::Boot), "starts k3s at boot for alice"),
        (plain(Condition::Login), "starts k3s at login for alice"),
        (auto(Condition::Boot), "starts k3s at boot for who owns it"),
        (auto(Condition::Login), "starts k3s at login for who owns it"),
    ];
    for (instance, said) in cases {
        let check = checked(&of_instance(&spec(&instance), &instance, TIME));
        assert_eq!((check.status, check.details.join(" ").as_str()), (Status::Pass, said), "{check:?}");
    }
    // What starts no instance is nobody's matter.
    assert_eq!(checked(&package()).status, Status::NotApplicable);
}

type Damage = fn(&mut Package);

#[test]
fn each_disagreement_is_named() {
    let cases: [(&str, Damage); 14] = [
        ("it is called", |package| package.name = "lima-other-autostart".to_owned()),
        ("has LINUX_PACKAGE=\"lima-other-autostart\"", |package| {
            edit_scripts(package, "LINUX_PACKAGE=lima-k3s-autostart", "LINUX_PACKAGE='lima-other-autostart'");
        }),
        ("has LINUX_UNIT=\"lima-vm@other.service\"", |package| {
            edit_scripts(package, "LINUX_UNIT=lima-vm@k3s.service", "LINUX_UNIT='lima-vm@other.service'");
        }),
        ("has LINUX_DROP_IN=", |package| edit_scripts(package, "LINUX_DROP_IN=/usr/", "LINUX_DROP_IN=/etc/")),
        ("its scripts are for the user \"bob\"", |package| {
            edit_scripts(package, "LINUX_USER=alice", "LINUX_USER='bob'");
        }),
        ("its scripts are for the user \"alice\", and its unit for bob", |package| {
            edit(package, "10-lima-autostart.conf", "ConditionUser=alice", "ConditionUser=bob");
        }),
        ("\"bob\" starts at boot, who is not the unit's user", |package| {
            edit(package, "tmpfiles.d/lima-vm-k3s.conf", "linger/alice", "linger/bob");
        }),
        ("it is for a login, and starts at boot", |package| {
            edit_scripts(package, "LINUX_CONDITION=boot", "LINUX_CONDITION='login'");
        }),
        ("is missing: nothing starts the user's manager at boot", |package| {
            package.files.retain(|entry| !entry.path.contains("tmpfiles.d"));
        }),
        ("is missing: nothing starts the unit", |package| {
            package.files.retain(|entry| !matches!(entry.content, Content::Link(_)));
        }),
        ("does not lead to ../lima-vm@k3s.service", |package| {
            for entry in &mut package.files {
                if let Content::Link(target) = &mut entry.content {
                    *target = "../lima-vm@other.service".to_owned();
                }
            }
        }),
        ("which is not in the package", |package| {
            edit(
                package,
                "10-lima-autostart.conf",
                "lima-k3s-autostart/lima-start",
                "lima-k3s-autostart/other",
            );
        }),
        ("is not named after the instance and its seconds", |package| {
            edit(package, "-k3s.conf", "TimeoutStopSec=", "TimeoutStopSec=9");
        }),
        ("has units of several instances", |package| {
            let unit = package.files.iter().find(|entry| entry.path.ends_with("user/lima-vm@k3s.service"));
            let unit = Entry {
                path: "usr/lib/systemd/user/lima-vm@other.service".to_owned(),
                ..unit.unwrap().clone()
            };
            package.files.push(unit);
        }),
    ];
    for (said, damage) in cases {
        let mut package = ours();
        damage(&mut package);
        let check = checked(&package);
        assert_eq!(check.status, Status::Fail, "{said}: {check:?}");
        assert!(check.details.iter().any(|detail| detail.contains(said)), "{said}: {check:?}");
    }
}
