//! A component's parts: each sound, and all of one mind.
//!
//! Must not know: Distribution, signatures, what property lists mean, how parts are read.

use std::collections::{BTreeMap, HashMap};

use super::payload::{Contents, Entry, hooks};
use super::{Check, Findings};

/// Permission bits that let a program run as its owner or its group.
pub const SET_ID: u32 = 0o6000;

/// The checks of this module, over all components.
pub fn checks(components: &[Contents<'_>]) -> Vec<Check> {
    let each = |name: &'static str,
                applies: &dyn Fn(&Contents<'_>) -> bool,
                found: &dyn Fn(&Contents<'_>) -> Findings| {
        if !components.iter().any(applies) {
            return Check::not_applicable(name, "no component has one");
        }
        let mut all = Findings::default();
        for one in components.iter().filter(|one| applies(one)) {
            all.extend(one.name(), found(one));
        }
        Check::of(name, all)
    };
    let has_payload = |one: &Contents<'_>| one.payload.is_some() || one.bom.is_some();
    vec![
        each("payload-archive", &has_payload, &archive),
        each("payload-paths", &has_payload, &paths),
        each("payload-bom", &has_payload, &bom),
        each("payload-counts", &|_| true, &counts),
        each("scripts", &|one| one.scripts.is_some() || !hooks(one).is_empty(), &scripts),
    ]
}

fn archive(component: &Contents<'_>) -> Findings {
    let mut found = Findings::default();
    match &component.payload {
        None => found.fault("it has a Bom and no Payload"),
        Some(Err(fault)) => found.fault(format!("Payload: {fault}")),
        Some(Ok(_)) => {}
    }
    found
}

/// What the reader found in an archive: where paths lead, what lies there, what is
/// hidden behind it.
fn paths(component: &Contents<'_>) -> Findings {
    match &component.payload {
        Some(Ok(list)) => list.found.clone(),
        _ => Findings::default(),
    }
}

/// Whether a path is an AppleDouble file, whose size and mode differ between Bom and
/// Payload in Apple's own packages.
fn is_apple_double(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("._"))
}

/// Size and checksum of a file: those of another entry, where that has the content.
fn content<'a>(entry: &'a Entry, linked: &HashMap<(u32, u32), &'a Entry>) -> &'a Entry {
    match entry.hard_link.and_then(|identity| linked.get(&identity)) {
        Some(with_content) if entry.size == 0 => with_content,
        _ => entry,
    }
}

/// The entry with the content of each file that has several names.
fn with_content(entries: &[Entry]) -> HashMap<(u32, u32), &Entry> {
    let linked = entries.iter().filter(|entry| entry.size > 0);
    linked.filter_map(|entry| Some((entry.hard_link?, entry))).collect()
}

fn bom(component: &Contents<'_>) -> Findings {
    let mut found = Findings::default();
    let bom = match &component.bom {
        None => {
            found.fault("it has a Payload and no Bom");
            return found;
        }
        Some(Err(fault)) => {
            found.fault(format!("Bom: {fault}"));
            return found;
        }
        Some(Ok(bom)) => bom,
    };
    found.append(bom.found.clone());
    let Some(Ok(list)) = &component.payload else { return found };
    let linked = with_content(&list.entries);
    let mut missing: BTreeMap<&str, &Entry> =
        bom.paths.iter().map(|(path, entry)| (path.as_str(), entry)).collect();
    for entry in &list.entries {
        if found.are_many() {
            return found;
        }
        let path = &entry.path;
        let Some(listed) = missing.remove(path.as_str()) else {
            found.fault(format!("{path:?} is in the Payload and not in the Bom"));
            continue;
        };
        // Older tools left the root's record empty.
        if path == "." && listed.mode == 0 {
            continue;
        }
        let mut differs = |what: &str, in_bom: String, in_payload: String| {
            if in_bom != in_payload {
                found.fault(format!(
                    "{path:?}: {what} is {in_bom} in the Bom and {in_payload} in the Payload"
                ));
            }
        };
        let is_apple_double = is_apple_double(path);
        if !is_apple_double {
            differs("mode", format!("{:o}", listed.mode), format!("{:o}", entry.mode));
        }
        differs("owner", format!("{}:{}", listed.uid, listed.gid), format!("{}:{}", entry.uid, entry.gid));
        if !entry.is_directory() && !is_apple_double {
            let content = content(entry, &linked);
            differs("size", listed.size.to_string(), content.size.to_string());
            if let (Some(listed), Some(checksum)) = (listed.checksum, content.checksum) {
                differs("checksum", listed.to_string(), checksum.to_string());
            }
        }
        if entry.link.is_some() {
            differs("link", format!("{:?}", listed.link), format!("{:?}", entry.link));
        }
    }
    // Archives that were made by hand begin below the root.
    missing.remove(".");
    found.faults.extend(missing.keys().map(|path| format!("{path:?} is in the Bom and not in the Payload")));
    found
}

/// numberOfFiles and installKBytes, which pkgbuild makes of the Bom's paths and of the
/// sizes in blocks. Other tools count and round otherwise, and Installer takes them for
/// an estimate of the space that is needed, so they are never a fault.
fn counts(component: &Contents<'_>) -> Findings {
    let mut found = Findings::default();
    let Some(info) = &component.facts.package_info else {
        found.fault("it has no PackageInfo");
        return found;
    };
    let mut counts: Vec<(&str, u64, u64)> = Vec::new();
    match &component.payload {
        Some(Ok(list)) => {
            counts.push(("Payload", list.entries.len() as u64, kbytes(list.entries.iter())));
        }
        Some(Err(_)) => {}
        None => counts.push(("package without a Payload", 0, 0)),
    }
    if let Some(Ok(bom)) = &component.bom {
        counts.push(("Bom", bom.paths.len() as u64, kbytes(bom.paths.values())));
    }
    let has_apple_double = component.installed().iter().any(|entry| is_apple_double(&entry.path));
    let (files, size) = (info.number_of_files.unwrap_or(0), info.install_kbytes.unwrap_or(0));
    for (place, counted, computed) in &counts {
        if files != *counted {
            found.note(format!("PackageInfo says {files} files, and the {place} has {counted}"));
        }
        // AppleDouble files have two sizes; which of them pkgbuild took is not known.
        let is_other_ones = has_apple_double && counts.iter().any(|(.., other)| size == *other);
        if size != *computed && !is_other_ones {
            found.note(format!("PackageInfo says {size} KiB, and the files of the {place} take {computed}"));
        }
    }
    found
}

/// Blocks of 512 bytes, one for each folder but the root, in whole KiB.
fn kbytes<'a>(entries: impl Iterator<Item = &'a Entry>) -> u64 {
    let blocks: u64 = entries
        .filter(|entry| entry.path != ".")
        .map(|entry| if entry.is_directory() { 1 } else { entry.size.div_ceil(512) })
        .sum();
    blocks.div_ceil(2)
}

