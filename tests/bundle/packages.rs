//! Packages that bring Lima along: built by `dist`, looked at by `verify` and by other people's
//! readers.

use std::fs;
use std::io::{Cursor, Read as _};
use std::process::Command;

use flatpkg::product::PackageFacts;
use xtask::bundle::archive;
use xtask::settings::Architecture;

use super::{limactl, release, setting, sha256};
use crate::support::{Xtask, fail, optional_tool, succeed, tool};

/// A folder with settings for two instances, which bring all there is.
fn folder() -> Option<Xtask> {
    let xtask = Xtask::new();
    let archive = release(xtask.dir.path(), "2.2.0", Architecture::Arm64)?;
    fs::write(xtask.path("disk.qcow2"), vec![7; 100_000]).unwrap();
    fs::write(xtask.path("nerdctl.tar.gz"), b"nerdctl").unwrap();
    fs::write(xtask.path("k3s.yaml"), "images: []\n").unwrap();
    let file = |name: &str| format!("{{ file = \"{name}\", sha256 = \"{}\" }}", sha256(&xtask.path(name)));
    let text = format!(
        "version = \"1.2\"\noffline = true\npaths-d = true\nlima = {}\n[defaults]\ntemplate = \"k3s.yaml\"\nimage = \
         {}\ncontainerd = {}\n[[instance]]\nname = \"k3s\"\n[[instance]]\nname = \"docker\"\n",
        setting(&archive),
        file("disk.qcow2"),
        file("nerdctl.tar.gz")
    );
    fs::write(xtask.path("installers.toml"), text).unwrap();
    Some(xtask)
}

#[test]
fn packages_with_lima_are_sound_and_the_same_again() {
    let Some(xtask) = folder() else { return };
    let arguments = ["dist", "--combined", "--base-url", "https://example.com/lima"];
    let run = |out: &str| {
        let mut command = xtask.command(&[&arguments[..], &["--out", out]].concat());
        succeed(command.env("SOURCE_DATE_EPOCH", "1700000000").args(["--unsigned"]));
    };
    run("out");
    run("again");
    assert!(xtask.files("out") == xtask.files("again"), "the same input gives the same bytes");
    succeed(xtask.bare_command(&["verify", "out"]).arg("--strict"));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(xtask.path("out/artifacts.json")).unwrap()).unwrap();
    let artifacts = manifest["artifacts"].as_array().unwrap();
    let brought = |kind: &str| {
        let one = artifacts.iter().find(|one| one["kind"] == kind).unwrap();
        let brought = one["package"]["bundled"].as_array().cloned().unwrap_or_default();
        brought.iter().map(|one| one["identifier"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let image = |name: &str| format!("io.lima-vm.lima.image.{}", &sha256(&xtask.path(name))[..16]);
    let expected = ["io.lima-vm.lima.2.2.0".to_owned(), image("disk.qcow2"), image("nerdctl.tar.gz")];
    assert_eq!((brought("pkg"), brought("combined-pkg")), (expected.to_vec(), expected.to_vec()));
    assert!(brought("uninstall-pkg").is_empty());
    // The Distribution asks for room for all of it.
    let mut package = Cursor::new(fs::read(xtask.path("out/lima-autostart-1.2.pkg")).unwrap());
    let facts = PackageFacts::read(&mut package).unwrap();
    let references = facts.distribution.unwrap().document;
    let kbytes: Vec<&str> =
        references.all("pkg-ref").filter_map(|one| one.attribute("installKBytes")).collect();
    assert_eq!(kbytes.len(), 5);
    assert!(kbytes.iter().all(|number| number.parse::<u64>().unwrap() > 0), "{kbytes:?}");
}

/// bsdtar and 7-Zip read xar and cpio by themselves.
#[test]
fn others_find_in_the_package_what_was_in_the_archive() {
    let Some(xtask) = folder() else { return };
    xtask.run(&["dist", "k3s", "--only", "pkg"]);
    let Some(bsdtar) = tool("bsdtar") else { return };
    let unpack = |file: &str, to: &str| {
        fs::create_dir_all(xtask.path(to)).unwrap();
        succeed(Command::new(&bsdtar).arg("-xf").arg(xtask.path(file)).arg("-C").arg(xtask.path(to)));
    };
    unpack("out/k3s/macos/lima-k3s-1.2.pkg", "package");
    unpack("package/bundled-lima.2.2.0.pkg/Payload", "mac");
    unpack("lima-2.2.0-Darwin-arm64.tar.gz", "lima");
    // A link to a folder, which is not a file.
    for place in ["mac/opt/io.lima-vm/lima/2.2.0/arm64", "lima"] {
        let link = xtask.path(place).join("share/doc/lima/templates");
        assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("../../lima/templates"));
        fs::remove_file(link).unwrap();
    }
    let laid_down = xtask.files("mac/opt/io.lima-vm/lima/2.2.0/arm64");
    assert_eq!(laid_down, xtask.files("lima"));
    assert_eq!(laid_down["bin/limactl"], (0o755, limactl(Architecture::Arm64, "2.2.0")));
    let paths = fs::read_to_string(xtask.path("mac/private/etc/paths.d/io.lima-vm.lima")).unwrap();
    assert_eq!(paths, "/opt/io.lima-vm/lima/current/bin\n");
    let disk = sha256(&xtask.path("disk.qcow2"));
    unpack(&format!("package/bundled-lima.image.{}.pkg/Payload", &disk[..16]), "mac");
    let laid_down = xtask.path(&format!("mac/opt/io.lima-vm/lima/images/{disk}/disk.qcow2"));
    assert_eq!(sha256(&laid_down), disk);
}

#[test]
fn programs_are_signed_anew_and_everything_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = release(folder.path(), "2.2.0", Architecture::X86_64) else { return };
    let (version, release) = archive::open(&path, &sha256(&path)).unwrap();
    let lima = xtask::bundle::Lima { version, archives: vec![release.clone()] };
    let signed = lima.clone().signed(crate::code::development()).unwrap();
    assert_ne!(signed, lima, "another package comes of it");
    let mut programs = Vec::new();
    for (before, after) in release.entries.iter().zip(signed.archives[0].entries.iter()) {
        assert_eq!((&before.path, before.executable), (&after.path, after.executable));
        let content = |entry: &xtask::bundle::Entry| match &entry.content {
            xtask::bundle::Content::File(source) => {
                let mut bytes = Vec::new();
                source.open().unwrap().read_to_end(&mut bytes).unwrap();
                assert_eq!(bytes.len() as u64, source.size());
                bytes
            }
            _ => Vec::new(),
        };
        let (before, bytes) = (content(before), content(after));
        if !macho::is_macho(&before) {
            assert_eq!(before, bytes, "{}", after.path);
            continue;
        }
        programs.push(after.path.as_str());
        let code = crate::code::read(&bytes);
        assert!(code.images[0].has_hardened_runtime());
        assert_eq!(code.images[0].entitlements.len(), 3, "Lima's own");
        if let Some(rcodesign) = optional_tool("rcodesign") {
            let program = folder.path().join("program");
            fs::write(&program, &bytes).unwrap();
            succeed(Command::new(rcodesign).arg("verify").arg(program));
        }
    }
    assert_eq!(programs, ["bin/limactl", "libexec/lima/limactl-mcp"]);
}

