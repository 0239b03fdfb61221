//! A fleet's file of Fleet's GitOps, read as `fleetctl gitops` reads it: which keys there
//! are, which file a path names, what has to be listed where.
//!
//! Source: fleetdm/fleet, `pkg/spec/gitops.go` (`GitOpsFromFile`, `parseControls`,
//! `parseReports`, `parseSoftware`, `parsePolicies`, `parsePolicyInstallSoftware`), `gitops_validate.go`
//! (unknown keys), `gitops_deprecations.go` (old names); keys of `MDMProfileSpec`,
//! `SoftwarePackageSpec` and `PolicySpec` in `server/fleet`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

const TOP: &[&str] = &[
    "name",
    "settings",
    "org_settings",
    "agent_options",
    "controls",
    "policies",
    "reports",
    "software",
    "labels",
    "custom_host_vitals",
];
const LABELS: [&str; 3] = ["labels_include_any", "labels_include_all", "labels_exclude_any"];
const CONTROLS: &[&str] = &["apple_settings", "scripts", "setup_experience", "enable_disk_encryption"];
const APPLE_SETTINGS: &[&str] = &["configuration_profiles", "assets"];
const PROFILE: &[&str] = &["path", "paths", "activation"];
const SOFTWARE: &[&str] = &["packages", "app_store_apps", "fleet_maintained_apps"];
/// What a fleet's file may say of a package that a file of its own describes.
const LISTED: &[&str] =
    &["path", "self_service", "categories", "setup_experience", "display_name", "configuration"];
/// What that file may say beside them.
const PACKAGE: &[&str] =
    &["url", "hash_sha256", "install_script", "uninstall_script", "post_install_script", "pre_install_query"];
const POLICY: &[&str] = &[
    "path",
    "paths",
    "name",
    "query",
    "description",
    "critical",
    "resolution",
    "platform",
    "type",
    "calendar_events_enabled",
    "conditional_access_enabled",
    "continuous_automations_enabled",
    "run_script",
    "install_software",
    "resend_configuration_profile",
    "webhooks_and_tickets_enabled",
];
const REPORT: &[&str] = &[
    "path",
    "paths",
    "name",
    "query",
    "description",
    "interval",
    "platform",
    "min_osquery_version",
    "observer_can_run",
    "automations_enabled",
    "logging",
    "discard_data",
];
const INSTALL_SOFTWARE: &[&str] =
    &["package_path", "app_store_id", "hash_sha256", "fleet_maintained_app_slug"];

/// What a file comes to.
#[derive(Debug, Default)]
pub struct Applied {
    /// Names of the profiles.
    pub profiles: BTreeSet<String>,
    /// URL of each package, and whether people may install it themselves.
    pub packages: Vec<(String, bool)>,
    /// Names of the reports.
    pub reports: BTreeSet<String>,
    /// Name, query and the URL of what is installed where it fails.
    pub policies: Vec<(String, String, Option<String>)>,
}

type Result<T> = std::result::Result<T, String>;

