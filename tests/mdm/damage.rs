//! A folder whose parts agree, and what `verify` says when one of them was changed.

use std::fs;

use xtask::verify::all_hold;

use super::*;
use crate::support::Xtask;

pub const PACKAGE: &str = "k3s/macos/lima-k3s-1.2.pkg";
const IN_REPOSITORY: &str = "munki/pkgs/lima-autostart/lima-k3s-1.2.pkg";
const MANIFEST: &str = "k3s/mdm/manifest.plist";
const DECLARATION: &str = "k3s/mdm/declaration.json";
const PROFILE: &str = "k3s/mdm/login-items.mobileconfig";
pub const PKGINFO: &str = "munki/pkgsinfo/lima-autostart/lima-k3s-1.2.plist";
const POLICIES: &str = "k3s/mdm/fleet/lima-k3s.policies.yml";
const FLEET: &str = "k3s/mdm/fleet/lima-k3s.package.yml";

pub fn out() -> Out {
    build(&[boot()], None)
}

/// The same with a text replaced in a file, wherever it is there.
pub fn replaced(out: &Out, path: &str, old: &str, new: &str) -> Out {
    let mut out = out.clone();
    let text = String::from_utf8(out[path].clone()).unwrap();
    assert!(text.contains(old), "{path}: {old}\n{text}");
    out.insert(path.to_owned(), text.replace(old, new).into_bytes());
    out
}

/// Exactly these checks fail.
pub fn assert_fail(out: &Out, expected: &[(&str, &str)]) {
    let failed = failed(out);
    let names: Vec<&str> = failed.keys().copied().collect();
    let mut expected_names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    expected_names.sort_unstable();
    assert_eq!(names, expected_names, "{failed:#?}");
    for (name, what) in expected {
        assert!(failed[name].contains(what), "{name} does not say {what:?}:\n{}", failed[name]);
    }
}

#[test]
fn what_is_built_agrees() {
    for (case, spec, instance) in served() {
        let out = build(&[(spec, instance)], None);
        let checks = verify(&out);
        assert!(all_hold(&checks), "{case}: {:#?}", failed(&out));
        let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
        assert_eq!(
            names,
            ["manager-manifest", "manager-declaration", "manager-profile", "manager-munki", "manager-fleet"]
        );
        assert!(checks.iter().all(|check| check.status == Status::Pass), "{checks:?}");
    }
    assert!(verify(&Out::new()).iter().all(|check| check.status == Status::NotApplicable));
}

#[test]
fn two_instances_in_one_folder_agree() {
    let (spec, k3s) = boot();
    let docker = Instance { name: "docker".parse().unwrap(), ..k3s.clone() };
    let out = build(&[(spec.clone(), k3s), (spec, docker)], None);
    assert!(all_hold(&verify(&out)), "{:#?}", failed(&out));
    // The other one's package would pass by its sums; it is still the wrong one.
    let mut other = out.clone();
    other.insert(MANIFEST.to_owned(), out["docker/mdm/manifest.plist"].clone());
    other.insert(
        FLEET.to_owned(),
        out["docker/mdm/fleet/docker.package.yml".replace("docker.p", "lima-docker.p").as_str()].clone(),
    );
    other.insert(PROFILE.to_owned(), out["docker/mdm/login-items.mobileconfig"].clone());
    assert_fail(
        &other,
        &[
            ("manager-manifest", "which is another instance's"),
            ("manager-declaration", "ServerToken"),
            ("manager-profile", "no package of the instance has a job \"io.lima-vm.daemon.docker\""),
            ("manager-fleet", "which is another instance's"),
        ],
    );
}

#[test]
fn a_package_that_is_another_one_now() {
    // Another version of the same, under the old name.
    let (spec, instance) = boot();
    let newer = Spec { version: "1.3".parse().unwrap(), ..spec };
    let newer = build(&[(newer, instance)], None);
    let mut out = out();
    out.insert(PACKAGE.to_owned(), newer["k3s/macos/lima-k3s-1.3.pkg"].clone());
    assert_fail(
        &out,
        &[
            (
                "manager-manifest",
                "it says io.lima-vm.installer.k3s 1.2, and \"k3s/macos/lima-k3s-1.2.pkg\" is io.lima-vm.installer.k3s 1.3",
            ),
            ("manager-fleet", "hash_sha256"),
        ],
    );
    out.insert(IN_REPOSITORY.to_owned(), out[PACKAGE].clone());
    let failed = failed(&out);
    for what in ["installer_item_hash", "its version is 1.2", "it says io.lima-vm.installer.k3s 1.2"] {
        assert!(failed["manager-munki"].contains(what), "{failed:#?}");
    }
}

