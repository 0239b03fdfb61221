//! Lima's release archive: `lima-VERSION-Darwin-ARCHITECTURE.tar.gz`.
//!
//! ```text
//! bin/limactl, bin/lima and wrappers      libexec/lima/  drivers that are programs of their own
//! share/lima/lima-guestagent.Linux-*.gz   share/lima/templates/, share/doc/lima/, share/man/
//! ```
//!
//! Source: `Makefile` of <https://github.com/lima-vm/lima>, targets `artifact` and below.
//!
//! The archive is read once to see what is in it. When a package is written it is unpacked into
//! a file without a name, of which every entry is a part.
//!
//! Must not know: places on a Mac, settings.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use flate2::read::MultiGzDecoder;
use flatpkg::bom::SIZE_MAX;
use flatpkg::tree::Source;
use linuxpkg::tar::{Reader, TarError, Type};

use super::file::{File, FileError};
use super::{Content, Entry, Release};
use crate::settings::Architecture;
use crate::settings::names::quoted;

/// So many entries are read; Lima's own archives have some two hundred.
const ENTRIES_MAX: usize = 20_000;
/// Longest path in bytes.
const PATH_MAX: usize = 700;
/// The program that everything else is there for.
const LIMACTL: &str = "bin/limactl";
/// What every guest runs.
const GUEST_AGENT: &str = "share/lima/lima-guestagent.";

/// Why an archive is none of Lima's.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ArchiveError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Tar(#[from] TarError),
    #[error(
        "its name does not say which Lima it is, and for which processor; keep the name that Lima's releases have, \
         as lima-2.2.0-Darwin-arm64.tar.gz"
    )]
    Name,
    #[error("it is Lima for another system; a Mac needs one with `Darwin` in its name")]
    OtherSystem,
    #[error("it has no {0}, which every release of Lima for macOS has; take one of those")]
    Missing(&'static str),
    #[error("its bin/limactl is for {actual}, and its name says {named}; download it again")]
    OtherProcessor { named: &'static str, actual: String },
    #[error("its entry {path}: {reason}; such an archive is not unpacked on a Mac")]
    Entry { path: String, reason: &'static str },
    #[error("its files have more than {SIZE_MAX} bytes, the most that a package can hold")]
    TooLarge,
    #[error("it has more than {ENTRIES_MAX} entries")]
    TooMany,
}

/// Opens an archive whose digest is this: its version, and what is in it.
///
/// # Errors
/// [`ArchiveError`].
pub fn open(path: &Path, sha256: &str) -> Result<(String, Release), ArchiveError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (version, architecture) = parse_name(name)?;
    let file = File::examine(path, sha256)?;
    let entries = entries(&file, architecture)?;
    let (sha256, size) = (file.sha256, file.size);
    Ok((version, Release { architecture, sha256, size, entries: entries.into(), signed_by: None }))
}

/// Version and processor in an archive's name.
fn parse_name(name: &str) -> Result<(String, Architecture), ArchiveError> {
    let inner = name.strip_prefix("lima-").and_then(|rest| rest.strip_suffix(".tar.gz"));
    let (rest, processor) = inner.and_then(|rest| rest.rsplit_once('-')).ok_or(ArchiveError::Name)?;
    let (version, system) = rest.rsplit_once('-').ok_or(ArchiveError::Name)?;
    let is_version = version.starts_with(|first: char| first.is_ascii_digit())
        && version.len() <= 60
        && version.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'.' || one == b'-');
    if !is_version {
        return Err(ArchiveError::Name);
    }
    if system != "Darwin" {
        return Err(ArchiveError::OtherSystem);
    }
    let architecture = match processor {
        "arm64" => Architecture::Arm64,
        "x86_64" => Architecture::X86_64,
        _ => return Err(ArchiveError::Name),
    };
    Ok((version.to_owned(), architecture))
}

