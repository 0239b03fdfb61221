//! The signed profile: openssl takes it, and what is in it is the profile.

use std::fs;
use std::time::SystemTime;

use xshell::{Shell, cmd};
use xtask::sign::development_identity;
use xtask::verify::all_hold;

use super::*;
use crate::signing::{installer_identity, installer_pem};
use crate::support::tool;

const PROFILE: &str = "k3s/mdm/login-items.mobileconfig";

fn signer() -> PackageSigner {
    PackageSigner::new(installer_identity(), SystemTime::now(), None)
}

/// What openssl reads out of a signed profile that it accepts.
fn through_openssl(signed: &[u8], certificate: &str) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("signed"), signed).unwrap();
    fs::write(at("certificate"), certificate).unwrap();
    let (signed, certificate, content) = (at("signed"), at("certificate"), at("content"));
    let sh = Shell::new().unwrap();
    // The leaf is for installers, by an extension of Apple's that openssl does not know.
    cmd!(
        sh,
        "openssl cms -verify -binary -inform der -in {signed} -CAfile {certificate} -purpose any -ignore_critical -out {content}"
    )
    .quiet()
    .ignore_status()
    .output()
    .map(|output| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    })
    .unwrap()?;
    Ok(fs::read(content).unwrap())
}

#[test]
fn openssl_finds_the_profile_in_the_signed_one() {
    let Some(_) = tool("openssl") else { return };
    let instances = [boot()];
    let plain = build(&instances, None);
    let signed = build(&instances, Some(&signer()));
    assert_ne!(signed[PROFILE], plain[PROFILE]);
    assert_eq!(through_openssl(&signed[PROFILE], &installer_pem().0).unwrap(), plain[PROFILE]);

    let mut damaged = signed[PROFILE].clone();
    let label = damaged.windows(5).position(|part| part == b"Label").unwrap();
    damaged[label] = b'X';
    assert!(through_openssl(&damaged, &installer_pem().0).is_err());
}

/// As on the first run, without an identity of one's own.
#[test]
fn openssl_takes_the_development_identitys() {
    let Some(_) = tool("openssl") else { return };
    let folder = tempfile::tempdir().unwrap();
    let identity = development_identity(folder.path(), SystemTime::now()).unwrap();
    let signer = PackageSigner::new(identity, SystemTime::now(), None);
    let certificate = signer.chain()[0].encode_pem();
    let signed = signer.sign_profile(b"a profile".to_vec()).unwrap();
    assert_eq!(through_openssl(&signed, &certificate).unwrap(), b"a profile");
    let sh = Shell::new().unwrap();
    let text =
        cmd!(sh, "openssl cms -cmsout -print -noout -inform der").stdin(&signed).quiet().read().unwrap();
    assert!(text.contains("sha256") && !text.contains("sha1"), "{text}");
}

#[test]
fn verify_notices_what_was_changed_in_a_signed_profile() {
    let out = build(&[boot()], Some(&signer()));
    assert!(all_hold(&verify(&out)), "{:?}", failed(&out));
    let length = out[PROFILE].len();
    let label = out[PROFILE].windows(5).position(|part| part == b"Label").unwrap();
    // In the content, in the signature at the end, and behind it.
    for (at, what) in [(label, "signs other content"), (length - 1, "is not valid")] {
        let mut damaged = out.clone();
        damaged.get_mut(PROFILE).unwrap()[at] ^= 1;
        assert!(failed(&damaged)["manager-profile"].contains(what), "{:?}", failed(&damaged));
    }
    let mut longer = out.clone();
    longer.get_mut(PROFILE).unwrap().push(0);
    assert!(failed(&longer)["manager-profile"].contains("other data follows it"));
    // Nothing in it makes it panic. Of the folder, what is held against it: a package.
    let [installer, _] = package_paths(&boot().0, &boot().1);
    let mut small: Out = [PROFILE, &installer].map(|path| (path.to_owned(), out[path].clone())).into();
    assert!(failed(&small).is_empty(), "{:?}", failed(&small));
    for at in (0..length).step_by(7) {
        let mut damaged = out[PROFILE].clone();
        damaged[at] ^= 0xff;
        small.insert(PROFILE.to_owned(), damaged.clone());
        verify(&small);
        damaged.truncate(at);
        small.insert(PROFILE.to_owned(), damaged);
        assert!(failed(&small).contains_key("manager-profile"), "{at}");
    }
}
