//! A product archive: what the Installer shows and asks, around components.
//!
//! Must not know: how components are made, keys. Its members:
//!
//! ```text
//! NAME.pkg/     a component's members, for each component
//! Resources/    what the Installer shows       zlib
//! Distribution  XML: the title, the checks, the choices, the components
//! ```
//!
//! Source: Apple's Distribution XML reference and what productbuild writes.

use std::io;

use thiserror::Error;

use crate::component::Component;

mod distribution;
mod facts;
mod read;
pub mod strings;
mod write;

pub use facts::{ChoiceFacts, DistributionFacts, PackageReference, PageFacts, component_folder};
pub use read::PackageFacts;
pub use write::write_product;

/// A product archive.
#[derive(Debug, Clone, Default)]
pub struct Product {
    /// What the Installer's window is headed with.
    pub title: String,
    /// The product's identifier, in reverse-DNS form.
    pub identifier: String,
    /// The product's version.
    pub version: String,
    /// The first version of macOS that is allowed, such as `13.0`.
    pub minimum_macos: Option<String>,
    /// `arm64`, `x86_64` or both. Without any, a Mac with Apple silicon asks for
    /// Rosetta, so an empty list is refused.
    pub host_architectures: Vec<String>,
    /// Whose product it is, in reverse-DNS form.
    pub organization: Option<String>,
    /// The page that is shown first.
    pub welcome: Option<Resource>,
    /// The page that is shown before the licence.
    pub readme: Option<Resource>,
    /// The page that has to be agreed to.
    pub license: Option<Resource>,
    /// The page that is shown at the end.
    pub conclusion: Option<Resource>,
    /// The picture behind the pages.
    pub background: Option<Background>,
    /// A check that can refuse the Mac before anything is asked.
    pub installation_check: Option<InstallationCheck>,
    /// What is installed, in order.
    pub components: Vec<Component>,
}

/// A file under `Resources/` that a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name, without folders. A name that two pages share must have the same content.
    pub file_name: String,
    /// Its MIME type, such as `text/html`.
    pub mime_type: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The picture behind the pages, in light and in dark mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Background {
    /// The picture.
    pub resource: Resource,
    /// The dark mode's picture; `None` takes the same.
    pub dark: Option<Resource>,
    /// Where it lies, such as `bottomleft`.
    pub alignment: String,
    /// How it is fitted: `none`, `proportional` or `tofit`.
    pub scaling: String,
}

/// A check in the Installer's JavaScript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationCheck {
    /// Functions; they become the Distribution's `script` element.
    pub script_body: String,
    /// The expression that is evaluated, such as `InstallationCheck()`. False
    /// refuses the Mac.
    pub entry: String,
}

/// Why a product archive cannot be made.
#[derive(Debug, Error)]
pub enum ProductError {
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
    /// Nothing to install.
    #[error("it has no component, so it would do nothing")]
    NoComponent,
    /// Two components share what must be unique.
    #[error("two of its components have the {field} {value:?}; give each its own")]
    DuplicateComponent {
        /// `file name` or `identifier`.
        field: &'static str,
        /// What they share.
        value: String,
    },
    /// Two resources share a name but not their content.
    #[error("two of its resources are named {file_name:?} and differ; rename one")]
    ConflictingResource {
        /// The name.
        file_name: String,
    },
    /// `Distribution` could not be written.
    #[error("its Distribution")]
    Distribution(#[source] io::Error),
}
