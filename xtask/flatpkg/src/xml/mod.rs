//! XML as packages use it: small documents of elements, attributes and text.
//!
//! Must not know: any document's elements. Writing goes through quick-xml's writer;
//! reading gives a tree of [`Element`] within stated limits, and refuses a DOCTYPE that
//! declares anything, since entities can make a document as large as they like.

mod decode;
mod element;
mod read;
mod write;

pub use element::Element;
pub use read::{
    ATTRIBUTE_LEN_MAX, ATTRIBUTES_ALL_MAX, ATTRIBUTES_MAX, DEPTH_MAX, DOCUMENT_MAX, ELEMENTS_MAX, Left,
    XmlError, read, read_within,
};

pub(crate) use decode::decoded;
pub(crate) use write::{XmlWriter, can_carry, document, finish, text_element};
