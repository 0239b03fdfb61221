//! Munki's files, and what `verify` says when one of them was changed.

use std::fs;

use xtask::verify::all_hold;

use super::damage::{PACKAGE, PKGINFO, assert_fail, out, replaced};
use super::*;
use crate::support::Xtask;

#[test]
fn a_repository_that_does_not_agree_with_itself() {
    let good = out();
    let munki = |out: &Out, what: &str| assert_fail(out, &[("manager-munki", what)]);
    for catalog in ["munki/catalogs/all", "munki/catalogs/testing"] {
        munki(
            &replaced(&good, catalog, "1.2", "1.3"),
            "2 of them are missing, and 2 items belong to none of them; run makecatalogs",
        );
        let mut out = good.clone();
        out.get_mut(catalog).unwrap().truncate(100);
        munki(&out, "run makecatalogs");
        out.remove(catalog);
        munki(&out, &format!("the catalog {:?} is missing", catalog.rsplit('/').next().unwrap()));
    }
    let out = replaced(&good, "munki/manifests/lima-k3s", "k3s", "k8s");
    munki(&out, "it asks for \"lima-k8s-autostart\", but no pkginfo of the repository has this name");
    let again = |old: &str, new: &str| {
        let mut out = replaced(&good, PKGINFO, old, new);
        for name in ["all", "testing"] {
            let path = format!("munki/catalogs/{name}");
            let catalog = catalog_of(&out, &path);
            out.insert(path, catalog);
        }
        out
    };
    let kib = good[PACKAGE].len() / 1024;
    munki(&again(&format!("<integer>{kib}<"), "<integer>1<"), "its installer_item_size is not that of");
    munki(
        &again("<key>version</key>\n\t<string>1.2<", "<key>version</key>\n\t<string>1.3<"),
        "its version is 1.3",
    );
    munki(
        &again("io.lima-vm.installer.k3s</string>", "io.lima-vm.k3s</string>"),
        "it says io.lima-vm.k3s 1.2",
    );
    munki(&again("lima-autostart/lima", "../pkgs/lima"), "is not in the repository");
    // The pkginfo beside the package, for who keeps a repository elsewhere.
    let own = "k3s/mdm/munki/lima-k3s-1.2.plist";
    let digest = hex(Sha256::digest(&good[PACKAGE]));
    munki(&replaced(&good, own, &digest, &"0".repeat(64)), "its installer_item_hash is not that of");
    let mut alone = good.clone();
    alone.retain(|path, _| !path.starts_with("munki/"));
    assert!(all_hold(&verify(&alone)), "{:?}", failed(&alone));
    munki(
        &replaced(&alone, own, &digest, "0"),
        "its installer_item_hash is not that of \"k3s/macos/lima-k3s-1.2.pkg\"",
    );
}

/// As makecatalogs writes them: other escapes, other spaces, in another order, and what it
/// leaves out or adds.
#[test]
fn a_catalog_is_compared_as_a_property_list() {
    let mut out = out();
    for name in ["munki/catalogs/all", "munki/catalogs/testing"] {
        let mut value: plist::Value = plist::from_bytes(&out[name]).unwrap();
        let items = value.as_array_mut().unwrap();
        items.reverse();
        for item in items {
            let keys = item.as_dictionary_mut().unwrap();
            keys.insert("icon_hash".to_owned(), "0".into());
            keys.sort_keys();
        }
        let mut bytes = Vec::new();
        value.to_writer_xml(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap().replace("&apos;", "'").replace("&quot;", "\"");
        out.insert(name.to_owned(), format!("{text}\n\n").into_bytes());
    }
    let noted = "<key>name</key>";
    let with_notes = format!("<key>notes</key><string>mine</string><key>_metadata</key><dict/>{noted}");
    let out = replaced(&out, PKGINFO, noted, &with_notes);
    assert!(all_hold(&verify(&out)), "{:#?}", failed(&out));
    let twice = replaced(&out, "munki/catalogs/all", "</array>\n</plist>", "<dict/></array>\n</plist>");
    assert_fail(&twice, &[("manager-munki", "0 of them are missing, and 1 items belong to none")]);
}

/// A repository alone, as it lies on a server.
#[test]
fn a_repository_is_checked_by_itself() {
    let alone: Out = out()
        .into_iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix("munki/")?.to_owned(), bytes)))
        .collect();
    let munki = |out: &Out| verify(out).into_iter().find(|check| check.name == "manager-munki").unwrap();
    assert_eq!(munki(&alone).status, Status::Pass, "{:?}", munki(&alone));
    let path = "pkgsinfo/lima-autostart/lima-k3s-1.2.plist";
    assert_fail(
        &replaced(&alone, path, "<key>version</key>\n\t<string>1.2<", "<key>version</key>\n\t<string>1.3<"),
        &[("manager-munki", "its version is 1.3")],
    );
    let mut damaged = alone.clone();
    damaged.remove("pkgs/lima-autostart/lima-k3s-1.2.pkg");
    assert_fail(&damaged, &[("manager-munki", "is not in the repository")]);

    let xtask = Xtask::new();
    for (path, bytes) in &alone {
        let path = xtask.path("munki").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let output = xtask.bare_command(&["verify", "munki"]).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("pass  manager-munki") && !report.contains("FAIL"), "{report}");
}

