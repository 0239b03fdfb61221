//! The text of a document, from the encoding that it is in.
//!
//! Must not know: what the text says. A byte order mark counts first, then what the XML
//! declaration says, then UTF-8, as XML 1.0 has it in its appendix F. PackageMaker wrote
//! UTF-16 and ISO-8859-1.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::XmlError;

/// How far an XML declaration is looked for, in bytes.
const DECLARATION_MAX: usize = 256;

/// The document as text.
///
/// # Errors
/// [`XmlError`], if it is not in the encoding that it says.
pub fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if bytes.starts_with(b"<\0?\0") => UTF_16LE,
        None if bytes.starts_with(b"\0<\0?") => UTF_16BE,
        None => declared(bytes)?,
    };
    if encoding == UTF_8 {
        let text = std::str::from_utf8(bytes);
        return text.map(Cow::Borrowed).map_err(|error| XmlError::NotUtf8 { offset: error.valid_up_to() });
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| XmlError::NotEncoded { encoding: encoding.name().to_owned() })
}

/// The encoding that the XML declaration names, which is in ASCII. Without one, UTF-8.
fn declared(bytes: &[u8]) -> Result<&'static Encoding, XmlError> {
    let start = &bytes[..bytes.len().min(DECLARATION_MAX)];
    let declaration = start
        .strip_prefix(b"<?xml")
        .and_then(|rest| Some(&rest[..rest.windows(2).position(|pair| pair == b"?>")?]));
    let Some(declaration) = declaration else { return Ok(UTF_8) };
    let Some(at) = declaration.windows(8).position(|part| part == b"encoding") else { return Ok(UTF_8) };
    let value = declaration[at + 8..].trim_ascii_start().strip_prefix(b"=").unwrap_or_default();
    let value = value.trim_ascii_start();
    let name = value.split_first().and_then(|(quote, rest)| rest.split(|byte| byte == quote).next());
    let name = name.unwrap_or_default();
    match Encoding::for_label(name) {
        // The declaration could be read, so these are bytes and not pairs of them.
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok(UTF_8),
        Some(encoding) => Ok(encoding),
        None => Err(XmlError::NotEncoded { encoding: String::from_utf8_lossy(name).into_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn encodings_as_declared_or_marked() {
        let latin = b"<?xml version=\"1.0\" encoding='ISO-8859-1'?><a>\xe9</a>";
        assert!(decoded(latin).unwrap().ends_with("<a>é</a>"));
        let wide = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>é</a>";
        for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            for mark in ["", "\u{feff}"] {
                let text = format!("{mark}{wide}");
                let decoded = decoded(&utf_16(&text, to_bytes)).unwrap().into_owned();
                assert!(decoded.ends_with(wide), "{decoded:?}");
            }
        }
        assert_eq!(decoded("<a>é</a>".as_bytes()).unwrap(), "<a>é</a>");
        assert_eq!(decoded(wide.as_bytes()).unwrap(), wide);
    }

    #[test]
    fn what_is_not_in_its_encoding_is_refused() {
        assert!(matches!(decoded(b"<a>\xff</a>"), Err(XmlError::NotUtf8 { offset: 3 })));
        let unknown = b"<?xml version=\"1.0\" encoding=\"x-nothing\"?><a/>";
        assert!(matches!(decoded(unknown), Err(XmlError::NotEncoded { .. })));
        assert!(matches!(decoded(b"\xff\xfe<\0\0\xd8"), Err(XmlError::NotEncoded { .. })));
    }
}
