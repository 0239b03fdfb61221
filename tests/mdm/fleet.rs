//! The guide's example for Fleet, applied as Fleet applies it, and the queries of the
//! policies, asked of tables as osquery has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::gitops::apply;
use super::*;
use crate::readme::blocks_of;
use crate::signing::installer_identity;
use crate::support::{Xtask, succeed, tool};
use xtask::macos::launchd;
use xtask::settings::Condition;

/// A repository as the guide says, with the files of an instance.
struct Repository {
    folder: tempfile::TempDir,
    example: String,
}

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = PackageSigner::new(installer_identity(), std::time::SystemTime::now(), None);
        let lib = folder.path().join("lib/lima");
        fs::create_dir_all(&lib).unwrap();
        fs::create_dir(folder.path().join("fleets")).unwrap();
        for (path, bytes) in build(&[boot()], Some(&signer)) {
            if let Some(name) = path.strip_prefix("k3s/mdm/fleet/") {
                fs::write(lib.join(name), bytes).unwrap();
            }
        }
        let example = blocks_of("docs/fleets.md", "What the managers read", "yaml").concat();
        Self { folder, example }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Applies the example with a text replaced.
    fn apply(&self, path: &str, old: &str, new: &str) -> Result<super::gitops::Applied, String> {
        assert!(self.example.contains(old), "{old:?} is not in\n{}", self.example);
        fs::write(self.file(path), self.example.replace(old, new)).unwrap();
        apply(&self.file(path))
    }
}

const FILE: &str = "fleets/macs.yml";

#[test]
fn the_guides_example_is_applied() {
    let repository = Repository::new();
    let applied = repository.apply(FILE, "\n", "\n").unwrap();
    assert_eq!(applied.profiles.iter().collect::<Vec<_>>(), ["Login item: Lima instance k3s"]);
    let url = "https://mdm.example.com:8443/l%20i/m&a/k3s/macos/lima-k3s-1.2.pkg".to_owned();
    assert_eq!(applied.packages, [(url.clone(), false)]);
    let policies: Vec<_> =
        applied.policies.iter().map(|(name, _, installs)| (name.as_str(), installs.clone())).collect();
    assert_eq!(policies, [("Lima instance k3s is installed", Some(url)), ("Lima instance k3s runs", None)]);

    // What the guide says instead: people install it themselves.
    let alone = "policies:\n  - path: ../lib/lima/lima-k3s.policies.yml\n";
    let offered = repository.apply(FILE, alone, "policies:\n").unwrap();
    assert!(offered.policies.is_empty());
    let listed = "- path: ../lib/lima/lima-k3s.package.yml\n";
    let offered = repository.apply(FILE, listed, &format!("{listed}      self_service: true\n")).unwrap();
    assert!(offered.packages[0].1);

    // The report of all instances, which is made of the settings.
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--only", "report", "--base-url", "https://mdm.example.com"]);
    fs::copy(xtask.path("out/mdm/reports/fleet.reports.yml"), repository.file("lib/lima/fleet.reports.yml"))
        .unwrap();
    let with_report = "reports:\n  - path: ../lib/lima/fleet.reports.yml\n";
    let reported = repository.apply(FILE, "reports:\n", with_report).unwrap();
    assert_eq!(reported.reports.iter().collect::<Vec<_>>(), ["Lima VM k3s"]);
}

