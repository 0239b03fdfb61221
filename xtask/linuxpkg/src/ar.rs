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

use std::io::{self, Read};

/// The first bytes.
pub const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Bytes of a member's header.
const HEADER_LEN: usize = 60;

/// Writes an archive of regular files.
pub fn write(members: &[(&str, &[u8])], time: u32) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for (name, content) in members {
        let length = content.len();
        let header = format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{length:<10}`\n", 0, 0, "100644");
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        if length % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A member without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, without blanks and a slash at its end.
    pub name: String,
    /// Bytes of content.
    pub size: u64,
}

/// Reads members one after the other; as a [`Read`] it gives the current one's content.
pub struct Reader<R> {
    input: R,
    left: u64,
    is_odd: bool,
}

impl<R: Read> Reader<R> {
    /// Reads from behind the first eight bytes.
    pub fn new(input: R) -> Self {
        Self { input, left: 0, is_odd: false }
    }

    /// Goes to the next member, past what is left of the current one. `None` after the last.
    ///
    /// # Errors
    /// What the input reports, and what is not a member.
    pub fn next_member(&mut self) -> io::Result<Option<Member>> {
        let skipped = io::copy(&mut (&mut self.input).take(self.left), &mut io::sink())?;
        if skipped < self.left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut pad = [0];
        // At the very end it may be missing.
        if self.is_odd && self.fill(&mut pad)? == 1 && pad != *b"\n" {
            return Err(wrong("a byte that fills up is not a line's end"));
        }
        (self.left, self.is_odd) = (0, false);
        let mut header = [0; HEADER_LEN];
        match self.fill(&mut header)? {
            0 => return Ok(None),
            HEADER_LEN if header[58..] == *b"`\n" => {}
            HEADER_LEN => return Err(wrong("a member's header does not end as one")),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        let text = |at: std::ops::Range<usize>| String::from_utf8_lossy(&header[at]).trim_end().to_owned();
        let size = text(48..58);
        let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        let size = size
            .parse()
            .ok()
            .filter(|_| is_number)
            .ok_or_else(|| wrong("a member's size is not a number"))?;
        (self.left, self.is_odd) = (size, size % 2 == 1);
        let name = text(0..16);
        Ok(Some(Member { name: name.strip_suffix('/').unwrap_or(&name).to_owned(), size }))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.input.read(&mut buffer[..wanted])?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn wrong(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes = write(&[("odd", b"abc"), ("even/", b"ab"), ("none", b"")], 7);
        let mut reader = Reader::new(&bytes[MAGIC.len()..]);
        let mut found = Vec::new();
        while let Some(member) = reader.next_member().unwrap() {
            let mut content = String::new();
            if member.name != "odd" {
                reader.read_to_string(&mut content).unwrap();
            }
            found.push((member.name, member.size, content));
        }
        let expected = [("odd", 3, ""), ("even", 2, "ab"), ("none", 0, "")];
        assert_eq!(found, expected.map(|(name, size, text)| (name.to_owned(), size, text.to_owned())));
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        let bytes = write(&[("one", b"abcd")], 7);
        let all = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            while reader.next_member()?.is_some() {}
            Ok::<_, io::Error>(())
        };
        for length in MAGIC.len() + 1..bytes.len() {
            assert!(all(&bytes[MAGIC.len()..length]).is_err(), "{length}");
        }
        for (at, byte) in [(48, b'-'), (48, b' '), (58, b' ')] {
            let mut changed = bytes[MAGIC.len()..].to_vec();
            changed[at] = byte;
            assert!(all(&changed).is_err(), "{at}");
        }
    }
}
