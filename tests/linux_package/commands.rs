//! `verify` and `inspect` over packages for Linux, as people run them.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::support::{Xtask, files, tool};

/// A run's folder with the three packages of k3s.
fn built() -> (Xtask, [PathBuf; 3]) {
    let xtask = Xtask::new();
    xtask.run(&["dist", "k3s"]);
    let all = files(&xtask.path("out/k3s/linux"));
    let find = |end: &str| {
        let name =
            all.keys().find(|name| name.ends_with(end)).unwrap_or_else(|| panic!("{end}: {:?}", all.keys()));
        xtask.path("out/k3s/linux").join(name)
    };
    let packages = [find(".deb"), find(".rpm"), find(".pkg.tar.zst")];
    (xtask, packages)
}

fn run(xtask: &Xtask, arguments: &[&str]) -> (i32, String, String) {
    let output = xtask.bare_command(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn three_outcomes() {
    let Some(_) = tool("zstd") else { return };
    let (xtask, packages) = built();
    for package in &packages {
        let path = package.to_str().unwrap();
        let (code, said, _) = run(&xtask, &["verify", "--strict", path]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("pass  lima-unit                 starts k3s at boot for alice"), "{said}");
        assert!(said.contains("n/a   linux-signature"), "{said}");
        let damaged = xtask.path("damaged");
        let bytes = fs::read(package).unwrap();
        fs::write(&damaged, changed(&bytes)).unwrap();
        let (code, said, _) = run(&xtask, &["verify", damaged.to_str().unwrap()]);
        assert_eq!(code, 1, "{path}: {said}");
        assert!(said.contains("FAIL  linux-"), "{said}");
        // What is cut off at once is not a package.
        fs::write(&damaged, &bytes[..20]).unwrap();
        let (code, said, _) = run(&xtask, &["verify", damaged.to_str().unwrap()]);
        assert_eq!(code, 2, "{path}: {said}");
        assert!(said.contains("unreadable"), "{said}");
    }
}

/// A package with other content. An Arch package is packed in one: it is packed again.
fn changed(bytes: &[u8]) -> Vec<u8> {
    if bytes[..4] != [0x28, 0xb5, 0x2f, 0xfd] {
        let mut changed = bytes.to_vec();
        let at = bytes.len() - 40;
        changed[at] ^= 0xff;
        return changed;
    }
    let zstd = |option: &str, bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, bytes).unwrap();
        Command::new(tool("zstd").unwrap()).args(["-q", option, "-c"]).arg(file).output().unwrap().stdout
    };
    let mut plain = zstd("-d", bytes);
    let text = b"TimeoutStopSec";
    let at = plain.windows(text.len()).position(|window| window == text).unwrap();
    plain[at] = b'X';
    zstd("-1", &plain)
}

