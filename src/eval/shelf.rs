//! Where recordings of a suite are written: no more than can be read again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::config::{RECORDINGS_BYTES_MAX, RECORDINGS_MAX};

/// Recordings that still find room when no further question is put: of those that are under way.
const SPARE: usize = 1_000;

/// Bytes of them.
const SPARE_BYTES: u64 = 64 * 1024 * 1024;

/// A suite's folder of recordings. What is there is counted, because an answer that was paid for and cannot be read again
/// is bought twice.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    count: usize,
    bytes: u64,
    count_max: usize,
    bytes_max: u64,
}

impl Shelf {
    /// The folder `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(dir: PathBuf) -> io::Result<Self> {
        Shelf::bounded(dir, RECORDINGS_MAX - SPARE, RECORDINGS_BYTES_MAX - SPARE_BYTES)
    }

    fn bounded(dir: PathBuf, count_max: usize, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut shelf = Shelf { count: 0, bytes: 0, count_max, bytes_max, dir };
        for entry in fs::read_dir(&shelf.dir)? {
            let entry = entry?;
            if Path::new(&entry.file_name()).extension().is_some_and(|kind| kind == "json") {
                shelf.count += 1;
                shelf.bytes += fs::metadata(entry.path()).map_or(0, |file| file.len());
            }
        }
        Ok(shelf)
    }

    /// Whether one more may be bought.
    ///
    /// # Errors
    /// There is no room, in a sentence.
    pub fn room(&self) -> Result<(), String> {
        if self.count < self.count_max && self.bytes < self.bytes_max {
            return Ok(());
        }
        Err(format!(
            "{} holds {} recordings with {} bytes in all, and more could not be read again: remove those that nobody asks for, or divide the suite",
            self.dir.display(),
            self.count,
            self.bytes
        ))
    }

    /// Writes a file, in the place of one of the same name.
    ///
    /// # Errors
    /// Why it could not be written, with its path.
    pub fn keep(&mut self, name: &str, text: &str) -> Result<(), String> {
        let path = self.dir.join(name);
        let before = fs::metadata(&path).ok().map(|file| file.len());
        write_whole(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        self.count += usize::from(before.is_none());
        self.bytes = self.bytes.saturating_sub(before.unwrap_or_default()) + text.len() as u64;
        Ok(())
    }
}

/// Writes a file that is there as a whole or not at all, whenever the process ends: half a recording could not be read.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, text)?;
    fs::rename(part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_folder_is_told_before_anything_is_bought() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = dir.path().join("recordings");
        let open = |count_max, bytes_max| Shelf::bounded(at.clone(), count_max, bytes_max).expect("a folder");
        let mut shelf = open(2, 100);
        assert_eq!(shelf.room(), Ok(()));
        shelf.keep("a.json", "one").expect("written");
        shelf.keep("a.json", "another").expect("written");
        assert_eq!((shelf.count, shelf.bytes, shelf.room()), (1, 7, Ok(())));
        shelf.keep("b.json", "two").expect("written");
        let full = shelf.room().expect_err("no room");
        assert!(full.contains("holds 2 recordings with 10 bytes"), "{full}");
        fs::write(at.join("c.part"), "half of one").expect("written");
        let again = open(3, 100);
        assert_eq!((again.count, again.bytes, again.room()), (2, 10, Ok(())), "what is there is counted");
        assert!(open(3, 10).room().is_err());
    }
}
