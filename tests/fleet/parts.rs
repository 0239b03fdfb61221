//! `dist --partition` and `merge`: together, the run that was never parted.

use std::fs;
use std::process::Command;

use super::folder;
use crate::support::{Xtask, succeed, tool};

/// Builds all parts, each into a folder of its own.
fn build_parts(xtask: &Xtask, count: u32, arguments: &[&str]) -> Vec<String> {
    (1..=count)
        .map(|index| {
            let (part, out) = (format!("{index}/{count}"), format!("part-{index}"));
            xtask.run(&[&["dist", "--partition", &part, "--out", &out], arguments].concat());
            out
        })
        .collect()
}

/// `merge` with these folders.
fn merge(xtask: &Xtask, folders: &[&str], out: &str) -> Command {
    xtask.bare_command(&[&["merge", "--out", out], folders].concat())
}

#[test]
fn parts_and_a_merge_are_the_run_byte_for_byte() {
    let xtask = folder(13);
    let arguments = ["--unsigned", "--combined", "--base-url", "https://example.com/lima"];
    xtask.run(&[&["dist", "--out", "whole"][..], &arguments].concat());
    let parts = build_parts(&xtask, 4, &arguments);
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    // In any order.
    parts.rotate_left(1);
    parts.swap(0, 2);
    succeed(&mut merge(&xtask, &parts, "joined"));
    let (whole, joined) = (xtask.files("whole"), xtask.files("joined"));
    assert_eq!(whole.keys().collect::<Vec<_>>(), joined.keys().collect::<Vec<_>>());
    for (path, file) in &whole {
        assert!(joined[path] == *file, "{path} differs");
    }
    assert!(whole.keys().filter(|path| path.ends_with(".pkg")).count() == 4 * (13 + 1));
    // Each instance is in one part, and the parts differ from what they make.
    let held =
        |part: &str| xtask.files(part).keys().filter(|path| path.ends_with("/macos/uninstall.sh")).count();
    assert_eq!(parts.iter().map(|part| held(part)).sum::<usize>(), 13);
    assert!(parts.iter().all(|part| held(part) < 13));
    assert!(!xtask.path("part-1/lima-autostart-3.1.zip").exists(), "what is made of all files comes last");
    succeed(&mut xtask.bare_command(&["verify", "joined"]));

    // Merging again over it changes nothing, and neither does another order.
    succeed(&mut merge(&xtask, &["part-4", "part-3", "part-2", "part-1"], "joined"));
    assert!(xtask.files("joined") == joined);
}

#[test]
fn signed_parts_make_the_signed_run() {
    let Some(faketime) = tool("faketime") else { return };
    let xtask = folder(5);
    // A signature holds the time of signing: here, all are made at the same one,
    // tomorrow, since the identity is not older than today.
    let time = chrono::Utc::now() + chrono::TimeDelta::days(1);
    let time = time.format("%Y-%m-%d %H:%M:%S").to_string();
    let build = |arguments: &[&str]| {
        let program = xtask.command(&[&["dist"], arguments].concat());
        let mut command = Command::new(&faketime);
        command.args(["-f", &time]).arg(program.get_program()).args(program.get_args());
        command.current_dir(xtask.dir.path()).env_clear().env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        succeed(command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))))
    };
    // Makes the identity, today.
    xtask.run(&["dist", "--out", "unused"]);
    build(&["--out", "whole", "--combined"]);
    build(&["--out", "part-1", "--combined", "--partition", "1/2"]);
    build(&["--out", "part-2", "--combined", "--partition", "2/2"]);
    succeed(&mut merge(&xtask, &["part-1", "part-2"], "joined"));
    let (whole, joined) = (xtask.files("whole"), xtask.files("joined"));
    assert!(String::from_utf8_lossy(&whole["artifacts.json"].1).contains("\"development\": true"));
    for (path, file) in &whole {
        assert!(joined[path] == *file, "{path} differs");
    }
    assert_eq!(whole.len(), joined.len());
}

#[test]
fn a_part_may_be_empty() {
    let xtask = folder(1);
    let parts = build_parts(&xtask, 3, &["--unsigned"]);
    let empty = parts.iter().filter(|part| xtask.files(part).len() == 2).count();
    assert_eq!(empty, 2, "sums and manifest of nothing");
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    succeed(&mut merge(&xtask, &parts, "joined"));
    xtask.run(&["dist", "--unsigned", "--out", "whole"]);
    assert!(xtask.files("joined") == xtask.files("whole"));
    // Who has nothing to sign is of the same run as who has.
    build_parts(&xtask, 3, &[]);
    succeed(&mut merge(&xtask, &parts, "joined"));
}

