//! Versions of dotted numbers, as Installer and macOS compare them.
//!
//! Must not know: what has the version.

use std::cmp::Ordering;

use super::{NameError, name_type, quoted, refuse};

name_type!(
    /// A package's version: one to eight numbers of one to fourteen digits,
    /// joined by dots. Leading zeros are allowed (`2026.04.01`).
    ///
    /// `==` compares the text, which is what file names and manifests show.
    /// [`installer_cmp`](Self::installer_cmp) compares what it means; there is
    /// no `Ord`, which would have to agree with `==`.
    PackageVersion, "a version in quotes, as \"1.0.0\""
);

/// More parts than any scheme has.
const PARTS_MAX: usize = 8;
/// A date with its time to the second. With the longest instance name around
/// it, a file name stays well under 255 bytes.
const DIGITS_MAX: usize = 14;

impl PackageVersion {
    fn check(text: &str) -> Result<(), NameError> {
        const RIGHT: &str = "numbers joined by dots, as `1.4.0` or `2026.04.01`";
        if !text.split('.').all(is_number) {
            refuse!("{} is not a version that Installer can compare; use {RIGHT}", quoted(text));
        }
        if text.split('.').count() > PARTS_MAX {
            refuse!("{} has more than {PARTS_MAX} numbers; give fewer", quoted(text));
        }
        if text.split('.').any(|part| part.len() > DIGITS_MAX) {
            refuse!("{} has a number of more than {DIGITS_MAX} digits; give a shorter one", quoted(text));
        }
        Ok(())
    }

    /// Compares as Installer does when it decides between upgrade and
    /// downgrade: number by number, a missing one is zero. `1.0` and `1.0.0`
    /// are equal here and not by `==`; `1.9` is less than `1.10`.
    pub fn installer_cmp(&self, other: &Self) -> Ordering {
        compare_dotted(self.as_str(), other.as_str())
    }
}

name_type!(
    /// A version of macOS: one to three numbers joined by dots, without
    /// leading zeros, as `26`, `13.0` or `10.15.7`. Its first is 10 or more.
    ///
    /// `==` compares the text; [`macos_cmp`](Self::macos_cmp) what it means.
    MacosVersion, "a macOS version in quotes, as \"13.0\""
);

impl MacosVersion {
    fn check(text: &str) -> Result<(), NameError> {
        let part = |part: &str| is_number(part) && part.len() <= 3 && (part == "0" || !part.starts_with('0'));
        let major = text.split('.').next().unwrap_or_default();
        if !text.split('.').all(part) || text.split('.').count() > 3 || major.len() < 2 {
            refuse!("{} is not a version of macOS; give one as `13.0`, `26` or `10.15.7`", quoted(text));
        }
        Ok(())
    }

    /// Compares number by number; a missing one is zero, so `13` equals `13.0`.
    pub fn macos_cmp(&self, other: &Self) -> Ordering {
        compare_dotted(self.as_str(), other.as_str())
    }
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Both sides are numbers joined by dots, of any length: without leading zeros
/// the longer number is the larger, and text order is the order of equals.
fn compare_dotted(a: &str, b: &str) -> Ordering {
    let mut left = a.split('.');
    let mut right = b.split('.');
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => (x.unwrap_or("0"), y.unwrap_or("0")),
        };
        let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
        match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
            Ordering::Equal => {}
            order => return order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::names::testing::{accepts, refuses};

    #[test]
    fn package_versions() {
        accepts::<PackageVersion>(&[
            "1",
            "0",
            "1.0.0",
            "2026.04.01",
            "00.1",
            "1.2.3.4.5.6.7.8",
            &"9".repeat(14),
        ]);
        refuses::<PackageVersion>(&[
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "v1",
            "1.0-rc1",
            "1,0",
            "-1",
            "+1",
            " 1",
            "1\n",
            "١",
            "1.2.3.4.5.6.7.8.9",
            &"9".repeat(15),
        ]);
    }

    #[test]
    fn macos_versions() {
        accepts::<MacosVersion>(&["26", "13.0", "10.15.7", "11", "15.0.1"]);
        refuses::<MacosVersion>(&[
            "",
            "9",
            "9.2",
            "0",
            "013",
            "13.00",
            "13.",
            "1.2.3.4",
            "10.15.7.1",
            "Ventura",
            "13.0b",
            "1000",
        ]);
    }

    #[test]
    fn the_order_of_versions() {
        let version = |text: &str| text.parse::<PackageVersion>().unwrap();
        for (a, b, order) in [
            ("1.0", "1.0.0", Ordering::Equal),
            ("1", "1.0.0.0", Ordering::Equal),
            ("1.9", "1.10", Ordering::Less),
            ("2026.04.01", "2026.4.1", Ordering::Equal),
            ("2026.04.01", "2026.03.31", Ordering::Greater),
            ("1.0.0.1", "1", Ordering::Greater),
            ("0.0", "00", Ordering::Equal),
            ("99999999999999", "1000000000000", Ordering::Greater),
        ] {
            assert_eq!(version(a).installer_cmp(&version(b)), order, "{a} {b}");
            assert_eq!(version(b).installer_cmp(&version(a)), order.reverse(), "{b} {a}");
        }
        assert_ne!(version("1.0"), version("1.0.0"));
        let macos = |text: &str| text.parse::<MacosVersion>().unwrap();
        assert_eq!(macos("13").macos_cmp(&macos("13.0")), Ordering::Equal);
        assert_eq!(macos("10.15.7").macos_cmp(&macos("26")), Ordering::Less);
    }
}
