//! The errors of writing and reading a whole package: which part, then what was wrong
//! there.

use thiserror::Error;

use crate::component::ComponentError;
use crate::product::ProductError;
use crate::xar::{XarError, XarReadError};
use crate::xml::XmlError;

/// Why a package could not be written.
#[derive(Debug, Error)]
pub enum Error {
    /// A component could not be made.
    #[error("component package {component:?}")]
    Component {
        /// Its identifier.
        component: String,
        /// What was wrong.
        #[source]
        source: ComponentError,
    },
    /// What the product says of itself is not right.
    #[error("product archive {product:?}")]
    Product {
        /// Its identifier.
        product: String,
        /// What was wrong.
        #[source]
        source: ProductError,
    },
    /// The archive around the parts could not be written or signed.
    #[error("package {package:?}")]
    Archive {
        /// The identifier of the product or component.
        package: String,
        /// What was wrong.
        #[source]
        source: XarError,
    },
}

/// Why a package could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The archive is not a package.
    #[error("it has neither a PackageInfo nor a Distribution at its top, so it is not a package")]
    NotPackage,
    /// The archive or one of its members could not be read.
    #[error("the archive")]
    Archive(#[from] XarReadError),
    /// A member's document could not be read.
    #[error("{member}")]
    Document {
        /// The member's path.
        member: String,
        /// What was wrong.
        #[source]
        source: XmlError,
    },
}