#[test]
fn what_is_not_a_complete_run_is_refused_and_named() {
    let xtask = folder(6);
    build_parts(&xtask, 3, &["--unsigned"]);
    let refuse = |folders: &[&str], words: &[&str]| {
        let output = merge(&xtask, folders, "joined").output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error}");
        }
        assert!(!xtask.path("joined/artifacts.json").exists());
    };
    refuse(&["part-1", "part-3"], &["part 2/3 of the run is missing"]);
    refuse(&["part-2"], &["part 1/3, 3/3 of the run are missing"]);
    refuse(&["part-1", "part-2", "part-3", "part-2"], &["part-2 and part-2 are both part 2/3"]);
    refuse(&["part-1", "nowhere"], &["nowhere/artifacts.json", "dist --partition"]);
    xtask.run(&["dist", "--unsigned", "--out", "whole"]);
    refuse(&["whole"], &["whole is not a part of a run"]);
    // The same names, other settings.
    xtask.run(&["dist", "--unsigned", "--partition", "3/3", "--out", "other", "--limactl", "/x/limactl"]);
    refuse(&["part-1", "part-2", "other"], &["part-2 and other are parts of different runs", "same commit"]);
    let mut dated = xtask.command(&["dist", "--unsigned", "--partition", "3/3", "--out", "other"]);
    succeed(dated.env("SOURCE_DATE_EPOCH", "1"));
    refuse(&["part-1", "part-2", "other"], &["different runs"]);
    xtask.run(&["dist", "--partition", "3/3", "--out", "other"]);
    refuse(&["part-1", "part-2", "other"], &["different runs", "identities"]);

    // A file that was damaged on its way.
    let (path, (_, mut bytes)) =
        xtask.files("part-2").into_iter().find(|(path, _)| path.ends_with("uninstall.sh")).unwrap();
    bytes[10] ^= 1;
    fs::write(xtask.path("part-2").join(&path), bytes).unwrap();
    refuse(&["part-1", "part-2", "part-3"], &[&path, "is not the file that was built"]);
    fs::remove_file(xtask.path("part-2").join(&path)).unwrap();
    refuse(&["part-1", "part-2", "part-3"], &["could not read", &path]);

    let error = crate::support::fail(&mut merge(&xtask, &["part-1", "part-2", "part-3"], "part-3"));
    assert!(error.contains("part-3 is a part and cannot be written to"), "{error}");
}

#[test]
fn a_manifest_that_leaves_its_folder_is_refused() {
    let xtask = folder(1);
    fs::write(xtask.path("secret"), "secret").unwrap();
    xtask.run(&["dist", "--unsigned", "--partition", "1/1", "--out", "part"]);
    let manifest = fs::read_to_string(xtask.path("part/artifacts.json")).unwrap();
    let hostile = manifest.replacen("vm0/macos/uninstall.sh", "vm0/../../secret", 1);
    assert_ne!(manifest, hostile);
    fs::write(xtask.path("part/artifacts.json"), hostile).unwrap();
    let error = crate::support::fail(&mut merge(&xtask, &["part"], "joined"));
    assert!(error.contains("secret") && error.contains("is not the file"), "{error}");
    for (good, bad) in [
        ("\"path\": \"index.html\"", "\"path\": \"../index.html\""),
        ("\"kind\": \"index\"", "\"kind\": \"pkg\""),
        ("\"count\": 1", "\"count\": 4000000000"),
        ("\"index\": 1", "\"index\": 0"),
    ] {
        assert!(manifest.contains(good), "{good} in {manifest}");
        fs::write(xtask.path("part/artifacts.json"), manifest.replacen(good, bad, 1)).unwrap();
        let error = crate::support::fail(&mut merge(&xtask, &["part"], "joined"));
        assert!(error.contains("part/artifacts.json: it says of a part what dist never does"), "{error}");
    }
    assert!(xtask.files("joined").is_empty());
    assert!(!xtask.path("index.html").exists());
}

#[test]
fn a_part_is_planned_like_it_is_built() {
    let xtask = folder(8);
    let planned = xtask.run(&["plan", "--partition", "2/2", "--combined"]);
    xtask.run(&["dist", "--partition", "2/2", "--combined", "--unsigned"]);
    let mut planned: Vec<&str> =
        planned.lines().map(|line| line.split("  ").next().unwrap().strip_prefix("out/").unwrap()).collect();
    planned.extend(["SHA256SUMS", "artifacts.json"]);
    planned.sort_unstable();
    assert_eq!(xtask.files("out").keys().map(String::as_str).collect::<Vec<_>>(), planned);
    let error = xtask.command(&["plan", "--partition", "0/2"]).output().unwrap();
    assert_eq!(error.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&error.stderr).contains("the first of eight is 1/8"));
}
