//! What `dist --base-url` adds for device managers, from the outside. What is in
//! the files is tested in `mdm`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::folder;
use crate::golden::golden;
use crate::support::{Xtask, fail, succeed};

const URL: [&str; 2] = ["--base-url", "https://mdm.example.com/lima/"];

fn certificate() -> PathBuf {
    crate::support::identity_folder().join("lima-autostart/development-identity.pem")
}

#[test]
fn verify_holds_them_against_their_packages() {
    let xtask = folder(3);
    xtask.run(&[&["dist"][..], &URL].concat());
    let verify = || {
        let mut command = xtask.bare_command(&["verify", "out", "--trust"]);
        command.arg(certificate());
        command
    };
    let report = succeed(&mut verify());
    for check in ["manifest", "declaration", "profile", "munki", "fleet"] {
        assert!(report.contains(&format!("pass  manager-{check}")), "{check}\n{report}");
    }
    // The same package, signed again: everything that names it is out of date.
    fs::create_dir(xtask.path("again")).unwrap();
    xtask.run(&["dist", "vm0", "--unsigned", "--out", "again"]);
    let package = "vm0/macos/lima-vm0-3.1.pkg";
    fs::copy(xtask.path("again").join(package), xtask.path("out").join(package)).unwrap();
    let output = verify().output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for check in ["manifest", "fleet"] {
        assert!(report.contains(&format!("FAIL  manager-{check}")), "{check}\n{report}");
    }
}

#[test]
fn without_a_base_url_there_are_none() {
    let xtask = folder(1);
    xtask.run(&["dist", "--unsigned"]);
    assert!(xtask.files("out").keys().all(|path| !path.contains("mdm/") && !path.starts_with("munki/")));
    let error = fail(&mut xtask.command(&["dist", "--only", "mdm-manifest"]));
    assert!(error.contains("nothing to build: what device managers read needs --base-url"), "{error}");
}

#[test]
fn they_come_with_the_packages_that_they_are_about() {
    let xtask = folder(1);
    xtask.run(&[&["dist", "--unsigned", "--only", "munki-pkginfo,fleet-policy"], &URL[..]].concat());
    let files = xtask.files("out");
    assert!(files.contains_key("vm0/macos/lima-vm0-3.1.pkg") && files.contains_key("munki/catalogs/all"));
    assert!(!files.keys().any(|path| path.contains("linux") || path.ends_with(".zip")));
    succeed(&mut xtask.bare_command(&["verify", "out"]));
    assert_eq!(files["vm0/mdm/fleet/lima-vm0-install.sh"].0, 0o755);
}

