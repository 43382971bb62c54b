//! The file that lines are appended to: a line stands there whole or not at all.

use crate::sys;
use nix::fcntl::{AT_FDCWD, FcntlArg, RenameFlags, fcntl, renameat2};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The open file.
#[derive(Debug)]
pub(super) struct TrailFile {
    path: PathBuf,
    file: File,
    /// Its size in bytes; of a device (a serial line, a log sink) nothing is known.
    size: Option<u64>,
    /// What follows that size could not be taken away.
    spoiled: bool,
    /// What was last found to have become of it.
    meddled: Option<String>,
}

impl TrailFile {
    /// Opens `path`, or makes it, readable by its owner only.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = options().create(true).open(path)?;
        Self::of(path, file)
    }

    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another worker writes to it: two chains in one
    /// file are none.
    fn of(path: &Path, file: File) -> io::Result<Self> {
        let about = file.metadata()?;
        if about.is_file() {
            lock(&file)?;
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
            size: about.is_file().then_some(about.len()),
            spoiled: false,
            meddled: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes; `None` of a device.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Whether its file system takes more: it is neither full nor read-only.
    pub(super) fn has_room(&self) -> bool {
        self.size.is_none()
            || fstatvfs(&self.file).is_ok_and(|system| {
                system.blocks_free() > 0 && !system.flags().contains(FsFlags::ST_RDONLY)
            })
    }

    /// Appends `bytes` by one write(2), and waits for the disk if it is to be `durable`.
    /// What could not be done whole is undone, or nothing more is appended.
    pub(super) fn append(&mut self, bytes: &[u8], durable: bool) -> io::Result<()> {
        if self.spoiled {
            self.undo()?;
        }
        let written = match self.file.write(bytes) {
            Ok(written) if written < bytes.len() => Err(io::ErrorKind::WriteZero.into()),
            Ok(_) if durable => self.sync(),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        match (&written, &mut self.size) {
            (Ok(()), Some(size)) => *size += bytes.len() as u64,
            (Ok(()), None) => {}
            (Err(_), _) => self.undo()?,
        }
        written
    }

    /// Takes away what follows the last line.
    fn undo(&mut self) -> io::Result<()> {
        let Some(size) = self.size else {
            return Ok(());
        };
        self.spoiled = true;
        self.file.set_len(size)?;
        self.spoiled = false;
        Ok(())
    }

    /// Waits until everything is on the disk, fdatasync(2).
    pub(super) fn sync(&self) -> io::Result<()> {
        match self.size {
            Some(_) => self.file.sync_data(),
            None => Ok(()),
        }
    }

    /// Closes all that a forked process has open but this file.
    pub(super) fn keep_alone(&self) -> io::Result<()> {
        Ok(sys::close_all_but(self.file.as_fd())?)
    }

    /// What has become of it that this process did not do; told once. A file that was
    /// moved away is none of that: a program that turns files does so, and says so later.
    pub(super) fn meddled(&mut self) -> Option<String> {
        let (Some(size), false, Ok(about)) = (self.size, self.spoiled, self.file.metadata()) else {
            return None;
        };
        let finding = if about.len() < size {
            Some(format!(
                "its file was cut, from {size} to {} bytes",
                about.len()
            ))
        } else if about.len() > size {
            Some(format!(
                "something else wrote {} bytes to its file",
                about.len() - size
            ))
        } else if about.nlink() == 0 {
            Some("its file was removed".to_owned())
        } else if self.was_replaced(&about) {
            Some("another file stands in the place of its own".to_owned())
        } else {
            None
        };
        self.size = Some(about.len());
        let fresh = finding.clone().filter(|_| finding != self.meddled);
        self.meddled = finding;
        fresh
    }

    /// Whether a file that is not empty stands where this one was opened.
    fn was_replaced(&self, ours: &Metadata) -> bool {
        let there = fs::symlink_metadata(&self.path);
        there.is_ok_and(|there| {
            (there.dev(), there.ino()) != (ours.dev(), ours.ino()) && there.len() > 0
        })
    }

    /// What stands after the last line break of it, up to `max` bytes of that.
    pub(super) fn rest(&self, max: usize) -> io::Result<Vec<u8>> {
        let end = self.file.metadata()?.len();
        let from = end.saturating_sub(max as u64);
        let mut bytes = vec![0; usize::try_from(end - from).unwrap_or(max)];
        self.file.read_exact_at(&mut bytes, from)?;
        let last = bytes.iter().rposition(|byte| *byte == b'\n');
        Ok(bytes.split_off(last.map_or(0, |last| last + 1)))
    }

    /// Whether something else, or nothing, stands where it was opened.
    pub(super) fn was_moved(&self) -> bool {
        let (Some(_), Ok(ours)) = (self.size, self.file.metadata()) else {
            return false;
        };
        let there = fs::symlink_metadata(&self.path);
        there.map_or(true, |there| {
            (there.dev(), there.ino()) != (ours.dev(), ours.ino())
        })
    }

    /// Gives the file the name `to`, where nothing may be, and begins a new one.
    pub(super) fn turn(&mut self, to: &Path) -> io::Result<()> {
        renameat2(
            AT_FDCWD,
            &self.path,
            AT_FDCWD,
            to,
            RenameFlags::RENAME_NOREPLACE,
        )?;
        match options().create_new(true).open(&self.path) {
            Ok(file) => {
                *self = Self::of(&self.path, file)?;
                Ok(())
            }
            Err(error) => {
                fs::rename(to, &self.path)?;
                Err(error)
            }
        }
    }
}

/// Waits until the disk knows that there is a file `path`, fsync(2).
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

/// An open file description lock, fcntl(2). Lanes have copies of it for a moment, and a
/// process that waits for the disk until it ends; it stays until the last of them and this
/// process are gone, whatever is closed before.
fn lock(file: &File) -> io::Result<()> {
    let short = |constant: i32| i16::try_from(constant).map_err(io::Error::other);
    let whole = libc::flock {
        l_type: short(libc::F_WRLCK)?,
        l_whence: short(libc::SEEK_SET)?,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole))?;
    Ok(())
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .append(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW);
    options
}
