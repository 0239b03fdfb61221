//! Packages that we and others made are read, and what is read agrees with what others
//! read.

use std::io::{self, Read};

use linuxpkg::{Budget, Contents, File, FileKind, Part, arch, deb, rpm};

use super::*;
use crate::support::tool;

/// Reads a package; the content of each file comes along.
pub fn read(bytes: &[u8]) -> (Contents, Vec<(String, Vec<u8>)>) {
    let mut all = Vec::new();
    let mut each = |file: &File, content: &mut dyn Read| -> io::Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        if file.part == Part::Content && file.kind == FileKind::File {
            all.push((file.path.clone(), bytes));
        }
        Ok(())
    };
    let budget = Budget::of_package(bytes.len() as u64);
    let contents = linuxpkg::read(bytes, &budget, &mut each).unwrap();
    (contents, all)
}

/// Everything that was found, as text.
pub fn found(contents: &Contents) -> Vec<String> {
    let all = [&contents.archive, &contents.field_findings, &contents.path_findings, &contents.sum_findings];
    all.iter().flat_map(|findings| findings.iter()).map(ToString::to_string).collect()
}

fn ours() -> [(&'static str, Vec<u8>); 3] {
    let package = package();
    [
        ("deb", deb::write(&package).unwrap()),
        ("rpm", rpm::write(&package).unwrap()),
        ("arch", arch::write(&package).unwrap()),
    ]
}

#[test]
fn what_we_write_we_read_without_a_word() {
    let package = package();
    for (format, bytes) in ours() {
        let (contents, files) = read(&bytes);
        assert_eq!(found(&contents), Vec::<String>::new(), "{format}");
        assert_eq!((contents.name.as_str(), contents.version.as_str()), (package.name.as_str(), "1.2.10-1"));
        assert_eq!(contents.maintainer.as_deref(), Some(package.maintainer.as_str()));
        assert_eq!(contents.summary.as_deref(), Some(package.summary.as_str()));
        assert_eq!(contents.homepage, package.homepage);
        assert!(contents.sums_checked > 5, "{format}: {}", contents.sums_checked);
        assert!(contents.signatures.is_empty());
        for entry in &package.files {
            let file = contents.files.iter().find(|file| file.path == entry.path).unwrap();
            assert_eq!(
                (file.user.as_str(), file.group.as_str(), file.time),
                ("root", "root", i64::from(TIME))
            );
            match &entry.content {
                Content::File(content) => {
                    assert_eq!((file.mode, file.size), (entry.mode, content.len() as u64));
                    let (_, read) = files.iter().find(|(path, _)| *path == entry.path).unwrap();
                    assert!(read == content, "{format}: {}", entry.path);
                }
                Content::Link(target) => assert_eq!(file.kind, FileKind::Link(target.clone())),
                Content::Folder => assert_eq!(file.kind, FileKind::Folder),
            }
        }
    }
}

#[test]
fn scripts_and_relations_come_out() {
    let [(_, deb), (_, rpm), (_, arch)] = ours();
    let names =
        |contents: &Contents| contents.scripts.iter().map(|script| script.name.clone()).collect::<Vec<_>>();
    let relations = |contents: &Contents| {
        let all = contents.relations.iter().filter(|(kind, _)| kind != "Provides");
        let all = all.filter(|(_, text)| !text.starts_with("rpmlib") && !text.starts_with('/'));
        all.map(|(kind, text)| format!("{kind}: {text}")).collect::<Vec<_>>().join("\n")
    };
    let (deb, rpm, arch) = (read(&deb).0, read(&rpm).0, read(&arch).0);
    assert_eq!(names(&deb), ["postinst", "preinst", "prerm"]);
    assert_eq!(names(&rpm), ["%post", "%preun"]);
    assert_eq!(rpm.scripts[0].program.as_deref(), Some("/bin/sh"));
    assert_eq!(names(&arch), [".INSTALL"]);
    assert_eq!(
        relations(&deb),
        "Depends: systemd (>= 252)\nDepends: libpam-systemd\nRecommends: qemu-utils\nSuggests: lima (>= 1.0)"
    );
    assert_eq!(
        relations(&rpm),
        "Requires: systemd >= 252\nRequires: util-linux\nRecommends: qemu-utils\nSuggests: lima >= 1.0"
    );
    assert_eq!(
        relations(&arch),
        "depend: systemd>=252\ndepend: util-linux\noptdepend: qemu-utils\noptdepend: lima>=1.0: it runs the VM"
    );
}

/// A tree of files as others pack it, with a hard link and odd names.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let lib = root.join("usr/lib/théirs");
    std::fs::create_dir_all(&lib).unwrap();
    std::fs::write(lib.join("a b#c=d"), "odd name\n").unwrap();
    std::fs::write(lib.join("one"), vec![7; 70_000]).unwrap();
    std::fs::hard_link(lib.join("one"), lib.join("two")).unwrap();
    std::os::unix::fs::symlink("one", lib.join("link")).unwrap();
    let long = lib.join("d".repeat(120));
    std::fs::create_dir(&long).unwrap();
    std::fs::write(long.join("n".repeat(130)), "long name\n").unwrap();
    folder
}

