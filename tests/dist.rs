//! `dist` and `plan` from the outside: what a fresh clone gives, read back with
//! tools and crates that others wrote.

mod packages;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use xshell::{Shell, cmd};

use crate::support::{Xtask, fail, in_shell, succeed, tool};

#[test]
fn plan_names_what_dist_writes_and_writes_nothing() {
    let xtask = Xtask::new();
    let plan: serde_json::Value =
        serde_json::from_str(&xtask.run(&["plan", "k3s", "docker", "--format", "json"])).unwrap();
    assert!(!xtask.path("out").exists());
    xtask.run(&["dist", "k3s", "docker", "--unsigned"]);
    let paths = |value: &serde_json::Value| -> BTreeSet<String> {
        let artifacts = value["artifacts"].as_array().unwrap();
        artifacts.iter().map(|artifact| artifact["path"].as_str().unwrap().to_owned()).collect()
    };
    let planned = paths(&plan);
    let mut expected = planned.clone();
    expected.extend(["SHA256SUMS".to_owned(), "artifacts.json".to_owned()]);
    assert_eq!(xtask.files("out").into_keys().collect::<BTreeSet<_>>(), expected);
    let manifest = serde_json::from_slice(&fs::read(xtask.path("out/artifacts.json")).unwrap()).unwrap();
    assert_eq!(paths(&manifest), planned);
}

#[test]
fn the_plan_for_people() {
    let xtask = Xtask::new();
    crate::golden::golden("plan.txt", xtask.run(&["plan", "k3s"]).as_bytes());
    fs::write(xtask.path("two.toml"), TWO_INSTANCES).unwrap();
    crate::golden::golden("plan-two.txt", xtask.run(&["plan", "--spec", "two.toml"]).as_bytes());
    crate::golden::golden(
        "plan.json",
        xtask.run(&["plan", "--spec", "two.toml", "--format", "json", "--only", "pkg,zip"]).as_bytes(),
    );
}

const TWO_INSTANCES: &str = r#"
version = "2026.11"
identifier-prefix = "com.example.lima"

[[instance]]
name = "k3s"

[[instance]]
name = "docker"
condition = "login"
"#;

#[test]
fn the_sums_and_the_manifest_are_of_the_final_bytes() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(xtask.path("out/artifacts.json")).unwrap()).unwrap();
    for artifact in manifest["artifacts"].as_array().unwrap() {
        let bytes = fs::read(xtask.path("out").join(artifact["path"].as_str().unwrap())).unwrap();
        assert_eq!(artifact["size"], bytes.len());
        let is_package = artifact["path"].as_str().unwrap().ends_with(".pkg");
        assert_eq!(artifact["signed_by"].is_object(), is_package, "{artifact}");
        assert!(!is_package || artifact["signed_by"]["development"] == true);
    }
    let Some(_) = tool("sha256sum") else { return };
    let out = xtask.path("out");
    let checked = succeed(Command::new("sha256sum").args(["-c", "--strict", "SHA256SUMS"]).current_dir(&out));
    let listed: BTreeSet<&str> = checked.lines().map(|line| line.strip_suffix(": OK").unwrap()).collect();
    let files = xtask.files("out");
    let expected: BTreeSet<&str> =
        files.keys().map(String::as_str).filter(|name| *name != "SHA256SUMS").collect();
    assert_eq!(listed, expected);
}

