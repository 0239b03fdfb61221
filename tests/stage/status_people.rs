//! `status.sh`: who may ask, whose instance it is, and what that user may put in its way.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use xtask::macos::launchd;
use xtask::settings::{Condition, Instance};

use super::combined::{docker, with_docker};
use super::installer::spec;
use super::mac::{ALICE, BOB, STAFF};
use super::on_a_mac;
use super::status::{INSTANCE, LOG, installed};
use crate::render::{auto, plain};

#[test]
fn whom_it_belongs_to() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        installed(mac, &instance);
        let script = launchd::status_path(&spec(&instance), &instance);
        let refused = mac.run_as(BOB, &script);
        assert_eq!(refused.status, 77);
        let words = format!("only root and alice can ask. Run: sudo \"{script}\"\n");
        assert!(refused.log.ends_with(&words), "{}", refused.log);
        let refused = mac.chroot("0:0", "/", &[&script, "--help"], &[]);
        assert_eq!(refused.status.code(), Some(64));
        assert!(refused.stdout.is_empty());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("takes --words or nothing"));
        mac.set(|state| {
            state.faults.sudo_refuses_to_be.insert("alice".to_owned());
        });
        mac.status(&instance).is(1, json!({"state": "unknown"})).because("alice cannot look at the instance");
        // Nobody needs sudo to be who they are.
        mac.put_vm();
        mac.remember();
        mac.status_as(ALICE, &instance).is(0, json!({"state": "running"}));
        mac.set(|state| state.accounts.retain(|account| account.name != "alice"));
        mac.status(&instance)
            .is(1, json!({"state": "no-user", "user": "alice", "loaded": true}))
            .because("there is no user \"alice\" on this Mac any more");
    });
}

#[test]
fn the_user_whom_the_installation_found() {
    on_a_mac(|mac| {
        let instance = auto(Condition::Boot);
        installed(mac, &instance);
        mac.put_vm();
        mac.remember();
        for user in [0, ALICE] {
            mac.status_as(user, &instance).is(0, json!({"state": "running", "user": "alice"}));
        }
        fs::remove_file(mac.path("/Library/Application Support/io.lima-vm/k3s/user")).unwrap();
        mac.remember();
        mac.status(&instance)
            .is(1, json!({"state": "no-user", "user": null}))
            .because("the installation did not find whom the instance belongs to");
    });
}

#[test]
fn a_job_at_login() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Login);
        installed(mac, &instance);
        for user in [0, ALICE] {
            mac.status_as(user, &instance).is(1, json!({
                "state": "waiting", "condition": "login", "label": "io.lima-vm.autostart.k3s", "pid": 4001,
            }));
        }
        mac.put_vm();
        mac.remember();
        mac.status(&instance).is(0, json!({"state": "running", "loaded": true}));
        mac.set(|state| {
            state.of_vms.clear();
            state.jobs.clear();
            state.logged_in.clear();
        });
        mac.status(&instance).is(1, json!({"state": "logged-out", "loaded": false}));
    });
}

#[test]
fn each_instance_of_a_package_of_several() {
    on_a_mac(|mac| {
        with_docker(mac);
        let instances = [plain(Condition::Boot), docker(plain(Condition::Boot))];
        mac.install_all(&instances).ends_with(0, &[]);
        mac.put_vm();
        mac.remember();
        mac.status(&instances[0]).is(0, json!({"instance": "k3s", "state": "running", "pid": 4001}));
        mac.status(&instances[1])
            .is(1, json!({"instance": "docker", "state": "waiting", "pid": 4002, "vm_pid": null}));
        mac.uninstall_all_but(&instances, None).ends_with(0, &[]);
        for instance in &instances {
            assert!(!mac.path(&launchd::status_path(&spec(instance), instance)).exists());
        }
    });
}

/// What a user may write where it looks.
#[test]
fn hostile_files() {
    on_a_mac(|mac| {
        let instance = Instance {
            limactl: Some("/Users/alice/it's \"li\\ma\" $(id) \u{fc} %s/limactl".parse().unwrap()),
            ..plain(Condition::Boot)
        };
        installed(mac, &instance);
        // Every control character that a line can have, quotes, and what is not UTF-8.
        let controls: String = (1..=31u8).filter(|byte| *byte != b'\n').map(char::from).collect();
        let message = format!("{controls}\u{7f} \"quoted\" \\back\\ $(id) `id` %s \u{1f980}\u{2028}");
        mac.log(&format!("now lima-start: {message}\n"));
        mac.remember();
        let status = mac.status(&instance);
        status.is(1, json!({"message": message, "message_time": "now"}));
        status.because("there is no program /Users/alice/it's \"li\\ma\" $(id) \u{fc} %s/limactl.");
        mac.put(LOG, ALICE, STAFF, 0o644, b"now lima-start: Z\xfcrich \xff\n");
        mac.remember();
        mac.status(&instance).is(1, json!({"message": "Z?rich ?"}));
        // Nobody says by a message, or by limactl, what is none of their own.
        mac.log("now lima-start: x\rlimactl=Running\n");
        mac.put_host_agent(&["ha.pid"]);
        mac.put_limactl(instance.macos_limactl().unwrap(), "arm64");
        mac.set(|state| {
            state.faults.limactl_says = Some("Broken\nfiles=Running\nlimactl=Running".to_owned())
        });
        mac.remember();
        mac.status(&instance).is(1, json!({"state": "starting", "lima_status": "Broken"}));
        // A log that is a link to what alice may not read, and pid files that are none.
        mac.put("/private/var/root/secret", 0, 0, 0o600, b"now lima-start: secret\n");
        fs::remove_file(mac.path(LOG)).unwrap();
        symlink("/private/var/root/secret", mac.path(LOG)).unwrap();
        for (name, text) in [("ha.pid", ""), ("vz.pid", "1; id\n"), ("qemu.pid", "99999999999999999999\n")] {
            mac.put(&format!("{INSTANCE}/{name}"), ALICE, STAFF, 0o644, text.as_bytes());
        }
        mac.remember();
        mac.status(&instance).is(1, json!({"state": "waiting", "message": null, "stale": true}));
    });
}
