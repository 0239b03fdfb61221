//! What a component's Payload and Scripts hold.
//!
//! Content is read once, as a stream, and given out file by file: what a listing shows,
//! with the bytes of property lists and scripts, and what programs say of themselves.
//! Nothing is kept here.
//!
//! Must not know: Distribution, signatures, what property lists mean, whether it is sound.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek};

use flatpkg::cksum::Cksum;
use flatpkg::component::ComponentFacts;
use flatpkg::cpio::{TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK};
use flatpkg::payload;
use flatpkg::product::PackageFacts;
use flatpkg::xar::TocData;
use serde::Serialize;
use x509_certificate::CapturedX509Certificate;

use super::code::Code;
use super::held::Held;
use super::{Findings, causes};

/// Largest property list or script whose bytes are kept.
const KEPT_MAX: u64 = 1 << 20;
/// Most bytes that are kept of an archive's files together.
const KEPT_ALL_MAX: u64 = 64 << 20;
/// Longest target of a link; a Mac's paths have at most 1024.
const LINK_MAX: u64 = 4096;
/// The file type in a mode.
pub const TYPE_MASK: u32 = 0o170_000;

/// A path in a payload or among scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Path, as `./Library/LaunchDaemons`; `.` is the root.
    pub path: String,
    /// File type and permissions.
    pub mode: u32,
    /// User that it belongs to.
    pub uid: u32,
    /// Group that it belongs to.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// POSIX checksum; older Boms have none.
    #[serde(skip)]
    pub checksum: Option<u32>,
    /// What it is the same file as, where it has several names: device and inode.
    #[serde(skip)]
    pub hard_link: Option<(u32, u32)>,
    /// Where a link points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Its bytes, where they were kept.
    #[serde(skip)]
    pub content: Option<Vec<u8>>,
}

impl Entry {
    /// Whether it is a folder.
    pub fn is_directory(&self) -> bool {
        self.mode & TYPE_MASK == TYPE_DIRECTORY
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & TYPE_MASK == TYPE_FILE
    }
}

/// An entry, and what it is if it is a program; or why that cannot be said.
pub struct Found {
    /// The entry.
    pub entry: Entry,
    /// The program.
    pub code: Option<Result<Code, String>>,
}

/// What is to be looked at in an archive.
pub struct Look<'a, F> {
    /// Which paths' bytes are kept.
    pub kept: F,
    /// Whether programs are read, and the certificates at hand for that.
    pub code: Option<&'a [CapturedX509Certificate]>,
}

/// Gives each entry out as it comes, with the bytes of those whose paths are to be
/// kept, and what programs are. Returns what is wrong with the archive, or odd.
///
/// # Errors
/// Why it cannot be read, or what `take` says.
pub fn each_entry<R: Read + Seek>(
    package: &PackageFacts,
    input: &mut R,
    what: &str,
    data: &TocData,
    look: Look<'_, impl Fn(&str) -> bool>,
    mut take: impl FnMut(Found) -> Result<(), String>,
) -> Result<Findings, String> {
    let mut reader = payload::open(&package.archive, input, what, data).map_err(|error| causes(&error))?;
    let mut buffer = vec![0; 1 << 16];
    let mut kept_all = 0;
    let mut programs = 0;
    while let Some(next) = reader.next_entry().map_err(|error| causes(&error))? {
        let path = next.path;
        let header = next.header;
        let is_link = header.mode & TYPE_MASK == TYPE_SYMLINK;
        if is_link && header.size > LINK_MAX {
            return Err(format!("{path:?} is a link whose target has {} bytes", header.size));
        }
        let keep = is_link
            || ((look.kept)(&path) && header.size <= KEPT_MAX && kept_all + header.size <= KEPT_ALL_MAX);
        let mut content = Vec::new();
        let mut checksum = Cksum::default();
        let mut held =
            look.code.filter(|_| header.mode & TYPE_MASK == TYPE_FILE).map(|_| Held::new(programs));
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    checksum.update(&buffer[..count]);
                    if let Some(held) = &mut held {
                        held.add(&buffer[..count]);
                    }
                    if keep && (content.len() + count) as u64 <= KEPT_MAX {
                        content.extend_from_slice(&buffer[..count]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("{path:?} cannot be read: {error}")),
            }
        }
        kept_all += if is_link { 0 } else { content.len() as u64 };
        let code = held.and_then(|held| held.finish(look.code.unwrap_or_default()));
        programs += usize::from(code.is_some());
        let entry = Entry {
            path,
            mode: header.mode,
            uid: header.uid,
            gid: header.gid,
            size: header.size,
            checksum: Some(checksum.finish()),
            hard_link: next.hard_link,
            link: is_link.then(|| String::from_utf8_lossy(&content).into_owned()),
            content: (keep && !is_link).then_some(content),
        };
        take(Found { entry, code })?;
    }
    let (_, findings) = reader.finish().map_err(|error| causes(&error))?;
    Ok((&findings).into())
}

/// The scripts that PackageInfo has run, without `./`.
pub fn hooks(component: &ComponentFacts) -> BTreeSet<String> {
    let hooks = component.package_info.iter().flat_map(|info| &info.hooks);
    hooks.filter_map(|hook| Some(hook.file.as_deref()?.trim_start_matches("./").to_owned())).collect()
}

/// Whether a path is an AppleDouble file, whose size and mode differ between Bom and
/// Payload in Apple's own packages.
pub fn is_apple_double(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("._"))
}
