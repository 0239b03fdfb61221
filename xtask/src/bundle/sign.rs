//! Lima's programs, signed anew with an identity for programs.
//!
//! Must not know: where keys are, places on a Mac.

use std::fs;
use std::io::{self, Read, Write};
use std::sync::Arc;

use flatpkg::tree::Source;

use super::archive::Part;
use super::{Content, Entry, Lima, Release};
use crate::sign::{CodeError, CodeSigner, code};

/// Why a program of Lima's could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It could not be read, or written to the temporary folder.
    #[error("Lima's {path} could not be read or put aside: {source}")]
    Io {
        /// Its path in the archive.
        path: String,
        /// What was reported.
        source: io::Error,
    },
    /// The signer refused it.
    #[error("Lima's programs could not be signed: {0}")]
    Code(#[from] CodeError),
}

impl Lima {
    /// The same with every program and library in it signed by `signer`.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn signed(self, signer: &CodeSigner) -> Result<Self, SignError> {
        let archives = self.archives.into_iter().map(|release| signed(release, signer));
        Ok(Self { archives: archives.collect::<Result<_, _>>()?, ..self })
    }
}

fn signed(release: Release, signer: &CodeSigner) -> Result<Release, SignError> {
    let entry = |entry: &Entry| match &entry.content {
        Content::File(source) => {
            let content = Content::File(signed_file(&entry.path, source, signer)?);
            Ok(Entry { content, ..entry.clone() })
        }
        Content::Folder | Content::Link(_) => Ok(entry.clone()),
    };
    let entries = release.entries.iter().map(entry).collect::<Result<Vec<_>, SignError>>()?;
    let signed_by = Some(signer.signed_by().subject.clone());
    Ok(Release { entries: entries.into(), signed_by, ..release })
}

fn signed_file(path: &str, source: &Source, signer: &CodeSigner) -> Result<Source, SignError> {
    let failed = |source| SignError::Io { path: path.to_owned(), source };
    let mut start = Vec::new();
    source.open().and_then(|content| content.take(8).read_to_end(&mut start)).map_err(failed)?;
    if !code::is_macho(&start) {
        return Ok(source.clone());
    }
    let mut bytes = Vec::new();
    source.open().and_then(|mut content| content.read_to_end(&mut bytes)).map_err(failed)?;
    let bytes = code::sign(signer, path, bytes)?;
    // One at a time is in memory.
    let put_aside = || -> io::Result<fs::File> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&bytes)?;
        Ok(file)
    };
    let (file, size) = (Arc::new(put_aside().map_err(failed)?), bytes.len() as u64);
    let open = move || {
        let file = Arc::clone(&file);
        Ok(Box::new(Part { file, at: 0, end: size }) as Box<dyn Read + Send>)
    };
    Ok(Source::Stream { size, open: Arc::new(open) })
}
