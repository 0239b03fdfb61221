//! The digest of a file that the settings name.
//!
//! Must not know: the file.

use super::{NameError, name_type, quoted, refuse};

name_type! {
    /// SHA-256 in hexadecimal: 64 digits 0-9 and a-f.
    Sha256, "a SHA-256 in quotes, 64 digits 0-9 and a-f"
}

impl Sha256 {
    fn check(text: &str) -> Result<(), NameError> {
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            refuse!(
                "{} is not a SHA-256; give the 64 digits 0-9 and a-f that `shasum -a 256 FILE` prints",
                quoted(text)
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;

    #[test]
    fn digests() {
        accepts::<Sha256>(&[&"0a".repeat(32)]);
        refuses::<Sha256>(&["", "0", &"0A".repeat(32), &"0a".repeat(33), &"0g".repeat(32)]);
    }
}
