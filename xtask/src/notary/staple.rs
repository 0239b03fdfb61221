//! Stapling: a ticket behind a package's heap.
//!
//! ```text
//! archive, as it is | trailer of type 1 | ticket | trailer of type 2
//! ```
//!
//! The archive stays byte for byte, so both signatures do. An earlier ticket is replaced.
//! The same ticket gives the same file.
//!
//! Must not know: where tickets come from.

use std::fs;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use flatpkg::xar::ticket::{TRAILER_LEN, TYPE_TICKET, frame, framed_len, trailer};

use super::package::archive;
use super::{NotaryError, Services};
use crate::verify::ticket::{Notarized, check, package_entry};

/// Staples `ticket` (from `s8ch` on) to the package at `path`, if it holds: Apple's
/// signature, the certificates' chain, this package's digest.
///
/// The file is replaced as a whole by one that is complete, or left as it was.
///
/// # Errors
/// [`NotaryError::BadTicket`], [`NotaryError::NoPackage`], [`NotaryError::Io`].
pub fn staple(path: &Path, ticket: &[u8], services: &Services) -> Result<Notarized, NotaryError> {
    let (archive, mut file) = archive(path)?;
    let bad = |fault| NotaryError::BadTicket { path: path.to_owned(), fault };
    let no_package = |reason| NotaryError::NoPackage { path: path.to_owned(), reason };
    let framed = frame(ticket).map_err(|error| bad(error.to_string()))?;
    let entry = package_entry(&archive).map_err(no_package)?;
    let notarized = check(&framed, entry, &services.ticket_roots).map_err(bad)?;

    let read = NotaryError::at("read", path);
    let length = archive_len(&mut file, archive.file_len).map_err(read)?;
    if length < archive.heap_start + archive.heap_end() {
        return Err(no_package("its end is a ticket's, and lies within the archive".to_owned()));
    }
    replace(path, file.get_mut(), length, &framed)?;
    Ok(notarized)
}

/// The file's length without a ticket.
fn archive_len(file: &mut (impl Read + Seek), file_len: u64) -> io::Result<u64> {
    let Some(start) = file_len.checked_sub(TRAILER_LEN as u64) else { return Ok(file_len) };
    file.seek(io::SeekFrom::Start(start))?;
    let mut last = [0; TRAILER_LEN];
    file.read_exact(&mut last)?;
    let is_ticket = trailer(&last).is_some_and(|trailer| trailer.trailer_type == TYPE_TICKET);
    let earlier = framed_len(&last).filter(|_| is_ticket).unwrap_or(0);
    Ok(file_len.saturating_sub(earlier))
}

fn replace(path: &Path, file: &mut fs::File, length: u64, framed: &[u8]) -> Result<(), NotaryError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = file.metadata().map_err(NotaryError::at("look at", path))?.permissions();
    // The name begins with a dot: whoever lists the folder meanwhile does not take it for a package.
    let mut temporary = tempfile::Builder::new()
        .prefix(".lima-autostart-staple-")
        .tempfile_in(folder)
        .map_err(NotaryError::at("create a file in", folder))?;
    let write = |temporary: &mut tempfile::NamedTempFile| -> io::Result<()> {
        file.rewind()?;
        let copied = io::copy(&mut file.take(length), temporary)?;
        if copied != length {
            return Err(io::Error::other("the package became shorter while it was read"));
        }
        temporary.write_all(framed)?;
        temporary.as_file().set_permissions(mode)?;
        temporary.as_file().sync_all()
    };
    write(&mut temporary).map_err(NotaryError::at("write a copy of", path))?;
    temporary.persist(path).map_err(|error| NotaryError::at("replace", path)(error.error))?;
    Ok(())
}
