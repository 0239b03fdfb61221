//! `kill -9` at each step, and going on: one submission, every ticket.

use std::fs;
use std::process::Stdio;

use super::authority::team;
use super::server::{Plan, Server, Step};
use super::{is_stapled, notarize, packages};
use crate::support::{fail, succeed, tool};

/// Kills a run at a step.
fn killed(step: Step) -> (crate::support::Xtask, Server) {
    let xtask = team().built(1);
    let server = Server::start(Plan { stop: Some(step), in_progress: 1, ..Plan::default() });
    let mut command = notarize(&xtask, &server, &["out"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_until_stopped();
    child.kill().unwrap();
    child.wait().unwrap();
    server.go_on();
    (xtask, server)
}

#[test]
fn at_each_step_and_on_with_either_command() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let steps = [
        // The step, how many submissions Apple then knows, how often bytes arrive whole.
        (Step::Submit, 1, 1),
        // Apple has an id that nobody heard of; nothing can be uploaded for it.
        (Step::Answered, 2, 1),
        (Step::Half, 1, 1),
        // The same bytes, a second time to the same place.
        (Step::Uploaded, 1, 2),
        (Step::Status, 1, 1),
        (Step::Log, 1, 1),
        (Step::LogText, 1, 1),
        (Step::Tickets, 1, 1),
    ];
    for (step, submissions, uploads) in steps {
        for arguments in [&["out"][..], &["--resume"]] {
            let (xtask, server) = killed(step);
            succeed(&mut notarize(&xtask, &server, arguments));
            server.assert_no_fault();
            assert!(packages(&xtask.path("out")).iter().all(|(_, bytes)| is_stapled(bytes)), "{step:?}");
            let state = server.state();
            assert_eq!(state.submissions.len(), submissions, "{step:?}: {:?}", state.requests);
            let with_bytes: Vec<u32> =
                state.submissions.iter().map(|one| one.uploads).filter(|count| *count > 0).collect();
            assert_eq!(with_bytes, [uploads], "{step:?}: one submission has bytes");
        }
    }
}

#[test]
fn the_record_is_its_owners_and_goes_with_the_right_to_upload() {
    use std::os::unix::fs::PermissionsExt;
    let Some(_) = tool("openssl") else { return };
    let (xtask, _server) = killed(Step::Half);
    let folder = xtask.path(".notarization");
    let record = folder.join("submissions.json");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&folder), mode(&record)), (0o700, 0o600));
    let text = fs::read_to_string(&record).unwrap();
    assert!(!text.contains("private_key") && !text.contains("Bearer"), "{text}");
    assert!(text.contains("\"submitted\""), "{text}");
    let (xtask, server) = killed(Step::Status);
    let text = fs::read_to_string(xtask.path(".notarization/submissions.json")).unwrap();
    assert!(text.contains("\"uploaded\"") && !text.contains("EXAMPLE"), "{text}");

    // Another package in the file's place is not stapled with the ticket of this one.
    let (path, _) = packages(&xtask.path("out")).remove(0);
    let (_, others) = packages(&team().built(2).path("out")).pop().unwrap();
    fs::write(xtask.path("out").join(&path), others).unwrap();
    let error = fail(&mut notarize(&xtask, &server, &["--resume"]));
    assert!(error.contains("has changed since it was submitted as 2efe2717"), "{error}");

    fs::write(xtask.path(".notarization/submissions.json"), "{").unwrap();
    let error = fail(&mut notarize(&xtask, &server, &["out"]));
    assert!(error.contains("not a record of submissions") && error.contains("--resume ID"), "{error}");
}

#[test]
fn bytes_that_changed_before_they_were_sent_are_not_sent() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let (xtask, server) = killed(Step::Half);
    let (path, mut bytes) = packages(&xtask.path("out")).remove(0);
    bytes.extend(b"more");
    fs::write(xtask.path("out").join(&path), bytes).unwrap();
    let error = fail(&mut notarize(&xtask, &server, &["out"]));
    assert!(error.contains("has changed since it was submitted"), "{error}");
    assert_eq!(server.state().submissions[0].uploads, 0);
}
