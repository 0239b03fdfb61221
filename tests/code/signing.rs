//! Signing: what comes out holds, for our reader, apple-codesign's and openssl.

use std::io::Cursor;
use std::time::{Duration, SystemTime};

use apple_codesign::CertificateProfile;
use macho::write::{AdHoc, Processor, Program, lima_entitlements};
use macho::{HashType, Value, flag};
use xshell::{Shell, cmd};
use xtask::sign::code::{is_macho, sign};
use xtask::sign::{CodeSigner, Purpose, from_pem};
use xtask::verify::code::Signed;

use super::{ad_hoc, development, limactl, program, read, written};
use crate::signing::authority::{Authority, Reply};
use crate::signing::{certificate, installer_pem, key_pem};
use crate::support::{Xtask, tool};

fn signed(bytes: Vec<u8>) -> Vec<u8> {
    sign(development(), "bin/limactl", bytes).unwrap()
}

fn refusal(bytes: Vec<u8>) -> String {
    sign(development(), "bin/limactl", bytes).unwrap_err().to_string()
}

/// What apple-codesign's own check says against a file.
fn problems(bytes: &[u8]) -> Vec<String> {
    let problems = apple_codesign::verify_macho_data(bytes);
    // It knows no timestamp, and says so.
    problems.iter().map(ToString::to_string).filter(|text| !text.contains("time-stamp")).collect()
}

#[test]
fn every_kind_of_program_is_signed_and_keeps_what_it_may() {
    let files: [(&str, Vec<u8>, bool); 6] = [
        ("ad hoc", limactl(), true),
        ("unsigned", program(Processor::Arm64, 100).unsigned(), false),
        ("linker", program(Processor::X86_64, 20_000).ad_hoc(&AdHoc::by_linker("a.out")), false),
        ("empty", Program::new(Processor::X86_64).ad_hoc(&ad_hoc()), true),
        ("library", Program { is_library: true, ..program(Processor::Arm64, 9) }.unsigned(), false),
        (
            "universal",
            macho::universal(&[program(Processor::X86_64, 5).ad_hoc(&ad_hoc()), limactl()]).unwrap(),
            true,
        ),
    ];
    for (what, bytes, is_allowed) in files {
        assert!(is_macho(&bytes[..8]));
        let out = signed(bytes.clone());
        let code = read(&out);
        assert_eq!(code.findings.faults, Vec::<String>::new(), "{what}");
        assert_eq!(code.images.len(), read(&bytes).images.len());
        for image in &code.images {
            let Signed::By(signer) = &image.signed else { panic!("{what}: {:?}", image.signed) };
            assert_eq!(signer.chain.len(), 1);
            assert!(image.has_hardened_runtime());
            assert_eq!(image.entitlements.len(), if is_allowed { 3 } else { 0 }, "{what}");
            let directory = image.image.signature.as_ref().unwrap().directory();
            // The name that it had; the file's, where the linker gave it one.
            assert_eq!(directory.identifier, "limactl");
            assert_eq!((directory.flags, directory.hash), (flag::RUNTIME, HashType::Sha256));
            assert_eq!(directory.runtime.unwrap().to_string(), "15.2");
        }
        assert_eq!(problems(&out), Vec::<String>::new(), "{what}");
        assert_eq!(signed(bytes), out, "the same input gives the same bytes");
        // What is signed already is signed anew, and is as long.
        let again = signed(out.clone());
        assert_eq!(read(&again).findings.faults, Vec::<String>::new());
        assert_eq!(again.len(), out.len());
    }
}

/// The CMS structure over the code directory, by openssl.
#[test]
fn openssl_verifies_the_signature() {
    let Some(_) = tool("openssl") else { return };
    let (sh, dir) = (Shell::new().unwrap(), tempfile::tempdir().unwrap());
    let out = signed(limactl());
    let file = macho::read(&mut Cursor::new(&out)).unwrap().unwrap();
    let signature = file.images[0].signature.as_ref().unwrap();
    let cms = written(dir.path(), "cms", signature.cms.as_ref().unwrap());
    let content = written(dir.path(), "content", &signature.signed);
    let said = cmd!(
        sh,
        "openssl cms -verify -binary -inform DER -in {cms} -content {content} -noverify -out /dev/null"
    )
    .read_stderr()
    .unwrap();
    assert!(said.contains("CMS Verification successful"), "{said}");
    let other = written(dir.path(), "other", &signature.signed[1..]);
    cmd!(sh, "openssl cms -verify -binary -inform DER -in {cms} -content {other} -noverify -out /dev/null")
        .quiet()
        .ignore_stderr()
        .run()
        .unwrap_err();
}

