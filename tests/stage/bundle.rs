//! A Mac without Homebrew and without a network: the package brings Lima, and what the
//! guests are made of.

use std::fs;
use std::path::Path;

use xtask::settings::{Architecture, Condition, Environment, Flags, Instance, Spec, load};

use super::combined::{INSTALLER, without};
use super::installer::{Run, written};
use super::mac::Mac;
use super::{on_a_mac, on_macs};
use crate::bundle::{release, setting, sha256};
use crate::render::{auto, plain};

const ROOT: &str = "/opt/io.lima-vm/lima";

/// A Mac on which nobody installed Lima.
fn bare(mac: &Mac) {
    fs::remove_dir_all(mac.path("/opt/homebrew")).unwrap();
    mac.remember();
}

/// What is built with these settings, read from a file, as `dist` reads them.
fn read(folder: &Path, settings: &str) -> Spec {
    let file = folder.join("installers.toml");
    fs::write(&file, format!("version = \"1.2\"\n{settings}")).unwrap();
    let flags = Flags { spec: Some(file), ..Flags::default() };
    let environment = Environment { user: Some("alice".to_owned()), is_root: false };
    load(&flags, folder, &environment).unwrap()
}

/// The settings of the instance k3s, and of docker, with the release of this version.
fn bundle(version: &str, more: &str) -> Option<(tempfile::TempDir, Spec)> {
    let folder = tempfile::tempdir().unwrap();
    let archives = [Architecture::Arm64, Architecture::X86_64];
    let archives = archives.map(|one| release(folder.path(), version, one));
    let [arm, intel] = archives;
    let list = format!("[{}, {}]", setting(&arm?), setting(&intel?));
    let text = format!(
        "lima = {list}\npaths-d = true\n[defaults]\n{more}\n[[instance]]\nname = \"k3s\"\n[[instance]]\nname = \"docker\"\n"
    );
    let spec = read(folder.path(), &text);
    Some((folder, spec))
}

fn install(mac: &Mac, spec: &Spec, name: &str) -> Run {
    let instance = spec.instances.iter().find(|one| one.name.as_str() == name).unwrap();
    let contents = xtask::macos::package::installer(spec, instance, 1_700_000_000).unwrap();
    mac.install_package(&written(&contents.product), "/")
}

fn uninstall(mac: &Mac, spec: &Spec, name: &str) -> Run {
    let instance = spec.instances.iter().find(|one| one.name.as_str() == name).unwrap();
    mac.run_uninstall_package(instance)
}

/// Where `current` leads.
fn current(mac: &Mac) -> String {
    let target = fs::read_link(mac.path(&format!("{ROOT}/current"))).unwrap();
    target.to_str().unwrap().to_owned()
}

/// The versions of Lima that are there.
fn versions(mac: &Mac) -> Vec<String> {
    let names = fs::read_dir(mac.path(ROOT)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.starts_with(|first: char| first.is_ascii_digit()));
    names.sort();
    names
}

#[test]
fn one_package_and_the_vm_runs() {
    on_a_mac(|mac| {
        bare(mac);
        let Some((_folder, spec)) = bundle("2.2.0", "") else { return };
        let run = install(mac, &spec, "k3s").ends_with(
            0,
            &["Lima 2.2.0 is in use: /opt/io.lima-vm/lima/current.", "k3s is set up and runs."],
        );
        assert_eq!(current(mac), "2.2.0/arm64");
        assert_eq!(mac.receipts(), ["io.lima-vm.installer.k3s 1.2", "io.lima-vm.lima.2.2.0 2.2.0"]);
        let job = &mac.state().jobs["system/io.lima-vm.daemon.k3s"];
        assert!(job.arguments.contains(&format!("{ROOT}/current/bin/limactl")), "{:?}", job.arguments);
        assert_eq!(job.environment["PATH"].split(':').next(), Some("/opt/io.lima-vm/lima/current/bin"));
        let running = format!("{ROOT}/2.2.0/arm64/bin/limactl");
        assert_eq!(mac.state().programs.values().collect::<Vec<_>>(), [&running]);
        let line = fs::read_to_string(mac.path("/etc/paths.d/io.lima-vm.lima")).unwrap();
        assert_eq!(line, "/opt/io.lima-vm/lima/current/bin\n");
        let templates = mac.path(&format!("{ROOT}/current/share/doc/lima/templates/default.yaml"));
        assert!(templates.exists(), "its links lead into it");
        mac.golden("bundle", &run);
        // Again changes nothing.
        let before = mac.changes();
        install(mac, &spec, "k3s").ends_with(0, &["k3s is set up and runs."]);
        assert_eq!(mac.changes(), before);
        let run = uninstall(mac, &spec, "k3s").ends_with(0, &["Removed /opt/io.lima-vm/lima."]);
        mac.golden("bundle-uninstall", &run);
        let left = mac.changes();
        assert!(left.iter().all(|line| line.ends_with("/private/etc/paths.d")), "{left:?}");
        assert_eq!((mac.jobs(), mac.receipts()), (vec![], vec![]));
    });
}

