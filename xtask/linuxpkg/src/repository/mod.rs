//! Repositories: the lists that apt, dnf and pacman read beside packages.
//!
//! Each package becomes an entry first, of which its bytes are no part, so that a
//! repository of many packages is not kept in memory; then the lists are made of all
//! entries. Nothing is signed: whoever publishes a repository does that, over `Release`,
//! `repomd.xml` and the database.
//!
//! Must not know: the disk, where the repository will be, keys.

pub mod apt;
pub mod dnf;
pub mod pacman;

use std::io;

use thiserror::Error;

use crate::contents::{Contents, ReadError};

/// A file of a repository: its path in it, and its bytes.
pub type ListFile = (String, Vec<u8>);

/// Why a package cannot be listed.
#[derive(Debug, Error)]
pub enum ListError {
    /// It cannot be read.
    #[error("{file:?} cannot be read as a package")]
    Read {
        /// The package.
        file: String,
        /// What was wrong.
        #[source]
        source: ReadError,
    },
    /// It is damaged.
    #[error("{file:?} is damaged: {fault}")]
    Damaged {
        /// The package.
        file: String,
        /// What was found first.
        fault: String,
    },
    /// A list cannot hold a text of it.
    #[error("{file:?} has a {field} that no list can hold: {text:?}")]
    Text {
        /// The package.
        file: String,
        /// Where it is.
        field: &'static str,
        /// It.
        text: String,
    },
    /// XML could not be written.
    #[error("a list could not be written")]
    Xml(#[from] io::Error),
}

/// A package that is sound, or why not: what is damaged is not offered to anybody.
fn sound(file: &str, read: Result<Contents, ReadError>) -> Result<Contents, ListError> {
    let contents = read.map_err(|source| ListError::Read { file: file.to_owned(), source })?;
    let findings =
        [&contents.archive, &contents.field_findings, &contents.path_findings, &contents.sum_findings];
    let lie = findings.iter().flat_map(|findings| findings.of(flatpkg::Severity::Lie)).next();
    match lie {
        Some(lie) => Err(ListError::Damaged { file: file.to_owned(), fault: lie.to_string() }),
        None => Ok(contents),
    }
}

/// A name that is one line, as lists have them.
fn one_line(file: &str) -> Result<(), ListError> {
    if file.is_empty() || file.chars().any(|one| one.is_control() || one.is_whitespace()) {
        let text = file.to_owned();
        return Err(ListError::Text { file: file.to_owned(), field: "name", text });
    }
    Ok(())
}
