//! One call on a lane: pipes, request, output, outcome.

use super::Client;
use super::reading::{Reading, Sink};
use super::result::Ending;
use super::traced::{run_attributes, run_error};
use super::waiting::{self, Standing};
use crate::lane::{LaneError, Lease, Pool};
use crate::runs::{Run as KeptRun, Stream};
use crate::telemetry::Stage;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe::Receiver;
use wire::{Correlation, Denial, Failure, Outcome, Reply, Report, Request, Run};

/// How long output may keep coming after the command and everything it started
/// have ended.
pub(super) const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// A command that runs.
pub(crate) struct Started {
    lane: Lease,
    name: String,
    stdout: Receiver,
    stderr: Receiver,
    stage: Stage,
}

/// Has the command of `run` executed; or the ending of a call that is refused.
///
/// # Errors
/// A worker that cannot be used.
pub(crate) async fn start(
    pool: &Arc<Pool>,
    client: &Client,
    run: Run,
    standing: &Standing,
) -> Result<Result<Started, Ending>, LaneError> {
    let pipes = pool.pipes()?;
    let mut descriptors = pipes.writers().to_vec();
    descriptors.extend(socket(client));
    let request = Request::Run(run);
    let submitted = pool.submit(&client.owner(), &request, &descriptors).await;
    let mut lane = submitted?;
    // The command is being launched: what can wait is done now.
    let (stdout, stderr) = pipes.into_readers().map_err(LaneError::Pipe)?;
    pool.make_pipes();
    let reply = waiting::reply(&mut lane, standing).await?;
    standing.leaves();
    let refusal = match reply {
        Reply::Started { run: name } => {
            tracing::debug!(run = name, "command started");
            return Ok(Ok(Started {
                lane,
                name,
                stdout,
                stderr,
                stage: Stage::begin("run"),
            }));
        }
        Reply::Denied(denial) => Ending::Denied(denial),
        Reply::Failed(failure) => Ending::Failed(failure),
        other @ (Reply::Welcome(_)
        | Reply::Waiting { .. }
        | Reply::Queued { .. }
        | Reply::Finished(_)
        | Reply::Recorded
        | Reply::Identified(_)
        | Reply::Reloaded
        | Reply::Attached(_)) => return Err(LaneError::out_of_turn(&other)),
    };
    lane.settle();
    Ok(Err(refusal))
}

impl Started {
    /// Its name in the audit trail.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the end of the command; its output goes to `sink` meanwhile. Giving up
    /// the waiting kills it.
    ///
    /// # Errors
    /// A worker that cannot be used.
    pub(super) async fn follow(self, sink: &Sink) -> Result<Ending, LaneError> {
        let (mut lane, mut stage) = (self.lane, self.stage);
        let mut stdout = Reading::new(self.stdout, Stream::Stdout, sink.output_max);
        let mut stderr = Reading::new(self.stderr, Stream::Stderr, sink.output_max);
        let reply = {
            let reading = async { tokio::join!(stdout.drain(sink), stderr.drain(sink)) };
            tokio::pin!(reading);
            tokio::select! {
                reply = outcome(&mut lane, &sink.run) => {
                    let reply = reply?;
                    if reply.is_ok() {
                        // When this runs out, a descriptor outlived the command.
                        let _ = tokio::time::timeout(LAST_OUTPUT, reading).await;
                    }
                    reply
                }
                _ = &mut reading => outcome(&mut lane, &sink.run).await?,
            }
        };
        if reply.is_ok() {
            stdout.settle().await;
            stderr.settle().await;
            tell_output(&lane, &stdout, &stderr).await;
        }
        lane.settle();
        let told = || reply.as_ref().map(run_attributes).unwrap_or_default();
        stage.tell(told, run_error(&reply));
        Ok(match reply {
            Ok(outcome) => Ending::Finished {
                outcome,
                stdout: stdout.finish(&sink.run),
                stderr: stderr.finish(&sink.run),
            },
            Err(failure) => Ending::Failed(failure),
        })
    }
}

/// Has the trail tell what the command printed, if it printed anything. It is no
/// part of the call: a lane that ends meanwhile has recorded the call already.
async fn tell_output(lane: &Lease, stdout: &Reading, stderr: &Reading) {
    let output = wire::Output {
        stdout: stdout.digest(),
        stderr: stderr.digest(),
    };
    if output.stdout.bytes + output.stderr.bytes == 0 {
        return;
    }
    if let Err(error) = lane.tell(&Request::Output(output)).await {
        tracing::debug!(%error, "output not recorded");
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
    let (pool, owner, socket) = (Arc::clone(pool), client.owner(), client.socket.clone());
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
