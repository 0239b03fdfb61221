//! XML as packages use it: small documents of elements, attributes and text.
//!
//! Must not know: any document's elements. Writing goes through quick-xml's writer;
//! reading gives a tree of [`Element`] within stated limits, and refuses DOCTYPE,
//! since entities that a document declares can make it as large as it likes.

mod read;
mod write;

pub use read::{
    ATTRIBUTE_LEN_MAX, ATTRIBUTES_ALL_MAX, ATTRIBUTES_MAX, DEPTH_MAX, DOCUMENT_MAX, ELEMENTS_MAX, Element,
    XmlError, read,
};
pub(crate) use write::{XmlWriter, can_carry, document, finish, text_element};