#[test]
fn an_intel_mac_gets_its_own() {
    on_macs(&["dash"], |mac| {
        bare(mac);
        mac.set(|state| state.intel = true);
        let Some((_folder, spec)) = bundle("2.2.0", "") else { return };
        install(mac, &spec, "k3s").ends_with(0, &["k3s is set up and runs."]);
        assert_eq!(current(mac), "2.2.0/x86_64");
    });
}

#[test]
fn a_newer_lima_replaces_an_older_and_is_not_taken_back() {
    on_a_mac(|mac| {
        bare(mac);
        let (Some((_a, older)), Some((_b, newer))) = (bundle("2.9.1", ""), bundle("2.10.0", "")) else {
            return;
        };
        for obsoletes in [false, true] {
            mac.obsoletes.set(obsoletes);
            install(mac, &older, "k3s").ends_with(0, &["Lima 2.9.1 is in use"]);
            install(mac, &newer, "k3s").ends_with(
                0,
                &[
                    "Lima 2.10.0 is in use",
                    "Removed /opt/io.lima-vm/lima/2.9.1, which nothing uses.",
                    "runs.",
                ],
            );
            assert_eq!((current(mac).as_str(), versions(mac)), ("2.10.0/arm64", vec!["2.10.0".to_owned()]));
            assert_eq!(mac.receipts(), ["io.lima-vm.installer.k3s 1.2", "io.lima-vm.lima.2.10.0 2.10.0"]);
            install(mac, &older, "docker").ends_with(
                0,
                &["Lima 2.10.0 stays in use: it is newer than this package's, 2.9.1.", "docker is set up"],
            );
            assert_eq!((current(mac).as_str(), versions(mac)), ("2.10.0/arm64", vec!["2.10.0".to_owned()]));
            let running = format!("{ROOT}/2.10.0/arm64/bin/limactl");
            assert!(mac.state().programs.values().all(|program| *program == running));
            uninstall(mac, &older, "docker").ends_with(0, &[]).without("2.10.0");
            assert_eq!(mac.receipts(), ["io.lima-vm.installer.k3s 1.2", "io.lima-vm.lima.2.10.0 2.10.0"]);
            uninstall(mac, &newer, "k3s").ends_with(0, &["Removed /opt/io.lima-vm/lima."]);
            assert_eq!((mac.jobs(), mac.receipts()), (vec![], vec![]));
            mac.laid_down.borrow_mut().clear();
        }
    });
}

#[test]
fn an_older_version_stays_while_a_vm_runs_from_it() {
    on_a_mac(|mac| {
        bare(mac);
        mac.put_instance("/Users/alice/.lima/docker");
        let (Some((_a, older)), Some((_b, newer))) = (bundle("2.2.0", ""), bundle("2.3.0", "")) else {
            return;
        };
        install(mac, &older, "docker").ends_with(0, &["docker is set up and runs."]);
        install(mac, &newer, "k3s").ends_with(
            0,
            &[
                "Lima 2.3.0 is in use",
                "Left /opt/io.lima-vm/lima/2.2.0: a VM may run from it.",
                "k3s is set up",
            ],
        );
        assert_eq!(versions(mac), ["2.2.0", "2.3.0"]);
        // The Mac was restarted: both run from the newer one, and what comes next looks again.
        mac.set(|state| {
            for program in state.programs.values_mut() {
                *program = format!("{ROOT}/2.3.0/arm64/bin/limactl");
            }
        });
        uninstall(mac, &newer, "k3s").ends_with(0, &["Removed /opt/io.lima-vm/lima/2.2.0"]);
        assert_eq!(versions(mac), ["2.3.0"]);
        assert_eq!(mac.receipts(), ["io.lima-vm.installer.docker 1.2", "io.lima-vm.lima.2.3.0 2.3.0"]);
        uninstall(mac, &older, "docker").ends_with(0, &["Removed /opt/io.lima-vm/lima."]);
    });
}

