//! One package for several instances.

use std::fs::{self, File};

use flatpkg::product::PackageFacts;
use xshell::{Shell, cmd};

use super::folder;
use crate::support::{Xtask, succeed, tool};

const INSTALLER: &str = "out/lima-autostart-3.1.pkg";
const UNINSTALLER: &str = "out/lima-autostart-3.1-uninstall.pkg";

fn facts(xtask: &Xtask, path: &str) -> PackageFacts {
    PackageFacts::read(&mut File::open(xtask.path(path)).unwrap()).unwrap()
}

#[test]
fn it_holds_the_instances_own_components() {
    let Some(bsdtar) = tool("bsdtar") else { return };
    let xtask = folder(3);
    xtask.run(&["dist", "--unsigned", "--combined"]);
    let sh = Shell::new().unwrap();
    for (combined, end) in [(INSTALLER, ""), (UNINSTALLER, "-uninstall")] {
        let all = xtask.path("all");
        fs::create_dir(&all).unwrap();
        let package = xtask.path(combined);
        cmd!(sh, "{bsdtar} -xf {package} -C {all}").run().unwrap();
        for name in ["vm0", "vm1", "vm2"] {
            let one = xtask.path("one");
            fs::create_dir(&one).unwrap();
            let package = xtask.path(&format!("out/{name}/macos/lima-{name}-3.1{end}.pkg"));
            cmd!(sh, "{bsdtar} -xf {package} -C {one}").run().unwrap();
            let component = format!("lima-{name}{end}.pkg");
            let (own, combined) = (one.join(&component), all.join(&component));
            let files = crate::support::files(&own);
            assert!(files.len() >= 2 && files == crate::support::files(&combined), "{component}");
            fs::remove_dir_all(one).unwrap();
        }
        fs::remove_dir_all(all).unwrap();
    }
}

#[test]
fn every_instance_is_a_choice() {
    let xtask = folder(3);
    xtask.run(&["dist", "--unsigned", "--combined"]);
    for (path, product) in [(INSTALLER, "io.lima-vm.installer"), (UNINSTALLER, "io.lima-vm.uninstaller")] {
        let distribution = facts(&xtask, path).distribution.unwrap();
        assert_eq!(distribution.identifier.as_deref(), Some(product));
        let choices: Vec<_> = distribution
            .choices
            .iter()
            .map(|choice| (choice.id.clone().unwrap(), choice.package_references.clone()))
            .filter(|(_, references)| !references.is_empty())
            .collect();
        let expected: Vec<_> = (0..3)
            .map(|number| format!("{product}.vm{number}"))
            .map(|identifier| (identifier.clone(), vec![identifier]))
            .collect();
        assert_eq!(choices, expected);
    }
    let Some(bsdtar) = tool("bsdtar") else { return };
    let sh = Shell::new().unwrap();
    for (path, golden) in [(INSTALLER, "installer"), (UNINSTALLER, "uninstaller")] {
        let package = xtask.path(path);
        let xml = cmd!(sh, "{bsdtar} -xOf {package} Distribution").read().unwrap();
        crate::golden::golden(
            &format!("packages/combined/{golden}.xml"),
            crate::golden::without_sizes(&xml).as_bytes(),
        );
    }
    let report = succeed(&mut xtask.bare_command(&["verify", INSTALLER, UNINSTALLER]));
    assert!(!report.contains("FAIL"), "{report}");
    let report = succeed(&mut xtask.bare_command(&["inspect", INSTALLER]));
    for name in ["vm0", "vm1", "vm2"] {
        assert!(report.contains(&format!("io.lima-vm.installer.{name}")), "{report}");
    }
}

#[test]
fn it_takes_the_macs_that_every_instance_takes() {
    let xtask = Xtask::new();
    let build = |settings: &str| {
        fs::write(xtask.path("installers.toml"), settings).unwrap();
        xtask.command(&["dist", "--unsigned", "--combined", "--only", "combined-pkg"]).output().unwrap()
    };
    let output = build(
        "[[instance]]\nname = \"a\"\nmin-macos = \"14\"\n[[instance]]\nname = \"b\"\nmin-macos = \"13.9\"\n\
         architectures = [\"arm64\"]\n",
    );
    assert!(output.status.success());
    let distribution = facts(&xtask, "out/lima-autostart-1.0.0.pkg").distribution.unwrap();
    assert_eq!(distribution.minimum_macos, ["14"]);
    assert_eq!(distribution.host_architectures.as_deref(), Some("arm64"));

    let error = xtask.fail(&["dist", "--unsigned", "--only", "combined-pkg"]);
    assert!(error.contains("nothing to build: packages of several instances need --combined"), "{error}");

    let output = build(
        "[[instance]]\nname = \"a\"\narchitectures = [\"x86_64\"]\n[[instance]]\nname = \"b\"\n\
         [[instance]]\nname = \"c\"\narchitectures = [\"arm64\"]\n",
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("a is for x86_64 and c for arm64") && error.contains("--combined"), "{error}");
}

#[test]
fn the_pages_and_the_check_are_what_installer_takes() {
    let (Some(bsdtar), Some(xmllint)) = (tool("bsdtar"), tool("xmllint")) else { return };
    let xtask = folder(3);
    xtask.run(&["dist", "--unsigned", "--combined"]);
    let sh = Shell::new().unwrap();
    for (path, kind) in [(INSTALLER, "installer"), (UNINSTALLER, "uninstaller")] {
        let package = xtask.path(path);
        for page in ["welcome.html", "conclusion.html"] {
            let member = format!("Resources/{page}");
            let html = cmd!(sh, "{bsdtar} -xOf {package} {member}").read().unwrap();
            let file = xtask.path(page);
            fs::write(&file, &html).unwrap();
            cmd!(sh, "{xmllint} --noout --nonet {file}").run().unwrap();
            crate::golden::golden(
                &format!("packages/combined/{kind}-{page}"),
                format!("{html}\n").as_bytes(),
            );
        }
    }
}

/// What Installer shows of three hundred instances is as long as of three.
#[test]
fn installers_pages_stay_short() {
    use xtask::macos::combined_pages;
    use xtask::settings::{Condition, Instance};

    let spec = |count: usize| {
        let plain = crate::render::plain(Condition::Boot);
        let named = |at: usize| Instance { name: format!("vm{at}").parse().unwrap(), ..plain.clone() };
        let mut spec = crate::render::spec(&plain);
        spec.instances = (0..count).map(named).collect();
        spec
    };
    let (few, many) = (spec(3), spec(300));
    assert_eq!(
        combined_pages::combined_conclusion_html(&many),
        combined_pages::combined_conclusion_html(&few)
    );
    for page in [combined_pages::combined_welcome_html, combined_pages::combined_uninstall_welcome_html] {
        let (few, many) = (page(&few), page(&many));
        assert!(few.contains("<dd>vm0, vm1, vm2</dd>"), "{few}");
        assert!(many.contains("<details><summary>300 instances</summary>vm0, vm1, "), "{many}");
        assert_eq!(few.lines().count(), many.lines().count());
    }
}
