//! What a component holds: its payload, its scripts and its jobs, as a listing shows them.
//!
//! A package of a few megabytes can have millions of paths. What is shown has a limit, for
//! all components together; beyond it things are counted, and the listing says so.
//!
//! Must not know: whether any of it is sound, how it is printed.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use flatpkg::component::{ComponentFacts, PackageInfo};
use flatpkg::product::PackageFacts;
use flatpkg::xml::Element;
use serde::Serialize;

use crate::verify::code::Code;
use crate::verify::component::SET_ID;
use crate::verify::jobs::is_kept;
use crate::verify::jobs::{self, Job};
use crate::verify::payload::{Entry, Found, Look, each_entry, hooks};

use super::code::Program;

/// How many paths of payloads and scripts are shown.
const PATHS_SHOWN_MAX: usize = 100_000;
/// How many jobs, how many programs, how many of those with the set-user-ID bit, and how many faults
/// are shown.
const SHOWN_MAX: usize = 1000;
/// How many bytes names, links, jobs and texts of scripts may have that are shown.
const BYTES_SHOWN_MAX: usize = 32 << 20;

/// A component.
#[derive(Debug, Serialize)]
pub struct Component {
    /// Its folder in the product.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// Identifier of its receipt.
    pub identifier: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Where it is installed.
    pub install_location: Option<String>,
    /// How many paths the payload has.
    pub paths: u64,
    /// The paths of the payload; all of them, unless `left_out` says otherwise.
    pub payload: Vec<Entry>,
    /// The scripts and what they bring along.
    pub scripts: Vec<Script>,
    /// Who Installer asks for: `root` or nobody, as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// What is asked for after it is installed: `logout`, `restart`, `shutdown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postinstall_action: Option<String>,
    /// Bundles that are installed where another of their kind is found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relocatable: Vec<String>,
    /// Programs that run as their owner or group, whoever starts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_id: Vec<String>,
    /// The jobs that it gives to launchd.
    pub jobs: Vec<Job>,
    /// Programs and libraries, with who signed them and what they are allowed to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<Program>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// What is there and too much to be shown, with its number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A file among the scripts.
#[derive(Debug, Serialize)]
pub struct Script {
    /// Its name.
    pub path: String,
    /// File type and permissions.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Whether Installer runs it.
    pub runs: bool,
    /// As whom, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_as: Option<&'static str>,
    /// Its text, where that was asked for and it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What may still be shown of a package.
pub struct Room {
    paths: usize,
    jobs: usize,
    set_id: usize,
    faults: usize,
    code: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        let [jobs, set_id, faults, code] = [SHOWN_MAX; 4];
        Self { paths: PATHS_SHOWN_MAX, jobs, set_id, faults, code, bytes: BYTES_SHOWN_MAX }
    }
}

impl Room {
    /// Takes one of what `left` counts, with its bytes; whether there was room.
    fn take(&mut self, left: fn(&mut Self) -> &mut usize, bytes: usize) -> bool {
        let has_room = *left(self) > 0 && self.bytes >= bytes;
        if has_room {
            *left(self) -= 1;
            self.bytes -= bytes;
        }
        has_room
    }
}

/// What is collected of a component.
struct Collected<'room> {
    room: &'room mut Room,
    paths: u64,
    payload: Vec<Entry>,
    scripts: Vec<Entry>,
    jobs: Vec<Job>,
    set_id: Vec<String>,
    code: Vec<Program>,
    unreadable: Vec<String>,
    /// How many there are of what is not shown.
    left_out: BTreeMap<&'static str, u64>,
}

impl Collected<'_> {
    /// An entry of the payload.
    fn add(&mut self, mut entry: Entry) {
        self.paths += 1;
        if jobs::is_property_list(&entry) {
            match jobs::read(&entry) {
                Ok(job) if self.room.take(|room| &mut room.jobs, size(&entry)) => self.jobs.push(job),
                Ok(_) => self.leave_out("jobs of launchd"),
                Err(fault) => self.unreadable(format!("{}: {fault}", entry.path)),
            }
        }
        if entry.is_file() && entry.mode & SET_ID != 0 {
            if self.room.take(|room| &mut room.set_id, entry.path.len()) {
                self.set_id.push(entry.path.clone());
            } else {
                self.leave_out("programs with the set-user-ID bit");
            }
        }
        entry.content = None;
        if self.room.take(|room| &mut room.paths, size(&entry)) {
            self.payload.push(entry);
        } else {
            self.leave_out("paths of the payload, which --paths lists");
        }
    }

    /// An entry of the scripts.
    fn add_script(&mut self, mut entry: Entry, texts: bool) {
        if entry.is_directory() {
            return;
        }
        if !texts {
            entry.content = None;
        }
        if self.room.take(|room| &mut room.paths, size(&entry)) {
            self.scripts.push(entry);
        } else {
            self.leave_out("scripts and files beside them");
        }
    }

    /// A program.
    fn add_code(&mut self, archive: &'static str, entry: &Entry, code: Result<Code, String>) {
        match code {
            Err(fault) => self.unreadable(format!("{}: {fault}", entry.path)),
            Ok(code) => {
                let program = Program::new(archive, &entry.path, &code);
                if self.room.take(|room| &mut room.code, program.size()) {
                    self.code.push(program);
                } else {
                    self.leave_out("programs and libraries");
                }
            }
        }
    }

    fn unreadable(&mut self, fault: String) {
        if self.room.take(|room| &mut room.faults, fault.len()) {
            self.unreadable.push(fault);
        } else {
            self.leave_out("things that could not be read");
        }
    }

    fn leave_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }
}

