//! A component's parts: each sound, and all of one mind.
//!
//! Must not know: Distribution, signatures, what property lists mean, how parts are read.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use flatpkg::bom::{BOM_MAX, Bom};
use flatpkg::component::ComponentFacts;
use flatpkg::product::PackageFacts;
use flatpkg::xar::TocData;
use x509_certificate::CapturedX509Certificate;

use super::bom::{Comparison, blocks};
use super::jobs::is_kept;
use super::payload::{Found, Look, each_entry, hooks, is_apple_double};
use super::programs::Programs;
use super::ticket::Ticket;
use super::{Check, Findings, causes, jobs};

/// Permission bits that let a program run as its owner or its group.
pub const SET_ID: u32 = 0o6000;

const NAMES: [&str; 5] = ["payload-archive", "payload-paths", "payload-bom", "payload-counts", "scripts"];

/// What was found in the components so far. They are read one after the other, and
/// nothing but property lists is kept of them.
pub struct Components<'a> {
    found: [Option<Findings>; 5],
    jobs: jobs::Findings,
    programs: Programs<'a>,
    trust: &'a [CapturedX509Certificate],
}

/// How many paths there are, and how much room they take.
#[derive(Default)]
struct Count {
    files: u64,
    blocks: u64,
}

impl Count {
    /// In whole KiB.
    fn kbytes(&self) -> u64 {
        self.blocks.div_ceil(2)
    }
}

impl<'a> Components<'a> {
    /// None yet, of a package with this ticket.
    pub fn new(ticket: &'a Ticket, trust: &'a [CapturedX509Certificate]) -> Self {
        let (found, jobs) = Default::default();
        Self { found, jobs, programs: Programs::new(ticket, trust), trust }
    }

    /// Reads a component.
    pub fn add<R: Read + Seek>(&mut self, package: &PackageFacts, facts: &ComponentFacts, input: &mut R) {
        let [mut archive, mut paths, mut bom_found, mut counts] = <[Findings; 4]>::default();
        let mut comparison = match facts.bom.as_ref().map(|data| comparison(package, data, input)) {
            None => {
                bom_found.fault("it has a Payload but no Bom");
                None
            }
            Some(Err(fault)) => {
                bom_found.fault(format!("Bom: {fault}"));
                None
            }
            Some(Ok(comparison)) => Some(comparison),
        };
        let mut payload = Count::default();
        let mut has_apple_double = false;
        let read = facts.payload.as_ref().map(|data| {
            let look = Look { kept: is_kept, code: Some(self.trust) };
            each_entry(package, input, "Payload", data, look, |Found { entry, code }| {
                if let Some(code) = code {
                    self.programs.add(&placed(facts, &entry.path), &code);
                }
                payload.files += 1;
                if entry.path != "." {
                    payload.blocks += blocks(entry.is_directory(), entry.size);
                }
                has_apple_double |= is_apple_double(&entry.path);
                if let Some(comparison) = &mut comparison {
                    comparison.add(&entry);
                }
                self.jobs.add(&entry);
                Ok(())
            })
        });
        let listed = comparison
            .as_ref()
            .map(|comparison| Count { files: comparison.files(), blocks: comparison.blocks() });
        if let Some(comparison) = comparison {
            bom_found.append(comparison.finish(matches!(read, Some(Ok(_)))));
        }
        let mut all = Vec::new();
        match read {
            None => {
                archive.fault("it has a Bom but no Payload");
                all.push(("package without a Payload", Count::default()));
            }
            Some(Err(fault)) => archive.fault(format!("Payload: {fault}")),
            Some(Ok(found)) => {
                paths = found;
                all.push(("Payload", payload));
            }
        }
        all.extend(listed.map(|count| ("Bom", count)));
        self::counts(facts, &all, has_apple_double, &mut counts);
        let has_payload = facts.payload.is_some() || facts.bom.is_some();
        let scripts = (facts.scripts.is_some() || !hooks(facts).is_empty())
            .then(|| scripts(package, facts, input, self.trust, &mut self.programs));
        let found = [
            has_payload.then_some(archive),
            has_payload.then_some(paths),
            has_payload.then_some(bom_found),
            Some(counts),
            scripts,
        ];
        let name = if facts.folder.is_empty() { "the package" } else { &facts.folder };
        for (all, found) in self.found.iter_mut().zip(found) {
            if let Some(found) = found {
                all.get_or_insert_default().extend(name, found);
            }
        }
    }