/// What the tree holds, wherever it was packed.
fn assert_tree(contents: &Contents, files: &[(String, Vec<u8>)], what: &str) {
    let find = |path: &str| {
        let path = format!("usr/lib/théirs/{path}");
        contents.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{what}: {path}"))
    };
    assert_eq!(find("link").kind, FileKind::Link("one".to_owned()), "{what}");
    let kinds = [&find("one").kind, &find("two").kind];
    let is_linked = matches!(kinds, [FileKind::File, FileKind::HardLink(first)] if first.ends_with("/one"))
        || matches!(kinds, [FileKind::HardLink(last), FileKind::File] if last.ends_with("/two"));
    assert!(is_linked, "{what}: {kinds:?}");
    let mut all: Vec<_> = files.iter().map(|(_, content)| content.len()).collect();
    all.sort_unstable();
    assert_eq!(all, [9, 10, 70_000], "{what}");
    assert!(contents.sums_checked >= 3, "{what}: {}", contents.sums_checked);
    assert_eq!((find("a b#c=d").user.as_str(), find("a b#c=d").mode), ("root", 0o644), "{what}");
}

#[test]
fn packages_of_dpkg_deb_are_read() {
    let (Some(dpkg_deb), Some(sh)) = (tool("dpkg-deb"), tool("sh")) else { return };
    let folder = tree();
    let root = folder.path().join("root");
    std::fs::create_dir(root.join("DEBIAN")).unwrap();
    let control = "Package: theirs\nVersion: 2:1.0~rc1-1\nArchitecture: all\nMaintainer: A <a@b>\n\
                   Depends: x,\n y (>= 1) | z\nDescription: short\n long\n .\n longer\n";
    std::fs::write(root.join("DEBIAN/control"), control).unwrap();
    let sums = "find usr -type f -print0 | xargs -0 md5sum > DEBIAN/md5sums";
    succeed(Command::new(sh).args(["-c", sums]).current_dir(&root));
    for packing in ["gzip", "xz", "zstd", "none"] {
        let file = folder.path().join(packing);
        let packing = format!("-Z{packing}");
        succeed(Command::new(&dpkg_deb).args(["--root-owner-group", &packing, "-b"]).args([&root, &file]));
        let (contents, files) = read(&std::fs::read(&file).unwrap());
        assert_eq!(found(&contents), Vec::<String>::new(), "{packing}");
        assert_eq!((contents.name.as_str(), contents.version.as_str()), ("theirs", "2:1.0~rc1-1"));
        let depends: Vec<_> = contents.relations.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(depends, ["x", "y (>= 1) | z"]);
        assert_tree(&contents, &files, &packing);
    }
}

