//! Each file against the keys that are published for it: those that must be there
//! are, with their types, and there is none that nobody has published.

use plist::Value;
use serde_json::json;
use xtask::macos::launchd;
use xtask::settings::Condition;

use super::*;

/// A key, the type of its value, and whether it must be there.
type Key = (&'static str, &'static str, bool);

const REQUIRED: bool = true;
const OPTIONAL: bool = false;

/// <https://github.com/apple/device-management/blob/release/other/manifesturl.yaml>,
/// without what it says was removed.
const MANIFEST: &[Key] = &[("items", "array", REQUIRED)];
const ITEM: &[Key] = &[("assets", "array", REQUIRED), ("metadata", "dictionary", REQUIRED)];
const ASSET: &[Key] = &[
    ("kind", "string", REQUIRED),
    ("md5", "string", OPTIONAL),
    ("md5-size", "integer", OPTIONAL),
    ("md5s", "array", OPTIONAL),
    ("sha256", "string", OPTIONAL),
    ("sha256-size", "integer", OPTIONAL),
    ("sha256s", "array", OPTIONAL),
    ("url", "string", REQUIRED),
];
const METADATA: &[Key] = &[
    ("bundle-identifier", "string", REQUIRED),
    // Optional there; the declaration needs it.
    ("bundle-version", "string", REQUIRED),
    ("kind", "string", REQUIRED),
    // "Removed" in the YAML, and in Apple's guide for packages, where managers look.
    ("sizeInBytes", "integer", OPTIONAL),
    ("subtitle", "string", OPTIONAL),
    ("title", "string", REQUIRED),
];

/// <https://github.com/apple/device-management/blob/release/mdm/profiles/TopLevel.yaml>
const PROFILE: &[Key] = &[
    ("PayloadContent", "array", REQUIRED),
    ("PayloadDescription", "string", OPTIONAL),
    ("PayloadDisplayName", "string", OPTIONAL),
    ("PayloadIdentifier", "string", REQUIRED),
    ("PayloadOrganization", "string", OPTIONAL),
    ("PayloadRemovalDisallowed", "boolean", OPTIONAL),
    ("PayloadScope", "string", OPTIONAL),
    ("PayloadType", "string", REQUIRED),
    ("PayloadUUID", "string", REQUIRED),
    ("PayloadVersion", "integer", REQUIRED),
    ("TargetDeviceType", "integer", OPTIONAL),
];
/// `CommonPayloadKeys.yaml` and `com.apple.servicemanagement.yaml` beside it.
const LOGIN_ITEMS: &[Key] = &[
    ("PayloadDescription", "string", OPTIONAL),
    ("PayloadDisplayName", "string", OPTIONAL),
    ("PayloadIdentifier", "string", REQUIRED),
    ("PayloadOrganization", "string", OPTIONAL),
    ("PayloadType", "string", REQUIRED),
    ("PayloadUUID", "string", REQUIRED),
    ("PayloadVersion", "integer", REQUIRED),
    ("Rules", "array", REQUIRED),
];
const RULE: &[Key] = &[
    ("Comment", "string", OPTIONAL),
    ("RuleType", "string", REQUIRED),
    ("RuleValue", "string", REQUIRED),
    ("TeamIdentifier", "string", OPTIONAL),
];

/// <https://github.com/munki/munki/wiki/Supported-Pkginfo-Keys> and munki's
/// `pkginfolib.py`. Required are those without which makecatalogs or a client
/// complains of an item that is a package.
const PKGINFO: &[Key] = &[
    ("autoremove", "boolean", OPTIONAL),
    ("blocking_applications", "array", OPTIONAL),
    ("catalogs", "array", REQUIRED),
    ("category", "string", OPTIONAL),
    ("description", "string", OPTIONAL),
    ("developer", "string", OPTIONAL),
    ("display_name", "string", OPTIONAL),
    ("installcheck_script", "string", OPTIONAL),
    ("installed_size", "integer", OPTIONAL),
    ("installer_item_hash", "string", REQUIRED),
    ("installer_item_location", "string", REQUIRED),
    ("installer_item_size", "integer", REQUIRED),
    ("installs", "array", OPTIONAL),
    ("minimum_os_version", "string", OPTIONAL),
    ("name", "string", REQUIRED),
    ("receipts", "array", OPTIONAL),
    ("supported_architectures", "array", OPTIONAL),
    ("unattended_install", "boolean", OPTIONAL),
    ("unattended_uninstall", "boolean", OPTIONAL),
    ("uninstall_method", "string", OPTIONAL),
    ("uninstall_script", "string", OPTIONAL),
    ("uninstallable", "boolean", OPTIONAL),
    ("uninstallcheck_script", "string", OPTIONAL),
    ("version", "string", REQUIRED),
];
const RECEIPT: &[Key] = &[
    ("installed_size", "integer", OPTIONAL),
    ("optional", "boolean", OPTIONAL),
    ("packageid", "string", REQUIRED),
    ("version", "string", REQUIRED),
];
const INSTALLS: &[Key] =
    &[("md5checksum", "string", OPTIONAL), ("path", "string", REQUIRED), ("type", "string", REQUIRED)];
