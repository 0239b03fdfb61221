//! A repository for dnf and zypper: `repodata/`.
//!
//! ```text
//! repodata/primary.xml.gz    what each package is, needs and provides
//!          filelists.xml.gz  its files
//!          other.xml.gz      what changed
//!          repomd.xml        sums and sizes of the three
//! ```
//!
//! Must not know: the disk. Sources: createrepo_c's `src/xml_dump*.c` and
//! `src/parsehdr.c`.

use std::collections::BTreeSet;
use std::io;

use flatpkg::unpack::Budget;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::{ListError, ListFile, one_line, sound};
use crate::contents::{Contents, FileKind};
use crate::digest;
use crate::gzip::gzip;
use crate::rpm::{self, Relation, Start, relations, tag};

type Xml = Writer<Vec<u8>>;

/// A package in the lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    name: String,
    primary: Vec<u8>,
    filelists: Vec<u8>,
    other: Vec<u8>,
}

/// Lists a package that lies at `file`, a path in the repository, since `time`.
///
/// # Errors
/// [`ListError`]
pub fn entry(file: &str, bytes: &[u8], time: u32) -> Result<Entry, ListError> {
    one_line(file)?;
    let read = rpm::read(bytes, &Budget::of_package(bytes.len() as u64), &mut |_, _| Ok(()));
    let contents = sound(file, read)?;
    let start = Start::read(&mut { bytes });
    let start = start.map_err(|source| ListError::Read { file: file.to_owned(), source })?;
    let package =
        Package { file, bytes, time, start: &start, contents: &contents, id: digest::sha256(bytes) };
    package.check()?;
    Ok(Entry {
        name: contents.name.clone(),
        primary: package.primary()?,
        filelists: package.filelists()?,
        other: package.other()?,
    })
}

/// The repository's files.
///
/// # Errors
/// None in practice: everything is written into memory.
pub fn lists(entries: &[Entry], time: u32) -> Result<Vec<ListFile>, ListError> {
    const SPACE: &str = "http://linux.duke.edu/metadata";
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort();
    let rpm = ("xmlns:rpm", format!("{SPACE}/rpm"));
    let mut files = Vec::new();
    let mut repomd = document()?;
    repomd.write_event(Event::Start(with("repomd", &[("xmlns", format!("{SPACE}/repo")), rpm.clone()])))?;
    text(&mut repomd, "revision", &time.to_string())?;
    let parts = |part: fn(&Entry) -> &[u8]| entries.iter().map(|entry| part(entry)).collect::<Vec<_>>();
    for (kind, element, space, parts) in [
        ("primary", "metadata", "common", parts(|entry| &entry.primary)),
        ("filelists", "filelists", "filelists", parts(|entry| &entry.filelists)),
        ("other", "otherdata", "other", parts(|entry| &entry.other)),
    ] {
        let mut list = document()?;
        let mut attributes = vec![("xmlns", format!("{SPACE}/{space}"))];
        attributes.extend((kind == "primary").then(|| rpm.clone()));
        attributes.push(("packages", entries.len().to_string()));
        list.write_event(Event::Start(with(element, &attributes)))?;
        let mut plain = list.into_inner();
        parts.iter().for_each(|part| plain.extend_from_slice(part));
        plain.extend_from_slice(format!("\n</{element}>\n").as_bytes());
        let packed = gzip(&plain);
        let path = format!("repodata/{kind}.xml.gz");
        repomd.write_event(Event::Start(with("data", &[("type", kind.to_owned())])))?;
        let sum = [("type", "sha256".to_owned())];
        element_of(&mut repomd, "checksum", &sum, &digest::sha256(&packed))?;
        element_of(&mut repomd, "open-checksum", &sum, &digest::sha256(&plain))?;
        empty(&mut repomd, "location", &[("href", path.clone())])?;
        text(&mut repomd, "timestamp", &time.to_string())?;
        text(&mut repomd, "size", &packed.len().to_string())?;
        text(&mut repomd, "open-size", &plain.len().to_string())?;
        repomd.write_event(Event::End(BytesEnd::new("data")))?;
        files.push((path, packed));
    }
    repomd.write_event(Event::End(BytesEnd::new("repomd")))?;
    let mut repomd = repomd.into_inner();
    repomd.push(b'\n');
    files.push(("repodata/repomd.xml".to_owned(), repomd));
    Ok(files)
}

struct Package<'a> {
    file: &'a str,
    bytes: &'a [u8],
    time: u32,
    start: &'a Start,
    contents: &'a Contents,
    /// By which the lists know it: its digest.
    id: String,
}

