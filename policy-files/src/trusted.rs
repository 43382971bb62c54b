//! Opens files and directories that only the administrator could have written.
//!
//! Owner and mode are checked on the descriptor that is then read from, so nobody
//! can put another file in between.

use crate::trust::trusted;
use crate::{POLICY_MAX, ReadError};
use nix::dir::Dir;
use policy::Setting;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is read, and how much of it may still come.
pub(crate) struct Trusted<'a> {
    setting: &'a Setting,
    left: u64,
}

impl<'a> Trusted<'a> {
    pub(crate) fn new(setting: &'a Setting) -> Self {
        let left = POLICY_MAX;
        Self { setting, left }
    }

    /// The text of the file `path`.
    pub(crate) fn text(&mut self, path: &Path) -> Result<String, ReadError> {
        let file = open(path, 0).map_err(ReadError::read(path))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            let error = io::Error::other("it is not a regular file");
            return Err(ReadError::read(path)(error));
        }
        self.check(&file, path)?;
        let text = self.read(file).map_err(ReadError::read(path))?;
        self.left -= text.len() as u64;
        Ok(text)
    }

    /// The entries of the directory `path` in the order of their names, as whole
    /// paths; none when there is no such directory.
    pub(crate) fn list(&self, path: &Path) -> Result<Vec<PathBuf>, ReadError> {
        let directory = match open(path, nix::libc::O_DIRECTORY) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(ReadError::read(path))?,
        };
        self.check(&directory, path)?;
        let mut names = names(directory).map_err(ReadError::read(path))?;
        names.sort();
        Ok(names
            .iter()
            .map(|name| path.join(OsStr::from_bytes(name)))
            .collect())
    }

    fn check(&self, file: &File, path: &Path) -> Result<(), ReadError> {
        let metadata = file.metadata().map_err(ReadError::read(path))?;
        trusted(self.setting, metadata.uid(), metadata.mode()).map_err(|source| {
            ReadError::Untrusted {
                path: path.to_owned(),
                source,
            }
        })
    }

    fn read(&self, file: File) -> io::Result<String> {
        let mut bytes = Vec::new();
        file.take(self.left + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.left {
            let message = format!("with it, the policy has more than {POLICY_MAX} bytes");
            return Err(io::Error::new(ErrorKind::FileTooLarge, message));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
    }
}

/// `O_NONBLOCK`, so that a FIFO in the place of `path` cannot hold the process up.
fn open(path: &Path, flags: i32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | flags);
    options.open(path)
}

fn names(directory: File) -> io::Result<Vec<Vec<u8>>> {
    let entries = Dir::from_fd(directory.into())?.into_iter();
    let names = entries.map(|entry| Ok(entry?.file_name().to_bytes().to_owned()));
    names.collect()
}
