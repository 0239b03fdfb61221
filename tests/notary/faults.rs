//! Everything that may go wrong, each with its own words and with nothing half-done.

use std::fs;

use super::authority::team;
use super::server::{Plan, Server, error_body};
use super::{is_stapled, notarize, packages};
use crate::support::{Xtask, fail, succeed, tool};

fn plan_with(refusals: &[(u16, &str, Option<u32>)]) -> Plan {
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let refusals = refusals.iter().map(|(status, body, retry)| (*status, leak(body), *retry)).collect();
    Plan { refusals, in_progress: 0, ..Plan::default() }
}

/// The error of a run in which nothing is submitted.
fn refused(plan: Plan, arguments: &[&str]) -> String {
    let xtask = team().built(1);
    let before = packages(&xtask.path("out"));
    let server = Server::start(plan);
    let error = fail(&mut notarize(&xtask, &server, &[&["out"], arguments].concat()));
    assert_eq!(packages(&xtask.path("out")), before);
    assert_eq!(server.count("PUT"), 0);
    assert!(!error.contains("BEGIN") && !error.contains("Bearer"), "{error}");
    error
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn a_key_a_clock_an_agreement_a_role() {
    let Some(_) = tool("openssl") else { return };
    let body = error_body("NOT_AUTHORIZED", "Authentication credentials are missing or invalid.");
    says(
        &refused(plan_with(&[(401, &body, None)]), &[]),
        &["API key 2X9R4HXF34 (401: Authentication", "revoked"],
    );
    let late = Plan { clock: 3600, ..plan_with(&[(401, &body, None)]) };
    says(&refused(late, &[]), &["clock is 3", "seconds behind Apple's", "timedatectl"]);
    let early = Plan { clock: -3600, ..plan_with(&[(401, &body, None)]) };
    says(&refused(early, &[]), &["seconds ahead of Apple's"]);
    let agreement =
        error_body("FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED", "A required agreement is missing.");
    says(&refused(plan_with(&[(403, &agreement, None)]), &[]), &["agreement", "developer.apple.com/account"]);
    let role = error_body("FORBIDDEN_ERROR", "This request is forbidden.");
    says(&refused(plan_with(&[(403, &role, None)]), &[]), &["may not submit", "role"]);
    says(&refused(plan_with(&[(418, "<html>", None)]), &[]), &["answered 418: <html>"]);
    says(&refused(plan_with(&[(200, "hello", None)]), &[]), &["not understood", "not JSON"]);
    says(&refused(plan_with(&[(200, "{}", None)]), &[]), &["it has no id"]);
    // The server itself checks the signature: another key's is refused.
    let xtask = team().built(1);
    let server = Server::start(Plan::default());
    let mut command = notarize(&xtask, &server, &["out"]);
    let error = fail(command.env("LIMA_AUTOSTART_API_KEY", team().api_key("other.p8")));
    says(&error, &["does not accept the API key", "signature is not valid"]);
}

#[test]
fn a_busy_server_is_asked_again_and_a_dead_one_named() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(1);
    let busy = [(429, "", Some(1)), (503, "", None), (500, "oops", None), (502, "", None)];
    let server = Server::start(Plan { cuts: 2, ..plan_with(&busy) });
    let begin = std::time::Instant::now();
    succeed(&mut notarize(&xtask, &server, &["out"]));
    assert!(begin.elapsed().as_secs() >= 1, "it waits as long as it is asked to");
    assert_eq!(server.state().submissions.len(), 1);
    assert_eq!(server.count("PUT"), 3, "two were cut in the middle");
    server.assert_no_fault();
    says(
        &refused(plan_with(&[(500, "oops", None); 6]), &[]),
        &["answered 500 6 times: oops", "try again later"],
    );
    let gone = {
        let server = Server::start(Plan::default());
        let text = fs::read_to_string(server.settings()).unwrap();
        // Bound and dropped: nobody listens there.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        text.replace(&server.address, &address.to_string())
    };
    let settings = xtask.path("gone.json");
    fs::write(&settings, gone).unwrap();
    let fresh = team().built(1);
    let mut command = fresh.bare_command(&["notarize", "out", "--test-services"]);
    command.arg(&settings).env("LIMA_AUTOSTART_API_KEY", team().api_key("key.p8"));
    says(&fail(&mut command), &["no answer from 127.0.0.1", "6 tries"]);
}

