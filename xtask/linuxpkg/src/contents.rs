//! What a package of any format holds, whoever made it.
//!
//! A reader hands out what is there, with what it found odd or deceitful, and does not
//! judge it. Of content nothing is kept but digests: who wants it gets it as it comes,
//! through [`Each`].
//!
//! Must not know: where files go.

use std::collections::HashMap;
use std::io::{self, Read};

use flatpkg::Findings;
use thiserror::Error;

use crate::digest::{Algorithm, Hasher};

/// How many paths of a package are read; of each one a few numbers are kept.
pub const FILES_MAX: usize = 1 << 18;
/// How many bytes all paths of a package and where its links lead may have.
pub const PATHS_MAX: usize = 32 << 20;
/// How many bytes a script or another document of a package may have.
pub const DOCUMENT_MAX: u64 = 1 << 20;
/// How many bytes a list of sums may have.
pub const SUMS_MAX: u64 = 32 << 20;

/// A format of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Debian's.
    Deb,
    /// RPM's.
    Rpm,
    /// Arch's.
    Arch,
}

impl Format {
    /// Its name, as people call such a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Arch => "pkg.tar",
        }
    }

    /// By a file's first bytes. For Arch that is anything that is packed: its
    /// packages have no mark of their own.
    pub fn of_start(start: &[u8]) -> Option<Self> {
        if start.starts_with(crate::ar::MAGIC) {
            Some(Self::Deb)
        } else if start.starts_with(&crate::rpm::LEAD_MAGIC) {
            Some(Self::Rpm)
        } else if crate::unpack::Packed::of_start(start) != crate::unpack::Packed::No {
            Some(Self::Arch)
        } else {
            None
        }
    }
}

/// A package.
#[derive(Debug, Clone)]
pub struct Contents {
    /// Its format.
    pub format: Format,
    /// Its name; may be missing in a damaged one.
    pub name: String,
    /// Its version with epoch and revision.
    pub version: String,
    /// The processor that it is for; `all`, `noarch` and `any` are any.
    pub architecture: String,
    /// Who answers for it.
    pub maintainer: Option<String>,
    /// What it is.
    pub summary: Option<String>,
    /// Its licence.
    pub license: Option<String>,
    /// Where it comes from.
    pub homepage: Option<String>,
    /// Its fields in order, as `control` and `.PKGINFO` have them; none of an `.rpm`.
    pub fields: Vec<(String, String)>,
    /// What it says of other packages: `Depends`, and the other one.
    pub relations: Vec<(String, String)>,
    /// What runs as root.
    pub scripts: Vec<Script>,
    /// Files that are kept when somebody changed them.
    pub configuration: Vec<String>,
    /// What it installs.
    pub files: Vec<File>,
    /// Signatures in it, in words. Nothing here says whether they hold.
    pub signatures: Vec<String>,
    /// What is odd or deceitful in the archive itself.
    pub archive: Findings,
    /// The same of its fields.
    pub field_findings: Findings,
    /// The same of its paths.
    pub path_findings: Findings,
    /// Where it is not what its own sums say.
    pub sum_findings: Findings,
    /// How many sums were held against what is there.
    pub sums_checked: u64,
}

impl Contents {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            name: String::new(),
            version: String::new(),
            architecture: String::new(),
            maintainer: None,
            summary: None,
            license: None,
            homepage: None,
            fields: Vec::new(),
            relations: Vec::new(),
            scripts: Vec::new(),
            configuration: Vec::new(),
            files: Vec::new(),
            signatures: Vec::new(),
            archive: Findings::default(),
            field_findings: Findings::default(),
            path_findings: Findings::default(),
            sum_findings: Findings::default(),
            sums_checked: 0,
        }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// A script with what runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its name in its format.
    pub name: String,
    /// The program that runs it, where the package names one.
    pub program: Option<String>,
    /// Its text.
    pub text: String,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, with where it leads.
    Link(String),
    /// The same file as at another path.
    HardLink(String),
    /// A device, a pipe, a socket, in a word.
    Special(&'static str),
}

