//! `.pkg.tar.zst`: read by pacman, zstd and bsdtar.

use linuxpkg::arch;

use super::*;
use crate::support::tool;

fn arch_file() -> (tempfile::TempDir, PathBuf) {
    let package = package();
    written(&arch::file_name(&package), &arch::write(&package).unwrap())
}

#[test]
fn pacman_reads_fields_and_files() {
    let Some(pacman) = tool("pacman") else { return };
    let (folder, file) = arch_file();
    let database = folder.path().to_str().unwrap();
    let said = said(&pacman, &["--dbpath", database, "-Qip"], &file);
    let field = |name: &str| {
        let line =
            said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}\n{said}"));
        line.split_once(" : ").unwrap().1.to_owned()
    };
    for (name, value) in [
        ("Name", "lima-++example-autostart"),
        ("Version", "1.2.10-1"),
        ("Description", "Starts \"example\" & <others> at boot"),
        ("Architecture", "any"),
        ("URL", "https://example.org/?a=1&b=2"),
        ("Licenses", "MIT"),
        ("Depends On", "systemd>=252  util-linux"),
        ("Packager", "Ada Lovelace <ada@example.org>"),
        ("Build Date", "Sun Jun 15 15:06:40 2025"),
        ("Install Script", "Yes"),
    ] {
        assert_eq!(field(name), value);
    }
    assert!(said.contains("lima>=1.0: it runs the VM"), "{said}");
}

#[test]
fn bsdtar_reads_the_archive_and_its_list() {
    let (Some(bsdtar), Some(zstd)) = (tool("bsdtar"), tool("zstd")) else { return };
    let (folder, file) = arch_file();
    said(&zstd, &["-q", "-t"], &file);
    let list = said(&bsdtar, &["-tf"], &file);
    let all: Vec<_> = list.lines().collect();
    assert_eq!(all[..5], [".BUILDINFO", ".MTREE", ".PKGINFO", ".INSTALL", "usr/"]);
    // What bsdtar makes of the files is what .MTREE says of them.
    let whole = folder.path().join("whole");
    std::fs::create_dir(&whole).unwrap();
    succeed(Command::new(&bsdtar).arg("-xpf").arg(&file).arg("-C").arg(&whole));
    let mtree = |options: &str| {
        let mut command = Command::new(&bsdtar);
        command.args(["-cf", "-", "--format=mtree", "--uid=0", "--gid=0", "--options", options]);
        let listed = succeed(command.args([".BUILDINFO", ".PKGINFO", ".INSTALL", "usr"]).current_dir(&whole));
        parsed(&listed)
    };
    let theirs = mtree("!all,use-set,type,uid,gid,mode,time,size,md5,sha256,link");
    let ours = said(&tool("gzip").unwrap(), &["-dc"], &whole.join(".MTREE"));
    assert_eq!(parsed(&ours), theirs);
}

/// The entries of an mtree file, each with all that holds for it, sorted.
fn parsed(text: &str) -> Vec<(String, Vec<String>)> {
    let mut defaults: Vec<String> = Vec::new();
    let mut entries = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let path = words.next().unwrap();
        let named = |set: &[String]| {
            let mut all: Vec<String> = set.to_vec();
            for word in line.split_whitespace().skip(1) {
                let key = word.split('=').next().unwrap();
                all.retain(|one| one.split('=').next() != Some(key));
                all.push(word.to_owned());
            }
            all.sort();
            all
        };
        match path {
            "/set" => defaults = named(&defaults),
            _ => entries.push((path.trim_start_matches("./").to_owned(), named(&defaults))),
        }
    }
    entries.sort();
    entries
}

#[test]
fn pacman_installs_finds_nothing_altered_and_removes() {
    let Some(pacman) = tool("pacman") else { return };
    if !is_root() {
        return crate::support::note_skipped("pacman installs as root alone");
    }
    let (folder, file) = arch_file();
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("var/lib/pacman")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&pacman);
        command.arg("--root").arg(&root).args(["--noconfirm"]).args(arguments);
        succeed(command.env("LC_ALL", "C.UTF-8"))
    };
    run(&["-Udd", "--noscriptlet", file.to_str().unwrap()]);
    let checked = run(&["-Qkk", "lima-++example-autostart"]);
    assert!(checked.contains(" 0 altered files"), "{checked}");
    assert!(root.join("usr/lib/example/run").is_file());
    run(&["-Rdd", "--noscriptlet", "lima-++example-autostart"]);
    assert!(!root.join("usr/lib/example").exists());
}
