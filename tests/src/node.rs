//! Programs in the directory of packages that `tests/run.sh` makes: the conformance
//! suite, the official TypeScript clients and the inspector, and the node that runs them.

use crate::target_directory;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the package at `path` below node_modules has.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn installed(path: &str) -> PathBuf {
    let path = target_directory().join("../node/node_modules").join(path);
    assert!(
        path.exists(),
        "`{}` is missing\nhint: run `tests/run.sh`, which installs it",
        path.display()
    );
    path
}

/// The command that runs the program at `path` below node_modules.
#[must_use]
pub fn program(path: &str) -> Command {
    let mut command = Command::new(installed("node/bin/node"));
    command.arg(installed(path)).stdin(Stdio::null());
    command
}

/// Runs `tests/node/SCRIPT`; what it reports, one JSON value.
///
/// # Panics
/// When the script fails, with its standard error.
#[must_use]
#[track_caller]
pub fn script(name: &str, arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let mut command = Command::new(installed("node/bin/node"));
    command.arg(folder.join(name)).arg(installed(""));
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().expect("node starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{error}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|cause| panic!("{cause} in the report of {name}\n{error}"))
}
