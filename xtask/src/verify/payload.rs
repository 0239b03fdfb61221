//! A component's Bom, Payload and Scripts: each sound, and all of one mind.
//!
//! Content is read once, as a stream; what is kept of a file is what a listing
//! shows, and the bytes of property lists and scripts.
//!
//! Must not know: Distribution, signatures, what property lists mean.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek};

use flatpkg::bom::{BOM_MAX, Bom, PATH_MAX};
use flatpkg::cksum::Cksum;
use flatpkg::component::{ComponentFacts, open_archive};
use flatpkg::cpio::{TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK};
use flatpkg::product::PackageFacts;
use flatpkg::xar::TocData;
use serde::Serialize;

use super::check::FOUND_MAX;
use super::{Check, causes, jobs};

/// Largest property list or script whose bytes are kept.
const KEPT_MAX: u64 = 1 << 20;
/// Most bytes that are kept of a component's files together.
const KEPT_ALL_MAX: u64 = 64 << 20;
/// Longest target of a link; a Mac's paths have at most 1024.
const LINK_MAX: u64 = 4096;
/// Most bytes of an archive's names and links together, and of a Bom's paths. Half a
/// million of a hundred bytes is the most in sight; the limits of each would add up to
/// gigabytes.
const NAMES_ALL_MAX: u64 = 128 << 20;
/// The file type in a mode.
const TYPE_MASK: u32 = 0o170_000;

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
    /// POSIX checksum.
    #[serde(skip)]
    pub checksum: u32,
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

/// What a component holds.
pub struct Contents<'a> {
    /// What its documents say.
    pub facts: &'a ComponentFacts,
    /// What is installed; `None` without a payload.
    pub payload: Option<Result<Vec<Entry>, String>>,
    /// What is run; `None` without scripts.
    pub scripts: Option<Result<Vec<Entry>, String>>,
    /// The Bom's list; `None` without one.
    pub bom: Option<Result<BomList, String>>,
}

/// A Bom's paths.
pub struct BomList {
    /// By path.
    pub paths: BTreeMap<String, Entry>,
    /// What is wrong with it in itself.
    pub faults: Vec<String>,
}

impl<'a> Contents<'a> {
    /// Reads everything that a component holds.
    pub fn read<R: Read + Seek>(package: &PackageFacts, facts: &'a ComponentFacts, input: &mut R) -> Self {
        let kept = |path: &str| {
            let is_in_place = path.contains("/LaunchDaemons/") || path.contains("/LaunchAgents/");
            (is_in_place && path.ends_with(".plist")) || jobs::may_be_staged(path)
        };
        Self {
            facts,
            payload: facts.payload.as_ref().map(|data| entries(package, input, "Payload", data, kept)),
            scripts: facts.scripts.as_ref().map(|data| entries(package, input, "Scripts", data, |_| true)),
            bom: facts.bom.as_ref().map(|data| bom(package, input, data)),
        }
    }

    /// How messages call the component.
    pub fn name(&self) -> &str {
        if self.facts.folder.is_empty() { "the package" } else { &self.facts.folder }
    }

    fn has_apple_double(&self) -> bool {
        self.installed().iter().any(|entry| is_apple_double(&entry.path))
    }

    /// What could be read of the payload.
    pub fn installed(&self) -> &[Entry] {
        match &self.payload {
            Some(Ok(entries)) => entries,
            _ => &[],
        }
    }
}

/// Every entry of a compressed archive.
fn entries<R: Read + Seek>(
    package: &PackageFacts,
    input: &mut R,
    what: &str,
    data: &TocData,
    kept: impl Fn(&str) -> bool,
) -> Result<Vec<Entry>, String> {
    let mut reader = open_archive(&package.archive, input, what, data).map_err(|error| causes(&error))?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut kept_all = 0;
    let mut names_all = 0;
    while let Some(next) = reader.next_entry().map_err(|error| causes(&error))? {
        let path = String::from_utf8(next.name)
            .map_err(|_| format!("the name at byte {} is not UTF-8", next.offset))?;
        let header = next.header;
        let is_link = header.mode & TYPE_MASK == TYPE_SYMLINK;
        if is_link && header.size > LINK_MAX {
            return Err(format!("{path:?} is a link whose target has {} bytes", header.size));
        }
        names_all += path.len() as u64 + if is_link { header.size } else { 0 };
        if names_all > NAMES_ALL_MAX {
            return Err(format!("its names and links have more than {NAMES_ALL_MAX} bytes"));
        }
        let keep =
            is_link || (kept(&path) && header.size <= KEPT_MAX && kept_all + header.size <= KEPT_ALL_MAX);
        let mut content = Vec::new();
        let mut checksum = Cksum::default();
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    checksum.update(&buffer[..count]);
                    if keep && (content.len() + count) as u64 <= KEPT_MAX {
                        content.extend_from_slice(&buffer[..count]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("{path:?} cannot be read: {error}")),
            }
        }
        kept_all += if is_link { 0 } else { content.len() as u64 };
        found.push(Entry {
            path,
            mode: header.mode,
            uid: header.uid,
            gid: header.gid,
            size: header.size,
            checksum: checksum.finish(),
            link: is_link.then(|| String::from_utf8_lossy(&content).into_owned()),
            content: (keep && !is_link).then_some(content),
        });
    }
    let rest = reader.rest().map_err(|error| causes(&error))?;
    if !rest.is_zero {
        return Err("something other than zeros follows the archive's end".to_owned());
    }
    Ok(found)
}

