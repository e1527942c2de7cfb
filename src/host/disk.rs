//! How much room the disk has.

use std::{io, path::Path};

use rustix::fs::{StatVfs, statvfs};

/// Bytes that this process may still write to the filesystem that holds `path`: what is set aside for the superuser
/// does not count. A filesystem without a limit of its own may say 0 or any other number.
///
/// # Errors
/// `path` is not there or cannot be asked about; the error names it.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let filesystem = statvfs(path).map_err(|error| {
        let error = io::Error::from(error);
        io::Error::new(error.kind(), format!("the free space at {} is not told: {error}", path.display()))
    })?;
    Ok(usable(&filesystem))
}

/// Blocks are counted in fragments. Some network filesystems count more of them than there are bytes in 64 bits.
const fn usable(filesystem: &StatVfs) -> u64 {
    filesystem.f_bavail.saturating_mul(filesystem.f_frsize)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_folder_a_file_and_a_link_are_on_some_filesystem() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        File::create(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [dir.path(), &file, &link] {
            assert!(free_bytes(path).unwrap() > 0, "{}", path.display());
        }
    }

    #[test]
    fn fragments_that_anybody_may_use_are_counted() {
        let real = statvfs(".").unwrap();
        for (f_bfree, f_bavail, f_frsize, want) in
            [(100, 90, 4096, 368_640), (100, 0, 4096, 0), (u64::MAX, u64::MAX, 512, u64::MAX)]
        {
            let filesystem = StatVfs { f_bsize: 1 << 20, f_bfree, f_bavail, f_frsize, ..real };
            assert_eq!(usable(&filesystem), want);
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        let error = free_bytes(&gone).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
