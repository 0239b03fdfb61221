//! `reload.sh`: the order in which a job is loaded and unloaded, as a program.

use xtask::macos::launchd;
use xtask::settings::Condition;

use super::installer::Run;
use super::mac::Mac;
use super::{on_a_mac, on_macs};
use crate::render::plain;

const LABEL: &str = "io.lima-vm.daemon.k3s";

fn reload(mac: &Mac, arguments: &[&str]) -> Run {
    mac.run("/opt/reload.sh", arguments, &[("HOME", "/Users/alice")], 480)
}

#[test]
fn the_order_can_be_run_on_its_own() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        let plist = launchd::install_path(&instance);
        let job = crate::render::job(&instance).to_xml().unwrap();
        mac.put(&plist, 0, 0, 0o644, &job);
        mac.put(
            &launchd::start_path(&crate::render::spec(&instance), &instance),
            0,
            0,
            0o755,
            xtask::lima_start::program().as_bytes(),
        );
        mac.put("/opt/reload.sh", 0, 0, 0o755, xtask::macos::scripts::reload_sh().as_bytes());
        reload(mac, &["reload", "system", LABEL, &plist]).ends_with(0, &["runs as process 4001"]);
        mac.set(|state| state.faults.vm_stops_in = 5);
        reload(mac, &["reload", "system", LABEL, &plist, "20"]).ends_with(0, &["runs as process 4002"]);
        reload(mac, &["unload", "system", LABEL]).ends_with(0, &["Stopped system/"]);
        assert!(mac.jobs().is_empty());
        mac.set(|state| state.faults.bootstrap_fails = 1000);
        reload(mac, &["reload", "system", LABEL, &plist]).ends_with(2, &["in 30 tries"]);
        reload(mac, &["reload", "system"]).ends_with(64, &["Usage:"]);
        reload(mac, &[]).ends_with(64, &["Usage:"]);
    });
}

#[test]
fn a_list_that_launchd_refuses_is_said_in_words() {
    // Thirty tries each.
    on_macs(&["dash"], |mac| {
        let instance = plain(Condition::Boot);
        let plist = launchd::install_path(&instance);
        let job = crate::render::job(&instance).to_xml().unwrap();
        mac.put("/opt/reload.sh", 0, 0, 0o755, xtask::macos::scripts::reload_sh().as_bytes());
        for (owner, mode) in [(501, 0o644), (0, 0o664), (0, 0o646)] {
            mac.put(&plist, owner, 0, mode, &job);
            let words = "ended with 122: the file does not belong to root, or others may write it.";
            reload(mac, &["reload", "system", LABEL, &plist]).ends_with(2, &[words]);
        }
        mac.put(&plist, 0, 0, 0o644, b"nonsense");
        reload(mac, &["reload", "system", LABEL, &plist])
            .ends_with(2, &["ended with 109: the property list is not valid."]);
        reload(mac, &["reload", "system", LABEL, "/nothing"]).ends_with(2, &["ended with 5"]);
        assert!(mac.jobs().is_empty());
    });
}
