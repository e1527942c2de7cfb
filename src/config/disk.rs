//! Reading the files from a folder and writing them to one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    codes,
    files::{FOLDERS, Files, is_looked_into, is_read, is_recording},
    problem::{At, Problem, Problems},
};

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Most bytes that all files together may have, recordings left out.
pub const FILES_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most files and folders that are looked at, recordings left out.
pub const FILES_MAX: usize = 20_000;
/// Most recordings of one suite: 10,000 cases with three samples by three judges, and some.
pub const RECORDINGS_MAX: usize = 100_000;
/// Most bytes that the recordings of one suite may have.
pub const RECORDINGS_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Depth of folders that are looked into, so that a symlink to a parent ends somewhere.
pub(super) const FOLDER_DEPTH_MAX: usize = 8;

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Files that are there already, all of them. Nothing was written.
    #[error("these files exist already and are left as they are: {}", .0.join(", "))]
    Exist(Vec<String>),
    #[error("cannot write {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl Files {
    /// Reads `config/*.toml`, `prompts/**`, `schemas/*.json` and `evals/*/*.{jsonl,toml}` with `evals/*/recordings/*.json` below `dir`. Hidden files
    /// are passed over; symlinks are followed, also out of `dir`.
    ///
    /// # Errors
    /// All that could not be read: no `config` folder, IO errors, text that is not UTF-8, more than
    /// [`FILE_BYTES_MAX`], [`FILES_BYTES_MAX`] or [`FILES_MAX`], or in one folder of recordings than [`RECORDINGS_MAX`]
    /// or [`RECORDINGS_BYTES_MAX`].
    pub fn read(dir: &Path) -> Result<Files, Problems> {
        let mut walk = Walk {
            root: dir,
            files: Files::default(),
            held: Held::default(),
            recordings: Held::default(),
            problems: Problems::new(),
        };
        for folder in FOLDERS {
            if walk.held.is_full(&FILES) {
                break;
            }
            if walk.root.join(folder).is_dir() {
                walk.folder(folder, 1);
            } else if folder == "config" {
                walk.problems.push(At::file(folder).error(
                    codes::UNREADABLE,
                    format!("there is no folder `config` in {}", dir.display()),
                    "run `hookyard init` there, or name another folder",
                ));
            }
        }
        walk.problems.into_result().map(|_| walk.files)
    }

    /// Writes every file below `dir`, making folders as needed.
    ///
    /// # Errors
    /// Some of the files exist already, and nothing was written; or an IO error, after which some may have been.
    pub fn write_to(&self, dir: &Path) -> Result<(), WriteError> {
        let exist: Vec<String> = self
            .iter()
            .filter(|(path, _)| dir.join(path).symlink_metadata().is_ok())
            .map(|(path, _)| path.to_owned())
            .collect();
        if !exist.is_empty() {
            return Err(WriteError::Exist(exist));
        }
        for (path, text) in self.iter() {
            let path = dir.join(path);
            write_new(&path, text).map_err(|source| WriteError::Io { path, source })?;
        }
        Ok(())
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// What has been read so far. Paths below are relative to `root` and have `/` between their parts.
struct Walk<'a> {
    root: &'a Path,
    files: Files,
    held: Held,
    /// Of the folder of recordings that is looked into.
    recordings: Held,
    problems: Problems,
}

/// Files that share their bounds.
#[derive(Debug, Default)]
struct Held {
    count: usize,
    bytes: u64,
}

/// How many files there may be, and what they are.
struct Bounds {
    what: &'static str,
    count_max: usize,
    bytes_max: u64,
}

const FILES: Bounds = Bounds { what: "files and folders", count_max: FILES_MAX, bytes_max: FILES_BYTES_MAX };

const RECORDINGS: Bounds =
    Bounds { what: "recordings", count_max: RECORDINGS_MAX, bytes_max: RECORDINGS_BYTES_MAX };

impl Held {
    fn is_full(&self, bounds: &Bounds) -> bool {
        self.count > bounds.count_max || self.bytes > bounds.bytes_max
    }
}

