//! Reads a document into a tree of elements.
//!
//! Must not know: what elements mean. Comments and processing instructions are
//! skipped; text keeps its white space. Readers differ over text that something
//! divides, so each element knows its last piece, and whether there are several.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use thiserror::Error;

use super::{Element, decode};

/// The longest document that is read, in bytes. Apple's TOCs and Distributions have
/// some kilobytes.
pub const DOCUMENT_MAX: usize = 8 << 20;
/// How deep elements may be nested.
pub const DEPTH_MAX: usize = 64;
/// How many elements a document may have.
pub const ELEMENTS_MAX: usize = 200_000;
/// How many attributes an element may have.
pub const ATTRIBUTES_MAX: usize = 64;
/// How many attributes a document may have.
pub const ATTRIBUTES_ALL_MAX: usize = 100_000;
/// How long an attribute's value may be, in bytes: it ends up in messages.
pub const ATTRIBUTE_LEN_MAX: usize = 64 << 10;

/// What may still be read of documents that are kept together: an element of a few bytes
/// takes a hundred in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// How many bytes.
    pub bytes: usize,
    /// How many elements.
    pub elements: usize,
    /// How many attributes.
    pub attributes: usize,
    /// How many elements and attributes there were to begin with.
    most: [usize; 2],
}

impl Default for Left {
    fn default() -> Self {
        Self::new(ELEMENTS_MAX, ATTRIBUTES_ALL_MAX)
    }
}

impl Left {
    fn new(elements: usize, attributes: usize) -> Self {
        Self { bytes: DOCUMENT_MAX, elements, attributes, most: [elements, attributes] }
    }

    /// Half of it, for the documents of a package: there are more elements in its table of
    /// contents.
    pub fn of_documents() -> Self {
        Self::new(ELEMENTS_MAX / 2, ATTRIBUTES_ALL_MAX / 2)
    }
}

/// Why a document cannot be read. Offsets are in bytes from its start.
#[derive(Debug, Error)]
pub enum XmlError {
    /// It is longer than [`DOCUMENT_MAX`].
    #[error("the document has {length} bytes, more than the {DOCUMENT_MAX} that are read")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It is not UTF-8, and does not say that it is something else.
    #[error("the document is not UTF-8 from byte {offset} on")]
    NotUtf8 {
        /// Where.
        offset: usize,
    },
    /// It is not what it says that it is.
    #[error("the document is not in {encoding}, as it says")]
    NotEncoded {
        /// The encoding.
        encoding: String,
    },
    /// It has more of something than is read.
    #[error("the document has more than {limit} {what}, at byte {offset}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
        /// Where.
        offset: u64,
    },
    /// It has something that packages have no use for.
    #[error("the document has {what}, at byte {offset}")]
    Refused {
        /// What.
        what: &'static str,
        /// Where.
        offset: u64,
    },
    /// It is not well-formed.
    #[error("the document is not well-formed at byte {offset}: {reason}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What the parser says.
        reason: String,
    },
}

/// Reads a document and gives its root.
///
/// # Errors
/// [`XmlError`], if it is not well-formed or goes beyond a limit.
pub fn read(bytes: &[u8]) -> Result<Element, XmlError> {
    read_within(bytes, &mut Left::default())
}

/// The same, and takes what it has off what is `left`.
///
/// # Errors
/// As [`read`].
pub fn read_within(bytes: &[u8], left: &mut Left) -> Result<Element, XmlError> {
    if bytes.len() > left.bytes {
        return Err(XmlError::TooLong { length: bytes.len() });
    }
    left.bytes -= bytes.len();
    let text = decode::decoded(bytes)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut builder = Builder { open: Vec::new(), root: None, left };
    loop {
        let offset = reader.buffer_position();
        let malformed = |reason: String| XmlError::Malformed { offset, reason };
        match reader.read_event().map_err(|error| malformed(error.to_string()))? {
            Event::Start(start) => builder.open(&start, offset)?,
            Event::Empty(start) => {
                builder.open(&start, offset)?;
                builder.close();
            }
            Event::End(_) => builder.close(),
            Event::Text(text) => builder.text(&text.xml10_content(), offset)?,
            Event::CData(text) => builder.cdata(&text.xml10_content(), offset)?,
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character),
                    Ok(None) => predefined(&reference.xml10_content()),
                    Err(error) => return Err(malformed(error.to_string())),
                };
                let character = resolved.ok_or_else(|| malformed("an unknown entity".to_owned()))?;
                builder.text(character.encode_utf8(&mut [0; 4]), offset)?;
            }
            // One that names a document's kind is harmless. One that declares can give
            // attributes to elements, and entities of any size.
            Event::DocType(text) if text.contains("<!") => {
                return Err(XmlError::Refused { what: "a DOCTYPE with declarations", offset });
            }
            Event::DocType(_) | Event::Decl(_) => {}
            Event::PI(_) | Event::Comment(_) => builder.divide(),
            Event::Eof => {
                return builder.finish().ok_or_else(|| malformed("it ends too early".to_owned()));
            }
        }
    }
}