#[test]
fn a_folder_is_verified_with_its_linux_packages() {
    let (xtask, packages) = built();
    let (code, said, _) = run(&xtask, &["verify", "--format", "json", "out"]);
    assert_eq!(code, 1, "the development certificate is nobody's: {said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let verified = report["verified"].as_array().unwrap();
    for package in &packages {
        let path = package.strip_prefix(xtask.dir.path()).unwrap().to_str().unwrap();
        let one = verified.iter().find(|one| one["path"] == path).unwrap_or_else(|| panic!("{path}: {said}"));
        assert_eq!(one["ok"], true, "{one}");
    }
}

#[test]
fn inspect_shows_what_runs() {
    let (xtask, packages) = built();
    for (package, (kind, scripts)) in packages.iter().zip([
        ("A package for Debian and its kin (.deb)", ["postinst", "preinst", "prerm"].as_slice()),
        ("A package for RPM (.rpm)", &["%pre", "%post", "%preun"]),
        ("A package for Arch (.pkg.tar)", &[".INSTALL"]),
    ]) {
        let path = package.to_str().unwrap();
        let (code, said, error) = run(&xtask, &["inspect", "--scripts", path]);
        assert_eq!(code, 0, "{error}");
        assert!(said.starts_with(kind), "{said}");
        for line in ["  name            lima-k3s-autostart", "systemd: lima-vm@k3s.service"] {
            assert!(said.lines().any(|one| one == line), "{line}\n{said}");
        }
        for script in scripts {
            assert!(said.lines().any(|one| one.trim_start().starts_with(script)), "{script}\n{said}");
        }
        assert!(said.contains("    | LINUX_USER=alice"), "{said}");
        let (_, json, _) = run(&xtask, &["inspect", "--format", "json", path]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["name"], "lima-k3s-autostart");
        assert_eq!(json["scripts"].as_array().unwrap().len(), scripts.len());
        let (_, paths, _) = run(&xtask, &["inspect", "--paths", path]);
        assert!(paths.lines().any(|line| line == "/usr/lib/systemd/user/lima-vm@k3s.service"), "{paths}");
    }
}

/// The files below a folder with their modes and contents, and its links.
fn unpacked(folder: &Path) -> Vec<(String, String)> {
    let listed = succeed(
        Command::new("sh")
            .args(["-c", "find . -mindepth 1 -printf '%P\\t%y %m %s %T@ %l\\n' | sort; find . -type f | sort | xargs md5sum"])
            .current_dir(folder),
    );
    // A link's own mode is nobody's, its length nobody's, and a folder's size the disk's.
    let word = |line: &str| line.split_once('\t').map(|(path, rest)| (path.to_owned(), rest.to_owned()));
    let lines = listed.lines().map(|line| word(line).unwrap_or((line.to_owned(), String::new())));
    lines
        .map(|(path, rest)| match rest.split_once(' ') {
            Some(("d", rest)) => (path, format!("d {}", rest.split(' ').next().unwrap())),
            Some(("l", rest)) => (path, format!("l {}", rest.rsplit(' ').next().unwrap())),
            _ => (path, rest),
        })
        .collect()
}

#[test]
fn what_is_unpacked_is_what_others_unpack() {
    let tools = [tool("dpkg-deb"), tool("rpm2cpio"), tool("cpio"), tool("bsdtar")];
    let [Some(dpkg_deb), Some(rpm2cpio), Some(cpio), Some(bsdtar)] = tools else { return };
    let (xtask, [deb, rpm, arch]) = built();
    let theirs = xtask.path("theirs");
    fs::create_dir(&theirs).unwrap();
    succeed(Command::new(dpkg_deb).arg("-R").arg(&deb).arg(theirs.join("deb")));
    fs::create_dir(theirs.join("rpm")).unwrap();
    let pipe = "\"$1\" \"$2\" | \"$3\" -idm --quiet --no-absolute-filenames";
    let mut command = Command::new("sh");
    command.args(["-ec", pipe, "sh"]).arg(rpm2cpio).arg(&rpm).arg(cpio);
    succeed(command.current_dir(theirs.join("rpm")));
    fs::create_dir(theirs.join("arch")).unwrap();
    succeed(Command::new(bsdtar).arg("-xpf").arg(&arch).arg("-C").arg(theirs.join("arch")));
    for (name, package) in [("deb", &deb), ("rpm", &rpm), ("arch", &arch)] {
        let ours = xtask.path(name);
        let arguments = ["inspect", "--extract", ours.to_str().unwrap(), package.to_str().unwrap()];
        let (code, said, error) = run(&xtask, &arguments);
        assert_eq!(code, 0, "{said}{error}");
        let theirs = unpacked(&theirs.join(name));
        assert!(theirs.len() > 10);
        assert_eq!(unpacked(&ours), theirs, "{name}");
    }
}

#[test]
fn what_is_no_package_says_so() {
    let xtask = Xtask::new();
    let other = xtask.path("other.gz");
    fs::write(&other, linuxpkg_gzip(b"text")).unwrap();
    let (code, _, error) = run(&xtask, &["inspect", other.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(error.contains("it has no .PKGINFO"), "{error}");
    fs::write(&other, b"!<arch>\nx").unwrap();
    let (code, said, _) = run(&xtask, &["verify", other.to_str().unwrap()]);
    assert_eq!((code, said.contains("unreadable")), (2, true), "{said}");
    let (code, _, error) =
        run(&xtask, &["inspect", "--extract", xtask.path("new").to_str().unwrap(), other.to_str().unwrap()]);
    assert_eq!(code, 2, "{error}");
    assert!(!xtask.path("new").exists());
}

fn linuxpkg_gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