fn scripts(component: &Contents<'_>) -> Findings {
    let mut found = Findings::default();
    let entries = match &component.scripts {
        None => {
            found.fault("PackageInfo names scripts, and there are none");
            return found;
        }
        Some(Err(fault)) => {
            found.fault(format!("Scripts: {fault}"));
            return found;
        }
        Some(Ok(list)) => {
            found.append(list.found.clone());
            &list.entries
        }
    };
    // Of two with the same path, the first counts.
    let by_path: BTreeMap<&str, &Entry> =
        entries.iter().rev().map(|entry| (entry.path.trim_start_matches("./"), entry)).collect();
    for hook in hooks(component) {
        if found.are_many() {
            break;
        }
        let Some(entry) = by_path.get(hook.as_str()) else {
            found.fault(format!("{hook:?} is named in PackageInfo and not there"));
            continue;
        };
        if !entry.is_file() || entry.mode & 0o100 == 0 {
            found.fault(format!("{hook:?} cannot be run: its mode is {:o}", entry.mode));
        }
        let is_script =
            entry.content.as_ref().is_none_or(|content| content.starts_with(b"#!") || is_program(content));
        if !is_script {
            found.fault(format!("{hook:?} does not begin with #! and its interpreter"));
        }
    }
    found
}

/// Whether it is a Mach-O program, alone or for several processors.
fn is_program(content: &[u8]) -> bool {
    let Some(magic) = content.first_chunk::<4>() else { return false };
    matches!(
        u32::from_be_bytes(*magic),
        0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe | 0xcafe_babe | 0xcafe_babf
    )
}
