//! Archives that mean harm, or are damaged.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use xtask::bundle::archive::{ArchiveError, open};
use xtask::settings::Architecture;

use super::{limactl, sha256};

const NAME: &str = "lima-2.2.0-Darwin-arm64.tar.gz";

/// An entry of this type, as tar(5) has it.
fn entry(name: &str, kind: u8, content: &[u8], link: &str) -> Vec<u8> {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000755");
    block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = [&block, content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// What every release has.
fn good() -> Vec<u8> {
    let program = limactl(Architecture::Arm64, "2.2.0");
    let agent = entry("share/lima/lima-guestagent.Linux-aarch64.gz", b'0', b"agent", "");
    [entry("bin/limactl", b'0', &program, ""), agent].concat()
}

fn packed(folder: &Path, tar: &[u8]) -> std::path::PathBuf {
    let path = folder.join(NAME);
    let mut file = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    file.write_all(tar).unwrap();
    file.finish().unwrap();
    path
}

fn opened(tar: &[u8]) -> Result<Vec<String>, ArchiveError> {
    let folder = tempfile::tempdir().unwrap();
    let path = packed(folder.path(), tar);
    let (_, release) = open(&path, &sha256(&path))?;
    Ok(release.entries.iter().map(|entry| entry.path.clone()).collect())
}

#[test]
fn folders_that_are_not_listed_are_made() {
    let expected = [
        "bin",
        "bin/limactl",
        "share",
        "share/lima",
        "share/lima/lima-guestagent.Linux-aarch64.gz",
        "share/lima/same.gz",
    ];
    let same = entry("share/lima/same.gz", b'1', b"", "share/lima/lima-guestagent.Linux-aarch64.gz");
    assert_eq!(opened(&[good(), same].concat()).unwrap(), expected);
}

#[test]
fn what_leads_elsewhere_is_refused() {
    for (what, words) in [
        (entry("/etc/passwd", b'0', b"x", ""), "its path is absolute"),
        (entry("../../etc/passwd", b'0', b"x", ""), "its path has `..` in it"),
        (entry("bin/../../x", b'0', b"x", ""), "its path has `..` in it"),
        (entry("bin/x", b'2', b"", "/etc/passwd"), "a link that leads out of the archive"),
        (entry("bin/x", b'2', b"", "../../etc"), "a link that leads out of the archive"),
        (entry("bin/x", b'2', b"", "y/../../../etc"), "a link that leads out of the archive"),
        (entry("bin/x", b'1', b"", "../../etc/passwd"), "its path has `..` in it"),
        (entry("bin/x", b'1', b"", "bin/nothing"), "another name of a file that is not before it"),
        (entry("bin/x", b'6', b"", ""), "it is neither a file nor a folder nor a link"),
        (entry("bin/x", b'3', b"", ""), "it is neither a file nor a folder nor a link"),
        (entry("bin/x\u{1b}[2J", b'0', b"", ""), "control characters"),
        (entry("bin/LIMACTL", b'0', b"", ""), "differs from another one in case alone"),
        (entry("bin/limactl", b'0', b"", ""), "bin/limactl"),
        (entry("bin/limactl/x", b'0', b"", ""), "it lies in something that is not a folder"),
        (
            [entry("lib", b'2', b"", "bin"), entry("lib/x", b'0', b"x", "")].concat(),
            "it lies in something that is not a folder",
        ),
    ] {
        let error = opened(&[good(), what].concat()).unwrap_err().to_string();
        assert!(error.contains(words), "no {words:?} in {error:?}");
        assert!(!error.contains('\u{1b}'));
    }
}

#[test]
fn a_damaged_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = packed(folder.path(), &good());
    let whole = fs::read(&path).unwrap();
    for length in [1, 10, whole.len() / 2, whole.len() - 9] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(open(&path, &sha256(&path)), Err(ArchiveError::Tar(_))), "{length}");
    }
    for at in [12, whole.len() / 2, whole.len() - 5] {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        fs::write(&path, &changed).unwrap();
        assert!(open(&path, &sha256(&path)).is_err(), "{at}");
    }
    fs::write(&path, b"<html>Not Found</html>").unwrap();
    assert!(matches!(open(&path, &sha256(&path)), Err(ArchiveError::Tar(_))));
}
