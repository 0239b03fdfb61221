//! `index.html`, loaded in a browser that somebody else wrote.

mod browser;
mod facts;
mod records;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::golden::golden;
use crate::support::{Xtask, succeed, tool};
use browser::{Browser, hrefs, opened};

/// Instances at boot and at login, and a text that means harm. More than are
/// shown unfolded, so that the filter comes too.
const FLEET: &str = r#"
version = "1.4.0"
identifier-prefix = "com.example.lima"
organization = "Söhne & \"Co\" </script><script>document.title='taken'</script> '<b>'"

[defaults]
user = "builder"

[[instance]]
name = "k3s"

[[instance]]
name = "docker"
condition = "login"

[[instance]]
name = "a-very-long-instance-name.with_many-parts.and-more"
user = "firstname.lastname"

[[instance]]
name = "a"

[[instance]]
name = "b"

[[instance]]
name = "c.html"
"#;

pub fn fleet(arguments: &[&str]) -> Xtask {
    let xtask = Xtask::new();
    fs::write(xtask.path("fleet.toml"), FLEET).unwrap();
    succeed(xtask.bare_command(&["dist", "--spec", "fleet.toml"]).args(arguments));
    xtask
}

fn manifest(xtask: &Xtask) -> Value {
    serde_json::from_slice(&fs::read(xtask.path("out/artifacts.json")).unwrap()).unwrap()
}

#[test]
fn every_artifact_is_linked_and_nothing_else_is() {
    let Some(browser) = Browser::find() else { return };
    for arguments in
        [&["--combined"][..], &["--base-url", "https://example.com/x"], &["--only", "index,plist"]]
    {
        links_of(&browser, &fleet(arguments));
    }
}

fn links_of(browser: &Browser, xtask: &Xtask) {
    let page = xtask.path("out/index.html");
    let dom = browser.dom(&page);
    let linked: Vec<String> = hrefs(&dom);
    let mut expected: BTreeSet<String> = ["SHA256SUMS", "artifacts.json"].map(str::to_owned).into();
    let manifest = manifest(xtask);
    let artifacts = manifest["artifacts"].as_array().unwrap();
    let paths = artifacts.iter().map(|artifact| artifact["path"].as_str().unwrap().to_owned());
    // Nobody looks for what is in the Munki repository by itself.
    expected.extend(paths.filter(|path| !path.starts_with("munki/")));
    // As a browser reads them, which is not how they were written.
    let opened: BTreeSet<String> = linked.iter().map(|href| opened(href)).collect();
    assert_eq!(opened, expected);
    assert_eq!(linked.len(), expected.len(), "each is linked once");
    for path in &opened {
        assert!(xtask.path("out").join(path).is_file(), "{path}");
    }
}

#[test]
fn the_page_shows_what_the_manifest_says_of_each_package() {
    let Some(browser) = Browser::find() else { return };
    let xtask = fleet(&["--combined"]);
    let dom = browser.dom(&xtask.path("out/index.html"));
    let manifest = manifest(&xtask);
    let packages = manifest["artifacts"].as_array().unwrap();
    let packages: Vec<&Value> = packages.iter().filter(|artifact| artifact["package"].is_object()).collect();
    assert_eq!(packages.len(), 14);
    for package in packages {
        for name in ["sha256", "identifier", "version"] {
            assert!(dom.contains(package[name].as_str().unwrap()), "{name} of {}", package["path"]);
        }
        let size = package["size"].to_string();
        let (thousands, rest) = size.split_at(size.len() - 3);
        assert!(dom.contains(&format!("{thousands},{rest} bytes")), "{size}");
        for component in package["package"]["components"].as_array().unwrap() {
            for path in component["installs"].as_array().unwrap() {
                assert!(dom.contains(path.as_str().unwrap()), "{path}");
            }
            for name in ["label", "user"] {
                assert!(dom.contains(component[name].as_str().unwrap()), "{}", component[name]);
            }
        }
    }
    assert!(dom.contains("; runs as root: preinstall, postinstall"), "of a choice");
    assert!(dom.contains("development identity, which no Mac trusts"));
    assert!(manifest["organization"].as_str().unwrap().starts_with("Söhne"));
}

#[test]
fn the_page_works_alone_and_fetches_nothing() {
    let xtask = fleet(&[]);
    let page = fs::read_to_string(xtask.path("out/index.html")).unwrap();
    let policy =
        page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    assert!(
        !page.contains(" src=")
            && !page.contains("<link")
            && !page.contains("url(")
            && !page.contains("@import")
    );
    for href in hrefs(&page) {
        assert!(!href.contains(':') && !href.starts_with('/') && !href.contains(".."), "{href}");
    }
}

