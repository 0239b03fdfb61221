//! Looks at the files that are to travel in packages, and checks their digests: before
//! anything is planned, since some of what is planned is in them.
//!
//! Must not know: what comes of them.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::carried::NamedFile;
use super::error::{Faults, SpecError};
use super::names::{NameError, Sha256, quoted};
use super::source::Source;
use super::tables::{Options, Settings};
use super::{Architecture, SpecError as Fault};
use crate::bundle::{File, Lima, Release, archive};

/// A file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Where its name is in the settings file.
    pub span: Range<usize>,
    /// The processor that it is for, if the settings say one.
    pub architecture: Option<Architecture>,
    /// The file.
    pub file: File,
}

/// Looks at all files that a settings file names, relative to `folder`; not at Lima's archives,
/// where `lima` is false.
pub fn examine(settings: &mut Settings, folder: &Path, lima: bool) -> Result<(), SpecError> {
    let mut faults = Faults::default();
    if let Some(named) = settings.lima.as_ref().filter(|_| lima) {
        settings.lima_read = faults.take(release_archives(&settings.source, named, folder));
    }
    let mut seen = HashMap::new();
    let options = settings.instances.iter_mut().map(|instance| &mut instance.options);
    for options in std::iter::once(&mut settings.defaults).chain(options) {
        let Options { image, image_files, containerd, containerd_files, .. } = options;
        for (named, files) in [(&*image, image_files), (&*containerd, containerd_files)] {
            let Some(named) = named else { continue };
            let all = named
                .iter()
                .filter_map(|one| faults.take(guest_file(&settings.source, one, folder, &mut seen)));
            *files = Some(all.collect());
        }
    }
    faults.finish()
}

/// A file, looked at once however often it is named.
fn guest_file(
    source: &Source,
    named: &NamedFile,
    folder: &Path,
    seen: &mut HashMap<(PathBuf, String), File>,
) -> Result<Examined, SpecError> {
    let text = named.path.get_ref().0.as_str();
    let key = (folder.join(text), named.sha256.to_string());
    let file = match seen.get(&key) {
        Some(file) => file.clone(),
        None => {
            let examined = File::examine(&key.0, &key.1);
            let refused = |error| at(source, named, &format!("the file {}: {error}", quoted(text)));
            seen.entry(key).or_insert(examined.map_err(refused)?).clone()
        }
    };
    Ok(Examined { span: named.path.span(), architecture: named.architecture, file })
}

fn at(source: &Source, named: &NamedFile, message: &str) -> SpecError {
    Fault::at(source, named.path.span(), message)
}

fn release_archives(source: &Source, named: &[NamedFile], folder: &Path) -> Result<Lima, SpecError> {
    let mut faults = Faults::default();
    let open = |one: &NamedFile| {
        let text = one.path.get_ref().0.as_str();
        archive::open(&folder.join(text), one.sha256.as_str())
            .map_err(|error| at(source, one, &format!("the archive {}: {error}", quoted(text))))
    };
    let opened: Vec<_> = named.iter().filter_map(|one| Some((one, faults.take(open(one))?))).collect();
    let lima = together(opened, |one, message| at(source, one, message));
    let lima = faults.take(lima);
    faults.finish()?;
    Ok(lima.expect("what could not be read is a fault"))
}

/// Lima's archives of the flag `--lima-archive`, each `FILE=SHA256`.
pub fn of_flags(given: &[String]) -> Result<Option<Lima>, SpecError> {
    let refused = |message: String| SpecError::flag("--lima-archive", message);
    let open = |text: &str| {
        let Some((path, digest)) = text.rsplit_once('=') else {
            return Err(refused(format!(
                "{} has no digest; write FILE=SHA256, as Lima's SHA256SUMS lists it",
                quoted(text)
            )));
        };
        let digest: Sha256 = digest.parse().map_err(|error: NameError| refused(error.to_string()))?;
        let opened = archive::open(Path::new(path), digest.as_str());
        Ok(((), opened.map_err(|error| refused(format!("{}: {error}", quoted(path))))?))
    };
    let opened = given.iter().map(|text| open(text)).collect::<Result<Vec<_>, _>>()?;
    if opened.is_empty() {
        return Ok(None);
    }
    together(opened, |(), message| refused(message.to_owned())).map(Some)
}

/// Archives of one version, each for another processor.
fn together<N>(
    opened: Vec<(N, (String, Release))>,
    refused: impl Fn(N, &str) -> SpecError,
) -> Result<Lima, SpecError> {
    let mut lima = Lima { version: String::new(), archives: Vec::new() };
    for (named, (version, release)) in opened {
        if lima.archives.is_empty() {
            lima.version = version;
        } else if version != lima.version {
            let message = format!(
                "this is Lima {version}, and the other archive Lima {}; give the same version",
                lima.version
            );
            return Err(refused(named, &message));
        }
        if lima.archives.iter().any(|other| other.architecture == release.architecture) {
            let message =
                format!("there is another archive for {} already; leave one out", release.architecture);
            return Err(refused(named, &message));
        }
        lima.archives.push(release);
    }
    lima.archives.sort_by_key(|release| release.architecture);
    Ok(lima)
}
