//! What Apple's notary refuses in programs and libraries.
//!
//! Source: Apple's "Resolving common notarization issues". That a program with
//! `get-task-allow` is taken where it also has `disable-library-validation`, for those who
//! debug what it loads, is in nodejs/node, pull request 34378; releases of Node.js have both.
//!
//! Must not know: how packages are checked.

use std::io::{Read, Seek};

use flatpkg::product::PackageFacts;
use macho::{Version, kind, platform};
use x509_certificate::CapturedX509Certificate;

use super::causes;
use super::code::{Code, CodeImage, Signed, Signer};
use super::payload::{Found, Look, each_entry};
use crate::sign::certificate::{
    CODE_SIGNING, DEVELOPER_ID_APPLICATION, DEVELOPER_ID_AUTHORITY, TIME_STAMPING, extended_key_usages,
    has_extension, is_apple_root, is_authority,
};

/// The oldest SDK that a program may be linked against.
const SDK_MIN: Version = Version::new(10, 9, 0);
/// The entitlements that let a debugger in, and that let in libraries of others.
const DEBUGGER: &str = "com.apple.security.get-task-allow";
const ANY_LIBRARY: &str = "com.apple.security.cs.disable-library-validation";

/// Most refusals of a package; after so many nobody reads on.
const REFUSALS_MAX: usize = 100;

/// Why the notary refuses a package for its programs and libraries, each with its path.
/// `roots` are as good as Apple's.
///
/// # Errors
/// What cannot be read.
pub fn package_refusals<R: Read + Seek>(
    input: &mut R,
    roots: &[CapturedX509Certificate],
) -> Result<Vec<String>, String> {
    let package = PackageFacts::read(input).map_err(|error| causes(&error))?;
    let is_root = |one: &CapturedX509Certificate| is_apple_root(one) || roots.contains(one);
    let mut refused = Vec::new();
    for component in &package.components {
        for (what, data) in [("Payload", &component.payload), ("Scripts", &component.scripts)] {
            let Some(data) = data else { continue };
            let look = Look { kept: |_: &str| false, code: Some(roots) };
            each_entry(&package, input, what, data, look, |Found { entry, code }| {
                let reasons = match code {
                    None => Vec::new(),
                    Some(Err(fault)) => vec![fault],
                    Some(Ok(code)) => refusals(&code, &is_root),
                };
                if refused.len() < REFUSALS_MAX {
                    refused.extend(reasons.into_iter().map(|reason| format!("{:?}: {reason}", entry.path)));
                }
                Ok(())
            })
            .map_err(|fault| format!("{what}: {fault}"))?;
        }
    }
    Ok(refused)
}

/// Why the notary refuses a file; nothing where it takes it. `is_root` says whose roots are as
/// good as Apple's.
pub fn refusals(code: &Code, is_root: &dyn Fn(&CapturedX509Certificate) -> bool) -> Vec<String> {
    let mut refusals = code.findings.faults.clone();
    let several = code.images.len() > 1;
    for one in code.images.iter().filter(|one| one.image.is_code()) {
        let placed = |text: String| match several {
            true => format!("{}: {text}", one.image.architecture()),
            false => text,
        };
        refusals.extend(of_image(one, is_root).into_iter().map(placed));
    }
    refusals
}

fn of_image(one: &CodeImage, is_root: &dyn Fn(&CapturedX509Certificate) -> bool) -> Vec<String> {
    let mut refusals = Vec::new();
    match &one.signed {
        Signed::Not => refusals.push("it is not signed".to_owned()),
        Signed::Nobody => refusals.push("it has only an ad hoc signature".to_owned()),
        // What is wrong is among the faults.
        Signed::Broken => {}
        Signed::By(signer) => of_signer(signer, is_root, &mut refusals),
    }
    if one.image.kind == kind::EXECUTE && !one.has_hardened_runtime() {
        refusals.push("it does not ask for the hardened runtime".to_owned());
    }
    let is_allowed = |name| one.entitlements.get(name).and_then(plist::Value::as_boolean) == Some(true);
    if is_allowed(DEBUGGER) && !is_allowed(ANY_LIBRARY) {
        refusals.push(format!("it has the entitlement {DEBUGGER}, which lets a debugger in"));
    }
    if let Some(built) = one.image.platform.filter(|one| one.number == platform::MACOS && one.sdk < SDK_MIN) {
        refusals.push(format!("it was linked against the SDK of macOS {}, older than {SDK_MIN}", built.sdk));
    }
    refusals
}

fn of_signer(
    signer: &Signer,
    is_root: &dyn Fn(&CapturedX509Certificate) -> bool,
    refusals: &mut Vec<String>,
) {
    let Some(leaf) = signer.chain.first() else { return };
    let name = leaf.subject_common_name().unwrap_or_else(|| "(no common name)".to_owned());
    if !is_application(leaf) {
        refusals
            .push(format!("it is signed by {name:?}, which is not a Developer ID Application certificate"));
    }
    let end = signer.chain.iter().position(is_root);
    let leads = end.is_some_and(|end| {
        let issuers = &signer.chain[1..=end];
        let is_apples = is_apple_root(&signer.chain[end]);
        issuers.iter().all(is_authority)
            && (!is_apples || issuers.iter().any(|one| has_extension(one, DEVELOPER_ID_AUTHORITY)))
    });
    if !leads {
        refusals.push(format!("it is signed by {name:?}, which does not lead to Apple's root"));
    }
    match &signer.timestamp {
        // One that does not hold is among the faults.
        None => refusals.push("it has no valid timestamp".to_owned()),
        Some(stamp) => {
            if !extended_key_usages(&stamp.authority)
                .is_ok_and(|usages| usages.iter().any(|usage| usage == TIME_STAMPING))
            {
                refusals.push("its timestamp is of a certificate that is not for timestamps".to_owned());
            }
            let valid = |one: &&CapturedX509Certificate| {
                (one.validity_not_before()..=one.validity_not_after()).contains(&stamp.time)
            };
            if !signer.chain.iter().all(|one| valid(&one)) {
                refusals.push(format!("it was signed on {}, when a certificate was not valid", stamp.time));
            }
        }
    }
}

/// Whether it is the certificate of who signs programs under a Developer ID.
pub fn is_application(certificate: &CapturedX509Certificate) -> bool {
    has_extension(certificate, DEVELOPER_ID_APPLICATION)
        && extended_key_usages(certificate)
            .is_ok_and(|usages| usages.iter().any(|usage| usage == CODE_SIGNING))
}
