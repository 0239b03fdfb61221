//! The goldens, and what tools that others wrote say about them.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::digest::hex;
use xtask::digest::sums::{CHUNK_SIZE, Sums};
use xtask::macos::artifacts;

use super::*;
use crate::golden::{below, golden};
use crate::render::goldens::{SHELLS, quiet};
use crate::support::{root, tool};

/// Sums of packages that nobody built: of real ones they would change with every
/// script and every compressor.
fn made_up() -> [Sums; 2] {
    let sums = |seed: &str, size: u64| Sums {
        size,
        sha256: hex(Sha256::digest(seed)),
        chunks: (0..size.div_ceil(CHUNK_SIZE))
            .map(|at| hex(Sha256::digest(format!("{seed} {at}"))))
            .collect(),
    };
    [sums("installer", 2 * CHUNK_SIZE + 1023), sums("uninstaller", 1024)]
}

/// Every file that is made, and not a copy, by case and path.
fn made() -> Vec<(PathBuf, Vec<u8>)> {
    let sums = made_up();
    let mut all = Vec::new();
    for (case, spec, instance) in served() {
        for (path, content) in files(&spec, &instance, [&sums[0], &sums[1]], [24, 0]) {
            if let Content::Bytes(bytes) | Content::Profile(bytes) = content {
                all.push((Path::new(case).join(path), bytes));
            }
        }
    }
    all
}

fn ends(path: &Path, ends: &[&str]) -> bool {
    ends.iter().any(|end| path.to_str().unwrap().ends_with(end))
}

/// A property list without the script that uninstalls, which is a golden of its own.
fn without_uninstaller(bytes: Vec<u8>, uninstaller: &str) -> Vec<u8> {
    const KEY: &str = "<key>uninstall_script</key>\n\t<string>";
    let text = String::from_utf8(bytes).unwrap();
    let Some((before, rest)) = text.split_once(KEY) else { return text.into_bytes() };
    let (_, after) = rest.split_once("</string>").unwrap();
    let script = dictionary(text.as_bytes());
    assert_eq!(script["uninstall_script"].as_string(), Some(uninstaller));
    format!("{before}{KEY}(uninstall.sh)</string>{after}").into_bytes()
}

#[test]
fn every_file_is_its_golden() {
    let mut expected = Vec::new();
    for (case, spec, instance) in served() {
        let uninstaller = xtask::macos::scripts::uninstall_sh(&spec, &instance);
        for (path, bytes) in made().into_iter().filter(|(path, _)| path.starts_with(case)) {
            // Known already: from tests/golden/render, from templates.
            if ends(&path, &["-uninstall.sh"]) {
                assert_eq!(uninstaller.as_bytes(), bytes, "{}", path.display());
            } else if ends(&path, &["-install.sh"]) {
                assert_eq!(xtask::managers::scripts::fleet_install_sh().as_bytes(), bytes);
            } else if ends(&path, &["-login-items.mobileconfig"]) {
                let all = made();
                let own = path.parent().unwrap().with_file_name("login-items.mobileconfig");
                let (_, own) = all.iter().find(|(path, _)| *path == own).unwrap();
                assert_eq!(*own, bytes, "for Fleet it is the same, and never signed");
            } else {
                let bytes = without_uninstaller(bytes, &uninstaller);
                golden(Path::new("mdm").join(&path).to_str().unwrap(), &bytes);
                expected.push(root().join("tests/golden/mdm").join(path));
            }
        }
    }
    let folder = root().join("tests/golden/mdm");
    let of_others = ["catalog.plist", "login-items.mobileconfig"].map(|name| folder.join(name));
    let mut found = below(&folder);
    found.retain(|path| !of_others.contains(path) && !path.starts_with(folder.join("all")));
    expected.sort();
    assert_eq!(found, expected, "no golden is left over");
}

#[test]
fn nothing_is_written_without_an_address() {
    for (_, mut spec, instance) in served() {
        spec.base_url = None;
        let sums = made_up();
        assert!(files(&spec, &instance, [&sums[0], &sums[1]], [0, 0]).is_empty());
        assert_eq!(xtask::managers::planned(&spec, Whose::One(&instance), "a/b.pkg", "a/c.pkg"), []);
        assert_eq!(xtask::managers::catalogs(&spec), []);
    }
}

#[test]
fn what_is_planned_is_what_is_written_in_the_same_order() {
    let sums = made_up();
    for (_, spec, instance) in served() {
        let paths = package_paths(&spec, &instance);
        let planned = xtask::managers::planned(&spec, Whose::One(&instance), &paths[0], &paths[1]);
        let written = files(&spec, &instance, [&sums[0], &sums[1]], [0, 0]);
        let planned: Vec<&str> = planned.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(planned, written.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>());
        for (path, content) in &written {
            let Content::CopyOf(other) = content else { continue };
            assert!(
                paths.contains(other) || planned.contains(&other.as_str()),
                "{path} is a copy of {other}"
            );
        }
        // These tests name packages as dist does.
        assert_eq!(artifacts::package_paths(&spec, &instance), paths);
    }
}

