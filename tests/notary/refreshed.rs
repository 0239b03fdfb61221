//! Everything that follows from a package's bytes, after tickets were stapled.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use flatpkg::xar::Archive;
use sha1::{Digest, Sha1};

use super::authority::team;
use super::server::{Plan, Server};
use super::{is_stapled, packages};
use crate::support::{Xtask, fail, succeed, tool};

/// A folder with settings for device managers too.
fn folder() -> Xtask {
    let xtask = Xtask::new();
    let settings = crate::fleet::settings(3);
    let (first, rest) = settings.split_once('\n').unwrap();
    let text = format!("{first}\nbase-url = \"https://example.com/lima\"\n{rest}");
    fs::write(xtask.path("installers.toml"), text).unwrap();
    xtask
}

fn command(xtask: &Xtask, server: &Server, arguments: &[&str]) -> std::process::Command {
    let mut command = xtask.bare_command(arguments);
    command.arg("--test-services").arg(server.settings());
    command
}

/// A server with tickets for every package below a folder, whoever signed it.
fn server_for(xtask: &Xtask, out: &str) -> Server {
    let server = Server::start(Plan::default());
    let known = packages(&xtask.path(out))
        .into_iter()
        .map(|(path, bytes)| {
            let archive = Archive::read(&mut Cursor::new(bytes)).unwrap();
            (path, Sha1::digest(&archive.toc_compressed).to_vec())
        })
        .collect();
    server.knows(known);
    server
}

/// Checks that fail because only these tests have the roots.
const TESTS_OWN: [&str; 3] = ["\"ticket\"", "\"signature-chain\"", "\"signature-timestamp\""];