#[test]
fn the_zip_holds_every_file_with_its_mode() {
    let Some(_) = tool("unzip") else { return };
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    let sh = Shell::new().unwrap();
    let (zip, to) = (xtask.path("out/lima-autostart-1.0.0.zip"), xtask.path("unzipped"));
    cmd!(sh, "unzip -q {zip} -d {to}").run().unwrap();
    let mut expected = xtask.files("out");
    for name in ["artifacts.json", "lima-autostart-1.0.0.zip"] {
        expected.remove(name).unwrap();
    }
    // Page and sums are about what is in the zip: tests/page/facts.rs.
    let mut unzipped = xtask.files("unzipped");
    for name in ["index.html", "SHA256SUMS"] {
        let own = unzipped.insert(name.to_owned(), expected[name].clone()).unwrap();
        assert!(own != expected[name], "{name}");
    }
    assert!(unzipped == expected);
    if tool("bsdtar").is_some() {
        let listed = cmd!(sh, "bsdtar tf {zip}").read().unwrap();
        assert_eq!(listed.lines().collect::<BTreeSet<_>>(), expected.keys().map(String::as_str).collect());
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let xtask = Xtask::new();
    let build = |out: &str, environment: &[(&str, &str)]| {
        let mut command = xtask.command(&["dist", "k3s", "docker", "--unsigned", "--out", out]);
        succeed(command.envs(environment.iter().copied()));
        xtask.files(out)
    };
    let first = build("a", &[]);
    assert!(first == build("b", &[("RAYON_NUM_THREADS", "1")]), "one thread");
    assert!(first == build("c", &[("TZ", "Asia/Tokyo"), ("LC_ALL", "tr_TR.UTF-8")]), "another place");
    assert!(first == build("a", &[]), "over the earlier run");
    let dated = build("d", &[("SOURCE_DATE_EPOCH", "1700000000")]);
    assert!(first != dated && first.keys().eq(dated.keys()));

    // The umask is the shell's to change.
    let program = xtask.command(&["dist", "k3s", "docker", "--unsigned", "--out", "e"]);
    succeed(&mut in_shell("umask 077; exec \"$@\"", &program));
    assert!(first == xtask.files("e"), "another umask");
}

#[test]
fn a_malformed_date_is_an_error() {
    let xtask = Xtask::new();
    for text in ["", "yesterday", "-1", "+1", "1.5", "4294967296", " 1"] {
        let mut command = xtask.command(&["dist", "--unsigned"]);
        let error = fail(command.env("SOURCE_DATE_EPOCH", text));
        assert!(error.contains(&format!("SOURCE_DATE_EPOCH is {text:?}")), "{error}");
    }
    assert!(!xtask.path("out").exists());
    for text in ["0", "4294967295"] {
        succeed(xtask.command(&["dist", "--unsigned"]).env("SOURCE_DATE_EPOCH", text));
    }
}

#[test]
fn only_builds_the_kinds_that_are_asked_for() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--only", "plist,uninstall-script"]);
    let names: Vec<_> = xtask.files("out").into_keys().collect();
    assert_eq!(
        names,
        ["SHA256SUMS", "artifacts.json", "k3s/macos/io.lima-vm.daemon.k3s.plist", "k3s/macos/uninstall.sh"]
    );
    xtask.run(&["dist", "k3s", "--only", "systemd", "--only", "zip"]);
    assert!(xtask.files("out").keys().all(|name| !name.contains("macos")), "the earlier run's files go");
    xtask.run(&["dist", "k3s", "--only", "linux"]);
    let of_linux: Vec<_> = xtask.files("out").into_keys().collect();
    assert!(of_linux.iter().all(|name| !name.contains("macos")), "{of_linux:?}");
    assert!(
        [".deb", ".rpm", ".pkg.tar.zst", "index.html", ".zip"]
            .iter()
            .all(|end| of_linux.iter().any(|name| name.ends_with(end)))
    );
    xtask.run(&["dist", "k3s", "--only", "macos", "--unsigned"]);
    let of_macs: Vec<_> = xtask.files("out").into_keys().collect();
    assert!(of_macs.iter().all(|name| !name.contains("linux")), "{of_macs:?}");
    assert!(
        ["k3s-1.0.0.pkg", "index.html", ".zip"]
            .iter()
            .all(|end| of_macs.iter().any(|name| name.ends_with(end)))
    );
    let output = xtask.command(&["dist", "--only", "plists"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("'plist'"), "a typo gets a suggestion");
}

#[test]
fn json_messages_are_an_event_per_line() {
    let xtask = Xtask::new();
    fs::create_dir(xtask.path("out")).unwrap();
    fs::write(xtask.path("out/mine"), "").unwrap();
    let said = xtask.run(&["dist", "k3s", "--message-format", "json"]);
    let events: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((of("built"), of("finished")), (14, 1));
    let finished = events.last().unwrap();
    assert_eq!(finished["left_alone"], serde_json::json!(["mine"]));
    assert!(said.contains("development identity"));

    let output =
        xtask.command(&["dist", "k3s", "--message-format", "json", "--pkg-version", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let event: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(event["event"], "error");
}

#[test]
fn an_instance_that_wants_the_place_of_a_file_is_refused() {
    let xtask = Xtask::new();
    for name in ["SHA256SUMS", "sha256sums", "artifacts.json", "index.html", "lima-autostart-1.0.0.zip"] {
        let error = xtask.fail(&["plan", name]);
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let xtask = Xtask::new();
    let program = xtask.command(&["dist", "k3s", "--unsigned"]);
    succeed(&mut in_shell("\"$@\" | true", &program));
    assert!(xtask.path("out/artifacts.json").exists());
}

#[test]
fn identities_that_cannot_sign_are_refused_before_anything_is_built() {
    let xtask = Xtask::new();
    fs::write(xtask.path("id.p12"), "no p12").unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--p12-file", "id.p12"], "id.p12: this is not a PKCS#12 file"),
        (&["--p12-file", "missing.p12"], "could not read missing.p12"),
        (&["--pem-file", "id.p12"], "id.p12: this is not a PEM file"),
        (&["--p12-password-file", "id.p12"], "--p12-password-file needs --p12-file"),
        (&["--timestamp-url", "ftp://x/"], "--timestamp-url: \"ftp://x/\""),
    ];
    for (arguments, expected) in cases {
        let error = xtask.fail(&[&["dist"], arguments].concat());
        assert!(error.contains(expected), "{error}");
    }
    let from_environment = [
        ("LIMA_AUTOSTART_P12", "", "LIMA_AUTOSTART_P12 is set and empty"),
        ("LIMA_AUTOSTART_P12", "%%%", "LIMA_AUTOSTART_P12 is not base64"),
        ("LIMA_AUTOSTART_PEM", "x", "LIMA_AUTOSTART_PEM: this is not a PEM file"),
    ];
    for (name, value, expected) in from_environment {
        let error = fail(xtask.command(&["dist"]).env(name, value));
        assert!(error.contains(expected), "{error}");
    }
    assert!(!xtask.path("out").exists());
}

#[test]
fn an_identity_from_the_environment_signs_and_stays_secret() {
    use base64::Engine;
    let Some(_) = tool("openssl") else { return };
    let xtask = Xtask::new();
    let (certificate, key) = crate::signing::installer_pem();
    let (input, output) = (xtask.path("in.pem"), xtask.path("id.p12"));
    fs::write(&input, format!("{key}{certificate}")).unwrap();
    let sh = Shell::new().unwrap();
    cmd!(sh, "openssl pkcs12 -export -in {input} -out {output} -passout pass:s3cret").run().unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(fs::read(&output).unwrap());
    let mut command = xtask.command(&["dist", "k3s"]);
    command.env("LIMA_AUTOSTART_P12", encoded).env("LIMA_AUTOSTART_P12_PASSWORD", "s3cret");
    let run = command.output().unwrap();
    assert!(run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("does not chain to an Apple root"));
    let written = xtask.files("out");
    assert!(written.values().all(|(_, bytes)| !bytes.windows(6).any(|part| part == b"s3cret")));
    assert!(!String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).contains("s3cret"));
    let manifest = String::from_utf8(written["artifacts.json"].1.clone()).unwrap();
    assert!(manifest.contains("Developer ID Installer: A Tester (TEAM)"), "{manifest}");

    // The same by files.
    fs::write(xtask.path("password"), "s3cret\n").unwrap();
    xtask.run(&["dist", "k3s", "--p12-file", "id.p12", "--p12-password-file", "password"]);
    xtask.run(&["dist", "k3s", "--pem-file", "in.pem"]);
}

#[test]
fn an_authority_of_ones_own_stamps_every_package() {
    use crate::signing::timestamp::{Authority, serve};
    let Some(_) = tool("openssl") else { return };
    let xtask = Xtask::new();
    let (certificate, key) = crate::signing::installer_pem();
    fs::write(xtask.path("id.pem"), format!("{key}{certificate}")).unwrap();
    let authority = Authority::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2 {
                serve(listener.accept().unwrap().0, |request| (200, authority.answer(request)));
            }
        });
        xtask.run(&["dist", "k3s", "--pem-file", "id.pem", "--timestamp-url", &url]);
    });
    let authority = authority.certificate();
    let mut verify = xtask.bare_command(&["verify", "out", "--trust", "id.pem", "--require", "signed"]);
    let report = succeed(verify.arg("--trust").arg(&authority));
    assert_eq!(report.matches("says A test timestamp authority").count(), 2, "{report}");
    // Who is not told to trust the authority does not.
    let report = xtask.bare_command(&["verify", "out", "--trust", "id.pem"]).output().unwrap();
    assert_eq!(report.status.code(), Some(1));
}