#[test]
fn a_lima_from_which_a_person_runs_a_vm_outlives_the_last_instance() {
    on_macs(&["dash", "zsh"], |mac| {
        bare(mac);
        let Some((_folder, spec)) = bundle("2.2.0", "") else { return };
        install(mac, &spec, "k3s").ends_with(0, &[]);
        let limactl = format!("{ROOT}/2.2.0/arm64/bin/limactl");
        mac.set(|state| {
            state.jobs.insert("a person's".to_owned(), state.jobs["system/io.lima-vm.daemon.k3s"].clone());
            state.programs.insert("a person's".to_owned(), limactl);
        });
        uninstall(mac, &spec, "k3s")
            .ends_with(0, &["Left /opt/io.lima-vm/lima/2.2.0: a VM may run from it."]);
        assert_eq!(current(mac), "2.2.0/arm64");
        assert_eq!(mac.receipts(), ["io.lima-vm.lima.2.2.0 2.2.0"]);
        // Started by the link, it may be of any version.
        mac.set(|state| {
            state.programs.insert("a person's".to_owned(), format!("{ROOT}/current/bin/limactl"));
        });
        uninstall(mac, &spec, "k3s")
            .ends_with(0, &["Left /opt/io.lima-vm/lima/2.2.0: a VM may run from it."]);
        mac.set(|state| drop(state.jobs.remove("a person's")));
        uninstall(mac, &spec, "k3s").ends_with(0, &["Removed /opt/io.lima-vm/lima."]);
        assert!(mac.receipts().is_empty());
    });
}

/// A Lima of Homebrew's is nobody's of ours, and a package without Lima uses it.
#[test]
fn a_lima_of_homebrews_is_left_alone() {
    on_macs(&["dash", "bash"], |mac| {
        let Some((_folder, spec)) = bundle("2.2.0", "") else { return };
        let homebrews = mac.path("/opt/homebrew/bin/limactl");
        let before = fs::read(&homebrews).unwrap();
        install(mac, &spec, "k3s").ends_with(0, &["k3s is set up and runs."]);
        // The same instance, from now on with Homebrew's.
        mac.install(&plain(Condition::Boot))
            .ends_with(0, &["Removed /opt/io.lima-vm/lima/2.2.0", "k3s is set up and runs."]);
        assert_eq!(mac.receipts(), ["io.lima-vm.installer.k3s 1.2"]);
        assert!(!mac.path(ROOT).exists());
        assert_eq!(fs::read(&homebrews).unwrap(), before);
        mac.run_uninstall_package(&plain(Condition::Boot)).ends_with(0, &[]);
        assert_eq!(fs::read(&homebrews).unwrap(), before);
    });
}

#[test]
fn an_instance_of_a_newer_lima_is_not_started_by_an_older() {
    on_a_mac(|mac| {
        bare(mac);
        let Some((_folder, spec)) = bundle("2.2.0", "") else { return };
        let file = "/Users/alice/.lima/k3s/lima-version";
        for (version, is_newer) in
            [("2.10.0", true), ("v3", true), ("2.2.0", false), ("2.1.9-12-gabc", false)]
        {
            mac.put(file, 501, 20, 0o644, format!("{version}\n").as_bytes());
            let run = install(mac, &spec, "k3s");
            if is_newer {
                let words = format!(
                    "the instance was made by Lima {version}, which is newer than the package's, 2.2.0. Install a \
                     package with Lima {version} or newer"
                );
                run.ends_with(0, &[&words, "was not started. It starts by itself once what is missing is"]);
            } else {
                run.ends_with(0, &["k3s is set up and runs."]).without("warning");
            }
        }
    });
}

#[test]
fn a_disk_without_room_is_refused_before_anything_has_changed() {
    on_a_mac(|mac| {
        bare(mac);
        mac.set(|state| state.faults.free_kbytes = Some(100));
        let Some((_folder, spec)) = bundle("2.2.0", "") else { return };
        install(mac, &spec, "k3s")
            .ends_with(1, &["error: the disk has 0 MB free, and what the package brings takes", "Make room"]);
        assert_eq!((mac.jobs(), mac.receipts(), mac.changes()), (vec![], vec![], vec![]));
    });
}

