//! `mini-mcp doctor`: what of the sandbox holds on this machine. The worker is who
//! confines, so the worker tells: this becomes `mini-mcp-worker doctor`.

use super::options::Doctor;
use crate::error::Error;
use crate::stdio::worker_program;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Becomes the worker; returns only when that cannot be.
pub(crate) fn doctor(options: Doctor) -> ExitCode {
    let path = options.worker_program.unwrap_or_else(worker_program);
    let mut command = Command::new(&path);
    command.arg("doctor").arg("--packs").arg(options.packs);
    if let Some(policy) = options.policy {
        command.arg("--policy").arg(policy);
    }
    if let Some(workspace) = options.workspace {
        command.arg("--workspace").arg(workspace);
    }
    if options.json {
        command.arg("--json");
    }
    let source = command.exec();
    Error::StartWorker { path, source }.report();
    ExitCode::from(2)
}
