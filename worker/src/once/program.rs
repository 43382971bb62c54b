//! Which file a command is, as a shell would find it.

use super::error::OnceError;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const EXECUTABLE: u32 = 0o111;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Program,
    Other,
    Nothing,
}

/// The absolute path of `command`: a path, or a name that is looked up in `path`,
/// directories separated by colons.
pub(super) fn find(command: &str, path: &str) -> Result<PathBuf, OnceError> {
    if command.contains('/') {
        let program = absolute(Path::new(command)).map_err(OnceError::Here)?;
        return match look(&program) {
            Found::Program => Ok(program),
            Found::Other => Err(OnceError::NotExecutable(program)),
            Found::Nothing => Err(OnceError::NotFound(command.to_owned(), "")),
        };
    }
    let candidates = path
        .split(':')
        .filter(|directory| directory.starts_with('/'));
    let mut other = None;
    for candidate in candidates.map(|directory| Path::new(directory).join(command)) {
        match look(&candidate) {
            Found::Program => return Ok(candidate),
            Found::Other if !candidate.is_dir() => other = other.or(Some(candidate)),
            Found::Other | Found::Nothing => {}
        }
    }
    Err(match other {
        Some(other) => OnceError::NotExecutable(other),
        None => OnceError::NotFound(command.to_owned(), " in the profile's PATH"),
    })
}

/// Absolute and without `..`, which the policy refuses.
pub(super) fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let whole = std::path::absolute(path)?;
    let climbs = whole.components().any(|part| part.as_os_str() == "..");
    if climbs {
        whole.canonicalize()
    } else {
        Ok(whole)
    }
}

fn look(path: &Path) -> Found {
    match fs::metadata(path) {
        Ok(file) if file.is_file() && file.permissions().mode() & EXECUTABLE != 0 => Found::Program,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Found::Nothing
        }
        Ok(_) | Err(_) => Found::Other,
    }
}
