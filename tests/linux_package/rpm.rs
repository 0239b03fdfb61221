//! `.rpm`: read by rpm, rpm2cpio and bsdtar, judged by rpmlint.

use linuxpkg::rpm;

use super::*;
use crate::support::tool;

fn rpm_file() -> (tempfile::TempDir, PathBuf) {
    let package = package();
    written(&rpm::file_name(&package), &rpm::write(&package).unwrap())
}

#[test]
fn rpm_reads_every_tag() {
    let Some(rpm) = tool("rpm") else { return };
    let (_folder, file) = rpm_file();
    for (query, expected) in [
        (
            "%{NAME} %{EPOCH} %{VERSION} %{RELEASE} %{ARCH} %{OS}",
            "lima-++example-autostart (none) 1.2.10 1 noarch linux",
        ),
        (
            "%{SUMMARY}|%{LICENSE}|%{PACKAGER}|%{URL}",
            "Starts \"example\" & <others> at boot|MIT|Ada Lovelace \
          <ada@example.org>|https://example.org/?a=1&b=2",
        ),
        (
            "[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\n]",
            "\
            /bin/sh  \n/bin/sh  \nrpmlib(CompressedFileNames) <= 3.0.4-1\nrpmlib(FileDigests) <= 4.6.0-1\n\
            rpmlib(PayloadFilesHavePrefix) <= 4.0-1\nsystemd >= 252\nutil-linux  \n",
        ),
        (
            "[%{PROVIDENAME} %{PROVIDEFLAGS:depflags} %{PROVIDEVERSION}]",
            "lima-++example-autostart = 1.2.10-1",
        ),
        ("[%{RECOMMENDNEVRS} ][%{SUGGESTNEVRS}]", "qemu-utils lima >= 1.0"),
        (
            "%{POSTINPROG} %{POSTIN}%{PREUNPROG} %{PREUN}",
            "/bin/sh echo \"post $1\"\n/bin/sh echo \"preun $1\"\n",
        ),
        (
            "[%{CHANGELOGTIME:day} %{CHANGELOGNAME}\n%{CHANGELOGTEXT}\n]",
            "\
            Sun Jun 15 2025 Ada Lovelace <ada@example.org> - 1.2.10-1\n- Built for the tests.\n\
            Sat Jun 14 2025 Ada Lovelace <ada@example.org> - 1.2.9-1\n- Before & <then>.\n",
        ),
    ] {
        let read = said(&rpm, &["-qp", "--qf", query], &file);
        assert_eq!(read, expected, "{query}");
    }
    let files = said(&rpm, &["-qp", "-l", "-v"], &file);
    for line in [
        "-rwxr-xr-x    1 root     root                       19 Jun 15  2025 /usr/lib/example/run",
        "lrwxrwxrwx    1 root     root                       20 Jun 15  2025 \
         /usr/lib/systemd/user/default.target.wants/example@x.service -> ../example@x.service",
        "drwxr-xr-x    2 root     root                        0 Jun 15  2025 \
         /usr/share/licenses/lima-++example-autostart",
    ] {
        assert!(files.lines().any(|one| one == line), "{line}\n{files}");
    }
    assert_eq!(
        said(&rpm, &["-qp", "--licensefiles"], &file).trim(),
        "/usr/share/licenses/lima-++example-autostart/LICENSE"
    );
}

#[test]
fn rpm_checks_every_digest() {
    let Some(rpm) = tool("rpm") else { return };
    let (_folder, file) = rpm_file();
    let said = said(&rpm, &["-Kv"], &file);
    for line in ["Header SHA256 digest: OK", "Header SHA1 digest: OK", "Payload SHA256 digest: OK"] {
        assert!(said.lines().any(|one| one.trim() == line), "{line}\n{said}");
    }
}

#[test]
fn rpm_installs_and_removes_the_files() {
    let Some(rpm) = tool("rpm") else { return };
    let (folder, file) = rpm_file();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    if !is_root() {
        return crate::support::note_skipped("rpm changes its root as root alone");
    }
    let run = |arguments: &[&str]| succeed(Command::new(&rpm).arg("--root").arg(&root).args(arguments));
    run(&["--initdb"]);
    run(&["-i", "--nodeps", "--noscripts", file.to_str().unwrap()]);
    // No word from -V: nothing differs.
    assert_eq!(run(&["-V", "--nodeps", "--noscripts", "lima-++example-autostart"]), "");
    assert!(root.join("usr/lib/example/run").is_file());
    run(&["-e", "--nodeps", "--noscripts", "lima-++example-autostart"]);
    assert!(!root.join("usr/share/licenses/lima-++example-autostart").exists());
    assert!(!root.join("usr/lib/example/run").exists());
}

#[test]
fn rpm2cpio_and_bsdtar_read_the_payload() {
    let (Some(rpm2cpio), Some(bsdtar)) = (tool("rpm2cpio"), tool("bsdtar")) else { return };
    let (folder, file) = rpm_file();
    let list = said(&bsdtar, &["-tf"], &file);
    let mut expected: Vec<String> = package().files.iter().map(|entry| format!("./{}", entry.path)).collect();
    expected.push("./usr/share/licenses/lima-++example-autostart".to_owned());
    expected.push("./usr/share/licenses/lima-++example-autostart/LICENSE".to_owned());
    expected.sort();
    assert_eq!(list.lines().collect::<Vec<_>>(), expected);
    let archive = Command::new(rpm2cpio).arg(&file).output().unwrap();
    assert!(archive.status.success());
    std::fs::write(folder.path().join("cpio"), archive.stdout).unwrap();
    assert_eq!(said(&bsdtar, &["-tf"], &folder.path().join("cpio")), list);
}

/// What rpmlint says, each with its reason.
const RPMLINT: [(&str, &str); 6] = [
    ("no-signature", "whoever publishes it signs it"),
    ("only-non-binary-in-usr-lib", "units are there"),
    ("invalid-license MIT", "its list is openSUSE's old one; MIT is in SPDX's"),
    ("no-documentation", "the package is documented where it was built"),
    ("zero-length /usr/lib/example/empty", "an empty file of this test"),
    ("non-readable /usr/lib/example/data 640", "a file of this test that not everybody may read"),
];

#[test]
fn rpmlint_says_nothing_but_what_is_listed() {
    let Some(rpmlint) = tool("rpmlint") else { return };
    let (_folder, file) = rpm_file();
    let output = Command::new(rpmlint).arg(&file).env("LC_ALL", "C.UTF-8").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().filter(|line| line.contains(": W: ") || line.contains(": E: "));
    let unknown: Vec<_> = said.filter(|line| !RPMLINT.iter().any(|(tag, _)| line.contains(tag))).collect();
    assert!(unknown.is_empty(), "{unknown:#?}\n{text}");
}
