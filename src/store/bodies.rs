//! Bodies too large for the database: files named by their content.
//!
//! A body is on disk, with its directory, before the commit that names it; what a crash leaves between the two is an
//! orphan that [`Bodies::sweep`] removes. A file is removed once the commit that no longer names it is on disk, unless a
//! commit that will name it again is under way: that one holds a [`Pin`].

use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Largest body in bytes that the database holds itself: 256 KiB.
pub(in crate::store) const INLINE_BYTES_MAX: usize = 262_144;

/// Digits of a name that are its folder's.
const FOLDER_DIGITS: usize = 2;

/// Digits of a name: SHA-256, hex.
const NAME_DIGITS: usize = 64;

/// How a file is called until it is whole.
const PART: &str = "part";

/// The folder of large bodies.
#[derive(Debug)]
pub(in crate::store) struct Bodies {
    dir: PathBuf,
    /// Names that commits under way will refer to, and how many of them.
    pinned: Arc<Mutex<HashMap<String, u32>>>,
    /// Tells the parts of this process apart.
    parts: AtomicU64,
}

/// A body's file is there, and stays as long as this lives.
#[derive(Debug)]
pub(in crate::store) struct Pin {
    sha256: String,
    pinned: Arc<Mutex<HashMap<String, u32>>>,
}

impl Pin {
    /// The file's name: SHA-256 of its content, hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pinned = held(&self.pinned);
        if let Some(count) = pinned.get_mut(&self.sha256) {
            *count -= 1;
            if *count == 0 {
                pinned.remove(&self.sha256);
            }
        }
    }
}

