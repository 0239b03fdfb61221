//! What Apple's device management reads: the manifest of a package, the
//! declaration that names the manifest, the profile that allows the job.
//!
//! Sources: apple/device-management, `other/manifesturl.yaml`,
//! `declarative/declarations/declarationbase.yaml` and
//! `configurations/package.yaml`, `mdm/profiles/TopLevel.yaml`,
//! `CommonPayloadKeys.yaml` and `com.apple.servicemanagement.yaml`.
//!
//! Must not know: how a profile is signed and how any of them reaches a Mac.

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::subject::Subject;
use super::{BuiltPackage, address, property_list};
use crate::digest::hex;
use crate::digest::sums::CHUNK_SIZE;
use crate::macos::{launchd, pages};
use crate::settings::{BaseUrl, Spec, Text};

#[derive(Serialize)]
struct Manifest<'a> {
    items: [Item<'a>; 1],
}

#[derive(Serialize)]
struct Item<'a> {
    assets: [Asset<'a>; 1],
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Asset<'a> {
    kind: &'static str,
    sha256_size: u64,
    sha256s: &'a [String],
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata<'a> {
    bundle_identifier: String,
    bundle_version: &'a str,
    kind: &'static str,
    #[serde(rename = "sizeInBytes")]
    size_in_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitle: Option<&'a str>,
    title: String,
}

/// The manifests of the packages.
pub fn manifests(subject: Subject<'_>, base_url: &BaseUrl, packages: [&BuiltPackage<'_>; 2]) -> [Vec<u8>; 2] {
    let (identifiers, titles) = (subject.identifiers(), subject.titles());
    [0, 1].map(|at| {
        manifest_of(subject.spec, identifiers[at].clone(), titles[at].clone(), base_url, packages[at])
    })
}

/// A digest for each part lets a Mac notice a broken download before its end;
/// `sha256` beside them would make it ignore them.
fn manifest_of(
    spec: &Spec,
    identifier: String,
    title: String,
    base_url: &BaseUrl,
    package: &BuiltPackage<'_>,
) -> Vec<u8> {
    property_list(&Manifest {
        items: [Item {
            assets: [Asset {
                kind: "software-package",
                sha256_size: CHUNK_SIZE,
                sha256s: &package.sums.chunks,
                url: address(base_url, package),
            }],
            metadata: Metadata {
                bundle_identifier: identifier,
                bundle_version: spec.version.as_str(),
                kind: "software",
                size_in_bytes: package.sums.size,
                subtitle: spec.organization.as_ref().map(Text::as_str),
                title,
            },
        }],
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Declaration<'a> {
    r#type: &'static str,
    identifier: String,
    server_token: String,
    payload: PackagePayload<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PackagePayload<'a> {
    #[serde(rename = "ManifestURL")]
    manifest_url: &'a str,
    install_behavior: InstallBehavior,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InstallBehavior {
    install: &'static str,
}

/// Identifier of the declaration: at most 64 octets are taken, which a name of an instance
/// behind a prefix may go beyond, so that it is a UUID of the name.
pub fn declaration_identifier(subject: Subject<'_>) -> String {
    uuid(&subject.identifier_of("declaration"))
}

/// The token of a declaration that names this manifest.
///
/// A Mac reads a declaration again only when its token differs from the one it
/// has. The manifest changes with every byte of the package, with its version
/// and its address; so does its digest, and nothing else changes it.
pub fn server_token(manifest: &[u8]) -> String {
    hex(Sha256::digest(manifest))
}

/// The declaration that has the package installed, with a newline at its end.
pub fn declaration(subject: Subject<'_>, manifest_url: &str, manifest: &[u8]) -> Vec<u8> {
    let declaration = Declaration {
        r#type: "com.apple.configuration.package",
        identifier: declaration_identifier(subject),
        server_token: server_token(manifest),
        payload: PackagePayload {
            manifest_url,
            // The default only offers it to the user.
            install_behavior: InstallBehavior { install: "Required" },
        },
    };
    let mut json = serde_json::to_vec_pretty(&declaration).expect("strings can be serialized");
    json.push(b'\n');
    json
}

/// The profile, or the payload in it: most keys are the same. (Not two structs with
/// a flattened third: the crate plist writes an `Option` in one as a dictionary.)
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Payload<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    payload_content: Vec<Payload<'a>>,
    payload_description: String,
    payload_display_name: String,
    payload_identifier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_scope: Option<&'static str>,
    payload_type: &'static str,
    #[serde(rename = "PayloadUUID")]
    payload_uuid: String,
    payload_version: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rule {
    comment: String,
    rule_type: &'static str,
    rule_value: String,
}

/// Identifier of the profile.
pub fn profile_identifier(subject: Subject<'_>) -> String {
    subject.identifier_of("login-items")
}

/// The profile that lets the jobs start without asking the user, who could switch them off
/// otherwise.
///
/// By the labels of the jobs and nothing else: the program is limactl, which is
/// signed by nobody's team, and every job of Lima's has the prefix.
pub fn profile(subject: Subject<'_>) -> Vec<u8> {
    let Subject { spec, whose } = subject;
    let (identifier, of) = (profile_identifier(subject), subject.words());
    let (the, items) = if whose.instance().is_some() { ("the ", "item") } else { ("", "items") };
    let display_name = format!("Login {items}: {of}");
    let payload = |identifier: String, payload_type| Payload {
        payload_content: Vec::new(),
        payload_description: format!(
            "Lets macOS start {the}{of} in the background, without asking the user.",
        ),
        payload_display_name: display_name.clone(),
        payload_uuid: uuid(&identifier),
        payload_identifier: identifier,
        payload_organization: spec.organization.as_ref().map(Text::as_str),
        payload_scope: None,
        payload_type,
        payload_version: 1,
        rules: Vec::new(),
    };
    property_list(&Payload {
        payload_content: vec![Payload {
            rules: subject
                .instances()
                .iter()
                .map(|instance| Rule {
                    comment: pages::title(instance),
                    rule_type: "Label",
                    rule_value: launchd::label(instance),
                })
                .collect(),
            ..payload(format!("{identifier}.servicemanagement"), "com.apple.servicemanagement")
        }],
        payload_scope: Some("System"),
        ..payload(identifier, "Configuration")
    })
}

/// The UUID of a payload or a declaration, always the same for a name: a Mac takes a
/// payload that has the identifier and the UUID of an earlier one for its
/// update. Version 5 (RFC 9562, 5.5), in capitals as `uuidgen` writes them.
fn uuid(identifier: &str) -> String {
    // Made once, by chance.
    const NAMESPACE: Uuid = Uuid::from_u128(0x8c7e_1f0a_52d4_4f6b_9b1e_3d60_a7c4_25f8);
    Uuid::new_v5(&NAMESPACE, identifier.as_bytes()).hyphenated().to_string().to_uppercase()
}