impl Walk<'_> {
    fn folder(&mut self, folder: &str, depth: usize) {
        if depth > FOLDER_DEPTH_MAX {
            return self
                .problems
                .push(too_large(folder, format!("folders are nested deeper than {FOLDER_DEPTH_MAX}")));
        }
        if !self.counted(folder) {
            return;
        }
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(unreadable(folder, &error)),
        };
        for entry in entries {
            match entry {
                Ok(entry) => match entry.file_name().to_str() {
                    Some(name) => self.entry(&format!("{folder}/{name}"), depth),
                    None => self.problems.push(At::file(folder).error(
                        codes::NOT_UTF8,
                        format!("the name of {} is not UTF-8", entry.path().display()),
                        "rename it",
                    )),
                },
                Err(error) => self.problems.push(unreadable(folder, &error)),
            }
            if self.held.is_full(&FILES) || self.recordings.is_full(&RECORDINGS) {
                break;
            }
        }
        // There are no folders below one of recordings: the next one has bounds of its own.
        self.recordings = Held::default();
    }

    /// Counts one more file or folder; false if it is one too many.
    fn counted(&mut self, path: &str) -> bool {
        let (held, Bounds { what, count_max, .. }) = self.held_with(path);
        held.count += 1;
        let counted = held.count <= count_max;
        if !counted {
            self.problems.push(too_large(path, format!("there are more than {count_max} {what}")));
        }
        counted
    }

    /// What shares its bounds with the file at `path`.
    fn held_with(&mut self, path: &str) -> (&mut Held, Bounds) {
        if is_recording(path) { (&mut self.recordings, RECORDINGS) } else { (&mut self.held, FILES) }
    }

    fn entry(&mut self, path: &str, depth: usize) {
        let is_folder = self.root.join(path).is_dir();
        if is_folder && is_looked_into(path) {
            return self.folder(path, depth + 1);
        }
        if is_folder || !is_read(path) || !self.counted(path) {
            return;
        }
        match read_bounded(&self.root.join(path)) {
            Ok(bytes) => self.add(path, bytes),
            Err(error) => self.problems.push(unreadable(path, &error)),
        }
    }

    fn add(&mut self, path: &str, bytes: Vec<u8>) {
        let size = bytes.len() as u64;
        if size > FILE_BYTES_MAX {
            return self
                .problems
                .push(too_large(path, format!("it is larger than {FILE_BYTES_MAX} bytes (8 MiB)")));
        }
        let (held, Bounds { what, bytes_max, .. }) = self.held_with(path);
        held.bytes += size;
        if held.bytes > bytes_max {
            let mebibytes = bytes_max >> 20;
            let message = format!("with it, all {what} are larger than {bytes_max} bytes ({mebibytes} MiB)");
            return self.problems.push(too_large(path, message));
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.files = std::mem::take(&mut self.files).with(path, text),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = 1 + error.as_bytes().iter().take(valid).filter(|b| **b == b'\n').count();
                self.problems.push(At::line(path, line).error(
                    codes::NOT_UTF8,
                    "the text is not UTF-8",
                    "save the file as UTF-8",
                ));
            }
        }
    }
}

/// A file's bytes, at most one more than [`FILE_BYTES_MAX`].
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &str, error: &io::Error) -> Problem {
    At::file(path).error(
        codes::UNREADABLE,
        format!("cannot be read: {error}"),
        "check that it exists and is readable",
    )
}

