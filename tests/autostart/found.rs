//! Names and places are limactl's, so that each program finds what the other
//! registered.

use proptest::prelude::*;
use xtask::linux::systemd;
use xtask::macos::launchd;
use xtask::settings::{Condition, Instance, InstanceName};

use super::{changing_calls, xtask};
use crate::render::plain;
use crate::stage::mac::{ALICE, Mac, STAFF};
use crate::stage::on_macs;

/// The property list that `limactl autostart enable` writes: the keys of Lima's
/// `pkg/autostart/launchd/io.lima-vm.{autostart,daemon}.INSTANCE.plist`, 2.2.
pub fn limactls(name: &str, user: Option<&str>, limactl: &str, folder: &str, keep_alive: bool) -> Vec<u8> {
    let kind = if user.is_some() { "daemon" } else { "autostart" };
    let mut list = plist::Dictionary::new();
    list.insert("Label".to_owned(), format!("io.lima-vm.{kind}.{name}").into());
    if let Some(user) = user {
        list.insert("UserName".to_owned(), user.into());
    }
    let arguments = [limactl, "start", name, "--foreground"].map(plist::Value::from);
    list.insert("ProgramArguments".to_owned(), plist::Value::Array(arguments.into()));
    list.insert("RunAtLoad".to_owned(), true.into());
    if keep_alive {
        list.insert("KeepAlive".to_owned(), true.into());
    }
    list.insert("StandardErrorPath".to_owned(), "launchd.stderr.log".into());
    list.insert("StandardOutPath".to_owned(), "launchd.stdout.log".into());
    list.insert("WorkingDirectory".to_owned(), folder.into());
    list.insert("ProcessType".to_owned(), "Background".into());
    let mut bytes = Vec::new();
    plist::Value::Dictionary(list).to_writer_xml(&mut bytes).unwrap();
    bytes
}

/// Where limactl puts it, and what it calls it (`GetPlistPath`,
/// `GetDaemonPlistPath`, `UnitNameFrom` of Lima's `pkg/autostart`).
fn places_of_limactl(condition: Condition, name: &str) -> (String, String) {
    match condition {
        Condition::Login => (
            format!("/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.{name}.plist"),
            format!("io.lima-vm.autostart.{name}"),
        ),
        Condition::Boot => (
            format!("/Library/LaunchDaemons/io.lima-vm.daemon.{name}.plist"),
            format!("io.lima-vm.daemon.{name}"),
        ),
    }
}

fn names() -> impl Strategy<Value = String> {
    "[A-Za-z0-9]{1,12}([._-][A-Za-z0-9]{1,8}){0,3}"
        .prop_filter("a name", |name| name.parse::<InstanceName>().is_ok())
}

#[test]
fn names_and_places_are_limactls() {
    let at = |name: &str, condition| Instance { name: name.parse().unwrap(), ..plain(condition) };
    let docker = at("docker", Condition::Login);
    assert_eq!(launchd::label(&docker), "io.lima-vm.autostart.docker");
    assert!(
        launchd::install_path(&docker).ends_with("/Library/LaunchAgents/io.lima-vm.autostart.docker.plist")
    );
    let k3s = at("k3s", Condition::Boot);
    assert_eq!(launchd::install_path(&k3s), "/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist");
    assert_eq!(systemd::unit(&docker.name), "lima-vm@docker.service");
}

proptest! {
    /// By path and label; that what lies there is looked at and removed is for
    /// the next test.
    #[test]
    fn any_name_is_in_limactls_place(name in names()) {
        for condition in [Condition::Login, Condition::Boot] {
            let instance = Instance { name: name.parse().unwrap(), ..plain(condition) };
            let (path, label) = places_of_limactl(condition, &name);
            prop_assert_eq!(launchd::install_path(&instance), path);
            prop_assert_eq!(launchd::label(&instance), label);
        }
        let parsed: InstanceName = name.parse().unwrap();
        prop_assert_eq!(systemd::unit(&parsed), format!("lima-vm@{name}.service"));
    }
}

/// limactl registers, by hand.
fn register(mac: &Mac, name: &str, condition: Condition, keep_alive: bool, loaded: bool) {
    let folder = format!("/Users/alice/.lima/{name}");
    let user = (condition == Condition::Boot).then_some("alice");
    let (path, _) = places_of_limactl(condition, name);
    let bytes = limactls(name, user, "/opt/homebrew/bin/limactl", &folder, keep_alive);
    let (uid, gid, who, domain) = match condition {
        Condition::Boot => (0, 0, "0:0", "system"),
        Condition::Login => (ALICE, STAFF, "501:20", "gui/501"),
    };
    mac.put(&path, uid, gid, 0o644, &bytes);
    if loaded {
        let words = ["/bin/launchctl", "bootstrap", domain, &path];
        let output = mac.chroot(who, "/", &words, &[("STAND_IN_SESSION", "501")]);
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn what_limactl_registered_is_shown_and_removed() {
    on_macs(&["dash"], |mac| {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 24,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let registrations = (names(), any::<bool>(), any::<bool>(), any::<bool>(), 1..4u8);
        mac.put_folder("/Users/alice/Library/LaunchAgents", ALICE, STAFF, 0o755);
        mac.remember();
        let result = runner.run(&registrations, |(name, keep_alive, loaded, exists, which)| {
            let mut expected = Vec::new();
            if exists {
                mac.put_instance(&format!("/Users/alice/.lima/{name}"));
                mac.remember();
            }
            for (bit, condition) in [(1, Condition::Login), (2, Condition::Boot)] {
                if which & bit != 0 {
                    register(mac, &name, condition, keep_alive, loaded);
                    expected.push(condition.as_str());
                }
            }
            // limactl starts one VM twice then; that is what is to be mended.
            mac.set(|state| state.complaints.clear());
            let said = xtask(mac, &["autostart", "status", &name, "--format", "json"]).ends_with(0, &[]);
            let status: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
            let found: Vec<&str> = status.iter().map(|one| one["condition"].as_str().unwrap()).collect();
            prop_assert_eq!(found, expected);
            for one in &status {
                prop_assert_eq!(&one["loaded"], &serde_json::json!(loaded));
                prop_assert!(one["drift"].is_string(), "limactl's is not ours: {one}");
            }
            xtask(mac, &["autostart", "disable", &name]).ends_with(0, &[]);
            prop_assert_eq!((mac.jobs(), mac.changes()), (vec![], vec![]));
            Ok(())
        });
        result.unwrap();
        assert!(!changing_calls(mac).is_empty());
    });
}
