//! Writes the table of contents as XML.
//!
//! Must not know: where bytes are; places and digests come in.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::time::creation_time;
use crate::xml::{self, XmlWriter, text_element};

/// A signature's slot and what it is made with.
pub struct SignatureSlot {
    pub element: &'static str,
    pub style: &'static str,
    pub offset: u64,
    pub size: u64,
}

/// A member as the TOC describes it.
pub enum TocMember<'a> {
    Directory { name: &'a str, members: Vec<TocMember<'a>> },
    File { name: &'a str, data: TocData },
}

/// A member's place in the heap and its digests.
pub struct TocData {
    pub length: u64,
    pub offset: u64,
    pub size: u64,
    pub encoding: &'static str,
    pub extracted: [u8; 20],
    pub archived: [u8; 20],
}

/// The plain TOC.
pub fn to_xml(
    created: u32,
    digest_len: u64,
    signatures: &[SignatureSlot],
    certificates: &[Vec<u8>],
    members: &[TocMember<'_>],
) -> io::Result<Vec<u8>> {
    let mut writer = xml::document("UTF-8", 1)?;
    writer.create_element("xar").write_inner_content(|writer| {
        writer.create_element("toc").write_inner_content(|writer| {
            text_element(writer, "creation-time", &creation_time(created))?;
            writer.create_element("checksum").with_attribute(("style", "sha1")).write_inner_content(
                |writer| {
                    text_element(writer, "offset", "0")?;
                    text_element(writer, "size", &digest_len.to_string())
                },
            )?;
            for slot in signatures {
                write_signature(writer, slot, certificates)?;
            }
            let mut next_id = 1;
            for member in members {
                write_member(writer, member, &mut next_id)?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(xml::finish(writer))
}

fn write_signature(writer: &mut XmlWriter, slot: &SignatureSlot, certificates: &[Vec<u8>]) -> io::Result<()> {
    writer.create_element(slot.element).with_attribute(("style", slot.style)).write_inner_content(
        |writer| {
            text_element(writer, "offset", &slot.offset.to_string())?;
            text_element(writer, "size", &slot.size.to_string())?;
            writer
                .create_element("KeyInfo")
                .with_attribute(("xmlns", "http://www.w3.org/2000/09/xmldsig#"))
                .write_inner_content(|writer| {
                    writer.create_element("X509Data").write_inner_content(|writer| {
                        certificates.iter().try_for_each(|certificate| {
                            text_element(writer, "X509Certificate", &base64_lines(certificate))
                        })
                    })?;
                    Ok(())
                })?;
            Ok(())
        },
    )?;
    Ok(())
}

/// Ids count from 1 in the order of the TOC, a folder before what it holds. The
/// order of elements is that of Apple's tools.
fn write_member(writer: &mut XmlWriter, member: &TocMember<'_>, next_id: &mut u64) -> io::Result<()> {
    let id = next_id.to_string();
    *next_id += 1;
    writer.create_element("file").with_attribute(("id", id.as_str())).write_inner_content(|writer| {
        let (name, file_type, mode) = match member {
            TocMember::Directory { name, .. } => (name, "directory", "0755"),
            TocMember::File { name, data } => {
                write_data(writer, data)?;
                (name, "file", "0644")
            }
        };
        text_element(writer, "gid", "0")?;
        text_element(writer, "uid", "0")?;
        text_element(writer, "mode", mode)?;
        text_element(writer, "type", file_type)?;
        text_element(writer, "name", name)?;
        if let TocMember::Directory { members, .. } = member {
            for member in members {
                write_member(writer, member, next_id)?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn write_data(writer: &mut XmlWriter, data: &TocData) -> io::Result<()> {
    writer.create_element("data").write_inner_content(|writer| {
        text_element(writer, "length", &data.length.to_string())?;
        text_element(writer, "offset", &data.offset.to_string())?;
        text_element(writer, "size", &data.size.to_string())?;
        writer.create_element("encoding").with_attribute(("style", data.encoding)).write_empty()?;
        for (element, digest) in
            [("extracted-checksum", &data.extracted), ("archived-checksum", &data.archived)]
        {
            writer
                .create_element(element)
                .with_attribute(("style", "sha1"))
                .write_text_content(quick_xml::events::BytesText::new(&hex(digest)))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 in lines of 76 characters, as in Apple's TOCs.
fn base64_lines(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.chunks(57).map(|chunk| STANDARD.encode(chunk)).collect();
    lines.join("\n")
}