#[test]
fn no_text_becomes_markup() {
    let Some(browser) = Browser::find() else { return };
    let xtask = fleet(&[]);
    let dom = browser.dom(&xtask.path("out/index.html"));
    assert!(dom.contains("<title>Lima installers 1.4.0</title>"), "no script of a value's ran");
    assert_eq!(dom.matches("<script>").count(), 1);
    // `"` and `'` need no escape in text, and the browser writes none.
    let text =
        r#"Söhne &amp; "Co" &lt;/script&gt;&lt;script&gt;document.title='taken'&lt;/script&gt; '&lt;b&gt;'"#;
    assert!(dom.contains(text), "{dom}");
}

#[test]
fn the_page_is_as_wide_as_a_phone_and_the_filter_finds() {
    let Some(browser) = Browser::find() else { return };
    let xtask = fleet(&["--combined"]);
    let seen = browser.on_a_phone(&xtask.path("out/index.html"));
    assert_eq!(seen["width"], seen["scrolled"], "it scrolls sideways: {seen}");
    assert_eq!(seen["unfolded"], 0);
    // Its own style and script ran: the policy's digests are theirs.
    assert_eq!(seen["styled"], true);
    assert_eq!(seen["filter"], true);
    assert_eq!(seen["found"], serde_json::json!(["docker"]));
    assert_eq!(seen["said"], "1 of 6");
    // There is a button for each command, address and digest, which selects it at least.
    assert_eq!(seen["buttons"], seen["to_copy"]);
    assert!(seen["buttons"].as_u64().unwrap() > 30, "{seen}");
    assert_eq!(seen["copied"].as_str().unwrap().len(), 64, "the first is the certificate: {seen}");

    // Folded, but for the one that the address names.
    let named = xtask.path("out/index.html#vm-docker");
    let dom = browser.dom(&named);
    assert!(dom.contains(r#"id="vm-docker" open="">"#) && dom.contains(r#"id="vm-k3s">"#), "{dom}");
}

#[test]
fn a_small_run_is_unfolded_and_needs_no_filter() {
    let Some(browser) = Browser::find() else { return };
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--unsigned"]);
    let seen = browser.on_a_phone(&xtask.path("out/index.html"));
    assert_eq!((&seen["unfolded"], &seen["filter"]), (&1.into(), &false.into()));
    assert_eq!(seen["width"], seen["scrolled"], "{seen}");
}

#[test]
fn the_page_of_a_small_unsigned_run() {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--unsigned", "--combined"]);
    let page = fs::read_to_string(xtask.path("out/index.html")).unwrap();
    golden("index.html", masked(&page).as_bytes());
}

/// The page without what is different as soon as a package is: sums and sizes.
fn masked(page: &str) -> String {
    let is_sum = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_size = |word: &str| word.chars().all(|c| c.is_ascii_digit() || ",.".contains(c));
    let words: Vec<&str> =
        page.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || ",.".contains(c))).collect();
    let mut masked = String::new();
    for (at, piece) in words.iter().enumerate() {
        let end = piece.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || ",.".contains(c)));
        let unit =
            words.get(at + 1).is_some_and(|next| ["bytes", "KB"].iter().any(|unit| next.starts_with(unit)));
        if is_sum(end) {
            masked.push_str("SUM");
        } else if unit && !end.is_empty() && is_size(end) {
            masked.push('N');
        } else {
            masked.push_str(end);
        }
        masked.push_str(&piece[end.len()..]);
    }
    masked
}

#[test]
fn xmllint_reads_the_page() {
    let Some(xmllint) = tool("xmllint") else { return };
    let xtask = fleet(&["--combined"]);
    let page = xtask.path("out/index.html");
    succeed(Command::new(&xmllint).args(["--noout", "--nonet"]).arg(&page));
    // Headings name every instance.
    let names = succeed(
        Command::new(&xmllint).args(["--nonet", "--xpath", "//*[local-name()='h2']/text()"]).arg(&page),
    );
    for name in ["k3s", "docker", "c.html", "All instances in one"] {
        assert!(names.lines().any(|line| line == name), "{names}");
    }
}

/// The commands are run where they can be: the sums are those of the files.
#[test]
fn the_commands_that_check_are_right() {
    let (Some(xmllint), Some(_)) = (tool("xmllint"), tool("shasum")) else { return };
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s", "--unsigned"]);
    let page = xtask.path("out/index.html");
    let command = |xpath: &str| {
        let path = format!("string(//*[local-name()='{xpath}");
        succeed(Command::new(&xmllint).args(["--nonet", "--xpath", &path]).arg(&page))
    };
    let all = command("header']//*[local-name()='pre'])");
    let all = succeed(Command::new("sh").args(["-c", all.trim()]).current_dir(xtask.path("out")));
    assert!(all.contains("index.html: OK") && !all.contains("FAILED"), "{all}");
    let one = command("details']//*[local-name()='pre'])");
    let one = succeed(Command::new("sh").args(["-c", one.trim()]).current_dir(xtask.path("out/k3s/macos")));
    assert_eq!(one, "lima-k3s-1.0.0.pkg: OK\n");
}
