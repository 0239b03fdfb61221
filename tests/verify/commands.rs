//! The two commands, as a person or a CI job runs them.

use std::fs;
use std::process::Command;

use crate::golden::{golden, without_sizes};
use crate::support::{Xtask, succeed, tool};

const INSTALLER: &str = "out/k3s/macos/lima-k3s-1.0.0.pkg";

/// A folder that dist has written, unsigned: the same bytes every time.
fn dist() -> Xtask {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--unsigned"]);
    xtask
}

fn status(xtask: &Xtask, arguments: &[&str]) -> (Option<i32>, String) {
    let output = xtask.bare_command(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn reports_for_people() {
    let xtask = dist();
    let (code, report) = status(&xtask, &["verify", "out"]);
    assert_eq!(code, Some(0), "{report}");
    golden("verify.txt", report.as_bytes());
    let inspected = succeed(&mut xtask.bare_command(&["inspect", INSTALLER]));
    golden("inspect.txt", without_sizes(&inspected).as_bytes());
    golden(
        "inspect-paths.txt",
        succeed(&mut xtask.bare_command(&["inspect", INSTALLER, "--paths"])).as_bytes(),
    );
}

/// Its job is complete on the Mac alone.
#[test]
fn a_package_that_finds_its_user_and_limactl_says_so() {
    let xtask = Xtask::new();
    fs::write(xtask.path("k3s.yaml"), "base: template:k3s\n").unwrap();
    let settings = "[[instance]]\nname = 'k3s'\nuser = 'auto'\nlimactl = 'auto'\ntemplate = 'k3s.yaml'\n";
    fs::write(xtask.path("installers.toml"), settings).unwrap();
    succeed(&mut xtask.bare_command(&["dist", "--unsigned", "--spec", "installers.toml", "--out", "out"]));
    let inspected = succeed(&mut xtask.bare_command(&["inspect", INSTALLER]));
    golden("inspect-auto.txt", without_sizes(&inspected).as_bytes());
    let (code, report) = status(&xtask, &["verify", "out"]);
    assert_eq!(code, Some(0), "{report}");
    let remark = "pass  launchd                   io.lima-vm.daemon.k3s: the user is found at install time";
    assert!(report.contains(remark), "{report}");
    let json: serde_json::Value =
        serde_json::from_str(&succeed(&mut xtask.bare_command(&["inspect", INSTALLER, "--format", "json"])))
            .unwrap();
    let job = &json["components"][0]["jobs"][0];
    assert_eq!(job["user"], "found at install time");
    assert_eq!(job["found_at_install_time"], serde_json::json!(["user"]));
    assert_eq!(job["staged"], true);
    // The list beside the package is the one in it.
    succeed(&mut xtask.bare_command(&["inspect", INSTALLER, "--extract", "expanded"]));
    let support = "Library/Application Support/io.lima-vm/k3s";
    let expanded = xtask.files("expanded");
    let in_package = |name: &str| {
        let end = format!("{support}/{name}");
        &expanded.iter().find(|(path, _)| path.ends_with(&end)).expect("it is in the payload").1.1
    };
    let list = "io.lima-vm.daemon.k3s.plist";
    assert_eq!(in_package(list), &fs::read(xtask.path(&format!("out/k3s/macos/{list}"))).unwrap());
    assert_eq!(in_package("template.yaml"), b"base: template:k3s\n");
    // Nobody can be named to linger on Linux.
    assert!(!xtask.path("out/k3s/linux/tmpfiles.d").exists());
}

#[test]
fn exit_statuses_say_failed_or_unreadable() {
    let xtask = dist();
    fs::write(xtask.path("no.pkg"), "no package").unwrap();
    let mut package = fs::read(xtask.path(INSTALLER)).unwrap();
    let archive = flatpkg::xar::Archive::read(&mut std::io::Cursor::new(&package)).unwrap();
    let payload = archive.find("lima-k3s.pkg/Payload").unwrap().data.as_ref().unwrap();
    let middle = archive.heap_start + payload.offset + payload.length / 2;
    package[middle as usize] ^= 1;
    fs::write(xtask.path("damaged.pkg"), package).unwrap();
    assert_eq!(status(&xtask, &["verify", INSTALLER]).0, Some(0));
    assert_eq!(status(&xtask, &["verify", "no.pkg"]).0, Some(2));
    assert_eq!(status(&xtask, &["verify", "missing.pkg"]).0, Some(2));
    assert_eq!(status(&xtask, &["inspect", "no.pkg"]).0, Some(2));
    let (code, report) = status(&xtask, &["verify", "damaged.pkg"]);
    assert!(code == Some(1) && report.contains("FAIL  xar-members"), "{report}");
    assert_eq!(status(&xtask, &["verify", INSTALLER, "--require", "signed"]).0, Some(1));
}

#[test]
fn a_signed_package_needs_its_certificate_trusted() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    let identity = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("identity/lima-autostart/development-identity.pem");
    let (code, report) = status(&xtask, &["verify", INSTALLER]);
    assert!(code == Some(1) && report.contains("does not lead to an Apple root"), "{report}");
    let trust = identity.to_str().unwrap();
    let (code, report) = status(&xtask, &["verify", "out", "--trust", trust, "--require", "signed"]);
    assert_eq!(code, Some(0), "{report}");
    let (code, report) =
        status(&xtask, &["verify", INSTALLER, "--trust", trust, "--require", "developer-id"]);
    assert!(code == Some(1) && report.contains("required-level"), "{report}");
}

#[test]
fn a_folder_is_checked_against_its_records() {
    let xtask = dist();
    fs::write(xtask.path("out/extra"), "").unwrap();
    fs::remove_file(xtask.path("out/k3s/macos/uninstall.sh")).unwrap();
    fs::write(xtask.path("out/k3s/linux/lima-vm@.service"), "changed").unwrap();
    let (code, report) = status(&xtask, &["verify", "out"]);
    assert_eq!(code, Some(1));
    for fault in [
        "\"extra\" exists but is not listed",
        "\"k3s/macos/uninstall.sh\" is listed but missing",
        "\"k3s/linux/lima-vm@.service\" has another digest",
        "\"k3s/linux/lima-vm@.service\" has 7 bytes",
    ] {
        assert!(report.contains(fault), "{fault} is not in:\n{report}");
    }
}

#[test]
fn programs_get_json_and_junit() {
    let xtask = dist();
    let json: serde_json::Value =
        serde_json::from_str(&status(&xtask, &["verify", INSTALLER, "--format", "json"]).1).unwrap();
    assert_eq!(json["verified"][0]["ok"], true);
    assert_eq!(json["verified"][0]["checks"][0]["name"], "xar-header");
    let inspection: serde_json::Value = serde_json::from_str(&succeed(&mut xtask.bare_command(&[
        "inspect",
        INSTALLER,
        "--format",
        "json",
        "--scripts",
    ])))
    .unwrap();
    let component = &inspection["components"][0];
    assert_eq!(component["jobs"][0]["label"], "io.lima-vm.daemon.k3s");
    assert_eq!(component["jobs"][0]["user"], "alice");
    let scripts = component["scripts"].as_array().unwrap();
    assert!(scripts.iter().any(|script| script["text"].as_str().unwrap().starts_with("#!/bin/sh")));
    let Some(_) = tool("xmllint") else { return };
    let junit = status(&xtask, &["verify", INSTALLER, "--format", "junit"]).1;
    fs::write(xtask.path("junit.xml"), junit).unwrap();
    succeed(Command::new("xmllint").args(["--noout", "junit.xml"]).current_dir(xtask.dir.path()));
}

/// What we unpack is what bsdtar unpacks.
#[test]
fn extract_unpacks_what_others_do() {
    let Some(_) = tool("bsdtar") else { return };
    let xtask = dist();
    succeed(&mut xtask.bare_command(&["inspect", INSTALLER, "--extract", "ours"]));
    fs::create_dir(xtask.path("theirs")).unwrap();
    let script = format!(
        "bsdtar -xf ../{INSTALLER}; cd lima-k3s.pkg; for member in Payload Scripts; do mv $member archive; \
         mkdir $member; bsdtar -xf archive -C $member; rm archive; done"
    );
    succeed(Command::new("sh").args(["-ec", &script]).current_dir(xtask.path("theirs")));
    let (ours, theirs) = (xtask.files("ours"), xtask.files("theirs"));
    assert!(ours.keys().eq(theirs.keys()), "{:?}\n{:?}", ours.keys(), theirs.keys());
    for (path, (mode, bytes)) in &ours {
        assert!(bytes == &theirs[path].1, "{path}");
        assert!(!path.contains("Payload/") || *mode == theirs[path].0, "{path}: {mode:o}");
    }
    // The folder must be new.
    assert_eq!(status(&xtask, &["inspect", INSTALLER, "--extract", "ours"]).0, Some(2));
}

/// What did not fit on the disk is missed by whoever reads it; a reader that has enough
/// has what it wanted.
#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let xtask = dist();
    for arguments in [
        &["verify", INSTALLER][..],
        &["verify", INSTALLER, "--format", "json"],
        &["verify", INSTALLER, "--format", "junit"],
        &["inspect", INSTALLER],
        &["inspect", INSTALLER, "--paths"],
        &["inspect", INSTALLER, "--format", "json"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = xtask.bare_command(arguments).stdout(full).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_ne!(output.status.code(), Some(0), "{arguments:?}: {error}");
        assert!(error.contains("could not write") && error.contains("No space left"), "{error}");
        let script = "\"$@\" | head -c 1 > /dev/null";
        let output = crate::support::in_shell(script, &xtask.bare_command(arguments)).output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
    }
}

#[test]
fn a_note_changes_nothing_unless_strict_says_so() {
    let xtask = Xtask::new();
    let info = b"<pkg-info identifier=\"a\" version=\"1\"><payload numberOfFiles=\"7\"/></pkg-info>";
    let package = super::handmade::xar(&super::handmade::member("PackageInfo", 20, info), info);
    fs::write(xtask.path("odd.pkg"), package).unwrap();
    let said = "PackageInfo says 7 files, and the package without a Payload has 0";
    for (strict, code) in [(&[][..], 0), (&["--strict"], 1)] {
        let run =
            |format: &str| status(&xtask, &[&["verify", "odd.pkg", "--format", format], strict].concat());
        let (status, human) = run("human");
        assert_eq!(status, Some(code), "{human}");
        assert!(human.contains(&format!("note  payload-counts            the package: {said}")), "{human}");
        let (status, json) = run("json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let checks = json["verified"][0]["checks"].as_array().unwrap();
        let counts = checks.iter().find(|check| check["name"] == "payload-counts").unwrap();
        assert_eq!((status, json["verified"][0]["ok"].as_bool()), (Some(code), Some(code == 0)));
        assert_eq!(counts["status"], "note");
        assert!(counts["notes"][0].as_str().unwrap().contains(said));
        let (status, junit) = run("junit");
        assert_eq!(status, Some(code));
        assert!(junit.contains(said), "{junit}");
        assert_eq!(junit.contains("failures=\"1\""), code == 1, "{junit}");
    }
}

#[test]
fn packages_that_are_folders_get_a_sentence() {
    let xtask = Xtask::new();
    fs::create_dir_all(xtask.path("Old.pkg/Contents")).unwrap();
    for command in ["verify", "inspect"] {
        let output = xtask.bare_command(&[command, "Old.pkg"]).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("before Mac OS X 10.5 were folders"), "{said}");
    }
}

#[test]
fn what_is_unpacked_has_a_limit_that_can_be_set() {
    let xtask = dist();
    for (limit, code) in [("1K", 1), ("1G", 0)] {
        let (status, report) = status(&xtask, &["verify", INSTALLER, "--max-size", limit]);
        assert_eq!(status, Some(code), "{report}");
        assert_eq!(report.contains("the package unpacks to more than 1024 bytes"), code == 1, "{report}");
    }
}
