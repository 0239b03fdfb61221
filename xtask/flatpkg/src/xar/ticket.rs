//! The notarization ticket that is stapled to a package, after the heap.
//!
//! Must not know: what a ticket says. The framing is made of trailers of 16 bytes,
//! little-endian, each after what it is for:
//!
//! ```text
//! "t8lr", version 1 (2), type (2), length before it (4), 0 (4)
//! ```
//!
//! A trailer of type 1 (terminator) and length 0, then the ticket, then a trailer of
//! type 2 with the ticket's length, which ends the file. Source: Apple's packages.

/// A trailer's length in bytes.
pub const TRAILER_LEN: usize = 16;
/// A trailer's first bytes.
pub const TRAILER_MAGIC: &[u8; 4] = b"t8lr";
/// The type of the trailer before the ticket.
pub const TYPE_TERMINATOR: u16 = 1;
/// The type of the trailer after the ticket.
pub const TYPE_TICKET: u16 = 2;

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

/// What follows a heap, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterHeap<'a> {
    /// Nothing: no ticket is stapled.
    Nothing,
    /// A ticket in its framing, with nothing else around it.
    Ticket {
        /// The trailer before it.
        terminator: Trailer,
        /// The ticket.
        ticket: &'a [u8],
        /// The trailer after it.
        trailer: Trailer,
    },
    /// Anything else.
    Unknown,
}

/// Takes apart what [`Archive::trailer`](super::Archive::trailer) gives.
pub fn after_heap(bytes: &[u8]) -> AfterHeap<'_> {
    if bytes.is_empty() {
        return AfterHeap::Nothing;
    }
    framed(bytes).unwrap_or(AfterHeap::Unknown)
}

fn framed(bytes: &[u8]) -> Option<AfterHeap<'_>> {
    let (before, rest) = bytes.split_first_chunk::<TRAILER_LEN>()?;
    let (ticket, after) = rest.split_last_chunk::<TRAILER_LEN>()?;
    let (terminator, trailer) = (trailer(before)?, trailer(after)?);
    let is_framed = terminator.trailer_type == TYPE_TERMINATOR
        && terminator.length == 0
        && trailer.trailer_type == TYPE_TICKET
        && usize::try_from(trailer.length).is_ok_and(|length| length == ticket.len());
    is_framed.then_some(AfterHeap::Ticket { terminator, ticket, trailer })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(trailer_type: u16, length: u32) -> Vec<u8> {
        let mut bytes = TRAILER_MAGIC.to_vec();
        bytes.extend_from_slice(&1u16.to_le_bytes());
        bytes.extend_from_slice(&trailer_type.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes
    }

    #[test]
    fn a_ticket_in_its_framing() {
        let bytes = [framing(1, 0), b"s8ch...".to_vec(), framing(2, 7)].concat();
        let AfterHeap::Ticket { ticket, trailer, .. } = after_heap(&bytes) else { panic!() };
        assert_eq!((ticket, trailer.length), (b"s8ch...".as_slice(), 7));
    }

    #[test]
    fn anything_else_is_unknown() {
        assert_eq!(after_heap(b""), AfterHeap::Nothing);
        for wrong in [
            b"x".to_vec(),
            framing(1, 0),
            [framing(1, 0), framing(2, 1)].concat(),
            [framing(1, 0), b"x".to_vec(), framing(2, 2)].concat(),
            [framing(2, 0), b"x".to_vec(), framing(2, 1)].concat(),
        ] {
            assert_eq!(after_heap(&wrong), AfterHeap::Unknown);
        }
    }
}
