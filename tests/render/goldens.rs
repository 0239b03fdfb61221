//! The goldens, and what tools that others wrote say about them.

use std::path::PathBuf;
use std::process::Command;

use xtask::macos::launchd::Job;
use xtask::settings::Condition;

use super::{artifacts, cases, template_unit, with_lima};
use crate::golden::{abridged, below, golden};
use crate::support::{root, tool};

/// Shells that `/bin/sh` may be, with what makes each behave like it.
pub const SHELLS: [(&str, &[&str]); 4] =
    [("dash", &[]), ("bash", &["--posix"]), ("zsh", &["--emulate", "sh"]), ("busybox", &["sh"])];

/// Runs a program; its standard output, after it ended well and said nothing on
/// standard error.
pub fn quiet(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{command:?}: {}\n{stderr}", output.status);
    output.stdout
}

/// Writes files into a folder of their own.
pub fn folder_of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn goldens_ending(end: &str) -> Vec<PathBuf> {
    let mut files = below(&root().join("tests/golden/render"));
    files.retain(|path| path.to_str().unwrap().ends_with(end));
    assert!(!files.is_empty(), "no golden ends in {end}");
    files
}

/// The scripts that are joined of others, whole, by the names of their goldens.
fn joined_scripts() -> Vec<(String, String)> {
    let mut scripts = vec![
        ("reload.sh".to_owned(), xtask::macos::scripts::reload_sh()),
        ("lima-start.sh".to_owned(), xtask::lima_start::program()),
    ];
    for (case, spec, instance) in cases() {
        scripts.extend([
            (format!("{case}/macos/uninstall.sh"), xtask::macos::scripts::uninstall_sh(&spec, &instance)),
            (format!("{case}/macos/status.sh"), xtask::macos::scripts::status_sh(&spec, &instance)),
        ]);
    }
    scripts
}

/// Them and those of which they are joined, in a folder.
fn scripts() -> (tempfile::TempDir, Vec<PathBuf>) {
    let joined = joined_scripts();
    let folder = folder_of(joined.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let mut paths = pkg_scripts();
    paths.extend(below(folder.path()));
    (folder, paths)
}

/// The scripts that are packed as they are.
fn pkg_scripts() -> Vec<PathBuf> {
    below(&root().join("pkg-scripts"))
}

/// What is the same for every instance, once; what differs, by case.
fn goldens() -> Vec<(String, String)> {
    let mut all = vec![("lima-vm@.service".to_owned(), template_unit())];
    for (case, spec, instance) in cases() {
        let artifacts = artifacts(&spec, &instance).into_iter();
        all.extend(artifacts.map(|(path, text)| (format!("{case}/{path}"), text)));
    }
    let (spec, instance) = with_lima();
    let artifacts = artifacts(&spec, &instance).into_iter().filter(|(path, _)| path.starts_with("macos/"));
    all.extend(artifacts.map(|(path, text)| (format!("boot-lima/{path}"), text)));
    let scripts = xtask::macos::scripts::bundle_scripts(&spec, "Lima 2.2.0", true, 204_800);
    let config = scripts.into_iter().find(|file| file.name == "config.sh").unwrap();
    all.push(("boot-lima/macos/bundle-config.sh".to_owned(), config.text));
    for (name, text) in joined_scripts() {
        let folder = name.strip_suffix("uninstall.sh").or_else(|| name.strip_suffix("status.sh"));
        let config = folder.map(|folder| format!("{folder}config.sh"));
        let config = config.and_then(|config| all.iter().find(|(path, _)| *path == config));
        let others: Vec<_> = config.iter().map(|(_, text)| ("config.sh", text.as_str())).collect();
        let text = abridged(&text, &others);
        all.push((name, text));
    }
    all
}

#[test]
fn every_artifact_is_its_golden() {
    for (path, text) in goldens() {
        golden(&format!("render/{path}"), text.as_bytes());
    }
}

#[test]
fn no_golden_is_left_over() {
    let folder = root().join("tests/golden/render");
    let mut expected: Vec<PathBuf> = goldens().iter().map(|(path, _)| folder.join(path)).collect();
    expected.sort();
    assert_eq!(below(&folder), expected);
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let Some(shellcheck) = tool("shellcheck") else { return };
    let (_folder, mut scripts) = scripts();
    scripts.extend(goldens_ending("config.sh"));
    for script in &scripts {
        let mut command = Command::new(&shellcheck);
        command.args(["-s", "sh", "-x"]).arg(script).current_dir(root());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn every_shell_can_parse_the_scripts() {
    let (_folder, mut scripts) = scripts();
    scripts.extend(goldens_ending("config.sh"));
    for (shell, args) in SHELLS {
        let Some(shell) = tool(shell) else { continue };
        for script in &scripts {
            quiet(Command::new(&shell).args(args).arg("-n").arg(script));
        }
    }
}

#[test]
fn plistutil_reads_the_jobs() {
    let Some(plistutil) = tool("plistutil") else { return };
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("job.bin");
    for (case, _, instance) in cases() {
        let [job] = &goldens_ending(".plist")
            .into_iter()
            .filter(|path| path.parent().unwrap().ends_with(format!("{case}/macos")))
            .collect::<Vec<_>>()[..]
        else {
            panic!("{case} has one job");
        };
        quiet(Command::new(&plistutil).arg("-i").arg(job).arg("-o").arg(&binary));
        let read: Job = plist::from_file(&binary).unwrap();
        assert_eq!(read, super::job(&instance), "{case}, through libplist's binary form");
    }
}

#[test]
fn the_pages_are_well_formed() {
    let Some(xmllint) = tool("xmllint") else { return };
    for page in goldens_ending(".html") {
        quiet(Command::new(&xmllint).args(["--noout", "--nonet"]).arg(page));
    }
}

#[test]
fn the_pages_fetch_nothing() {
    for page in goldens_ending(".html") {
        let text = std::fs::read_to_string(&page).unwrap();
        for word in ["<script", "<link", "<img", "url(", "@import", "src=", "href="] {
            assert!(!text.contains(word), "{} contains {word}", page.display());
        }
    }
}

#[test]
fn the_tmpfiles_line_makes_the_user_linger() {
    let Some(tmpfiles) = tool("systemd-tmpfiles") else { return };
    for (_, spec, instance) in cases() {
        let lines = super::linux_files(&spec, &instance);
        let line = lines.iter().find(|file| file.path.starts_with("tmpfiles.d/"));
        let user = instance.user.name().filter(|_| instance.condition == Condition::Boot);
        assert_eq!(line.is_some(), user.is_some());
        let (Some(line), Some(user)) = (line, user) else { continue };
        // Owners are root's matter: without them anybody can run this.
        let text = line.text.replace("root root", "- -");
        assert_ne!(text, line.text);
        let folder = folder_of([("lines.conf", text.as_str())]);
        let mut command = Command::new(&tmpfiles);
        command.arg("--create").arg(format!("--root={}", folder.path().display()));
        quiet(command.arg(folder.path().join("lines.conf")));
        let made = folder.path().join("var/lib/systemd/linger").join(user.as_str());
        assert_eq!(std::fs::read(made).unwrap(), b"");
    }
}