#[test]
fn plistutil_reads_every_property_list() {
    let Some(plistutil) = tool("plistutil") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (xml, binary) = (folder.path().join("list.xml"), folder.path().join("list.bin"));
    let mut count = 0;
    for (path, bytes) in made() {
        let is_list =
            ends(&path, &[".plist", ".mobileconfig"]) || path.to_str().unwrap().contains("munki/manifests/");
        if !is_list {
            continue;
        }
        count += 1;
        std::fs::write(&xml, &bytes).unwrap();
        quiet(Command::new(&plistutil).arg("-i").arg(&xml).arg("-o").arg(&binary));
        let through: plist::Value = plist::from_file(&binary).unwrap();
        assert_eq!(through, plist::from_bytes(&bytes).unwrap(), "{}", path.display());
    }
    assert_eq!(count, served().len() * 7);
}

#[test]
fn xmllint_finds_every_property_list_well_formed() {
    let Some(xmllint) = tool("xmllint") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.xml");
    for (_, bytes) in made().into_iter().filter(|(path, _)| ends(path, &[".plist", ".mobileconfig"])) {
        std::fs::write(&file, bytes).unwrap();
        quiet(Command::new(&xmllint).args(["--noout", "--nonet"]).arg(&file));
    }
}

#[test]
fn every_shell_and_shellcheck_can_read_the_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.sh");
    let mut scripts: Vec<Vec<u8>> =
        made().into_iter().filter(|(path, _)| ends(path, &[".sh"])).map(|(_, bytes)| bytes).collect();
    scripts.extend(served().iter().map(|(_, spec, instance)| {
        xtask::managers::scripts::munki_installcheck_sh(spec, std::slice::from_ref(instance)).into()
    }));
    assert_eq!(scripts.len(), served().len() * 3);
    for script in scripts {
        std::fs::write(&file, script).unwrap();
        for (shell, arguments) in SHELLS {
            let Some(shell) = tool(shell) else { continue };
            quiet(Command::new(&shell).args(arguments).arg("-n").arg(&file));
        }
        let Some(shellcheck) = tool("shellcheck") else { continue };
        let output = Command::new(&shellcheck).args(["-s", "sh"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Munki asks whether there is something to remove.
#[test]
fn the_installcheck_looks_for_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    for (_, spec, instance) in served() {
        let script = xtask::managers::scripts::munki_installcheck_sh(&spec, std::slice::from_ref(&instance));
        // The same script, with its paths below a folder of its own.
        let daemon = format!("io.lima-vm.daemon.{}.plist", instance.name);
        let values: String = script
            .lines()
            .map(|line| match line.split_once('=') {
                Some(("DAEMON_PLIST", _)) => format!("DAEMON_PLIST={}/daemon\n", root.path().display()),
                Some(("UNINSTALLER", _)) => format!("UNINSTALLER={}/uninstaller\n", root.path().display()),
                _ => format!("{line}\n"),
            })
            .collect();
        assert!(script.contains(&format!("/Library/LaunchDaemons/{daemon}\n")), "{script}");
        let needed = || Command::new("sh").args(["-c", &values]).status().unwrap().code();
        assert_eq!(needed(), Some(1));
        for file in ["daemon", "uninstaller"] {
            std::fs::write(at(file), "").unwrap();
            assert_eq!(needed(), Some(0), "{file}");
            std::fs::remove_file(at(file)).unwrap();
        }
        std::os::unix::fs::symlink("nowhere", at("daemon")).unwrap();
        assert_eq!(needed(), Some(0), "a link to nothing is something too");
        std::fs::remove_file(at("daemon")).unwrap();
    }
}

/// Fleet's command line replaces variables in YAML files, and `$PACKAGE_ID` in
/// scripts that uninstall; neither is in ours.
#[test]
fn fleet_has_nothing_to_replace() {
    for (path, bytes) in made() {
        let text = String::from_utf8(bytes).unwrap();
        if ends(&path, &[".yml"]) {
            assert!(!text.contains('$'), "{text}");
        }
        if ends(&path, &[".sh"]) {
            for variable in ["PACKAGE_ID", "UPGRADE_CODE", "FLEET_SECRET_", "FLEET_VAR_"] {
                assert!(!text.contains(variable), "{}: {variable}", path.display());
            }
        }
    }
}
