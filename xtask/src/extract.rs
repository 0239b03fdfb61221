//! Unpacks a package into a new folder, and never writes outside it.
//!
//! Three things see to that: the folder is new, so nothing in it leads elsewhere; only
//! paths of plain names are taken; and symbolic links are made last, so nothing is ever
//! written through one.
//!
//! What cannot be read is left out and said; what cannot be written ends the run.
//!
//! Must not know: whether the package is sound.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use flatpkg::Severity;
use flatpkg::cpio::{TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK};
use flatpkg::payload::{self, PayloadError, TYPE_MASK};
use flatpkg::product::PackageFacts;
use flatpkg::unpack::OverBudget;
use flatpkg::xar::TocData;

mod last;
pub mod linux;

use last::Last;

/// Longest target of a link.
const LINK_MAX: u64 = 4096;
/// Message where too many links and folders wait for the end.
const NO_ROOM: &str = "is one of more folders and links than are kept in memory";
/// Number of left-out files that are listed one by one.
const LEFT_OUT_MAX: usize = 100;

/// Result of an extraction.
#[derive(Debug, Default)]
pub struct Extracted {
    /// How many files and folders were made.
    pub written: usize,
    /// What was left out and why; the package was not unpacked as a whole.
    pub left_out: Vec<String>,
    /// How many more were left out.
    pub more_left_out: usize,
}

impl Extracted {
    fn leave_out(&mut self, what: String) {
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.push(what);
        } else {
            self.more_left_out += 1;
        }
    }
}

/// Unpacks every member; `Payload` and `Scripts` become folders. An Apple Archive stays
/// as it is, as with `pkgutil --expand`. Not more than `max_size` bytes are unpacked; if
/// there is none, what a package of its length may have.
///
/// # Errors
/// What cannot be read as a package, and what cannot be written; the message says what
/// was left in the folder.
pub fn extract<R: Read + Seek>(input: &mut R, folder: &Path, max_size: Option<u64>) -> Result<Extracted> {
    let package = PackageFacts::read(input).context("it could not be read as a package")?;
    if let Some(max_size) = max_size {
        package.archive.budget.set_limit(max_size);
    }
    package.archive.budget.restart();
    check_space(&package, folder)?;
    fs::create_dir(folder)
        .with_context(|| format!("could not create {}; name a new folder", folder.display()))?;
    let mut extracted = Extracted::default();
    members(&package, input, folder, &mut extracted).with_context(|| {
        format!(
            "{} holds the {} files and folders that were unpacked before; remove it and try again",
            folder.display(),
            extracted.written
        )
    })?;
    Ok(extracted)
}

/// Whether what the package says of its size finds room; it can say anything, so running
/// out of room is an error later on as well.
fn check_space(package: &PackageFacts, folder: &Path) -> Result<()> {
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // A folder that cannot be made is a better message than one that cannot be measured.
    let Ok(file_system) = rustix::fs::statvfs(parent) else { return Ok(()) };
    let free = file_system.f_bavail.saturating_mul(file_system.f_frsize);
    let members = package.archive.files().into_iter().filter_map(|(_, file)| Some(file.data.as_ref()?.size));
    let installed = package.components.iter().filter_map(|one| one.package_info.as_ref()?.install_kbytes);
    let wanted = members.chain(installed.map(|kbytes| kbytes.saturating_mul(1024)));
    let wanted = wanted.fold(0, u64::saturating_add);
    if wanted > free {
        bail!(
            "it says that it takes about {wanted} bytes, and {} has room for {free}; nothing was unpacked",
            parent.display()
        );
    }
    Ok(())
}

fn members<R: Read + Seek>(
    package: &PackageFacts,
    input: &mut R,
    folder: &Path,
    extracted: &mut Extracted,
) -> Result<()> {
    let mut last = Last::default();
    let is_archive = |path: &str| {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        matches!(name, "Payload" | "Scripts") && package.components.iter().any(|one| one.folder == above)
    };
    for (path, file) in package.archive.files() {
        let Some(place) = inside(folder, &path) else {
            extracted.leave_out(format!("{path:?} leads out of the folder"));
            continue;
        };
        if place.symlink_metadata().is_ok() && !(file.is_directory() && place.is_dir()) {
            extracted.leave_out(format!("{path:?} is there twice, or differs in upper and lower case alone"));
            continue;
        }
        match &file.data {
            _ if file.is_directory() => make_folder(&place)?,
            Some(data) if is_archive(&path) => {
                match unpack(package, input, &path, data, &place, extracted, &mut last) {
                    Ok(()) => {}
                    Err(Failure::Write(error)) => return Err(error),
                    Err(Failure::Read(error)) => extracted.leave_out(format!("{path:?}: {error:#}")),
                }
            }
            Some(data) => match package.archive.open(input, &path, data) {
                Ok(mut content) => {
                    write(&place, &mut content, &path, data.size, extracted)?;
                }
                Err(error) => extracted.leave_out(format!("{:#}", anyhow!(error))),
            },
            None => drop(create(&place)?),
        }
        extracted.written += 1;
    }
    last.apply(extracted)
}

/// Why an archive was not unpacked to its end.
enum Failure {
    /// The package's fault.
    Read(anyhow::Error),
    /// This machine's.
    Write(anyhow::Error),
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Self {
        Self::Read(error.into())
    }
}

