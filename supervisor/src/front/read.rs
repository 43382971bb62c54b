//! What the worker reads for a client: the output of a command as bytes.
//!
//! The supervisor itself opens nothing. It has the policy decide, and a lane decides
//! again and runs the command, exactly as for a tool; only that the output is content,
//! of which the beginning is kept.

use super::call::{self, Denied, LAST_OUTPUT};
use super::carry::{cancelled, in_packets, report};
use super::reading::READ_SIZE;
use super::result::Ending;
use super::who::in_words_of_the_wire;
use super::{Client, Front, Generation, correlation};
use crate::http::Visitor;
use crate::lane::{Filter, LaneError};
use policy::{Arguments, Caller, Decision};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tracing::Instrument;
use wire::{
    Correlation, Denial, Failure, Outcome, Output, Reply, Request, Run, Status, StreamDigest,
};

/// What a command printed.
#[derive(Debug)]
pub(super) struct Content {
    /// The beginning.
    pub(super) bytes: Vec<u8>,
    /// Whether there was more.
    pub(super) more: bool,
    /// Whether the command says that it was successful.
    pub(super) success: bool,
}

/// Why there is nothing.
#[derive(Debug)]
pub(super) enum Unread {
    Denied(Denial),
    Failed(Failure),
}

/// One client, for whom one request reads.
pub(super) struct Reader<'a> {
    front: &'a Arc<Front>,
    visitor: &'a Visitor<Client>,
    context: &'a RequestContext<RoleServer>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        front: &'a Arc<Front>,
        visitor: &'a Visitor<Client>,
        context: &'a RequestContext<RoleServer>,
    ) -> Self {
        Self {
            front,
            visitor,
            context,
        }
    }

    /// The policy in force, and the caller as it knows him.
    pub(super) async fn caller(&self) -> (Arc<Generation>, Caller) {
        let generation = self.front.generation();
        let caller = self.visitor.client.caller(&generation.policy, self.context);
        let caller = caller.await;
        (generation, caller)
    }

    /// What `command` prints for `arguments`, at most `max` bytes.
    pub(super) async fn read(
        &self,
        command: &str,
        arguments: &Arguments,
        max: u64,
    ) -> Result<Content, Unread> {
        let name = correlation::found(&self.context.extensions);
        let span = tracing::info_span!("read", command);
        let reading = self.current(&name, (command, arguments), max);
        let read = reading.instrument(span.clone()).await;
        span.in_scope(|| log(&read));
        read
    }

    /// Reads under the policy that supervisor and worker have.
    async fn current(
        &self,
        name: &Correlation,
        call: (&str, &Arguments),
        max: u64,
    ) -> Result<Content, Unread> {
        let mut generation = self.front.generation();
        loop {
            match self.attempt(&generation, name, call, max).await {
                Ok(read) => return read,
                Err(stale @ (LaneError::OtherPolicy(_) | LaneError::Stale)) => {
                    let next = self.front.after(&generation).await;
                    generation = next.ok_or_else(|| Unread::Failed(stale.failure()))?;
                }
                Err(error) => return Err(Unread::Failed(error.failure())),
            }
        }
    }

    async fn attempt(
        &self,
        generation: &Generation,
        name: &Correlation,
        (command, arguments): (&str, &Arguments),
        max: u64,
    ) -> Result<Result<Content, Unread>, LaneError> {
        let Visitor { client, gone } = self.visitor;
        let policy = &generation.policy;
        let caller = client.caller(policy, self.context).await;
        let claim = in_words_of_the_wire(caller.claim.as_ref());
        let filters = &generation.filters;
        let filter = match policy.decide(&caller, command, arguments) {
            Decision::Allow(grant) => filters.filter(grant.profile()),
            Decision::Ask(ask) => filters.filter(ask.profile()),
            Decision::Confirm(held) => filters.filter(held.profile()),
            Decision::Deny(denial) => {
                let denied = Denied {
                    denial: Denial {
                        code: denial.code.to_owned(),
                        rule: denial.rule,
                        reason: denial.reason,
                    },
                    arguments: Some(in_packets(arguments.clone())),
                    claim,
                };
                let ending = report(generation, client, name, command, denied).await?;
                return Ok(Err(unread(ending)));
            }
        };
        let run = Run {
            correlation: name.clone(),
            policy: policy.digest(),
            tool: command.to_owned(),
            arguments: in_packets(arguments.clone()),
            claim,
            key: client.key.clone(),
            background: false,
            // Nothing that is read has to be.
            confirmed: false,
        };
        tokio::select! {
            read = run_for(generation, client, (run, filter), max) => read,
            () = self.context.ct.cancelled() => Ok(Err(unread(cancelled()))),
            () = gone.cancelled() => Ok(Err(unread(cancelled()))),
        }
    }
}

