//! Writes an `.rpm`.
//!
//! Must not know: the disk, keys. The package is signed by `rpmsign` afterwards.

use std::collections::BTreeMap;

use super::header::{self, Value};
use super::{LEAD_LEN, LEAD_MAGIC, tag};
use crate::error::Error;
use crate::gzip::gzip;
use crate::layout::{self, Item, Kind};
use crate::package::{Package, Relation};
use crate::text::wrapped;
use crate::{cpio, digest, license};

type Values = BTreeMap<u32, Value>;

const TYPE_FILE: u32 = flatpkg::cpio::TYPE_FILE;
const TYPE_FOLDER: u32 = flatpkg::cpio::TYPE_DIRECTORY;
const TYPE_LINK: u32 = flatpkg::cpio::TYPE_SYMLINK;
/// Longest name in the lead, with its NUL.
const LEAD_NAME_LEN: usize = 66;
/// Widest line of a description.
const WIDTH: usize = 76;
/// What runs scripts.
const SHELL: &str = "/bin/sh";
/// What rpm has to know to read such a package, with the version since which it does.
const RPMLIB: [(&str, &str); 3] = [
    ("rpmlib(CompressedFileNames)", "3.0.4-1"),
    ("rpmlib(FileDigests)", "4.6.0-1"),
    ("rpmlib(PayloadFilesHavePrefix)", "4.0-1"),
];

/// The file's name: `NAME-VERSION-RELEASE.noarch.rpm`.
pub fn file_name(package: &Package) -> String {
    format!("{}.noarch.rpm", full_name(package))
}

fn full_name(package: &Package) -> String {
    format!("{}-{}-{}", package.name, package.version, package.release)
}

/// The package's bytes.
///
/// # Errors
/// What an `.rpm` cannot hold.
pub fn write(package: &Package) -> Result<Vec<u8>, Error> {
    package.check()?;
    let license = license::entries(package);
    let items = layout::layout(package.files.iter().chain(&license))?;
    // Folders above are other packages'.
    let items: Vec<_> = items.into_iter().filter(|item| item.kind != Kind::Folder).collect();
    let plain = archive(&items, package.time);
    let payload = gzip(&plain);
    let header = header(package, &items, &plain, &payload)?;
    let size = layout::total("the package", [header.len() as u64, payload.len() as u64])?;
    let plain_len = layout::total("the package's content", [plain.len() as u64])?;
    let signature = signature(&header, size, plain_len);
    Ok([lead(package), signature, header, payload].concat())
}

/// Only its first bytes mean something; the rest is what rpmbuild writes.
fn lead(package: &Package) -> Vec<u8> {
    let mut lead = LEAD_MAGIC.to_vec();
    lead.extend([3, 0]);
    lead.extend([0, 0]);
    lead.extend([0, 1]);
    let name = full_name(package);
    lead.extend_from_slice(&name.as_bytes()[..name.len().min(LEAD_NAME_LEN - 1)]);
    lead.resize(LEAD_NAME_LEN + 10, 0);
    lead.extend([0, 1]);
    lead.extend([0, 5]);
    lead.resize(LEAD_LEN, 0);
    lead
}

fn signature(header: &[u8], size: u32, plain_len: u32) -> Vec<u8> {
    let values = Values::from([
        (tag::SIG_SHA1, Value::Text(digest::sha1(header))),
        (tag::SIG_SHA256, Value::Text(digest::sha256(header))),
        (tag::SIG_SIZE, Value::Int32(vec![size])),
        (tag::SIG_PAYLOAD_SIZE, Value::Int32(vec![plain_len])),
    ]);
    let mut signature = header::write(tag::SIGNATURE_REGION, &values);
    signature.resize(signature.len().next_multiple_of(8), 0);
    signature
}

fn archive(items: &[Item<'_>], time: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for (inode, item) in (1..).zip(items) {
        let name = format!("./{}", item.path);
        let content = match item.kind {
            Kind::File(content) => content,
            Kind::Link(target) => target.as_bytes(),
            Kind::OwnFolder | Kind::Folder => b"",
        };
        cpio::add(&mut out, &cpio::Entry { name: &name, inode, mode: mode(item), time, content });
    }
    cpio::finish(&mut out);
    out
}

fn mode(item: &Item<'_>) -> u32 {
    item.mode
        | match item.kind {
            Kind::File(_) => TYPE_FILE,
            Kind::Link(_) => TYPE_LINK,
            Kind::OwnFolder | Kind::Folder => TYPE_FOLDER,
        }
}

