//! The source tree, its scripts, and the packages that `packaging/build.sh` makes there.

use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace.
///
/// # Panics
/// When it is gone.
#[must_use]
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("it is there")
}

/// What `command` prints, which succeeds and reads nothing.
///
/// # Panics
/// When it fails, or prints what is no text.
pub fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{command:?}: {error}\nhint: tests/run.sh installs what its tests need; that of \
             the image needs buildah, podman, runc and busybox-static"
        )
    });
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{complaints}",
        output.status
    );
    text
}

/// A script of the tree that builds. What cargo tells its tests is not told to it: crates
/// that read it would be built anew.
#[must_use]
pub fn script(path: &str) -> Command {
    let mut command = Command::new(root().join(path));
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command
}

/// Makes packages in these formats of what the tests have built; the folder that they
/// are in.
///
/// # Panics
/// When they cannot be made.
pub fn packages(formats: &[&str]) -> PathBuf {
    // Beside the machine test, which makes the same.
    let lock = root().join("target/machine");
    fs::create_dir_all(&lock).expect("a folder");
    let lock = File::create(lock.join("lock")).expect("a file");
    let lock = Flock::lock(lock, FlockArg::LockExclusive).expect("a lock");
    let mut build = script("packaging/build.sh");
    said(build.args(formats).env("MINI_MCP_PROFILE", "dev"));
    drop(lock);
    root().join("target/packages")
}
