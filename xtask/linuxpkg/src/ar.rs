//! `ar`, the archive around a `.deb`.
//!
//! ```text
//! "!<arch>\n"
//! member   name (16), time (12), user (6), group (6), all decimal; mode (8, octal),
//!          size (10), "`\n"; each padded with blanks. Then the content, and a "\n" where
//!          its length is odd.
//! ```
//!
//! Must not know: what members mean. Sources: deb(5), ar(5).

/// The first bytes.
pub const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Writes an archive of regular files.
pub fn write(members: &[(&str, &[u8])], time: u32) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for (name, content) in members {
        let length = content.len();
        out.extend_from_slice(
            format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{length:<10}`\n", 0, 0, "100644").as_bytes(),
        );
        out.extend_from_slice(content);
        if length % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}
