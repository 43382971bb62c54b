//! One stream of a run, kept from its beginning: a little in memory, more in a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;

/// From what size on a file is closed by a thread of its own, in bytes.
const LARGE: u64 = 1 << 20;

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

impl Drop for Inner {
    /// To close a file without a name is to remove what it holds, 20 ms and more for the
    /// largest: who forgets a run does not wait for that.
    fn drop(&mut self) {
        let large = self.kept >= LARGE;
        if let (true, Some(file), Ok(runtime)) = (large, self.file.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || drop(file));
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Whoever forgets a run serves everybody.
    #[test]
    fn a_large_file_is_closed_by_another_thread() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let (go_on, wait) = channel::<()>();
        let _busy = runtime.spawn_blocking(move || wait.recv());
        let file = Arc::new(tempfile::tempfile().unwrap());
        let open = format!("/proc/self/fd/{}", file.as_raw_fd());
        let name = std::fs::read_link(&open).unwrap();
        let is_open = || std::fs::read_link(&open).is_ok_and(|now| now == name);
        let kept = Kept::default();
        kept.written(file, LARGE);
        runtime.block_on(async move { drop(kept) });
        assert!(is_open(), "it was closed at once");
        go_on.send(()).unwrap();
        let patience = std::time::Instant::now() + Duration::from_secs(60);
        while is_open() {
            assert!(std::time::Instant::now() < patience, "nobody closes it");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
