//! Notarization tickets, real and forged: `--require notarized` takes Apple's word and
//! nobody else's.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use flatpkg::xar::Archive;
use flatpkg::xar::ticket::{Entry, Trailer};
use sha1::{Digest, Sha1};
use tempfile::TempDir;
use x509_certificate::CapturedX509Certificate;
use xshell::{Shell, cmd};
use xtask::verify::ticket::{Ticket, check, read};
use xtask::verify::{Level, Options};

use super::handmade::{member, xar};
use super::reference::{packages, whole};
use super::{failed, verify};
use crate::support::tool;

/// A time within that of the certificates, which are made while the tests run.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs() + 3600
}

/// An authority that makes tickets as Apple's does: a root, an authority below it, and
/// certificates for tickets, with and without the extension that says so.
pub struct Forger {
    dir: TempDir,
}

impl Forger {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"
        key() { openssl ecparam -name "$2" -genkey -noout -out "$1.key"; }
        # NAME CURVE ISSUER EXTENSION: valid for ten days
        certificate() {
            key "$1" "$2"
            openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
            printf '%s\n' "$4" > "$1.ext"
            if [ "$1" = "$3" ]; then set -- "$1" -signkey "$1.key"; else set -- "$1" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial; fi
            name=$1; shift
            openssl x509 -req -in "$name.csr" "$@" -extfile "$name.ext" -sha256 -out "$name.pem" -days 10
            openssl x509 -in "$name.pem" -outform DER -out "$name.der"
        }
        authority='basicConstraints=critical,CA:TRUE'
        marker='1.2.840.113635.100.6.1.30=DER:0500'
        certificate root prime256v1 root "$authority"
        certificate other-root prime256v1 other-root "$authority"
        certificate authority prime256v1 root "$authority"
        certificate leaf prime256v1 authority "$marker"
        certificate no-marker prime256v1 authority basicConstraints=CA:FALSE
        certificate below-leaf prime256v1 leaf "$marker"
        certificate p384 secp384r1 authority "$marker"
        "#;
        let sh = Shell::new().unwrap();
        sh.change_dir(dir.path());
        cmd!(sh, "sh -euc {script}").quiet().ignore_stdout().ignore_stderr().run().unwrap();
        Self { dir }
    }

    fn der(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir.path().join(format!("{name}.der"))).unwrap()
    }

    fn root(&self) -> CapturedX509Certificate {
        CapturedX509Certificate::from_der(self.der("root")).unwrap()
    }

    /// Where a certificate is, in PEM.
    pub fn pem(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.pem"))
    }

    /// A ticket in its framing: signed by the first of these certificates.
    pub fn ticket(&self, certificates: &[&str], time: u64, entries: &[Entry]) -> Vec<u8> {
        let all: Vec<u8> = certificates.iter().flat_map(|name| self.der(name)).collect();
        let mut sequence = vec![0x30, 0x82, (all.len() >> 8) as u8, all.len() as u8];
        sequence.extend(all);
        let mut payload = b"g8tk\x02\0\x14\0".to_vec();
        payload.extend((entries.len() as u32).to_le_bytes());
        payload.extend([0; 4]);
        payload.extend(time.to_le_bytes());
        for entry in entries {
            payload.push(entry.digest_type);
            payload.extend(entry.digest);
        }
        let mut signed = b"s8ch\x01\0\0\0".to_vec();
        signed.extend((sequence.len() as u32).to_le_bytes());
        signed.extend((payload.len() as u32).to_le_bytes());
        signed.extend(sequence);
        signed.extend(payload);
        let signature = self.sign(certificates[0], &signed);
        framed(&[signed, signature].concat())
    }

    fn sign(&self, name: &str, message: &[u8]) -> Vec<u8> {
        let sh = Shell::new().unwrap();
        let at = |file: &str| self.dir.path().join(file);
        fs::write(at("message"), message).unwrap();
        let (key, message, signature) = (at(&format!("{name}.key")), at("message"), at("signature"));
        cmd!(sh, "openssl dgst -sha256 -sign {key} -out {signature} {message}").quiet().run().unwrap();
        fs::read(signature).unwrap()
    }
}

