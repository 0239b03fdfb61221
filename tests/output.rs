//! Nothing half-written, nothing lost: the output folder under every accident
//! that can be had here.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use xtask::output::{Output, OutputError};

use crate::support::{Xtask, fail, files, in_shell, succeed};

static GO_ON: AtomicBool = AtomicBool::new(false);

/// Puts files into `root` as a run does, with a manifest that lists them.
fn run(root: &Path, contents: &[(&str, &str)]) -> Result<xtask::output::Committed, OutputError> {
    // Nobody else writes here; but a process that another test is just starting
    // may hold a copy of an earlier run's lock for a moment.
    let output = Output::open(root, &GO_ON, || {})?;
    let artifacts: Vec<_> = contents.iter().map(|(path, _)| serde_json::json!({ "path": path })).collect();
    let manifest = serde_json::json!({ "artifacts": artifacts }).to_string();
    let records = [("SHA256SUMS", "sums"), ("artifacts.json", manifest.as_str())];
    for (path, text) in contents.iter().chain(&records) {
        output.stage::<_, OutputError>(path, 0o644, |file| {
            file.write_all(text.as_bytes()).unwrap();
            Ok(())
        })?;
    }
    output.commit()
}

#[test]
fn a_run_replaces_the_earlier_ones_files_and_leaves_others_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    run(root, &[("a/old/file", "1"), ("b", "1")]).unwrap();
    fs::write(root.join("a/mine"), "mine").unwrap();
    fs::write(root.join(".gitignore"), "*").unwrap();
    let committed = run(root, &[("b", "2"), ("c/d", "2")]).unwrap();
    assert_eq!(committed.removed, ["a/old/file"]);
    assert_eq!(committed.left_alone, ["a/mine"]);
    assert!(!root.join("a/old").exists(), "empty folders go");
    assert_eq!(fs::read_to_string(root.join("b")).unwrap(), "2");
    assert_eq!(fs::read_to_string(root.join("a/mine")).unwrap(), "mine");
}

#[test]
fn a_file_that_no_run_wrote_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    run(root, &[("a", "1")]).unwrap();
    fs::write(root.join("b"), "mine").unwrap();
    let before = files(root);
    let error = run(root, &[("a", "2"), ("b", "2")]).unwrap_err().to_string();
    assert!(error.contains("/b is in the way") && error.contains("move it away"), "{error}");
    assert_eq!(files(root), before);
}

#[test]
fn a_run_that_cannot_be_moved_into_place_is_undone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    run(root, &[("a", "1"), ("gone", "1"), ("z/file", "1")]).unwrap();
    // A folder where a file of the earlier run was: listed, so it is not in the
    // way, but the move of a file onto it comes after others were moved.
    fs::write(root.join("z/other"), "mine").unwrap();
    let before = files(root);
    let error = run(root, &[("a", "2"), ("b/new", "2"), ("z", "2")]).unwrap_err().to_string();
    assert!(error.contains("/z"), "{error}");
    assert_eq!(files(root), before);
    assert!(!root.join("b").exists());
}

#[test]
fn a_hostile_manifest_removes_nothing_outside() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("outside"), "mine").unwrap();
    let root = dir.path().join("out");
    run(&root, &[("a", "1")]).unwrap();
    let manifest = r#"{"artifacts":[{"path":"../outside"},{"path":"a"}]}"#;
    fs::write(root.join("artifacts.json"), manifest).unwrap();
    run(&root, &[("b", "2")]).unwrap();
    assert!(dir.path().join("outside").exists());
    assert!(!root.join("a").exists());
}

#[test]
fn an_unreadable_manifest_is_said_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &[("a", "1")]).unwrap();
    fs::write(dir.path().join("artifacts.json"), "{").unwrap();
    let committed = run(dir.path(), &[("b", "2")]).unwrap();
    assert!(committed.unreadable_manifest.is_some());
    assert_eq!(committed.left_alone, ["a"]);
}

/// The state that a run leaves when it is killed after `moves` renames, in the
/// order that `xtask::output` documents: earlier files away, new ones in, the
/// manifest last.
fn kill_after(root: &Path, moves: usize) {
    let staging = root.join(".lima-autostart-killed");
    let manifest = r#"{"artifacts":[{"path":"a"},{"path":"n/new"}]}"#;
    for (path, text) in [("a", "2"), ("n/new", "2"), ("SHA256SUMS", "sums2"), ("artifacts.json", manifest)] {
        let place = staging.join("new").join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }
    fs::write(staging.join("moving"), "").unwrap();
    let (old, new) = (staging.join("old"), staging.join("new"));
    let away = |path: &str| (root.join(path), old.join(path));
    let into = |path: &str| (new.join(path), root.join(path));
    let steps = [
        away("gone"),
        away("SHA256SUMS"),
        into("SHA256SUMS"),
        away("a"),
        into("a"),
        into("n/new"),
        away("artifacts.json"),
        into("artifacts.json"),
    ];
    for (from, to) in &steps[..moves] {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(from, to).unwrap();
    }
}

