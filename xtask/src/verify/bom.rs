//! A Bom, held against the Payload that it lists, entry by entry.
//!
//! Of a path's record is kept what is compared, so that the Bom itself, the most of it
//! zeros and numbers of blocks, is gone before the Payload is unpacked. A path is found by
//! its hash, made of its folder's hash and its name with a key of this run: nobody can
//! make two paths that have the same.
//!
//! Must not know: how the Payload is read.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use flatpkg::bom::{Bom, PATH_MAX, PathFacts};
use flatpkg::cpio::TYPE_DIRECTORY;

use super::Findings;
use super::payload::{Entry, TYPE_MASK, is_apple_double};

/// Most bytes of a Bom's names and links, each path's own: 24 for each of a million.
const NAMES_ALL_MAX: usize = 24 << 20;
/// Most owners of a Bom's paths, users with their groups; a package has two or three.
const OWNERS_MAX: usize = 1000;
/// The folder of the root, which has none.
const ROOT: u32 = u32::MAX;
/// The folder of a path whose folder is not there.
const LOST: u32 = u32::MAX - 1;
/// The hash of a path that was not looked at yet.
const UNKNOWN: u64 = 0;
/// The hash of a path that lies in no folder.
const NOWHERE: u64 = 1;

/// What several names of one file share: device and inode.
type Linked = (u32, u32);

/// What is compared of a path's record: 32 bytes, for there can be a million of them.
struct Record {
    hash: u64,
    /// The record of its folder, [`ROOT`] or [`LOST`].
    folder: u32,
    size: u32,
    checksum: u32,
    /// Where its name is among all names; a link's target follows it, then the next name.
    name: u32,
    target_len: u16,
    mode: u16,
    /// Which of the owners.
    owner: u16,
    has_checksum: bool,
    /// Whether the Payload has it too, or it need not.
    seen: bool,
}

impl Record {
    fn is_directory(&self) -> bool {
        u32::from(self.mode) & TYPE_MASK == TYPE_DIRECTORY
    }
}

/// A Bom, and what was found of it so far.
pub struct Comparison {
    records: Vec<Record>,
    names: Vec<u8>,
    /// User and group of all that there are.
    owners: Vec<(u32, u32)>,
    /// Records by their hash, each at the first free place from there on; 0 is a free place,
    /// and a record's number counts from 1.
    table: Vec<u32>,
    key: RandomState,
    /// The folder of the entry before, and its hash.
    folder: (String, u64),
    /// Size and checksum of files with several names, which one of their entries has.
    content: HashMap<Linked, (u64, Option<u32>)>,
    /// The records of such files.
    linked: Vec<(u32, Linked)>,
    found: Findings,
}

impl Comparison {
    /// Begins with what is wrong with the Bom in itself.
    ///
    /// # Errors
    /// Why it is not listed.
    pub fn new(bom: &Bom<'_>) -> Result<Self, String> {
        let mut found = Findings::default();
        if bom.version != 1 {
            found.fault(format!("its version is {}; packages have version 1", bom.version));
        }
        if let Some(position) = bom.first_out_of_order {
            found.fault(format!("path {} is out of order, where lsbom would stop", position + 1));
        }
        if bom.stated_paths as usize != bom.count() {
            found.note(format!("it says {} paths, and has {}", bom.stated_paths, bom.count()));
        }
        let mut this = Self {
            records: Vec::with_capacity(bom.count()),
            names: Vec::new(),
            owners: Vec::new(),
            table: vec![0; (2 * bom.count()).next_power_of_two()],
            key: RandomState::new(),
            folder: (String::new(), UNKNOWN),
            content: HashMap::new(),
            linked: Vec::new(),
            found,
        };
        // A folder's paths come one after the other.
        let mut last = None;
        for facts in bom.paths() {
            let folder = match last {
                Some((parent, folder)) if parent == facts.parent => folder,
                _ if facts.parent == 0 => ROOT,
                _ => bom.position(facts.parent).map_or(LOST, |position| position as u32),
            };
            last = Some((facts.parent, folder));
            this.keep(&facts, folder)?;
        }
        for index in 0..this.records.len() {
            this.list(index);
        }
        Ok(this)
    }

