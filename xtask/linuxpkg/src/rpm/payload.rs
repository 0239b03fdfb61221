//! The payload of an `.rpm`, against what the header says of it.
//!
//! Must not know: the disk, keys.

use std::io::{self, Read};

use flatpkg::unpack::Budget;

use super::archive::{Archive, List};
use super::facts::Stated;
use super::read::{Start, compare};
use super::tag;
use crate::contents::{Collector, Contents, Each, FileKind, Flow};
use crate::digest::{Algorithm, Hasher, Hashing, hex};
use crate::unpack::{Packed, Stream};

/// Longest target of a link.
const LINK_MAX: u64 = 4096;

/// The payload's files against the header's list, and all sums over the payload.
pub fn payload(
    input: impl Read,
    start: &Start,
    stated: Vec<Stated>,
    budget: &Budget,
    each: &mut Each<'_>,
    contents: &mut Contents,
) -> Result<(), Flow> {
    let broken = |error: io::Error| Flow::Broken(error.to_string());
    let header = &start.header;
    let format = header.text(tag::PAYLOAD_FORMAT).unwrap_or_else(|| "cpio".to_owned());
    if format != "cpio" {
        return Err(Flow::Broken(format!("it is of the format {format:?}, and cpio is read")));
    }
    let said = header.text(tag::PAYLOAD_COMPRESSOR).filter(|name| !name.is_empty());
    // Without a word on it, it is gzip or nothing: rpm's own reader takes either.
    let said = said.map(|name| {
        Packed::of_compressor(&name)
            .ok_or_else(|| Flow::Broken(format!("it is packed with {name:?}, which is not known")))
    });
    let said = said.transpose()?;
    let algorithm = match header.number(tag::FILE_DIGEST_ALGORITHM) {
        None => Some(Algorithm::Md5),
        Some(number) => algorithm(number),
    };
    // MD5 is over header and payload.
    let mut md5 = Hasher::new(Algorithm::Md5);
    md5.update(&header.bytes);
    let packed = Hashing::new(input, vec![Hasher::new(Algorithm::Sha256), md5]);
    let (stream, _) = Stream::open(packed, said, budget.clone()).map_err(broken)?;
    let plain_sum = Hashing::new(stream, vec![Hasher::new(Algorithm::Sha256)]);
    let mut archive = Archive::new(plain_sum)?;
    let mut collector = Collector::new(each, algorithm.as_slice());
    let walked = entries(&mut archive, stated, algorithm, &mut collector, contents);
    contents.files.append(&mut collector.files);
    walked?;
    let (rest, plain_sum) = archive.finish()?;
    if !rest.is_zero {
        contents.archive.lie("payload", "has something other than zeros behind the archive's end");
    }
    let (plain_digests, plain_len, stream) = plain_sum.finish();
    let (behind, packed) = stream.finish().map_err(broken)?;
    behind.report("payload", "the packed archive", &mut contents.archive);
    let (packed_digests, packed_len, _) = packed.finish();
    let first = |tag: u32| header.text(tag).filter(|text| !text.is_empty());
    if header.number(tag::PAYLOAD_DIGEST_ALGORITHM).is_none_or(|number| number == u64::from(tag::SHA256)) {
        compare("payload", first(tag::PAYLOAD_SHA256), &packed_digests[0], contents);
        compare("unpacked payload", first(tag::PAYLOAD_SHA256_PLAIN), &plain_digests[0], contents);
    } else {
        contents.sum_findings.note("payload", "has sums of a kind that is not looked at");
    }
    sizes(start, packed_len, plain_len, contents);
    let stated = start.signature.binary(tag::SIG_MD5).map(hex);
    compare("header and payload", stated, &packed_digests[1], contents);
    Ok(())
}

