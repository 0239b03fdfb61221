//! The action's steps, run by bash in a folder of their own. In the place of
//! cargo is a program that builds nothing and runs the xtask of these tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use xtask::settings::Architecture;

use crate::bundle::{release, setting};
use crate::support::{Xtask, root, succeed, tool};

const SETTINGS: &str = r#"
version = "1.4.0"
organization = "Example Corp"

[defaults]
user = "builder"

[[instance]]
name = "k3s"

[[instance]]
name = "docker"
condition = "login"

[[instance]]
name = "worker-1"

[[instance]]
name = "worker-2"
"#;

const COMMIT: &str = "11bd71901bbe5b1630ceea73d27597364c9af683";

/// Builds nothing: gives the xtask of these tests. Fails where a secret is near.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = build ] && [ -z "${INPUT_P12+set}" ] || exit 9
[ -f "$(expr "$*" : '.*--manifest-path \([^ ]*\)')" ] || exit 9
printf '{"reason":"compiler-artifact","target":{"name":"build-script-build"},"executable":"/x"}\n'
printf '{"reason":"compiler-artifact","target":{"name":"xtask"},"executable":null}\n'
printf '{"reason":"compiler-artifact","target":{"name":"xtask"},"executable":"%s"}\n' "$XTASK"
printf '{"reason":"build-finished","success":true}\n'
"#;

/// Where the steps run. `None` where a program is missing that they take.
fn place() -> Option<Xtask> {
    let (_, _) = (tool("bash")?, tool("jq")?);
    let xtask = Xtask::new();
    fs::write(xtask.path("installers.toml"), SETTINGS).unwrap();
    fs::create_dir(xtask.path("bin")).unwrap();
    fs::write(xtask.path("bin/cargo"), CARGO).unwrap();
    fs::set_permissions(xtask.path("bin/cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    Some(xtask)
}

/// Runs the steps with these inputs (of one given twice, the last), and the declared defaults for the others,
/// until one fails, as the runner does.
fn run(place: &Xtask, inputs: &[(&str, &str)]) -> Output {
    let action = super::yaml(super::ACTION);
    let value = |name: &str| match inputs.iter().rfind(|(given, _)| *given == name) {
        Some((_, value)) => (*value).to_owned(),
        None => action["inputs"][name]["default"].as_str().unwrap().to_owned(),
    };
    let mut last = None;
    for step in super::steps(&action) {
        if step["uses"].is_string() {
            continue;
        }
        let program = place.bare_command(&[]);
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()])
            .current_dir(place.dir.path())
            .env_clear()
            .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("PATH", format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap()))
            .env("XTASK", program.get_program())
            .env("GITHUB_ACTION_PATH", root().join(".github/actions/build"))
            .env("GITHUB_OUTPUT", place.path(&format!("output-{}", step["id"].as_str().unwrap())))
            .env("GITHUB_STEP_SUMMARY", place.path("summary"))
            .env("GITHUB_SHA", COMMIT)
            .env("RUNNER_TEMP", place.dir.path());
        for (variable, expression) in step["env"].as_object().into_iter().flatten() {
            if variable == "PROGRAM" {
                assert_eq!(expression, "${{ steps.program.outputs.program }}");
                bash.env(variable, output_of(place, "program", "program"));
                continue;
            }
            let [name] = &super::used(expression.as_str().unwrap()).into_iter().collect::<Vec<_>>()[..]
            else {
                panic!("{expression}")
            };
            bash.env(variable, value(name));
        }
        let output = bash.output().unwrap();
        let failed = !output.status.success();
        last = Some(output);
        if failed {
            break;
        }
    }
    last.unwrap()
}