/// The five entities that need no declaration.
fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// An element that is open.
#[derive(Default)]
struct Open {
    element: Element,
    /// Where its last piece of text starts in `text`, and whether something came
    /// after it.
    piece: (usize, bool),
    /// Whether pieces or CDATA were joined to its text.
    joined: bool,
    /// The last piece, once another or CDATA followed.
    last: Option<String>,
}

/// The elements that are open, and the root once it is closed.
struct Builder<'left> {
    open: Vec<Open>,
    root: Option<Element>,
    left: &'left mut Left,
}

impl Builder<'_> {
    fn open(&mut self, start: &BytesStart<'_>, offset: u64) -> Result<(), XmlError> {
        let too_many = |what, limit| Err(XmlError::TooMany { what, limit, offset });
        let malformed = |reason: String| XmlError::Malformed { offset, reason };
        let Some(elements) = self.left.elements.checked_sub(1) else {
            return too_many("elements, with those of documents before it", self.left.most[0]);
        };
        self.left.elements = elements;
        if self.open.len() >= DEPTH_MAX {
            return too_many("levels", DEPTH_MAX);
        }
        if self.root.is_some() {
            return Err(XmlError::Refused { what: "a second root", offset });
        }
        let mut element = Element { name: start.name().into_inner().to_owned(), ..Element::default() };
        for attribute in start.attributes() {
            if element.attributes.len() >= ATTRIBUTES_MAX {
                return too_many("attributes", ATTRIBUTES_MAX);
            }
            let Some(attributes) = self.left.attributes.checked_sub(1) else {
                return too_many("attributes, with those of documents before it", self.left.most[1]);
            };
            self.left.attributes = attributes;
            let attribute = attribute.map_err(|error| malformed(error.to_string()))?;
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|error| malformed(error.to_string()))?;
            if value.len() > ATTRIBUTE_LEN_MAX {
                return too_many("bytes in an attribute", ATTRIBUTE_LEN_MAX);
            }
            element.attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
        }
        element.attributes.shrink_to_fit();
        self.divide();
        self.open.push(Open { element, ..Open::default() });
        Ok(())
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.pop() else { return };
        open.settle();
        if open.joined {
            open.element.last_text = Some(open.last.unwrap_or_default());
        }
        open.element.children.shrink_to_fit();
        match self.open.last_mut() {
            Some(parent) => parent.element.children.push(open.element),
            None => self.root = Some(open.element),
        }
    }

    fn text(&mut self, text: &str, offset: u64) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(open) => {
                if open.piece.1 {
                    open.settle();
                    open.piece = (open.element.text.len(), false);
                }
                open.element.text.push_str(text);
            }
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::Refused { what: "text outside of the root", offset }),
        }
        Ok(())
    }

    fn cdata(&mut self, text: &str, offset: u64) -> Result<(), XmlError> {
        let Some(open) = self.open.last_mut() else {
            return Err(XmlError::Refused { what: "text outside of the root", offset });
        };
        open.settle();
        open.element.text.push_str(text);
        open.joined = true;
        open.piece = (open.element.text.len(), false);
        Ok(())
    }

    /// Something stands between two pieces of text.
    fn divide(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.piece.1 = true;
        }
    }

    fn finish(self) -> Option<Element> {
        if self.open.is_empty() { self.root } else { None }
    }
}

