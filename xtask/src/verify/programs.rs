//! The check of all programs and libraries in a package.
//!
//! Must not know: what signatures are made of, how packages are read.

use std::collections::BTreeMap;

use flatpkg::xar::ticket::Entry;
use macho::HashType;
use x509_certificate::CapturedX509Certificate;

use super::code::{Code, CodeImage, Signed};
use super::notarizable::refusals;
use super::ticket::Ticket;
use super::{Check, Findings};
use crate::sign::certificate::is_apple_root;

/// Programs that are signed by whom, as remarks; a package has one or two signers.
const SIGNERS_SHOWN_MAX: usize = 10;

/// What was found in programs so far.
pub struct Programs<'a> {
    ticket: &'a Ticket,
    trust: &'a [CapturedX509Certificate],
    found: Findings,
    /// How many are signed by whom.
    by: BTreeMap<String, usize>,
    refused: Vec<String>,
}

impl<'a> Programs<'a> {
    /// Nothing yet, of the package with this ticket.
    pub fn new(ticket: &'a Ticket, trust: &'a [CapturedX509Certificate]) -> Self {
        let (found, by, refused) = Default::default();
        Self { ticket, trust, found, by, refused }
    }

    /// Takes a program, or why it could not be looked into.
    pub fn add(&mut self, place: &str, code: &Result<Code, String>) {
        let code = match code {
            Ok(code) => code,
            Err(fault) => {
                *self.by.entry("nobody looked into".to_owned()).or_default() += 1;
                if !self.found.are_many() {
                    self.found.note(format!("{place}: {fault}"));
                }
                return self.refuse(place, vec![fault.clone()]);
            }
        };
        if !self.found.are_many() {
            self.found.extend(place, code.findings.clone());
        }
        let is_root = |one: &CapturedX509Certificate| is_apple_root(one) || self.trust.contains(one);
        let mut is_listed = true;
        for image in code.images.iter().filter(|one| one.image.is_code()) {
            is_listed &= self.is_in_ticket(image);
            if let Signed::By(signer) = &image.signed
                && !signer.chain.iter().any(is_root)
                && !self.found.are_many()
            {
                let who = who(image);
                self.found.note(format!("{place}: it is signed by {who:?}, whom Macs do not trust"));
            }
        }
        let signers: Vec<String> = code.images.iter().filter(|one| one.image.is_code()).map(who).collect();
        if let Some(first) = signers.first() {
            let same = signers.iter().all(|one| one == first);
            let who = if same { first.clone() } else { "several".to_owned() };
            *self.by.entry(format!("signed by {who}")).or_default() += 1;
        }
        // What Apple has notarized it has notarized, by the rules of that time.
        if !is_listed || !code.findings.faults.is_empty() {
            self.refuse(place, refusals(code, &is_apple_root));
        }
    }

    fn refuse(&mut self, place: &str, reasons: Vec<String>) {
        if self.refused.len() < super::check::FOUND_MAX {
            self.refused.extend(reasons.into_iter().map(|reason| format!("{place}: {reason}")));
        }
    }

    /// Whether the stapled ticket is for it.
    fn is_in_ticket(&self, image: &CodeImage) -> bool {
        let Ticket::Stapled(notarized) = self.ticket else { return false };
        image.image.signature.iter().flat_map(|one| &one.directories).any(|one| {
            let digest_type = if one.hash == HashType::Sha1 { 1 } else { 2 };
            let hash = one.code_hash().first_chunk();
            hash.is_some_and(|digest| notarized.code.contains(&Entry { digest_type, digest: *digest }))
        })
    }

    /// The check, and why the notary would refuse the package for them.
    pub fn check(self) -> (Check, Vec<String>) {
        if self.by.is_empty() && self.found == Findings::default() {
            return (Check::not_applicable("code", "there are no programs in it"), self.refused);
        }
        let remark = |(who, count): (String, usize)| match count {
            1 => format!("1 program or library {who}"),
            _ => format!("{count} programs and libraries {who}"),
        };
        let check = Check::of("code", self.found);
        let remarks = self.by.into_iter().take(SIGNERS_SHOWN_MAX).map(remark);
        (remarks.fold(check, Check::remark), self.refused)
    }
}

/// Who signed, in words.
fn who(image: &CodeImage) -> String {
    match &image.signed {
        Signed::Not | Signed::Nobody => "nobody".to_owned(),
        Signed::Broken => "somebody, with an invalid signature".to_owned(),
        Signed::By(signer) => {
            let name = signer.chain.first().and_then(|leaf| leaf.subject_common_name());
            name.unwrap_or_else(|| "(no common name)".to_owned())
        }
    }
}