    /// The checks of this module with that of programs, that of launchd's property lists, and
    /// why the notary would refuse the package for its programs.
    pub fn checks(self) -> (Vec<Check>, Check, Vec<String>) {
        let of = |(name, found): (&'static str, Option<Findings>)| match found {
            None => Check::not_applicable(name, "no component has one"),
            Some(found) => Check::of(name, found),
        };
        let (programs, refused) = self.programs.check();
        let mut checks: Vec<Check> = NAMES.into_iter().zip(self.found).map(of).collect();
        checks.push(programs);
        (checks, self.jobs.check(), refused)
    }
}

/// What is kept of a Bom, which itself takes more room.
fn comparison<R: Read + Seek>(
    package: &PackageFacts,
    data: &TocData,
    input: &mut R,
) -> Result<Comparison, String> {
    let bytes = package.archive.content(input, "Bom", data, BOM_MAX).map_err(|error| causes(&error))?;
    Comparison::new(&Bom::read(&bytes).map_err(|error| causes(&error))?)
}

/// numberOfFiles and installKBytes, which pkgbuild makes of the Bom's paths and of the
/// sizes in blocks. Other tools count and round otherwise, and Installer takes them for
/// an estimate of the space that is needed, so they are never a fault.
fn counts(facts: &ComponentFacts, counts: &[(&str, Count)], has_apple_double: bool, found: &mut Findings) {
    let Some(info) = &facts.package_info else {
        return found.fault("it has no PackageInfo");
    };
    let (files, size) = (info.number_of_files.unwrap_or(0), info.install_kbytes.unwrap_or(0));
    for (place, count) in counts {
        if files != count.files {
            found.note(format!("PackageInfo says {files} files, and the {place} has {}", count.files));
        }
        // AppleDouble files have two sizes; which of them pkgbuild took is not known.
        let is_other_ones = has_apple_double && counts.iter().any(|(_, other)| size == other.kbytes());
        if size != count.kbytes() && !is_other_ones {
            let kbytes = count.kbytes();
            found.note(format!("PackageInfo says {size} KiB, and the files of the {place} take {kbytes}"));
        }
    }
}

/// A path in a component, as findings name it.
fn placed(facts: &ComponentFacts, path: &str) -> String {
    match facts.folder.as_str() {
        "" => format!("{path:?}"),
        folder => format!("{folder}: {path:?}"),
    }
}

fn scripts<R: Read + Seek>(
    package: &PackageFacts,
    facts: &ComponentFacts,
    input: &mut R,
    trust: &[CapturedX509Certificate],
    programs: &mut Programs<'_>,
) -> Findings {
    let mut found = Findings::default();
    let Some(data) = &facts.scripts else {
        found.fault("PackageInfo names scripts, but the package has none");
        return found;
    };
    let hooks = hooks(facts);
    let is_hook = |path: &str| hooks.contains(path.trim_start_matches("./"));
    // Of two with the same path, the first counts.
    let mut there = BTreeMap::new();
    let look = Look { kept: is_hook, code: Some(trust) };
    let read = each_entry(package, input, "Scripts", data, look, |Found { entry, code }| {
        if let Some(code) = code {
            programs.add(&format!("Scripts: {}", placed(facts, &entry.path)), &code);
        }
        if is_hook(&entry.path) {
            let runs = entry.is_file() && entry.mode & 0o100 != 0;
            let begins = |content: &Vec<u8>| content.starts_with(b"#!") || is_program(content);
            let is_script = entry.content.as_ref().is_none_or(begins);
            let name = entry.path.trim_start_matches("./").to_owned();
            there.entry(name).or_insert((runs, entry.mode, is_script));
        }
        Ok(())
    });
    match read {
        Ok(read) => found.append(read),
        Err(fault) => {
            found.fault(format!("Scripts: {fault}"));
            return found;
        }
    }
    for hook in &hooks {
        if found.are_many() {
            break;
        }
        let Some((runs, mode, is_script)) = there.get(hook) else {
            found.fault(format!("{hook:?} is named in PackageInfo but missing"));
            continue;
        };
        if !runs {
            found.fault(format!("{hook:?} cannot be run: its mode is {mode:o}"));
        }
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
