//! Where the binaries under test are.

use std::path::{Path, PathBuf};

/// The profile directory of the target directory that holds the running test,
/// such as `target/debug`.
#[must_use]
pub fn target_directory() -> PathBuf {
    let running = std::env::current_exe().expect("the running test has a path");
    running
        .ancestors()
        .skip(1)
        .find(|directory| directory.join(".fingerprint").is_dir())
        .map(Path::to_path_buf)
        .unwrap_or_else(|| panic!("`{}` is not in a target directory", running.display()))
}

/// The built binary called `name`.
///
/// # Panics
/// When it has not been built: cargo builds no other package's binaries for a test.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let path = target_directory().join(name);
    assert!(
        path.is_file(),
        "`{}` is missing\nhint: build it first: cargo build --workspace --bins{}",
        path.display(),
        if cfg!(debug_assertions) {
            ""
        } else {
            " --release"
        },
    );
    path
}
