//! The notarization ticket that is stapled to a package, at the file's end.
//!
//! Must not know: whether a ticket is true; signatures and certificates stay bytes.
//! All numbers are little-endian, and lengths are in bytes:
//!
//! ```text
//! framing    trailer of type 1 and length 0, ticket, trailer of type 2
//! trailer    "t8lr", version 1 (2), type (2), length of what is before it (4), 0 (4)
//! ticket     "s8ch", version 1 (4), length of the certificates (4) and of the payload (4),
//!            certificates: a DER SEQUENCE of them, the signer's first
//!            payload
//!            signature: DER, ECDSA over everything before it, from "s8ch" on
//!            zeros up to a multiple of 4
//! payload    "g8tk", version 2 (2), length of a digest 20 (2), number of entries (4), 0 (4),
//!            seconds since 1970 (8), the entries
//! entry      type of the digest (1: 1 SHA-1, 2 SHA-256), digest (20, longer ones are cut)
//! ```
//!
//! The file ends with the trailer of type 2, so a ticket is found from there: where
//! the heap ends is not always where the table of contents says. Source: the tickets
//! of 64 of Apple's packages.

use thiserror::Error;

/// A trailer's length in bytes.
pub const TRAILER_LEN: usize = 16;
/// A trailer's first bytes.
pub const TRAILER_MAGIC: &[u8; 4] = b"t8lr";
/// The type of the trailer before the ticket.
pub const TYPE_TERMINATOR: u16 = 1;
/// The type of the trailer after the ticket.
pub const TYPE_TICKET: u16 = 2;
/// A ticket's first bytes.
pub const TICKET_MAGIC: &[u8; 4] = b"s8ch";
/// A payload's first bytes.
pub const PAYLOAD_MAGIC: &[u8; 4] = b"g8tk";
/// The length of an entry's digest in bytes.
pub const ENTRY_DIGEST_LEN: usize = 20;

/// An entry's length in bytes.
const ENTRY_LEN: usize = 1 + ENTRY_DIGEST_LEN;
/// The ticket's length before its certificates, in bytes.
const TICKET_HEAD_LEN: usize = 16;
/// The payload's length before its entries, in bytes.
const PAYLOAD_HEAD_LEN: usize = 24;
/// What a ticket's length is a multiple of.
const ALIGNMENT: usize = 4;

/// A trailer's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// The framing's version, 1.
    pub version: u16,
    /// [`TYPE_TERMINATOR`] or [`TYPE_TICKET`] in those that are known.
    pub trailer_type: u16,
    /// How many bytes before it are its content.
    pub length: u32,
    /// 0 in those that are known.
    pub reserved: u32,
}

/// Why a ticket cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TicketError {
    /// What is framed is longer than what is there.
    #[error("it is said to have more bytes than the file has")]
    TooLong,
    /// The framing is not as it should be.
    #[error("its framing is not one that is known")]
    Framing,
    /// The ticket does not begin as one.
    #[error("what is framed is not a ticket")]
    NoTicket,
    /// The ticket's parts are longer than it is.
    #[error("its parts are not as long as it says")]
    Lengths,
    /// The payload is not as it should be.
    #[error("what it says is not in a form that is known")]
    Payload,
    /// Something other than zeros fills it up.
    #[error("something follows its signature")]
    Padding,
}

/// A ticket, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<'a> {
    /// The certificates in DER, each by itself, the signer's first.
    pub certificates: Vec<&'a [u8]>,
    /// What the signature is over.
    pub signed: &'a [u8],
    /// The signature in DER.
    pub signature: &'a [u8],
    /// When it was made, in seconds since 1970.
    pub time: u64,
    /// What it is for.
    pub entries: Vec<Entry>,
}

/// The digest of something that the ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// 1 SHA-1, 2 SHA-256 in those that are known.
    pub digest_type: u8,
    /// The digest's first 20 bytes.
    pub digest: [u8; ENTRY_DIGEST_LEN],
}

/// How many bytes at a file's end are a ticket and its framing, by the file's last
/// 16 bytes; `None` if they are no trailer.
pub fn framed_len(last: &[u8; TRAILER_LEN]) -> Option<u64> {
    Some(u64::from(trailer(last)?.length) + 2 * TRAILER_LEN as u64)
}