#[test]
fn what_fleet_refuses_is_refused() {
    let repository = Repository::new();
    for (old, new, says) in [
        ("apple_settings:", "macos_settings:", "unknown key \"macos_settings\""),
        ("configuration_profiles:", "custom_settings:", "unknown key \"custom_settings\""),
        ("reports:", "queries:", "unknown key \"queries\""),
        ("../lib/lima/lima-k3s.package.yml", "lib/lima/lima-k3s.package.yml", "is missing"),
        ("    - path: ../lib/lima/lima-k3s.package.yml\n", "", "not found on team"),
        ("name: Macs with Lima\n", "", "no name"),
        ("name: Macs with Lima\nsettings:\n", "org_settings:\n", "'software' cannot be set on global file"),
    ] {
        let error = repository.apply(FILE, old, new).unwrap_err();
        assert!(error.contains(says), "{says:?}: {error}");
    }
    // A signed profile, as the one that other managers take.
    let signer = PackageSigner::new(installer_identity(), std::time::SystemTime::now(), None);
    let signed = signer.sign_profile(b"a profile".to_vec()).unwrap();
    fs::write(repository.file("lib/lima/lima-k3s-login-items.mobileconfig"), signed).unwrap();
    assert!(repository.apply(FILE, "\n", "\n").is_err());
}

/// Answers of a query to a Mac, whose tables these statements fill.
fn answers(sqlite: &Path, query: &str, mac: &str) -> bool {
    const TABLES: &str = "CREATE TABLE launchd (path, label);\
         CREATE TABLE package_receipts (package_id, version);\
         CREATE TABLE file (path);\
         CREATE TABLE processes (cmdline);";
    let output = succeed(Command::new(sqlite).args(["-bail", ":memory:", &format!("{TABLES}{mac}{query}")]));
    output.trim() == "1"
}

#[test]
fn the_policies_tell_macs_apart() {
    let Some(sqlite) = tool("sqlite3") else { return };
    for (case, spec, instance) in served() {
        let name = &instance.name;
        let out = build(&[(spec.clone(), instance.clone())], None);
        let policies: Vec<BTreeMap<String, serde_json::Value>> =
            serde_saphyr::from_slice(&out[&format!("{name}/mdm/fleet/lima-{name}.policies.yml")]).unwrap();
        let [installed, runs] = [0, 1].map(|at| policies[at]["query"].as_str().unwrap());
        let label = launchd::label(&instance);
        let plist = match instance.condition {
            Condition::Boot => launchd::install_path(&instance),
            Condition::Login => "/Users/x/Library/LaunchAgents/a.plist".to_owned(),
        };
        let job = format!("INSERT INTO launchd VALUES ('{plist}', '{label}');");
        let file = format!("INSERT INTO file VALUES ('{}');", launchd::payload_path(&spec, &instance));
        let receipt = |version: &str| {
            let identifier = launchd::installer_identifier(&spec, &instance);
            format!("INSERT INTO package_receipts VALUES ('{identifier}', '{version}');")
        };
        let (now, before) = (receipt("1.2"), receipt("1.1"));
        assert!(answers(&sqlite, installed, &[job.as_str(), &file, &now].concat()), "{case}");
        for (what, mac) in [
            ("nothing is there", String::new()),
            ("the job was removed", [file.as_str(), &now].concat()),
            ("the receipt was forgotten", [job.as_str(), &file].concat()),
            ("it is the version before", [job.as_str(), &file, &before].concat()),
        ] {
            assert!(!answers(&sqlite, installed, &mac), "{case}: {what}");
        }
        if instance.condition == Condition::Boot {
            let elsewhere = job.replace("/Library/LaunchDaemons", "/Users/x/Library/LaunchAgents");
            assert!(!answers(&sqlite, installed, &[elsewhere.as_str(), &file, &now].concat()), "{case}");
        }

        let agent = |name: &str| {
            format!(
                "INSERT INTO processes VALUES ('/opt/homebrew/bin/limactl hostagent --pidfile /Users/x/.lima/{name}/ha.pid --socket /s {name}');"
            )
        };
        assert!(answers(&sqlite, runs, &agent(name.as_str())), "{case}");
        let others: String = [format!("{name}2"), format!("x{name}"), "other".to_owned()]
            .iter()
            .map(|name| agent(name))
            .chain([format!("INSERT INTO processes VALUES ('limactl shell {name} ls');")])
            .collect();
        assert!(!answers(&sqlite, runs, &others), "{case}");
    }
}