#[test]
fn a_package_that_was_damaged_cut_short_or_taken_away() {
    let good = out();
    let mut out = good.clone();
    // In the conclusion, which is before Distribution, and which nothing is held
    // against.
    let place = out[PACKAGE].len() - 900;
    out.get_mut(PACKAGE).unwrap()[place] ^= 1;
    assert_fail(&out, &[("manager-manifest", "sum 1 of 1 is not that of"), ("manager-fleet", "hash_sha256")]);

    let mut out = good.clone();
    out.get_mut(PACKAGE).unwrap().pop();
    let what = "its sizeInBytes is not that of";
    assert_fail(
        &out,
        &[
            ("manager-manifest", what),
            ("manager-profile", "cannot be read"),
            ("manager-fleet", "hash_sha256"),
        ],
    );
    assert!(failed(&out)["manager-manifest"].contains("sum 1 of 1 is not that of"));

    let mut out = good.clone();
    out.get_mut(IN_REPOSITORY).unwrap()[place] ^= 1;
    assert_fail(&out, &[("manager-munki", "its installer_item_hash is not that of")]);

    let mut out = good.clone();
    out.remove(IN_REPOSITORY);
    assert_fail(
        &out,
        &[("manager-munki", "its package \"lima-autostart/lima-k3s-1.2.pkg\" is not in the repository")],
    );

    let mut out = good;
    out.remove(PACKAGE);
    out.remove("k3s/macos/lima-k3s-1.2-uninstall.pkg");
    assert_fail(
        &out,
        &[
            ("manager-manifest", "does not end in the path of a file in this folder"),
            ("manager-fleet", "does not end in the path of a file in this folder"),
            ("manager-profile", "no package of the instance has a job"),
        ],
    );
}

#[test]
fn a_manifest_that_was_changed() {
    let good = out();
    let size = good[PACKAGE].len().to_string();
    let chunk = hex(Sha256::digest(&good[PACKAGE]));
    let token = ("manager-declaration", "its ServerToken is not the SHA-256 of \"k3s/mdm/manifest.plist\"");
    for (old, new, what) in [
        (chunk.as_str(), "00", "sum 1 of 1"),
        (size.as_str(), "1", "sizeInBytes"),
        ("<integer>10485760", "<integer>100", "it has 1 sums"),
        ("<integer>10485760", "<integer>0", "it has no sha256-size"),
        ("<string>1.2<", "<string>1.3<", "it says io.lima-vm.installer.k3s 1.3"),
        ("io.lima-vm.installer.k3s", "io.lima-vm.installer.docker", "it says io.lima-vm.installer.docker"),
        ("lima-k3s-1.2.pkg", "lima-k3s-1.1.pkg", "does not end in the path of a file"),
        ("https://", "http://", "is not an https address"),
        ("software-package", "display-image", "which is not a package"),
        ("<key>sha256s", "<key>sha256", "it has no string sha256"),
        ("<key>url", "<key>uri", "it has no string url"),
        ("<key>metadata", "<key>meta", "it has no metadata"),
        ("<key>items", "<key>things", "it has no array items"),
    ] {
        assert_fail(&replaced(&good, MANIFEST, old, new), &[("manager-manifest", what), token]);
    }
}

