//! Programs whose content the policy names by its SHA-256.

use super::program::ProgramError;
use sha2::{Digest, Sha256};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells that a file is as it was when it was read: whoever changes its content
/// changes its ctime as well, inode(7).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether `program` is still the file that was read.
    pub(super) fn is_current(&self, program: &Path) -> bool {
        fs::metadata(program).is_ok_and(|metadata| Self::new(&metadata) == *self)
    }
}

/// Reads `program`, whose content must have the digest `wanted`.
pub(super) fn verify(program: &Path, wanted: [u8; 32]) -> Result<Fingerprint, ProgramError> {
    let look = |error| ProgramError::Look(program.to_path_buf(), error);
    let file = File::open(program).map_err(look)?;
    // Before the content: what changes meanwhile is found the next time.
    let fingerprint = Fingerprint::new(&file.metadata().map_err(look)?);
    let found = digest(file).map_err(look)?;
    if found == wanted {
        Ok(fingerprint)
    } else {
        Err(ProgramError::Digest {
            program: program.to_path_buf(),
            found: hexadecimal(found),
            wanted: hexadecimal(wanted),
        })
    }
}

fn digest(mut file: File) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            length => hash.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}

fn hexadecimal(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