#[test]
fn what_apple_finds_is_said_by_package_and_path_and_not_asked_for_twice() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(2);
    let issues = vec![
        (
            "vm0/a.pkg/Payload/usr/bin/x".to_owned(),
            "The binary is not signed with a valid Developer ID certificate.",
        ),
        ("vm1/b.pkg".to_owned(), "The signature does not include a secure timestamp."),
    ];
    let server = Server::start(Plan { verdict: "Invalid", issues, ..Plan::default() });
    let error = fail(&mut notarize(&xtask, &server, &["out"]));
    let id = server.state().submissions[0].id.clone();
    says(
        &error,
        &[
            &id,
            "(Invalid): Archive contains critical validation errors",
            "vm0/a.pkg/Payload/usr/bin/x: error: The binary is not signed",
            "vm1/b.pkg: error: The signature does not include",
            "https://developer.apple.com/documentation/x",
        ],
    );
    assert!(packages(&xtask.path("out")).iter().all(|(_, bytes)| !is_stapled(bytes)));
    // The same packages are not worth another submission; others are.
    assert!(fail(&mut notarize(&xtask, &server, &["out"])).contains(&id));
    assert_eq!(server.state().submissions.len(), 1);
    server.state().plan.verdict = "Accepted";
    succeed(&mut notarize(&xtask, &server, &["out/vm1"]));
    assert_eq!(server.state().submissions.len(), 2);
    server.assert_no_fault();

    for (verdict, parts) in
        [("Rejected", ["(Rejected)", "refused"]), ("Considered", ["\"Considered\"", "--resume"])]
    {
        let server = Server::start(Plan { verdict, ..Plan::default() });
        says(&fail(&mut notarize(&team().built(1), &server, &["out"])), &parts);
    }
}

#[test]
fn time_runs_out_and_is_no_loss() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(1);
    let server = Server::start(Plan { in_progress: 1_000_000, ..Plan::default() });
    let error = fail(&mut notarize(&xtask, &server, &["out", "--timeout", "1s"]));
    says(&error, &["still \"In Progress\" after", "--resume 2efe2717"]);
    server.state().plan.in_progress = 0;
    server.state().plan.no_ticket = 1_000_000;
    let error = fail(&mut notarize(&xtask, &server, &["--resume", "--timeout", "1s"]));
    says(&error, &["gives no ticket for:", "vm0"]);
    server.state().plan.no_ticket = 0;
    succeed(&mut notarize(&xtask, &server, &["out"]));
    assert_eq!(server.state().submissions.len(), 1);
    server.assert_no_fault();
}

#[test]
fn a_ticket_that_does_not_hold_is_not_written() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    for (leaf, fault) in
        [(&["other-root"][..], "Apple did not sign it"), (&["no-marker", "authority"], "not for tickets")]
    {
        let xtask = team().built(1);
        let server = Server::start(Plan { ticket_leaf: leaf, in_progress: 0, ..Plan::default() });
        let before = crate::support::files(&xtask.path("out"));
        says(&fail(&mut notarize(&xtask, &server, &["out"])), &["was not written", fault]);
        assert_eq!(crate::support::files(&xtask.path("out")), before);
    }
}

#[test]
fn what_apple_would_refuse_is_not_uploaded() {
    let Some(_) = tool("openssl") else { return };
    let identity = team().path("identity.pem").to_str().unwrap().to_owned();
    let server = Server::start(Plan::default());
    for (arguments, fault) in [
        (&["--unsigned"][..], "it is not signed"),
        (&[], "does not lead to Apple's root"),
        (&["--pem-file", &identity], "it has no timestamp"),
    ] {
        let xtask = Xtask::new();
        fs::create_dir_all(xtask.path("out")).unwrap();
        succeed(&mut xtask.command(&[&["dist", "k3s"], arguments].concat()));
        let error = fail(&mut notarize(&xtask, &server, &["out"]));
        says(&error, &["nothing was uploaded", fault, "out/k3s/"]);
    }
    // Apple's services themselves take Apple's roots alone.
    let xtask = team().built(1);
    let mut command = xtask.bare_command(&["notarize", "out"]);
    let error = fail(command.env("LIMA_AUTOSTART_API_KEY", team().api_key("key.p8")));
    says(&error, &["nothing was uploaded", "does not lead to Apple's root"]);
    assert!(server.state().requests.is_empty());
    let xtask = Xtask::new();
    fs::write(xtask.path("a.pkg"), "hello").unwrap();
    says(&fail(&mut notarize(&xtask, &server, &["a.pkg"])), &["a.pkg cannot be read as a package"]);
    says(&fail(&mut notarize(&xtask, &server, &["."])), &["cannot be read"]);
    says(&fail(&mut notarize(&xtask, &server, &["none.pkg"])), &["could not open none.pkg"]);
}

#[test]
fn the_right_to_upload_expires() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = team().built(1);
    let server = Server::start(Plan { expired: true, ..Plan::default() });
    says(&fail(&mut notarize(&xtask, &server, &["out"])), &["right to upload", "submits anew"]);
    server.state().plan.expired = false;
    succeed(&mut notarize(&xtask, &server, &["out"]));
    let uploads: Vec<u32> = server.state().submissions.iter().map(|one| one.uploads).collect();
    assert_eq!(uploads, [0, 1]);
}
