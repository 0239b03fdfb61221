//! The Linux packages of instances: what is in them, and what the tools of three
//! distributions say of them. tests/boot installs them.

mod contents;
mod names;
mod repository;
mod signing;
mod tools;

use std::path::{Path, PathBuf};

use linuxpkg::{Content, Package};
use xtask::linux::package::{Format, file_name, package};
use xtask::settings::{AbsolutePath, Condition, Instance, Spec};

use crate::render::{auto, cases, hostile, plain, spec};

/// 2000-01-01, as in a run without a date.
const TIME: u32 = 946_684_800;

/// The instances that have goldens: those of the other renderings without a template, which
/// Linux does not use, and one whose user is found and whose LIMA_HOME is named.
fn package_cases() -> Vec<(&'static str, Spec, Instance)> {
    let mut all = cases();
    all.retain(|(name, _, _)| !name.ends_with("template"));
    let home: AbsolutePath = "/srv/My Disk's \"x\" %h $HOME \\ ".parse().unwrap();
    let shared = Instance { lima_home: Some(home), ..auto(Condition::Boot) };
    all.push(("boot-auto-shared", spec(&shared), shared));
    all
}

fn package_of(instance: &Instance) -> Package {
    package(&spec(instance), instance, TIME)
}

/// The text of a file of a package.
fn text<'a>(package: &'a Package, path: &str) -> &'a str {
    let entry = package.files.iter().find(|entry| entry.path == path).unwrap_or_else(|| panic!("{path}"));
    let Content::File(bytes) = &entry.content else { panic!("{path} is not a file") };
    std::str::from_utf8(bytes).unwrap()
}

/// An instance's packages in a folder, by format.
fn written(instance: &Instance) -> (tempfile::TempDir, [PathBuf; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let package = package_of(instance);
    let write = |format, bytes: Vec<u8>| {
        let path = folder.path().join(file_name(format, instance, &spec(instance).version));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let paths = [
        write(Format::Deb, linuxpkg::deb::write(&package).unwrap()),
        write(Format::Rpm, linuxpkg::rpm::write(&package).unwrap()),
        write(Format::Arch, linuxpkg::arch::write(&package).unwrap()),
    ];
    (folder, paths)
}

/// Unpacks a package's files into a folder, without any tool.
fn unpack(package: &Package, folder: &Path) {
    for entry in &package.files {
        let path = folder.join(&entry.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match &entry.content {
            Content::Folder => std::fs::create_dir_all(path).unwrap(),
            Content::File(bytes) => std::fs::write(path, bytes).unwrap(),
            Content::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        }
    }
}
