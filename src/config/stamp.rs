//! Whether the files of a folder have changed, told from outside.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::{
    disk::{FILES_MAX, FOLDER_DEPTH_MAX, RECORDINGS_MAX},
    files::{FOLDERS, is_looked_into, is_read},
};

/// Changes when a file that [`super::Files::read`] would read is written, added, removed or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// Looks at names, sizes, times and inodes, and opens nothing. What cannot be looked at is as if it were not there.
    pub fn of(dir: &Path) -> Self {
        let mut seen = Vec::new();
        for folder in FOLDERS {
            look(dir, folder, 1, &mut seen);
        }
        // A folder's entries come in any order.
        seen.sort_unstable();
        let mut hasher = DefaultHasher::new();
        seen.hash(&mut hasher);
        Stamp(hasher.finish())
    }
}

/// Path, bytes, time in seconds and nanoseconds, inode.
type Seen = (String, u64, i64, i64, u64);

fn look(root: &Path, folder: &str, depth: usize, seen: &mut Vec<Seen>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        if seen.len() >= FILES_MAX + RECORDINGS_MAX {
            return;
        }
        let Some(path) = entry.file_name().to_str().map(|name| format!("{folder}/{name}")) else { continue };
        // Of what a symlink leads to.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if metadata.is_dir() {
            if depth < FOLDER_DEPTH_MAX && is_looked_into(&path) {
                look(root, &path, depth + 1, seen);
            }
        } else if is_read(&path) {
            seen.push((path, metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Files;

    #[test]
    fn changes_with_what_is_read_and_with_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let files = Files::default().with("config/routes.toml", "# r").with("prompts/a/b/event.j2", "hi");
        files.write_to(dir.path()).expect("writes");
        let at = |path: &str| dir.path().join(path);
        let first = Stamp::of(dir.path());
        fs::write(at("config/.routes.toml.swp"), "x").expect("writes");
        fs::write(at("README.md"), "x").expect("writes");
        assert_eq!(Stamp::of(dir.path()), first);

        fs::write(at("prompts/a/b/event.j2"), "hello").expect("writes");
        let written = Stamp::of(dir.path());
        assert_ne!(written, first);
        fs::write(at("prompts/a/new.j2"), "").expect("writes");
        let added = Stamp::of(dir.path());
        assert_ne!(added, written);
        fs::remove_file(at("prompts/a/new.j2")).expect("removes");
        assert_eq!(Stamp::of(dir.path()), written);
        // As editors do it: a new file of the same length under the old name.
        fs::write(at("config/routes.new"), "# R").expect("writes");
        fs::rename(at("config/routes.new"), at("config/routes.toml")).expect("renames");
        assert_ne!(Stamp::of(dir.path()), written);
    }
}