/// Fills a ticket up and puts it into its framing.
fn framed(ticket: &[u8]) -> Vec<u8> {
    let mut ticket = ticket.to_vec();
    ticket.resize(ticket.len().next_multiple_of(4), 0);
    let end = Trailer::new(2, ticket.len() as u32).to_bytes();
    [&Trailer::new(1, 0).to_bytes()[..], &ticket, &end].concat()
}

/// A small package, and the entry that its ticket needs.
fn package() -> (Vec<u8>, Entry) {
    let info = b"<pkg-info identifier=\"a\" version=\"1\"/>";
    let package = xar(&member("PackageInfo", 20, info), info);
    let archive = Archive::read(&mut Cursor::new(&package)).unwrap();
    let digest = Sha1::digest(&archive.toc_compressed).into();
    (package, Entry { digest_type: 1, digest })
}

const CODE: Entry = Entry { digest_type: 2, digest: [7; 20] };

#[test]
fn each_way_to_forge_a_ticket_is_noticed_by_itself() {
    let Some(_) = tool("openssl") else { return };
    let forger = Forger::new();
    let (_, package) = package();
    let entries = [package, CODE];
    let whole = ["leaf", "authority", "root"];
    let now = now();
    let check = |framed: &[u8]| check(framed, package, &[forger.root()]);
    // Without any of the faults below it holds, with the root and without.
    for certificates in [&whole[..], &whole[..2]] {
        let notarized = check(&forger.ticket(certificates, now, &entries)).unwrap();
        assert_eq!((notarized.time.timestamp(), notarized.code), (now as i64, vec![CODE]));
    }
    let other = Entry { digest: [9; 20], ..package };
    let other_type = Entry { digest_type: 2, ..package };
    let cases: [(Vec<u8>, &str); 9] = [
        (forger.ticket(&whole, now, &[other, CODE]), "the ticket of another package"),
        (forger.ticket(&whole, now, &[other_type]), "the ticket of another package"),
        (forger.ticket(&["leaf"], now, &entries), "Apple did not sign it"),
        (forger.ticket(&["other-root"], now, &entries), "Apple did not sign it"),
        (forger.ticket(&["no-marker", "authority"], now, &entries), "is not for tickets"),
        (
            forger.ticket(&["below-leaf", "leaf", "authority"], now, &entries),
            "is not a certificate authority",
        ),
        (forger.ticket(&["p384", "authority"], now, &entries), "signature is not valid"),
        (forger.ticket(&["leaf", "authority", "other-root"], now, &entries), "certificate that is not valid"),
        (forger.ticket(&["leaf", "authority", "p384"], now, &entries), "certificate that is not valid"),
    ];
    for (framed, expected) in cases {
        let fault = check(&framed).unwrap_err();
        assert!(fault.contains(expected), "{expected} is not in: {fault}");
    }
    for (time, expected) in [
        (now - 30 * 86_400, "was valid from"),
        (now + 30 * 86_400, "was valid from"),
        (u64::MAX, "its time cannot be read"),
    ] {
        let fault = check(&forger.ticket(&whole, time, &entries)).unwrap_err();
        assert!(fault.contains(expected), "{time}: {fault}");
    }
}

