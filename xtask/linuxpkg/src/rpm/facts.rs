//! What the tags of an `.rpm` say.
//!
//! Must not know: the payload.

use super::parse::Header;
use super::tag;
use crate::contents::{Contents, FILES_MAX, File, FileKind, Part, Script};

/// A file as the header has it.
#[derive(Debug)]
pub struct Stated {
    /// It.
    pub file: File,
    /// Its content's digest, of the header's algorithm.
    pub digest: Option<String>,
    /// Whether the payload has none of it.
    pub is_ghost: bool,
    /// Which file it is, where it has several paths.
    pub inode: (u64, u64),
}

/// Names, versions and flags of other packages, with what they are called.
const RELATIONS: [(&str, u32, u32, u32); 6] = [
    ("Requires", tag::REQUIRE_NAMES, tag::REQUIRE_VERSIONS, tag::REQUIRE_FLAGS),
    ("Recommends", tag::RECOMMEND_NAMES, tag::RECOMMEND_VERSIONS, tag::RECOMMEND_FLAGS),
    ("Suggests", tag::SUGGEST_NAMES, tag::SUGGEST_VERSIONS, tag::SUGGEST_FLAGS),
    ("Conflicts", tag::CONFLICT_NAMES, tag::CONFLICT_VERSIONS, tag::CONFLICT_FLAGS),
    ("Obsoletes", tag::OBSOLETE_NAMES, tag::OBSOLETE_VERSIONS, tag::OBSOLETE_FLAGS),
    ("Provides", tag::PROVIDE_NAMES, tag::PROVIDE_VERSIONS, tag::PROVIDE_FLAGS),
];

/// Scripts with what runs them; triggers have lists of each.
const SCRIPTS: [(&str, u32, Option<u32>); 11] = [
    ("%pretrans", tag::PRETRANS, Some(tag::PRETRANS_PROGRAM)),
    ("%pre", tag::PRE, Some(tag::PRE_PROGRAM)),
    ("%post", tag::POST, Some(tag::POST_PROGRAM)),
    ("%preun", tag::PREUN, Some(tag::PREUN_PROGRAM)),
    ("%postun", tag::POSTUN, Some(tag::POSTUN_PROGRAM)),
    ("%posttrans", tag::POSTTRANS, Some(tag::POSTTRANS_PROGRAM)),
    ("%preuntrans", tag::PREUNTRANS, None),
    ("%postuntrans", tag::POSTUNTRANS, None),
    ("%trigger", tag::TRIGGER_SCRIPTS, None),
    ("%filetrigger", tag::FILE_TRIGGER_SCRIPTS, None),
    ("%transfiletrigger", tag::TRANS_FILE_TRIGGER_SCRIPTS, None),
];

/// Signatures, in words.
pub fn signatures(signature: &Header) -> Vec<String> {
    [
        (tag::SIG_RSA, "over the header (RSA)"),
        (tag::SIG_DSA, "over the header (DSA, ECDSA or EdDSA)"),
        (tag::SIG_OPENPGP, "over the header"),
        (tag::SIG_PGP, "over header and payload (RSA)"),
        (tag::SIG_GPG, "over header and payload (DSA)"),
    ]
    .into_iter()
    .filter(|(tag, _)| signature.has(*tag))
    .map(|(_, what)| format!("OpenPGP {what}"))
    .collect()
}

/// Takes what packages of all formats have out of the header.
pub fn describe(header: &Header, contents: &mut Contents) {
    let text = |tag| header.text(tag).filter(|text| !text.is_empty());
    contents.name = text(tag::NAME).unwrap_or_default();
    contents.architecture = text(tag::ARCH).unwrap_or_default();
    let version = text(tag::VERSION).unwrap_or_default();
    let release = text(tag::RELEASE).unwrap_or_default();
    contents.version = format!("{}{version}-{release}", epoch(header));
    contents.maintainer = text(tag::PACKAGER).or_else(|| text(tag::VENDOR));
    contents.summary = text(tag::SUMMARY);
    contents.license = text(tag::LICENSE);
    contents.homepage = text(tag::URL);
    for (name, tag) in [
        ("name", tag::NAME),
        ("version", tag::VERSION),
        ("release", tag::RELEASE),
        ("architecture", tag::ARCH),
        ("operating system", tag::OS),
    ] {
        if text(tag).is_none() {
            contents.field_findings.lie("header", format!("has no {name}"));
        }
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    if !contents.name.bytes().all(is_name) {
        contents.field_findings.lie("name", format!("is {:.200?}, which rpm does not take", contents.name));
    }
    for (kind, names, versions, flags) in RELATIONS {
        let rows = relations(header, names, versions, flags);
        contents.relations.extend(rows.into_iter().map(|one| (kind.to_owned(), one.to_string())));
    }
    for (name, tag, program) in SCRIPTS {
        for text in header.texts(tag) {
            contents.scripts.push(Script {
                name: name.to_owned(),
                program: program.and_then(|tag| header.text(tag)),
                text: String::from_utf8_lossy(text).into_owned(),
            });
        }
        // A program without a script is one that runs, such as ldconfig.
        if let Some(program) = program.filter(|_| !header.has(tag)).and_then(|tag| header.text(tag)) {
            let program = Some(program);
            contents.scripts.push(Script { name: name.to_owned(), program, text: String::new() });
        }
    }
}

fn epoch(header: &Header) -> String {
    header.number(tag::EPOCH).map(|epoch| format!("{epoch}:")).unwrap_or_default()
}

/// Another package, as a header names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name, a file or a capability.
    pub name: String,
    /// What its version has to be, with [`flags`](Self::flags); may be empty.
    pub version: String,
    /// Less, greater, equal, and what it is needed for.
    pub flags: u32,
}