#[test]
fn packages_of_rpmbuild_are_read() {
    let (Some(rpmbuild), Some(rpm)) = (tool("rpmbuild"), tool("rpm")) else { return };
    let folder = tree();
    let root = folder.path().join("root");
    let spec = folder.path().join("theirs.spec");
    let text = "Name: theirs\nVersion: 1.0\nRelease: 2\nEpoch: 3\nSummary: short\nLicense: MIT\nBuildArch: noarch\n\
                Requires: x >= 1\n%description\nlong\n%install\ncp -a ROOT/. %{buildroot}\n%post\ntrue\n%files\n\
                %defattr(-,root,root)\n/usr/lib/théirs\n%ghost /var/theirs\n";
    std::fs::write(&spec, text.replace("ROOT", root.to_str().unwrap())).unwrap();
    for packing in ["w9.gzdio", "w6.xzdio", "w3.zstdio", "w9.bzdio", "w6.lzdio"] {
        let top = folder.path().join(packing);
        let define = |name: &str, value: &str| ["-D".to_owned(), format!("{name} {value}")];
        let mut command = Command::new(&rpmbuild);
        command.args(["-bb", "--quiet"]).args(define("_topdir", top.to_str().unwrap()));
        command.args(define("_binary_payload", packing)).args(define("_build_id_links", "none"));
        command
            .args(define("__os_install_post", "%{nil}"))
            .args(define("_unpackaged_files_terminate_build", "0"));
        succeed(command.arg(&spec).env("LC_ALL", "C.UTF-8"));
        let file = top.join("RPMS/noarch/theirs-1.0-2.noarch.rpm");
        let (contents, files) = read(&std::fs::read(&file).unwrap());
        assert_eq!(found(&contents), Vec::<String>::new(), "{packing}");
        assert_eq!((contents.name.as_str(), contents.version.as_str()), ("theirs", "3:1.0-2"));
        assert_tree(&contents, &files, packing);
        // The same relations, signs and all, as rpm prints them.
        for (option, kind) in [("--requires", "Requires"), ("--provides", "Provides")] {
            let mut ours: Vec<_> = contents
                .relations
                .iter()
                .filter(|(one, _)| one == kind)
                .map(|(_, text)| text.clone())
                .collect();
            let mut theirs: Vec<_> =
                said(&rpm, &["-qp", option], &file).lines().map(|line| line.trim_end().to_owned()).collect();
            ours.sort();
            theirs.sort();
            assert_eq!(ours, theirs);
        }
        let script = &contents.scripts[0];
        assert_eq!((script.name.as_str(), script.text.as_str()), ("%post", "true"));
    }
}

#[test]
fn packages_of_bsdtar_as_makepkg_calls_it_are_read() {
    let (Some(bsdtar), Some(sh)) = (tool("bsdtar"), tool("sh")) else { return };
    let folder = tree();
    let root = folder.path().join("root");
    let info = "# Generated by makepkg 6.0.2\npkgname = theirs\npkgbase = theirs\npkgver = 1:1.0-2\npkgdesc = short\n\
                builddate = 1\npackager = A <a@b>\nsize = 1\narch = any\nlicense = MIT\ndepend = x>=1\n";
    std::fs::write(root.join(".PKGINFO"), info).unwrap();
    std::fs::write(root.join(".BUILDINFO"), "format = 2\npkgname = theirs\npkgver = 1:1.0-2\n").unwrap();
    // makepkg's own two commands.
    let script = "list() { find . -mindepth 1 -print0 | sed -z 's,^\\./,,' | LC_ALL=C sort -z; }\n\
                  list | \"$1\" -cnf - --format=mtree --options='!all,use-set,type,uid,gid,mode,time,size,md5,sha256,link' \
                  --uid 0 --gid 0 --null --files-from - | gzip -cnf9 >.MTREE\n\
                  list | \"$1\" --no-fflags --uid 0 --gid 0 --uname root --gname root -cnf - --null --files-from - >../tar\n";
    succeed(Command::new(sh).args(["-ec", script, "sh"]).arg(bsdtar).current_dir(&root));
    for (packing, command) in [("zstd", "-q"), ("xz", "-k"), ("gzip", "-k"), ("bzip2", "-k")] {
        let Some(packer) = tool(packing) else { return };
        let mut command =
            Command::new(packer).args([command, "-c"]).arg(folder.path().join("tar")).output().unwrap();
        assert!(command.status.success());
        let bytes = std::mem::take(&mut command.stdout);
        let (contents, files) = read(&bytes);
        assert_eq!(found(&contents), Vec::<String>::new(), "{packing}");
        assert_eq!((contents.name.as_str(), contents.version.as_str()), ("theirs", "1:1.0-2"));
        assert_tree(&contents, &files, packing);
    }
}

#[test]
fn the_order_of_files_is_nobodys_matter() {
    let right = ours();
    let mut package = package();
    package.files.reverse();
    let again =
        [deb::write(&package).unwrap(), rpm::write(&package).unwrap(), arch::write(&package).unwrap()];
    for ((format, bytes), again) in right.iter().zip(&again) {
        assert!(bytes == again, "{format}");
    }
}