impl Open {
    /// Keeps the piece of text that ends here, unless it is white space alone, over
    /// which readers do not differ.
    fn settle(&mut self) {
        let piece = &self.element.text[self.piece.0..];
        if piece.trim().is_empty() {
            return;
        }
        self.joined |= self.last.is_some();
        self.last = Some(piece.to_owned());
        self.piece.0 = self.element.text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_differ_over_text_that_something_divides() {
        for (document, text, last) in [
            ("<a>b</a>", "b", None),
            ("<a> b&amp;c&#x41; </a>", " b&cA ", None),
            ("<a><!-- x -->b</a>", "b", None),
            ("<a>b<c/>\n<d/></a>", "b\n", None),
            ("<a>b<!-- x -->c</a>", "bc", Some("c")),
            ("<a>b<?x y?>c</a>", "bc", Some("c")),
            ("<a>b<c>d</c>e</a>", "be", Some("e")),
            ("<a>b<![CDATA[c]]></a>", "bc", Some("b")),
            ("<a><![CDATA[c]]></a>", "c", Some("")),
            ("<a><![CDATA[c]]>b</a>", "cb", Some("b")),
            ("<a>b<c/>c<c/>\n</a>", "bc\n", Some("c")),
        ] {
            let root = read(document.as_bytes()).unwrap();
            assert_eq!((root.text.as_str(), root.last_text.as_deref()), (text, last), "{document}");
        }
    }

    #[test]
    fn a_doctype_may_name_but_not_declare() {
        assert!(read(b"<!DOCTYPE a SYSTEM \"a.dtd\"><a/>").is_ok());
        assert!(read(b"<!DOCTYPE a><a/>").is_ok());
        for declares in ["<!ENTITY x 'y'>", "<!ATTLIST a b CDATA 'c'>", "<!ELEMENT a ANY>"] {
            let document = format!("<!DOCTYPE a [{declares}]><a/>");
            assert!(matches!(read(document.as_bytes()), Err(XmlError::Refused { .. })), "{declares}");
        }
    }

    #[test]
    fn elements_attributes_and_text() {
        let root = read(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- x --><a one='1 &lt; 2'><b/>t&amp;&#x41;<b>u</b><![CDATA[<]]></a>\n",
        )
        .unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.attribute("one"), Some("1 < 2"));
        assert_eq!(root.text, "t&A<");
        assert_eq!(root.all("b").count(), 2);
        assert_eq!(root.all("b").nth(1).unwrap().text, "u");
    }

    #[test]
    fn what_is_not_a_document_is_refused() {
        for wrong in [
            "",
            "a",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a>&x;</a>",
            "<a>&#xffffffff;</a>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a b='1' b='2'/>",
            "<a b/>",
            "<a b='&x;'/>",
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(matches!(read(b"<a>\xff</a>"), Err(XmlError::NotUtf8 { offset: 3 })));
    }

    #[test]
    fn limits_hold_what_they_say_and_not_one_more() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(matches!(
            read(nested(DEPTH_MAX + 1).as_bytes()),
            Err(XmlError::TooMany { what: "levels", .. })
        ));
        let siblings = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
        assert!(read(siblings(ELEMENTS_MAX).as_bytes()).is_ok());
        assert!(matches!(
            read(siblings(ELEMENTS_MAX + 1).as_bytes()),
            Err(XmlError::TooMany { limit: ELEMENTS_MAX, .. })
        ));
        let attributes = |count: usize| {
            let all: Vec<String> = (0..count).map(|number| format!("a{number}=''")).collect();
            format!("<a {}/>", all.join(" "))
        };
        assert!(read(attributes(ATTRIBUTES_MAX).as_bytes()).is_ok());
        assert!(matches!(
            read(attributes(ATTRIBUTES_MAX + 1).as_bytes()),
            Err(XmlError::TooMany { what: "attributes", .. })
        ));
        let many = |count: usize| {
            let element = "<b 1='' 2='' 3='' 4='' 5='' 6='' 7='' 8='' 9='' 0=''/>".repeat(count / 10);
            format!("<a>{element}{}</a>", "<b c=''/>".repeat(count % 10))
        };
        assert!(read(many(ATTRIBUTES_ALL_MAX).as_bytes()).is_ok());
        assert!(matches!(
            read(many(ATTRIBUTES_ALL_MAX + 1).as_bytes()),
            Err(XmlError::TooMany { limit: ATTRIBUTES_ALL_MAX, .. })
        ));
        let value = |length: usize| format!("<a b='{}'/>", "x".repeat(length));
        assert!(read(value(ATTRIBUTE_LEN_MAX).as_bytes()).is_ok());
        assert!(matches!(
            read(value(ATTRIBUTE_LEN_MAX + 1).as_bytes()),
            Err(XmlError::TooMany { what: "bytes in an attribute", .. })
        ));
        let long = |length: usize| format!("<a>{}</a>", "x".repeat(length - 7));
        assert!(read(long(DOCUMENT_MAX).as_bytes()).is_ok());
        assert!(matches!(read(long(DOCUMENT_MAX + 1).as_bytes()), Err(XmlError::TooLong { .. })));
    }
}
