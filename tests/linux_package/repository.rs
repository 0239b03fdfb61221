//! Repositories: read by apt, createrepo_c's programs and pacman, and compared with what
//! their own tools write.

use std::collections::BTreeSet;
use std::fs;

use linuxpkg::repository::{ListFile, apt, dnf, pacman};
use linuxpkg::{arch, deb, rpm};

use super::*;
use crate::support::{note_skipped, tool};

/// Two packages; the second has another name.
fn packages() -> [Package; 2] {
    let second = Package { name: "lima-second-autostart".to_owned(), ..package() };
    [package(), second]
}

/// Writes packages and lists into a folder.
fn lay_out(folder: &Path, packages: &[(String, Vec<u8>)], lists: Vec<ListFile>) {
    for (name, bytes) in packages.iter().cloned().chain(lists) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Paragraphs of fields, without those named.
fn paragraphs(text: &str, without: &[&str]) -> BTreeSet<BTreeSet<String>> {
    let fields = |paragraph: &str| {
        let mut fields: Vec<String> = Vec::new();
        for line in paragraph.lines() {
            match fields.last_mut().filter(|_| line.starts_with(' ')) {
                Some(field) => *field += &format!("\n{line}"),
                None => fields.push(line.to_owned()),
            }
        }
        let is_wanted = |field: &String| !without.iter().any(|name| field.starts_with(&format!("{name}:")));
        fields.into_iter().filter(is_wanted).collect()
    };
    text.split("\n\n").filter(|text| !text.trim().is_empty()).map(fields).collect()
}

fn apt_repository(folder: &Path) {
    let packages = packages().map(|one| (deb::file_name(&one), deb::write(&one).unwrap()));
    let entries = packages.iter().map(|(name, bytes)| apt::entry(name, bytes).unwrap()).collect::<Vec<_>>();
    lay_out(folder, &packages, apt::lists(&entries, TIME));
}

#[test]
fn apt_ftparchive_says_the_same_of_the_packages() {
    let Some(apt_ftparchive) = tool("apt-ftparchive") else { return };
    let folder = tempfile::tempdir().unwrap();
    apt_repository(folder.path());
    let theirs = succeed(Command::new(&apt_ftparchive).args(["packages", "."]).current_dir(folder.path()));
    let ours = fs::read_to_string(folder.path().join("Packages")).unwrap();
    let without = ["MD5sum", "SHA1", "SHA512"];
    assert_eq!(paragraphs(&ours, &[]), paragraphs(&theirs, &without));
    assert_eq!(paragraphs(&ours, &[]).len(), 2);
    // Of the two lists, too.
    let theirs = succeed(Command::new(&apt_ftparchive).args(["release", "."]).current_dir(folder.path()));
    let theirs = theirs.split("SHA256:\n").nth(1).unwrap();
    let ours = fs::read_to_string(folder.path().join("Release")).unwrap();
    assert!(ours.starts_with("Date: Sun, 15 Jun 2025 15:06:40 UTC\nArchitectures: all\nSHA256:\n"), "{ours}");
    for line in ours.lines().filter(|line| line.starts_with(' ')) {
        let words: Vec<_> = line.split_whitespace().collect();
        let is_theirs = theirs.lines().any(|one| one.split_whitespace().collect::<Vec<_>>() == words);
        assert!(is_theirs, "{line}\n{theirs}");
    }
}

#[test]
fn apt_takes_packages_out_of_the_repository() {
    let Some(apt_get) = tool("apt-get") else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    apt_repository(&root.join("repository"));
    for path in ["etc/apt/sources.list.d", "state/lists/partial", "cache/archives/partial", "got"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    fs::write(root.join("state/status"), "").unwrap();
    let repository = root.join("repository");
    let source = format!("deb [trusted=yes] file:{} ./\n", repository.display());
    fs::write(root.join("etc/apt/sources.list"), source).unwrap();
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(&apt_get);
        for (name, path) in [
            ("Dir::Etc", "etc/apt"),
            ("Dir::State", "state"),
            ("Dir::State::status", "state/status"),
            ("Dir::Cache", "cache"),
        ] {
            command.args(["-o", &format!("{name}={}", root.join(path).display())]);
        }
        // A folder of root's is not that user's to read.
        command.args(["-o", "APT::Sandbox::User=root", "-q"]).args(arguments).env("LC_ALL", "C.UTF-8");
        succeed(command.current_dir(root.join("got")))
    };
    apt(&["update"]);
    apt(&["download", "lima-++example-autostart"]);
    let got = fs::read(root.join("got/lima-++example-autostart_1.2.10-1_all.deb")).unwrap();
    assert!(got == deb::write(&package()).unwrap());
}

fn dnf_repository(folder: &Path) {
    let packages = packages().map(|one| (rpm::file_name(&one), rpm::write(&one).unwrap()));
    let entry = |(name, bytes): &(String, Vec<u8>)| dnf::entry(name, bytes, TIME).unwrap();
    let lists = dnf::lists(&packages.iter().map(entry).collect::<Vec<_>>(), TIME).unwrap();
    lay_out(folder, &packages, lists);
}

/// An element of XML as a line: its name, attributes, text and what is in it.
fn canonical(element: &flatpkg::xml::Element) -> String {
    let mut attributes: Vec<_> =
        element.attributes.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    attributes.sort();
    let children: Vec<_> = element.children.iter().map(canonical).collect();
    format!("{} {attributes:?} {:?} [{}]", element.name, element.text.trim(), children.join(", "))
}

#[test]
fn createrepo_c_writes_and_reads_the_same_lists() {
    let (Some(createrepo), Some(mergerepo)) = (tool("createrepo_c"), tool("mergerepo_c")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours");
    dnf_repository(&ours);
    // Theirs is of the same packages, whose files are as old.
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    for one in packages() {
        let name = rpm::file_name(&one);
        let copy = theirs.join(&name);
        fs::copy(ours.join(&name), &copy).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(TIME.into());
        fs::File::options().write(true).open(copy).unwrap().set_modified(time).unwrap();
    }
    let options = ["-q", "--no-database", "--simple-md-filenames", "--general-compress-type", "gz"];
    succeed(Command::new(&createrepo).args(options).arg(&theirs));
    for list in ["primary", "filelists", "other"] {
        let plain = |of: &Path| {
            let file = of.join(format!("repodata/{list}.xml.gz"));
            let text = said(&tool("gzip").unwrap(), &["-dc"], &file);
            let element = flatpkg::xml::read(text.as_bytes()).unwrap();
            canonical(&element)
        };
        assert_eq!(plain(&ours), plain(&theirs), "{list}");
    }
    // Their reader checks sums and sizes on the way.
    let merged = folder.path().join("merged");
    let mut command = Command::new(mergerepo);
    for one in [&ours, &theirs] {
        command.args(["--repo", &format!("file://{}", one.display())]);
    }
    succeed(command.args(["--no-database", "-o"]).arg(&merged));
    let list = fs::read_dir(merged.join("repodata")).unwrap().map(|file| file.unwrap().path());
    let primary = list.into_iter().find(|path| path.to_string_lossy().contains("primary.xml")).unwrap();
    assert!(fs::metadata(primary).unwrap().len() > 500);
}

fn pacman_repository(folder: &Path) {
    let packages = packages().map(|one| (arch::file_name(&one), arch::write(&one).unwrap()));
    let entry = |(name, bytes): &(String, Vec<u8>)| pacman::entry(name, bytes).unwrap();
    let lists = pacman::lists("lima", &packages.iter().map(entry).collect::<Vec<_>>(), TIME).unwrap();
    lay_out(folder, &packages, lists);
}

#[test]
fn repo_add_writes_the_same_database() {
    let (Some(repo_add), Some(bsdtar)) = (tool("repo-add"), tool("bsdtar")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours");
    pacman_repository(&ours);
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    for one in packages() {
        let name = arch::file_name(&one);
        fs::copy(ours.join(&name), theirs.join(&name)).unwrap();
        let mut command = Command::new(&repo_add);
        succeed(command.args(["-q", "lima.db.tar.gz", &name]).current_dir(&theirs).env("LC_ALL", "C.UTF-8"));
    }
    for list in ["lima.db", "lima.files"] {
        let unpacked = |of: &Path| {
            let into = of.join(format!("unpacked-{list}"));
            fs::create_dir(&into).unwrap();
            succeed(Command::new(&bsdtar).arg("-xf").arg(of.join(list)).arg("-C").arg(&into));
            crate::support::files(&into)
        };
        let (ours, theirs) = (unpacked(&ours), unpacked(&theirs));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (path, (_, content)) in &ours {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(text(content).trim_end(), text(&theirs[path].1).trim_end(), "{list}: {path}");
        }
    }
}

#[test]
fn pacman_installs_out_of_the_repository() {
    let Some(pacman) = tool("pacman") else { return };
    if !is_root() {
        return note_skipped("pacman installs as root alone");
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("var/lib/pacman")).unwrap();
    fs::create_dir_all(root.join("cache")).unwrap();
    let repository = folder.path().join("repository");
    pacman_repository(&repository);
    let config = folder.path().join("pacman.conf");
    let text = format!(
        "[options]\nArchitecture = auto\nSigLevel = Never\n[lima]\nServer = file://{}\n",
        repository.display()
    );
    fs::write(&config, text).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&pacman);
        command
            .arg("--root")
            .arg(&root)
            .arg("--cachedir")
            .arg(root.join("cache"))
            .arg("--config")
            .arg(&config);
        succeed(command.arg("--noconfirm").args(arguments).env("LC_ALL", "C.UTF-8"))
    };
    run(&["-Sy"]);
    assert!(run(&["-Ss", "example"]).contains("lima/lima-++example-autostart 1.2.10-1"));
    run(&["-Sdd", "--noscriptlet", "lima-++example-autostart"]);
    assert!(root.join("usr/lib/example/run").is_file());
    run(&["-Fy"]);
    let found = run(&["-F", "usr/lib/example/run"]);
    assert!(found.contains("lima/lima-second-autostart"), "{found}");
}

#[test]
fn what_is_damaged_is_not_listed() {
    let [first, _] = packages();
    let files = [deb::write(&first), rpm::write(&first), arch::write(&first)].map(Result::unwrap);
    for (number, bytes) in files.iter().enumerate() {
        let list = |bytes: &[u8]| match number {
            0 => apt::entry("x.deb", bytes).map(drop).map_err(|error| error.to_string()),
            1 => dnf::entry("x.rpm", bytes, TIME).map(drop).map_err(|error| error.to_string()),
            _ => pacman::entry("x.pkg.tar.zst", bytes).map(drop).map_err(|error| error.to_string()),
        };
        list(bytes).unwrap();
        let mut damaged = bytes.clone();
        let at = damaged.len() - 40;
        damaged[at] ^= 0xff;
        assert!(list(&damaged).unwrap_err().contains("\"x."), "{number}");
        assert!(list(&bytes[..bytes.len() / 2]).is_err());
        assert!(list(b"").is_err());
    }
    assert!(apt::entry("a b.deb", &files[0]).is_err());
}