/// Our own asking, which goes on where an authority is busy.
#[test]
fn a_timestamp_is_asked_for_until_there_is_one() {
    let Some(_) = tool("openssl") else { return };
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::start(dir.path(), |number| Reply {
        after: Duration::ZERO,
        busy: (number == 0).then_some(0),
    });
    let (certificate, key) = certificate(CertificateProfile::DeveloperIdApplication, 30);
    let files = [("a.pem".to_owned(), format!("{}{}", key_pem(&key), certificate.encode_pem()).into_bytes())];
    let identity = from_pem(Purpose::Application, &files, SystemTime::now()).unwrap();
    let signer = CodeSigner::new(identity, SystemTime::now(), Some(authority.url.clone()));
    assert!(!signer.is_for_notary(), "no Mac trusts it");
    let both = macho::universal(&[limactl(), program(Processor::X86_64, 5).unsigned()]).unwrap();
    let code = read(&sign(&signer, "limactl", both).unwrap());
    // Its certificate is one of the tests'.
    assert_eq!(code.findings.faults, Vec::<String>::new());
    for image in &code.images {
        let stamp = image.signed.by().unwrap().timestamp.as_ref().expect("a timestamp");
        assert_eq!(stamp.authority.subject_common_name().unwrap(), "A quick timestamp authority");
    }
    assert_eq!(authority.seen.requests.load(std::sync::atomic::Ordering::SeqCst), 3, "one for each image");
}

#[test]
fn an_authority_that_is_not_there() {
    let (certificate, key) = certificate(CertificateProfile::DeveloperIdApplication, 30);
    let files = [("a.pem".to_owned(), format!("{}{}", key_pem(&key), certificate.encode_pem()).into_bytes())];
    let identity = from_pem(Purpose::Application, &files, SystemTime::now()).unwrap();
    let signer = CodeSigner::new(identity, SystemTime::now(), Some("http://127.0.0.1:1/".to_owned()));
    let error = sign(&signer, "bin/limactl", limactl()).unwrap_err().to_string();
    assert!(error.starts_with("\"bin/limactl\": the timestamp authority at http://127.0.0.1:1/"), "{error}");
}

#[test]
fn what_cannot_be_signed_says_why() {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = limactl();
        change(&mut bytes);
        refusal(bytes)
    };
    let cases = [
        (refusal(b"#!/bin/sh\n".to_vec()), "not a program or library"),
        (refusal(Vec::new()), "not a program or library"),
        (with(&|bytes| bytes[5000] ^= 1), "it is damaged, and is not signed: 1 of its"),
        (with(&|bytes| bytes.extend_from_slice(b"more")), "bytes follow its signature"),
        (with(&|bytes| bytes.truncate(60_000)), "it is damaged"),
        (refusal(Program { platform: None, ..program(Processor::Arm64, 5) }.unsigned()), "which SDK"),
    ];
    for (error, expected) in cases {
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.starts_with("\"bin/limactl\": "), "{error}");
    }
}

#[test]
fn an_object_file_stays_as_it_is() {
    let mut object = program(Processor::Arm64, 5).unsigned();
    object[12] = 1;
    assert_eq!(signed(object.clone()), object);
}

/// Names and texts from a stranger's program reach a property list and a code directory.
#[test]
fn hostile_entitlements_are_kept_or_refused() {
    let Value::Dictionary(mut pairs) = lima_entitlements() else { panic!() };
    pairs.insert(
        "</key><key>com.apple.security.get-task-allow".to_owned(),
        Value::String("<true/>&".to_owned()),
    );
    pairs.insert("list".to_owned(), Value::Array(vec![Value::Integer(-5), Value::Boolean(false)]));
    let how = AdHoc { entitlements: Some(Value::Dictionary(pairs)), ..ad_hoc() };
    let before = program(Processor::Arm64, 5).ad_hoc(&how);
    let after = signed(before.clone());
    assert_eq!(read(&after).images[0].entitlements, read(&before).images[0].entitlements);
    assert_eq!(read(&after).images[0].entitlements.len(), 5);
    // Deeper than any reader goes.
    let deep = (0..2000).fold(Value::Boolean(true), |inner, _| Value::Array(vec![inner]));
    let deep = Value::Dictionary([("a".to_owned(), deep)].into());
    let error = refusal(program(Processor::Arm64, 5).ad_hoc(&AdHoc { entitlements: Some(deep), ..ad_hoc() }));
    assert!(error.contains("entitlements"), "{error}");
}

