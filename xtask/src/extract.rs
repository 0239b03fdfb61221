//! Unpacks a package into a new folder, and never writes outside it.
//!
//! Three things see to that: the folder is new, so nothing in it leads
//! elsewhere; only paths of plain names are taken; and symbolic links are made
//! last, so nothing is ever written through one.
//!
//! Must not know: whether the package is sound.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flatpkg::payload;
use flatpkg::product::PackageFacts;
use flatpkg::xar::TocData;

/// Permission bits that are applied: not set-user-ID and its like.
const MODE_MASK: u32 = 0o777;
/// Longest target of a link.
const LINK_MAX: u64 = 4096;

/// What is done when everything else is there.
#[derive(Default)]
struct Last {
    links: Vec<(PathBuf, String)>,
    modes: Vec<(PathBuf, u32)>,
    written: usize,
}

/// Unpacks every member; `Payload` and `Scripts` become folders. Returns how
/// many files and folders were made.
pub fn extract<R: Read + Seek>(input: &mut R, folder: &Path) -> Result<usize> {
    let package = PackageFacts::read(input).context("it could not be read as a package")?;
    fs::create_dir(folder)
        .with_context(|| format!("could not create {}; name a new folder", folder.display()))?;
    let mut last = Last::default();
    let inner: Vec<String> = package
        .components
        .iter()
        .flat_map(|component| {
            let at = |name: &str| match component.folder.as_str() {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            [at("Payload"), at("Scripts")]
        })
        .collect();
    for (path, file) in package.archive.files() {
        let place = inside(folder, &path)?;
        match &file.data {
            _ if file.is_directory() => make_folder(&place)?,
            Some(data) if inner.contains(&path) => {
                make_folder(&place)?;
                unpack(&package, input, &path, data, &place, &mut last)
                    .with_context(|| format!("could not unpack {path:?}"))?;
            }
            Some(data) => {
                let mut content = package.archive.open(input, &path, data)?.take(data.size);
                write(&place, &mut content)?;
            }
            None => write(&place, &mut io::empty())?,
        }
        last.written += 1;
    }
    for (place, target) in &last.links {
        symlink(target, place).with_context(|| format!("could not make the link {}", place.display()))?;
    }
    // The deepest first: a folder may not let us in afterwards.
    for (place, mode) in last.modes.iter().rev() {
        fs::set_permissions(place, fs::Permissions::from_mode(mode & MODE_MASK))
            .with_context(|| format!("could not set the mode of {}", place.display()))?;
    }
    Ok(last.written)
}

/// Unpacks a Payload or Scripts.
fn unpack<R: Read + Seek>(
    package: &PackageFacts,
    input: &mut R,
    what: &str,
    data: &TocData,
    folder: &Path,
    last: &mut Last,
) -> Result<()> {
    let mut reader = payload::open(&package.archive, input, what, data)?;
    while let Some(entry) = reader.next_entry()? {
        let name = entry.path;
        let inner = name.strip_prefix("./").unwrap_or(&name);
        if inner == "." {
            continue;
        }
        let place = inside(folder, inner)?;
        match entry.header.mode & 0o170_000 {
            0o040_000 => {
                make_folder(&place)?;
                last.modes.push((place, entry.header.mode));
            }
            0o100_000 => {
                write(&place, &mut reader)?;
                last.modes.push((place, entry.header.mode));
            }
            0o120_000 => {
                let mut target = String::new();
                (&mut reader)
                    .take(LINK_MAX)
                    .read_to_string(&mut target)
                    .context("a link's target is not text")?;
                if place.symlink_metadata().is_ok() || last.links.iter().any(|(other, _)| other == &place) {
                    bail!("{name:?} is there twice");
                }
                last.links.push((place, target));
            }
            kind => bail!("{name:?} is of the kind {kind:o}, which packages do not have"),
        }
        last.written += 1;
    }
    Ok(())
}

/// A path of plain names, below `folder`.
fn inside(folder: &Path, path: &str) -> Result<PathBuf> {
    if path.split('/').any(|part| matches!(part, "" | "." | "..") || part.contains('\0')) {
        bail!("{path:?} leads out of the folder; nothing more was unpacked");
    }
    Ok(folder.join(path))
}

fn make_folder(place: &Path) -> Result<()> {
    fs::create_dir_all(place).with_context(|| format!("could not create the folder {}", place.display()))
}

fn write(place: &Path, content: &mut impl Read) -> Result<()> {
    if let Some(folder) = place.parent() {
        make_folder(folder)?;
    }
    let mut file =
        File::create_new(place).with_context(|| format!("could not create {}", place.display()))?;
    io::copy(content, &mut file).with_context(|| format!("could not write {}", place.display()))?;
    Ok(())
}