    fn keep(&mut self, facts: &PathFacts<'_>, folder: u32) -> Result<(), String> {
        let target = facts.link_target.unwrap_or_default();
        let name = self.names.len();
        self.names.extend_from_slice(facts.name);
        self.names.extend_from_slice(target);
        if self.names.len() > NAMES_ALL_MAX {
            return Err(format!("its names and links have more than {NAMES_ALL_MAX} bytes"));
        }
        let owner = (facts.uid, facts.gid);
        // The last one first: paths with the same owner come one after the other.
        let known = self.owners.iter().rposition(|one| *one == owner);
        let position = known.unwrap_or(self.owners.len());
        if known.is_none() {
            self.owners.push(owner);
        }
        if position >= OWNERS_MAX {
            return Err(format!("its paths have more than {OWNERS_MAX} owners"));
        }
        self.records.push(Record {
            hash: UNKNOWN,
            folder,
            size: facts.size,
            checksum: facts.checksum.unwrap_or_default(),
            name: name as u32,
            // Both are within NAME_MAX.
            target_len: target.len() as u16,
            mode: facts.mode,
            owner: position as u16,
            has_checksum: facts.checksum.is_some(),
            seen: false,
        });
        Ok(())
    }

    /// Puts a record where its hash leads to.
    fn list(&mut self, index: usize) {
        let hash = self.hash_of(index);
        if hash == NOWHERE {
            // Not to be missed in the Payload as well.
            self.records[index].seen = true;
            if !self.found.are_many() {
                self.found.fault(format!("path {} lies in no folder", index + 1));
            }
            return;
        }
        let (place, there) = self.look_up(hash);
        if there.is_none() {
            self.table[place] = index as u32 + 1;
        } else {
            self.records[index].seen = true;
            if !self.found.are_many() {
                self.found.fault(format!("{:?} is there twice", self.path(index)));
            }
        }
    }

    /// The hash of a record's path. What lies below itself lies nowhere.
    fn hash_of(&mut self, index: usize) -> u64 {
        let mut open = Vec::new();
        let mut at = index as u32;
        let mut hash = loop {
            match at {
                ROOT => break UNKNOWN,
                LOST => break NOWHERE,
                _ if open.len() > PATH_MAX => break NOWHERE,
                _ => {}
            }
            let record = &self.records[at as usize];
            if record.hash != UNKNOWN {
                break record.hash;
            }
            open.push(at);
            at = record.folder;
        };
        while let Some(at) = open.pop() {
            if hash != NOWHERE {
                hash = below(&self.key, hash, self.name(at as usize));
            }
            self.records[at as usize].hash = hash;
        }
        hash
    }

