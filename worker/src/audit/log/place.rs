//! Where a trail stands, and why it cannot be kept there.

use super::super::file::{TrailFile, sync_directory};
use super::super::history::beside;
use super::super::key::KeyError;
use crate::audit::Keeping;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Most trails of one user at once.
const TRAILS_MAX: u32 = 64;

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
    let tries = if keeping.may_be_another {
        TRAILS_MAX
    } else {
        1
    };
    for number in 1..=tries {
        let path = numbered(&keeping.trail, number);
        match TrailFile::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result.map_err(|error| AuditError::Open(path, error)),
        }
    }
    Err(AuditError::Taken(keeping.trail.clone()))
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

/// Replaces the file `path` whole. A former one may come back when power is lost; that
/// there is one does not depend on it.
pub(super) fn keep(path: &Path, text: &str) -> io::Result<()> {
    let is_first = !path.exists();
    let fresh = beside(path, ".new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&fresh, path)?;
    match is_first {
        true => sync_directory(path),
        false => Ok(()),
    }
}
