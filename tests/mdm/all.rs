//! What is about the packages of all instances: the same files, under `mdm/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use xtask::verify::all_hold;

use super::*;
use crate::golden::golden;
use crate::render::goldens::{SHELLS, quiet};
use crate::support::{Xtask, tool};

/// Instances of both kinds, and one whose package has the name of the combined one.
const SETTINGS: &str = "version = \"1.2\"\nbase-url = \"https://mdm.example.com/lima\"\n\
    [defaults]\nuser = \"alice\"\n\
    [[instance]]\nname = \"autostart\"\n[[instance]]\nname = \"docker\"\ncondition = \"login\"\n\
    min-macos = \"14\"\narchitectures = [\"arm64\"]\n";

fn xtask() -> Xtask {
    let xtask = Xtask::new();
    fs::write(xtask.path("installers.toml"), SETTINGS).unwrap();
    xtask
}

fn out(xtask: &Xtask, folder: &str) -> Out {
    xtask
        .files(folder)
        .keys()
        .map(|path| (path.clone(), fs::read(xtask.path(folder).join(path)).unwrap()))
        .collect()
}

fn built() -> Out {
    let xtask = xtask();
    xtask.run(&["dist", "--unsigned", "--combined"]);
    out(&xtask, "out")
}

const PKGINFO: &str = "mdm/munki/lima-autostart-1.2.plist";

#[test]
fn they_agree_with_the_packages_and_are_their_goldens() {
    let out = built();
    assert!(all_hold(&verify(&out)), "{:#?}", failed(&out));
    for path in ["mdm/fleet/lima-uninstall.sh", "mdm/fleet/lima.policies.yml", "munki/manifests/lima"] {
        golden(&format!("mdm/all/{path}"), &out[path]);
    }
    assert!(out.contains_key("mdm/fleet/lima.package.yml") && out.contains_key("mdm/declaration.json"));
    let text = |path: &str| String::from_utf8(out[path].clone()).unwrap();
    assert!(
        text("mdm/manifest.plist").contains("<string>https://mdm.example.com/lima/lima-autostart-1.2.pkg<")
    );
    assert!(text("mdm/manifest.plist").contains("<string>io.lima-vm.installer<"));
    assert_eq!(out["mdm/fleet/lima-login-items.mobileconfig"].first(), Some(&b'<'), "never signed");
    let pkginfo = dictionary(&out[PKGINFO]);
    assert_eq!(pkginfo["name"].as_string(), Some("lima-autostart"));
    assert_eq!(pkginfo["installs"].as_array().unwrap().len(), 4);
    assert_eq!(pkginfo["receipts"].as_array().unwrap().len(), 2);
    assert_eq!(pkginfo["minimum_os_version"].as_string(), Some("14"));
    assert_eq!(pkginfo["supported_architectures"].as_array().unwrap().len(), 1);
    // The instance that is called autostart has the same package name.
    let all = pkginfo["installer_item_location"].as_string().unwrap();
    let of_instance = dictionary(&out["autostart/mdm/munki/lima-autostart-1.2.plist"]);
    let of_instance = of_instance["installer_item_location"].as_string().unwrap();
    assert_eq!(
        [all, of_instance],
        ["lima-autostart/all/lima-autostart-1.2.pkg", "lima-autostart/lima-autostart-1.2.pkg"]
    );
    assert_eq!(out[&format!("munki/pkgs/{all}")], out["lima-autostart-1.2.pkg"]);
    // Without the repository, as in the zip.
    let mut alone = out.clone();
    alone.retain(|path, _| !path.starts_with("munki/"));
    assert!(all_hold(&verify(&alone)), "{:#?}", failed(&alone));
}

#[test]
fn another_package_in_their_place_is_noticed() {
    let mut out = built();
    out.insert("lima-autostart-1.2.pkg".to_owned(), out["autostart/macos/lima-autostart-1.2.pkg"].clone());
    let failed = failed(&out);
    assert_eq!(failed.keys().copied().collect::<Vec<_>>(), ["manager-fleet", "manager-manifest"]);
    assert!(failed["manager-manifest"].contains("it says io.lima-vm.installer 1.2"), "{failed:#?}");
}

#[test]
fn they_come_with_the_packages_that_they_are_about() {
    let xtask = xtask();
    xtask.run(&["dist", "--unsigned"]);
    let of_all = xtask.files("out").into_keys().filter(|path| path.starts_with("mdm/"));
    assert!(
        of_all.into_iter().all(|path| path.starts_with("mdm/reports/")),
        "no package is of all instances"
    );
    xtask.run(&["dist", "--unsigned", "--combined", "--only", "mdm-declaration"]);
    let files = out(&xtask, "out");
    assert!(files.contains_key("mdm/declaration.json") && files.contains_key("lima-autostart-1.2.pkg"));
    assert!(all_hold(&verify(&files)), "{:#?}", failed(&files));
}

/// As Munki and Fleet run it, with its paths below a folder of the test's own.
#[test]
fn the_uninstaller_of_all_runs_each_one() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let script = String::from_utf8(built()["mdm/fleet/lima-uninstall.sh"].clone()).unwrap();
    let script = script
        .replace("=/Library/", &format!("={root}/Library/"))
        .replace("='/Library/", &format!("='{root}/Library/"));
    let uninstaller =
        |name: &str| format!("{root}/Library/Application Support/io.lima-vm/{name}/uninstall.sh");
    let write = |name: &str, text: &str| {
        let path = uninstaller(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (shell, arguments) in SHELLS {
        let Some(shell) = tool(shell) else { continue };
        let run = || {
            let output = Command::new(&shell).args(arguments).args(["-c", &script]).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        assert_eq!(run(), (Some(0), String::new()), "nothing is there");
        write("autostart", &format!("echo autostart >>'{root}/ran'; exit 3\n"));
        write("docker", &format!("echo docker >>'{root}/ran'\n"));
        assert_eq!(run().0, Some(1), "one failed");
        assert_eq!(fs::read_to_string(folder.path().join("ran")).unwrap(), "autostart\ndocker\n");
        fs::remove_file(uninstaller("autostart")).unwrap();
        assert_eq!(run().0, Some(0));
        let daemon = folder.path().join("Library/LaunchDaemons/io.lima-vm.daemon.autostart.plist");
        fs::create_dir_all(daemon.parent().unwrap()).unwrap();
        fs::write(&daemon, "").unwrap();
        let (code, said) = run();
        assert!(code == Some(1) && said.contains("exists, but ") && said.contains("install again"), "{said}");
        fs::remove_file(folder.path().join("ran")).unwrap();
        fs::remove_dir_all(folder.path().join("Library")).unwrap();
    }
    let file = folder.path().join("script.sh");
    fs::write(&file, &script).unwrap();
    let Some(shellcheck) = tool("shellcheck") else { return };
    quiet(Command::new(shellcheck).args(["-s", "sh"]).arg(file));
}