/// What a file is, is in its kind, and who signed a package, in that of its copy.
#[test]
fn the_manifest_tells_what_each_file_is() {
    let xtask = folder(1);
    xtask.run(&[&["dist", "--combined"][..], &URL].concat());
    let json = fs::read(xtask.path("out/artifacts.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let records = manifest["artifacts"].as_array().unwrap();
    let find =
        |path: &str| records.iter().find(|one| one["path"] == path).unwrap_or_else(|| panic!("{path}"));
    for (path, kind) in [
        ("vm0/mdm/uninstall-manifest.plist", "mdm-manifest"),
        ("vm0/mdm/declaration.json", "mdm-declaration"),
        ("vm0/mdm/login-items.mobileconfig", "mdm-profile"),
        ("munki/pkgs/lima-autostart/lima-vm0-3.1.pkg", "munki-package"),
        ("vm0/mdm/munki/lima-vm0-3.1.plist", "munki-pkginfo"),
        ("munki/pkgsinfo/lima-autostart/all/lima-autostart-3.1.plist", "munki-pkginfo"),
        ("munki/manifests/lima", "munki-manifest"),
        ("munki/catalogs/all", "munki-catalog"),
        ("mdm/fleet/lima.package.yml", "fleet-software"),
        ("mdm/fleet/lima-install.sh", "fleet-script"),
        ("mdm/fleet/lima.policies.yml", "fleet-policy"),
        ("mdm/fleet/lima-login-items.mobileconfig", "fleet-profile"),
    ] {
        assert_eq!(find(path)["kind"], kind, "{path}");
    }
    for (copy, original) in [
        ("munki/pkgs/lima-autostart/lima-vm0-3.1.pkg", "vm0/macos/lima-vm0-3.1.pkg"),
        ("munki/pkgs/lima-autostart/all/lima-autostart-3.1.pkg", "lima-autostart-3.1.pkg"),
    ] {
        assert!(find(copy)["signed_by"].is_object());
        assert_eq!(find(copy)["signed_by"], find(original)["signed_by"]);
        assert_eq!(find(copy)["sha256"], find(original)["sha256"]);
    }
    assert!(find("mdm/fleet/lima-login-items.mobileconfig")["signed_by"].is_null(), "Fleet takes none");
    let error = xtask.command(&["dist", "--only", "manager"]).output().unwrap();
    let error = String::from_utf8(error.stderr).unwrap();
    for name in ["mdm-manifest", "munki-pkginfo", "fleet-policy"] {
        assert!(error.contains(name), "{name} is not offered: {error}");
    }
}

#[test]
fn the_repositorys_packages_take_no_room_of_their_own_nor_any_of_the_zip() {
    let xtask = folder(2);
    xtask.run(&[&["dist", "--unsigned"][..], &URL].concat());
    let inode = |path: &str| fs::metadata(xtask.path("out").join(path)).unwrap().ino();
    assert_eq!(
        inode("vm0/macos/lima-vm0-3.1.pkg"),
        inode("munki/pkgs/lima-autostart/lima-vm0-3.1.pkg"),
        "two names of one file, where the file system has such"
    );
    let zip = zip_names(&xtask);
    assert!(zip.iter().any(|name| name == "vm1/mdm/munki/lima-vm1-3.1.plist"));
    assert!(!zip.iter().any(|name| name.starts_with("munki/")));
    // The next run takes their place as it does everything else's.
    xtask.run(&["dist", "--unsigned"]);
    assert!(!xtask.path("out/munki").exists());
}

fn zip_names(xtask: &Xtask) -> Vec<String> {
    let file = fs::File::open(xtask.path("out/lima-autostart-3.1.zip")).unwrap();
    zip::ZipArchive::new(file).unwrap().file_names().map(|name| name.unwrap().into_owned()).collect()
}

/// One profile for all Macs, beside those of each instance.
#[test]
fn several_instances_have_a_profile_together() {
    let alone = folder(1);
    alone.run(&[&["dist", "--unsigned"][..], &URL].concat());
    assert!(!alone.path("out/login-items.mobileconfig").exists(), "the instance's own says the same");

    let xtask = folder(3);
    xtask.run(&[&["dist", "--unsigned"][..], &URL].concat());
    let profile = fs::read(xtask.path("out/login-items.mobileconfig")).unwrap();
    golden("mdm/login-items.mobileconfig", &profile);
    succeed(&mut xtask.bare_command(&["verify", "out"]));
    // A part has the jobs of some instances.
    for part in ["1/2", "2/2"] {
        xtask.run(&[&["dist", "--unsigned", "--partition", part, "--out", "part"][..], &URL].concat());
        // The catalogs are made when the parts are merged.
        let output = xtask.bare_command(&["verify", "part"]).output().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(!report.contains("FAIL  manager-profile"), "{report}");
    }
    // A label of nobody's, with sums that hold.
    let text = String::from_utf8(profile).unwrap().replace("daemon.vm1<", "daemon.vm9<");
    let mut files = BTreeMap::new();
    for (path, _) in xtask.files("out") {
        let bytes = fs::read(xtask.path("out").join(&path)).unwrap();
        files.insert(path, bytes);
    }
    files.insert("login-items.mobileconfig".to_owned(), text.into_bytes());
    let failed = crate::mdm::failed(&files);
    assert_eq!(failed.keys().collect::<Vec<_>>(), [&"manager-profile"], "{failed:?}");
    assert!(failed["manager-profile"].contains("io.lima-vm.daemon.vm9"), "{failed:?}");
}
