//! Whether a program is what the administrator thinks it is: the file, and every
//! directory on the way to it, must be in trusted hands. Whoever can write there
//! can put another program in its place, and every rule of the policy with it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Nobody but the owner can replace what is in such a directory, chmod(2).
const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A program that is not executed.
#[derive(Debug, Error)]
pub(crate) enum ProgramError {
    /// It, or a directory above it, cannot be looked at.
    #[error("cannot look at program `{0}`")]
    Look(PathBuf, #[source] io::Error),
    /// Somebody else owns it.
    #[error(
        "cannot trust program `{program}`: `{place}` belongs to user {owner}\nhint: give it to root"
    )]
    Owner {
        /// The program.
        program: PathBuf,
        /// The file or directory.
        place: PathBuf,
        /// Who owns it.
        owner: u32,
    },
    /// It is not the file that the policy pins.
    #[error(
        "cannot trust program `{program}`: its SHA-256 is {found}, the policy wants {wanted}\nhint: if it was replaced on purpose, write the new digest as `sha256`"
    )]
    Digest {
        /// The program.
        program: PathBuf,
        /// What its content has.
        found: String,
        /// What it should have.
        wanted: String,
    },
    /// Others may write to it.
    #[error(
        "cannot trust program `{program}`: group or others may write to `{place}`\nhint: chmod go-w `{place}`"
    )]
    Writable {
        /// The program.
        program: PathBuf,
        /// The file or directory.
        place: PathBuf,
    },
}

/// Checks `program`, as it is named and as symbolic links lead to it. Trusted are
/// root and, where a single user is served, that user.
pub(crate) fn check(program: &Path, user: Option<u32>) -> Result<(), ProgramError> {
    let look = |error| ProgramError::Look(program.to_path_buf(), error);
    let real = fs::canonicalize(program).map_err(look)?;
    for place in program.ancestors().chain(real.ancestors()) {
        let metadata = fs::metadata(place).map_err(look)?;
        let (owner, mode) = (metadata.uid(), metadata.mode());
        let (program, place) = (program.to_path_buf(), place.to_path_buf());
        if owner != 0 && Some(owner) != user {
            return Err(ProgramError::Owner {
                program,
                place,
                owner,
            });
        }
        let shared = metadata.is_dir() && mode & STICKY != 0;
        if mode & WRITABLE_BY_OTHERS != 0 && !shared {
            return Err(ProgramError::Writable { program, place });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_may_write_is_not_trusted() {
        let me = Some(nix::unistd::geteuid().as_raw());
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let program = folder.join("program");
        fs::write(&program, "").unwrap();
        let link = directory.path().join("link");
        symlink(&program, &link).unwrap();

        for (folder_mode, mode, trusted) in [
            (0o755, 0o755, true),
            (0o775, 0o755, false),
            (0o757, 0o755, false),
            (0o1777, 0o755, true),
            (0o755, 0o757, false),
        ] {
            set_mode(&folder, folder_mode);
            set_mode(&program, mode);
            for path in [&program, &link] {
                assert_eq!(
                    check(path, me).is_ok(),
                    trusted,
                    "{folder_mode:o} {mode:o} {path:?}"
                );
            }
        }
    }

    #[test]
    fn programs_of_the_system_are_trusted() {
        check(Path::new("/bin/sh"), None).unwrap();
    }
}
