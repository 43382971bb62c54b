//! `mini-mcp stdio`: one client on standard input and output, and a worker of
//! its own, as the same user.

use crate::cli::Stdio;
use crate::confine::{Needs, confine};
use crate::error::Error;
use crate::front::{Client, Front, Generation, Questions, attend};
use crate::lane::{Door, LaneError, Packets, Pool, pair};
use crate::log::Logging;
use crate::runs::Runs;
use crate::{peer, signals, workspace};
use policy::{Policy, Proof, Setting};
use policy_files::PolicyFiles;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio as Streams;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// File name of the worker's program.
const WORKER: &str = "mini-mcp-worker";

/// Where packages install it.
const WORKER_DIRECTORY: &str = "/usr/libexec/mini-mcp";

/// How long it may take to tell of the last calls.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long the worker may take to end.
const WORKER_FAREWELL: Duration = Duration::from_secs(5);

/// Serves until the client has finished and is answered, or is gone, or until
/// SIGTERM or SIGINT.
pub(crate) async fn serve(options: Stdio) -> Result<(), Error> {
    let setting = workspace::setting(options.workspace.as_deref())?;
    let policy_file = options.policy.map(std::path::absolute).transpose();
    let policy_file = policy_file.map_err(Error::Process)?;
    let packs = std::path::absolute(options.packs).map_err(Error::Process)?;
    let policy = read_policy(policy_file.as_deref(), &packs, &setting)?;
    let audit = match options.audit {
        Some(file) => std::path::absolute(file).map_err(Error::Process)?,
        None => state_directory()?.join("audit.jsonl"),
    };
    let runs = options.spool.open(spool_directory())?;
    let program = options.worker_program.unwrap_or_else(worker_program);
    let (control, mut worker) = start(
        &program,
        &setting,
        (policy_file.as_deref(), &packs),
        (&audit, options.logging),
    )?;
    confine(&Needs {
        child: true,
        spool: runs.directory(),
        ..Needs::default()
    })?;
    let pool = Arc::new(Pool::new(Door::Control(control), policy.digest()));
    let served = converse(policy, &pool, runs).await;
    pool.shut();
    end(&mut worker).await;
    served
}

async fn converse(policy: Policy, pool: &Arc<Pool>, runs: Arc<Runs>) -> Result<(), Error> {
    pool.warm_up().await?;
    let generation = Generation::new(policy, Arc::clone(pool));
    let front = Arc::new(Front::new(generation, runs, Questions::new()?));
    let answers = io::stdout().as_fd().try_clone_to_owned();
    let answers: Arc<OwnedFd> = Arc::new(answers.map_err(Error::Process)?);
    let mut ending = signals::Ending::watch().map_err(Error::Process)?;
    let stop = CancellationToken::new();
    let client = Arc::new(Client::new(Proof::Peer(peer::own()), None));
    let streams = (tokio::io::stdin(), tokio::io::stdout());
    let told = Arc::clone(&front);
    let attending = attend(front, client, streams, answers, stop.clone());
    tokio::pin!(attending);
    tokio::select! {
        () = &mut attending => {}
        signal = ending.signal() => {
            tracing::info!(signal, "stopping");
            stop.cancel();
            attending.await;
        }
    }
    // What is logged and recorded of the last calls.
    told.farewells().close();
    let _in_time = tokio::time::timeout(FAREWELL, told.farewells().wait()).await;
    Ok(())
}

fn read_policy(file: Option<&Path>, packs: &Path, setting: &Setting) -> Result<Policy, Error> {
    Ok(PolicyFiles::read_or_embedded(file, packs, setting)?.parse(setting)?)
}

/// Starts the worker. It gets nothing of our environment, the control socket as
/// its standard input, and our standard error to log to.
fn start(
    program: &Path,
    setting: &Setting,
    (policy, packs): (Option<&Path>, &Path),
    (audit, logging): (&Path, Logging),
) -> Result<(Packets, Child), Error> {
    let (ours, theirs) = pair().map_err(Error::Process)?;
    let mut command = Command::new(program);
    command.arg("single-user");
    if let Setting::SingleUser { workspace, .. } = setting {
        command.arg("--workspace").arg(workspace);
    }
    if let Some(policy) = policy {
        command.arg("--policy").arg(policy);
    }
    command.arg("--packs").arg(packs);
    command.arg("--audit").arg(audit);
    command.args(["--log-format", logging.for_worker()]);
    command
        .env_clear()
        .stdin(Streams::from(theirs))
        .stdout(Streams::null());
    let child = command.spawn().map_err(|source| Error::StartWorker {
        path: program.to_owned(),
        source,
    })?;
    // `command` holds the worker's end until here; from now on, the worker's own
    // end is the only one, and its death can be seen.
    drop(command);
    let control = Packets::new(ours).map_err(LaneError::Open)?;
    Ok((control, child))
}

/// The control socket is shut, so the worker ends by itself.
async fn end(worker: &mut Child) {
    match tokio::time::timeout(WORKER_FAREWELL, worker.wait()).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => tracing::warn!(%status, "worker ended"),
        Ok(Err(error)) => tracing::warn!(%error, "cannot wait for the worker"),
        Err(_) => {
            tracing::warn!("worker does not end: killing it");
            // Fails only when it has ended at last.
            let _ = worker.kill().await;
        }
    }
}

/// The worker beside this program, as in a build directory, or where packages
/// install it.
pub(crate) fn worker_program() -> PathBuf {
    let beside = std::env::current_exe().ok();
    let beside = beside.map(|program| program.with_file_name(WORKER));
    match beside {
        Some(program) if program.exists() => program,
        _ => Path::new(WORKER_DIRECTORY).join(WORKER),
    }
}

/// Where long output is kept, if the user has a state directory.
fn spool_directory() -> Option<PathBuf> {
    Some(state_home()?.join("mini-mcp/spool"))
}

/// The user's own; see the XDG Base Directory Specification.
fn state_home() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| Path::new(&home).join(".local/state"));
    state.or_else(home)
}

/// `mini-mcp` in the user's state directory, made for him alone.
fn state_directory() -> Result<PathBuf, Error> {
    let directory = state_home().ok_or(Error::NoState)?.join("mini-mcp");
    let created = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory);
    match created {
        Ok(()) => Ok(directory),
        Err(source) => Err(Error::CreateDirectory {
            path: directory,
            source,
        }),
    }
}
