//! The certificates that a signature brings along, whether or not its chain needs them.
//!
//! A Mac takes a chain's certificates where it finds them. One that is not valid says
//! that somebody changed something, even where the same one is at hand elsewhere.
//!
//! Must not know: archives, what the signature is over.

use x509_certificate::CapturedX509Certificate;

use crate::sign::certificate::{self, is_signed_by};

/// Each certificate that is not valid: it must be known, or an issuer at hand must
/// have signed it. `open` takes those whose issuer is nowhere at hand.
pub fn carried_faults(
    carried: &[CapturedX509Certificate],
    at_hand: &[CapturedX509Certificate],
    open: bool,
) -> Vec<String> {
    let known: Vec<&CapturedX509Certificate> =
        at_hand.iter().chain(certificate::known().iter().copied()).collect();
    let mut faults = Vec::new();
    for one in carried {
        if known.contains(&one) {
            continue;
        }
        let name = one.subject_common_name().unwrap_or_else(|| "(no common name)".to_owned());
        let mut issuers = carried
            .iter()
            .chain(known.iter().copied())
            .filter(|issuer| issuer.subject_name() == one.issuer_name())
            .peekable();
        let is_open = open && issuers.peek().is_none();
        if !is_open && !issuers.any(|issuer| is_signed_by(one, issuer)) {
            faults.push(format!("the certificate {name:?} that it carries is not valid"));
        }
    }
    faults
}
