//! The commands of the guide that sign packages, with a key of the test's own, and what
//! rpm and gpg say of the result.

use std::fs;
use std::path::Path;
use std::process::Command;

use xtask::settings::Condition;

use super::{plain, written};
use crate::readme::blocks_of;
use crate::support::{succeed, tool};

/// A command with GnuPG's folder. Debian's rpm looks for GnuPG under its old name.
fn run(home: &Path, script: &str) -> String {
    let mut command = Command::new("bash");
    command.args(["-euc", script]).env("GNUPGHOME", home.join("gnupg")).env("HOME", home).current_dir(home);
    succeed(command.env("LC_ALL", "C.UTF-8"))
}

#[test]
fn rpmsign_and_gpg_sign_as_the_guide_says() {
    for name in ["rpmsign", "rpmkeys", "gpg", "bash"] {
        if tool(name).is_none() {
            return;
        }
    }
    let (_packages, [_, rpm, arch]) = written(&plain(Condition::Boot));
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let blocks = blocks_of("docs/linux-packages.md", "Signing", "sh");
    let [packages, lists] = &blocks[..] else { panic!("packages, and lists of repositories") };
    fs::create_dir_all(home.join("out/k3s/linux")).unwrap();
    let gpg = tool("gpg").unwrap();
    fs::write(home.join(".rpmmacros"), format!("%__gpg {}\n", gpg.display())).unwrap();
    run(
        home,
        "mkdir -m 700 gnupg\n\
         gpg --batch --quiet --passphrase '' --quick-generate-key 'Jane Doe <jane@example.com>' rsa3072 sign never",
    );
    let version = |path: &Path| path.file_name().unwrap().to_str().unwrap().replace("-1.2-", "-1.0.0-");
    let [signed, detached] = [&rpm, &arch].map(|path| home.join("out/k3s/linux").join(version(path)));
    fs::copy(&rpm, &signed).unwrap();
    fs::copy(&arch, &detached).unwrap();
    run(home, &format!("exec 2>&1\n{packages}"));
    for list in ["apt/Release", "dnf/repodata/repomd.xml", "pacman/lima-autostart.db"] {
        let list = home.join("out/linux-repository").join(list);
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        fs::write(list, "a list\n").unwrap();
    }
    run(home, &format!("exec 2>&1\n{lists}"));
    run(
        home,
        "cd out/linux-repository; exec 2>&1; gpg --verify apt/InRelease; gpg --verify dnf/repodata/repomd.xml.asc; \
         gpg --verify pacman/lima-autostart.db.sig",
    );

    run(home, "gpg --export --armor >key; mkdir keys; rpmkeys --dbpath \"$PWD/keys\" --import key");
    let checked = run(home, &format!("rpm --dbpath \"$PWD/keys\" -Kv {}", signed.display()));
    assert!(
        checked.contains("RSA/SHA512 Signature") || checked.contains("RSA/SHA256 Signature"),
        "{checked}"
    );
    assert!(!checked.contains("NOT OK") && !checked.contains("NOKEY"), "{checked}");
    run(home, &format!("gpg --verify {}.sig", detached.display()));
    run(home, "gpgconf --kill all");
}
