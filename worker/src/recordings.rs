//! Where what commands print is recorded: files beside the audit trail, named by their
//! digests, together within a quota.
//!
//! The first process opens them, without a name, and gives a lane the two of one run.
//! They get their names when the run ends, or when its lane is lost.

#[cfg(test)]
mod tests;

use crate::audit::{Recorded, RecordedStream};
use nix::fcntl::AT_FDCWD;
use nix::fcntl::AtFlags;
use nix::unistd::{geteuid, linkat};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How often the directory of recordings is looked through again when it is full.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where recordings are kept, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shelf {
    /// The directory; `None` where there is none.
    pub directory: Option<PathBuf>,
    /// Bytes of all together.
    pub quota: u64,
    /// Bytes of one run.
    pub max: u64,
}

/// Why nothing can be recorded.
#[derive(Debug, Error)]
pub(crate) enum RecordError {
    /// The trail is a device, and no directory was named.
    #[error("cannot record output beside a device\nhint: name a directory by --record-dir")]
    Nowhere,
    /// The directory, or a file in it.
    #[error("cannot record output in `{0}`")]
    Directory(PathBuf, #[source] io::Error),
    /// Others could put something there.
    #[error(
        "cannot record output in `{0}`: it must be a directory that the worker's user alone may write to\n\
         hint: chown root and chmod 700"
    )]
    Open(PathBuf),
    /// The quota.
    #[error(
        "cannot record output in `{0}`: recordings may have {1} bytes together, and have or may yet need {2} of them\n\
         hint: move old ones away, or raise --record-quota"
    )]
    Full(PathBuf, u64, u64),
}

/// The recordings that there are, and those to come.
#[derive(Debug)]
pub(crate) struct Recordings {
    shelf: Shelf,
    /// Bytes of files that have names, and when they were counted; `None` before that.
    used: Option<(u64, Instant)>,
    /// Bytes that runs may yet need.
    promised: Rc<Cell<u64>>,
}

/// The two files of a run that has not ended.
#[derive(Debug)]
pub(crate) struct Recording {
    files: [File; 2],
    max: u64,
    promised: Rc<Cell<u64>>,
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.promised
            .set(self.promised.get().saturating_sub(self.max));
    }
}

impl Recording {
    /// Bytes of both files together.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// Standard output and standard error.
    pub(crate) fn files(&self) -> [BorrowedFd<'_>; 2] {
        let [stdout, stderr] = &self.files;
        [stdout.as_fd(), stderr.as_fd()]
    }

    /// What was recorded of a run whose lane is lost.
    pub(crate) fn so_far(&self) -> io::Result<Recorded> {
        let [stdout, stderr] = &self.files;
        Ok(Recorded {
            stdout: digest(stdout, self.max)?,
            stderr: digest(stderr, self.max)?,
            failure: None,
        })
    }
}

impl Recordings {
    /// Nothing is done before the first run that is to be recorded.
    pub(crate) fn new(shelf: Shelf) -> Self {
        Self {
            shelf,
            used: None,
            promised: Rc::default(),
        }
    }

    /// Files for a run that is about to start.
    pub(crate) fn begin(&mut self) -> Result<Recording, RecordError> {
        let directory = self.shelf.directory.clone();
        let directory = directory.ok_or(RecordError::Nowhere)?;
        let failed = |error| RecordError::Directory(directory.clone(), error);
        made(&directory)?;
        self.make_room(&directory)?;
        let files = [
            nameless(&directory).map_err(failed)?,
            nameless(&directory).map_err(failed)?,
        ];
        self.promised.set(self.promised.get() + self.shelf.max);
        Ok(Recording {
            files,
            max: self.shelf.max,
            promised: Rc::clone(&self.promised),
        })
    }

    /// Room for the most that one run may print; what an administrator has moved away
    /// is counted when there seems to be none.
    fn make_room(&mut self, directory: &Path) -> Result<(), RecordError> {
        let needed = |used: u64| {
            let all = used.saturating_add(self.promised.get());
            all.saturating_add(self.shelf.max)
        };
        let known = self.used.filter(|(used, counted)| {
            needed(*used) <= self.shelf.quota || counted.elapsed() < LOOK_AGAIN
        });
        let used = match known {
            Some((used, _)) => used,
            None => {
                let failed = |error| RecordError::Directory(directory.to_path_buf(), error);
                let used = sizes(directory).map_err(failed)?;
                self.used = Some((used, Instant::now()));
                used
            }
        };
        if needed(used) <= self.shelf.quota {
            return Ok(());
        }
        let directory = directory.to_path_buf();
        Err(RecordError::Full(
            directory,
            self.shelf.quota,
            needed(used) - self.shelf.max,
        ))
    }

    /// Gives the files of a run their names. What cannot be kept is told as a failure.
    pub(crate) fn keep(&mut self, recording: &Recording, recorded: &mut Recorded) {
        let kept = self
            .keep_one(&recording.files[0], &recorded.stdout)
            .and_then(|()| self.keep_one(&recording.files[1], &recorded.stderr));
        if let Err(error) = kept {
            let why = format!("cannot keep what was recorded: {error}");
            recorded.failure.get_or_insert(why);
        }
    }

    /// A stream of which nothing came has no file.
    fn keep_one(&mut self, file: &File, told: &RecordedStream) -> io::Result<()> {
        let Some(directory) = self.shelf.directory.as_ref().filter(|_| told.bytes > 0) else {
            return Ok(());
        };
        if file.metadata()?.len() != told.bytes {
            return Err(io::Error::other("it is not as long as it should be"));
        }
        let name = directory.join(crate::audit::hexadecimal(&told.sha256));
        let own = format!("/proc/self/fd/{}", file.as_raw_fd());
        let linked = linkat(
            AT_FDCWD,
            own.as_str(),
            AT_FDCWD,
            &name,
            AtFlags::AT_SYMLINK_FOLLOW,
        );
        match linked.map_err(io::Error::from) {
            // The same was printed before.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Ok(()) => {
                if let Some((used, _)) = &mut self.used {
                    *used += told.bytes;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Makes the directory, unless it is there and nobody else may write to it.
fn made(directory: &Path) -> Result<(), RecordError> {
    let failed = |error| RecordError::Directory(directory.to_path_buf(), error);
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        result => result.map_err(failed)?,
    }
    let about = fs::symlink_metadata(directory).map_err(failed)?;
    let mine = [0, geteuid().as_raw()].contains(&about.uid());
    if about.is_dir() && mine && about.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(RecordError::Open(directory.to_path_buf()))
}

/// A file that vanishes unless it gets a name, open(2).
fn nameless(directory: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE)
        .open(directory)
}

fn sizes(directory: &Path) -> io::Result<u64> {
    let mut sum = 0_u64;
    for entry in fs::read_dir(directory)? {
        match entry?.metadata() {
            Ok(about) => sum = sum.saturating_add(about.len()),
            // It was moved away meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sum)
}

/// Of a file that a lane has written to, of which it shares the position.
fn digest(file: &File, max: u64) -> io::Result<RecordedStream> {
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 64 * 1024];
    while bytes <= max {
        let read = file.read_at(&mut buffer, bytes)?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
    Ok(RecordedStream {
        sha256: hash.finalize().into(),
        bytes,
    })
}
