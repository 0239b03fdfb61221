//! `artifacts.json` of every kind of run, before its published schema.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Xtask, root};

const SCHEMA: &str = "docs/artifacts.schema.json";

const SETTINGS: &str = r#"
version = "2026.11"
organization = "Example Corp"

[[instance]]
name = "k3s"
user = "auto"

[[instance]]
name = "docker"
condition = "login"
architectures = ["arm64"]

[[instance]]
name = "dev-vm.2"
lima-home = "/srv/lima"
"#;

/// The schema. Readers pass over fields that they do not know; these tests do not,
/// so that every field stands in it.
fn strict() -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(map) => {
                if map.get("type") == Some(&json!("object")) && map.contains_key("properties") {
                    map.insert("additionalProperties".to_owned(), json!(false));
                }
                map.values_mut().for_each(close);
            }
            Value::Array(list) => list.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut schema = serde_json::from_slice(&fs::read(root().join(SCHEMA)).unwrap()).unwrap();
    close(&mut schema);
    schema
}

/// What the validator says against a manifest.
fn faults(schema: &Value, manifest: &Value) -> Option<String> {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("schema.json", schema.clone()).unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(manifest, index).err().map(|error| format!("{error:#}"))
}

/// Checks the manifest of a folder, and returns it.
pub fn check(out: &Path) -> Value {
    let manifest = serde_json::from_slice(&fs::read(out.join("artifacts.json")).unwrap()).unwrap();
    let found = faults(&strict(), &manifest);
    assert!(found.is_none(), "{}: {}", out.display(), found.unwrap());
    manifest
}

#[test]
fn every_kind_of_run_writes_what_the_schema_says() {
    let xtask = Xtask::new();
    fs::write(xtask.path("installers.toml"), SETTINGS).unwrap();
    let commit = "11bd71901bbe5b1630ceea73d27597364c9af683";
    let url = "https://mdm.example.com/lima%20vms";
    for (out, arguments) in [
        ("signed", &["k3s"][..]),
        ("unsigned", &["--unsigned"]),
        ("all", &["--combined", "--base-url", url, "--commit", commit]),
        ("units", &["--only", "systemd"]),
        ("part-1", &["--combined", "--base-url", url, "--partition", "1/2"]),
        ("part-2", &["--combined", "--base-url", url, "--partition", "2/2"]),
    ] {
        xtask.run(&[&["dist", "--out", out], arguments].concat());
        check(&xtask.path(out));
    }
    let merge = ["merge", "part-1", "part-2", "--out", "joined"];
    crate::support::succeed(&mut xtask.bare_command(&merge));
    check(&xtask.path("joined"));

    let all = check(&xtask.path("all"));
    assert_eq!(all["commit"], commit);
    assert_eq!(all["base_url"], url);
    assert_eq!(all["program"], env!("CARGO_PKG_VERSION"));
    let files = xtask.files("all");
    for artifact in all["artifacts"].as_array().unwrap() {
        let path = artifact["path"].as_str().unwrap();
        assert_eq!(artifact["mode"], format!("{:04o}", files[path].0), "{path}");
        assert_eq!(artifact["url"], format!("{url}/{path}"));
    }
    assert!(check(&xtask.path("units"))["artifacts"][0]["url"].is_null());
}

/// A schema that takes anything would prove nothing.
#[test]
fn the_schema_refuses_a_manifest_without_a_field_or_with_another_s_value() {
    let xtask = Xtask::new();
    fs::write(xtask.path("installers.toml"), SETTINGS).unwrap();
    xtask.run(&["dist", "--combined", "--base-url", "https://mdm.example.com", "--partition", "1/1"]);
    let manifest = check(&xtask.path("out"));
    let schema = strict();
    let package = manifest["artifacts"].as_array().unwrap().iter().position(|one| !one["package"].is_null());
    let package = format!("/artifacts/{}", package.unwrap());
    let component = format!("{package}/package/components/0");
    let signer = format!("{package}/signed_by");
    for (at, field) in [
        ("", "schema"),
        ("", "version"),
        ("", "artifacts"),
        ("/partition", "of_all"),
        (&package, "path"),
        (&package, "sha256"),
        (&package, "mode"),
        (&package, "signed_by"),
        (&signer, "development"),
        (&component, "label"),
        (&component, "installs"),
    ] {
        let mut changed = manifest.clone();
        let object = changed.pointer_mut(at).unwrap().as_object_mut().unwrap();
        object.remove(field).unwrap_or_else(|| panic!("{at}: no {field}"));
        assert!(faults(&schema, &changed).is_some(), "{at}: without {field}");
        // An array is nowhere what a text or number should be, nor the other way round.
        let wrong = if field == "artifacts" || field == "installs" || field == "of_all" {
            json!(1)
        } else {
            json!([])
        };
        changed.pointer_mut(at).unwrap()[field] = wrong;
        assert!(faults(&schema, &changed).is_some(), "{at}: another {field}");
    }
    for (at, value) in [
        ("/path", json!("a//b")),
        ("/path", json!("/etc/passwd")),
        ("/mode", json!("0777")),
        ("/sha256", json!("d7cdf4b")),
        ("/notarized", json!("yesterday")),
        ("/size", json!(-1)),
        ("/url", json!("http://example.com/")),
    ] {
        let mut changed = manifest.clone();
        changed.pointer_mut(&package).unwrap()[&at[1..]] = value;
        assert!(faults(&schema, &changed).is_some(), "{at}");
    }
}

#[test]
fn a_commit_that_is_none_is_refused() {
    let xtask = Xtask::new();
    let mut command = xtask.command(&["dist", "k3s", "--commit", "main"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("is not a commit") && said.contains("git rev-parse HEAD"), "{said}");
}