/// Runs a command that reads; giving up the waiting kills it.
async fn run_for(
    generation: &Generation,
    client: &Client,
    run: (Run, Filter),
    max: u64,
) -> Result<Result<Content, Unread>, LaneError> {
    let Ok(turn) = client.running.acquire().await else {
        return Ok(Err(unread(cancelled())));
    };
    let mut turn = Some(turn);
    let pipes = generation.pool.pipes()?;
    let mut descriptors = pipes.writers().to_vec();
    descriptors.extend(call::socket(client));
    let mut lane = generation
        .pool
        .run(client.owner(), run, &descriptors)
        .await?;
    let (stdout, stderr) = pipes.into_readers();
    let stdout = stdout.watch().map_err(LaneError::Pipe)?;
    let stderr = stderr.watch().map_err(LaneError::Pipe)?;
    // What it complains of goes into no answer, and must not hold it up.
    let (mut out, mut complaints) = (Kept::new(stdout, max), Kept::new(stderr, 0));
    let outcome = {
        let reading = async { tokio::join!(out.drain(), complaints.drain()) };
        tokio::pin!(reading);
        let mut read = false;
        loop {
            tokio::select! {
                reply = lane.reply() => match reply? {
                    Reply::Started { .. } => lane.go_on(),
                    // It takes no room from what runs.
                    Reply::Queued { .. } => {
                        lane.pause();
                        turn = None;
                    }
                    Reply::Finished(outcome) => {
                        if !read {
                            let _ = tokio::time::timeout(LAST_OUTPUT, &mut reading).await;
                        }
                        break Ok(outcome);
                    }
                    Reply::Denied(denial) => break Err(Unread::Denied(denial)),
                    // The policy has changed while it waited: it is decided anew.
                    Reply::Failed(failure) if failure.code == "stale_policy" => {
                        return Err(LaneError::Stale);
                    }
                    Reply::Failed(failure) => break Err(Unread::Failed(failure)),
                    // Nothing that is published needs an approval.
                    other @ (Reply::Welcome(_)
                    | Reply::Waiting { .. }
                    | Reply::Recorded
                    | Reply::Identified(_)
                    | Reply::Reloaded
            | Reply::Attached(_)) => return Err(LaneError::out_of_turn(&other)),
                },
                _ = &mut reading, if !read => read = true,
            }
        }
    };
    if outcome.is_ok() && out.total + complaints.total > 0 {
        let output = Output {
            stdout: out.digest(),
            stderr: complaints.digest(),
        };
        // No part of the read: a lane that ends meanwhile has recorded that already.
        let told = lane.tell(&Request::Output(output)).await;
        let _ = told.inspect_err(|error| tracing::debug!(%error, "output not recorded"));
    }
    drop(turn);
    lane.settle();
    Ok(outcome.and_then(|outcome| out.content(&outcome)))
}

/// The beginning of a stream.
struct Kept {
    reader: Receiver,
    max: usize,
    bytes: Vec<u8>,
    more: bool,
    /// Of all bytes, kept or not.
    blake3: blake3::Hasher,
    total: u64,
}

impl Kept {
    fn new(reader: Receiver, max: u64) -> Self {
        Self {
            reader,
            max: usize::try_from(max).unwrap_or(usize::MAX),
            bytes: Vec::new(),
            more: false,
            blake3: blake3::Hasher::new(),
            total: 0,
        }
    }

    /// Reads to the end, keeping the beginning.
    async fn drain(&mut self) {
        let mut buffer = Vec::with_capacity(READ_SIZE);
        loop {
            buffer.clear();
            match self.reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.keep(&buffer),
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.max - self.bytes.len();
        self.blake3.update(bytes);
        self.total += bytes.len() as u64;
        self.more |= bytes.len() > room;
        self.bytes.extend(bytes.iter().take(room));
    }

    /// All of the stream so far, for the audit trail.
    fn digest(&self) -> StreamDigest {
        StreamDigest {
            blake3: self.blake3.finalize().into(),
            bytes: self.total,
        }
    }

    fn content(self, outcome: &Outcome) -> Result<Content, Unread> {
        if outcome.timed_out || outcome.cancelled {
            return Err(Unread::Failed(Failure {
                code: "timed_out".to_owned(),
                reason: "reading took too long and was ended".to_owned(),
            }));
        }
        Ok(Content {
            bytes: self.bytes,
            more: self.more,
            success: outcome.status == Status::Exited(0),
        })
    }
}

fn unread(ending: Ending) -> Unread {
    match ending {
        Ending::Denied(denial) => Unread::Denied(denial),
        Ending::Failed(failure) => Unread::Failed(failure),
        // Nothing runs where this is asked.
        Ending::Finished { .. } | Ending::Started(_) => Unread::Failed(Failure {
            code: "out_of_turn".to_owned(),
            reason: "the worker answered out of turn".to_owned(),
        }),
    }
}

/// One line for each read, without what was read and what it is called.
fn log(read: &Result<Content, Unread>) {
    match read {
        Ok(content) => tracing::info!(
            bytes = content.bytes.len(),
            more = content.more,
            success = content.success,
            "content read"
        ),
        Err(Unread::Denied(denial)) => {
            tracing::info!(code = denial.code, rule = ?denial.rule, "read denied");
        }
        Err(Unread::Failed(failure)) if failure.code == "open" => {
            tracing::info!(code = failure.code, "read failed");
        }
        Err(Unread::Failed(failure)) => {
            tracing::warn!(code = failure.code, reason = ?failure.reason, "read failed");
        }
    }
}