#[test]
fn every_key_of_a_pkginfo_is_held_against_the_package() {
    let good = out();
    let own = "k3s/mdm/munki/lima-k3s-1.2.plist";
    let uninstaller = "/Library/Application Support/io.lima-vm/k3s/uninstall.sh";
    let pkginfo = dictionary(&good[own]);
    let size = pkginfo["installed_size"].as_unsigned_integer().unwrap();
    let sum = pkginfo["installs"].as_array().unwrap()[1].as_dictionary().unwrap()["md5checksum"].clone();
    let other_sum = "0".repeat(32);
    for (old, new, what) in [
        ("<string>13.0</string>", "<string>12.0</string>", "its minimum_os_version is 12.0"),
        ("\t\t<string>x86_64</string>\n", "", "its supported_architectures are arm64, and"),
        (
            sum.as_string().unwrap(),
            &other_sum,
            "the md5checksum of \"/Library/Application Support/io.lima-vm/k3s",
        ),
        (
            &format!("<string>{uninstaller}</string>"),
            "<string>/elsewhere/uninstall.sh</string>",
            "\"/elsewhere/uninstall.sh\" is in its installs, but",
        ),
        ("daemon.k3s.plist</string>", "daemon.k8s.plist</string>", "does not contain that file"),
        (&format!("<integer>{size}</integer>"), "<integer>1</integer>", "its installed_size is 1 KiB"),
        (
            &format!("<integer>{size}</integer>"),
            "<integer>1</integer>",
            "its receipt io.lima-vm.installer.k3s has 1 KiB",
        ),
        ("<string>uninstall_script</string>", "<string>removepackages</string>\n\t<key>x</key><string/>", ""),
        ("<key>uninstall_script</key>", "<key>uninstal_script</key>", "but uninstall_script is missing"),
        (
            "<key>uninstall_method</key>",
            "<key>method</key>",
            "it is uninstallable, but uninstall_method is missing",
        ),
        ("exit 0; fi\n", "exit 0; fi \u{2028}\n", "its uninstallcheck_script contains U+2028 or U+2029"),
        (
            "UNINSTALLER=&apos;/Library",
            "UNINSTALLER=&apos;/Lib",
            "its uninstallcheck_script does not look for",
        ),
        ("<string>#!/bin/sh\n# Whether", "<string># Whether", "does not start with the program that runs it"),
        (
            "<string>#!/bin/sh\n# Removes",
            "<string>#!/bin/sh\n# removes",
            "its uninstall_script is not the uninstaller",
        ),
    ] {
        if what.is_empty() {
            // Another method that it has what it needs for.
            assert!(all_hold(&verify(&replaced(&good, own, old, new))), "{new}");
        } else {
            assert_fail(&replaced(&good, own, old, new), &[("manager-munki", what)]);
        }
    }
}

/// The guide's manifest of a client, of what the repository has.
#[test]
fn the_guides_client_manifest_is_of_the_repository() {
    let out = out();
    let blocks = crate::readme::blocks_of("docs/fleets.md", "What the managers read", "xml");
    let block = blocks.into_iter().find(|block| block.contains("included_manifests")).unwrap();
    let manifest = dictionary(block.as_bytes());
    let names = |key: &str| -> Vec<String> {
        let names = manifest[key].as_array().unwrap().iter();
        names.map(|name| name.as_string().unwrap().to_owned()).collect()
    };
    assert_eq!(manifest.len(), 2);
    assert_eq!(names("catalogs"), ["testing"]);
    assert_eq!(names("included_manifests"), ["lima-k3s"]);
    assert!(out.contains_key("munki/catalogs/testing") && out.contains_key("munki/manifests/lima-k3s"));
    assert!(!dictionary(&out["munki/manifests/lima-k3s"]).contains_key("catalogs"));
}
