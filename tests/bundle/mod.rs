//! What packages bring beside the instances: Lima's release archives, disk images, nerdctl's
//! archive. Settings, plan, packages; `stage::bundle` installs them.

mod damage;
mod packages;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use macho::write::{AdHoc, Processor, Program, lima_entitlements};
use sha2::{Digest, Sha256};
use xtask::digest::hex;
use xtask::settings::Architecture;

use crate::support::{succeed, tool};

/// The digest of a file.
pub fn sha256(path: &Path) -> String {
    hex(Sha256::digest(fs::read(path).unwrap()))
}

/// limactl for this processor, as Lima's Makefile signs it, with some data of its own.
pub fn limactl(architecture: Architecture, version: &str) -> Vec<u8> {
    let processor = match architecture {
        Architecture::Arm64 => Processor::Arm64,
        Architecture::X86_64 => Processor::X86_64,
    };
    let mut program = Program::new(processor);
    program.data = version.as_bytes().to_vec();
    program.ad_hoc(&AdHoc { entitlements: Some(lima_entitlements()), ..AdHoc::new("limactl") })
}

/// The files of a release, below a folder.
pub fn lay_out(folder: &Path, version: &str, architecture: Architecture) {
    let put = |path: &str, bytes: &[u8], mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    put("bin/limactl", &limactl(architecture, version), 0o755);
    put("bin/lima", b"#!/bin/sh\nexec limactl shell \"$@\"\n", 0o755);
    put("libexec/lima/limactl-mcp", &limactl(architecture, "mcp"), 0o755);
    for arch in ["aarch64", "x86_64"] {
        put(&format!("share/lima/lima-guestagent.Linux-{arch}.gz"), &[0x1f, 0x8b, 8, 0], 0o644);
    }
    put("share/lima/templates/default.yaml", b"images: []\n", 0o644);
    put("share/man/man1/limactl.1", b".TH LIMACTL 1\n", 0o644);
    fs::create_dir_all(folder.join("share/doc/lima")).unwrap();
    std::os::unix::fs::symlink("../../lima/templates", folder.join("share/doc/lima/templates")).unwrap();
}

/// Packs what is below a folder as Lima's Makefile does. `None`: there is no tar.
pub fn pack(from: &Path, to: &Path) -> Option<()> {
    let tar = tool("tar")?;
    succeed(Command::new(tar).arg("-czf").arg(to).arg("-C").arg(from).args(["--sort=name", "."]));
    Some(())
}

/// A release archive in a folder. `None`: there is no tar.
pub fn release(folder: &Path, version: &str, architecture: Architecture) -> Option<PathBuf> {
    let files = tempfile::tempdir().unwrap();
    lay_out(files.path(), version, architecture);
    let archive = folder.join(format!("lima-{version}-Darwin-{architecture}.tar.gz"));
    pack(files.path(), &archive)?;
    Some(archive)
}

/// The setting `lima` for an archive.
pub fn setting(archive: &Path) -> String {
    format!("{{ archive = {:?}, sha256 = \"{}\" }}", archive.file_name().unwrap(), sha256(archive))
}