fn sizes(start: &Start, packed_len: u64, plain_len: u64, contents: &mut Contents) {
    let size = start.header.bytes.len() as u64 + packed_len;
    let signature = &start.signature;
    let said = |short, long| signature.number(short).or_else(|| signature.number(long));
    for (what, stated, found) in [
        ("header and payload", said(tag::SIG_SIZE, tag::SIG_LONG_SIZE), size),
        ("unpacked payload", said(tag::SIG_PAYLOAD_SIZE, tag::SIG_LONG_PAYLOAD_SIZE), plain_len),
    ] {
        if let Some(stated) = stated.filter(|stated| *stated != found) {
            contents.sum_findings.lie(what, format!("has {found} bytes, and the signature says {stated}"));
        }
    }
}

fn algorithm(number: u64) -> Option<Algorithm> {
    Some(match number {
        1 => Algorithm::Md5,
        2 => Algorithm::Sha1,
        8 => Algorithm::Sha256,
        9 => Algorithm::Sha384,
        10 => Algorithm::Sha512,
        11 => Algorithm::Sha224,
        _ => return None,
    })
}

fn entries<R: Read>(
    archive: &mut Archive<R>,
    stated: Vec<Stated>,
    algorithm: Option<Algorithm>,
    collector: &mut Collector<'_, '_>,
    contents: &mut Contents,
) -> Result<(), Flow> {
    let mut list = List::new(stated, contents);
    if algorithm.is_none() {
        contents.sum_findings.note("header", "has files' sums of a kind that is not looked at");
    }
    while let Some(found) = archive.next_entry(&list)? {
        let Some(at) = found.index else {
            if !found.path.is_empty() {
                contents.archive.lie(&found.path, "is in the payload, and not in the header's list of files");
            }
            continue;
        };
        let is_second = found.links > 1 && found.size == 0 && list.size(at) > 0;
        let Some(Stated { mut file, digest, inode, .. }) = list.stated[at].take() else {
            contents.archive.lie(&found.path, "is twice in the payload");
            continue;
        };
        match &file.kind {
            FileKind::Link(target) => {
                let mut content = Vec::new();
                let read = archive.by_ref().take(LINK_MAX).read_to_end(&mut content);
                read.map_err(|error| Flow::Broken(error.to_string()))?;
                if content != target.as_bytes() {
                    contents.archive.lie(&file.path, "leads elsewhere in the payload than in the header");
                }
            }
            FileKind::File if is_second => {
                file.kind = FileKind::HardLink(list.last.get(&inode).cloned().unwrap_or_default());
            }
            FileKind::File if found.size != file.size => {
                contents.archive.lie(&file.path, "has another size in the payload than in the header");
                file.size = found.size;
            }
            _ => {}
        }
        if found.mode.is_some_and(|mode| mode != file.mode | mode_of(&file.kind, mode)) {
            contents.archive.lie(&file.path, "has another mode in the payload than in the header");
        }
        let is_file = file.kind == FileKind::File;
        collector.take(file, &mut &mut *archive)?;
        let Some(file) = collector.files.last().filter(|_| is_file) else { continue };
        let found = algorithm.and_then(|algorithm| file.digest(algorithm));
        match (digest, found) {
            (Some(stated), Some(found)) => compare(&file.path, Some(stated), found, contents),
            (None, Some(_)) => contents.sum_findings.note(&file.path, "has no sum"),
            (_, None) => {}
        }
    }
    let missing = list.stated.into_iter().flatten().filter(|one| !one.is_ghost);
    for one in missing {
        contents.archive.lie(one.file.path, "is in the header's list of files, and not in the payload");
    }
    Ok(())
}

/// The type bits that a mode has to have; what has no kind of its own has any.
fn mode_of(kind: &FileKind, found: u32) -> u32 {
    match kind {
        FileKind::File | FileKind::HardLink(_) => flatpkg::cpio::TYPE_FILE,
        FileKind::Folder => flatpkg::cpio::TYPE_DIRECTORY,
        FileKind::Link(_) => flatpkg::cpio::TYPE_SYMLINK,
        FileKind::Special(_) => found & flatpkg::payload::TYPE_MASK,
    }
}
