//! What a package registered, with what it found on the Mac, as `status` shows it.

use std::fs;

use xtask::settings::{Condition, Instance};

use super::{AGENT_PLIST, DAEMON_PLIST, xtask};
use crate::render::{auto, plain, with_template};
use crate::stage::mac::{ALICE, BOB, Mac, STAFF};
use crate::stage::on_macs;

/// Columns of the one line of `status`, and the lines below it.
fn status(mac: &Mac) -> (String, Vec<String>) {
    let out = xtask(mac, &["autostart", "status", "k3s"]).ends_with(0, &[]).out;
    let mut lines = out.lines().skip(1).map(str::to_owned);
    (lines.next().unwrap(), lines.collect())
}

#[test]
fn what_a_package_found_is_no_drift() {
    on_macs(&["dash"], |mac| {
        mac.install(&auto(Condition::Boot)).ends_with(0, &[]);
        let (line, notes) = status(mac);
        let columns: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(columns, ["k3s", "boot", "alice", "yes", "yes", "-", "no", DAEMON_PLIST]);
        assert_eq!(notes, ["k3s: set up by a package, which found the user alice on this Mac"]);
        let json = xtask(mac, &["autostart", "status", "k3s", "--format", "json"]).ends_with(0, &[]).out;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(json[0]["package"].as_str().unwrap().starts_with("set up by a package"));
        assert_eq!(json[0]["drift"], serde_json::Value::Null);

        mac.install(&auto(Condition::Login)).ends_with(0, &[]);
        assert_eq!(status(mac).1, ["k3s: set up by a package"]);
        let other = Instance { exit_timeout: 77, ..with_template(plain(Condition::Login)) };
        mac.install(&other).ends_with(0, &[]);
        let (line, notes) = status(mac);
        assert!(line.contains(" no     /Users/"), "{line}");
        assert_eq!(notes, ["k3s: set up by a package"]);
    });
}

#[test]
fn what_was_changed_since_is_drift() {
    on_macs(&["dash"], |mac| {
        mac.install(&auto(Condition::Login)).ends_with(0, &[]);
        let text = fs::read_to_string(mac.path(AGENT_PLIST)).unwrap().replace("240", "241");
        mac.put(AGENT_PLIST, ALICE, STAFF, 0o644, text.as_bytes());
        let (line, notes) = status(mac);
        assert!(line.contains(" yes    /Users/"), "{line}");
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("the file is not one that `enable` would write"), "{notes:?}");
        // And so is what a package registered and no longer can run.
        mac.install(&plain(Condition::Login)).ends_with(0, &[]);
        fs::remove_file(mac.path("/opt/homebrew/bin/limactl")).unwrap();
        let notes = status(mac).1;
        assert_eq!(notes[1..], ["k3s: there is no program /opt/homebrew/bin/limactl"]);
    });
}

/// `disable` takes it away, and names the rest.
#[test]
fn what_a_package_found_can_be_disabled() {
    on_macs(&["dash"], |mac| {
        mac.put_instance_of(BOB, "/Users/bob/.lima/db");
        mac.install(&auto(Condition::Boot)).ends_with(0, &[]);
        xtask(mac, &["autostart", "disable", "k3s"]).ends_with(0, &["what is left of that goes with: sudo"]);
        assert!(mac.jobs().is_empty());
        mac.run_uninstall_script(&auto(Condition::Boot)).ends_with(0, &["Nothing starts"]);
        assert_eq!(
            mac.changes().into_iter().filter(|line| line.contains("/Library/")).collect::<Vec<_>>(),
            [""; 0]
        );
    });
}