    /// Where in the table a hash is or would be, and its record.
    fn look_up(&self, hash: u64) -> (usize, Option<usize>) {
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            match self.table[place] {
                0 => return (place, None),
                number if self.records[number as usize - 1].hash == hash => {
                    return (place, Some(number as usize - 1));
                }
                _ => place = (place + 1) & mask,
            }
        }
    }

    /// The record of a path in the Payload.
    fn find(&mut self, path: &str) -> Option<usize> {
        let (folder, name) = path.rsplit_once('/').map_or((None, path), |(above, name)| (Some(above), name));
        let above = match folder {
            None => UNKNOWN,
            Some(folder) if folder == self.folder.0 => self.folder.1,
            Some(folder) => {
                let hash =
                    folder.split('/').fold(UNKNOWN, |hash, part| below(&self.key, hash, part.as_bytes()));
                self.folder = (folder.to_owned(), hash);
                hash
            }
        };
        self.look_up(below(&self.key, above, name.as_bytes())).1
    }

    /// A record's name, and where the link leads, if it is one.
    fn texts(&self, index: usize) -> (&[u8], &[u8]) {
        let record = &self.records[index];
        let end = self.records.get(index + 1).map_or(self.names.len(), |next| next.name as usize);
        self.names[record.name as usize..end]
            .split_at(end - record.name as usize - usize::from(record.target_len))
    }

    fn name(&self, index: usize) -> &[u8] {
        self.texts(index).0
    }

    /// A record's path, for people: the end of it, if it is long.
    fn path(&self, index: usize) -> String {
        let mut names = Vec::new();
        let mut length = 0;
        let mut at = index as u32;
        while !matches!(at, ROOT | LOST) {
            let name = self.name(at as usize);
            length += name.len() + 1;
            if length > PATH_MAX {
                names.push("…".as_bytes());
                break;
            }
            names.push(name);
            at = self.records[at as usize].folder;
        }
        names.reverse();
        String::from_utf8_lossy(&names.join(&b'/')).into_owned()
    }

    fn is_root(&self, index: usize) -> bool {
        self.records[index].folder == ROOT && self.name(index) == b"."
    }

    /// How many paths the Bom has.
    pub fn files(&self) -> u64 {
        self.records.len() as u64
    }

    /// Blocks of all its paths, as [`blocks`] counts them.
    pub fn blocks(&self) -> u64 {
        let parts = self.records.iter().enumerate().filter(|(index, _)| !self.is_root(*index));
        parts.map(|(_, record)| blocks(record.is_directory(), record.size.into())).sum()
    }

    /// Holds an entry of the Payload against its record.
    pub fn add(&mut self, entry: &Entry) {
        if self.found.are_many() {
            return;
        }
        let path = entry.path.as_str();
        let Some(index) = self.find(path) else {
            return self.found.fault(format!("{path:?} is in the Payload but not in the Bom"));
        };
        self.records[index].seen = true;
        let record = &self.records[index];
        // Older tools left the root's record empty.
        if path == "." && record.mode == 0 {
            return;
        }
        let (mode, owner) = (u32::from(record.mode), self.owners[usize::from(record.owner)]);
        if !is_apple_double(path) && mode != entry.mode {
            differs(&mut self.found, path, "mode", format!("{mode:o}"), format!("{:o}", entry.mode));
        }
        if owner != (entry.uid, entry.gid) {
            let [listed, found] = [owner, (entry.uid, entry.gid)].map(|(uid, gid)| format!("{uid}:{gid}"));
            differs(&mut self.found, path, "owner", listed, found);
        }
        if !entry.is_directory() && !is_apple_double(path) {
            match entry.hard_link {
                None => self.compare_content(path, index, (entry.size, entry.checksum)),
                Some(linked) => {
                    if entry.size > 0 {
                        self.content.insert(linked, (entry.size, entry.checksum));
                    }
                    self.linked.push((index as u32, linked));
                }
            }
        }
        if let Some(link) = &entry.link {
            let target = String::from_utf8_lossy(self.texts(index).1);
            let target = target.trim_end_matches('\0');
            if target != link {
                let (listed, found) = (format!("{target:?}"), format!("{link:?}"));
                differs(&mut self.found, path, "link", listed, found);
            }
        }
    }

    fn compare_content(&mut self, path: &str, index: usize, (size, checksum): (u64, Option<u32>)) {
        let record = &self.records[index];
        // The record has 32 bits for it.
        let size = size & u64::from(u32::MAX);
        if u64::from(record.size) != size {
            differs(&mut self.found, path, "size", record.size.to_string(), size.to_string());
        }
        if let Some(checksum) =
            checksum.filter(|checksum| record.has_checksum && record.checksum != *checksum)
        {
            let listed = record.checksum.to_string();
            differs(&mut self.found, path, "checksum", listed, checksum.to_string());
        }
    }

    /// What was found; `is_whole` says that the whole Payload was added.
    pub fn finish(mut self, is_whole: bool) -> Findings {
        if !is_whole {
            return self.found;
        }
        for (index, linked) in std::mem::take(&mut self.linked) {
            if self.found.are_many() {
                break;
            }
            let content = self.content.get(&linked).copied().unwrap_or_default();
            let path = self.path(index as usize);
            self.compare_content(&path, index as usize, content);
        }
        for index in 0..self.records.len() {
            if self.found.are_many() {
                break;
            }
            // Archives that were made by hand begin below the root.
            if !self.records[index].seen && !self.is_root(index) {
                let path = self.path(index);
                self.found.fault(format!("{path:?} is in the Bom but not in the Payload"));
            }
        }
        self.found
    }
}

fn differs(found: &mut Findings, path: &str, what: &str, in_bom: String, in_payload: String) {
    found.fault(format!("{path:?}: {what} is {in_bom} in the Bom and {in_payload} in the Payload"));
}

/// The hash of a path: its folder's, and its name.
fn below(key: &RandomState, folder: u64, name: &[u8]) -> u64 {
    key.hash_one((folder, name)).max(NOWHERE + 1)
}

/// Blocks of 512 bytes, as pkgbuild counts them: one for a folder.
pub fn blocks(is_directory: bool, size: u64) -> u64 {
    if is_directory { 1 } else { size.div_ceil(512) }
}
