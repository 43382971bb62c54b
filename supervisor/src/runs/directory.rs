//! The directory of the spool: files without a name.
//!
//! A file is removed as soon as it is made, so only the descriptor leads to it: no
//! other process opens it, and nothing is left when this one ends, however it ends.

use crate::error::Error;
use nix::unistd::geteuid;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How the name begins that a file has for a moment.
const PREFIX: &str = "spool-";

/// A directory of this user alone.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    next: AtomicU64,
}

impl Directory {
    /// The directory at `path`, which is made if need be.
    ///
    /// # Errors
    /// One that others could read, or none.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let failed = |source| Error::Spool {
            path: path.clone(),
            source,
        };
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700);
        make.create(&path).map_err(failed)?;
        let found = fs::metadata(&path).map_err(failed)?;
        if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(Error::SpoolShared { path });
        }
        remove_leftovers(&path).map_err(failed)?;
        let next = AtomicU64::new(0);
        Ok(Self { path, next })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A new file, to write and to read.
    pub(super) fn file(&self) -> io::Result<File> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let path = self.path.join(name);
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path)?;
        match fs::remove_file(&path) {
            // Another process that shares the directory has just begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(file),
            removed => removed.map(|()| file),
        }
    }
}

/// Removes files of a process that was killed before it could.
fn remove_leftovers(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_has_no_name_and_is_read_again() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Directory::open(scratch.path().join("a/b")).unwrap();
        let mut file = directory.file().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        file.write_all(b"kept").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "kept");
        let mode = fs::metadata(directory.path()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(scratch.path().join("spool-1-0"), "").unwrap();
        fs::write(scratch.path().join("other"), "").unwrap();
        Directory::open(scratch.path().to_owned()).unwrap();
        let left = fs::read_dir(scratch.path()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["other"]);
    }

    #[test]
    fn a_directory_that_others_read_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let refused = Directory::open(scratch.path().to_owned());
        assert!(matches!(refused, Err(Error::SpoolShared { .. })));
    }
}
