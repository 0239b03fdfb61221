//! What the page says of a run, and the page in the zip.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::browser::{Browser, hrefs, opened};
use super::fleet;
use crate::golden::below;
use crate::support::{Xtask, succeed, tool};

const SERVED: [&str; 3] = ["--base-url", "https://mdm.example.com/lima&co", "--combined"];

/// What stands between a heading and the next one of its kind or above.
fn under<'a>(html: &'a str, heading: &str) -> &'a str {
    let (_, rest) = html.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("<h3").next().unwrap().split("</details>").next().unwrap()
}

#[test]
fn what_somebody_enters_is_shown_as_it_is_entered() {
    let Some(browser) = Browser::find() else { return };
    let xtask = fleet(&SERVED);
    let page = xtask.path("out/index.html");
    let dom = browser.dom(&page);
    let address = |path: &str| format!("https://mdm.example.com/lima&amp;co/{path}</code>");
    for path in ["k3s/mdm/manifest.plist", "k3s/mdm/uninstall-manifest.plist", "mdm/manifest.plist"] {
        let line = dom.split("<li>").find(|line| line.contains(&format!("href=\"{path}\""))).unwrap();
        assert!(line.contains(">ManifestURL<") && line.contains(&address(path)), "{line}");
    }
    let munki = dom.split("<dt>Munki</dt>").nth(1).unwrap().split("</dd>").next().unwrap();
    assert!(munki.contains("SoftwareRepoURL") && munki.contains(&address("munki")), "{munki}");
    assert!(!dom.contains("href=\"munki/"), "what is in the repository");
    // By whom they are for.
    let managers = under(&dom, "<h3>For device managers</h3>");
    let headings: Vec<&str> =
        managers.split("<h4>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(headings, ["Any MDM", "Munki", "Fleet", "Jamf Pro", "Intune"]);
    let fleet = managers.split("<h4>Fleet</h4>").nth(1).unwrap().split("<h4>").next().unwrap();
    assert!(hrefs(fleet).iter().any(|href| href.ends_with("mdm/reports/fleet.reports.yml")), "{fleet}");
    let foot = dom.split("<footer>").nth(1).unwrap();
    assert!(foot.contains("<h4>Munki</h4>") && foot.contains("munki-condition.sh"), "{foot}");
    // Without an address there is none.
    let dom = browser.dom(&super::fleet(&[]).path("out/index.html"));
    assert!(!dom.contains("ManifestURL") && !dom.contains("SoftwareRepoURL"));
}

#[test]
fn who_signed_is_said_once_and_what_was_built_when() {
    let xtask = Xtask::new();
    let commit = "11bd71901bbe5b1630ceea73d27597364c9af683";
    let mut dist = xtask.bare_command(&["dist", "k3s", "--user", "alice", "--combined", "--commit", commit]);
    succeed(dist.env("SOURCE_DATE_EPOCH", "1777615628"));
    let page = fs::read_to_string(xtask.path("out/index.html")).unwrap();
    assert_eq!(page.matches("(development identity)").count(), 1);
    assert_eq!(page.matches("<dt>Signed by</dt>").count(), 1);
    let words = format!("Built from <code>{commit}</code> of 2026-05-01 06:07:08 UTC.");
    assert!(page.contains(&words), "{page}");
    // The fixed time says nothing of when it was built.
    xtask.run(&["dist", "k3s"]);
    let page = fs::read_to_string(xtask.path("out/index.html")).unwrap();
    assert!(!page.contains("Built from") && !page.contains("Dated"));
}

#[test]
fn the_settings_of_each_instance_are_shown() {
    let xtask = Xtask::new();
    let settings = r#"
        [[instance]]
        name = "plain"
        user = "builder"

        [[instance]]
        name = "other"
        user = "auto"
        limactl = "auto"
        lima-home = "/Volumes/My <Disk>/lima"
        env = { HTTPS_PROXY = "http://proxy:3128", A = "x & y" }
    "#;
    fs::write(xtask.path("fleet.toml"), settings).unwrap();
    succeed(&mut xtask.bare_command(&["dist", "--spec", "fleet.toml", "--unsigned"]));
    let page = fs::read_to_string(xtask.path("out/index.html")).unwrap();
    let of = |name: &str| {
        let (_, rest) = page.split_once(&format!("id=\"vm-{name}\"")).unwrap();
        let list = rest.split("<dl class=\"settings\">").nth(1).unwrap();
        list.split("</dl>").next().unwrap().to_owned()
    };
    let plain = of("plain");
    assert!(
        plain.contains("<code>/opt/homebrew/bin/limactl</code>") && !plain.contains("LIMA_HOME"),
        "{plain}"
    );
    let other = of("other");
    assert!(other.contains("looked for at every start"), "{other}");
    assert!(other.contains("/Volumes/My &lt;Disk&gt;/lima</code>"), "{other}");
    assert!(
        other.contains(">A=x &amp; y</code>") && other.contains(">HTTPS_PROXY=http://proxy:3128</code>"),
        "{other}"
    );
}

/// The page and the sums in the zip are about what is in the zip.
#[test]
fn the_zip_stands_alone() {
    let (Some(unzip), Some(sha256sum)) = (tool("unzip"), tool("sha256sum")) else { return };
    for arguments in [&SERVED[..], &[], &["--only", "zip,plist"]] {
        let xtask = fleet(arguments);
        let folder = tempfile::tempdir().unwrap();
        succeed(
            Command::new(&unzip)
                .arg("-q")
                .arg(xtask.path("out/lima-autostart-1.4.0.zip"))
                .current_dir(&folder),
        );
        let said =
            succeed(Command::new(&sha256sum).args(["--strict", "-c", "SHA256SUMS"]).current_dir(&folder));
        let strip =
            |path: &std::path::PathBuf| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let there: BTreeSet<String> = below(folder.path()).iter().map(strip).collect();
        let summed: BTreeSet<String> =
            said.lines().map(|line| line.strip_suffix(": OK").unwrap().to_owned()).collect();
        let mut expected = there.clone();
        expected.remove("SHA256SUMS");
        assert_eq!(summed, expected, "every file has its sum");
        let Ok(page) = fs::read_to_string(folder.path().join("index.html")) else {
            assert!(arguments.contains(&"zip,plist"));
            continue;
        };
        let linked: BTreeSet<String> = hrefs(&page).iter().map(|href| opened(href)).collect();
        expected.insert("SHA256SUMS".to_owned());
        // A page needs no link to itself.
        assert_eq!(linked.difference(&there).count(), 0, "a dead link");
        expected.remove("index.html");
        assert_eq!(expected.difference(&linked).collect::<Vec<_>>(), Vec::<&String>::new());
        // What somebody enters is served elsewhere.
        let is_served = arguments.contains(&"--base-url");
        assert_eq!(
            page.contains("https://mdm.example.com/lima&#38;co/k3s/mdm/manifest.plist")
                || page.contains("https://mdm.example.com/lima&amp;co/k3s/mdm/manifest.plist"),
            is_served
        );
    }
}
