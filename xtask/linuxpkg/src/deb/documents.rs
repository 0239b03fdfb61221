//! What Debian has every package carry in `/usr/share/doc`: `copyright` and a changelog.
//!
//! Must not know: archives.

use crate::date;
use crate::package::{Change, Package};
use crate::text::wrapped;

/// Widest line of a changelog.
const WIDTH: usize = 76;

/// `copyright`, in the form that programs can read.
pub fn copyright(package: &Package) -> String {
    // What Debian calls licences, where it is not what SPDX calls them.
    let license = match package.license.as_str() {
        "MIT" => "Expat",
        other => other,
    };
    let mut text =
        String::from("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n");
    text.push_str(&format!("Upstream-Name: {}\n", package.name));
    text.push_str(&format!("Upstream-Contact: {}\n", package.maintainer));
    if let Some(homepage) = &package.homepage {
        text.push_str(&format!("Source: {homepage}\n"));
    }
    let holders = package.copyright.holders.join("\n           ");
    text.push_str(&format!("\nFiles: *\nCopyright: {holders}\nLicense: {license}\n"));
    for line in package.copyright.text.trim_end().lines() {
        match line.trim_end() {
            "" => text.push_str(" .\n"),
            line => text.push_str(&format!(" {line}\n")),
        }
    }
    text
}

/// The changelog before it is compressed.
pub fn changelog(package: &Package) -> String {
    let entry = |change: &Change| {
        let date = date::in_words(change.time, "+0000");
        let mut text = format!("{} ({}) unstable; urgency=medium\n\n", package.name, change.version);
        for line in &change.lines {
            for (number, part) in wrapped(line, WIDTH - 4).iter().enumerate() {
                let mark = if number == 0 { "  * " } else { "    " };
                text.push_str(&format!("{mark}{part}\n"));
            }
        }
        text.push_str(&format!("\n -- {}  {date}\n", package.maintainer));
        text
    };
    package.changes.iter().map(entry).collect::<Vec<_>>().join("\n")
}