/// Every entry of the archive, folders before what they hold.
fn entries(file: &File, architecture: Architecture) -> Result<Vec<Entry>, ArchiveError> {
    let unpacked = Arc::new(Unpacked { file: file.clone(), spool: OnceLock::new() });
    let mut reader = Reader::new(decoder(file).map_err(FileError::Read)?);
    let mut found: BTreeMap<String, Entry> = BTreeMap::new();
    let mut total = 0_u64;
    let mut folded = HashMap::new();
    while let Some(header) = reader.next_entry()? {
        let offset = reader.position();
        let Some(path) = safe(&text(&header.path)?)? else { continue };
        let wrong = |reason| ArchiveError::Entry { path: quoted(&path), reason };
        if found.len() >= ENTRIES_MAX {
            return Err(ArchiveError::TooMany);
        }
        total = total.saturating_add(header.size);
        if total > SIZE_MAX {
            return Err(ArchiveError::TooLarge);
        }
        let content = match header.kind {
            Type::Folder => Content::Folder,
            Type::File => Content::File(unpacked.part(offset, header.size)),
            Type::Link => match text(&header.link)? {
                target if stays_inside(&path, &target) => Content::Link(target),
                _ => return Err(wrong("it is a link that leads out of the archive")),
            },
            Type::HardLink => match safe(&text(&header.link)?)?.and_then(|other| found.get(&other)) {
                Some(Entry { content: Content::File(source), .. }) => Content::File(source.clone()),
                _ => return Err(wrong("it is another name of a file that is not before it")),
            },
            Type::Other(_) => return Err(wrong("it is neither a file nor a folder nor a link")),
        };
        if path == LIMACTL {
            if header.kind != Type::File || header.mode & 0o111 == 0 {
                return Err(ArchiveError::Missing("program bin/limactl"));
            }
            let mut start = Vec::new();
            let read = reader.by_ref().take(4096).read_to_end(&mut start);
            read.map_err(|source| TarError::Read { offset, source })?;
            check_processor(&start, architecture)?;
        }
        let is_again = matches!(content, Content::Folder) && found.contains_key(&path);
        if !is_again && folded.insert(path.to_lowercase(), path.clone()).is_some() {
            return Err(wrong("it is there twice, or differs from another one in case alone"));
        }
        let executable = header.mode & 0o111 != 0;
        found.insert(path.clone(), Entry { path, executable, content });
    }
    // With it the compression's own sum is checked.
    reader.finish()?;
    if !found.contains_key(LIMACTL) {
        return Err(ArchiveError::Missing("program bin/limactl"));
    }
    if !found.keys().any(|path| path.starts_with(GUEST_AGENT)) {
        return Err(ArchiveError::Missing("share/lima/lima-guestagent.*"));
    }
    with_folders(found)
}

/// Adds folders that the archive does not list, and refuses what lies in something else.
fn with_folders(mut found: BTreeMap<String, Entry>) -> Result<Vec<Entry>, ArchiveError> {
    let paths: Vec<String> = found.keys().cloned().collect();
    for path in paths {
        for above in flatpkg::tree::ancestors(&path) {
            let folder = || Entry { path: above.to_owned(), executable: true, content: Content::Folder };
            let entry = found.entry(above.to_owned()).or_insert_with(folder);
            if !matches!(entry.content, Content::Folder) {
                let reason = "it lies in something that is not a folder";
                return Err(ArchiveError::Entry { path: quoted(&path), reason });
            }
        }
    }
    // A folder's name is the beginning of what it holds, and so comes first.
    Ok(found.into_values().collect())
}

fn text(bytes: &[u8]) -> Result<String, ArchiveError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| ArchiveError::Entry {
        path: quoted(&String::from_utf8_lossy(bytes)),
        reason: "its path, or where it leads, is not UTF-8",
    })
}

/// A path in its one form; `None` is the archive's root.
fn safe(name: &str) -> Result<Option<String>, ArchiveError> {
    let wrong = |reason| Err(ArchiveError::Entry { path: quoted(name), reason });
    if name.starts_with('/') {
        return wrong("its path is absolute");
    }
    if name.len() > PATH_MAX || name.chars().any(char::is_control) {
        return wrong("its path is too long, or has control characters");
    }
    let segments: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if segments.contains(&"..") {
        return wrong("its path has `..` in it");
    }
    Ok(Some(segments.join("/")).filter(|path| !path.is_empty()))
}

/// Whether a link leads to something in the archive. `..` may come first alone: behind the name
/// of another link it would lead from where that points to.
fn stays_inside(path: &str, target: &str) -> bool {
    let depth = path.matches('/').count();
    let mut segments = target.split('/').filter(|part| !matches!(*part, "" | ".")).peekable();
    let mut up = 0;
    while segments.next_if_eq(&"..").is_some() {
        up += 1;
    }
    !target.is_empty()
        && !target.starts_with('/')
        && !target.chars().any(char::is_control)
        && up <= depth
        && segments.all(|part| part != "..")
}

