//! `.deb`: read by dpkg-deb, ar and bsdtar, judged by lintian.

use linuxpkg::deb;

use super::*;
use crate::support::tool;

fn deb() -> (tempfile::TempDir, PathBuf) {
    let package = package();
    written(&deb::file_name(&package), &deb::write(&package).unwrap())
}

#[test]
fn dpkg_deb_reads_fields_and_files() {
    let Some(dpkg_deb) = tool("dpkg-deb") else { return };
    let (_folder, file) = deb();
    let control = said(&dpkg_deb, &["-f"], &file);
    let expected = "\
Package: lima-++example-autostart
Version: 1.2.10-1
Architecture: all
Maintainer: Ada Lovelace <ada@example.org>
Installed-Size: 114
Depends: systemd (>= 252), libpam-systemd
Recommends: qemu-utils
Suggests: lima (>= 1.0)
Section: admin
Priority: optional
Homepage: https://example.org/?a=1&b=2
Description: Starts \"example\" & <others> at boot
 A paragraph that is long enough to be broken into more than one line of
 text, with an é and <markup> & more.
 .
 A second one.
";
    assert_eq!(control, expected);
    let contents = said(&dpkg_deb, &["-c"], &file);
    for line in [
        "drwxr-xr-x root/root         0 2025-06-15 15:06 ./",
        "drwxr-xr-x root/root         0 2025-06-15 15:06 ./usr/lib/",
        "-rwxr-xr-x root/root        19 2025-06-15 15:06 ./usr/lib/example/run",
        "-rw-r----- root/root    100000 2025-06-15 15:06 ./usr/lib/example/data",
        "lrwxrwxrwx root/root         0 2025-06-15 15:06 \
         ./usr/lib/systemd/user/default.target.wants/example@x.service -> ../example@x.service",
    ] {
        assert!(contents.lines().any(|one| one == line), "{line}\n{contents}");
    }
}

#[test]
fn the_sums_are_those_of_the_files() {
    let (Some(dpkg_deb), Some(md5sum)) = (tool("dpkg-deb"), tool("md5sum")) else { return };
    let (folder, file) = deb();
    let whole = folder.path().join("whole");
    succeed(Command::new(dpkg_deb).arg("-R").args([&file, &whole]));
    let checked =
        succeed(Command::new(md5sum).args(["--strict", "-c", "DEBIAN/md5sums"]).current_dir(&whole));
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count(), 7, "{checked}");
    let script = std::fs::read_to_string(whole.join("DEBIAN/postinst")).unwrap();
    assert_eq!(Some(script), package().scripts.deb.postinst);
}

#[test]
fn ar_and_bsdtar_read_the_archive() {
    let (Some(ar), Some(bsdtar)) = (tool("ar"), tool("bsdtar")) else { return };
    let (_folder, file) = deb();
    let members = "debian-binary\ncontrol.tar.gz\ndata.tar.gz\n";
    assert_eq!(said(&ar, &["t"], &file), members);
    assert_eq!(said(&bsdtar, &["-tf"], &file), members);
}

/// What lintian says, each with its reason.
const LINTIAN: [(&str, &str); 1] =
    [("non-standard-file-perm 0640", "a file of this test that not everybody may read")];

#[test]
fn lintian_says_nothing_but_what_is_listed() {
    let Some(lintian) = tool("lintian") else { return };
    let (_folder, file) = deb();
    let output =
        Command::new(lintian).args(["--allow-root", "--tag-display-limit", "0"]).arg(&file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let unknown: Vec<_> =
        text.lines().filter(|line| !LINTIAN.iter().any(|(tag, _)| line.contains(tag))).collect();
    assert!(unknown.is_empty(), "{unknown:#?}\n{}", String::from_utf8_lossy(&output.stderr));
}