fn bom<R: Read + Seek>(package: &PackageFacts, input: &mut R, data: &TocData) -> Result<BomList, String> {
    let bytes = package.archive.content(input, "Bom", data, BOM_MAX).map_err(|error| causes(&error))?;
    let bom = Bom::read(&bytes).map_err(|error| causes(&error))?;
    let mut faults = Vec::new();
    if bom.version != 1 {
        faults.push(format!("its version is {}; packages have version 1", bom.version));
    }
    if let Some(position) = bom.first_out_of_order {
        faults.push(format!("path {} is out of order, where lsbom would stop", position + 1));
    }
    if bom.stated_paths as usize != bom.paths.len() {
        faults.push(format!("it says {} paths, and has {}", bom.stated_paths, bom.paths.len()));
    }
    let mut paths = BTreeMap::new();
    let mut names_all = 0;
    for facts in &bom.paths {
        let path = bom.path(facts);
        // What leads nowhere was looked for as far as the longest path.
        names_all += path.as_ref().map_or(PATH_MAX, String::len) + facts.link_target.map_or(0, <[u8]>::len);
        if names_all as u64 > NAMES_ALL_MAX {
            return Err(format!("its paths have more than {NAMES_ALL_MAX} bytes"));
        }
        let Some(path) = path else {
            faults.push(format!("path {} lies in no folder", facts.number));
            continue;
        };
        let entry = Entry {
            path: path.clone(),
            mode: facts.mode.into(),
            uid: facts.uid,
            gid: facts.gid,
            size: facts.size.into(),
            checksum: facts.checksum,
            link: facts
                .link_target
                .map(|target| String::from_utf8_lossy(target).trim_end_matches('\0').to_owned()),
            content: None,
        };
        if paths.insert(path.clone(), entry).is_some() {
            faults.push(format!("{path:?} is there twice"));
        }
    }
    Ok(BomList { paths, faults })
}

