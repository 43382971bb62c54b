//! One stream of a run, kept from its beginning: a little in memory, more in a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A stream that is written once, at its end, and read anywhere.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// All that is kept, until there is a file.
    memory: Vec<u8>,
    file: Option<Arc<File>>,
    /// How many bytes are kept.
    kept: u64,
    /// How many there were.
    seen: u64,
    /// Nothing more is kept.
    full: bool,
}

/// How much there is of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes that can be read.
    pub(crate) kept: u64,
    /// Bytes that the command wrote so far.
    pub(crate) seen: u64,
}

/// Where the next bytes go.
pub(super) enum Room {
    /// They were taken.
    Taken,
    /// To the file, after these bytes, which it does not have yet.
    File(Option<Arc<File>>, Vec<u8>),
}

impl Kept {
    /// How much there is.
    pub(crate) fn extent(&self) -> Extent {
        let inner = self.lock();
        Extent {
            kept: inner.kept,
            seen: inner.seen,
        }
    }

    /// At most `most` bytes from `from` on.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) async fn read(&self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let (file, length) = {
            let inner = self.lock();
            let length = most.min(inner.kept.saturating_sub(from));
            match &inner.file {
                Some(file) => (Arc::clone(file), length),
                None => return Ok(slice(&inner.memory, from, length)),
            }
        };
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, from)?;
            Ok(bytes)
        });
        reading.await.map_err(io::Error::other)?
    }

    /// Counts `bytes`, and takes them if they fit `room` in memory.
    pub(super) fn place(&self, bytes: &[u8], room: usize) -> Room {
        let mut inner = self.lock();
        inner.seen = inner.seen.saturating_add(bytes.len() as u64);
        if inner.full {
            return Room::Taken;
        }
        if inner.file.is_none() && inner.memory.len() + bytes.len() <= room {
            inner.memory.extend_from_slice(bytes);
            inner.kept = inner.memory.len() as u64;
            return Room::Taken;
        }
        Room::File(inner.file.clone(), inner.memory.clone())
    }

    /// Keeps in memory what of `bytes` fits `room`, and nothing after that.
    pub(super) fn fill(&self, bytes: &[u8], room: usize) {
        let mut inner = self.lock();
        let left = room.saturating_sub(inner.memory.len()).min(bytes.len());
        let (taken, _) = bytes.split_at(left);
        inner.memory.extend_from_slice(taken);
        inner.kept = inner.memory.len() as u64;
        inner.full = true;
    }

    /// Notes that `file` has the first `kept` bytes.
    pub(super) fn written(&self, file: Arc<File>, kept: u64) {
        let mut inner = self.lock();
        inner.memory = Vec::new();
        inner.file = Some(file);
        inner.kept = kept;
    }

    /// Keeps nothing more.
    pub(super) fn stop(&self) {
        self.lock().full = true;
    }

    /// How many bytes a file would have before the next ones.
    pub(super) fn kept(&self) -> u64 {
        self.lock().kept
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slice(memory: &[u8], from: u64, length: u64) -> Vec<u8> {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    memory.iter().skip(from).take(length).copied().collect()
}
