//! `verify`: prove that packages are sound.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use sha2::{Digest, Sha256};
use x509_certificate::CapturedX509Certificate;

use super::messages::{MessageFormat, line};
use crate::hex::hex;
use crate::plan::{MANIFEST_FILE, SUMS_FILE};
use crate::verify::folder::{self, Found};
use crate::verify::{self, Check, Level, Options, Status, all_hold, managers};

/// Exit status where a check failed.
const FAILED: u8 = 1;
/// Exit status where a file could not be read as a package.
const UNREADABLE: u8 = 2;

/// Check that packages are sound: archive, signatures, contents, property lists
///
/// Takes anybody's packages, and whole output folders with their SHA256SUMS and artifacts.json, and
/// with what device managers read.
/// Exits with 1 if a check failed, and with 2 if a file could not be read as a package.
#[derive(Debug, Args)]
pub struct Verify {
    /// Packages, or folders that `dist` wrote
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,

    /// What each package must be; without it an unsigned package is fine
    #[arg(long, value_name = "LEVEL")]
    require: Option<Level>,

    /// Trust this certificate (PEM or DER) beside Apple's roots; may be repeated
    #[arg(long, value_name = "CERT")]
    trust: Vec<PathBuf>,

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

/// One thing that was verified.
struct Verified {
    path: PathBuf,
    outcome: Result<Vec<Check>>,
}

impl Verify {
    pub fn run(&self) -> ExitCode {
        let trust = match self.trust.iter().map(|file| certificates(file)).collect::<Result<Vec<_>>>() {
            Ok(lists) => lists.concat(),
            Err(error) => {
                MessageFormat::Human.error(&error);
                return ExitCode::from(UNREADABLE);
            }
        };
        let options = Options { trust: &trust, require: self.require, ..Options::default() };
        let mut verified = Vec::new();
        for path in &self.paths {
            if path.is_dir() {
                verify_folder(path, &options, &mut verified);
            } else {
                verified.push(Verified { path: path.clone(), outcome: verify_file(path, &options) });
            }
        }
        match self.format {
            Format::Human => print(&verified),
            Format::Json => line(as_json(&verified).to_string()),
            Format::Junit => line(as_junit(&verified)),
        }
        if verified.iter().any(|one| one.outcome.is_err()) {
            ExitCode::from(UNREADABLE)
        } else if verified.iter().any(|one| one.outcome.as_ref().is_ok_and(|checks| !all_hold(checks))) {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }
}

fn verify_file(path: &Path, options: &Options<'_>) -> Result<Vec<Check>> {
    let file = File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    verify::verify(&mut BufReader::new(file), options)
        .with_context(|| format!("{} could not be read as a package", path.display()))
}

/// A folder's records, what managers read there, then each package in it.
fn verify_folder(folder: &Path, options: &Options<'_>, verified: &mut Vec<Verified>) {
    let files = match list(folder, folder) {
        Ok(files) => files,
        Err(error) => return verified.push(Verified { path: folder.to_owned(), outcome: Err(error) }),
    };
    let sums = fs::read_to_string(folder.join(SUMS_FILE)).ok();
    let manifest = fs::read(folder.join(MANIFEST_FILE)).ok();
    let mut checks = folder::checks(sums.as_deref(), manifest.as_deref(), &files);
    let open = |path: &str| File::open(folder.join(path)).map(BufReader::new);
    checks.extend(managers::checks(&managers::Folder { files: &files, open: &open }));
    verified.push(Verified { path: folder.to_owned(), outcome: Ok(checks) });
    // A package may be there twice, the second time in a Munki repository.
    let mut seen = BTreeSet::new();
    let packages = files.iter().filter(|(path, found)| path.ends_with(".pkg") && seen.insert(&found.sha256));
    for (path, _) in packages {
        let path = folder.join(path);
        let outcome = verify_file(&path, options);
        verified.push(Verified { path, outcome });
    }
}

/// Every file below a folder, by relative path. What begins with a dot at the
/// top is the folder's own.
fn list(base: &Path, folder: &Path) -> Result<BTreeMap<String, Found>> {
    let mut found = BTreeMap::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("could not read the folder {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("could not read the folder {}", folder.display()))?;
        let path = entry.path();
        if folder == base && entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(|| format!("could not look at {}", path.display()))?;
        if kind.is_dir() {
            found.extend(list(base, &path)?);
            continue;
        }
        let relative = path.strip_prefix(base).expect("it lies below").to_string_lossy().into_owned();
        if !kind.is_file() {
            bail!("{} is neither a file nor a folder", path.display());
        }
        found.insert(relative, digest(&path).with_context(|| format!("could not read {}", path.display()))?);
    }
    Ok(found)
}

fn digest(path: &Path) -> io::Result<Found> {
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
    Ok(Found { size, sha256: hex(digest.finalize()) })
}

/// The certificates of a PEM or DER file.
fn certificates(file: &Path) -> Result<Vec<CapturedX509Certificate>> {
    let bytes = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    let found = if bytes.windows(11).any(|part| part == b"-----BEGIN ") {
        let blocks = pem::parse_many(&bytes).with_context(|| format!("{} is no PEM file", file.display()))?;
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

fn print(verified: &[Verified]) {
    use anstyle::{AnsiColor, Style};
    let colored = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    for one in verified {
        line(one.path.display().to_string());
        let checks = match &one.outcome {
            Ok(checks) => checks,
            Err(error) => {
                let style = colored(AnsiColor::Red);
                line(format!("  {style}unreadable{style:#}  {error:#}"));
                continue;
            }
        };
        for check in checks {
            let (word, style) = match check.status {
                Status::Pass => ("pass", colored(AnsiColor::Green)),
                Status::Fail => ("FAIL", colored(AnsiColor::Red).bold()),
                Status::NotApplicable => ("n/a ", Style::new().dimmed()),
            };
            let mut details = check.details.iter();
            let first = details.next().map_or("", String::as_str);
            line(format!("  {style}{word}{style:#}  {:24}  {first}", check.name).trim_end());
            for detail in details {
                line(format!("{:34}{detail}", ""));
            }
        }
    }
}

fn as_json(verified: &[Verified]) -> serde_json::Value {
    let all: Vec<_> = verified
        .iter()
        .map(|one| match &one.outcome {
            Ok(checks) => json!({ "path": one.path, "ok": all_hold(checks), "checks": checks }),
            Err(error) => json!({ "path": one.path, "ok": false, "unreadable": format!("{error:#}") }),
        })
        .collect();
    json!({ "schema": 1, "verified": all })
}

fn as_junit(verified: &[Verified]) -> String {
    use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
    let mut report = Report::new("verify");
    for one in verified {
        let mut suite = TestSuite::new(one.path.display().to_string());
        match &one.outcome {
            Ok(checks) => suite.add_test_cases(checks.iter().map(|check| {
                let text = check.details.join("\n");
                let status = match check.status {
                    Status::Pass => TestCaseStatus::success(),
                    Status::NotApplicable => {
                        let mut status = TestCaseStatus::skipped();
                        status.set_message(text);
                        status
                    }
                    Status::Fail => {
                        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                        status.set_message(text);
                        status
                    }
                };
                TestCase::new(check.name, status)
            })),
            Err(error) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status.set_message(format!("{error:#}"));
                suite.add_test_cases([TestCase::new("readable", status)])
            }
        };
        report.add_test_suite(suite);
    }
    report.to_string().unwrap_or_else(|error| format!("<!-- {error} -->"))
}
