//! A Bom, held against the Payload that it lists, entry by entry.
//!
//! Of a path a number is kept, so that a million of them fit into memory: its hash leads
//! to the Bom's record, and the path there is compared.
//!
//! Must not know: how the Payload is read.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use flatpkg::bom::{Bom, PATH_MAX, PathFacts};

use super::Findings;
use super::component::is_apple_double;
use super::payload::Entry;

/// Most bytes of a Bom's paths. Half a million of a hundred bytes is the most in sight.
const NAMES_ALL_MAX: usize = 128 << 20;

/// What several names of one file share: device and inode.
type Linked = (u32, u32);

/// A Bom, and what was found of it so far.
pub struct Comparison<'a> {
    bom: &'a Bom<'a>,
    by_hash: HashMap<u64, u32>,
    seen: Vec<bool>,
    /// Size and checksum of files with several names, which one of their entries has.
    content: HashMap<Linked, (u64, Option<u32>)>,
    /// The records of such files.
    linked: Vec<(u32, Linked)>,
    found: Findings,
}

impl<'a> Comparison<'a> {
    /// Begins with what is wrong with the Bom in itself.
    ///
    /// # Errors
    /// Why it is not listed.
    pub fn new(bom: &'a Bom<'a>) -> Result<Self, String> {
        let mut found = Findings::default();
        if bom.version != 1 {
            found.fault(format!("its version is {}; packages have version 1", bom.version));
        }
        if let Some(position) = bom.first_out_of_order {
            found.fault(format!("path {} is out of order, where lsbom would stop", position + 1));
        }
        if bom.stated_paths as usize != bom.paths.len() {
            found.note(format!("it says {} paths, and has {}", bom.stated_paths, bom.paths.len()));
        }
        let seen = vec![false; bom.paths.len()];
        let by_hash = HashMap::with_capacity(bom.paths.len());
        let mut this = Self { bom, by_hash, seen, content: HashMap::new(), linked: Vec::new(), found };
        let mut names_all = 0;
        for (index, facts) in bom.paths.iter().enumerate() {
            let path = bom.path(facts);
            // What leads nowhere was looked for as far as the longest path.
            names_all +=
                path.as_ref().map_or(PATH_MAX, String::len) + facts.link_target.map_or(0, <[u8]>::len);
            if names_all > NAMES_ALL_MAX {
                return Err(format!("its paths have more than {NAMES_ALL_MAX} bytes"));
            }
            match path {
                // Not to be missed in the Payload as well.
                None => this.seen[index] = true,
                Some(path) => {
                    let number = u32::try_from(index).map_err(|_| "it has too many paths")?;
                    if this.by_hash.insert(hash(&path), number).is_some() {
                        this.found.fault(format!("{path:?} is there twice"));
                    }
                    continue;
                }
            }
            this.found.fault(format!("path {} lies in no folder", facts.number));
        }
        Ok(this)
    }

    /// Blocks of all its paths, as [`blocks`] counts them.
    pub fn blocks(&self) -> u64 {
        let parts = self.bom.paths.iter().filter(|facts| !is_root(facts));
        parts.map(|facts| blocks(u32::from(facts.mode) & 0o170_000 == 0o040_000, facts.size.into())).sum()
    }

    /// Holds an entry of the Payload against its record.
    pub fn add(&mut self, entry: &Entry) {
        if self.found.are_many() {
            return;
        }
        let path = entry.path.as_str();
        let index = self.by_hash.get(&hash(path)).copied();
        let listed = index.map(|index| &self.bom.paths[index as usize]);
        let (Some(index), Some(listed)) =
            (index, listed.filter(|listed| self.bom.path(listed).as_deref() == Some(path)))
        else {
            return self.found.fault(format!("{path:?} is in the Payload and not in the Bom"));
        };
        self.seen[index as usize] = true;
        // Older tools left the root's record empty.
        if path == "." && listed.mode == 0 {
            return;
        }
        if !is_apple_double(path) {
            let mode = u32::from(listed.mode);
            self.differs(path, "mode", format_args!("{mode:o}"), format_args!("{:o}", entry.mode));
        }
        let owners =
            [(listed.uid, listed.gid), (entry.uid, entry.gid)].map(|(uid, gid)| format!("{uid}:{gid}"));
        self.differs(path, "owner", &owners[0], &owners[1]);
        if !entry.is_directory() && !is_apple_double(path) {
            match entry.hard_link {
                None => self.content(path, listed, (entry.size, entry.checksum)),
                Some(linked) => {
                    if entry.size > 0 {
                        self.content.insert(linked, (entry.size, entry.checksum));
                    }
                    self.linked.push((index, linked));
                }
            }
        }
        if let Some(link) = &entry.link {
            let target = listed.link_target.map(String::from_utf8_lossy).unwrap_or_default();
            self.differs(
                path,
                "link",
                format_args!("{:?}", target.trim_end_matches('\0')),
                format_args!("{link:?}"),
            );
        }
    }

    fn content(&mut self, path: &str, listed: &PathFacts<'_>, (size, checksum): (u64, Option<u32>)) {
        // The record has 32 bits for it.
        self.differs(path, "size", listed.size, size & u64::from(u32::MAX));
        if let (Some(listed), Some(checksum)) = (listed.checksum, checksum) {
            self.differs(path, "checksum", listed, checksum);
        }
    }

    fn differs(&mut self, path: &str, what: &str, in_bom: impl ToString, in_payload: impl ToString) {
        let (in_bom, in_payload) = (in_bom.to_string(), in_payload.to_string());
        if in_bom != in_payload {
            self.found
                .fault(format!("{path:?}: {what} is {in_bom} in the Bom and {in_payload} in the Payload"));
        }
    }

    /// What was found; `is_whole` says that the whole Payload was added.
    pub fn finish(mut self, is_whole: bool) -> Findings {
        if !is_whole {
            return self.found;
        }
        for (index, linked) in std::mem::take(&mut self.linked) {
            let content = self.content.get(&linked).copied().unwrap_or_default();
            let listed = &self.bom.paths[index as usize];
            let path = self.bom.path(listed).unwrap_or_default();
            self.content(&path, listed, content);
        }
        for (facts, _) in self.bom.paths.iter().zip(&self.seen).filter(|(_, seen)| !**seen) {
            // Archives that were made by hand begin below the root.
            if self.found.are_many() || is_root(facts) {
                continue;
            }
            let path = self.bom.path(facts).unwrap_or_default();
            self.found.fault(format!("{path:?} is in the Bom and not in the Payload"));
        }
        self.found
    }
}

fn is_root(facts: &PathFacts<'_>) -> bool {
    facts.parent == 0 && facts.name == b"."
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// Blocks of 512 bytes, as pkgbuild counts them: one for a folder.
pub fn blocks(is_directory: bool, size: u64) -> u64 {
    if is_directory { 1 } else { size.div_ceil(512) }
}