/// How many bytes of an entry would be kept.
fn size(entry: &Entry) -> usize {
    let [link, content] = [entry.link.as_ref().map(String::len), entry.content.as_ref().map(Vec::len)];
    entry.path.len() + link.unwrap_or(0) + content.unwrap_or(0)
}

/// Reads a component; the scripts' text with `texts`.
pub fn component<R: Read + Seek>(
    package: &PackageFacts,
    facts: &ComponentFacts,
    input: &mut R,
    texts: bool,
    room: &mut Room,
) -> Component {
    let mut collected = Collected {
        room,
        paths: 0,
        payload: Vec::new(),
        scripts: Vec::new(),
        jobs: Vec::new(),
        set_id: Vec::new(),
        code: Vec::new(),
        unreadable: Vec::new(),
        left_out: BTreeMap::new(),
    };
    // Scripts first: they are few, and what runs is to be shown before what lies there.
    for (what, data) in [("Scripts", &facts.scripts), ("Payload", &facts.payload)] {
        let Some(data) = data else { continue };
        let is_payload = what == "Payload";
        let kept = |path: &str| if is_payload { is_kept(path) } else { texts };
        let look = Look { kept, code: Some(&[]) };
        let read = each_entry(package, input, what, data, look, |Found { entry, code }| {
            if let Some(code) = code {
                collected.add_code(what, &entry, code);
            }
            if is_payload {
                collected.add(entry);
            } else {
                collected.add_script(entry, texts);
            }
            Ok(())
        });
        if let Err(fault) = read {
            collected.unreadable(format!("{what}: {fault}"));
        }
    }
    let info = facts.package_info.as_ref();
    let text = |field: fn(&PackageInfo) -> &Option<String>| field(info?).clone();
    let document = info.map(|info| &info.document);
    let attribute = |name: &str| document.and_then(|document| document.attribute(name)).map(str::to_owned);
    let auth = attribute("auth");
    // Without it, or with another value, the product or the person who installs decides.
    let runs_as = if auth.as_deref().is_some_and(|auth| auth.eq_ignore_ascii_case("root")) {
        "root"
    } else {
        "root, or as the person who installs"
    };
    let hooks = hooks(facts);
    Component {
        folder: facts.folder.clone(),
        identifier: text(|info| &info.identifier),
        version: text(|info| &info.version),
        install_location: text(|info| &info.install_location),
        postinstall_action: attribute("postinstall-action").filter(|action| action != "none"),
        relocatable: document.map(relocatable).unwrap_or_default(),
        set_id: collected.set_id,
        auth,
        paths: collected.paths,
        payload: collected.payload,
        scripts: collected
            .scripts
            .into_iter()
            .map(|entry| (hooks.contains(entry.path.trim_start_matches("./")), entry))
            .map(|(runs, entry)| Script {
                runs,
                runs_as: runs.then_some(runs_as),
                path: entry.path,
                mode: entry.mode,
                size: entry.size,
                text: entry.content.and_then(|bytes| String::from_utf8(bytes).ok()),
            })
            .collect(),
        jobs: collected.jobs,
        code: collected.code,
        unreadable: collected.unreadable,
        left_out: collected.left_out.iter().map(|(what, count)| format!("{count} {what}")).collect(),
    }
}

/// The bundles of the element `relocate`; all, where the package says so of itself.
fn relocatable(document: &Element) -> Vec<String> {
    let bundles = document.all("relocate").flat_map(|relocate| relocate.all("bundle"));
    let mut found: Vec<String> =
        bundles.filter_map(|bundle| bundle.attribute("id").map(str::to_owned)).collect();
    if document.attribute("relocatable") == Some("true") {
        found.push("the whole payload".to_owned());
    }
    found
}