fn header(package: &Package, items: &[Item<'_>], plain: &[u8], payload: &[u8]) -> Result<Vec<u8>, Error> {
    let text = |text: &str| Value::Text(text.to_owned());
    let translated = |text: &str| Value::Translated(text.to_owned());
    let size = layout::total("the package's content", items.iter().map(Item::size))?;
    let mut values = Values::from([
        (tag::I18N_TABLE, Value::Texts(vec!["C".to_owned()])),
        (tag::NAME, text(&package.name)),
        (tag::VERSION, text(&package.version)),
        (tag::RELEASE, text(&package.release)),
        (tag::SUMMARY, translated(&package.summary)),
        (tag::DESCRIPTION, translated(&description(package))),
        (tag::BUILD_TIME, Value::Int32(vec![package.time])),
        // rpmlint wants one; the same everywhere.
        (tag::BUILD_HOST, text("localhost")),
        (tag::SIZE, Value::Int32(vec![size])),
        (tag::LICENSE, text(&package.license)),
        (tag::PACKAGER, text(&package.maintainer)),
        (tag::GROUP, translated("System Environment/Base")),
        (tag::OS, text("linux")),
        (tag::ARCH, text("noarch")),
        // A package without it is one of sources.
        (tag::SOURCE_RPM, text(&format!("{}.src.rpm", full_name(package)))),
        (tag::PAYLOAD_FORMAT, text("cpio")),
        (tag::PAYLOAD_COMPRESSOR, text("gzip")),
        (tag::PAYLOAD_FLAGS, text("9")),
        (tag::ENCODING, text("utf-8")),
        (tag::PAYLOAD_SHA256, Value::Texts(vec![digest::sha256(payload)])),
        (tag::PAYLOAD_DIGEST_ALGORITHM, Value::Int32(vec![tag::SHA256])),
        (tag::PAYLOAD_SHA256_PLAIN, Value::Texts(vec![digest::sha256(plain)])),
    ]);
    if let Some(homepage) = &package.homepage {
        values.insert(tag::URL, text(homepage));
    }
    files(items, package.time, &mut values);
    relations(package, &mut values);
    scripts(package, &mut values);
    let changes = &package.changes;
    let name = |change: &crate::Change| format!("{} - {}", package.maintainer, change.version);
    let lines = |change: &crate::Change| {
        change.lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n")
    };
    values.insert(tag::CHANGE_TIMES, Value::Int32(changes.iter().map(|change| change.time).collect()));
    values.insert(tag::CHANGE_NAMES, Value::Texts(changes.iter().map(name).collect()));
    values.insert(tag::CHANGE_TEXTS, Value::Texts(changes.iter().map(lines).collect()));
    Ok(header::write(tag::HEADER_REGION, &values))
}

fn description(package: &Package) -> String {
    let paragraphs = package.description.iter().map(|text| wrapped(text, WIDTH).join("\n"));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The table of files, a list for each property.
fn files(items: &[Item<'_>], time: u32, values: &mut Values) {
    let mut folders: Vec<String> = Vec::new();
    let mut indexes = Vec::new();
    let mut names = Vec::new();
    for item in items {
        let (folder, name) =
            item.path.rsplit_once('/').map_or(("", item.path), |(folder, name)| (folder, name));
        let folder = if folder.is_empty() { "/".to_owned() } else { format!("/{folder}/") };
        let index = folders.iter().position(|one| *one == folder).unwrap_or_else(|| {
            folders.push(folder);
            folders.len() - 1
        });
        indexes.push(index as u32);
        names.push(name.to_owned());
    }
    let size = |item: &Item<'_>| match item.kind {
        Kind::Link(target) => target.len() as u32,
        _ => item.size() as u32,
    };
    let digest = |item: &Item<'_>| match item.kind {
        Kind::File(content) => digest::sha256(content),
        _ => String::new(),
    };
    let link = |item: &Item<'_>| match item.kind {
        Kind::Link(target) => target.to_owned(),
        _ => String::new(),
    };
    let flags = |item: &Item<'_>| match item.path {
        path if path.starts_with("usr/share/licenses/") && !item.is_folder() => tag::FILE_IS_LICENSE,
        path if path.starts_with("usr/share/doc/") => tag::FILE_IS_DOCUMENT,
        _ => 0,
    };
    let count = items.len();
    let texts = |text: &str| Value::Texts(vec![text.to_owned(); count]);
    values.extend([
        (tag::FILE_SIZES, Value::Int32(items.iter().map(size).collect())),
        (tag::FILE_MODES, Value::Int16(items.iter().map(|item| mode(item) as u16).collect())),
        (tag::FILE_SPECIAL_DEVICES, Value::Int16(vec![0; count])),
        (tag::FILE_TIMES, Value::Int32(vec![time; count])),
        (tag::FILE_DIGESTS, Value::Texts(items.iter().map(digest).collect())),
        (tag::FILE_LINKS, Value::Texts(items.iter().map(link).collect())),
        (tag::FILE_FLAGS, Value::Int32(items.iter().map(flags).collect())),
        (tag::FILE_USERS, texts("root")),
        (tag::FILE_GROUPS, texts("root")),
        (tag::FILE_VERIFY_FLAGS, Value::Int32(vec![u32::MAX; count])),
        (tag::FILE_DEVICES, Value::Int32(vec![1; count])),
        (tag::FILE_INODES, Value::Int32((1..=count as u32).collect())),
        (tag::FILE_LANGUAGES, texts("")),
        (tag::FOLDER_INDEXES, Value::Int32(indexes)),
        (tag::BASE_NAMES, Value::Texts(names)),
        (tag::FOLDER_NAMES, Value::Texts(folders)),
        (tag::FILE_DIGEST_ALGORITHM, Value::Int32(vec![tag::SHA256])),
    ]);
}

