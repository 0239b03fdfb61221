//! The page of records that no run of ours makes: files of kinds to come, and
//! values from a manifest that somebody else wrote.

use xtask::artifact::{Artifact, Built, ComponentRecord, Kind, PackageRecord};
use xtask::plan::MAKERS;
use xtask::run::page::{self, Facts, Place, Totals};
use xtask::sign::SignedBy;

use super::browser::{Browser, hrefs, opened};

const HARM: &str = "</script><script>document.title='taken'</script>\"'&<!--\u{202e}\0\u{1b}\nü";

fn file(path: &str, kind: &'static str) -> Built {
    Built {
        artifact: Artifact {
            path: path.to_owned(),
            kind: Kind::new(kind),
            instance: Some("k3s".to_owned()),
            identifier: None,
        },
        version: "1".to_owned(),
        size: 12,
        sha256: "00".repeat(32),
        signed_by: None,
        notarized: None,
        package: None,
    }
}

fn page(organization: Option<&str>, built: &[Built]) -> String {
    let mut totals = Totals::default();
    built.iter().for_each(|one| totals.add(one, &MAKERS));
    let facts = Facts {
        version: "1".to_owned(),
        organization: organization.map(str::to_owned),
        commit: organization.map(str::to_owned),
        time: 1_777_615_628,
        base_url: organization.map(|_| "https://example.com/a&b'c/".parse().unwrap()),
        makers: &MAKERS,
        place: Place::Folder,
    };
    let instance = page::instance(built[0].artifact.instance.as_deref().unwrap(), built, &totals, &facts);
    [
        page::head(&facts, &totals),
        page::list(),
        instance,
        page::foot(&[file("a.new", "of-a-kind-to-come")], &[], &facts),
    ]
    .concat()
}

#[test]
fn a_file_that_no_section_knows_is_listed_too() {
    let files = [
        file("k3s/macos/io.lima-vm.daemon.k3s.plist", "plist"),
        file("k3s/mdm/k3s.mobileconfig", "mdm-profile"),
        file("munki/pkgsinfo/k3s.plist", "plist"),
    ];
    let html = page(None, &files);
    let linked: Vec<String> = hrefs(&html).iter().map(|href| opened(href)).collect();
    let own = ["a.new", "SHA256SUMS", "artifacts.json"].map(str::to_owned);
    let of = |heading: &str| {
        html.split(heading)
            .nth(1)
            .unwrap()
            .split("<h3")
            .next()
            .unwrap()
            .split("<h2")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(hrefs(&of("For device managers</h3>")), ["k3s/mdm/k3s.mobileconfig"]);
    assert!(of("For device managers</h3>").contains(">mdm/k3s.mobileconfig<"), "named below the instance");
    let others = ["k3s/macos/io.lima-vm.daemon.k3s.plist", "munki/pkgsinfo/k3s.plist"];
    assert_eq!(hrefs(&of("Other files</h3>")), others);
    assert_eq!(linked.len(), files.len() + own.len());
    assert!(own.iter().all(|path| linked.contains(path)));
    assert!(!html.contains("Signed by"), "there is no package");
}

#[test]
fn units_without_a_package_say_whose_name_is_missing() {
    let unit = |path: &str, identifier: Option<&str>| {
        let mut unit = file(path, "systemd");
        unit.artifact.identifier = identifier.map(str::to_owned);
        unit
    };
    let files = [
        unit("k3s/linux/lima-vm@.service", Some("lima-vm@.service")),
        unit("k3s/linux/lima-vm@k3s.service.d/10-lima-autostart.conf", Some("lima-vm@k3s.service")),
        unit("k3s/linux/tmpfiles.d/lima-vm-k3s.conf", None),
    ];
    let html = page(None, &files);
    assert!(html.contains("NAME is the user who owns the instance."));
    assert!(html.contains("loginctl enable-linger NAME"));
    // At login nobody lingers.
    let html = page(None, &files[..2]);
    assert!(!html.contains("loginctl") && html.contains("systemctl --user --machine=NAME@ enable --now"));
}

/// A manifest that `merge` reads may have been written by anybody.
#[test]
fn values_of_a_foreign_manifest_stay_text() {
    let mut package = file(&format!("k3s/{HARM}.pkg"), "pkg");
    package.artifact.identifier = Some(HARM.to_owned());
    package.artifact.instance = Some(HARM.to_owned());
    package.sha256 = HARM.to_owned();
    package.signed_by = Some(SignedBy {
        subject: HARM.to_owned(),
        team: Some(HARM.to_owned()),
        sha256: HARM.to_owned(),
        development: false,
    });
    let component = ComponentRecord {
        identifier: HARM.to_owned(),
        instance: HARM.to_owned(),
        condition: HARM.to_owned(),
        user: HARM.to_owned(),
        label: HARM.to_owned(),
        limactl: HARM.to_owned(),
        lima_home: Some(HARM.to_owned()),
        env: [(HARM.to_owned(), HARM.to_owned())].into(),
        uninstaller: HARM.to_owned(),
        installed_kbytes: 28,
        installs: vec![HARM.to_owned()],
        runs: vec![HARM.to_owned()],
    };
    package.package = Some(PackageRecord {
        bundled: vec![],
        minimum_macos: HARM.to_owned(),
        architectures: vec![HARM.to_owned()],
        components: vec![component],
    });
    let html = page(Some(HARM), &[package]);
    assert_eq!(html.matches("<script>").count(), 1);
    assert!(!html.contains(['\0', '\u{1b}', '\u{202e}']));
    let Some(browser) = Browser::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.html");
    std::fs::write(&path, html).unwrap();
    let dom = browser.dom(&path);
    assert!(dom.contains("<title>Lima installers 1</title>"), "{dom}");
    assert_eq!(dom.matches("<script>").count(), 1);
}