/// That a program is for this processor. 64 bits, little-endian; or universal, which begins with
/// a number and 20 bytes for each image (Apple's `mach-o/loader.h`, `mach-o/fat.h`).
fn check_processor(start: &[u8], wanted: Architecture) -> Result<(), ArchiveError> {
    let word = |at: usize| start.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    let little = |at| word(at).map(u32::from_le_bytes);
    let big = |at| word(at).map(u32::from_be_bytes);
    let name = |number: u32| match number {
        0x0100_000c => "arm64".to_owned(),
        0x0100_0007 => "x86_64".to_owned(),
        other => format!("processor {other:#x}"),
    };
    let processors: Vec<String> = match little(0) {
        Some(0xfeed_facf) => little(4).map(name).into_iter().collect(),
        Some(0xbeba_feca) => {
            (0..big(4).unwrap_or(0).min(8) as usize).filter_map(|at| big(8 + 20 * at)).map(name).collect()
        }
        _ => return Err(ArchiveError::Missing("program for macOS in bin/limactl")),
    };
    if processors.iter().any(|one| one == wanted.as_str()) {
        return Ok(());
    }
    Err(ArchiveError::OtherProcessor { named: wanted.as_str(), actual: processors.join(" and ") })
}

fn decoder(file: &File) -> io::Result<impl Read + Send + use<>> {
    Ok(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file.open()?)))
}

/// The archive without its compression, once somebody asks for a part of it.
struct Unpacked {
    file: File,
    spool: OnceLock<Result<Arc<std::fs::File>, String>>,
}

impl Unpacked {
    fn part(self: &Arc<Self>, offset: u64, size: u64) -> Source {
        let unpacked = Arc::clone(self);
        let open = move || {
            let file = unpacked.spool.get_or_init(|| unpacked.unpack().map_err(|error| error.to_string()));
            let file = file.clone().map_err(io::Error::other)?;
            Ok(Box::new(Part { file, at: offset, end: offset + size }) as Box<dyn Read + Send>)
        };
        Source::Stream { size, open: Arc::new(open) }
    }

    fn unpack(&self) -> io::Result<Arc<std::fs::File>> {
        let mut spool = tempfile::tempfile()?;
        io::copy(&mut decoder(&self.file)?, &mut spool)?;
        spool.seek(SeekFrom::Start(0))?;
        Ok(Arc::new(spool))
    }
}

/// A part of a file that others read, too.
pub(super) struct Part {
    pub file: Arc<std::fs::File>,
    pub at: u64,
    pub end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_releases() {
        let (version, architecture) = parse_name("lima-2.2.0-Darwin-arm64.tar.gz").unwrap();
        assert_eq!((version.as_str(), architecture), ("2.2.0", Architecture::Arm64));
        let (version, architecture) = parse_name("lima-2.3.0-beta.1-Darwin-x86_64.tar.gz").unwrap();
        assert_eq!((version.as_str(), architecture), ("2.3.0-beta.1", Architecture::X86_64));
        assert!(matches!(parse_name("lima-2.2.0-Linux-x86_64.tar.gz"), Err(ArchiveError::OtherSystem)));
        for wrong in [
            "",
            "lima.tar.gz",
            "lima-2.2.0-Darwin-arm64.tgz",
            "lima-v2-Darwin-arm64.tar.gz",
            "lima-2.2.0-Darwin-riscv64.tar.gz",
            "lima-2.$(id)-Darwin-arm64.tar.gz",
            "lima-additional-guestagents-2.2.0-Darwin-arm64.tar.gz",
        ] {
            assert!(matches!(parse_name(wrong), Err(ArchiveError::Name)), "{wrong}");
        }
    }

    #[test]
    fn links_stay_in_the_archive() {
        for (path, target) in
            [("a", "b"), ("share/doc/lima/t", "../../lima/templates"), ("a/b", "../c"), ("a/b", "./c/d")]
        {
            assert!(stays_inside(path, target), "{path} {target}");
        }
        for (path, target) in [
            ("a", ".."),
            ("a/b", "../../c"),
            ("a/b", "/etc/passwd"),
            ("a/b", "c/../../../d"),
            ("a/b", "c/.."),
            ("a", ""),
            ("a", "b\n"),
        ] {
            assert!(!stays_inside(path, target), "{path} {target}");
        }
    }

    #[test]
    fn paths_have_one_form() {
        assert_eq!(safe("./bin//limactl").unwrap().as_deref(), Some("bin/limactl"));
        assert_eq!(safe("./").unwrap(), None);
        for wrong in ["/etc/passwd", "../a", "a/../../b", "a\nb"] {
            assert!(safe(wrong).is_err(), "{wrong}");
        }
    }
}