impl std::fmt::Display for Relation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        let signs = [(tag::LESS, "<"), (tag::GREATER, ">"), (tag::EQUAL, "=")];
        let sign: String =
            signs.iter().filter(|(flag, _)| self.flags & flag != 0).map(|(_, sign)| *sign).collect();
        if sign.is_empty() { Ok(()) } else { write!(formatter, " {sign} {}", self.version) }
    }
}

/// The rows of three tags.
pub fn relations(header: &Header, names: u32, versions: u32, flags: u32) -> Vec<Relation> {
    let (versions, flags) = (header.texts(versions), header.numbers(flags));
    let names = header.texts(names).into_iter().enumerate();
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    names
        .map(|(at, name)| Relation {
            name: text(name),
            version: versions.get(at).map(|version| text(version)).unwrap_or_default(),
            flags: flags.get(at).copied().unwrap_or_default() as u32,
        })
        .collect()
}

/// The list of files.
///
/// # Errors
/// Where its parts do not fit together.
pub fn files(header: &Header) -> Result<Vec<Stated>, String> {
    let (names, folders) = (header.texts(tag::BASE_NAMES), header.texts(tag::FOLDER_NAMES));
    let indexes = header.numbers(tag::FOLDER_INDEXES);
    let count = names.len();
    if count == 0 && header.has(tag::BASE_NAMES) {
        return Err(format!("it has more than {FILES_MAX} names"));
    }
    let modes = header.numbers(tag::FILE_MODES);
    let times = header.numbers(tag::FILE_TIMES);
    let mut sizes = header.numbers(tag::FILE_SIZES);
    if sizes.is_empty() {
        sizes = header.numbers(tag::LONG_FILE_SIZES);
    }
    let (digests, links) = (header.texts(tag::FILE_DIGESTS), header.texts(tag::FILE_LINKS));
    let (users, groups) = (header.texts(tag::FILE_USERS), header.texts(tag::FILE_GROUPS));
    let flags = header.numbers(tag::FILE_FLAGS);
    let (devices, inodes) = (header.numbers(tag::FILE_DEVICES), header.numbers(tag::FILE_INODES));
    let lengths =
        [indexes.len(), modes.len(), times.len(), sizes.len(), users.len(), groups.len(), flags.len()];
    if lengths.iter().any(|length| *length != count) {
        return Err("not every file has every property".to_owned());
    }
    let text = |texts: &[&[u8]], at: usize| {
        texts.get(at).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    let mut files = Vec::with_capacity(count);
    let mut text_len = 0;
    for (at, name) in names.iter().enumerate() {
        let folder = usize::try_from(indexes[at]).ok().and_then(|index| folders.get(index));
        let folder = folder.ok_or("a file lies in a folder that is missing")?;
        let path = [*folder, name].concat();
        text_len += path.len();
        if text_len > crate::contents::PATHS_MAX {
            return Err(format!("its paths have more than {} bytes", crate::contents::PATHS_MAX));
        }
        let path = String::from_utf8_lossy(&path).into_owned();
        let mode = modes[at] as u32;
        files.push(Stated {
            file: File {
                part: Part::Content,
                path: path.strip_prefix('/').unwrap_or(&path).to_owned(),
                kind: match mode & flatpkg::payload::TYPE_MASK {
                    flatpkg::cpio::TYPE_FILE => FileKind::File,
                    flatpkg::cpio::TYPE_DIRECTORY => FileKind::Folder,
                    flatpkg::cpio::TYPE_SYMLINK => FileKind::Link(text(&links, at)),
                    0o020_000 => FileKind::Special("character device"),
                    0o060_000 => FileKind::Special("block device"),
                    0o010_000 => FileKind::Special("named pipe"),
                    _ => FileKind::Special("thing of an unknown kind"),
                },
                mode: mode & 0o7777,
                user: text(&users, at),
                group: text(&groups, at),
                size: sizes[at],
                time: times[at] as i64,
                digests: Vec::new(),
            },
            digest: Some(text(&digests, at)).filter(|digest| !digest.is_empty()),
            is_ghost: flags[at] as u32 & tag::FILE_IS_GHOST != 0,
            inode: (
                devices.get(at).copied().unwrap_or_default(),
                inodes.get(at).copied().unwrap_or(at as u64),
            ),
        });
    }
    Ok(files)
}
