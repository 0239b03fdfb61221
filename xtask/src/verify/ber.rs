//! BER as bytes: where a structure ends, and what it is made of.
//!
//! What was parsed may have been written in another way than what was signed; here the
//! bytes themselves are taken apart. Lengths are definite or not: Apple's signatures
//! are of indefinite length. Source: ITU-T X.690, 8.1.
//!
//! Must not know: what structures mean.

/// How deep BER structures may be nested. Certificates need about a dozen.
const BER_DEPTH_MAX: usize = 32;

/// Length of the BER structure at the beginning of `bytes`, definite or not.
pub fn length(bytes: &[u8], depth: usize) -> Option<usize> {
    if depth > BER_DEPTH_MAX {
        return None;
    }
    let tag = *bytes.first()?;
    let mut at = 1;
    if tag & 0x1f == 0x1f {
        // A tag of several bytes ends with one below 0x80.
        at += 1 + bytes.get(at..)?.iter().position(|byte| byte & 0x80 == 0)?;
    }
    let first = *bytes.get(at)?;
    at += 1;
    match first {
        0x80 => loop {
            let rest = bytes.get(at..)?;
            if rest.starts_with(&[0, 0]) {
                return Some(at + 2);
            }
            at += length(rest, depth + 1)?;
        },
        0..=0x7f => at.checked_add(first.into()).filter(|end| *end <= bytes.len()),
        _ => {
            let octets = bytes.get(at..at + usize::from(first & 0x7f))?;
            let length = octets.iter().try_fold(0_usize, |length, byte| {
                length.checked_mul(256).map(|length| length + usize::from(*byte))
            })?;
            (at + octets.len()).checked_add(length).filter(|end| *end <= bytes.len())
        }
    }
}

/// The structures right in the constructed one at the beginning of `bytes`.
pub fn children(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    const CONSTRUCTED: u8 = 0x20;
    let whole = &bytes[..length(bytes, 0)?];
    // Tags of several bytes have no place where this is used.
    if whole[0] & CONSTRUCTED == 0 || whole[0] & 0x1f == 0x1f {
        return None;
    }
    let mut rest = match *whole.get(1)? {
        0x80 => &whole[2..whole.len() - 2],
        first if first < 0x80 => &whole[2..],
        first => whole.get(2 + usize::from(first & 0x7f)..)?,
    };
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (one, next) = rest.split_at(length(rest, 0)?);
        found.push(one);
        rest = next;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_definite_and_not() {
        assert_eq!(length(&[0x30, 2, 1, 2, 9], 0), Some(4));
        assert_eq!(length(&[0x30, 0x80, 4, 1, 7, 0, 0, 0], 0), Some(7));
        assert_eq!(length(&[0x30, 0x81, 1, 7, 0], 0), Some(4));
        for wrong in
            [&[][..], &[0x30], &[0x30, 3, 1], &[0x30, 0x80, 4, 1], &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1]]
        {
            assert_eq!(length(wrong, 0), None, "{wrong:?}");
        }
        assert_eq!(length(&[0x30, 0x80].repeat(1000), 0), None, "nested without end");
    }

    #[test]
    fn what_a_structure_is_made_of() {
        let parts: [&[u8]; 2] = [&[2, 1, 9], &[0x30, 0]];
        for whole in [
            &[0x30, 5, 2, 1, 9, 0x30, 0, 7][..],
            &[0x30, 0x81, 5, 2, 1, 9, 0x30, 0],
            &[0x30, 0x80, 2, 1, 9, 0x30, 0, 0, 0],
        ] {
            assert_eq!(children(whole).unwrap(), parts);
        }
        for wrong in [&[][..], &[4, 1, 0], &[0x30, 3, 2, 2, 1], &[0x3f, 1, 0]] {
            assert_eq!(children(wrong), None, "{wrong:?}");
        }
    }
}
