//! Installations that are refused for reasons of the Mac's own.

use xtask::settings::Condition;

use super::mac::{BOB, STAFF};
use super::on_a_mac;
use crate::render::{auto, plain, with_template};

#[test]
fn where_sudo_does_not_let_root_act_as_a_user_that_is_said_and_nobody_else_is_taken() {
    on_a_mac(|mac| {
        mac.put_instance_of(BOB, "/Users/bob/.lima/k3s");
        mac.remember();
        mac.set(|state| state.faults.sudo_refuses_to_be = ["alice".to_owned()].into());
        let words = ["error: sudo does not let root act as \"alice\". What sudo says is above"];
        for condition in [Condition::Boot, Condition::Login] {
            for instance in [auto(condition), plain(condition), with_template(auto(condition))] {
                mac.install(&instance).ends_with(1, &words).ends_with_words("Nothing was changed.");
                assert_eq!((mac.jobs(), mac.changes()), (vec![], vec![]));
            }
        }
    });
}

/// Such as what somebody left in the directory, of which sudo says that there is
/// no such user.
#[test]
fn an_account_that_the_system_does_not_know_is_no_obstacle() {
    on_a_mac(|mac| {
        mac.set(|state| {
            state.accounts[1].uid = 777;
            state.faults.unresolved = ["bob".to_owned()].into();
        });
        mac.put_folder("/Users/bob", 777, STAFF, 0o750);
        mac.install(&auto(Condition::Boot)).ends_with(0, &["Found: alice,", "is set up and runs"]);
    });
}