fn hold<'a>(value: &'a Value, what: &str, known: &[&[&str]]) -> Result<&'a Map<String, Value>> {
    let keys = value.as_object().ok_or_else(|| format!("{what} is {value}"))?;
    match keys.keys().find(|key| !known.iter().any(|some| some.contains(&key.as_str()))) {
        Some(key) => Err(format!("unknown key {key:?} in {what}")),
        None => Ok(keys),
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if text.contains('$') {
        return Err(format!("{}: a variable is put in", path.display()));
    }
    serde_saphyr::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A relative path starts in the folder of the file that names it.
fn resolve(file: &Path, named: &Value) -> Result<PathBuf> {
    let named = named.as_str().ok_or_else(|| format!("{named} is not a path"))?;
    let path = file.parent().unwrap().join(named);
    if path.is_file() { Ok(path) } else { Err(format!("{named:?} of {} is missing", file.display())) }
}

fn list(keys: &Map<String, Value>, key: &str) -> Vec<Value> {
    keys.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Applies a fleet's file, or `default.yml`.
pub fn apply(file: &Path) -> Result<Applied> {
    let top = read(file)?;
    let top = hold(&top, "the file", &[TOP])?;
    let mut applied = Applied::default();
    if top.contains_key("org_settings") {
        if top.contains_key("name") || top.contains_key("settings") {
            return Err("'org_settings' cannot be used with 'name', 'settings'".to_owned());
        }
        if top.get("software").is_some_and(|software| !software.is_null()) {
            return Err("'software' cannot be set on global file".to_owned());
        }
    } else if top.get("name").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        return Err("no name was provided".to_owned());
    }
    if let Some(controls) = top.get("controls").filter(|controls| !controls.is_null()) {
        let settings = hold(controls, "controls", &[CONTROLS])?.get("apple_settings").cloned();
        let settings = settings.unwrap_or_else(|| Value::Object(Map::new()));
        for profile in list(hold(&settings, "apple_settings", &[APPLE_SETTINGS])?, "configuration_profiles") {
            let profile = hold(&profile, "a profile", &[PROFILE, &LABELS])?;
            let path = resolve(file, &profile["path"])?;
            // "Configuration profiles can't be signed": Fleet parses XML.
            let profile: plist::Dictionary = plist::from_file(&path).map_err(|error| error.to_string())?;
            let name = profile["PayloadDisplayName"].as_string().unwrap().to_owned();
            if !applied.profiles.insert(name.clone()) {
                return Err(format!("two profiles are called {name:?}"));
            }
        }
    }
    for listed in list(top, "reports") {
        let path = resolve(file, &hold(&listed, "a report that is listed", &[REPORT])?["path"])?;
        let reports = read(&path)?;
        for report in reports.as_array().ok_or("a file of reports is not a list")? {
            let keys = hold(report, "a report", &[REPORT, &LABELS])?;
            let text = |key: &str| keys.get(key).and_then(Value::as_str).unwrap_or_default();
            if text("name").is_empty() || text("query").is_empty() || !text("name").is_ascii() {
                return Err("name, in ASCII, and query are required for each report".to_owned());
            }
            if !applied.reports.insert(text("name").to_owned()) {
                return Err("duplicate report names".to_owned());
            }
        }
    }
    let software = top.get("software").cloned().filter(|software| !software.is_null());
    let software = software.unwrap_or_else(|| Value::Object(Map::new()));
    for listed in list(hold(&software, "software", &[SOFTWARE])?, "packages") {
        let listed = hold(&listed, "a package that is listed", &[LISTED, &LABELS])?;
        let url = package(&resolve(file, &listed["path"])?)?;
        let is_offered = listed.get("self_service").and_then(Value::as_bool).unwrap_or_default();
        applied.packages.push((url, is_offered));
    }
    for listed in list(top, "policies") {
        let keys = hold(&listed, "a policy", &[POLICY, &LABELS])?;
        let (from, policies) = match keys.get("path") {
            None => (file.to_owned(), vec![listed.clone()]),
            Some(path) => {
                let path = resolve(file, path)?;
                let policies = read(&path)?;
                (path, policies.as_array().ok_or("a file of policies is not a list")?.clone())
            }
        };
        for policy in policies {
            applied.policies.push(self::policy(&from, &policy, top, &applied.packages)?);
        }
    }
    let names: BTreeSet<&String> = applied.policies.iter().map(|(name, ..)| name).collect();
    if names.len() != applied.policies.len() {
        return Err("duplicate policy names".to_owned());
    }
    Ok(applied)
}

/// The URL of a package that a file describes; its scripts are beside it.
fn package(path: &Path) -> Result<String> {
    let value = read(path)?;
    let keys = hold(&value, "a package", &[PACKAGE])?;
    for script in ["install_script", "uninstall_script"] {
        let script = hold(&keys[script], script, &[&["path"]])?;
        resolve(path, &script["path"])?;
    }
    let hash = keys["hash_sha256"].as_str().ok_or("hash_sha256 is not text")?;
    if hash.len() != 64 || !hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(format!("hash_sha256 {hash:?} must be lower-case hex"));
    }
    Ok(keys["url"].as_str().ok_or("url is not text")?.to_owned())
}

fn policy(
    file: &Path,
    policy: &Value,
    top: &Map<String, Value>,
    packages: &[(String, bool)],
) -> Result<(String, String, Option<String>)> {
    let keys = hold(policy, "a policy", &[POLICY, &LABELS])?;
    if keys.contains_key("path") {
        return Err("nested paths are not supported".to_owned());
    }
    let text = |key: &str| keys.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, query) = (text("name"), text("query"));
    if name.is_empty() || query.is_empty() {
        return Err("policy name and query are required for each policy".to_owned());
    }
    let Some(install) = keys.get("install_software") else { return Ok((name, query, None)) };
    if !top.contains_key("name") {
        return Err("install_software can only be set on team policies".to_owned());
    }
    let install = hold(install, "install_software", &[INSTALL_SOFTWARE])?;
    let url = package(&resolve(file, &install["package_path"])?)?;
    if !packages.iter().any(|(listed, _)| *listed == url) {
        return Err(format!("install_software.package_path URL {url} not found on team"));
    }
    Ok((name, query, Some(url)))
}
