//! A component package: what is installed together, with its scripts.
//!
//! Must not know: the product around it, Distribution, keys. Its members, in
//! the order in which Apple's tools store them:
//!
//! ```text
//! Bom          what the payload installs   zlib     (with a payload only)
//! Payload      gzip around odc cpio        stored   (with a payload only)
//! Scripts      gzip around odc cpio        stored   (with scripts only)
//! PackageInfo  XML                         zlib
//! ```
//!
//! Source: 64 packages that Apple's pkgbuild wrote.

use std::io;

use thiserror::Error;

use crate::bom::BomError;
use crate::cpio::CpioError;
use crate::tree::Tree;

mod package_info;
mod read;
mod write;

pub(crate) use read::read_document;
pub use read::{ComponentFacts, HookFacts, PackageInfo};
pub use write::write_component;
pub(crate) use write::{NAME_REASON, check, is_name, members};

/// A component package.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its folder's name inside a product, such as `lima-k3s.pkg`.
    pub file_name: String,
    /// The identifier under which the Mac keeps the receipt, in reverse-DNS form.
    pub identifier: String,
    /// Its version; numbers joined by dots are compared on upgrades.
    pub version: String,
    /// Where the payload's root lands, absolute; `/` for most.
    pub install_location: String,
    /// What is installed. Without it, the package only runs its scripts.
    pub payload: Option<Tree>,
    /// What runs: a `preinstall` and a `postinstall` at the top are hooks (which
    /// must be executable and start with `#!`), everything else comes along.
    pub scripts: Option<Tree>,
    /// How many seconds a hook may run before the Installer ends it. pkgbuild
    /// writes 600.
    pub script_timeout: u32,
    /// What made the package, for `PackageInfo`.
    pub generator: String,
    /// How a product offers it; `None` for a part that is always installed and
    /// not shown. A component package alone has no use for it.
    pub choice: Option<Choice>,
}

/// How a component is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the list of choices says.
    pub title: String,
    /// What is said about it once it is selected; may be empty.
    pub description: String,
    /// Whether it is listed.
    pub visible: bool,
    /// Whether it is selected at first.
    pub selected: bool,
}

/// The hooks that the Installer runs, in its order.
pub const HOOKS: [&str; 2] = ["preinstall", "postinstall"];

/// Why a component package cannot be made.
#[derive(Debug, Error)]
pub enum ComponentError {
    /// A field is empty or has a form that the Installer does not take.
    #[error("its {field} {value:?} {reason}")]
    InvalidField {
        /// Which.
        field: &'static str,
        /// As given.
        value: String,
        /// What is wrong and what would be right.
        reason: &'static str,
    },
    /// Neither payload nor scripts.
    #[error("it has neither a payload nor a hook, so it would do nothing")]
    Empty,
    /// A hook would fail to start on the Mac.
    #[error("its script {hook:?} {reason}")]
    UnusableHook {
        /// `preinstall` or `postinstall`.
        hook: &'static str,
        /// What is wrong and what would be right.
        reason: &'static str,
    },
    /// The payload or the scripts do not fit into the archive, or could not be read.
    #[error("its {member}")]
    Archive {
        /// `Payload` or `Scripts`.
        member: &'static str,
        /// What was wrong.
        #[source]
        source: CpioError,
    },
    /// The payload does not fit into a Bom.
    #[error("its Bom")]
    Bom(#[from] BomError),
    /// The scratch space failed.
    #[error("cannot write its {member} to the scratch space")]
    Spool {
        /// `Payload` or `Scripts`.
        member: &'static str,
        /// What was reported.
        #[source]
        source: io::Error,
    },
    /// `PackageInfo` could not be written.
    #[error("its PackageInfo")]
    PackageInfo(#[source] io::Error),
}
