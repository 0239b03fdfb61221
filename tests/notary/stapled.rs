//! The way that goes well: one submission, tickets that hold, packages that are the same
//! before them.

use std::fs;

use xshell::{Shell, cmd};

use super::authority::{ISSUER, KEY_ID, team};
use super::server::{Plan, Server};
use super::{is_stapled, notarize, packages};
use crate::support::{Xtask, fail, succeed, tool};

#[test]
fn all_packages_go_in_one_submission_and_are_stapled() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(2);
    let before = packages(&xtask.path("out"));
    assert_eq!(before.len(), 4);
    let server = Server::start(Plan::default());
    let said = succeed(&mut notarize(&xtask, &server, &["out", "--webhook", "https://example.com/done?a=b"]));
    server.assert_no_fault();
    {
        let state = server.state();
        assert_eq!(state.submissions.len(), 1, "{:?}", state.requests);
        let one = &state.submissions[0];
        let names: Vec<&str> = one.packages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, before.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
        assert_eq!(one.webhook.as_deref(), Some("https://example.com/done?a=b"));
        assert!(said.contains(&one.id) && said.contains("Submitted 4 packages"), "{said}");
    }
    assert_eq!(server.count("POST /tickets"), 2, "one look-up for all before, and one after");
    assert_eq!(server.count("GET /notary/v2/submissions/"), 4, "three polls and a log");
    let after = packages(&xtask.path("out"));
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        assert!(!is_stapled(before) && is_stapled(after), "{name}");
        assert!(after.starts_with(before), "{name}: the archive is as it was");
        assert!(said.contains(&format!("out/{name} is notarized and stapled")), "{said}");
        ticket_holds(&after[before.len()..]);
    }
    // Nothing waits, nothing secret is left, and there is nothing to do again.
    let record = fs::read_to_string(xtask.path(".notarization/submissions.json")).unwrap();
    assert!(!record.contains("EXAMPLE") && !record.contains("2efe2717"), "{record}");
    let said = succeed(&mut notarize(&xtask, &server, &["out"]));
    assert!(said.contains("is notarized and stapled already"), "{said}");
    assert_eq!(server.state().submissions.len(), 1);
    assert_eq!(packages(&xtask.path("out")), after);

    // Built again, with other timestamps: the same tables of contents, and their tickets.
    let again = Xtask::new();
    team().build(2, &again.path("out"));
    assert!(packages(&again.path("out")) != before, "the timestamps differ");
    let said = succeed(&mut notarize(&again, &server, &["out"]));
    assert_eq!(said.matches("is notarized and stapled").count(), 4, "{said}");
    assert_eq!(server.state().submissions.len(), 1);
    assert!(packages(&again.path("out")).iter().all(|(_, bytes)| is_stapled(bytes)));
}

/// The three parts behind a heap, and the ticket's signature and chain by openssl.
fn ticket_holds(behind: &[u8]) {
    let (terminator, rest) = behind.split_at(16);
    assert_eq!(terminator, b"t8lr\x01\0\x01\0\0\0\0\0\0\0\0\0");
    let (ticket, trailer) = rest.split_at(rest.len() - 16);
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
    assert_eq!((&trailer[..8], number(&trailer[8..12])), (&b"t8lr\x01\0\x02\0"[..], ticket.len()));
    let (certificates, payload) = (number(&ticket[8..12]), number(&ticket[12..16]));
    let (signed, signature) = ticket.split_at(16 + certificates + payload);
    let sh = Shell::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    sh.change_dir(dir.path());
    fs::write(dir.path().join("signed"), signed).unwrap();
    fs::write(dir.path().join("signature"), &signature[..usize::from(signature[1]) + 2]).unwrap();
    // The first of the sequence: openssl reads one certificate and stops.
    fs::write(dir.path().join("leaf"), &signed[20..16 + certificates]).unwrap();
    cmd!(sh, "openssl x509 -inform DER -in leaf -out leaf.pem").quiet().run().unwrap();
    let public = cmd!(sh, "openssl x509 -in leaf.pem -noout -pubkey").quiet().read().unwrap();
    fs::write(dir.path().join("public"), public).unwrap();
    let said =
        cmd!(sh, "openssl dgst -sha256 -verify public -signature signature signed").quiet().read().unwrap();
    assert_eq!(said.trim(), "Verified OK");
    let (root, authority) = {
        let forger = team().forger.lock().unwrap();
        (forger.pem("root"), forger.pem("authority"))
    };
    cmd!(sh, "openssl verify -CAfile {root} -untrusted {authority} leaf.pem")
        .quiet()
        .ignore_stdout()
        .run()
        .unwrap();
}

#[test]
fn nobody_waits_and_somebody_goes_on() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(1);
    let server = Server::start(Plan::default());
    let said = succeed(&mut notarize(&xtask, &server, &["--no-wait"]));
    let id = server.state().submissions[0].id.clone();
    assert_eq!(said.lines().last(), Some(id.as_str()), "{said}");
    assert!(packages(&xtask.path("out")).iter().all(|(_, bytes)| !is_stapled(bytes)));
    // Another folder, no record: the id and the packages are enough.
    let other = team().built(1);
    let unknown = fail(&mut notarize(&other, &server, &["--resume", &id]));
    assert!(unknown.contains("name the packages"), "{unknown}");
    succeed(&mut notarize(&other, &server, &["--resume", &id, "out"]));
    succeed(&mut notarize(&xtask, &server, &["--resume"]));
    for folder in [&xtask, &other] {
        assert!(packages(&folder.path("out")).iter().all(|(_, bytes)| is_stapled(bytes)));
    }
    assert_eq!(server.state().submissions.len(), 1);
    let nothing = fail(&mut notarize(&xtask, &server, &["--resume"]));
    assert!(nothing.contains("nothing was submitted that waits"), "{nothing}");
    server.assert_no_fault();
}