/// The checks of this module, over all components.
pub fn checks(components: &[Contents<'_>]) -> Vec<Check> {
    let each = |name: &'static str,
                applies: &dyn Fn(&Contents<'_>) -> bool,
                faults: &dyn Fn(&Contents<'_>) -> Vec<String>| {
        if !components.iter().any(applies) {
            return Check::not_applicable(name, "no component has one");
        }
        let all = components
            .iter()
            .filter(|one| applies(one))
            .flat_map(|one| faults(one).into_iter().map(move |fault| format!("{}: {fault}", one.name())));
        Check::of(name, all.collect::<Vec<_>>())
    };
    let has_payload = |one: &Contents<'_>| one.payload.is_some() || one.bom.is_some();
    vec![
        each("payload-archive", &has_payload, &archive_faults),
        each("payload-paths", &has_payload, &|one| path_faults(one.installed())),
        each("payload-bom", &has_payload, &bom_faults),
        each("payload-counts", &|_| true, &count_faults),
        each("scripts", &|one| one.scripts.is_some() || !hooks(one).is_empty(), &script_faults),
    ]
}

fn archive_faults(component: &Contents<'_>) -> Vec<String> {
    match &component.payload {
        None => vec!["it has a Bom and no Payload".to_owned()],
        Some(Err(fault)) => vec![format!("Payload: {fault}")],
        Some(Ok(_)) => Vec::new(),
    }
}

/// Where a path of an archive would lead, and paths that are there twice.
fn path_faults(entries: &[Entry]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeMap::new();
    for entry in entries {
        if faults.len() >= FOUND_MAX {
            break;
        }
        let path = &entry.path;
        let inside = path.strip_prefix("./").unwrap_or(path);
        let is_root = path == ".";
        if path.starts_with('/')
            || (!is_root && inside.split('/').any(|part| matches!(part, "" | "." | "..")))
        {
            faults.push(format!("{path:?} leads out of the payload"));
        }
        if seen.insert(inside.trim_end_matches('/'), ()).is_some() {
            faults.push(format!("{path:?} is there twice"));
        }
    }
    faults
}

/// Whether a path is an AppleDouble file, whose size differs between Bom and
/// Payload in Apple's own packages.
fn is_apple_double(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("._"))
}

fn bom_faults(component: &Contents<'_>) -> Vec<String> {
    let bom = match &component.bom {
        None => return vec!["it has a Payload and no Bom".to_owned()],
        Some(Err(fault)) => return vec![format!("Bom: {fault}")],
        Some(Ok(bom)) => bom,
    };
    let mut faults = bom.faults.clone();
    let Some(Ok(payload)) = &component.payload else { return faults };
    let mut missing: BTreeMap<&str, &Entry> =
        bom.paths.iter().map(|(path, entry)| (path.as_str(), entry)).collect();
    for entry in payload {
        if faults.len() >= FOUND_MAX {
            return faults;
        }
        let path = entry.path.as_str();
        let Some(listed) = missing.remove(path) else {
            faults.push(format!("{path:?} is in the Payload and not in the Bom"));
            continue;
        };
        // Older tools left the root's record empty.
        if path == "." && listed.mode == 0 {
            continue;
        }
        let mut differs = |what: &str, in_bom: String, in_payload: String| {
            if in_bom != in_payload {
                faults
                    .push(format!("{path:?}: {what} is {in_bom} in the Bom and {in_payload} in the Payload"));
            }
        };
        differs("mode", format!("{:o}", listed.mode), format!("{:o}", entry.mode));
        differs("owner", format!("{}:{}", listed.uid, listed.gid), format!("{}:{}", entry.uid, entry.gid));
        if !entry.is_directory() && !is_apple_double(path) {
            differs("size", listed.size.to_string(), entry.size.to_string());
            differs("checksum", listed.checksum.to_string(), entry.checksum.to_string());
        }
        if entry.link.is_some() {
            differs("link", format!("{:?}", listed.link), format!("{:?}", entry.link));
        }
    }
    faults.extend(missing.keys().map(|path| format!("{path:?} is in the Bom and not in the Payload")));
    faults
}

/// numberOfFiles counts every path, the root too; installKBytes is what pkgbuild
/// makes of the sizes. Both are held against the Payload and against the Bom.
fn count_faults(component: &Contents<'_>) -> Vec<String> {
    let Some(info) = &component.facts.package_info else {
        return vec!["it has no PackageInfo".to_owned()];
    };
    let mut counts: Vec<(&str, u64, u64)> = Vec::new();
    match &component.payload {
        Some(Ok(entries)) => counts.push(("Payload", entries.len() as u64, kbytes(entries.iter()))),
        Some(Err(_)) => {}
        None => counts.push(("package without a Payload", 0, 0)),
    }
    if let Some(Ok(bom)) = &component.bom {
        counts.push(("Bom", bom.paths.len() as u64, kbytes(bom.paths.values())));
    }
    let (files, size) = (info.number_of_files.unwrap_or(0), info.install_kbytes.unwrap_or(0));
    let mut faults = Vec::new();
    for (place, counted, computed) in &counts {
        if files != *counted {
            faults.push(format!("PackageInfo says {files} files, and the {place} has {counted}"));
        }
        // AppleDouble files have two sizes; which of them pkgbuild took is not known.
        let is_other_ones = component.has_apple_double() && counts.iter().any(|(.., other)| size == *other);
        if size != *computed && !is_other_ones {
            faults.push(format!("PackageInfo says {size} KiB, and the files of the {place} take {computed}"));
        }
    }
    faults
}

/// Blocks of 512 bytes, one for each folder but the root, in whole KiB.
fn kbytes<'a>(entries: impl Iterator<Item = &'a Entry>) -> u64 {
    let blocks: u64 = entries
        .filter(|entry| entry.path != ".")
        .map(|entry| if entry.is_directory() { 1 } else { entry.size.div_ceil(512) })
        .sum();
    blocks.div_ceil(2)
}

/// The scripts that PackageInfo has run, without `./`.
pub fn hooks(component: &Contents<'_>) -> BTreeSet<String> {
    let hooks = component.facts.package_info.iter().flat_map(|info| &info.hooks);
    hooks.filter_map(|hook| Some(hook.file.as_deref()?.trim_start_matches("./").to_owned())).collect()
}

fn script_faults(component: &Contents<'_>) -> Vec<String> {
    let entries = match &component.scripts {
        None => return vec!["PackageInfo names scripts, and there are none".to_owned()],
        Some(Err(fault)) => return vec![format!("Scripts: {fault}")],
        Some(Ok(entries)) => entries,
    };
    let mut faults = path_faults(entries);
    // Of two with the same path, the first counts.
    let by_path: BTreeMap<&str, &Entry> =
        entries.iter().rev().map(|entry| (entry.path.trim_start_matches("./"), entry)).collect();
    for hook in hooks(component) {
        if faults.len() >= FOUND_MAX {
            break;
        }
        let Some(entry) = by_path.get(hook.as_str()) else {
            faults.push(format!("{hook:?} is named in PackageInfo and not there"));
            continue;
        };
        if !entry.is_file() || entry.mode & 0o100 == 0 {
            faults.push(format!("{hook:?} cannot be run: its mode is {:o}", entry.mode));
        }
        let is_script =
            entry.content.as_ref().is_none_or(|content| content.starts_with(b"#!") || is_program(content));
        if !is_script {
            faults.push(format!("{hook:?} does not begin with #! and its interpreter"));
        }
    }
    faults
}

/// Whether it is a Mach-O program, alone or for several processors.
fn is_program(content: &[u8]) -> bool {
    let Some(magic) = content.first_chunk::<4>() else { return false };
    matches!(
        u32::from_be_bytes(*magic),
        0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe | 0xcafe_babe | 0xcafe_babf
    )
}
