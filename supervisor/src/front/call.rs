//! One call on a lane: pipes, request, output, outcome.

use super::Client;
use super::reading::{Reading, Sink};
use super::result::Ending;
use super::traced::{run_attributes, run_error};
use super::waiting::{self, Standing};
use crate::lane::{Filter, LaneError, Lease, Pool, Reader};
use crate::runs::{Run as KeptRun, Stream};
use crate::telemetry::Stage;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;
use wire::{Correlation, Denial, Failure, Outcome, Reply, Report, Request, Run};

/// How long output may keep coming after the command and everything it started
/// have ended.
pub(super) const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// A command that has begun.
pub(crate) struct Started {
    lane: Lease,
    name: String,
    stdout: Reader,
    stderr: Reader,
    /// How it has ended, if that was within a moment.
    end: Option<Outcome>,
    stage: Stage,
}

/// Has the command of `run` executed under its filter; or the ending of a call that is
/// refused.
///
/// # Errors
/// A worker that cannot be used.
pub(crate) async fn start(
    pool: &Arc<Pool>,
    client: &Client,
    run: (Run, Filter),
    standing: &Standing,
) -> Result<Result<Started, Ending>, LaneError> {
    let pipes = pool.pipes()?;
    let mut descriptors = pipes.writers().to_vec();
    descriptors.extend(socket(client));
    let mut lane = pool.run(client.owner(), run, &descriptors).await?;
    // The command is being launched: what can wait is done now.
    let (stdout, stderr) = pipes.into_readers();
    pool.make_pipes();
    let reply = waiting::reply(&mut lane, standing).await?;
    standing.leaves();
    let (name, end) = match reply {
        Reply::Started { run } => (run, None),
        Reply::Finished(outcome) => (outcome.run.clone(), Some(outcome)),
        Reply::Denied(denial) => {
            lane.settle();
            return Ok(Err(Ending::Denied(denial)));
        }
        Reply::Failed(failure) => {
            lane.settle();
            return Ok(Err(Ending::Failed(failure)));
        }
        other @ (Reply::Welcome(_)
        | Reply::Waiting { .. }
        | Reply::Queued { .. }
        | Reply::Recorded
        | Reply::Identified(_)
        | Reply::Reloaded
        | Reply::Attached(_)) => return Err(LaneError::out_of_turn(&other)),
    };
    tracing::debug!(run = name, "command started");
    Ok(Ok(Started {
        lane,
        name,
        stdout,
        stderr,
        end,
        stage: Stage::begin("run"),
    }))
}

impl Started {
    /// Its name in the audit trail.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the end of the command; its output goes to `sink` meanwhile. Giving up
    /// the waiting kills it. What is yet to be said to the lane is no part of the call.
    ///
    /// # Errors
    /// A worker that cannot be used.
    pub(super) async fn follow(self, sink: &Sink) -> Result<(Ending, Option<Parting>), LaneError> {
        let (mut lane, mut stage) = (self.lane, self.stage);
        let mut stdout = Reading::new(Stream::Stdout, sink.output_max);
        let mut stderr = Reading::new(Stream::Stderr, sink.output_max);
        let printed = (&mut stdout, &mut stderr);
        let reply = match self.end {
            Some(outcome) => {
                take((self.stdout, self.stderr), printed, sink).await;
                Ok(outcome)
            }
            None => {
                let ends = (self.stdout, self.stderr);
                Box::pin(watch(&mut lane, ends, printed, sink)).await?
            }
        };
        stdout.settle().await;
        stderr.settle().await;
        let parting = if reply.is_ok() {
            Parting::of(lane, &stdout, &stderr)
        } else {
            lane.settle();
            None
        };
        let told = || reply.as_ref().map(run_attributes).unwrap_or_default();
        stage.tell(told, run_error(&reply));
        let ending = match reply {
            Ok(outcome) => Ending::Finished {
                outcome,
                stdout: stdout.finish(&sink.run),
                stderr: stderr.finish(&sink.run),
            },
            Err(failure) => Ending::Failed(failure),
        };
        Ok((ending, parting))
    }
}

/// Takes what a command has printed that has ended.
async fn take(
    (out, err): (Reader, Reader),
    (stdout, stderr): (&mut Reading, &mut Reading),
    sink: &Sink,
) {
    let taking = async { tokio::join!(stdout.left(out, sink), stderr.left(err, sink)) };
    // When this runs out, a descriptor outlived the command.
    let _ = tokio::time::timeout(LAST_OUTPUT, taking).await;
}

/// Reads what a command prints until it has ended.
async fn watch(
    lane: &mut Lease,
    (out, err): (Reader, Reader),
    (stdout, stderr): (&mut Reading, &mut Reading),
    sink: &Sink,
) -> Result<Result<Outcome, Failure>, LaneError> {
    let out = out.watch().map_err(LaneError::Pipe)?;
    let err = err.watch().map_err(LaneError::Pipe)?;
    let reading = async { tokio::join!(stdout.drain(out, sink), stderr.drain(err, sink)) };
    tokio::pin!(reading);
    tokio::select! {
        reply = outcome(lane, &sink.run) => {
            let reply = reply?;
            if reply.is_ok() {
                // When this runs out, a descriptor outlived the command.
                let _ = tokio::time::timeout(LAST_OUTPUT, reading).await;
            }
            Ok(reply)
        }
        _ = &mut reading => outcome(lane, &sink.run).await,
    }
}