#[test]
fn a_certificate_of_the_wrong_kind_is_refused() {
    let (installer, key) = installer_pem();
    let files = [("i.pem".to_owned(), format!("{key}{installer}").into_bytes())];
    let error = from_pem(Purpose::Application, &files, SystemTime::now()).err().unwrap().to_string();
    for part in ["i.pem", "signs installers, not programs", "Developer ID Application certificate is needed"]
    {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    let (other, key) = certificate(CertificateProfile::AppleDevelopment, 30);
    let files = [("d.pem".to_owned(), format!("{}{}", key_pem(&key), other.encode_pem()).into_bytes())];
    let error = from_pem(Purpose::Application, &files, SystemTime::now()).err().unwrap().to_string();
    assert!(error.contains("is not for programs: it is of the kind apple-development"), "{error}");
}

#[test]
fn every_changed_byte_of_a_signed_program_is_noticed() {
    let out = signed(Program::new(Processor::X86_64).ad_hoc(&ad_hoc()));
    let original = macho::read(&mut Cursor::new(&out)).unwrap().unwrap();
    let signature = original.images[0].signature.as_ref().unwrap();
    let begin = signature.directory().code_limit as usize;
    let cms = signature.cms.as_ref().unwrap();
    let cms_at = out.windows(cms.len()).position(|part| part == cms).unwrap();
    let mut quiet = Vec::new();
    // All of load commands and signature; of the code, which is zeros mostly, a sample.
    let places = (0..1024).chain((1024..begin).step_by(61)).chain(begin..out.len());
    for at in places {
        let mut changed = out.clone();
        changed[at] ^= 0x04;
        let Ok(Some(code)) = xtask::verify::code::read(&mut Cursor::new(&changed), &[]) else { continue };
        let is_signed = code.images.iter().all(|one| one.signed.by().is_some());
        if is_signed && code.findings.faults.is_empty() && code.findings.notes.is_empty() {
            quiet.push(at);
        }
    }
    // The certificate in CMS is one that no other answers for: the development identity's own.
    let in_cms = cms_at..cms_at + cms.len();
    assert!(quiet.iter().all(|at| in_cms.contains(at)), "{quiet:x?}");
    assert!(quiet.len() * 100 < out.len() - begin, "{} of {}: {quiet:x?}", quiet.len(), out.len() - begin);
}

/// Signed by apple-codesign alone, with a second code directory.
fn with_two_directories() -> Vec<u8> {
    use apple_codesign::cryptography::DigestType;
    use apple_codesign::{MachOSigner, SettingsScope, SigningSettings};
    let (certificate, key) = certificate(CertificateProfile::DeveloperIdApplication, 30);
    let mut settings = SigningSettings::default();
    settings.set_signing_key(&key, certificate.clone());
    settings.chain_certificate(certificate);
    settings.set_digest_type(SettingsScope::Main, DigestType::Sha1);
    settings.add_extra_digest(SettingsScope::Main, DigestType::Sha256);
    settings.set_binary_identifier(SettingsScope::Main, "two");
    let (bytes, mut out) = (program(Processor::X86_64, 100).unsigned(), Vec::new());
    MachOSigner::new(&bytes).unwrap().write_signed_binary(&settings, &mut out).unwrap();
    out
}

#[test]
fn the_signer_answers_for_each_code_directory() {
    let bytes = with_two_directories();
    let code = read(&bytes);
    assert_eq!(code.findings.faults, Vec::<String>::new());
    let signature = code.images[0].image.signature.as_ref().unwrap();
    assert_eq!(signature.directories.len(), 2);
    assert_eq!(signature.best().hash, HashType::Sha256);
    let directories: Vec<usize> =
        (0..bytes.len() - 4).filter(|at| bytes[*at..*at + 4] == [0xfa, 0xde, 0x0c, 0x02]).collect();
    // A field that says nothing of pages and names: the platform, of Apple's own programs.
    for (at, expected) in [
        (directories[0], "its signature: it signs another code directory"),
        (directories[1], "nobody signed its code directory with SHA-256"),
    ] {
        let mut changed = bytes.clone();
        changed[at + 38] = 1;
        let faults = read(&changed).findings.faults;
        assert!(faults.iter().any(|fault| fault == expected), "{expected}: {faults:?}");
    }
    // What is signed anew has one.
    let again = read(&signed(bytes));
    assert_eq!(again.images[0].image.signature.as_ref().unwrap().directories.len(), 1);
}

#[test]
fn the_signature_of_another_program() {
    let (one, other) = (signed(limactl()), signed(program(Processor::Arm64, 69_999).ad_hoc(&ad_hoc())));
    let cms = |bytes: &[u8]| {
        let file = macho::read(&mut Cursor::new(bytes)).unwrap().unwrap();
        file.images.into_iter().next().unwrap().signature.unwrap().cms.unwrap()
    };
    let (from, to) = (cms(&other), cms(&one));
    assert_eq!(from.len(), to.len());
    let at = one.windows(to.len()).position(|part| part == to).unwrap();
    let mut changed = one;
    changed[at..at + from.len()].copy_from_slice(&from);
    let code = read(&changed);
    assert_eq!(code.findings.faults, ["its signature: it signs another code directory"]);
    assert!(matches!(code.images[0].signed, Signed::Broken));
}

/// The flags and variables, as those of the installer identity.
#[test]
fn flags_and_variables_name_the_identity() {
    let Some(_) = tool("openssl") else { return };
    let xtask = Xtask::new();
    let (application, key) = certificate(CertificateProfile::DeveloperIdApplication, 30);
    let text = format!("{}{}", key_pem(&key), application.encode_pem());
    let (installer, installer_key) = installer_pem();
    std::fs::write(xtask.path("app.pem"), &text).unwrap();
    std::fs::write(xtask.path("installer.pem"), format!("{installer_key}{installer}")).unwrap();
    std::fs::write(xtask.path("password"), "secret\n").unwrap();
    let sh = Shell::new().unwrap();
    sh.change_dir(xtask.dir.path());
    cmd!(sh, "openssl pkcs12 -export -in app.pem -out app.p12 -passout pass:secret").quiet().run().unwrap();
    let base64 = cmd!(sh, "base64 app.p12").quiet().read().unwrap();
    let dist = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = xtask.command(&["dist", "k3s"]);
        let output = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let named: [(&[&str], Variables<'_>); 4] = [
        (&["--app-pem-file", "app.pem"], &[]),
        (&["--app-p12-file", "app.p12", "--app-p12-password-file", "password"], &[]),
        (&[], &[("LIMA_AUTOSTART_APP_P12", &base64), ("LIMA_AUTOSTART_APP_P12_PASSWORD", "secret")]),
        (&[], &[("LIMA_AUTOSTART_APP_PEM", &text)]),
    ];
    for (arguments, variables) in named {
        let (is_built, said) = dist(arguments, variables);
        assert!(is_built, "{said}");
        for part in
            ["the certificate for programs does not chain", "Developer ID Application: A Tester (TEAM)"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let refused: [(&[&str], Variables<'_>, &str); 6] = [
        (&["--app-pem-file", "installer.pem"], &[], "signs installers, not programs"),
        (
            &["--app-p12-file", "app.p12"],
            &[],
            "with --app-p12-password-file FILE or LIMA_AUTOSTART_APP_P12_PASSWORD",
        ),
        (
            &["--app-p12-password-file", "password"],
            &[],
            "needs --app-p12-file FILE or LIMA_AUTOSTART_APP_P12",
        ),
        (&["--app-pem-file", "app.pem", "--unsigned"], &[], "cannot be used with"),
        (&[], &[("LIMA_AUTOSTART_APP_P12", "")], "LIMA_AUTOSTART_APP_P12 is set and empty"),
        (&[], &[("LIMA_AUTOSTART_APP_P12", "!")], "LIMA_AUTOSTART_APP_P12 is not base64"),
    ];
    for (arguments, variables, expected) in refused {
        let (is_built, said) = dist(arguments, variables);
        assert!(!is_built && said.contains(expected), "{expected}: {said}");
    }
}