/// The sums of several parts, and the one sum that goes before them.
#[test]
fn a_manifest_with_several_parts() {
    let good = out();
    let bytes = &good[PACKAGE];
    let parts: Vec<String> = bytes.chunks(5000).map(|part| hex(Sha256::digest(part))).collect();
    assert!(parts.len() > 2);
    let whole = hex(Sha256::digest(bytes));
    let lines = |parts: &[String]| parts.join("</string><string>");
    let in_parts = replaced(&good, MANIFEST, &whole, &lines(&parts));
    let out = replaced(&in_parts, MANIFEST, "<integer>10485760", "<integer>5000");
    assert!(!failed(&out).contains_key("manager-manifest"), "{:?}", failed(&out));
    let mut swapped = parts.clone();
    swapped.swap(1, 2);
    let swapped = replaced(&out, MANIFEST, &lines(&parts), &lines(&swapped));
    assert!(failed(&swapped)["manager-manifest"].contains(&format!("sum 2 of {}", parts.len())));

    let old = "<key>sha256-size</key>\n\t\t\t\t\t<integer>10485760</integer>";
    let with =
        |sum: &str| replaced(&good, MANIFEST, old, &format!("<key>sha256</key><string>{sum}</string>"));
    assert!(!failed(&with(&whole)).contains_key("manager-manifest"));
    assert!(failed(&with(&parts[0]))["manager-manifest"].contains("its sha256 is not that of"));
}

#[test]
fn a_declaration_a_profile_or_software_that_was_changed() {
    let good = out();
    for (path, old, new, check, what) in [
        (
            DECLARATION,
            "/manifest.plist",
            "/other.plist",
            "manager-declaration",
            "the path of a file in this folder",
        ),
        (
            DECLARATION,
            "mdm/manifest.plist",
            "macos/lima-k3s-1.2.pkg",
            "manager-declaration",
            "not this instance's manifest",
        ),
        (
            DECLARATION,
            "configuration.package",
            "configuration.app",
            "manager-declaration",
            "which is not a package's",
        ),
        (
            DECLARATION,
            "mdm/manifest",
            "mdm/uninstall-manifest",
            "manager-declaration",
            "not this instance's manifest",
        ),
        (
            DECLARATION,
            "\"Identifier\": \"",
            &format!("\"Identifier\": \"{}", "x".repeat(29)),
            "manager-declaration",
            "its Identifier has 65 bytes, and 1 to 64 are taken",
        ),
        (DECLARATION, "\"Required\"", "\"Optional\"", "manager-declaration", "has the user decide"),
        (DECLARATION, "\"Required\"", "\"Always\"", "manager-declaration", "which Apple does not have"),
        (DECLARATION, "InstallBehavior", "Behavior", "manager-declaration", "has the user decide"),
        (DECLARATION, "ServerToken", "Token", "manager-declaration", "missing field `ServerToken`"),
        (
            PROFILE,
            "io.lima-vm.daemon.k3s",
            "io.lima-vm.daemon.k8s",
            "manager-profile",
            "has a job \"io.lima-vm.daemon.k8s\"",
        ),
        (PROFILE, "<string>Label<", "<string>LabelPrefix<", "manager-profile", "no job by its label"),
        (FLEET, "https:", "http:", "manager-fleet", "is not an https address"),
        (
            FLEET,
            "-install.sh",
            "-installs.sh",
            "manager-fleet",
            "names the script \"./lima-k3s-installs.sh\"",
        ),
        (FLEET, "url", "uri", "manager-fleet", "missing field `url`"),
        (POLICIES, "./lima-k3s.package.yml", "./lima.package.yml", "manager-fleet", "which is not beside it"),
        (POLICIES, "k3s runs'", "k3s is installed'", "manager-fleet", "it has two policies"),
        (POLICIES, "query:", "queries:", "manager-fleet", "missing field `query`"),
    ] {
        assert_fail(&replaced(&good, path, old, new), &[(check, what)]);
    }
}

/// As a person sees it.
#[test]
fn the_command_checks_a_folder() {
    let xtask = Xtask::new();
    let write = |out: &Out| {
        for (path, bytes) in out {
            let path = xtask.path("out").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    };
    let report = || {
        let output = xtask.bare_command(&["verify", "out"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mut out = out();
    write(&out);
    let text = report();
    for name in ["manifest", "declaration", "profile", "munki", "fleet"] {
        assert!(text.contains(&format!("  pass  manager-{name}\n")), "{text}");
    }
    assert!(!text.contains("out/munki/pkgs"), "a copy is checked once:\n{text}");
    out.get_mut(PACKAGE).unwrap()[5000] ^= 1;
    write(&out);
    assert!(report().contains("  FAIL  manager-manifest "), "{}", report());
}
