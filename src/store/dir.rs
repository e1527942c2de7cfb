//! The data directory: one process uses it at a time.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Name of the file whose lock says that a process uses the directory.
pub const LOCK_FILE: &str = "hookyard.lock";

/// Why a directory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    #[error("another process uses {}: stop it, or talk to it through its admin listener", .0.display())]
    InUse(PathBuf),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// The directory is this process's. Given up by name: while a child is being started it holds a copy of every handle,
/// so closing ours is not enough.
#[derive(Debug)]
pub struct DirLock(File);

impl Drop for DirLock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "the data directory could not be given up");
        }
    }
}

/// Takes the directory for this process; it is made if it is not there.
///
/// # Errors
/// Another process has it, or it cannot be written.
pub fn take(dir: &Path) -> Result<DirLock, DirError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| DirError::File { path, source }
    };
    // What customers write is in it: nobody else's to read.
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed(dir))?;
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(DirLock(file)),
        Err(TryLockError::WouldBlock) => Err(DirError::InUse(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(DirError::File { path, source }),
    }
}

/// Whether a process uses the directory. Nothing is made by asking.
///
/// # Errors
/// It cannot be told.
pub fn is_used(dir: &Path) -> Result<bool, DirError> {
    let path = dir.join(LOCK_FILE);
    let failed = |source| DirError::File { path: path.clone(), source };
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(failed)?,
    };
    // Shared: of two that only ask, neither is in use for the other.
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false).map_err(failed),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
