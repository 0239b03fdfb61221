//! The packages of `dist`, read by readers that others wrote.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};

use apple_bom::ParsedBom;
use apple_flat_package::{PkgFlavor, PkgReader};
use xshell::{Shell, cmd};

use crate::signing::{openssl_verifies, signatures};
use crate::support::{Xtask, tool};

const INSTALLER: &str = "out/k3s/macos/lima-k3s-1.0.0.pkg";
const UNINSTALLER: &str = "out/k3s/macos/lima-k3s-1.0.0-uninstall.pkg";

#[test]
fn openssl_verifies_both_signatures_of_both_packages() {
    let Some(_) = tool("openssl") else { return };
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    for path in [INSTALLER, UNINSTALLER] {
        let package = fs::read(xtask.path(path)).unwrap();
        let (digest, certificates, rsa, cms) = signatures(&package);
        openssl_verifies(&Shell::new().unwrap(), &digest, &certificates[0], &rsa, &cms);
    }
}

/// Bom, Payload and PackageInfo agree on what is installed.
#[test]
fn bom_payload_and_package_info_agree() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    let package = fs::read(xtask.path(INSTALLER)).unwrap();
    let mut reader = PkgReader::new(Cursor::new(package)).unwrap();
    assert!(matches!(reader.flavor(), PkgFlavor::Product));
    let components = reader.component_packages().unwrap();
    let [component] = components.as_slice() else { panic!("{} components", components.len()) };
    let info = component.package_info().unwrap();
    assert_eq!(info.identifier, "io.lima-vm.installer.k3s");

    let bom = ParsedBom::parse(component.bom().expect("a Bom")).unwrap();
    let in_bom: BTreeMap<String, (u16, u32, u32)> = bom
        .paths()
        .unwrap()
        .into_iter()
        .map(|path| (path.path().to_owned(), (path.file_mode(), path.user_id(), path.group_id())))
        .collect();
    let mut in_payload = BTreeMap::new();
    let mut payload = component.payload_reader().unwrap().expect("a Payload");
    while let Some(header) = payload.read_next().unwrap() {
        let mut content = Vec::new();
        payload.read_to_end(&mut content).unwrap();
        let owner = (header.mode() as u16, header.uid(), header.gid());
        in_payload.insert(header.name().to_owned(), (owner, content));
    }
    assert!(in_bom.keys().eq(in_payload.keys()), "{:?}\n{:?}", in_bom.keys(), in_payload.keys());
    for (path, modes_and_owners) in &in_bom {
        assert_eq!(modes_and_owners, &in_payload[path].0, "{path}");
    }
    assert_eq!(info.payload.as_ref().unwrap().number_of_files, in_bom.len() as u64);

    let plist = "./Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist";
    let uninstall = "./Library/Application Support/io.lima-vm/k3s/uninstall.sh";
    assert_eq!((in_bom[plist].0, in_bom[plist].1, in_bom[plist].2), (0o100_644, 0, 0));
    assert_eq!((in_bom[uninstall].0, in_bom[uninstall].1, in_bom[uninstall].2), (0o100_755, 0, 0));
    let support = &in_bom["./Library/Application Support"];
    assert_eq!((support.1, support.2), (0, 80), "root:admin, as a Mac has it");
    assert_eq!(
        in_payload[plist].1,
        fs::read(xtask.path("out/k3s/macos/io.lima-vm.daemon.k3s.plist")).unwrap()
    );
    assert_eq!(in_payload[uninstall].1, fs::read(xtask.path("out/k3s/macos/uninstall.sh")).unwrap());
}

#[test]
fn bsdtar_and_7z_list_and_unpack_the_packages() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    let sh = Shell::new().unwrap();
    let (installer, uninstaller) = (xtask.path(INSTALLER), xtask.path(UNINSTALLER));
    if tool("bsdtar").is_some() {
        let listed = cmd!(sh, "bsdtar tf {installer}").read().unwrap();
        for member in ["Distribution", "lima-k3s.pkg/Bom", "lima-k3s.pkg/Payload", "lima-k3s.pkg/PackageInfo"]
        {
            assert!(listed.lines().any(|line| line == member), "{listed}");
        }
        let scripts = cmd!(sh, "bsdtar xOf {installer} lima-k3s.pkg/Scripts").output().unwrap().stdout;
        let names = cmd!(sh, "bsdtar tf -").stdin(&scripts).read().unwrap();
        for script in ["./preinstall", "./postinstall", "./config.sh"] {
            assert!(names.lines().any(|line| line == script), "{names}");
        }
        let listed = cmd!(sh, "bsdtar tf {uninstaller}").read().unwrap();
        assert!(!listed.contains("Payload") && !listed.contains("Bom"), "payload-free: {listed}");
    }
    if tool("7z").is_some() {
        for package in [&installer, &uninstaller] {
            let said = cmd!(sh, "7z t {package}").read().unwrap();
            assert!(said.contains("Everything is Ok"), "{said}");
        }
    }
}