/// What is put behind a package's heap to staple a ticket: the ticket, filled up, in its
/// framing.
///
/// # Errors
/// [`TicketError::TooLong`].
pub fn frame(ticket: &[u8]) -> Result<Vec<u8>, TicketError> {
    let length = ticket.len().next_multiple_of(ALIGNMENT);
    let after = Trailer::new(TYPE_TICKET, u32::try_from(length).map_err(|_| TicketError::TooLong)?);
    let mut framed = Trailer::new(TYPE_TERMINATOR, 0).to_bytes().to_vec();
    framed.extend(ticket);
    framed.resize(TRAILER_LEN + length, 0);
    framed.extend(after.to_bytes());
    Ok(framed)
}

/// Takes as many bytes apart as [`framed_len`] says, which end the file.
///
/// # Errors
/// [`TicketError`], if anything is not as described above.
pub fn read(framed: &[u8]) -> Result<Ticket<'_>, TicketError> {
    let (before, rest) = framed.split_first_chunk().ok_or(TicketError::TooLong)?;
    let (ticket, after) = rest.split_last_chunk().ok_or(TicketError::TooLong)?;
    let length = u32::try_from(ticket.len()).map_err(|_| TicketError::TooLong)?;
    let is_framed = trailer(before) == Some(Trailer::new(TYPE_TERMINATOR, 0))
        && trailer(after) == Some(Trailer::new(TYPE_TICKET, length));
    if !is_framed {
        return Err(TicketError::Framing);
    }
    let head = ticket.strip_prefix(TICKET_MAGIC).ok_or(TicketError::NoTicket)?;
    let (version, head) = number(head).ok_or(TicketError::Lengths)?;
    let (certificates_len, head) = number(head).ok_or(TicketError::Lengths)?;
    let (payload_len, body) = number(head).ok_or(TicketError::Lengths)?;
    if version != 1 {
        return Err(TicketError::NoTicket);
    }
    let (certificates, rest) = body.split_at_checked(certificates_len).ok_or(TicketError::Lengths)?;
    let (payload, rest) = rest.split_at_checked(payload_len).ok_or(TicketError::Lengths)?;
    let signed = &ticket[..TICKET_HEAD_LEN + certificates_len + payload_len];
    let (signature, padding) = der(rest).ok_or(TicketError::Lengths)?;
    if padding.iter().any(|byte| *byte != 0) || padding.len() >= ALIGNMENT {
        return Err(TicketError::Padding);
    }
    let (time, entries) = self::payload(payload).ok_or(TicketError::Payload)?;
    let certificates = self::certificates(certificates).ok_or(TicketError::Lengths)?;
    Ok(Ticket { certificates, signed, signature, time, entries })
}