fn held(pinned: &Mutex<HashMap<String, u32>>) -> MutexGuard<'_, HashMap<String, u32>> {
    pinned.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bodies {
    /// The folder is made with the first body.
    pub fn new(dir: PathBuf) -> Self {
        Bodies { dir, pinned: Arc::default(), parts: AtomicU64::new(0) }
    }

    /// Writes a body to disk, or finds it there.
    ///
    /// # Errors
    /// The disk's; then there is no whole file of that name that was not there before.
    pub fn keep(&self, body: &[u8]) -> io::Result<Pin> {
        let sha256 = hex::encode(Sha256::digest(body));
        *held(&self.pinned).entry(sha256.clone()).or_default() += 1;
        let pin = Pin { sha256, pinned: Arc::clone(&self.pinned) };
        let path = self.path(&pin.sha256);
        // A whole file was synced before it got its name. Its folder may not have been, if another writer is just there.
        match fs::metadata(&path) {
            Ok(known) if known.len() == body.len() as u64 => {}
            Ok(_) | Err(_) => self.write(&path, body)?,
        }
        self.sync_folders(&path)?;
        Ok(pin)
    }

    fn write(&self, path: &Path, body: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.dir);
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let n = self.parts.fetch_add(1, Ordering::Relaxed);
        let part = path.with_extension(format!("{n}.{PART}"));
        let written = (|| {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(body)?;
            file.sync_all()?;
            fs::rename(&part, path)
        })();
        if written.is_err() {
            // It may not be there; a sweep finds it otherwise.
            let _ = fs::remove_file(&part);
        }
        written
    }

    /// What is called so must be called so after a power cut.
    fn sync_folders(&self, path: &Path) -> io::Result<()> {
        for folder in [path.parent(), Some(&*self.dir), self.dir.parent()].into_iter().flatten() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// A body's bytes.
    ///
    /// # Errors
    /// There is no such file, or its content is not what its name says. Names the file.
    pub fn read(&self, sha256: &str) -> io::Result<Bytes> {
        let path = self.path(sha256);
        let body = fs::read(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("{} cannot be read: {error}", path.display()))
        })?;
        if hex::encode(Sha256::digest(&body)) != sha256 {
            let told = format!("{} was changed: its content is not what its name says", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        Ok(body.into())
    }

    /// Removes a file, unless it is pinned or absent; whether it did.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove_unless_pinned(&self, sha256: &str) -> io::Result<bool> {
        // Held while the file goes: whoever pins it afterwards finds it gone, and writes it again.
        let pinned = held(&self.pinned);
        if pinned.contains_key(sha256) {
            return Ok(false);
        }
        match fs::remove_file(self.path(sha256)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    /// Removes from one folder the files that `is_wanted` does not know and the parts that nobody is writing: what a
    /// crash left. What is not ours, such as a folder or a file of another name, stays. The folders are numbered from 0
    /// to 255. Only for times when nothing is being written: at the start.
    ///
    /// # Errors
    /// The disk's. Names the file that cannot be removed.
    pub fn sweep(&self, folder: u8, is_wanted: impl Fn(&str) -> bool) -> io::Result<u64> {
        let folder = self.dir.join(hex::encode([folder]));
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
            if !entry.file_type()?.is_file() {
                continue;
            }
            let known = !name.ends_with(PART) && (is_wanted(name) || held(&self.pinned).contains_key(name));
            if !known {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(|error| {
                    io::Error::new(error.kind(), format!("{} cannot be removed: {error}", path.display()))
                })?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.dir.join(sha256.get(..FOLDER_DIGITS).unwrap_or_default()).join(sha256)
    }
}

/// Whether a file is called as a body is, or as the part of one.
fn is_ours(name: &str) -> bool {
    let (sha256, rest) = name.split_at_checked(NAME_DIGITS).unwrap_or((name, ""));
    let is_name = sha256.len() == NAME_DIGITS
        && sha256.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    let is_part = || {
        let n = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix(PART)?.strip_suffix('.'));
        n.is_some_and(|n| n.parse::<u64>().is_ok())
    };
    is_name && (rest.is_empty() || is_part())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn bodies() -> (tempfile::TempDir, Bodies) {
        let dir = tempfile::tempdir().unwrap();
        let bodies = Bodies::new(dir.path().join("bodies"));
        (dir, bodies)
    }

    fn folder(sha256: &str) -> u8 {
        u8::from_str_radix(&sha256[..2], 16).unwrap()
    }

    #[test]
    fn a_body_is_kept_once_and_read_back() {
        let (_dir, bodies) = bodies();
        let (first, again) = (bodies.keep(b"large").unwrap(), bodies.keep(b"large").unwrap());
        assert_eq!(first.sha256(), again.sha256());
        assert_eq!(bodies.read(first.sha256()).unwrap(), "large");
        assert_eq!(fs::read_dir(bodies.path(first.sha256()).parent().unwrap()).unwrap().count(), 1);
        let absent = bodies.read(&"0".repeat(64)).unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
        assert!(absent.to_string().contains(&"0".repeat(64)), "it names the file: {absent}");
    }

    #[test]
    fn of_a_body_that_could_not_be_written_nothing_is_left() {
        let (_dir, bodies) = bodies();
        let path = bodies.path(&hex::encode(Sha256::digest(b"large")));
        fs::create_dir_all(path.join("in the way")).unwrap();
        let error = bodies.keep(b"large").unwrap_err();
        assert!(error.kind() != io::ErrorKind::NotFound, "{error}");
        let left = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        assert!(left.eq([path.clone()]), "no part of it");
        assert!(held(&bodies.pinned).is_empty());
        fs::remove_dir_all(&path).unwrap();
        bodies.keep(b"large").unwrap();
    }

    #[test]
    fn two_who_keep_the_same_body_at_once_both_have_it() {
        let (_dir, bodies) = bodies();
        let body = vec![7; 1 << 20];
        let meet = std::sync::Barrier::new(2);
        let keep = || {
            meet.wait();
            bodies.keep(&body).unwrap()
        };
        let (one, other) = std::thread::scope(|scope| {
            let (one, other) = (scope.spawn(keep), scope.spawn(keep));
            (one.join().unwrap(), other.join().unwrap())
        });
        assert_eq!(one.sha256(), other.sha256());
        assert_eq!(bodies.read(one.sha256()).unwrap(), body);
        let folder = bodies.path(one.sha256()).parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "no part is left");
        let name = one.sha256().to_owned();
        drop(one);
        assert!(!bodies.remove_unless_pinned(&name).unwrap(), "the other one holds it");
        drop(other);
        assert!(bodies.remove_unless_pinned(&name).unwrap());
    }

    #[test]
    fn only_the_owner_may_look() {
        let (_dir, bodies) = bodies();
        let path = bodies.path(bodies.keep(b"private").unwrap().sha256());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!((mode(path.parent().unwrap()), mode(&bodies.dir)), (0o700, 0o700));
    }

    #[test]
    fn a_sweep_leaves_what_is_not_ours_and_goes_on() {
        let (_dir, bodies) = bodies();
        let stale = bodies.keep(b"stale").unwrap().sha256().to_owned();
        let folder_of = bodies.path(&stale).parent().unwrap().to_owned();
        let strangers =
            ["lost+found", &format!("{}{}", &stale[..2], "0".repeat(62))].map(|name| folder_of.join(name));
        strangers.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let file = folder_of.join("README.part");
        fs::write(&file, b"a note").unwrap();
        assert_eq!(bodies.sweep(folder(&stale), |_| false).unwrap(), 1);
        assert!(bodies.read(&stale).is_err() && file.exists());
        assert!(strangers.iter().all(|folder| folder.is_dir()));
    }

    #[test]
    fn a_pinned_file_stays() {
        let (_dir, bodies) = bodies();
        let (pin, another) = (bodies.keep(b"large").unwrap(), bodies.keep(b"large").unwrap());
        let name = pin.sha256().to_owned();
        assert!(!bodies.remove_unless_pinned(&name).unwrap());
        drop(pin);
        assert!(!bodies.remove_unless_pinned(&name).unwrap(), "another commit is under way");
        drop(another);
        assert!(bodies.remove_unless_pinned(&name).unwrap());
        assert!(!bodies.remove_unless_pinned(&name).unwrap(), "there is nothing left to remove");
    }

    #[test]
    fn a_file_that_was_changed_is_not_believed_and_a_torn_one_is_written_anew() {
        let (_dir, bodies) = bodies();
        let pin = bodies.keep(b"large").unwrap();
        fs::write(bodies.path(pin.sha256()), b"lArge").unwrap();
        let error = bodies.read(pin.sha256()).unwrap_err();
        assert!(error.to_string().contains(pin.sha256()), "{error}");
        fs::write(bodies.path(pin.sha256()), b"lar").unwrap();
        bodies.keep(b"large").unwrap();
        assert_eq!(bodies.read(pin.sha256()).unwrap(), "large");
    }

    #[test]
    fn a_sweep_removes_what_nobody_wants() {
        let (_dir, bodies) = bodies();
        let names = [b"a", b"b"].map(|body| bodies.keep(body).unwrap().sha256().to_owned());
        let part = bodies.path(&names[0]).with_extension("7.part");
        fs::write(&part, b"torn").unwrap();
        let removed: u64 = (0..=255).map(|n| bodies.sweep(n, |name| name == names[0]).unwrap()).sum();
        assert_eq!(removed, 2);
        assert!(!part.exists() && bodies.read(&names[0]).is_ok() && bodies.read(&names[1]).is_err());
        let pin = bodies.keep(b"b").unwrap();
        assert_eq!(bodies.sweep(folder(&names[1]), |_| false).unwrap(), 0, "pinned");
        drop(pin);
    }
}