#[test]
fn what_somebody_else_notarized_is_stapled_without_a_key_and_always_the_same() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let (xtask, other) = (team().built(1), team().built(1));
    let server = Server::start(Plan::default());
    let settings = server.settings();
    let staple = |folder: &Xtask, path: &str| {
        let mut command = folder.bare_command(&["staple", path, "--test-services"]);
        command.arg(&settings);
        command
    };
    let error = fail(&mut staple(&xtask, "out"));
    assert!(error.contains("Apple has no ticket for:\n") && error.contains("vm0"), "{error}");
    succeed(&mut notarize(&xtask, &server, &["out"]));
    succeed(&mut staple(&other, "out"));
    let (path, bytes) = packages(&other.path("out")).remove(0);
    assert!(is_stapled(&bytes));
    // A second ticket takes the place of the first; the file keeps its mode.
    let file = format!("out/{path}");
    fs::set_permissions(other.path(&file), std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    succeed(&mut staple(&other, &file));
    let (mode, again) = crate::support::files(other.dir.path()).remove(&file).unwrap();
    let archive = packages(&team().built(1).path("out")).remove(0).1;
    assert!(again.starts_with(&archive) && is_stapled(&again) && mode == 0o640);
    assert_eq!(again[archive.len()..].windows(4).filter(|part| part == b"s8ch").count(), 1);
    server.assert_no_fault();
}

#[test]
fn one_that_gets_no_ticket_beside_others_is_submitted_by_itself() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(2);
    let server = Server::start(Plan { only_alone: Some("vm1"), ..Plan::default() });
    let said = succeed(&mut notarize(&xtask, &server, &["out"]));
    assert_eq!(said.matches("submitted by itself").count(), 2, "{said}");
    let state = server.state();
    let counts: Vec<usize> = state.submissions.iter().map(|one| one.packages.len()).collect();
    assert_eq!(counts, [4, 1, 1]);
    drop(state);
    assert!(packages(&xtask.path("out")).iter().all(|(_, bytes)| is_stapled(bytes)));
    server.assert_no_fault();
}

#[test]
fn events_for_programs_name_every_step_and_nothing_secret() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(1);
    let server = Server::start(Plan {
        no_ticket: 2,
        issues: vec![("vm0.pkg/x".to_owned(), "is old")],
        ..Plan::default()
    });
    let said = succeed(&mut notarize(&xtask, &server, &["out", "--message-format", "json"]));
    let events: Vec<String> = said
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().to_owned()
        })
        // What follows from the packages is written anew, a file an event.
        .filter(|event| event != "built")
        .collect();
    let expected = [
        "submitted",
        "uploaded",
        "waiting",
        "waiting",
        "accepted",
        "warning",
        "stapled",
        "stapled",
        "finished",
    ];
    assert_eq!(events, expected, "{said}");
    for secret in ["EXAMPLE", "session", "Bearer"] {
        assert!(!said.contains(secret), "{said}");
    }
    assert_eq!(server.count("POST /tickets"), 4, "asked again while there was none");
    server.assert_no_fault();
}

#[test]
fn keys_are_found_where_apples_tools_look() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let server = Server::start(Plan { in_progress: 0, ..Plan::default() });
    let key = fs::read(team().path("key.p8")).unwrap();
    let run = |folder: &str, arguments: &[&str]| {
        let xtask = team().built(1);
        let place = xtask.path(folder);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(format!("AuthKey_{KEY_ID}.p8")), &key).unwrap();
        let mut command = notarize(&xtask, &server, &[&["out", "--no-wait"], arguments].concat());
        command.env_remove("LIMA_AUTOSTART_API_KEY").env("HOME", xtask.path("home"));
        succeed(&mut command);
    };
    run("private_keys", &["--api-issuer", ISSUER]);
    run("home/private_keys", &["--api-key-id", KEY_ID, "--api-issuer", ISSUER]);
    // A person's key has no issuer.
    run("home/.private_keys", &["--api-key-id", KEY_ID]);
    run("home/.appstoreconnect/private_keys", &[]);
    run("elsewhere", &["--api-key", &format!("elsewhere/AuthKey_{KEY_ID}.p8"), "--api-issuer", ISSUER]);
    server.assert_no_fault();
    let xtask = team().built(1);
    let mut command = notarize(&xtask, &server, &["out"]);
    let error = fail(command.env_remove("LIMA_AUTOSTART_API_KEY").env("HOME", xtask.path("home")));
    assert!(error.contains("--api-key FILE") && error.contains("~/.appstoreconnect/private_keys"), "{error}");
    let empty = fail(notarize(&xtask, &server, &["out"]).env("LIMA_AUTOSTART_API_KEY", ""));
    assert!(empty.contains("set and empty"), "{empty}");
}