#[test]
fn a_ticket_without_its_signature_is_none() {
    let Some(_) = tool("openssl") else { return };
    let forger = Forger::new();
    let (_, package) = package();
    let good = forger.ticket(&["leaf", "authority"], now(), &[package]);
    let roots = [forger.root()];
    assert!(check(&good, package, &roots).is_ok());
    let ticket = &good[16..good.len() - 16];
    let signature_at = 16
        + u32::from_le_bytes(*ticket[8..].first_chunk().unwrap()) as usize
        + u32::from_le_bytes(*ticket[12..].first_chunk().unwrap()) as usize;
    let (signed, signature) = ticket.split_at(signature_at);
    let another = forger.sign("leaf", b"something else");
    let by_another = forger.sign("authority", signed);
    let forged: [(&str, Vec<u8>); 5] = [
        ("no signature", framed(signed)),
        ("zeros", framed(&[signed, &vec![0; signature.len()]].concat())),
        ("over something else", framed(&[signed, &another].concat())),
        ("another key's", framed(&[signed, &by_another].concat())),
        ("more behind it", framed(&[ticket, b"more"].concat())),
    ];
    for (name, framed) in forged {
        assert!(check(&framed, package, &roots).is_err(), "{name}");
    }
    for length in 0..good.len() {
        assert!(check(&good[..length], package, &roots).is_err(), "cut to {length} bytes");
        assert!(check(&good[length + 1..], package, &roots).is_err(), "without the first {length} bytes");
    }
}

/// The whole way: however right it is otherwise, it is not Apple's.
#[test]
fn required_notarized_takes_apples_root_alone() {
    let Some(_) = tool("openssl") else { return };
    let forger = Forger::new();
    let (package, entry) = package();
    let ticket = forger.ticket(&["leaf", "authority", "root"], now(), &[entry]);
    let root = forger.root();
    let options =
        Options { require: Some(Level::Notarized), trust: std::slice::from_ref(&root), ..Options::default() };
    let faults = failed(&verify(&[package, ticket].concat(), &options));
    assert!(faults.iter().any(|fault| fault == "ticket: Apple did not sign it"), "{faults:?}");
    // A signed package of Apple's own, with the forger's ticket in place of Apple's.
    let Some([(head, _), _]) = packages() else { return };
    let archive = Archive::read(&mut Cursor::new(&head)).unwrap();
    let entry = Entry { digest_type: 1, digest: Sha1::digest(&archive.toc_compressed).into() };
    let ticket = forger.ticket(&["leaf", "authority", "root"], now(), &[entry]);
    let package = whole(&head, &ticket);
    let input = &mut Cursor::new(&package);
    let ticket = read(&archive_of(&package), input);
    assert_eq!(ticket, Ticket::Broken("Apple did not sign it".to_owned()));
    let checks = xtask::verify::signature::checks(&archive_of(&package), input, &ticket, &options);
    let faults = failed(&checks);
    assert_eq!(
        faults,
        ["ticket: Apple did not sign it", "required-level: ticket failed"],
        "nothing else is wrong with it"
    );
}

fn archive_of(package: &[u8]) -> Archive {
    Archive::read(&mut Cursor::new(package)).unwrap()
}

#[test]
fn apples_tickets_hold_and_say_what_they_cover() {
    let Some([modern, legacy]) = packages() else { return };
    for ((head, ticket), time, code) in
        [(modern, "2026-06-17 12:07:35 UTC", 6), (legacy, "2020-10-23 13:48:43 UTC", 6)]
    {
        let package = whole(&head, &ticket);
        let Ticket::Stapled(notarized) = read(&archive_of(&package), &mut Cursor::new(&package)) else {
            panic!("it holds")
        };
        assert_eq!((notarized.time.to_string().as_str(), notarized.code.len()), (time, code));
    }
}

/// Framing and padding too.
#[test]
fn every_changed_bit_of_a_ticket_is_noticed() {
    let Some([(head, ticket), _]) = packages() else { return };
    let package = whole(&head, &ticket);
    let archive = archive_of(&package);
    let start = package.len() - ticket.len();
    let mut missed = Vec::new();
    for position in start..package.len() {
        let mut changed = package.clone();
        changed[position] ^= 1 << (position % 8);
        if let Ticket::Stapled(_) = read(&archive, &mut Cursor::new(&changed)) {
            missed.push(position - start);
        }
    }
    assert_eq!(missed, [0; 0]);
}
