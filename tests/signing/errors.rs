//! Every identity that cannot sign an installer has its own clear error.

use std::time::SystemTime;

use apple_codesign::CertificateProfile;
use xtask::sign::{identity_from_p12, identity_from_pem};

use super::{certificate, installer_pem, key_pem};

/// The error for PEM files of these contents.
fn pem_error(files: &[&str]) -> String {
    let files: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(number, text)| (format!("{number}.pem"), text.as_bytes().to_vec()))
        .collect();
    match identity_from_pem(&files, SystemTime::now()) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn an_expired_certificate() {
    let (expired, key) = certificate(CertificateProfile::DeveloperIdInstaller, -1);
    let error = pem_error(&[&expired.encode_pem(), &key_pem(&key)]);
    assert_says(
        &error,
        &["0.pem, 1.pem", "Developer ID Installer: A Tester (TEAM)", "expired on 20", "renew"],
    );
}

#[test]
fn a_certificate_of_tomorrow() {
    let (certificate, key) = installer_pem();
    let yesterday = SystemTime::now() - std::time::Duration::from_secs(86400);
    let files = [("k.pem".to_owned(), format!("{certificate}{key}").into_bytes())];
    let error = identity_from_pem(&files, yesterday).err().unwrap().to_string();
    assert_says(&error, &["not valid before", "clock"]);
}

#[test]
fn certificates_that_are_for_something_else() {
    let (app, key) = certificate(CertificateProfile::DeveloperIdApplication, 30);
    let error = pem_error(&[&app.encode_pem(), &key_pem(&key)]);
    assert_says(&error, &["signs programs, not installers", "Developer ID Installer certificate is needed"]);
    let (store, key) = certificate(CertificateProfile::MacInstallerDistribution, 30);
    assert_says(&pem_error(&[&store.encode_pem(), &key_pem(&key)]), &["Mac App Store"]);
}

#[test]
fn a_key_without_its_certificate_and_the_other_way_round() {
    let (certificate_text, key) = installer_pem();
    let (other, _) = certificate(CertificateProfile::DeveloperIdInstaller, 30);
    assert_says(
        &pem_error(&[&other.encode_pem(), key]),
        &["none of the certificates", "belongs to the private key"],
    );
    assert_says(&pem_error(&[certificate_text]), &["no private key", "--pem-file may be repeated"]);
    assert_says(&pem_error(&[key]), &["no certificate in it"]);
    assert_says(&pem_error(&[key, key, certificate_text]), &["there are 2 private keys"]);
}

#[test]
fn keys_that_cannot_be_used() {
    let (certificate, key) = installer_pem();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_says(&pem_error(&[&encrypted, certificate]), &["0.pem", "encrypted", "openssl pkey"]);
    let ec = key.replace("PRIVATE KEY", "EC PRIVATE KEY");
    assert_says(&pem_error(&[&ec, certificate]), &["EC PRIVATE KEY", "RSA key of 2048 bits"]);
}

#[test]
fn files_that_are_something_else() {
    assert_says(&pem_error(&["hello"]), &["0.pem", "not a PEM file", "-----BEGIN"]);
    let error = identity_from_p12("id.p12", b"hello", "", SystemTime::now()).err().unwrap().to_string();
    assert_says(&error, &["id.p12", "not a PKCS#12 file"]);
}

#[test]
fn a_wrong_password_is_called_that_and_is_not_printed() {
    use xshell::{Shell, cmd};
    let Some(_) = crate::support::tool("openssl") else { return };
    let sh = Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let (certificate, key) = installer_pem();
    let (input, output) = (dir.path().join("in.pem"), dir.path().join("out.p12"));
    std::fs::write(&input, format!("{key}{certificate}")).unwrap();
    for legacy in [None, Some("-legacy")] {
        cmd!(sh, "openssl pkcs12 -export {legacy...} -in {input} -out {output} -passout pass:right")
            .run()
            .unwrap();
        let data = std::fs::read(&output).unwrap();
        let error = identity_from_p12("id.p12", &data, "wr0ng", SystemTime::now()).err().unwrap().to_string();
        assert_says(&error, &["id.p12: the password is wrong", "--p12-password-file"]);
        assert!(!error.contains("wr0ng"));
    }
}