impl Package<'_> {
    /// XML cannot carry every character.
    fn check(&self) -> Result<(), ListError> {
        let header = &self.start.header;
        let own = [
            ("summary", tag::SUMMARY),
            ("description", tag::DESCRIPTION),
            ("packager", tag::PACKAGER),
            ("licence", tag::LICENSE),
            ("URL", tag::URL),
            ("change", tag::CHANGE_TEXTS),
            ("change", tag::CHANGE_NAMES),
        ];
        let own = own.iter().flat_map(|(field, tag)| {
            let texts = header.texts(*tag).into_iter();
            texts.map(|text| (*field, String::from_utf8_lossy(text).into_owned()))
        });
        let others = self.contents.relations.iter().map(|(_, text)| ("relation", text.clone()));
        let paths = self.contents.files.iter().map(|file| ("path", file.path.clone()));
        let is_odd =
            |one: char| one.is_control() && !"\n\t".contains(one) || matches!(one, '\u{fffe}' | '\u{ffff}');
        match own.chain(others).chain(paths).find(|(_, text)| text.contains(is_odd)) {
            Some((field, text)) => Err(ListError::Text { file: self.file.to_owned(), field, text }),
            None => Ok(()),
        }
    }

    fn text(&self, tag: u32) -> String {
        self.start.header.text(tag).unwrap_or_default()
    }

    fn version(&self, xml: &mut Xml) -> io::Result<()> {
        let epoch = self.start.header.number(tag::EPOCH).unwrap_or_default();
        let version = [
            ("epoch", epoch.to_string()),
            ("ver", self.text(tag::VERSION)),
            ("rel", self.text(tag::RELEASE)),
        ];
        empty(xml, "version", &version)
    }

    fn primary(&self) -> io::Result<Vec<u8>> {
        let header = &self.start.header;
        let number = |tag| header.number(tag).unwrap_or_default().to_string();
        let mut xml = part();
        xml.write_event(Event::Start(with("package", &[("type", "rpm".to_owned())])))?;
        text(&mut xml, "name", &self.contents.name)?;
        text(&mut xml, "arch", &self.contents.architecture)?;
        self.version(&mut xml)?;
        let sum = [("type", "sha256".to_owned()), ("pkgid", "YES".to_owned())];
        element_of(&mut xml, "checksum", &sum, &self.id)?;
        for (name, tag) in [
            ("summary", tag::SUMMARY),
            ("description", tag::DESCRIPTION),
            ("packager", tag::PACKAGER),
            ("url", tag::URL),
        ] {
            text(&mut xml, name, &self.text(tag))?;
        }
        empty(&mut xml, "time", &[("file", self.time.to_string()), ("build", number(tag::BUILD_TIME))])?;
        let archive = self.start.signature.number(tag::SIG_PAYLOAD_SIZE).unwrap_or_default();
        let sizes = [
            ("package", self.bytes.len().to_string()),
            ("installed", number(tag::SIZE)),
            ("archive", archive.to_string()),
        ];
        empty(&mut xml, "size", &sizes)?;
        empty(&mut xml, "location", &[("href", self.file.to_owned())])?;
        xml.write_event(Event::Start(BytesStart::new("format")))?;
        for (name, tag) in [
            ("rpm:license", tag::LICENSE),
            ("rpm:vendor", tag::VENDOR),
            ("rpm:group", tag::GROUP),
            ("rpm:buildhost", tag::BUILD_HOST),
            ("rpm:sourcerpm", tag::SOURCE_RPM),
        ] {
            text(&mut xml, name, &self.text(tag))?;
        }
        let header_end = self.start.header_start + header.bytes.len() as u64;
        let range = [("start", self.start.header_start.to_string()), ("end", header_end.to_string())];
        empty(&mut xml, "rpm:header-range", &range)?;
        for (name, names, versions, flags) in [
            ("rpm:provides", tag::PROVIDE_NAMES, tag::PROVIDE_VERSIONS, tag::PROVIDE_FLAGS),
            ("rpm:requires", tag::REQUIRE_NAMES, tag::REQUIRE_VERSIONS, tag::REQUIRE_FLAGS),
            ("rpm:conflicts", tag::CONFLICT_NAMES, tag::CONFLICT_VERSIONS, tag::CONFLICT_FLAGS),
            ("rpm:obsoletes", tag::OBSOLETE_NAMES, tag::OBSOLETE_VERSIONS, tag::OBSOLETE_FLAGS),
            ("rpm:suggests", tag::SUGGEST_NAMES, tag::SUGGEST_VERSIONS, tag::SUGGEST_FLAGS),
            ("rpm:recommends", tag::RECOMMEND_NAMES, tag::RECOMMEND_VERSIONS, tag::RECOMMEND_FLAGS),
        ] {
            relation_list(&mut xml, name, &relations(header, names, versions, flags))?;
        }
        // Only these are looked for without the list of files.
        let is_primary =
            |path: &str| path.starts_with("etc/") || path.contains("bin/") || path == "usr/lib/sendmail";
        self.files(&mut xml, is_primary)?;
        xml.write_event(Event::End(BytesEnd::new("format")))?;
        xml.write_event(Event::End(BytesEnd::new("package")))?;
        Ok(xml.into_inner())
    }

    fn files(&self, xml: &mut Xml, is_listed: impl Fn(&str) -> bool) -> io::Result<()> {
        for file in self.contents.files.iter().filter(|file| is_listed(&file.path)) {
            let is_folder = file.kind == FileKind::Folder;
            let attributes = is_folder.then(|| ("type", "dir".to_owned()));
            element_of(xml, "file", attributes.as_slice(), &format!("/{}", file.path))?;
        }
        Ok(())
    }

    fn of_package(&self) -> io::Result<Xml> {
        let attributes = [
            ("pkgid", self.id.clone()),
            ("name", self.contents.name.clone()),
            ("arch", self.contents.architecture.clone()),
        ];
        let mut xml = part();
        xml.write_event(Event::Start(with("package", &attributes)))?;
        self.version(&mut xml)?;
        Ok(xml)
    }

    fn filelists(&self) -> io::Result<Vec<u8>> {
        let mut xml = self.of_package()?;
        self.files(&mut xml, |_| true)?;
        xml.write_event(Event::End(BytesEnd::new("package")))?;
        Ok(xml.into_inner())
    }

    /// The changes, the oldest first.
    fn other(&self) -> io::Result<Vec<u8>> {
        let header = &self.start.header;
        let texts =
            |tag| header.texts(tag).into_iter().map(|text| String::from_utf8_lossy(text).into_owned());
        let times = header.numbers(tag::CHANGE_TIMES);
        let changes: Vec<_> = texts(tag::CHANGE_NAMES).zip(times).zip(texts(tag::CHANGE_TEXTS)).collect();
        let mut xml = self.of_package()?;
        for ((author, time), change) in changes.into_iter().rev() {
            element_of(&mut xml, "changelog", &[("author", author), ("date", time.to_string())], &change)?;
        }
        xml.write_event(Event::End(BytesEnd::new("package")))?;
        Ok(xml.into_inner())
    }
}