fn too_large(path: &str, what: String) -> Problem {
    At::file(path).error(codes::TOO_LARGE, what, "move what does not belong here elsewhere")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, bytes) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, bytes).expect("a file");
        }
        dir
    }

    #[test]
    fn reads_what_it_wrote() {
        let files = Files::default()
            .with("config/routes.toml", "# r")
            .with("prompts/triage/event.j2", "hi")
            .with("evals/triage/cases.jsonl", "{}")
            .with("evals/triage/recordings/0123.json", "{}");
        let dir = tempfile::tempdir().expect("a folder");
        files.write_to(dir.path()).expect("writes");
        assert_eq!(Files::read(dir.path()), Ok(files.clone()));

        let error = files.with("config/new.toml", "").write_to(dir.path()).expect_err("exists");
        assert_eq!(
            error.to_string(),
            "these files exist already and are left as they are: config/routes.toml, evals/triage/cases.jsonl, \
             evals/triage/recordings/0123.json, prompts/triage/event.j2"
        );
        assert!(!dir.path().join("config/new.toml").exists(), "all or nothing");
    }

    #[test]
    fn passes_over_what_nobody_edits() {
        let dir = folder(&[
            ("config/routes.toml", b""),
            ("config/.routes.toml.swp", b"\xff"),
            ("config/notes.md", b""),
            ("prompts/a/b/c.j2", b""),
            ("evals/a/notes.txt", b""),
            ("README.md", b""),
        ]);
        let files = Files::read(dir.path()).expect("reads");
        assert_eq!(
            files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            ["config/routes.toml", "prompts/a/b/c.j2"]
        );
    }

    #[test]
    fn names_all_that_cannot_be_read() {
        let dir = folder(&[("config/routes.toml", b"a = 1\nb = \"\xff\"\n"), ("schemas/a.json", b"")]);
        let large = File::create(dir.path().join("schemas/large.json")).expect("a file");
        large.set_len(FILE_BYTES_MAX + 1).expect("a hole");
        let problems = Files::read(dir.path()).expect_err("two problems");
        assert_eq!(
            problems.to_string(),
            "config/routes.toml:2: error[HY0002]: the text is not UTF-8\n    remedy: save the file as UTF-8\n\
             schemas/large.json: error[HY0003]: it is larger than 8388608 bytes (8 MiB)\n    remedy: move what does \
             not belong here elsewhere"
        );
    }

    #[test]
    fn a_folder_without_config_is_none_of_ours() {
        let dir = folder(&[]);
        let problems = Files::read(dir.path()).expect_err("a problem");
        let shown = dir.path().display();
        assert_eq!(
            problems.to_string(),
            format!(
                "config: error[HY0001]: there is no folder `config` in {shown}\n    remedy: run `hookyard init` \
                 there, or name another folder"
            )
        );
    }

    #[test]
    fn the_number_of_files_is_bounded() {
        let dir = folder(&[("config/routes.toml", b"")]);
        fs::create_dir(dir.path().join("prompts")).expect("a folder");
        for n in 0..FILES_MAX {
            fs::write(dir.path().join(format!("prompts/{n}")), b"").expect("a file");
        }
        let problems = Files::read(dir.path()).expect_err("a problem");
        assert_eq!(problems.len(), 1);
        assert!(
            problems.to_string().contains("error[HY0003]: there are more than 20000 files and folders"),
            "{problems}"
        );
    }

    #[test]
    fn recordings_of_many_cases_are_read_beside_all_else() {
        let dir = folder(&[("config/routes.toml", b""), ("evals/a/recordings/x.json", b"{}")]);
        for n in 0..FILES_MAX {
            fs::write(dir.path().join(format!("evals/a/recordings/{n}.json")), b"{}").expect("a file");
        }
        let files = Files::read(dir.path()).expect("reads");
        assert_eq!(files.under("evals/a/recordings/").count(), FILES_MAX + 1);
    }

    #[cfg(unix)]
    #[test]
    fn symlinks_are_followed_and_loops_end() {
        let elsewhere = folder(&[("real.toml", b"# real")]);
        let dir = folder(&[("config/hookyard.toml", b""), ("prompts/a.j2", b"")]);
        let link =
            |to: &Path, from: &str| std::os::unix::fs::symlink(to, dir.path().join(from)).expect("a symlink");
        link(&elsewhere.path().join("real.toml"), "config/routes.toml");
        assert_eq!(Files::read(dir.path()).expect("reads").get("config/routes.toml"), Some("# real"));

        link(dir.path(), "prompts/loop");
        link(Path::new("/nowhere"), "config/sources.toml");
        let problems = Files::read(dir.path()).expect_err("a loop and a dangling link").to_string();
        assert!(problems.contains("config/sources.toml: error[HY0001]: cannot be read: "), "{problems}");
        assert!(problems.contains("error[HY0003]: folders are nested deeper than 8"), "{problems}");
    }
}
