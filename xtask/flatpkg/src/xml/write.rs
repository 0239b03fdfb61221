//! What the XML writers share.
//!
//! Must not know: any document's elements. Everything goes through quick-xml's
//! writer, which escapes; what XML 1.0 cannot carry at all is found beforehand.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// A document in memory.
pub type XmlWriter = Writer<Vec<u8>>;

/// Starts a document, with `indent` spaces for each level.
pub fn document(encoding: &str, indent: usize) -> io::Result<XmlWriter> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', indent);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some(encoding), None)))?;
    Ok(writer)
}

/// Ends a document with a newline.
pub fn finish(writer: XmlWriter) -> Vec<u8> {
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    bytes
}

/// An element that holds text alone.
pub fn text_element(writer: &mut XmlWriter, name: &str, text: &str) -> io::Result<()> {
    writer.create_element(name).write_text_content(BytesText::new(text))?;
    Ok(())
}

/// Whether XML 1.0 can carry a text: it has no control characters other than
/// tab, newline and carriage return, nor U+FFFE and U+FFFF.
pub fn can_carry(text: &str) -> bool {
    text.chars().all(|character| match character {
        '\t' | '\n' | '\r' => true,
        '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    })
}