/// Which part of a package something is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What says what the package is: `control`, `.PKGINFO`, scripts.
    Document,
    /// What is installed.
    Content,
}

/// A path of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Which part it is in.
    pub part: Part,
    /// Without `./` before it or a slash behind it. One that leads elsewhere stays as it
    /// is, and is a finding.
    pub path: String,
    /// What is there.
    pub kind: FileKind,
    /// Permissions.
    pub mode: u32,
    /// The owner, by name or else by number.
    pub user: String,
    /// The group, likewise.
    pub group: String,
    /// Bytes of content.
    pub size: u64,
    /// Modification time in seconds since 1970.
    pub time: i64,
    /// Digests of its content, in hexadecimal digits.
    pub digests: Vec<(Algorithm, String)>,
}

impl File {
    /// Its digest of this kind.
    pub fn digest(&self, algorithm: Algorithm) -> Option<&str> {
        self.digests.iter().find(|(one, _)| *one == algorithm).map(|(_, digest)| digest.as_str())
    }
}

/// Gets each path as it comes, with its content. Its error ends the reading.
pub type Each<'a> = dyn FnMut(&File, &mut dyn Read) -> io::Result<()> + 'a;

/// Why a package could not be read at all.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is none of the three.
    #[error("it is no .deb, .rpm or Arch package")]
    Unknown,
    /// Nothing can be said of it.
    #[error("{0}")]
    Damaged(String),
    /// It has more than is read.
    #[error("it has more than {FILES_MAX} paths, or paths of more than {PATHS_MAX} bytes")]
    TooMany,
    /// Who gets the paths wants no more.
    #[error(transparent)]
    Stopped(io::Error),
}

/// Why a part of a package was not read to its end.
#[derive(Debug)]
pub(crate) enum Flow {
    /// The part is damaged; the package is read on.
    Broken(String),
    /// The package is not read on.
    Fatal(ReadError),
}

impl From<ReadError> for Flow {
    fn from(error: ReadError) -> Self {
        Self::Fatal(error)
    }
}

impl From<crate::tar::TarError> for Flow {
    fn from(error: crate::tar::TarError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Reports a part that could not be read to its end.
pub(crate) fn settle(flow: Result<(), Flow>, part: &str, findings: &mut Findings) -> Result<(), ReadError> {
    match flow {
        Ok(()) => Ok(()),
        Err(Flow::Broken(fault)) => {
            findings.lie(part, format!("cannot be read: {fault}"));
            Ok(())
        }
        Err(Flow::Fatal(error)) => Err(error),
    }
}

/// Takes paths, hands them on and keeps what is kept of them.
pub(crate) struct Collector<'a, 'b> {
    /// The paths so far.
    pub files: Vec<File>,
    each: &'a mut Each<'b>,
    algorithms: Vec<Algorithm>,
    text_len: usize,
}

impl<'a, 'b> Collector<'a, 'b> {
    /// Hands paths to `each` and computes these digests of content.
    pub fn new(each: &'a mut Each<'b>, algorithms: &[Algorithm]) -> Self {
        Self { files: Vec::new(), each, algorithms: algorithms.to_vec(), text_len: 0 }
    }

    /// Takes a path with its content.
    pub fn take(&mut self, mut file: File, content: &mut dyn Read) -> Result<(), Flow> {
        self.hand(&mut file, content)?;
        self.keep(file)
    }

    /// Hands a document on; it is not among the files.
    pub fn document(&mut self, path: &str, mode: u32, time: i64, content: &[u8]) -> Result<(), Flow> {
        let mut file = File {
            part: Part::Document,
            path: path.to_owned(),
            kind: FileKind::File,
            mode,
            user: "root".to_owned(),
            group: "root".to_owned(),
            size: content.len() as u64,
            time,
            digests: Vec::new(),
        };
        self.hand(&mut file, &mut { content })
    }

    fn hand(&mut self, file: &mut File, content: &mut dyn Read) -> Result<(), Flow> {
        let wanted = file.kind == FileKind::File && file.part == Part::Content;
        let algorithms: &[Algorithm] = if wanted { &self.algorithms } else { &[] };
        let mut content = Watched {
            inner: content,
            hashers: algorithms.iter().map(|one| (*one, Hasher::new(*one))).collect(),
            failure: None,
        };
        let handed = (self.each)(file, &mut content);
        if let (Err(error), None) = (handed, &content.failure) {
            return Err(ReadError::Stopped(error).into());
        }
        let mut buffer = [0; 8192];
        while content.failure.is_none() {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if let Some(failure) = content.failure {
            return Err(Flow::Broken(format!("{:?}: {failure}", file.path)));
        }
        file.digests = content.hashers.into_iter().map(|(one, hasher)| (one, hasher.finish())).collect();
        Ok(())
    }

    fn keep(&mut self, file: File) -> Result<(), Flow> {
        let link_len = match &file.kind {
            FileKind::Link(target) | FileKind::HardLink(target) => target.len(),
            _ => 0,
        };
        self.text_len += file.path.len() + link_len + file.user.len() + file.group.len();
        self.files.push(file);
        if self.files.len() > FILES_MAX || self.text_len > PATHS_MAX {
            return Err(ReadError::TooMany.into());
        }
        Ok(())
    }
}

/// Keeps what reading reports, to tell it from what who reads reports.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    hashers: Vec<(Algorithm, Hasher)>,
    failure: Option<String>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Err(io::Error::other("reading failed"));
        }
        match self.inner.read(buffer) {
            Ok(count) => {
                self.hashers.iter_mut().for_each(|(_, hasher)| hasher.update(&buffer[..count]));
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failure = Some(error.to_string());
                Err(error)
            }
        }
    }
}

