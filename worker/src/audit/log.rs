//! The file behind the trail.

use super::json::Object;
use super::{Entry, line};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

/// How far back the last whole line is looked for: more than the longest line, in
/// which every byte of an [`super::ASK_MAX`] may be escaped by six.
const TAIL: u64 = 8 * super::ASK_MAX as u64;

/// A trail that cannot be kept.
#[derive(Debug, Error)]
pub(crate) enum AuditError {
    /// The file cannot be opened.
    #[error("cannot open audit trail `{0}`")]
    Open(PathBuf, #[source] io::Error),
    /// A line was not written whole.
    #[error("cannot write audit trail `{0}`")]
    Write(PathBuf, #[source] io::Error),
}

/// The open trail.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    /// Sequence number of the next line.
    next: u64,
    /// The file does not end with a line break.
    torn: bool,
}

impl Log {
    /// Opens the trail in `path`, or starts it, readable by its owner only, and
    /// goes on with the sequence that stands there.
    pub(crate) fn open(path: &Path) -> Result<Self, AuditError> {
        let failed = |error| AuditError::Open(path.to_path_buf(), error);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .map_err(failed)?;
        let tail = tail(&file).map_err(failed)?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            next: last_sequence(&tail) + 1,
            torn: tail.last().is_some_and(|byte| *byte != b'\n'),
        })
    }

    /// Records that the worker begins under the policy with this digest.
    pub(crate) fn begin(&mut self, policy: &wire::PolicyDigest) -> Result<(), AuditError> {
        self.write(|object| {
            object
                .text("event", "open")
                .text("policy", &hexadecimal(policy))
        })
    }

    /// Records that the policy with this digest takes the place of the former one.
    pub(crate) fn reloaded(&mut self, policy: &wire::PolicyDigest) -> Result<(), AuditError> {
        self.write(|object| {
            object
                .text("event", "reload")
                .text("policy", &hexadecimal(policy))
        })
    }

    /// Records that the policy with this digest stays, and why.
    pub(crate) fn kept(
        &mut self,
        policy: &wire::PolicyDigest,
        reason: &str,
    ) -> Result<(), AuditError> {
        self.write(|object| {
            object
                .text("event", "keep")
                .text("policy", &hexadecimal(policy))
                .text("reason", reason)
        })
    }

    /// Appends the line for `entry`.
    pub(crate) fn record(&mut self, entry: &Entry, run: Option<&str>) -> Result<(), AuditError> {
        self.write(|object| line::entry(object, entry, run))
    }

    fn write(&mut self, fields: impl FnOnce(Object) -> Object) -> Result<(), AuditError> {
        let time = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
        let object = fields(Object::new().literal("seq", self.next).text("time", &time));
        let mut text = object.finish();
        text.push('\n');
        if self.torn {
            text.insert(0, '\n');
        }
        // One write(2): a line stands whole or is known to be torn.
        let result = self.file.write(text.as_bytes());
        self.torn = match &result {
            Ok(written) => *written != text.len() && *written > 0 || self.torn && *written == 0,
            Err(_) => self.torn,
        };
        match result {
            Ok(written) if written == text.len() => {
                self.next += 1;
                Ok(())
            }
            Ok(_) => Err(AuditError::Write(
                self.path.clone(),
                io::ErrorKind::WriteZero.into(),
            )),
            Err(error) => Err(AuditError::Write(self.path.clone(), error)),
        }
    }
}

pub(super) fn hexadecimal(digest: &wire::PolicyDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tail(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A trail that is a device (a serial line, a log sink) has no past to read.
    if file.metadata()?.is_file() {
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(end.saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The sequence number of the last whole line, 0 where there is none.
fn last_sequence(tail: &[u8]) -> u64 {
    let whole = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(&[][..], |end| tail.get(..end).unwrap_or_default());
    whole
        .rsplit(|byte| *byte == b'\n')
        .find_map(sequence)
        .unwrap_or(0)
}

fn sequence(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(br#"{"seq":"#)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn sequences(path: &Path) -> Vec<Option<u64>> {
        fs::read(path)
            .unwrap()
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(sequence)
            .collect()
    }

    #[test]
    fn the_sequence_goes_on_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit");
        for _ in 0..2 {
            let mut log = Log::open(&path).unwrap();
            log.begin(&[0; 32]).unwrap();
            log.begin(&[0; 32]).unwrap();
        }
        assert_eq!(sequences(&path), [Some(1), Some(2), Some(3), Some(4)]);
    }

    #[test]
    fn a_torn_line_is_left_behind_and_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit");
        fs::write(&path, "{\"seq\":7,\"x\":1}\n{\"seq\":8,\"to").unwrap();
        Log::open(&path).unwrap().begin(&[0; 32]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("{\"seq\":7,\"x\":1}\n{\"seq\":8,\"to\n{\"seq\":8,\"time\""),
            "{text}"
        );
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let error = Log::open(Path::new("/dev/full"))
            .unwrap()
            .begin(&[0; 32])
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot write audit trail `/dev/full`");
    }
}
