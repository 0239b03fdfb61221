//! The error of writing a whole package: which part, then what was wrong there.

use thiserror::Error;

use crate::component::ComponentError;
use crate::product::ProductError;
use crate::xar::XarError;

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