/// What the trail is to be told of what a command has printed, and the lane for that. It
/// is no part of the call: a lane that ends meanwhile has recorded the call already.
pub(super) struct Parting {
    lane: Lease,
    output: wire::Output,
}

impl Parting {
    /// If it has printed anything; the lane is free else.
    fn of(lane: Lease, stdout: &Reading, stderr: &Reading) -> Option<Self> {
        if stdout.is_empty() && stderr.is_empty() {
            lane.settle();
            return None;
        }
        let output = wire::Output {
            stdout: stdout.digest(),
            stderr: stderr.digest(),
        };
        Some(Self { lane, output })
    }

    /// Says it, and gives the lane back.
    pub(super) async fn say(self) {
        if let Err(error) = self.lane.tell(&Request::Output(self.output)).await {
            tracing::debug!(%error, "output not recorded");
        }
        self.lane.settle();
    }
}

/// A call that was denied here.
pub(crate) struct Denied {
    pub(crate) denial: Denial,
    /// `None` when they could not be typed.
    pub(crate) arguments: Option<Vec<wire::Argument>>,
    pub(crate) claim: Option<wire::Claim>,
}

/// Has a denial recorded in the audit trail; the ending to tell the client.
///
/// # Errors
/// A worker that cannot be used.
pub(crate) async fn report(
    pool: &Arc<Pool>,
    client: &Client,
    correlation: Correlation,
    tool: &str,
    denied: Denied,
) -> Result<Ending, LaneError> {
    let Denied {
        denial,
        arguments,
        claim,
    } = denied;
    let report = |arguments| {
        Request::Report(Report {
            correlation: correlation.clone(),
            tool: crate::sanitize::cut(tool, 128).to_owned(),
            arguments,
            denial: Denial {
                reason: crate::sanitize::cut(&denial.reason, 1024).to_owned(),
                ..denial.clone()
            },
            claim: claim.clone(),
            key: client.key.clone(),
        })
    };
    let failure = match record(pool, client, report(arguments)).await {
        Err(LaneError::Request(_)) => record(pool, client, report(None)).await?,
        result => result?,
    };
    Ok(failure.map_or(Ending::Denied(denial), Ending::Failed))
}

async fn record(
    pool: &Arc<Pool>,
    client: &Client,
    report: Request,
) -> Result<Option<Failure>, LaneError> {
    let (pool, owner, socket) = (
        Arc::clone(pool),
        Arc::clone(client.owner()),
        client.socket.clone(),
    );
    // The worker may put its answer off. Whoever gives the call up meanwhile must not
    // have his turn back before that, or he would take one lane after the other.
    let told = tokio::spawn(async move {
        let descriptors: Vec<BorrowedFd<'_>> = socket.iter().map(|one| one.as_fd()).collect();
        let mut lane = pool.submit(&owner, &report, &descriptors).await?;
        recorded(lane.reply().await?).inspect(|_| lane.settle())
    });
    told.await.unwrap_or(Err(LaneError::HungUp))
}

/// What `reply` says of a report: nothing, or why it is not recorded.
fn recorded(reply: Reply) -> Result<Option<Failure>, LaneError> {
    let failure = match reply {
        Reply::Recorded => None,
        Reply::Failed(failure) => Some(failure),
        other @ (Reply::Welcome(_)
        | Reply::Waiting { .. }
        | Reply::Queued { .. }
        | Reply::Started { .. }
        | Reply::Denied(_)
        | Reply::Finished(_)
        | Reply::Identified(_)
        | Reply::Reloaded
        | Reply::Attached(_)) => return Err(LaneError::out_of_turn(&other)),
    };
    Ok(failure)
}

/// The client's own socket, by which it proves who it is.
pub(super) fn socket(client: &Client) -> impl Iterator<Item = BorrowedFd<'_>> {
    client.socket.iter().map(|socket| socket.as_fd())
}

/// Waits until the command has ended; it is ended early when `run` is told so.
async fn outcome(lane: &mut Lease, run: &KeptRun) -> Result<Result<Outcome, Failure>, LaneError> {
    tokio::select! {
        reply = last(lane) => return reply,
        () = run.cancel.cancelled() => {}
    }
    lane.tell(&Request::Cancel).await?;
    last(lane).await
}

async fn last(lane: &mut Lease) -> Result<Result<Outcome, Failure>, LaneError> {
    match lane.reply().await? {
        Reply::Finished(outcome) => Ok(Ok(outcome)),
        Reply::Failed(failure) => Ok(Err(failure)),
        other @ (Reply::Welcome(_)
        | Reply::Started { .. }
        | Reply::Waiting { .. }
        | Reply::Queued { .. }
        | Reply::Denied(_)
        | Reply::Recorded
        | Reply::Identified(_)
        | Reply::Reloaded
        | Reply::Attached(_)) => Err(LaneError::out_of_turn(&other)),
    }
}