/// A trailer, if these bytes are one.
pub fn trailer(bytes: &[u8; TRAILER_LEN]) -> Option<Trailer> {
    let rest = bytes.strip_prefix(TRAILER_MAGIC)?;
    let (version, rest) = rest.split_first_chunk()?;
    let (trailer_type, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some(Trailer {
        version: u16::from_le_bytes(*version),
        trailer_type: u16::from_le_bytes(*trailer_type),
        length: u32::from_le_bytes(*length),
        reserved: u32::from_le_bytes(*rest.first_chunk()?),
    })
}

impl Trailer {
    /// One of this type, behind so many bytes.
    pub fn new(trailer_type: u16, length: u32) -> Self {
        Self { version: 1, trailer_type, length, reserved: 0 }
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; TRAILER_LEN] {
        let mut bytes = [0; TRAILER_LEN];
        bytes[..4].copy_from_slice(TRAILER_MAGIC);
        bytes[4..6].copy_from_slice(&self.version.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.trailer_type.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12..].copy_from_slice(&self.reserved.to_le_bytes());
        bytes
    }
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn payload(bytes: &[u8]) -> Option<(u64, Vec<Entry>)> {
    let (head, entries) = bytes.split_first_chunk::<PAYLOAD_HEAD_LEN>()?;
    let fields = head.strip_prefix(PAYLOAD_MAGIC)?;
    let (kind, fields) = fields.split_first_chunk::<4>()?;
    let (count, fields) = number(fields)?;
    let (reserved, time) = number(fields)?;
    let is_known = *kind == [2, 0, 20, 0] && reserved == 0;
    if !is_known || Some(entries.len()) != count.checked_mul(ENTRY_LEN) {
        return None;
    }
    let entries = entries
        .chunks_exact(ENTRY_LEN)
        .map(|entry| Some(Entry { digest_type: entry[0], digest: *entry[1..].first_chunk()? }))
        .collect::<Option<_>>()?;
    Some((u64::from_le_bytes(*time.first_chunk()?), entries))
}

fn certificates(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (all, behind) = der(bytes)?;
    if !behind.is_empty() {
        return None;
    }
    // Tag and length of the sequence itself.
    let mut rest = &all[header_len(all)?..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (one, next) = der(rest)?;
        found.push(one);
        rest = next;
    }
    Some(found)
}

/// The DER sequence at the beginning, and what follows it.
fn der(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    if *bytes.first()? != SEQUENCE {
        return None;
    }
    let head = header_len(bytes)?;
    let content = match head {
        2 => usize::from(bytes[1]),
        _ => bytes[2..head].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    bytes.split_at_checked(head.checked_add(content)?)
}

/// The length of a tag and its length, in bytes; lengths of up to three bytes.
fn header_len(bytes: &[u8]) -> Option<usize> {
    let more = match *bytes.get(1)? {
        0..=0x7f => 0,
        first @ 0x81..=0x83 => usize::from(first & 0x7f),
        _ => return None,
    };
    (bytes.len() >= 2 + more).then_some(2 + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ticket of a certificate that is none and a signature that is none.
    fn framed() -> Vec<u8> {
        let certificates = [0x30, 7, 0x30, 3, 1, 2, 3, 0x30, 0];
        let entries = [[1; ENTRY_LEN], [2; ENTRY_LEN]].concat();
        let mut payload = b"g8tk\x02\0\x14\0\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0".to_vec();
        payload.extend(entries);
        let mut ticket = b"s8ch\x01\0\0\0\x09\0\0\0".to_vec();
        ticket.extend((payload.len() as u32).to_le_bytes());
        ticket.extend(certificates);
        ticket.extend(payload);
        ticket.extend([0x30, 1, 9, 0, 0]);
        let end = Trailer::new(2, ticket.len() as u32).to_bytes();
        [&Trailer::new(1, 0).to_bytes()[..], &ticket, &end].concat()
    }

    #[test]
    fn a_ticket_and_its_parts() {
        let framed = framed();
        let last = framed.last_chunk().unwrap();
        assert_eq!(framed_len(last), Some(framed.len() as u64));
        let ticket = read(&framed).unwrap();
        assert_eq!(ticket.certificates, [&[0x30, 3, 1, 2, 3][..], &[0x30, 0]]);
        assert_eq!((ticket.time, ticket.signature), (5, &[0x30, 1, 9][..]));
        assert_eq!(ticket.signed.len(), framed.len() - 2 * TRAILER_LEN - 5);
        let types: Vec<u8> = ticket.entries.iter().map(|entry| entry.digest_type).collect();
        assert_eq!(types, [1, 2]);
        assert_eq!(ticket.entries[1].digest, [2; 20]);
    }

    #[test]
    fn what_is_framed_again_is_the_same() {
        let framed = framed();
        let ticket = &framed[TRAILER_LEN..framed.len() - TRAILER_LEN];
        assert_eq!(frame(ticket).unwrap(), framed);
        assert_eq!(frame(&ticket[..ticket.len() - 2]).unwrap(), framed, "filled up with zeros");
    }

    #[test]
    fn a_file_that_ends_otherwise_has_none() {
        assert_eq!(framed_len(b"t8lq\x01\0\x02\0\x07\0\0\0\0\0\0\0"), None);
        assert_eq!(framed_len(&[0; TRAILER_LEN]), None);
    }

    #[test]
    fn every_cut_and_every_length_is_noticed() {
        let framed = framed();
        for end in 0..framed.len() {
            assert!(read(&framed[..end]).is_err(), "{end} bytes");
        }
        // Trailers, the ticket's head, the payload's head but for the time, and the padding.
        let head = (0..TRAILER_LEN + TICKET_HEAD_LEN).chain(TRAILER_LEN + 25..TRAILER_LEN + 41);
        let end = framed.len() - TRAILER_LEN - 2..framed.len();
        for position in head.chain(end) {
            for bit in 0..8 {
                let mut changed = framed.clone();
                changed[position] ^= 1 << bit;
                assert!(read(&changed).is_err(), "bit {bit} of byte {position}");
            }
        }
    }
}
