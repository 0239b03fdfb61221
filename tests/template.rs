//! `template check`: what limactl fetches to create an instance.

use std::fs;

use crate::support::{Xtask, fail, succeed};

const WHOLE: &str = r#"
minimumLimaVersion: 2.0.0
images:
- location: "https://cloud-images.ubuntu.com/releases/noble/release/noble.img"
  arch: "aarch64"
  digest: "sha256:0123"
- location: "/opt/images/noble.img"
  arch: "x86_64"
  kernel:
    location: "file:///opt/images/vmlinuz"
mounts:
- location: "~"
containerd:
  system: false
  user: true
  archives:
  - location: "~/nerdctl-full.tgz"
    arch: "aarch64"
provision:
- mode: system
  script: "true"
- mode: system
  file: https://example.com/install.sh
"#;

fn check(text: &str, flags: &[&str]) -> (Xtask, Vec<String>) {
    let xtask = Xtask::new();
    fs::write(xtask.path("k3s.yaml"), text).unwrap();
    let words = [&["template", "check", "k3s.yaml"], flags].concat();
    (xtask, words.iter().map(|&word| word.to_owned()).collect())
}

fn said(text: &str, flags: &[&str]) -> String {
    let (xtask, words) = check(text, flags);
    succeed(xtask.bare_command(&[]).args(words))
}

fn refused(text: &str, flags: &[&str]) -> String {
    let (xtask, words) = check(text, flags);
    fail(xtask.bare_command(&[]).args(words))
}

#[test]
fn everything_that_is_fetched_is_listed() {
    let expected = "\
network   image       aarch64   https://cloud-images.ubuntu.com/releases/noble/release/noble.img  sha256:0123
file      image       x86_64    /opt/images/noble.img
file      kernel      x86_64    file:///opt/images/vmlinuz
file      containerd  aarch64   ~/nerdctl-full.tgz
network   provision   -         https://example.com/install.sh
";
    assert_eq!(said(WHOLE, &[]), expected);
    let json: serde_json::Value = serde_json::from_str(&said(WHOLE, &["--format", "json"])).unwrap();
    assert_eq!(json[0]["from"], "network");
    assert_eq!(json[0]["digest"], "sha256:0123");
    assert_eq!(json.as_array().unwrap().len(), 5);
}

#[test]
fn limactls_own_is_not_on_a_bare_mac() {
    let based = said("base: template:k3s\n", &[]);
    assert_eq!(based, "limactl   base        -         template:k3s\n");
    let based = said(
        "base:\n- template:_images/ubuntu\n- url: https://example.com/a.yaml\n  digest: sha256:1\n",
        &[],
    );
    assert_eq!(based.lines().count(), 2, "{based}");
    assert!(based.contains("https://example.com/a.yaml  sha256:1"), "{based}");
    // containerd is wanted unless a template says otherwise.
    let image = "images:\n- location: /a.img\n";
    assert!(said(image, &[]).contains("network   containerd"));
    for without in
        ["containerd: {system: false, user: false}\n", "containerd: {user: false}\n", "plain: true\n"]
    {
        assert!(!said(&format!("{image}{without}"), &[]).contains("containerd"), "{without}");
        said(&format!("{image}{without}"), &["--offline"]);
    }
    for with in ["", "containerd: {user: true}\n", "containerd: {system: true, user: false}\n"] {
        let error = refused(&format!("{image}{with}"), &["--offline"]);
        assert!(error.contains("1 of 2 files of k3s.yaml are not on it"), "{error}");
    }
    refused("base: template:k3s\n", &["--offline"]);
}

#[test]
fn what_is_no_template_is_refused() {
    for text in
        ["- a\n", "images: 3\n", "images:\n- arch: aarch64\n", "a: [\n", "base: {a: b}\n", "\u{1b}[31m: \0\n"]
    {
        let error = refused(text, &[]);
        assert!(error.contains("k3s.yaml is not a Lima template: "), "{error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
    // What it says reaches no terminal raw.
    let hostile = "images:\n- location: \"https://a/\\e[2J\\nb\"\ncontainerd: {user: false}\n";
    assert_eq!(said(hostile, &[]).lines().count(), 1);
    // References that grow without end.
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{before}]\n");
    }
    refused(&bomb, &[]);
    let xtask = Xtask::new();
    let error = fail(&mut xtask.bare_command(&["template", "check", "nowhere.yaml"]));
    assert!(error.contains("could not read nowhere.yaml"), "{error}");
}
