//! What the worker has recorded of the output of runs: files beside the trail, named by
//! their digests.

use super::{Event, text};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A stream of a run, as the trail tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// `stdout` or `stderr`.
    pub(crate) stream: &'static str,
    /// What its file is called.
    pub(crate) sha256: String,
    /// How long it is.
    pub(crate) bytes: u64,
}

/// Why a recording cannot be believed.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// There is none, or it cannot be read.
    Missing(io::Error),
    /// It is another text than was recorded.
    Other,
}

/// What `event` tells by the worker's own word.
pub(crate) fn recorded(event: &Event) -> Vec<Recorded> {
    if (text(event, "event"), text(event, "by")) != ("output", "worker") {
        return Vec::new();
    }
    let one = |stream| {
        let told = event.get(stream)?;
        let sha256 = told.get("sha256")?.as_str()?;
        let digits = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then_some(Recorded {
            stream,
            sha256: sha256.to_owned(),
            bytes: told.get("bytes").and_then(Json::as_u64)?,
        })
    };
    ["stdout", "stderr"].into_iter().filter_map(one).collect()
}

impl Recorded {
    /// Its file; `None` where nothing was printed.
    pub(crate) fn file(&self, directory: &Path) -> Option<PathBuf> {
        (self.bytes > 0).then(|| directory.join(&self.sha256))
    }

    /// Opens what is exactly what was recorded; `None` where nothing was printed.
    pub(crate) fn open(&self, directory: &Path) -> Result<Option<File>, Wrong> {
        let Some(path) = self.file(directory) else {
            return Ok(None);
        };
        let open = || {
            File::options()
                .read(true)
                .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
                .open(&path)
        };
        let mut file = open().map_err(Wrong::Missing)?;
        let about = file.metadata().map_err(Wrong::Missing)?;
        let right = about.is_file() && about.len() == self.bytes;
        if !right || digest(&mut file).map_err(Wrong::Missing)? != self.sha256 {
            return Err(Wrong::Other);
        }
        open().map(Some).map_err(Wrong::Missing)
    }
}

/// SHA-256 of all that `reader` has, in constant memory.
fn digest(reader: &mut impl Read) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let bytes = hash.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