/// Unpacks a Payload or Scripts.
fn unpack<R: Read + Seek>(
    package: &PackageFacts,
    input: &mut R,
    what: &str,
    data: &TocData,
    folder: &Path,
    extracted: &mut Extracted,
    last: &mut Last,
) -> Result<(), Failure> {
    let mut reader = match payload::open(&package.archive, input, what, data) {
        Ok(reader) => reader,
        Err(error @ PayloadError::AppleArchive { .. }) => {
            let mut content =
                package.archive.open(input, what, data).map_err(|error| Failure::Read(error.into()))?;
            write(folder, &mut content, what, data.size, extracted).map_err(Failure::Write)?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    make_folder(folder).map_err(Failure::Write)?;
    let mut linked: HashMap<(u32, u32), Vec<PathBuf>> = HashMap::new();
    while let Some(entry) = reader.next_entry()? {
        if entry.path == "." {
            continue;
        }
        let path = &entry.path;
        let place = path.strip_prefix("./").and_then(|inner| inside(folder, inner));
        let Some(place) = place else {
            extracted.leave_out(format!("{what:?}: {path:?} leads out of the folder"));
            continue;
        };
        let is_folder = entry.header.mode & TYPE_MASK == TYPE_DIRECTORY;
        let is_there = place.symlink_metadata().is_ok() && !(is_folder && place.is_dir());
        if is_there || last.has_link(&place) {
            let text = "is there twice, or differs in upper and lower case alone";
            extracted.leave_out(format!("{what:?}: {path:?} {text}"));
            continue;
        }
        let is_below_a_file = place.parent().is_some_and(|above| above.exists() && !above.is_dir());
        if is_below_a_file || place.ancestors().any(|above| last.has_link(above)) {
            extracted.leave_out(format!("{what:?}: {path:?} lies below something that is not a folder"));
            continue;
        }
        match entry.header.mode & TYPE_MASK {
            TYPE_DIRECTORY => make_folder(&place).map_err(Failure::Write)?,
            TYPE_FILE => {
                let is_whole =
                    write(&place, &mut reader, path, entry.header.size, extracted).map_err(Failure::Write)?;
                if !is_whole {
                    return Ok(());
                }
                if let Some(key) = entry.hard_link {
                    if last.take(&place, 0) {
                        linked.entry(key).or_default().push(place.clone());
                    } else {
                        extracted.leave_out(format!("{what:?}: {path:?} as a hard link {NO_ROOM}"));
                    }
                }
            }
            TYPE_SYMLINK => {
                let mut target = Vec::new();
                (&mut reader).take(LINK_MAX + 1).read_to_end(&mut target).map_err(|error| {
                    Failure::Read(anyhow!(error).context(format!("{path:?} could not be read")))
                })?;
                match String::from_utf8(target) {
                    Ok(target) if target.len() as u64 <= LINK_MAX && !target.contains('\0') => {
                        if !last.link(&place, target, entry.header.mtime) {
                            extracted.leave_out(format!("{what:?}: {path:?} {NO_ROOM}"));
                            continue;
                        }
                    }
                    _ => {
                        extracted
                            .leave_out(format!("{what:?}: {path:?} is a link whose target is not a path"));
                        continue;
                    }
                }
            }
            kind => {
                let text = "which packages do not have";
                extracted.leave_out(format!("{what:?}: {path:?} is of the kind {kind:o}, {text}"));
                continue;
            }
        }
        match entry.header.mode & TYPE_MASK {
            TYPE_FILE => last::set(&place, entry.header.mode, entry.header.mtime).map_err(Failure::Write)?,
            TYPE_DIRECTORY if !last.folder(place, entry.header.mode, entry.header.mtime) => {
                extracted.leave_out(format!("{what:?}: mode and time of {path:?} {NO_ROOM}"));
            }
            _ => {}
        }
        extracted.written += 1;
    }
    for places in linked.into_values() {
        last::join(&places).map_err(Failure::Write)?;
    }
    let (_, findings) = reader.finish()?;
    // Paths that deceive were left out above. What hides behind the archive was not read.
    for lie in findings.of(Severity::Lie).filter(|lie| lie.place == what) {
        extracted.leave_out(lie.to_string());
    }
    Ok(())
}

/// A path of plain names, below `folder`.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let is_plain = path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    is_plain.then(|| folder.join(path))
}

fn make_folder(place: &Path) -> Result<()> {
    fs::create_dir_all(place).with_context(|| format!("could not create the folder {}", place.display()))
}

fn create(place: &Path) -> Result<File> {
    if let Some(folder) = place.parent() {
        make_folder(folder)?;
    }
    File::create_new(place).with_context(|| format!("could not create {}", place.display()))
}

/// Writes a file of `size` bytes. Content that cannot be read is left out; whether there
/// was none such.
fn write(
    place: &Path,
    content: &mut impl Read,
    path: &str,
    size: u64,
    extracted: &mut Extracted,
) -> Result<bool> {
    let mut file = create(place)?;
    let mut content = Reported { inner: content.take(size), failure: None };
    let copied = io::copy(&mut content, &mut file);
    if let Some(failure) = content.failure {
        if let Some(over) = failure.get_ref().and_then(|error| error.downcast_ref::<OverBudget>()) {
            bail!("{over}; --max-size raises that, if you trust it");
        }
        extracted.leave_out(format!("{path:?} could not be read to its end: {failure}"));
        return Ok(false);
    }
    let copied = copied.with_context(|| format!("could not write {}", place.display()))?;
    if copied < size {
        extracted.leave_out(format!("{path:?} has {copied} bytes instead of {size}"));
    }
    Ok(true)
}

/// Keeps what reading reports, to tell it from what writing does.
struct Reported<R> {
    inner: R,
    failure: Option<io::Error>,
}

impl<R: Read> Read for Reported<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.failure = Some(error);
                Err(io::Error::other("reading failed"))
            }
            other => other,
        }
    }
}