#[test]
fn the_distribution_says_what_the_issue_of_a_root_installer_needs() {
    let Some(_) = tool("bsdtar") else { return };
    let Some(_) = tool("xmllint") else { return };
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    let sh = Shell::new().unwrap();
    let installer = xtask.path(INSTALLER);
    let xml = cmd!(sh, "bsdtar xOf {installer} Distribution").read().unwrap();
    let query = |path: &str| cmd!(sh, "xmllint --xpath {path} -").stdin(&xml).read().unwrap();
    assert_eq!(query("string(//options/@hostArchitectures)"), "arm64,x86_64");
    assert_eq!(query("string(//allowed-os-versions/os-version/@min)"), "13.0");
    assert_eq!(query("string(//domains/@enable_localSystem)"), "true");
    assert_eq!(query("string(//domains/@enable_currentUserHome)"), "false");
    // Nothing is refused, or warned of where nobody sees it, before postinstall.
    assert_eq!(query("count(//installation-check | //script)"), "0");
    for page in ["welcome", "conclusion"] {
        let file = query(&format!("string(//{page}/@file)"));
        let member = format!("Resources/{file}");
        let html = cmd!(sh, "bsdtar xOf {installer} {member}").read().unwrap();
        assert!(html.contains("k3s"), "{html}");
    }
}

#[test]
fn a_login_package_stages_the_agent_and_installs_nothing_into_a_home() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--condition", "login"]);
    let mut reader = PkgReader::new(Cursor::new(fs::read(xtask.path(INSTALLER)).unwrap())).unwrap();
    let components = reader.component_packages().unwrap();
    let bom = ParsedBom::parse(components[0].bom().unwrap()).unwrap();
    let paths: Vec<String> = bom.paths().unwrap().into_iter().map(|path| path.path().to_owned()).collect();
    assert!(paths.iter().any(|path| path
        == "./Library/Application Support/io.lima-vm/k3s/io.lima-vm.autostart.k3s.plist"));
    assert!(paths.iter().all(|path| !path.contains("LaunchDaemons") && !path.contains("Users")), "{paths:?}");
}

#[test]
fn license_and_background_travel_in_the_package() {
    let Some(_) = tool("bsdtar") else { return };
    let xtask = Xtask::new();
    fs::write(xtask.path("license.txt"), "Do what you like.").unwrap();
    fs::write(xtask.path("picture.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    fs::write(xtask.path("installers.toml"), "license = \"license.txt\"\nbackground = \"picture.png\"\n")
        .unwrap();
    xtask.run(&["dist", "k3s"]);
    let sh = Shell::new().unwrap();
    let installer = xtask.path(INSTALLER);
    let listed = cmd!(sh, "bsdtar tf {installer}").read().unwrap();
    assert!(
        listed.contains("Resources/license.txt") && listed.contains("Resources/background.png"),
        "{listed}"
    );
    let text = cmd!(sh, "bsdtar xOf {installer} Resources/license.txt").read().unwrap();
    assert_eq!(text, "Do what you like.");
}

/// The documents inside the packages, as they are.
#[test]
fn documents_are_as_they_were() {
    use crate::golden::without_sizes;
    use flatpkg::product::PackageFacts;
    let xtask = Xtask::new();
    for condition in ["boot", "login"] {
        xtask.run(&["dist", "k3s", "--unsigned", "--condition", condition]);
        for (name, path) in [("installer", INSTALLER), ("uninstaller", UNINSTALLER)] {
            let mut input = Cursor::new(fs::read(xtask.path(path)).unwrap());
            let facts = PackageFacts::read(&mut input).unwrap();
            for (member, file) in facts.archive.files() {
                let document = member.rsplit('/').next().unwrap_or_default();
                if let (Some(data), "Distribution" | "PackageInfo") = (&file.data, document) {
                    let content = facts.archive.content(&mut input, &member, data, 1 << 20).unwrap();
                    let content = without_sizes(&String::from_utf8(content).unwrap());
                    let name = format!("packages/{condition}/{name}/{document}.xml");
                    crate::golden::golden(&name, content.as_bytes());
                }
            }
        }
    }
}
