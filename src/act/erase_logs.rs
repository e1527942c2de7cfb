//! Taking the lines that hold a person's data out of the logs of `store.append`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::Serialize;

use super::store_append::{WHOLE_BYTES_MAX, open};
use crate::decide::erase::Key;

/// Ending of a log's name.
const LOG: &str = "jsonl";

/// Ending of a log that is being written anew.
const PART: &str = "part";

/// A log in which the key stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasedLog {
    /// The log's name.
    pub log: String,
    pub lines: u64,
}

/// Removes from every log in `log_dir` the lines in which `key` stands; a dry run only counts them. Each log is written
/// anew beside the old one and takes its place at once; who wants to append waits. Blocks: for a thread that may.
///
/// # Errors
/// The disk's, or a line is longer than any of ours. The log in question is as it was, those before it are done.
pub fn erase_from_logs(log_dir: &Path, key: &Key, dry_run: bool) -> io::Result<Vec<ErasedLog>> {
    let entries = match fs::read_dir(log_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut erased = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let (Some(LOG), Some(log)) =
            (path.extension().and_then(|e| e.to_str()), path.file_stem().and_then(|s| s.to_str()))
        else {
            continue;
        };
        if !path.is_file() {
            continue;
        }
        let told = |error: io::Error| io::Error::new(error.kind(), format!("the log {log}: {error}"));
        let lines = erase_from(&path, key, dry_run).map_err(told)?;
        if lines > 0 {
            erased.push(ErasedLog { log: log.to_owned(), lines });
        }
    }
    erased.sort_by(|a, b| a.log.cmp(&b.log));
    Ok(erased)
}

fn erase_from(path: &Path, key: &Key, dry_run: bool) -> io::Result<u64> {
    // Held until the new one stands in its place.
    let mut log = open(path)?;
    let lines = copy_without(&mut log, key, &mut io::sink())?;
    if lines == 0 || dry_run {
        return Ok(lines);
    }
    let part = path.with_extension(PART);
    let written = (|| {
        let mut options = OpenOptions::new();
        let new = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        new.set_permissions(log.metadata()?.permissions())?;
        let mut writer = BufWriter::new(new);
        copy_without(&mut log, key, &mut writer)?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&part, path)?;
        // So that the old one does not come back after a power cut.
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    })();
    if written.is_err() {
        // It may not be there; the next time it is written over.
        let _ = fs::remove_file(&part);
    }
    written.map(|()| lines)
}

/// Copies the lines in which the key does not stand; how many it left out.
fn copy_without(log: &mut File, key: &Key, to: &mut impl Write) -> io::Result<u64> {
    log.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(64 * 1024, log);
    let mut line = Vec::new();
    let mut left_out = 0;
    loop {
        line.clear();
        let read = reader.by_ref().take(WHOLE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            to.flush()?;
            return Ok(left_out);
        }
        if read as u64 == WHOLE_BYTES_MAX && line.last() != Some(&b'\n') {
            let told = format!(
                "a line has more than {WHOLE_BYTES_MAX} bytes, so it is none of ours: look at it by hand"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        if key.stands_in(&line) {
            left_out += 1;
        } else {
            to.write_all(&line)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::new("ada@engines.example")
    }

    #[test]
    fn lines_that_hold_the_key_go_and_the_others_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("payments.jsonl");
        let (ours, theirs) = ("{\"line\":\"ADA@engines.example\"}\n", "{\"line\":\"bob\"}\n");
        fs::write(&path, format!("{ours}{theirs}{ours}torn")).unwrap();
        fs::write(dir.path().join("spam.jsonl"), theirs).unwrap();
        fs::write(dir.path().join("notes.txt"), ours).unwrap();
        let want = [ErasedLog { log: "payments".to_owned(), lines: 2 }];
        assert_eq!(erase_from_logs(dir.path(), &key(), true).unwrap(), want);
        assert!(fs::read_to_string(&path).unwrap().starts_with(ours), "a dry run changes nothing");
        assert_eq!(erase_from_logs(dir.path(), &key(), false).unwrap(), want);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{theirs}torn"));
        assert_eq!(erase_from_logs(dir.path(), &key(), false).unwrap(), []);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "nothing is left beside the logs");
        assert_eq!(erase_from_logs(&dir.path().join("absent"), &key(), false).unwrap(), []);
    }

    #[test]
    fn who_waited_to_append_appends_to_the_new_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("payments.jsonl");
        fs::write(&path, "ada@engines.example\n").unwrap();
        let holder = open(&path).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let path = path.clone();
                std::thread::Builder::new().spawn(move || {
                    if n == 0 {
                        erase_from(&path, &key(), false).map(|_| ())
                    } else {
                        open(&path)?.write_all(b"bob\n")
                    }
                })
            })
            .collect();
        drop(holder);
        threads.into_iter().for_each(|thread| thread.unwrap().join().unwrap().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "bob\nbob\nbob\n");
    }

    #[test]
    fn a_line_longer_than_any_of_ours_is_left_to_a_person() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("foreign.jsonl");
        fs::write(&path, "x".repeat(3 << 20) + "ada@engines.example\n").unwrap();
        let error = erase_from_logs(dir.path(), &key(), false).unwrap_err();
        assert!(error.to_string().starts_with("the log foreign: a line has more than"), "{error}");
        assert_eq!(fs::metadata(&path).unwrap().len(), (3 << 20) + 20);
    }
}
