//! Identities and the two signatures, checked by openssl.

pub mod authority;
mod errors;
mod in_flight;
pub mod timestamp;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use apple_codesign::{CertificateProfile, create_self_signed_code_signing_certificate};
use flatpkg::Signer;
use sha1::{Digest, Sha1};
use x509_certificate::{CapturedX509Certificate, InMemorySigningKeyPair, KeyAlgorithm};
use xshell::{Shell, cmd};
use xtask::sign::certificate::complete_chain;
use xtask::sign::{Identity, PackageSigner, development_identity, identity_from_p12, identity_from_pem};

use crate::support::{reference, tool};

/// A certificate of the given profile, valid for `days` (negative: expired),
/// with its RSA key.
pub fn certificate(
    profile: CertificateProfile,
    days: i64,
) -> (CapturedX509Certificate, InMemorySigningKeyPair) {
    let validity = chrono::Duration::days(days);
    create_self_signed_code_signing_certificate(
        KeyAlgorithm::Rsa,
        profile,
        "TEAM",
        "A Tester",
        "ZZ",
        validity,
    )
    .expect("make a certificate")
}

/// A valid installer certificate and its key, as PEM. Made once: RSA keys take
/// their time.
pub fn installer_pem() -> &'static (String, String) {
    static PEM: OnceLock<(String, String)> = OnceLock::new();
    PEM.get_or_init(|| {
        let (certificate, key) = certificate(CertificateProfile::DeveloperIdInstaller, 30);
        (certificate.encode_pem(), key_pem(&key))
    })
}

pub fn key_pem(key: &InMemorySigningKeyPair) -> String {
    pem::encode(&pem::Pem::new("PRIVATE KEY", key.to_pkcs8_one_asymmetric_key_der().to_vec()))
}

pub fn installer_identity() -> Identity {
    let (certificate, key) = installer_pem();
    identity_from_pem(
        &[("test.pem".to_owned(), format!("{key}{certificate}").into_bytes())],
        SystemTime::now(),
    )
    .expect("a valid identity")
}

/// Lets openssl check both signatures over `digest`. `cms` may be
/// padded with zeros: openssl reads one structure and stops.
pub fn openssl_verifies(sh: &Shell, digest: &[u8], leaf: &[u8], rsa: &[u8], cms: &[u8]) {
    let dir = sh.create_temp_dir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (digest_file, leaf_file, rsa_file, cms_file) = (at("digest"), at("leaf"), at("rsa"), at("cms"));
    fs::write(&digest_file, digest).unwrap();
    fs::write(&leaf_file, leaf).unwrap();
    fs::write(&rsa_file, rsa).unwrap();
    fs::write(&cms_file, cms).unwrap();
    let public = at("public");
    cmd!(sh, "openssl x509 -inform DER -in {leaf_file} -noout -pubkey -out {public}").run().unwrap();
    // -pkeyopt digest: the input is the digest itself, it is not hashed again.
    let said = cmd!(
        sh,
        "openssl pkeyutl -verify -pubin -inkey {public} -pkeyopt rsa_padding_mode:pkcs1 -pkeyopt digest:sha1
         -in {digest_file} -sigfile {rsa_file}"
    )
    .read()
    .unwrap();
    assert_eq!(said, "Signature Verified Successfully");
    // -noverify: whether the chain is trusted is another question.
    let said = cmd!(
        sh,
        "openssl cms -verify -binary -inform DER -in {cms_file} -content {digest_file} -noverify -out /dev/null"
    )
    .read_stderr()
    .unwrap();
    assert!(said.contains("CMS Verification successful"), "{said}");
}

#[test]
fn openssl_verifies_both_signatures() {
    let Some(_) = tool("openssl") else { return };
    let signer = PackageSigner::new(installer_identity(), SystemTime::now(), None);
    let digest = Sha1::digest(b"a table of contents");
    let rsa = signer.sign_rsa(&digest).unwrap();
    let cms = signer.sign_cms(&digest).unwrap();
    assert_eq!(rsa.len(), signer.rsa_signature_len());
    assert!(cms.len() <= signer.cms_slot_len());
    openssl_verifies(&Shell::new().unwrap(), &digest, &signer.certificates()[0], &rsa, &cms);
}