/// What a step gave as its output of this name.
fn output_of(place: &Xtask, step: &str, name: &str) -> String {
    let text = fs::read_to_string(place.path(&format!("output-{step}"))).unwrap();
    let values = text.lines().filter_map(|line| line.split_once('=').filter(|(given, _)| *given == name));
    values.map(|(_, value)| value.to_owned()).next_back().unwrap_or_else(|| panic!("{text}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn refused(place: &Xtask, inputs: &[(&str, &str)], annotation: &str) {
    let output = run(place, inputs);
    let said = said(&output);
    assert!(!output.status.success(), "{inputs:?}: {said}");
    assert!(said.lines().any(|line| line.starts_with("::error::") && line.contains(annotation)), "{said}");
    assert!(!place.path("out").exists() && !place.path("summary").exists());
}

#[test]
fn parts_that_the_action_builds_make_the_whole_run() {
    let Some(place) = place() else { return };
    for part in 1..=3 {
        let (partition, out) = (format!("{part}/3"), format!("parts/part-{part}"));
        let output = run(
            &place,
            &[
                ("partition", &partition),
                ("out", &out),
                ("combined", "true"),
                ("unsigned", "true"),
                ("version", "2.0"),
            ],
        );
        assert!(output.status.success(), "{}", said(&output));
        // Only a whole run has a zip.
        assert_eq!(output_of(&place, "build", "zip"), "");
        assert_eq!(output_of(&place, "build", "version"), "2.0");
    }
    // As in the example's job.
    let merge =
        place.bare_command(&["merge", "parts/part-1", "parts/part-2", "parts/part-3", "--out", "out"]);
    succeed(&mut { merge });
    let whole =
        ["dist", "--unsigned", "--combined", "--pkg-version", "2.0", "--out", "whole", "--commit", COMMIT];
    succeed(&mut place.bare_command(&whole));
    assert!(place.files("out") == place.files("whole"));
    assert!(place.files("out").contains_key("lima-autostart-2.0.pkg"));
}

#[test]
fn events_become_annotations_an_output_and_a_summary() {
    let Some(place) = place() else { return };
    let output = run(&place, &[("unsigned", "true")]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("::warning::packages are not signed"), "{said}");
    assert!(said.contains("\nbuilt k3s/macos/lima-k3s-1.4.0.pkg\n"), "{said}");
    let files = place.files("out").len();
    let zip = place.files("out").into_keys().find(|path| path.ends_with(".zip")).unwrap();
    let outputs = fs::read_to_string(place.path("output-build")).unwrap();
    let wanted = format!("files={files}\nversion=1.4.0\nzip=out/{zip}\nsums=out/SHA256SUMS\n");
    assert_eq!(outputs, wanted);
    let summary = fs::read_to_string(place.path("summary")).unwrap();
    assert_eq!(summary, format!("{files} files, 8 packages, signed by:\n\n    nobody\n\n"));

    // An error is one line, whatever it says.
    fs::write(place.path("bad.toml"), "colour = 1\n").unwrap();
    let output = run(&place, &[("unsigned", "true"), ("spec", "bad.toml"), ("out", "other")]);
    let said = self::said(&output);
    assert!(!output.status.success());
    let line = said.lines().find(|line| line.starts_with("::error::")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("bad.toml") && line.contains("%0A"), "{line}");
}

#[test]
fn a_missing_secret_is_noticed() {
    let Some(place) = place() else { return };
    refused(&place, &[], "p12 is empty: is the secret missing?");
    refused(&place, &[("unsigned", "true"), ("p12", "AAAA")], "either p12 or unsigned: true");
    refused(&place, &[("unsigned", "yes")], "unsigned is to be true or false");
    refused(&place, &[("combined", "")], "combined is to be true or false");
    refused(&place, &[("unsigned", "true"), ("timestamp-url", "http://x/")], "timestamp-url needs p12");
    refused(&place, &[("p12", "%%%")], "LIMA_AUTOSTART_P12 is not base64");
}

#[test]
fn an_input_is_never_code() {
    let Some(place) = place() else { return };
    let harm = "$(touch ran)`touch ran`\"; touch ran; \"'; touch ran; '";
    for input in ["spec", "partition", "version", "combined", "unsigned"] {
        let output = run(&place, &[("unsigned", "true"), (input, harm)]);
        assert!(!output.status.success(), "{input}: {}", said(&output));
        assert!(!place.path("ran").exists() && !place.path("out").exists(), "{input}");
    }
    refused(&place, &[("unsigned", "true"), ("out", "x\nversion=9")], "out has a control character in it");
    let output = run(&place, &[("unsigned", "true"), ("out", "$(touch ran) ; x")]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(!place.path("ran").exists() && place.path("$(touch ran) ; x/artifacts.json").exists());
}

#[test]
fn a_certificate_from_a_secret_signs_and_is_not_shown() {
    use base64::Engine;
    let Some(place) = place() else { return };
    let Some(openssl) = tool("openssl") else { return };
    let (certificate, key) = crate::signing::installer_pem();
    fs::write(place.path("in.pem"), format!("{key}{certificate}")).unwrap();
    let export = ["pkcs12", "-export", "-in", "in.pem", "-out", "id.p12", "-passout", "pass:s3 cret$"];
    succeed(Command::new(openssl).args(export).current_dir(place.dir.path()));
    let p12 = base64::engine::general_purpose::STANDARD.encode(fs::read(place.path("id.p12")).unwrap());
    // Asked for only where a package brings programs.
    let Some(archive) = release(place.dir.path(), "2.2.0", Architecture::Arm64) else { return };
    fs::write(place.path("installers.toml"), format!("lima = {}\n{SETTINGS}", setting(&archive))).unwrap();
    refused(
        &place,
        &[("p12", &p12), ("p12-password", "s3 cret$"), ("app-p12", "%%%")],
        "LIMA_AUTOSTART_APP_P12 is not base64",
    );
    fs::write(place.path("installers.toml"), SETTINGS).unwrap();
    let output = run(&place, &[("p12", &p12), ("p12-password", "s3 cret$")]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("s3 cret") && !said.contains(&p12[..40]), "{said}");
    let summary = fs::read_to_string(place.path("summary")).unwrap();
    assert!(summary.ends_with("    Developer ID Installer: A Tester (TEAM)\n\n"), "{summary}");
    let names: Vec<_> =
        fs::read_dir(place.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_str().unwrap().starts_with("lima-autostart.")), "{names:?}");
}
