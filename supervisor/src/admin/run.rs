//! `mini-mcp run`: one command under a profile.
//!
//! The worker decides, confines and runs it; here paths become absolute and the
//! words of the command line become its own. This process then is the worker.

use super::options::Run;
use crate::error::Error;
use crate::stdio::worker_program;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The command did not run, as env(1) says it.
pub(crate) const REFUSED: u8 = 125;

/// Becomes the worker; comes back only when that is not possible.
pub(crate) fn run(options: &Run) -> ExitCode {
    let error = match arguments(options) {
        Ok(arguments) => start(options, &arguments),
        Err(source) => Error::Process(source),
    };
    error.report();
    ExitCode::from(REFUSED)
}

/// The worker gets nothing of our environment.
fn start(options: &Run, arguments: &[OsString]) -> Error {
    let program = options.worker_program.clone();
    let program = program.unwrap_or_else(worker_program);
    let mut command = Command::new(&program);
    let source = command.env_clear().arg("run").args(arguments).exec();
    Error::StartWorker {
        path: program,
        source,
    }
}

fn arguments(options: &Run) -> io::Result<Vec<OsString>> {
    let mut words = vec![option("profile", options.profile.as_ref())];
    let paths = [
        ("read", &options.read),
        ("rw", &options.rw),
        ("exec", &options.exec),
    ];
    for (name, paths) in paths {
        for path in paths {
            words.push(option(name, granted(path)?.as_ref()));
        }
    }
    let files = [
        ("policy", &options.policy),
        ("packs", &Some(options.packs.clone())),
        ("dir", &options.dir),
    ];
    for (name, path) in files {
        if let Some(path) = path {
            words.push(option(name, absolute(path)?.as_ref()));
        }
    }
    let texts = [
        ("as", &options.user),
        ("timeout", &options.timeout),
        ("strength", &options.strength),
        ("network", &options.network),
        ("containment", &options.containment),
    ];
    for (name, text) in texts {
        words.extend(text.iter().map(|text| option(name, text.as_ref())));
    }
    for (name, texts) in [("connect", &options.connect), ("env", &options.env)] {
        words.extend(texts.iter().map(|text| option(name, text.as_ref())));
    }
    if options.explain_denials {
        words.push("--explain-denials".into());
    }
    words.push("--".into());
    words.extend(options.command.iter().cloned());
    Ok(words)
}

/// `--NAME=VALUE`, in one word so that no value is taken for an option.
fn option(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{name}="));
    word.push(value);
    word
}

/// A path to grant; a leading `-` says that it may be missing, as in the policy.
fn granted(path: &Path) -> io::Result<OsString> {
    let (prefix, path) = match path.as_os_str().as_bytes().split_first() {
        Some((b'-', rest)) => ("-", Path::new(OsStr::from_bytes(rest))),
        _ => ("", path),
    };
    let path = absolute(path)?.into_os_string().into_vec();
    Ok(OsString::from_vec([prefix.as_bytes(), &path].concat()))
}

/// Absolute and without `..`, which the policy refuses.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let whole = std::path::absolute(path)?;
    let climbs = whole.components().any(|part| part.as_os_str() == "..");
    if climbs {
        whole.canonicalize()
    } else {
        Ok(whole)
    }
}