/// <https://github.com/munki/munki/wiki/Manifests>
const MUNKI_MANIFEST: &[Key] = &[
    ("catalogs", "array", OPTIONAL),
    ("included_manifests", "array", OPTIONAL),
    ("managed_installs", "array", OPTIONAL),
];

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::Dictionary(_) => "dictionary",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) => "integer",
        Value::String(_) => "string",
        _ => "something else",
    }
}

/// The dictionary, after its keys were compared with the published ones.
fn hold<'a>(value: &'a Value, published: &[Key]) -> &'a Dictionary {
    let keys = value.as_dictionary().expect("a dictionary");
    for (key, value) in keys {
        let (_, kind, _) = published
            .iter()
            .find(|(name, ..)| name == key)
            .unwrap_or_else(|| panic!("nobody published {key}"));
        assert_eq!(type_of(value), *kind, "{key}");
    }
    for (key, _, required) in published {
        assert!(!required || keys.contains_key(key), "{key} is missing");
    }
    keys
}

fn only(keys: &Dictionary, list: &str) -> Value {
    let [one] = keys[list].as_array().unwrap().as_slice() else { panic!("{list}: {keys:?}") };
    one.clone()
}

fn built() -> Vec<(Spec, Instance, Out)> {
    served()
        .into_iter()
        .map(|(_, spec, instance)| {
            let out = build(&[(spec.clone(), instance.clone())], None);
            (spec, instance, out)
        })
        .collect()
}

fn read(out: &Out, instance: &Instance, file: &str) -> Value {
    plist::from_bytes(&out[&format!("{}/mdm/{file}", instance.name)]).unwrap()
}

#[test]
fn the_manifest_and_the_declaration() {
    for (spec, instance, out) in built() {
        let packages = package_paths(&spec, &instance);
        let identifiers = [
            launchd::installer_identifier(&spec, &instance),
            launchd::uninstaller_identifier(&spec, &instance),
        ];
        for (at, file) in ["manifest.plist", "uninstall-manifest.plist"].into_iter().enumerate() {
            let package = &packages[at];
            let manifest = read(&out, &instance, file);
            let item = only(hold(&manifest, MANIFEST), "items");
            let item = hold(&item, ITEM);
            let asset = only(item, "assets");
            let asset = hold(&asset, ASSET);
            let text = |keys: &Dictionary, key: &str| keys[key].as_string().unwrap().to_owned();
            assert_eq!(text(asset, "kind"), "software-package");
            assert_eq!(text(asset, "url"), format!("https://mdm.example.com:8443/l%20i/m&a/{package}"));
            assert_eq!(asset["sha256-size"].as_unsigned_integer(), Some(10_485_760));
            let sums = asset["sha256s"].as_array().unwrap();
            assert_eq!(sums, &[Value::from(hex(Sha256::digest(&out[package])))]);
            let metadata = hold(&item["metadata"], METADATA);
            assert_eq!(text(metadata, "kind"), "software");
            assert_eq!(text(metadata, "bundle-identifier"), identifiers[at]);
            assert_eq!(text(metadata, "bundle-version"), "1.2");
            assert_eq!(metadata["sizeInBytes"].as_unsigned_integer(), Some(out[package].len() as u64));
            assert_eq!(metadata.contains_key("subtitle"), spec.organization.is_some());
        }

        // apple/device-management, declarationbase.yaml and configurations/package.yaml.
        let name = &instance.name;
        let declaration: serde_json::Value =
            serde_json::from_slice(&out[&format!("{name}/mdm/declaration.json")]).unwrap();
        let identifier = declaration["Identifier"].as_str().unwrap();
        assert!(identifier.len() == 36 && &identifier[14..15] == "5", "a UUID of the name: {identifier}");
        assert_eq!(
            declaration,
            json!({
                "Type": "com.apple.configuration.package",
                "Identifier": identifier,
                "ServerToken": hex(Sha256::digest(&out[&format!("{name}/mdm/manifest.plist")])),
                "Payload": {
                    "ManifestURL": format!("https://mdm.example.com:8443/l%20i/m&a/{name}/mdm/manifest.plist"),
                    "InstallBehavior": { "Install": "Required" },
                },
            })
        );
    }
}