/// A relation as three lists have it: name, version, flags.
type Row = (String, String, u32);

fn relations(package: &Package, values: &mut Values) {
    let row = |relation: &Relation| match &relation.at_least {
        Some(version) => (relation.name.clone(), version.clone(), tag::GREATER | tag::EQUAL),
        None => (relation.name.clone(), String::new(), 0),
    };
    let relations = &package.depends.rpm;
    let mut requires: Vec<Row> = relations.requires.iter().map(row).collect();
    requires.extend(
        RPMLIB.map(|(name, version)| {
            (name.to_owned(), version.to_owned(), tag::RPMLIB | tag::LESS | tag::EQUAL)
        }),
    );
    let scripts = scripts_of(package);
    requires.extend(
        scripts
            .filter(|script| script.text.is_some())
            .map(|script| (SHELL.to_owned(), String::new(), tag::INTERPRETER | script.needs)),
    );
    let version = format!("{}-{}", package.version, package.release);
    let lists = [
        (
            [tag::PROVIDE_NAMES, tag::PROVIDE_VERSIONS, tag::PROVIDE_FLAGS],
            vec![(package.name.clone(), version, tag::EQUAL)],
        ),
        ([tag::REQUIRE_NAMES, tag::REQUIRE_VERSIONS, tag::REQUIRE_FLAGS], requires),
        (
            [tag::RECOMMEND_NAMES, tag::RECOMMEND_VERSIONS, tag::RECOMMEND_FLAGS],
            relations.recommends.iter().map(row).collect(),
        ),
        (
            [tag::SUGGEST_NAMES, tag::SUGGEST_VERSIONS, tag::SUGGEST_FLAGS],
            relations.suggests.iter().map(row).collect(),
        ),
    ];
    for ([names, versions, flags], mut rows) in lists {
        rows.sort();
        values.insert(names, Value::Texts(rows.iter().map(|row| row.0.clone()).collect()));
        values.insert(versions, Value::Texts(rows.iter().map(|row| row.1.clone()).collect()));
        values.insert(flags, Value::Int32(rows.iter().map(|row| row.2).collect()));
    }
}

/// A scriptlet with its tags and what its shell is needed for.
struct Script<'a> {
    text: &'a Option<String>,
    tag: u32,
    program: u32,
    needs: u32,
}

fn scripts_of(package: &Package) -> impl Iterator<Item = Script<'_>> {
    let scripts = &package.scripts.rpm;
    [
        Script { text: &scripts.pre, tag: tag::PRE, program: tag::PRE_PROGRAM, needs: tag::PRE_NEEDS },
        Script { text: &scripts.post, tag: tag::POST, program: tag::POST_PROGRAM, needs: tag::POST_NEEDS },
        Script {
            text: &scripts.preun,
            tag: tag::PREUN,
            program: tag::PREUN_PROGRAM,
            needs: tag::PREUN_NEEDS,
        },
        Script {
            text: &scripts.postun,
            tag: tag::POSTUN,
            program: tag::POSTUN_PROGRAM,
            needs: tag::POSTUN_NEEDS,
        },
        Script {
            text: &scripts.posttrans,
            tag: tag::POSTTRANS,
            program: tag::POSTTRANS_PROGRAM,
            needs: tag::POSTTRANS_NEEDS,
        },
    ]
    .into_iter()
}

fn scripts(package: &Package, values: &mut Values) {
    for script in scripts_of(package) {
        if let Some(text) = script.text {
            values.insert(script.tag, Value::Text(text.clone()));
            values.insert(script.program, Value::Text(SHELL.to_owned()));
        }
    }
}
