//! Installing for boot: the first time, again, over another version, and what
//! goes wrong on the way.

use xtask::spec::{Condition, Instance};

use super::on_a_mac;
use crate::render::plain;

#[test]
fn a_first_installation_starts_the_vm() {
    on_a_mac(|mac| {
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        mac.golden("first-installation", &run);
    });
}

#[test]
fn a_reinstallation_stops_the_vm_and_starts_it_again() {
    on_a_mac(|mac| {
        let instance = plain(Condition::Boot);
        mac.install(&instance).ends_with(0, &[]);
        let first = mac.changes();
        mac.set(|state| state.faults.vm_stops_in = 45);
        let run = mac.install(&instance).ends_with(0, &["Stopped system/", "is set up and runs"]);
        assert_eq!(mac.changes(), first);
        mac.golden("reinstallation", &run);
    });
}

#[test]
fn an_installation_while_the_job_is_disabled_enables_it() {
    on_a_mac(|mac| {
        mac.set(|state| {
            state.disabled.insert("system/io.lima-vm.daemon.k3s".to_owned());
        });
        let run = mac.install(&plain(Condition::Boot)).ends_with(0, &["is set up and runs"]);
        mac.golden("disabled", &run);
    });
}
