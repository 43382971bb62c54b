//! A directory for one test.

use crate::binary;
use crate::users::make_accounts;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const PROGRAMS: [&str; 2] = ["mini-mcp", "mini-mcp-worker"];

/// A new directory that every user can enter, with copies of the binaries in
/// `bin` that every user can execute, wherever the target directory may be.
///
/// # Panics
/// When the binaries have not been built.
#[must_use]
pub fn scratch() -> TempDir {
    scratch_in(&std::env::temp_dir())
}

/// The same in `folder`, for what a sandbox with temporary directories of its own
/// would hide.
///
/// # Panics
/// When the binaries have not been built.
#[must_use]
pub fn scratch_in(folder: &Path) -> TempDir {
    make_accounts();
    let mut builder = tempfile::Builder::new();
    let directory = builder.prefix("mini-mcp-test-").tempdir_in(folder);
    let directory = directory.expect("a temporary directory can be made");
    open_to_all(directory.path());
    let programs = directory.path().join("bin");
    fs::create_dir(&programs).expect("the directory is ours");
    open_to_all(&programs);
    for name in PROGRAMS {
        let (from, to) = (binary(name), programs.join(name));
        // A hard link costs nothing, but does not cross file systems.
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).expect("a binary can be copied");
        }
    }
    directory
}

fn open_to_all(directory: &Path) {
    fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("the directory is ours");
}
