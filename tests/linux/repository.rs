//! `dist --linux-repository` from the outside. tests/linux_package hears apt, createrepo_c
//! and pacman on the lists, tests/boot installs from one of them.

use std::collections::BTreeSet;

use crate::support::{Xtask, fail, succeed};

const REPOSITORY: [&str; 3] = ["dist", "--unsigned", "--linux-repository"];

#[test]
fn the_repositories_hold_the_packages_and_their_lists() {
    let xtask = Xtask::new();
    xtask.run(&[&REPOSITORY[..], &["k3s", "My_VM"]].concat());
    let files = xtask.files("out");
    let found: BTreeSet<&str> =
        files.keys().filter_map(|path| path.strip_prefix("linux-repository/")).collect();
    let expected = [
        "apt/Packages",
        "apt/Packages.gz",
        "apt/Release",
        "apt/lima-+my+++v+m-autostart_1.0.0-1_all.deb",
        "apt/lima-k3s-autostart_1.0.0-1_all.deb",
        "dnf/lima-+my+++v+m-autostart-1.0.0-1.noarch.rpm",
        "dnf/lima-k3s-autostart-1.0.0-1.noarch.rpm",
        "dnf/repodata/filelists.xml.gz",
        "dnf/repodata/other.xml.gz",
        "dnf/repodata/primary.xml.gz",
        "dnf/repodata/repomd.xml",
        "pacman/lima-+my+++v+m-autostart-1.0.0-1-any.pkg.tar.zst",
        "pacman/lima-autostart.db",
        "pacman/lima-autostart.files",
        "pacman/lima-k3s-autostart-1.0.0-1-any.pkg.tar.zst",
    ];
    assert_eq!(found, expected.into_iter().collect());
    for (path, (_, bytes)) in &files {
        let Some(name) = path.strip_prefix("linux-repository/").and_then(|path| path.rsplit('/').next())
        else {
            continue;
        };
        let instance = if name.contains("k3s") { "k3s" } else { "My_VM" };
        if let Some((_, original)) = files.get(&format!("{instance}/linux/{name}")) {
            assert!(bytes == original, "{path} is a copy");
        }
    }
    let packages = String::from_utf8(files["linux-repository/apt/Packages"].1.clone()).unwrap();
    assert_eq!(packages.matches("Package: ").count(), 2, "{packages}");

    // The zip takes none of them along; the next run without the flag removes them.
    xtask.run(&["dist", "--unsigned", "k3s"]);
    assert!(xtask.files("out").keys().all(|path| !path.starts_with("linux-repository")));
}

#[test]
fn they_are_asked_for() {
    let xtask = Xtask::new();
    let error = fail(&mut xtask.command(&["dist", "--only", "linux-repository"]));
    assert!(error.contains("repositories of Linux packages need --linux-repository"), "{error}");
    xtask.run(&["dist", "--only", "linux-repository", "--linux-repository", "k3s"]);
    let files = xtask.files("out");
    assert!(files.contains_key("linux-repository/dnf/repodata/repomd.xml"));
    assert!(files.contains_key("k3s/linux/lima-k3s-autostart_1.0.0-1_all.deb"), "they are copies of these");
    assert!(!files.keys().any(|path| path.contains("macos") || path.ends_with(".service")));
}

#[test]
fn parts_are_joined_into_the_same_repositories() {
    let xtask = Xtask::new();
    let instances = ["k3s", "docker", "My_VM", "a", "b"];
    xtask.run(&[&REPOSITORY[..], &instances, &["--out", "whole"]].concat());
    for part in ["1/2", "2/2"] {
        let out = part.replace('/', "-");
        xtask.run(&[&REPOSITORY[..], &instances, &["--partition", part, "--out", &out]].concat());
    }
    succeed(&mut xtask.bare_command(&["merge", "1-2", "2-2", "--out", "joined"]));
    assert!(xtask.files("whole") == xtask.files("joined"));
}