/// What `verify` finds wrong beside [`TESTS_OWN`].
fn faults(xtask: &Xtask, out: &str) -> Vec<String> {
    let output = xtask.bare_command(&["verify", out, "--format", "json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = report["verified"].as_array().expect("a list");
    packages
        .iter()
        .flat_map(|one| {
            let path = one["path"].as_str().unwrap_or_default().to_owned();
            let checks = one["checks"].as_array().cloned().unwrap_or_default();
            checks
                .into_iter()
                .filter(|check| check["status"] == "fail")
                .map(move |check| format!("{path}: {check}"))
        })
        .filter(|fault| !TESTS_OWN.iter().any(|check| fault.contains(check)))
        .collect()
}

type Files = BTreeMap<String, (u32, Vec<u8>)>;

fn different(one: &Files, other: &Files) -> Vec<String> {
    let paths = one.keys().chain(other.keys()).collect::<std::collections::BTreeSet<_>>();
    paths.into_iter().filter(|path| one.get(*path) != other.get(*path)).cloned().collect()
}

#[test]
fn a_run_that_nobody_touched_stays_byte_for_byte() {
    let xtask = folder();
    for arguments in [&["dist"][..], &["dist", "--unsigned", "--combined"], &["dist", "--only", "pkg"]] {
        xtask.run(arguments);
        let before = xtask.files("out");
        succeed(&mut xtask.bare_command(&["refresh"]));
        assert_eq!(different(&before, &xtask.files("out")), [""; 0], "{arguments:?}");
    }
}

#[test]
fn what_follows_from_stapled_packages_is_as_dist_would_have_written_it() {
    let Some(_) = tool("openssl") else { return };
    let xtask = folder();
    xtask.run(&["dist", "--combined"]);
    let server = server_for(&xtask, "out");
    let before = xtask.files("out");
    succeed(&mut command(&xtask, &server, &["staple", "out"]));
    assert!(packages(&xtask.path("out")).iter().all(|(_, bytes)| is_stapled(bytes)));
    assert_eq!(faults(&xtask, "out"), [""; 0]);
    let after = xtask.files("out");
    let changed = different(&before, &after);
    for end in [
        "vm0/mdm/manifest.plist",
        "mdm/manifest.plist",
        "mdm/declaration.json",
        "mdm/munki/lima-autostart-3.1.plist",
        "mdm/fleet/lima.package.yml",
        "munki/pkgs/lima-autostart/all/lima-autostart-3.1-uninstall.pkg",
        "vm1/mdm/uninstall-manifest.plist",
        "vm2/mdm/declaration.json",
        "vm0/mdm/munki/lima-vm0-3.1.plist",
        "vm0/mdm/fleet/lima-vm0.package.yml",
        "munki/pkgs/lima-autostart/lima-vm0-3.1.pkg",
        "munki/catalogs/all",
        "lima-autostart-3.1.zip",
        "index.html",
        "artifacts.json",
        "SHA256SUMS",
    ] {
        assert!(changed.iter().any(|path| path == end), "{end} is the same; changed: {changed:#?}");
    }
    for path in &changed {
        let follows = ["pkg", "plist", "json", "yml", "zip", "html"].iter().any(|end| path.ends_with(end))
            || path.starts_with("munki/catalogs/")
            || path == "SHA256SUMS";
        assert!(follows && !path.contains("/linux/") && !path.ends_with(".sh"), "{path}");
    }
    let manifest: serde_json::Value = serde_json::from_slice(&after["artifacts.json"].1).unwrap();
    for artifact in manifest["artifacts"].as_array().unwrap() {
        let kind = artifact["kind"].as_str().unwrap();
        let is_package = kind.ends_with("pkg") || kind == "munki-package";
        assert_eq!(artifact["notarized"].is_string(), is_package, "{artifact}");
    }
    let page = String::from_utf8(after["index.html"].1.clone()).unwrap();
    assert!(page.contains("Double-click it, or:") && page.contains("<dt>Notarized</dt>"), "{page}");
    // Again: nothing is left to do.
    succeed(&mut command(&xtask, &server, &["refresh", "out"]));
    crate::schema::check(&xtask.path("out"));
    assert_eq!(different(&after, &xtask.files("out")), [""; 0]);
}

#[test]
fn parts_that_were_stapled_are_joined_to_the_run_that_was() {
    let Some(_) = tool("openssl") else { return };
    let xtask = folder();
    xtask.run(&["dist", "--unsigned", "--combined"]);
    let server = server_for(&xtask, "out");
    for part in ["1/2", "2/2"] {
        let out = format!("part-{}", &part[..1]);
        xtask.run(&["dist", "--unsigned", "--combined", "--partition", part, "--out", &out]);
        // By another program, which knows nothing of the folder: one package after the other.
        for (path, _) in packages(&xtask.path(&out)) {
            succeed(&mut command(&xtask, &server, &["staple", &format!("{out}/{path}")]));
        }
    }
    succeed(&mut command(&xtask, &server, &["staple", "out"]));
    succeed(&mut command(&xtask, &server, &["merge", "part-1", "part-2", "--out", "joined"]));
    assert_eq!(different(&xtask.files("out"), &xtask.files("joined")), [""; 0]);
    assert_eq!(faults(&xtask, "joined"), [""; 0]);
}

#[test]
fn what_is_not_the_run_is_refused_and_nothing_is_touched() {
    let Some(_) = tool("openssl") else { return };
    let xtask = folder();
    xtask.run(&["dist"]);
    let server = server_for(&xtask, "out");
    let refused = |change: &dyn Fn(), says: &str| {
        change();
        let before = xtask.files("out");
        let error = fail(&mut command(&xtask, &server, &["refresh", "out"]));
        assert!(error.contains(says), "{says:?} is not in: {error}");
        assert_eq!(different(&before, &xtask.files("out")), [""; 0]);
    };
    let place = |path: &str| xtask.path("out").join(path);
    let (one, other) = ("vm0/macos/lima-vm0-3.1.pkg", "vm1/macos/lima-vm1-3.1.pkg");
    let good = fs::read(place(one)).unwrap();
    refused(&|| assert!(fs::copy(place(other), place(one)).is_ok()), "identifier or version is another");
    let mut damaged = good.clone();
    damaged.push(0);
    refused(&|| fs::write(place(one), &damaged).unwrap(), "vm0-3.1.pkg is not the package that was built");
    refused(&|| fs::write(place(one), "hello").unwrap(), "is not the package that was built");
    refused(&|| fs::remove_file(place(one)).unwrap(), "could not read");
    fs::write(place(one), &good).unwrap();
    let script = place("vm0/macos/uninstall.sh");
    let text = fs::read(&script).unwrap();
    refused(&|| fs::write(&script, "exit\n").unwrap(), "uninstall.sh is not the file that was built");
    fs::write(&script, text).unwrap();
    refused(
        &|| fs::write(place("vm0/mdm/declaration.json"), "{}").unwrap(),
        "declaration.json is not the file",
    );
    let error = fail(&mut command(&xtask, &server, &["refresh", "nowhere"]));
    assert!(error.contains("nowhere/artifacts.json") && !xtask.path("nowhere").exists(), "{error}");
}

#[test]
fn dist_notarizes_and_leaves_a_run_that_verifies() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("bsdtar")) else { return };
    let xtask = folder();
    let server = Server::start(Plan::default());
    let url = team().timestamps();
    let identity = team().path("identity.pem").to_str().unwrap().to_owned();
    let settings = server.settings().to_str().unwrap().to_owned();
    let arguments = [
        "dist",
        "--notarize",
        "--pem-file",
        &identity,
        "--timestamp-url",
        &url,
        "--test-services",
        &settings,
    ];
    let mut dist = xtask.command(&arguments);
    let error = fail(&mut dist);
    assert!(error.contains("Apple's notary wants an API key") && !xtask.path("out").exists(), "{error}");
    let said = succeed(dist.env("LIMA_AUTOSTART_API_KEY", team().api_key("key.p8")));
    server.assert_no_fault();
    assert_eq!(server.state().submissions.len(), 1);
    assert_eq!(server.state().submissions[0].packages.len(), 6, "copies are not submitted");
    assert!(said.contains("Submitted 6 packages"), "{said}");
    let all = packages(&xtask.path("out"));
    assert!(all.len() == 12 && all.iter().all(|(_, bytes)| is_stapled(bytes)));
    assert_eq!(faults(&xtask, "out"), [""; 0]);
    // Nothing is signed anew, and nothing is submitted: the same tables of contents.
    succeed(xtask.command(&arguments).env("LIMA_AUTOSTART_API_KEY", team().api_key("key.p8")));
    assert_eq!(server.state().submissions.len(), 1);
}
