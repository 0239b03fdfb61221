//! What a run has built so far, in a scratch file: a line of JSON per artifact.
//!
//! Memory holds none of it, so that a run of ten thousand instances needs no
//! more than one of ten.
//!
//! Must not know: what the artifacts are.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A list of records that grows at its end.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    file: BufWriter<File>,
    len: usize,
}

impl Records {
    /// An empty list, kept in the new file `path`.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).open(path)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), len: 0 })
    }

    /// Adds a record at the end.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn push(&mut self, record: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, record)?;
        self.file.write_all(b"\n")?;
        self.len += 1;
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All records, from the first.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn read<T: DeserializeOwned>(&mut self) -> io::Result<impl Iterator<Item = io::Result<T>> + use<T>> {
        self.file.flush()?;
        let lines = BufReader::new(File::open(&self.path)?).lines();
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_read_back_as_often_as_one_likes() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::create(&folder.path().join("records")).unwrap();
        assert!(records.is_empty());
        records.push(&"a\nb").unwrap();
        records.push(&"c").unwrap();
        for _ in 0..2 {
            let read: Vec<String> = records.read().unwrap().map(Result::unwrap).collect();
            assert_eq!(read, ["a\nb", "c"]);
        }
        records.push(&"d").unwrap();
        assert_eq!(records.read::<String>().unwrap().count(), records.len());
    }
}