#[test]
fn notarizing_is_refused_before_anything_is_built() {
    let Some(xtask) = folder() else { return };
    let mut dist = xtask.command(&["dist", "--notarize"]);
    let said = fail(dist.env("LIMA_AUTOSTART_API_KEY", crate::notary::authority::team().api_key("key.p8")));
    assert!(said.contains("programs that are signed ad hoc, as Lima's are; sign them with"), "{said}");
    assert!(!xtask.path("out/artifacts.json").exists());
}

/// What Installer shows, and the page of the run, say what is in the package and what is not.
#[test]
fn the_pages_say_what_the_package_brings() {
    let Some(xtask) = folder() else { return };
    xtask.run(&["dist", "--unsigned", "--combined"]);
    let page = fs::read_to_string(xtask.path("out/index.html")).unwrap();
    assert!(page.contains("<dt>Brings</dt><dd><code class=\"line\">io.lima-vm.lima.2.2.0 2.2.0: "), "{page}");
    let Some(bsdtar) = tool("bsdtar") else { return };
    let shown = |package: &str| {
        let mut command = Command::new(&bsdtar);
        succeed(command.arg("-xOf").arg(xtask.path(package)).arg("Resources/welcome.html"))
    };
    let welcome = shown("out/k3s/macos/lima-k3s-1.2.pkg");
    assert!(welcome.contains("Lima 2.2.0, which the instances of this Mac share"), "{welcome}");
    assert!(welcome.contains("<code>/opt/io.lima-vm/lima/images</code>"), "{welcome}");
    assert!(!welcome.contains("What must be there") && !welcome.contains("downloaded. Without"), "{welcome}");
    assert!(flatpkg::xml::read(welcome.as_bytes()).is_ok(), "{welcome}");
    assert!(shown("out/lima-autostart-1.2.pkg").contains("<p>Lima 2.2.0 is part of this package."));
    // Without a template, the instance has to be there.
    let text = fs::read_to_string(xtask.path("installers.toml")).unwrap();
    let lima = text.lines().find(|line| line.starts_with("lima = ")).unwrap();
    fs::write(xtask.path("installers.toml"), format!("{lima}\n[[instance]]\nname = \"k3s\"\n")).unwrap();
    xtask.run(&["dist", "--unsigned"]);
    let welcome = shown("out/k3s/macos/lima-k3s-1.0.0.pkg");
    assert!(welcome.contains("<p>The instance is not part of this package.</p>"), "{welcome}");
    assert!(welcome.contains("<p>If it is missing, the package installs all the same."), "{welcome}");
    assert!(!welcome.contains("limactl</code>"), "{welcome}");
}
