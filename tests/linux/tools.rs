//! What the tools of Debian, of RPM and of Arch say of an instance's packages: nothing
//! but what is listed here with its reason.

use std::collections::BTreeSet;
use std::process::Command;

use xtask::settings::{Condition, Instance};

use super::{package_of, plain, written};
use crate::render::goldens::quiet;
use crate::support::{succeed, tool};

/// The plain instance, and one whose names are as long and as odd as they get.
fn instances() -> [Instance; 2] {
    let odd = format!("{}_z", "A".repeat(74));
    [
        plain(Condition::Boot),
        Instance { name: odd.parse().unwrap(), user: "auto".parse().unwrap(), ..plain(Condition::Login) },
    ]
}

#[test]
fn every_tool_finds_the_same_files() {
    for instance in instances() {
        let (_folder, [deb, rpm, arch]) = written(&instance);
        let (Some(dpkg_deb), Some(rpm_tool), Some(bsdtar)) = (tool("dpkg-deb"), tool("rpm"), tool("bsdtar"))
        else {
            return;
        };
        let files = package_of(&instance).files.into_iter();
        let files = files.filter(|entry| entry.content != linuxpkg::Content::Folder);
        let folders: BTreeSet<String> = package_of(&instance)
            .files
            .into_iter()
            .filter(|entry| entry.content == linuxpkg::Content::Folder)
            .map(|entry| format!("/{}", entry.path))
            .collect();
        let expected: BTreeSet<String> = files.map(|entry| format!("/{}", entry.path)).collect();
        let archive = quiet(Command::new(dpkg_deb).arg("--fsys-tarfile").arg(&deb));
        let file = deb.with_extension("tar");
        std::fs::write(&file, archive).unwrap();
        let lists = [
            succeed(Command::new(&bsdtar).arg("-tf").arg(&file)),
            succeed(Command::new(rpm_tool).args(["-qlp", "--nosignature"]).arg(&rpm)),
            succeed(Command::new(&bsdtar).arg("-tf").arg(&arch)),
        ];
        for list in lists {
            let found: BTreeSet<String> = list
                .lines()
                .map(|line| format!("/{}", line.trim_start_matches(['.', '/'])))
                .filter(|path| !path.ends_with('/') && !path.starts_with("/usr/share/"))
                // Arch's own: their dot is taken off with that of `./`.
                .filter(|path| !["/BUILDINFO", "/MTREE", "/PKGINFO", "/INSTALL"].contains(&path.as_str()))
                .collect();
            let missing: Vec<_> = expected.difference(&found).collect();
            let more: Vec<_> = found.difference(&expected).filter(|path| !folders.contains(*path)).collect();
            assert!(missing.is_empty() && more.is_empty(), "{missing:?} {more:?}\n{list}");
        }
    }
}

/// What lintian says, each with its reason.
const LINTIAN: [(&str, &str); 3] = [
    (
        "maintainer-script-calls-systemctl",
        "deb-systemd-invoke starts units of all users or none, and knows no instance of a template",
    ),
    ("initial-upload-closes-no-bugs", "it is not uploaded to Debian"),
    ("package-has-long-file-name", "the instance has a long one"),
];

#[test]
fn lintian_says_nothing_but_what_is_listed() {
    let Some(lintian) = tool("lintian") else { return };
    let packages = instances().map(|instance| written(&instance));
    let output = Command::new(lintian)
        .args(["--allow-root", "--tag-display-limit", "0", "--display-info"])
        .args(packages.iter().map(|(_, [deb, _, _])| deb))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let unknown: Vec<_> =
        text.lines().filter(|line| !LINTIAN.iter().any(|(tag, _)| line.contains(tag))).collect();
    assert!(unknown.is_empty(), "{unknown:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    // Each reason is still one.
    for (tag, _) in LINTIAN {
        assert!(text.contains(tag), "lintian has nothing to say of {tag} any more");
    }
}

/// What rpmlint says, each with its reason.
const RPMLINT: [(&str, &str); 5] = [
    ("no-signature", "whoever publishes it signs it"),
    ("only-non-binary-in-usr-lib", "units and a script are there"),
    ("invalid-license MIT", "its list is openSUSE's old one; MIT is SPDX's"),
    ("no-documentation", "it is where the package was built"),
    ("spelling-error", "names of programs are no words"),
];

#[test]
fn rpmlint_says_nothing_but_what_is_listed() {
    let Some(rpmlint) = tool("rpmlint") else { return };
    let packages = instances().map(|instance| written(&instance));
    let output = Command::new(rpmlint)
        .args(packages.iter().map(|(_, [_, rpm, _])| rpm))
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().filter(|line| line.contains(": W: ") || line.contains(": E: "));
    let unknown: Vec<_> = said.filter(|line| !RPMLINT.iter().any(|(tag, _)| line.contains(tag))).collect();
    assert!(unknown.is_empty() && text.contains("packages"), "{unknown:#?}\n{text}");
}

#[test]
fn pacman_finds_nothing_altered() {
    let Some(pacman) = tool("pacman") else { return };
    if !rustix::process::geteuid().is_root() {
        return crate::support::note_skipped("pacman installs as root alone");
    }
    for instance in instances() {
        let (folder, [_, _, arch]) = written(&instance);
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("var/lib/pacman")).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&pacman);
            command.arg("--root").arg(&root).arg("--noconfirm").args(arguments);
            succeed(command.env("LC_ALL", "C.UTF-8"))
        };
        let name = instance.name.linux_package();
        run(&["-Udd", "--noscriptlet", arch.to_str().unwrap()]);
        let checked = run(&["-Qkk", &name]);
        assert!(checked.contains(" 0 altered files"), "{checked}");
        run(&["-Rdd", "--noscriptlet", &name]);
        assert!(!root.join("usr").exists(), "nothing is left");
    }
}