/// Other packages, without what rpm itself has to know and without repetitions.
fn relation_list(xml: &mut Xml, name: &str, all: &[Relation]) -> io::Result<()> {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for one in all.iter().filter(|one| one.flags & tag::RPMLIB == 0) {
        let mut attributes = vec![("name", one.name.clone())];
        let sign = match one.flags & (tag::LESS | tag::GREATER | tag::EQUAL) {
            tag::LESS => "LT",
            tag::GREATER => "GT",
            tag::EQUAL => "EQ",
            flags if flags == tag::LESS | tag::EQUAL => "LE",
            flags if flags == tag::GREATER | tag::EQUAL => "GE",
            _ => "",
        };
        if !sign.is_empty() {
            let (epoch, rest) = one.version.split_once(':').unwrap_or(("0", &one.version));
            let (version, release) = match rest.split_once('-') {
                Some((version, release)) => (version, Some(release)),
                None => (rest, None),
            };
            attributes.push(("flags", sign.to_owned()));
            attributes.push(("epoch", epoch.to_owned()));
            attributes.push(("ver", version.to_owned()));
            attributes.extend(release.map(|release| ("rel", release.to_owned())));
        }
        if name == "rpm:requires" && one.flags & (tag::PRE_NEEDS | tag::POST_NEEDS) != 0 {
            attributes.push(("pre", "1".to_owned()));
        }
        if seen.insert(attributes.clone()) {
            entries.push(attributes);
        }
    }
    if entries.is_empty() {
        return Ok(());
    }
    xml.write_event(Event::Start(BytesStart::new(name)))?;
    for attributes in &entries {
        empty(xml, "rpm:entry", attributes)?;
    }
    xml.write_event(Event::End(BytesEnd::new(name)))
}

fn document() -> io::Result<Xml> {
    let mut xml = part();
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    Ok(xml)
}

/// A part of a document.
fn part() -> Xml {
    Writer::new_with_indent(Vec::new(), b' ', 2)
}

fn with<'a>(name: &'a str, attributes: &[(&str, String)]) -> BytesStart<'a> {
    let attributes = attributes.iter().map(|(name, value)| (*name, value.as_str()));
    BytesStart::new(name).with_attributes(attributes)
}

fn empty(xml: &mut Xml, name: &str, attributes: &[(&str, String)]) -> io::Result<()> {
    xml.write_event(Event::Empty(with(name, attributes)))
}

fn text(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    element_of(xml, name, &[], text)
}

fn element_of(xml: &mut Xml, name: &str, attributes: &[(&str, String)], text: &str) -> io::Result<()> {
    xml.write_event(Event::Start(with(name, attributes)))?;
    xml.write_event(Event::Text(BytesText::new(text)))?;
    xml.write_event(Event::End(BytesEnd::new(name)))
}
