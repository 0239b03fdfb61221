//! Files that mean harm to who verifies them: each ends in a fault, soon, and not
//! in a panic, a full memory or an empty stack.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const FILES: [(&str, &str); 10] = [
    ("k3s/mdm/manifest.plist", "manager-manifest"),
    ("k3s/mdm/declaration.json", "manager-declaration"),
    ("k3s/mdm/login-items.mobileconfig", "manager-profile"),
    ("k3s/mdm/munki/lima-k3s-1.2.plist", "manager-munki"),
    ("munki/pkgsinfo/lima-autostart/lima-k3s-1.2.plist", "manager-munki"),
    ("munki/manifests/lima-k3s", "manager-munki"),
    ("munki/catalogs/testing", "manager-munki"),
    ("k3s/mdm/fleet/lima-k3s.package.yml", "manager-fleet"),
    ("k3s/mdm/fleet/lima-k3s.policies.yml", "manager-fleet"),
    ("k3s/mdm/fleet/lima-k3s-login-items.mobileconfig", "manager-profile"),
];

fn plist(inner: &str) -> String {
    format!("<?xml version=\"1.0\"?><plist version=\"1.0\">{inner}</plist>")
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE plist [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>\
                    <plist version=\"1.0\"><dict><key>items</key><string>&b;</string></dict></plist>";
    let aliases: String = std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned())
        .chain((1..30).map(|at| format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 9].join(", "))))
        .collect();
    vec![
        ("nothing", Vec::new()),
        ("no text", vec![0xff; 100]),
        ("a number", b"1".to_vec()),
        ("an empty list", plist("<array/>").into_bytes()),
        ("an empty dictionary", plist("<dict/>").into_bytes()),
        (
            "wrong types",
            plist("<dict><key>items</key><string>x</string><key>PayloadContent</key><true/></dict>").into(),
        ),
        ("a list of nothing", plist("<dict><key>items</key><array><array/></array></dict>").into()),
        ("entities", entities.into()),
        ("deep lists", plist(&("<array>".repeat(200_000) + &"</array>".repeat(200_000))).into()),
        ("deep dictionaries", "<plist><dict><key>a</key>".repeat(100_000).into()),
        ("deep JSON", "[".repeat(1_000_000).into()),
        ("deep objects", "{\"Payload\":".repeat(300_000).into()),
        ("deep YAML", "- ".repeat(500_000).into()),
        ("deep flow YAML", ("url: ".to_owned() + &"{a: ".repeat(500_000)).into()),
        ("aliases", aliases.into_bytes()),
        ("large", vec![b' '; 5 << 20]),
        ("a BER without end", [0x30, 0x80].repeat(100_000)),
    ]
}

#[test]
fn bombs_are_faults() {
    let good = build(&[boot()], None);
    for (what, bomb) in bombs() {
        for (path, check) in FILES {
            let mut out = good.clone();
            out.insert(path.to_owned(), bomb.clone());
            let start = Instant::now();
            let failed = failed(&out);
            // Nothing is asked for by a manifest that is any dictionary.
            let is_fine = path.contains("manifests") && A_DICTIONARY.contains(&what);
            assert!(is_fine != failed.contains_key(check), "{what} as {path}: {failed:?}");
            assert!(start.elapsed() < Duration::from_secs(20), "{what} as {path}");
            assert!(failed.values().all(|text| text.len() < 100_000), "{what} as {path}: a long message");
        }
    }
}

/// The bombs that are dictionaries.
const A_DICTIONARY: [&str; 4] = ["an empty dictionary", "wrong types", "a list of nothing", "entities"];

/// A manifest that would have millions of digests computed.
#[test]
fn a_sum_for_every_byte_is_refused_before_it_is_computed() {
    let mut out = build(&[boot()], None);
    let manifest = String::from_utf8(out["k3s/mdm/manifest.plist"].clone()).unwrap();
    let manifest = manifest.replace("<integer>10485760<", "<integer>1<");
    out.insert("k3s/mdm/manifest.plist".to_owned(), manifest.into_bytes());
    assert!(failed(&out)["manager-manifest"].contains("it has 1 sums"));
}

/// Whoever gives a file a name that leaves the folder names a file that is not there.
#[test]
fn no_path_leads_out_of_the_folder() {
    let good = build(&[boot()], None);
    for path in ["%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc/passwd", "%00", "%ff", "", "k3s/../../x.pkg"] {
        let mut out = good.clone();
        let text = String::from_utf8(out["k3s/mdm/manifest.plist"].clone()).unwrap();
        let text = text.replace("k3s/macos/lima-k3s-1.2.pkg", path);
        out.insert("k3s/mdm/manifest.plist".to_owned(), text.into_bytes());
        assert!(failed(&out)["manager-manifest"].contains("the path of a file in this folder"), "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    /// Any organization, address and catalog comes out of every file as it went in.
    #[test]
    fn any_text_survives(
        organization in "[^\\p{C}\u{2028}\u{2029}\u{fffe}\u{ffff}]{0,40}[a-zA-Z\"'<>&;:#{}\\[\\]|*!%@`,?-][^\\p{C}\u{2028}\u{2029}]{0,20}",
        path in "(/[a-zA-Z0-9 üß%'\"<>&;:=+,!@()*~^|{}-]{1,12}){0,3}",
        catalog in "[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}",
    ) {
        let (mut spec, instance) = boot();
        let Ok(catalog) = catalog.parse() else { return Ok(()) };
        spec.organization = Some(organization.parse().unwrap());
        spec.munki_catalogs = vec![catalog];
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"/'&;:=+,!@()*~-".contains(&byte);
        let path: String = path
            .bytes()
            .map(|byte| if legal(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        let address = format!("https://mdm.example.com{path}");
        spec.base_url = Some(address.parse().unwrap());
        let out = build(&[(spec.clone(), instance)], None);
        prop_assert!(failed(&out).is_empty(), "{:?}", failed(&out));
        let base = spec.base_url.as_ref().unwrap().as_str();
        let manifest = dictionary(&out["k3s/mdm/manifest.plist"]);
        let item = manifest["items"].as_array().unwrap()[0].as_dictionary().unwrap();
        let subtitle = item["metadata"].as_dictionary().unwrap()["subtitle"].as_string();
        prop_assert_eq!(subtitle, Some(organization.as_str()));
        let url = item["assets"].as_array().unwrap()[0].as_dictionary().unwrap()["url"].as_string().unwrap();
        prop_assert_eq!(url, format!("{base}/k3s/macos/lima-k3s-1.2.pkg"));
        let pkginfo = dictionary(&out["k3s/mdm/munki/lima-k3s-1.2.plist"]);
        prop_assert_eq!(pkginfo["developer"].as_string(), Some(organization.as_str()));
        let profile = dictionary(&out["k3s/mdm/login-items.mobileconfig"]);
        prop_assert_eq!(profile["PayloadOrganization"].as_string(), Some(organization.as_str()));
        let fleet: BTreeMap<String, serde_json::Value> =
            serde_saphyr::from_slice(&out["k3s/mdm/fleet/lima-k3s.package.yml"]).unwrap();
        prop_assert_eq!(fleet["url"].as_str(), Some(url));
    }
}