#[test]
fn the_next_run_undoes_one_that_was_killed_at_any_rename() {
    for moves in 0..=8 {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        run(root, &[("a", "1"), ("gone", "1")]).unwrap();
        let before = files(root);
        kill_after(root, moves);
        drop(Output::open(root, &GO_ON, || {}).unwrap());
        let after = files(root);
        if moves < 8 {
            assert_eq!(after, before, "killed after {moves} renames");
        } else {
            let names: Vec<_> = after.keys().map(String::as_str).collect();
            assert_eq!(names, ["SHA256SUMS", "a", "artifacts.json", "n/new"], "all renames were done");
        }
    }
}

#[test]
fn two_runs_at_once_wait_for_each_other() {
    let xtask = Xtask::new();
    let first = Output::open(&xtask.path("out"), &GO_ON, || {}).unwrap();
    let mut second = xtask.command(&["dist", "--unsigned"]).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(second.try_wait().unwrap().is_none(), "the second run waits");
    let third = xtask.command(&["dist", "--unsigned"]).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    succeed(Command::new("kill").args(["-INT", &third.id().to_string()]));
    assert_eq!(third.wait_with_output().unwrap().status.code(), Some(130), "who waits can be interrupted");
    drop(first);
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("another run is writing to out; waiting"));

    let runs: Vec<_> = (0..4).map(|_| xtask.command(&["dist", "--unsigned"]).spawn().unwrap()).collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    assert_no_staging(&xtask.path("out"));
}

fn assert_no_staging(out: &Path) {
    let left: Vec<_> = fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Instances enough to be in the middle of building for a while.
fn many_instances() -> String {
    (0..100).map(|number| format!("[[instance]]\nname = \"vm{number}\"\n")).collect()
}

#[test]
fn ctrl_c_leaves_the_earlier_output_as_it_was() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "--unsigned"]);
    let before = xtask.files("out");
    fs::write(xtask.path("many.toml"), many_instances()).unwrap();
    let child =
        xtask.command(&["dist", "--spec", "many.toml", "--unsigned"]).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_staging(&xtask.path("out"));
    let id = child.id().to_string();
    succeed(Command::new("kill").args(["-INT", &id]));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted; out is as it was"), "{said}");
    assert_eq!(xtask.files("out"), before);
}

/// Waits until a run has begun to stage files.
pub fn wait_for_staging(out: &Path) {
    for _ in 0..2000 {
        let begun = fs::read_dir(out).unwrap().any(|entry| entry.unwrap().path().join("new").exists());
        if begun {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the run does not begin");
}

#[test]
fn a_killed_run_does_no_harm_to_the_next() {
    let xtask = Xtask::new();
    fs::write(xtask.path("many.toml"), many_instances()).unwrap();
    let arguments = ["dist", "--spec", "many.toml", "--unsigned"];
    xtask.run(&arguments);
    let expected = xtask.files("out");
    for milliseconds in [0, 40, 150] {
        let mut child = xtask.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
        wait_for_staging(&xtask.path("out"));
        std::thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        let status = child.wait().unwrap();
        assert!(status.success() || status.signal() == Some(9));
        xtask.run(&arguments);
        assert!(xtask.files("out") == expected, "killed after {milliseconds} ms");
    }
}

#[test]
fn a_full_disk_leaves_the_earlier_output_as_it_was() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "--unsigned"]);
    let before = xtask.files("out");
    // A limit on file size ends a write in the middle, as a full disk does, and
    // needs no privilege.
    let program = xtask.command(&["dist", "--unsigned", "--pkg-version", "2"]);
    let mut limited = in_shell("trap '' XFSZ; ulimit -f 8; exec \"$@\"", &program);
    let error = fail(&mut limited);
    assert!(error.contains("File too large"), "{error}");
    assert_eq!(xtask.files("out"), before);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let xtask = Xtask::new();
    fs::write(xtask.path("file"), "").unwrap();
    let error = xtask.fail(&["dist", "--unsigned", "--out", "file/out"]);
    assert!(error.contains("could not create the folder file/out"), "{error}");
    let error = xtask.fail(&["dist", "--unsigned", "--out", "/proc/out"]);
    assert!(error.contains("/proc/out"), "{error}");
}
