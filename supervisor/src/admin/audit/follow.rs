//! Waits for more of a trail, also when it goes on in another file.

use super::unreadable;
use crate::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long what was written waits to be seen.
const PAUSE: Duration = Duration::from_millis(250);

/// The end of a trail that is written on.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    /// `None` when nothing is to be waited for.
    file: Option<File>,
    /// The beginning of a line.
    piece: Vec<u8>,
}

impl Tail {
    /// From the end that the trail has now, before it is read.
    pub(super) fn end_of(path: &Path, follow: bool) -> Result<Self, Error> {
        let open = || -> io::Result<File> {
            let mut file = File::open(path)?;
            // Read once more from the last line on: it may have been cut just now.
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size))?;
            Ok(file)
        };
        let file = if follow {
            Some(open().map_err(|error| unreadable(path, error))?)
        } else {
            None
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            piece: Vec::new(),
        })
    }

    /// Waits for whole lines; `None` when nothing is to be waited for.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, Error> {
        loop {
            let Some(file) = &mut self.file else {
                return Ok(None);
            };
            let failed = |error| unreadable(&self.path, error);
            let moved = was_moved(file, &self.path);
            let read = file.read_to_end(&mut self.piece).map_err(failed)?;
            let end = self.piece.iter().rposition(|byte| *byte == b'\n');
            if let Some(end) = end {
                let rest = self.piece.split_off(end + 1);
                let whole = std::mem::replace(&mut self.piece, rest);
                let lines = whole.split_inclusive(|byte| *byte == b'\n');
                return Ok(Some(lines.map(<[u8]>::to_vec).collect()));
            }
            if moved && read == 0 {
                self.piece.clear();
                *file = File::open(&self.path).map_err(failed)?;
                continue;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether another file has taken the place of `file`.
fn was_moved(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) != (there.dev(), there.ino())
}