#[test]
fn the_profile_allows_the_job_and_no_other() {
    let mut identities = Vec::new();
    for (spec, instance, out) in built() {
        let profile = read(&out, &instance, "login-items.mobileconfig");
        let profile = hold(&profile, PROFILE);
        let payload = only(profile, "PayloadContent");
        let payload = hold(&payload, LOGIN_ITEMS);
        let rule = only(payload, "Rules");
        let rule = hold(&rule, RULE);
        assert_eq!(profile["PayloadType"].as_string(), Some("Configuration"));
        assert_eq!(profile["PayloadScope"].as_string(), Some("System"));
        assert_eq!(payload["PayloadType"].as_string(), Some("com.apple.servicemanagement"));
        assert_eq!(rule["RuleType"].as_string(), Some("Label"));
        let kind = if instance.condition == Condition::Boot { "daemon" } else { "autostart" };
        assert_eq!(
            rule["RuleValue"].as_string(),
            Some(format!("io.lima-vm.{kind}.{}", instance.name).as_str())
        );
        for keys in [profile, payload] {
            assert_eq!(keys["PayloadVersion"].as_unsigned_integer(), Some(1));
            let organization = keys.get("PayloadOrganization").and_then(Value::as_string);
            assert_eq!(organization, spec.organization.as_ref().map(|text| text.as_str()));
            let uuid = keys["PayloadUUID"].as_string().unwrap().to_owned();
            let shape: String = uuid.chars().map(|c| if c == '-' { c } else { 'x' }).collect();
            assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
            assert_eq!(&uuid[14..15], "5", "version 5");
            identities.push((keys["PayloadIdentifier"].as_string().unwrap().to_owned(), uuid));
        }
    }
    // As many UUIDs as identifiers: the condition changes neither.
    let count = identities.len();
    identities.sort();
    identities.dedup();
    assert_eq!(
        (count, identities.len()),
        (2 * served().len(), 4),
        "two names, and of each profile and payload"
    );
    identities.dedup_by(|one, other| one.1 == other.1);
    assert_eq!(identities.len(), 4);
}

#[test]
fn the_pkginfos_and_the_manifest_of_munki() {
    for (spec, instance, out) in built() {
        let name = &instance.name;
        let packages = package_paths(&spec, &instance);
        for (at, end) in ["", "-uninstall"].into_iter().enumerate() {
            let path = format!("munki/lima-{name}-1.2{end}.plist");
            let pkginfo = read(&out, &instance, &path);
            let pkginfo = hold(&pkginfo, PKGINFO);
            let bytes = &out[&packages[at]];
            let location = pkginfo["installer_item_location"].as_string().unwrap();
            assert_eq!(&out[&format!("munki/pkgs/{location}")], bytes);
            assert_eq!(pkginfo["installer_item_hash"].as_string(), Some(hex(Sha256::digest(bytes)).as_str()));
            assert_eq!(pkginfo["installer_item_size"].as_unsigned_integer(), Some(bytes.len() as u64 / 1024));
            assert_eq!(pkginfo["minimum_os_version"].as_string(), Some("13.0"));
            let words = |key: &str| -> Vec<&str> {
                pkginfo[key].as_array().unwrap().iter().map(|value| value.as_string().unwrap()).collect()
            };
            assert_eq!(words("supported_architectures"), ["arm64", "x86_64"]);
            assert_eq!(words("blocking_applications"), [""; 0]);
            assert_eq!(
                words("catalogs"),
                spec.munki_catalogs.iter().map(|name| name.as_str()).collect::<Vec<_>>()
            );
            assert_eq!(pkginfo["unattended_install"].as_boolean(), Some(true));
            assert_eq!(pkginfo["uninstallable"].as_boolean(), Some(at == 0));
            let file = format!("munki/pkgsinfo/lima-autostart/lima-{name}-1.2{end}.plist");
            assert_eq!(out[&file], out[&format!("{name}/mdm/{path}")]);
            if at == 1 {
                assert!(pkginfo["installcheck_script"].as_string().unwrap().starts_with("#!/bin/sh\n"));
                continue;
            }
            let script = xtask::macos::scripts::uninstall_sh(&spec, &instance);
            assert_eq!(pkginfo["uninstall_method"].as_string(), Some("uninstall_script"));
            assert_eq!(pkginfo["uninstall_script"].as_string(), Some(script.as_str()));
            let receipt = only(pkginfo, "receipts");
            let receipt = hold(&receipt, RECEIPT);
            let identifier = launchd::installer_identifier(&spec, &instance);
            assert_eq!(receipt["packageid"].as_string(), Some(identifier.as_str()));
            let [job, uninstaller] = pkginfo["installs"].as_array().unwrap().as_slice() else { panic!() };
            let (job, uninstaller) = (hold(job, INSTALLS), hold(uninstaller, INSTALLS));
            let place = match instance.condition {
                Condition::Boot => launchd::install_path(&instance),
                Condition::Login => launchd::payload_path(&spec, &instance),
            };
            assert_eq!(job["path"].as_string(), Some(place.as_str()));
            assert!(!job.contains_key("md5checksum"), "it may differ on the Mac");
            assert_eq!(
                uninstaller["path"].as_string(),
                Some(launchd::uninstaller_path(&spec, &instance).as_str())
            );
            assert_eq!(uninstaller["md5checksum"].as_string().unwrap().len(), 32);
        }
        let manifest: Value = plist::from_bytes(&out[&format!("munki/manifests/lima-{name}")]).unwrap();
        let asked = only(hold(&manifest, MUNKI_MANIFEST), "managed_installs");
        assert_eq!(asked.as_string(), Some(format!("lima-{name}-autostart").as_str()));
    }
}

