//! The commit that a run is built from.
//!
//! Must not know: git, or which CI says it.

use super::{NameError, name_type, quoted, refuse};

name_type! {
    /// A commit, as git prints it: 7 to 64 hexadecimal digits.
    Commit, "the commit that is built, as `git rev-parse HEAD` prints it"
}

impl Commit {
    fn check(text: &str) -> Result<(), NameError> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !digits || !(7..=64).contains(&text.len()) {
            refuse!(
                "{} is not a commit; give it as `git rev-parse HEAD` prints it: 7 to 64 digits 0-9 and a-f",
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
    fn commits() {
        accepts::<Commit>(&["d7cdf4b", "11bd71901bbe5b1630ceea73d27597364c9af683", &"a".repeat(64)]);
        refuses::<Commit>(&["", "main", "D7CDF4B", "d7cdf4", "d7cdf4b\n", "$(id)123", &"a".repeat(65)]);
    }
}
