//! Programs in the virtual environment that `tests/run.sh` makes: the official Python
//! client, `mcp` 2.3, and the TOML language server `tombi`.

use crate::User;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs `tests/python/SCRIPT` as `user`; what it reports, one JSON value.
///
/// The script starts as root, so that it can load the client from wherever the
/// environment is, and becomes `user` before it opens any connection.
///
/// # Panics
/// When the script fails, with its standard error.
#[must_use]
#[track_caller]
pub fn run(script: &str, user: User, arguments: &[&str]) -> Value {
    self::script(script, &[&[user.name], arguments].concat())
}

/// Runs `tests/python/SCRIPT`; what it reports, one JSON value.
///
/// # Panics
/// When the script fails, with its standard error.
#[must_use]
#[track_caller]
pub fn script(name: &str, arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(tool("python"));
    command
        .arg(folder.join("python").join(name))
        .args(arguments);
    command.stdin(Stdio::null());
    let output = command.output().expect("the interpreter starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{error}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|cause| panic!("{cause} in the report of {name}\n{error}"))
}

/// The program `name` of the virtual environment.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("../target/venv/bin").join(name);
    assert!(
        path.exists(),
        "`{}` is missing\nhint: run `tests/run.sh`, which installs it",
        path.display()
    );
    path
}
