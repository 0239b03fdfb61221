//! Why a package could not be written: which part, and what is wrong with it.

use thiserror::Error;

/// Why a package could not be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// A field holds what a format does not take.
    #[error("the {field} {value:?} {reason}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it, and what would be right.
        reason: &'static str,
    },
    /// A path cannot be in a package.
    #[error("the path {path:?} {reason}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A script cannot be in a package.
    #[error("the script {script} {reason}")]
    Script {
        /// Its name in its format.
        script: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The files are too large for a format's fields.
    #[error("{what} has {size} bytes, and the formats take less than 4 GiB")]
    Size {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
    },
}