/// A setting has Munki wait until somebody asks for it.
#[test]
fn munki_restarts_no_vm_in_use_where_it_is_told_so() {
    let (spec, instance) = boot();
    let out = build(&[(Spec { munki_unattended: false, ..spec }, instance)], None);
    assert!(failed(&out).is_empty(), "{:?}", failed(&out));
    let installer = dictionary(&out["k3s/mdm/munki/lima-k3s-1.2.plist"]);
    let uninstaller = dictionary(&out["k3s/mdm/munki/lima-k3s-1.2-uninstall.plist"]);
    for (pkginfo, key) in [
        (&installer, "unattended_install"),
        (&installer, "unattended_uninstall"),
        (&uninstaller, "unattended_install"),
    ] {
        assert_eq!(pkginfo[key].as_boolean(), Some(false), "{key}");
    }
}

/// Munki's `split_name_and_version`: what follows the last hyphen is a version if
/// it starts with a digit.
#[test]
fn munki_takes_no_part_of_a_name_for_a_version() {
    let (spec, plain) = boot();
    let mut names = Vec::new();
    for name in ["9vm", "dev-2", "a", "a-uninstall", "a-autostart", "a-1.0"] {
        let instance = Instance { name: name.parse().unwrap(), ..plain.clone() };
        let spec = Spec { base_url: spec.base_url.clone(), ..crate::render::spec(&instance) };
        let planned = xtask::managers::planned(&spec, Whose::One(&instance), "i.pkg", "u.pkg");
        let of_munki = planned.into_iter().filter(|one| one.path.starts_with("munki/pkgsinfo/"));
        names.extend(of_munki.map(|one| one.identifier.unwrap()));
    }
    for name in &names {
        let last = name.rsplit('-').next().unwrap();
        assert!(last.starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "no instance's item is another one's");
}

/// Another version must be noticed although a property list may stay the same.
#[test]
fn another_version_is_another_uninstaller_to_munki() {
    let (spec, instance) = boot();
    let checksum = |version: &str| {
        let spec = Spec { version: version.parse().unwrap(), ..spec.clone() };
        let out = build(&[(spec, instance.clone())], None);
        let pkginfo = dictionary(&out[&format!("k3s/mdm/munki/lima-k3s-{version}.plist")]);
        let installs = pkginfo["installs"].as_array().unwrap()[1].as_dictionary().unwrap().clone();
        installs["md5checksum"].as_string().unwrap().to_owned()
    };
    assert_ne!(checksum("1.2"), checksum("1.3"));
}

/// Fleet's `docs/Configuration/yaml-files.md`, "packages", and `validateYAMLKeys`,
/// which refuses others.
#[test]
fn the_software_of_fleet() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Software {
        url: String,
        hash_sha256: String,
        install_script: Script,
        uninstall_script: Script,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Script {
        path: String,
    }
    for (spec, instance, out) in built() {
        let name = &instance.name;
        let package = &package_paths(&spec, &instance)[0];
        let folder = format!("{name}/mdm/fleet");
        let software: Software =
            serde_saphyr::from_slice(&out[&format!("{folder}/lima-{name}.package.yml")]).unwrap();
        assert_eq!(software.url, format!("https://mdm.example.com:8443/l%20i/m&a/{package}"));
        assert_eq!(software.hash_sha256, hex(Sha256::digest(&out[package])));
        let script = |script: Script| {
            let path = script.path.strip_prefix("./").unwrap().to_owned();
            String::from_utf8(out[&format!("{folder}/{path}")].clone()).unwrap()
        };
        assert!(script(software.install_script).contains("-pkg \"$INSTALLER_PATH\""));
        assert_eq!(script(software.uninstall_script), xtask::macos::scripts::uninstall_sh(&spec, &instance));
    }
}