#[test]
fn openssl_refuses_signatures_over_another_digest() {
    let Some(_) = tool("openssl") else { return };
    let signer = PackageSigner::new(installer_identity(), SystemTime::now(), None);
    let (digest, other) = (Sha1::digest(b"one"), Sha1::digest(b"another"));
    let (rsa, cms) = (signer.sign_rsa(&digest).unwrap(), signer.sign_cms(&digest).unwrap());
    let leaf = signer.certificates()[0].clone();
    let caught = std::panic::catch_unwind(|| {
        openssl_verifies(&Shell::new().unwrap(), &other, &leaf, &rsa, &cms);
    });
    assert!(caught.is_err());
}

/// The same checks on a package that productsign signed: if these hold and ours
/// hold, ours are of the same kind.
#[test]
fn openssl_verifies_what_productsign_wrote() {
    let Some(file) = reference("signed-modern.head.xar") else { return };
    let Some(_) = tool("openssl") else { return };
    let head = fs::read(file).unwrap();
    let (digest, certificates, rsa, cms) = signatures(&head);
    openssl_verifies(&Shell::new().unwrap(), &digest, &certificates[0], &rsa, &cms);
}

#[test]
fn the_chain_that_productsign_embeds_is_completed_from_the_leaf_alone() {
    let Some(file) = reference("signed-modern.head.xar") else { return };
    let (_, embedded, ..) = signatures(&fs::read(file).unwrap());
    let leaf = CapturedX509Certificate::from_der(embedded[0].clone()).unwrap();
    let completed: Vec<_> = complete_chain(&leaf, &[])
        .iter()
        .map(|certificate| certificate.constructed_data().to_vec())
        .collect();
    assert_eq!(completed, embedded);
}

/// Digest, certificates (DER, leaf first), RSA and CMS signature of a package,
/// read by apple-xar.
pub fn signatures(package: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>, Vec<u8>, Vec<u8>) {
    let xar = apple_xar::reader::XarReader::new(std::io::Cursor::new(package)).unwrap();
    let toc = xar.table_of_contents().clone();
    let header = xar.header();
    let heap = usize::from(header.size) + header.toc_length_compressed as usize;
    let slice = |offset: u64, size: u64| package[heap + offset as usize..][..size as usize].to_vec();
    let rsa = toc.signature.as_ref().expect("an RSA signature");
    let cms = toc.x_signature.as_ref().expect("a CMS signature");
    let digest = slice(toc.checksum.offset, toc.checksum.size);
    let (rsa_bytes, cms_bytes) = (slice(rsa.offset, rsa.size), slice(cms.offset, cms.size));
    let certificates = rsa
        .x509_certificates()
        .unwrap()
        .iter()
        .map(|certificate| certificate.constructed_data().to_vec())
        .collect();
    (digest, certificates, rsa_bytes, cms_bytes)
}

#[test]
fn the_development_identity_is_made_once_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("deep/target");
    let now = SystemTime::now();
    let names: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| development_identity(&folder, now).unwrap().signed_by().sha256))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(names.iter().all(|name| name == &names[0]), "three runs at once: {names:?}");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o7777, 0o600);

    // Eleven years on it has expired, and another one takes its place; made in
    // the real present, that one has expired by then as well.
    let after = now + Duration::from_secs(11 * 365 * 86400);
    assert!(development_identity(&folder, after).is_err());
    let renewed = development_identity(&folder, now).unwrap().signed_by();
    assert!(renewed.development);
    assert_ne!(renewed.sha256, names[0]);
}

#[test]
fn a_p12_is_read_in_both_protections_and_with_a_chain() {
    let Some(_) = tool("openssl") else { return };
    let sh = Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let (certificate, key) = installer_pem();
    let other = super::signing::certificate(CertificateProfile::DeveloperIdApplication, 30).0.encode_pem();
    let at = |name: &str| dir.path().join(name);
    let (cert_file, key_file, more, password) = (at("cert"), at("key"), at("more"), at("password"));
    fs::write(&cert_file, certificate).unwrap();
    fs::write(&key_file, key).unwrap();
    // A certificate that is not the key's, as chains bring them.
    fs::write(&more, other).unwrap();
    fs::write(&password, "pass wörd").unwrap();
    for (name, legacy) in [("modern", None), ("legacy", Some("-legacy"))] {
        let out = at(name);
        cmd!(
            sh,
            "openssl pkcs12 -export {legacy...} -inkey {key_file} -in {cert_file} -certfile {more} -out {out}
             -passout file:{password}"
        )
        .run()
        .unwrap();
        let identity = read_p12(&out, "pass wörd");
        assert_eq!(identity.signed_by(), installer_identity().signed_by(), "{name}");
    }
}

fn read_p12(file: &Path, password: &str) -> Identity {
    identity_from_p12("x.p12", &fs::read(file).unwrap(), password, SystemTime::now()).unwrap()
}