/// A path as it is kept: without `./` before it and slashes behind it; and whether it is
/// one of plain names, which leads nowhere else. The root is an empty one.
pub(crate) fn plain(path: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(path);
    let mut rest: &str = &text;
    while let Some(inner) = rest.strip_prefix("./") {
        rest = inner;
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if matches!(rest, "" | ".") && !text.starts_with('/') {
        return (String::new(), true);
    }
    let is_plain = rest.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    (if is_plain { rest.to_owned() } else { text.into_owned() }, is_plain)
}

/// Holds a package's paths against each other.
pub(crate) fn check_paths(files: &[File], findings: &mut Findings) {
    let mut known: HashMap<&str, bool> = HashMap::with_capacity(files.len());
    for file in files {
        let path = file.path.as_str();
        let is_folder = file.kind == FileKind::Folder;
        if !plain(path.as_bytes()).1 || path.is_empty() {
            findings.lie(path, "leads out of the package");
        }
        if path.contains('\u{fffd}') {
            findings.note(path, "is not UTF-8");
        }
        match known.insert(path, is_folder) {
            Some(true) if is_folder => findings.note(path, "is there twice"),
            Some(_) => findings.lie(path, "is there twice"),
            None => {}
        }
        match &file.kind {
            FileKind::File if file.mode & 0o6000 != 0 => {
                findings.note(
                    path,
                    format!("runs as its owner or group, whoever starts it (mode {:o})", file.mode),
                );
            }
            FileKind::File | FileKind::Folder if file.mode & 0o1002 == 0o002 => {
                findings.note(path, format!("may be changed by anybody (mode {:o})", file.mode));
            }
            FileKind::Special(what) => findings.note(path, format!("is a {what}")),
            _ => {}
        }
    }
    for file in files {
        let above = file.path.match_indices('/').map(|(at, _)| &file.path[..at]);
        if let Some(holder) = above.into_iter().find(|above| known.get(above) == Some(&false)) {
            findings.lie(&file.path, format!("lies below {holder:?}, which is not a folder"));
        }
    }
}

/// Reads a document into memory; how many bytes it says to have was read before.
pub(crate) fn document(content: &mut dyn Read, size: u64, limit: u64) -> Result<Vec<u8>, Flow> {
    if size > limit {
        return Err(Flow::Broken(format!("a document has {size} bytes, and {limit} are read")));
    }
    let mut bytes = Vec::new();
    content.take(limit).read_to_end(&mut bytes).map_err(|error| Flow::Broken(error.to_string()))?;
    Ok(bytes)
}
