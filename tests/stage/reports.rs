//! What device managers ask a Mac: each script in each state of a Mac.

use std::fs;

use xtask::artifact::{Content, Maker as _};
use xtask::macos::launchd;
use xtask::managers::reports::Reports;
use xtask::settings::{Condition, Instance, Spec};

use super::combined::{docker, together, with_docker};
use super::mac::Mac;
use super::status::installed;
use super::{on_a_mac, on_macs};
use crate::render::plain;

fn served(instances: &[Instance]) -> Spec {
    Spec { base_url: Some("https://example.com/lima".parse().unwrap()), ..together(instances) }
}

/// The script about one instance, or about all that a Mac has.
fn script(spec: &Spec, instance: Option<&Instance>, file: &str) -> String {
    let content = match instance {
        Some(instance) => {
            let planned = Reports.of_instance(spec, instance);
            let planned = planned.iter().find(|one| one.artifact.path.ends_with(file)).expect("planned");
            (planned.make)(spec, instance, 0)
        }
        None => {
            let planned = Reports.of_all_instances(spec);
            let planned = planned.iter().find(|one| one.artifact.path.ends_with(file)).expect("planned");
            (planned.make)(spec, 0)
        }
    };
    let Ok(Content::Bytes(bytes)) = content else { panic!("{file}") };
    String::from_utf8(bytes).unwrap()
}

/// Runs it as a manager does, as root, and says what it prints.
#[track_caller]
fn answer(mac: &Mac, text: &str) -> String {
    mac.put("/opt/report.sh", 0, 0, 0o755, text.as_bytes());
    let output = mac.chroot("0:0", "/private/tmp", &["/opt/report.sh"], &[("HOME", "/var/root")]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
    let complaints = mac.state().complaints;
    assert!(complaints.is_empty(), "{complaints:#?}");
    String::from_utf8(output.stdout).unwrap()
}

const JAMF: &str = "jamf-extension-attribute.sh";
const INTUNE: &str = "intune-custom-attribute.sh";
const MUNKI: &str = "munki-condition.sh";
const SINCE: &str = "running since 2026-05-01T06:07:08Z";

#[test]
fn of_one_instance() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        let spec = served(std::slice::from_ref(&instance));
        let [jamf, intune] = [JAMF, INTUNE].map(|file| script(&spec, Some(&instance), file));
        assert_eq!(answer(mac, &intune), "not installed\n");
        assert_eq!(answer(mac, &jamf), "<result>not installed</result>\n");
        installed(mac, &instance);
        mac.put_vm();
        assert_eq!(answer(mac, &intune), format!("{SINCE}\n"));
        assert_eq!(answer(mac, &jamf), format!("<result>{SINCE}</result>\n"));
        mac.set(|state| state.of_vms.clear());
        // What a user may have written there.
        mac.log("now lima-start: <b>a & b</b>\t\x1b[31m \u{1f980} </result>\n");
        assert_eq!(answer(mac, &intune), "waiting: <b>a & b</b>  [31m \u{1f980} </result>\n");
        assert_eq!(answer(mac, &jamf), "<result>waiting: (b)a + b(/b)  [31m \u{1f980} (/result)</result>\n");
        mac.set(|state| state.jobs.clear());
        assert!(answer(mac, &intune).starts_with("not-loaded: "));
        // A script that fails is not an answer of its own.
        let status = launchd::status_path(&super::installer::spec(&instance), &instance);
        mac.put(&status, 0, 0, 0o755, b"#!/bin/sh\nexit 1\n");
        assert_eq!(answer(mac, &intune), "unknown\n");
        mac.run_uninstall_script(&instance).ends_with(0, &[]);
        assert_eq!(answer(mac, &jamf), "<result>not installed</result>\n");
    });
}

#[test]
fn of_every_instance_that_a_mac_has() {
    on_a_mac(|mac| {
        with_docker(mac);
        let instances = [docker(plain(Condition::Boot)), plain(Condition::Boot)];
        let spec = served(&instances);
        let [jamf, intune] = [JAMF, INTUNE].map(|file| script(&spec, None, file));
        assert_eq!(answer(mac, &jamf), "<result>not installed</result>\n");
        installed(mac, &instances[1]);
        mac.put_vm();
        // One that is not installed here is not missed.
        assert_eq!(answer(mac, &intune), format!("all running; k3s: {SINCE}\n"));
        mac.install_all(&instances).ends_with(0, &[]);
        mac.set(|state| state.jobs.retain(|target, _| target.ends_with("k3s")));
        assert_eq!(answer(mac, &intune), format!("down: docker; docker: not-loaded; k3s: {SINCE}\n"));
        assert_eq!(
            answer(mac, &jamf),
            format!("<result>down: docker\ndocker: not-loaded\nk3s: {SINCE}</result>\n")
        );
    });
}

/// The condition, where Munki keeps its files elsewhere too.
#[test]
fn of_munki() {
    on_macs(&["bash", "zsh"], |mac| {
        with_docker(mac);
        let instances = [docker(plain(Condition::Boot)), plain(Condition::Boot)];
        let munki = script(&served(&instances), None, MUNKI);
        let written = |folder: &str| {
            let bytes = fs::read(mac.path(&format!("{folder}/ConditionalItems.plist"))).unwrap();
            assert!(bytes.starts_with(b"<?xml"), "Munki reads XML");
            let keys: plist::Dictionary = plist::from_bytes(&bytes).unwrap();
            let of = |key: &str| {
                let names = keys[key].as_array().unwrap().iter();
                names.map(|name| name.as_string().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
            };
            let other = keys.get("other").map(|value| value.as_string().unwrap().to_owned());
            (of("lima_vms_running"), of("lima_vms_down"), other)
        };
        mac.put_folder("/Library/Managed Installs", 0, 80, 0o755);
        assert_eq!(answer(mac, &munki), "");
        assert_eq!(written("/Library/Managed Installs"), (String::new(), String::new(), None));
        mac.install_all(&instances).ends_with(0, &[]);
        mac.put_vm();
        let folder = "/Users/Shared/Munki's";
        mac.put_folder(folder, 0, 80, 0o755);
        mac.put_folder("/Library/Preferences", 0, 0, 0o755);
        let preferences = mac.path("/Library/Preferences/ManagedInstalls.plist");
        plist::to_file_binary(preferences, &[("ManagedInstallDir", folder)].into_iter().collect::<Keys>())
            .unwrap();
        // Another condition's.
        let items = mac.path(&format!("{folder}/ConditionalItems.plist"));
        plist::to_file_xml(items, &[("other", "stays")].into_iter().collect::<Keys>()).unwrap();
        assert_eq!(answer(mac, &munki), "");
        assert_eq!(written(folder), ("k3s".to_owned(), "docker".to_owned(), Some("stays".to_owned())));
    });
}

type Keys = std::collections::BTreeMap<&'static str, &'static str>;
