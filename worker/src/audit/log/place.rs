//! Where a trail stands, and why it cannot be kept there.

use super::super::file::{TrailFile, sync_directory};
use super::super::history::beside;
use super::super::key::KeyError;
use crate::audit::Keeping;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Most trails of one user at once.
const TRAILS_MAX: u32 = 64;

/// How long the process may take to end that a killed worker has left.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

/// Between one look at the lock and the next.
const PAUSE: Duration = Duration::from_millis(10);

/// A trail that cannot be kept.
#[derive(Debug, Error)]
pub(crate) enum AuditError {
    /// The file cannot be opened, or not be read.
    #[error("cannot open audit trail `{0}`")]
    Open(PathBuf, #[source] io::Error),
    /// Two chains in one file would be none.
    #[error(
        "cannot open audit trail `{0}`: another worker writes to it\nhint: stop that one, or name another file"
    )]
    Taken(PathBuf),
    /// A line was not written whole.
    #[error("cannot write audit trail `{0}`")]
    Write(PathBuf, #[source] io::Error),
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The trail, which nobody else writes to. Of a user who has several sessions, the
/// first that is free of `audit.jsonl`, `audit-2.jsonl`, …
pub(super) fn free(keeping: &Keeping) -> Result<TrailFile, AuditError> {
    let found = match keeping.may_be_another {
        true => (1..=TRAILS_MAX).find_map(|number| untaken(&numbered(&keeping.trail, number))),
        false => released(&keeping.trail),
    };
    found.unwrap_or_else(|| Err(AuditError::Taken(keeping.trail.clone())))
}

/// The trail `path`, which a worker that was killed may have left to a process that waits
/// for the disk: that has the lock until it ends, so that it does not write the head of
/// another worker's trail.
fn released(path: &Path) -> Option<Result<TrailFile, AuditError>> {
    let begun = Instant::now();
    loop {
        let found = untaken(path);
        if found.is_some() || begun.elapsed() > LEFT_BEHIND {
            return found;
        }
        thread::sleep(PAUSE);
    }
}

/// The trail `path`, unless somebody else writes to it.
fn untaken(path: &Path) -> Option<Result<TrailFile, AuditError>> {
    match TrailFile::open(path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        result => Some(result.map_err(|error| AuditError::Open(path.to_path_buf(), error))),
    }
}

fn numbered(trail: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return trail.to_path_buf();
    }
    let mut name = trail.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(ending) = trail.extension() {
        name.push(".");
        name.push(ending);
    }
    trail.with_file_name(name)
}

/// Where the checkpoint stands that was signed last.
pub(super) fn head(trail: &Path) -> PathBuf {
    beside(trail, ".head")
}

/// A copy of the checkpoint that was signed last. A forked process can write it without
/// asking for memory.
#[derive(Debug)]
pub(super) struct HeadCopy {
    path: PathBuf,
    /// Where it is written until it is whole.
    fresh: PathBuf,
    line: String,
}

impl HeadCopy {
    /// Of `line`, the last one of `trail`.
    pub(super) fn new(trail: &Path, line: String) -> Self {
        let path = head(trail);
        let fresh = beside(&path, ".new");
        Self { path, fresh, line }
    }

    /// Replaces the former one whole. That may come back when power is lost; that there is
    /// one does not depend on it.
    pub(super) fn keep(&self) -> io::Result<()> {
        let is_first = !self.path.exists();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&self.fresh)?;
        file.write_all(self.line.as_bytes())?;
        file.sync_data()?;
        fs::rename(&self.fresh, &self.path)?;
        match is_first {
            true => sync_directory(&self.path),
            false => Ok(()),
        }
    }
}
