//! What a pax header says about the next entry: lines of a length, a key and a value.
//!
//! ```text
//! 30 mtime=1750000000.123456789\n    the length counts the whole line
//! ```
//!
//! Must not know: archives. Source: POSIX's `pax`, "pax Extended Header".

use super::read::Entry;

/// What was said.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// Bytes of content.
    pub size: Option<u64>,
    /// Whether the file has holes.
    pub is_sparse: bool,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    uid: Option<u64>,
    gid: Option<u64>,
    user: Option<String>,
    group: Option<String>,
    time: Option<i64>,
}

impl Extra {
    /// Takes a header's content; what is known already is replaced.
    pub fn read(&mut self, mut text: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "has lines that are not a length, a key and a value";
        while !text.is_empty() {
            let blank = text.iter().take(20).position(|byte| *byte == b' ').ok_or(WRONG)?;
            let length =
                number(&text[..blank]).and_then(|length| usize::try_from(length).ok()).ok_or(WRONG)?;
            let line = text.get(blank + 1..length).ok_or(WRONG)?;
            text = &text[length..];
            let line = line.strip_suffix(b"\n").ok_or(WRONG)?;
            let equals = line.iter().position(|byte| *byte == b'=').ok_or(WRONG)?;
            self.set(&line[..equals], &line[equals + 1..]).ok_or(WRONG)?;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let text = || String::from_utf8_lossy(value).into_owned();
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number(value)?),
            b"uid" => self.uid = Some(number(value)?),
            b"gid" => self.gid = Some(number(value)?),
            b"uname" => self.user = Some(text()),
            b"gname" => self.group = Some(text()),
            b"mtime" => {
                let (sign, digits) = match value.strip_prefix(b"-") {
                    Some(digits) => (-1, digits),
                    None => (1, value),
                };
                let whole = digits.split(|byte| *byte == b'.').next()?;
                self.time = Some(sign * i64::try_from(number(whole)?).ok()?);
            }
            _ if key.starts_with(b"GNU.sparse") => self.is_sparse = true,
            _ => {}
        }
        Some(())
    }

    /// Puts it into an entry.
    pub fn apply(&mut self, entry: &mut Entry) {
        let put = |from: &mut Option<Vec<u8>>, into: &mut Vec<u8>| {
            if let Some(text) = from.take() {
                *into = text;
            }
        };
        put(&mut self.path, &mut entry.path);
        put(&mut self.link, &mut entry.link);
        entry.uid = self.uid.unwrap_or(entry.uid);
        entry.gid = self.gid.unwrap_or(entry.gid);
        entry.time = self.time.unwrap_or(entry.time);
        entry.user = self.user.take().unwrap_or(std::mem::take(&mut entry.user));
        entry.group = self.group.take().unwrap_or(std::mem::take(&mut entry.group));
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