#[test]
fn what_is_in_the_place_of_the_link_is_not_removed() {
    on_macs(&["dash", "busybox"], |mac| {
        bare(mac);
        let Some((_folder, spec)) = bundle("2.2.0", "") else { return };
        mac.put(&format!("{ROOT}/current/mine"), 0, 0, 0o644, b"mine");
        install(mac, &spec, "k3s").ends_with(
            1,
            &["/current is not a link. Remove it and install again.", "not set up: Lima 2.2.0"],
        );
        assert_eq!(fs::read(mac.path(&format!("{ROOT}/current/mine"))).unwrap(), b"mine");
        fs::remove_dir_all(mac.path(ROOT)).unwrap();
        mac.plant(ROOT, "/Users/alice");
        install(mac, &spec, "k3s").ends_with(1, &["/opt/io.lima-vm/lima is a link", "Nothing was changed."]);
    });
}

/// Files for guests are known by their digests: instances share them, and what none uses
/// any more goes.
#[test]
fn images_are_shared_and_go_with_the_last_that_uses_them() {
    on_macs(&["dash", "zsh"], |mac| {
        mac.put_instance("/Users/alice/.lima/docker");
        bare(mac);
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            (sha256(&path), name.to_owned())
        };
        let (first, _) = put("disk.qcow2", b"a disk");
        let (second, _) = put("other.img.gz", b"another disk");
        let (nerdctl, _) = put("nerdctl-full-2.1.6-linux-arm64.tar.gz", b"nerdctl");
        put("k3s.yaml", b"images:\n- location: https://example.com/disk.qcow2\n");
        let Some(archive) = release(folder.path(), "2.2.0", Architecture::Arm64) else { return };
        let text = format!(
            "lima = {}\noffline = true\n[defaults]\ntemplate = \"k3s.yaml\"\nimage = {{ file = \
             \"disk.qcow2\", sha256 = \"{first}\" }}\ncontainerd = {{ file = \
             \"nerdctl-full-2.1.6-linux-arm64.tar.gz\", sha256 = \"{nerdctl}\" }}\n[[instance]]\nname = \
             \"k3s\"\n[[instance]]\nname = \"docker\"\nimage = {{ file = \"other.img.gz\", sha256 = \"{second}\" }}\n",
            setting(&archive)
        );
        let spec = read(folder.path(), &text);
        assert!(spec.instances.iter().all(|one| one.architectures == [Architecture::Arm64]));
        let images = |digests: &[&str]| {
            let mut wanted: Vec<&str> = digests.to_vec();
            wanted.sort_unstable();
            let found = fs::read_dir(mac.path(&format!("{ROOT}/images"))).unwrap();
            let mut found: Vec<_> =
                found.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
            found.sort_unstable();
            assert_eq!(found, wanted);
        };
        for one_by_one in [false, true] {
            mac.one_by_one.set(one_by_one);
            mac.install_all_but(&spec, None).ends_with(0, &["k3s is set up", "docker is set up"]);
            images(&[&first, &second, &nerdctl]);
            let template =
                fs::read_to_string(mac.path("/Library/Application Support/io.lima-vm/docker/template.yaml"))
                    .unwrap();
            assert!(template.contains(&format!("\"location\":\"{ROOT}/images/{second}/other.img.gz\"")));
            assert!(
                template.contains(&format!("{ROOT}/images/{nerdctl}/nerdctl-full"))
                    && !template.contains("https")
            );
            // Not chosen any more, it is still installed, and keeps its files.
            mac.install_all_but(&spec, Some(&without(INSTALLER, "docker"))).ends_with(0, &[]);
            images(&[&first, &second, &nerdctl]);
            uninstall(mac, &spec, "k3s").ends_with(0, &[&format!("Removed {ROOT}/images/{first}")]);
            images(&[&second, &nerdctl]);
            mac.install_all_but(&spec, Some(&without(INSTALLER, "docker"))).ends_with(0, &[]);
            mac.uninstall_all_but(&spec.instances, None).ends_with(0, &["Removed /opt/io.lima-vm/lima."]);
            assert!(mac.receipts().is_empty(), "{:?}", mac.receipts());
            assert!(!mac.path("/opt/io.lima-vm").exists());
        }
    });
}

/// The user is found, limactl is looked for: the settings say so, and then it is not the
/// package's.
#[test]
fn who_names_limactl_gets_that() {
    let Some((folder, _)) = bundle("2.2.0", "") else { return };
    let text = fs::read_to_string(folder.path().join("installers.toml")).unwrap();
    let text =
        text.replace("version = \"1.2\"\n", "").replace("[defaults]", "[defaults]\nlimactl = \"auto\"");
    let spec = read(folder.path(), &text);
    let k3s = &spec.instances[0];
    assert_eq!(k3s.macos_limactl(), auto(Condition::Boot).macos_limactl());
    assert_eq!(*k3s, Instance { user: k3s.user.clone(), ..auto(Condition::Boot) });
}
