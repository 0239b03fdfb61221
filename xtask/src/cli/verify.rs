//! `verify`: prove that packages are sound.

mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use report::Report;
use sha2::{Digest, Sha256};
use x509_certificate::CapturedX509Certificate;

use super::contents;
use super::messages::MessageFormat;
use crate::digest::FileDigest;
use crate::digest::hex;
use crate::run::manifest::{MANIFEST_FILE, SUMS_FILE};
use crate::verify::folder;
use crate::verify::{self, Check, Level, Options, linux, managers};

/// How many packages are verified before they are reported: enough for all
/// cores, and few enough to be nothing.
const AT_A_TIME: usize = 64;
/// Exit status where a check failed.
const FAILED: u8 = 1;
/// Exit status where a file could not be read as a package.
const UNREADABLE: u8 = 2;

/// Check that packages are sound: archive, signatures, contents, property lists
///
/// Takes packages made by any tool, for Macs (.pkg) and for Linux (.deb, .rpm, .pkg.tar.zst and its
/// like), and whole output folders with SHA256SUMS, artifacts.json and the files for device managers.
/// Each check passes, fails, or notes something odd but harmless, such as another tool's estimate of a size.
/// A check fails where a Mac would refuse the package, or where the package is not what it seems.
/// Exits with 1 if a check failed, and with 2 if a file could not be read as a package. A note
/// fails only with --strict.
#[derive(Debug, Args)]
pub struct Verify {
    /// Packages, or folders that `dist` wrote
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,

    /// Fail packages that are not at least this; without it an unsigned package passes
    #[arg(long, value_name = "LEVEL")]
    require: Option<Level>,

    /// Trust this certificate (PEM or DER) beside Apple's roots; may be repeated
    #[arg(long, value_name = "CERT")]
    trust: Vec<PathBuf>,

    /// Unpack up to so many bytes of a package, such as 100G [default: 100 times the package, at least 1G, at most 64G]
    ///
    /// For a package that you trust: a small one can unpack to any size.
    #[arg(long, value_name = "SIZE", value_parser = contents::size)]
    max_size: Option<u64>,

    /// Treat notes as failures
    #[arg(long)]
    strict: bool,

    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line per check
    Human,
    /// A JSON document
    Json,
    /// JUnit XML, which CI services show
    Junit,
}

/// A package or folder that was verified.
struct Verified {
    path: PathBuf,
    outcome: Result<Vec<Check>>,
}

impl Verify {
    pub fn run(&self) -> ExitCode {
        let trust = match self.trust.iter().map(|file| certificates(file)).collect::<Result<Vec<_>>>() {
            Ok(lists) => lists.concat(),
            Err(error) => {
                MessageFormat::Human.foreign_error(&error);
                return ExitCode::from(UNREADABLE);
            }
        };
        let options =
            Options { trust: &trust, require: self.require, max_size: self.max_size, ..Options::default() };
        let mut report = Report::new(self.format, self.strict);
        for path in &self.paths {
            if contents::is_old_package(path) {
                let outcome = Err(anyhow!(contents::OLD_PACKAGE));
                report.add(Verified { path: path.clone(), outcome });
            } else if path.is_dir() {
                verify_folder(path, &options, &mut report);
            } else {
                report.add(Verified { path: path.clone(), outcome: verify_file(path, &options) });
            }
        }
        match report.finish() {
            (_, 1..) => ExitCode::from(UNREADABLE),
            (1.., 0) => ExitCode::from(FAILED),
            (0, 0) => ExitCode::SUCCESS,
        }
    }
}

fn verify_file(path: &Path, options: &Options<'_>) -> Result<Vec<Check>> {
    let file = File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    verify::verify(&mut BufReader::new(file), options)
        .with_context(|| format!("{} could not be read as a package", path.display()))
}

/// A folder's records, what managers read there, then each package in it.
fn verify_folder(folder: &Path, options: &Options<'_>, report: &mut Report) {
    let files = match list(folder) {
        Ok(files) => files,
        Err(error) => return report.add(Verified { path: folder.to_owned(), outcome: Err(error) }),
    };
    let sums = fs::read_to_string(folder.join(SUMS_FILE)).ok();
    let manifest = fs::read(folder.join(MANIFEST_FILE)).ok();
    let is_repository = sums.is_none() && manifest.is_none() && managers::munki::is_repository(files.keys());
    let mut checks = if is_repository {
        folder::none("a Munki repository has no records of its own")
    } else {
        folder::checks(sums.as_deref(), manifest.as_deref(), &files)
    };
    drop((sums, manifest));
    let open = |path: &str| File::open(folder.join(path)).map(BufReader::new);
    checks.extend(managers::checks(&managers::Folder { files: &files, open: &open }));
    report.add(Verified { path: folder.to_owned(), outcome: Ok(checks) });
    // A package may be there twice, the second time in a Munki repository.
    let mut seen = BTreeSet::new();
    let packages: Vec<&str> = files
        .iter()
        .filter(|(path, found)| is_package(path) && seen.insert(&found.sha256))
        .map(|(path, _)| path.as_str())
        .collect();
    for some in packages.chunks(AT_A_TIME) {
        let verified: Vec<Verified> = some
            .par_iter()
            .map(|path| folder.join(path))
            .map(|path| Verified { outcome: verify_file(&path, options), path })
            .collect();
        verified.into_iter().for_each(|one| report.add(one));
    }
}

fn is_package(path: &str) -> bool {
    path.ends_with(".pkg") || linux::is_package_name(path)
}

/// Every file below a folder, by relative path, with its size and digest. What
/// begins with a dot at the top is the folder's own.
fn list(folder: &Path) -> Result<BTreeMap<String, FileDigest>> {
    let mut paths = Vec::new();
    list_paths(folder, folder, &mut paths)?;
    paths
        .into_par_iter()
        .map(|path| {
            let place = folder.join(&path);
            let found = digest(&place).with_context(|| format!("could not read {}", place.display()))?;
            Ok((path, found))
        })
        .collect()
}

fn list_paths(base: &Path, folder: &Path, found: &mut Vec<String>) -> Result<()> {
    let reading = || format!("could not read the folder {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let path = entry.path();
        if folder == base && entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(|| format!("could not look at {}", path.display()))?;
        if kind.is_dir() {
            list_paths(base, &path, found)?;
        } else if kind.is_file() {
            found.push(path.strip_prefix(base).expect("it lies below").to_string_lossy().into_owned());
        } else {
            bail!("{} is neither a file nor a folder", path.display());
        }
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<FileDigest> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => {
                digest.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
    Ok(FileDigest { size, sha256: hex(digest.finalize()) })
}

/// The certificates of a PEM or DER file.
pub(super) fn certificates(file: &Path) -> Result<Vec<CapturedX509Certificate>> {
    let bytes = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    let found = if bytes.windows(11).any(|part| part == b"-----BEGIN ") {
        let blocks =
            pem::parse_many(&bytes).with_context(|| format!("{} is not a PEM file", file.display()))?;
        blocks
            .into_iter()
            .filter(|block| block.tag() == "CERTIFICATE")
            .map(|block| CapturedX509Certificate::from_der(block.into_contents()))
            .collect::<Result<Vec<_>, _>>()
    } else {
        CapturedX509Certificate::from_der(bytes).map(|one| vec![one])
    };
    let found = found.with_context(|| format!("{} has a certificate that cannot be read", file.display()))?;
    if found.is_empty() {
        bail!("{} has no certificate in it", file.display());
    }
    Ok(found)
}
