//! One call on a lane: pipes, request, output, outcome.

use super::Client;
use super::flood::{self, Flood, PIECE};
use super::live::Live;
use super::result::Ending;
use super::traced::{run_attributes, run_error};
use super::waiting::{self, Standing};
use crate::lane::{LaneError, Lease, Pool};
use crate::output::{Capture, Captured};
use crate::runs::{Run as KeptRun, Runs, Stream};
use crate::telemetry::Stage;
use nix::fcntl::{FcntlArg, fcntl};
use sha2::{Digest, Sha256};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::Span;
use wire::{Correlation, Denial, Failure, Outcome, Reply, Report, Request, Run, StreamDigest};

/// How long output may keep coming after the command and everything it started
/// have ended.
pub(super) const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Size of one read, in bytes: what a pipe holds.
pub(super) const READ_SIZE: usize = 64 * 1024;

/// Size of the first read, and of those of a command that prints much: its pipe is made
/// to hold that, so that it and this process take turns less often.
const READ_FIRST: usize = 4 * 1024;
const READ_MOST: usize = PIECE;

/// A command that runs.
pub(crate) struct Started {
    lane: Lease,
    name: String,
    stdout: Receiver,
    stderr: Receiver,
    stage: Stage,
}

/// Where the output of a command goes.
#[derive(Clone)]
pub(super) struct Sink {
    /// All of it, as far as there is room.
    pub(super) runs: Arc<Runs>,
    pub(super) run: Arc<KeptRun>,
    /// Its lines, if somebody wants them at once.
    pub(super) live: Option<Arc<Live>>,
    /// Bytes of each stream for the result.
    pub(super) output_max: u64,
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

impl Sink {
    /// Takes the next bytes of `stream`, of which `capture` keeps head and tail; waits in
    /// this thread for what is written to files.
    pub(super) fn take(&self, stream: Stream, capture: &mut Capture, bytes: &[u8]) {
        self.look_at(stream, capture, bytes);
        self.runs.keep_here(&self.run, stream, bytes);
    }

    fn look_at(&self, stream: Stream, capture: &mut Capture, bytes: &[u8]) {
        capture.push(bytes);
        if let Some(live) = &self.live {
            live.push(stream, bytes);
        }
    }
}

/// One output stream while it is read.
struct Reading {
    /// `None` while a flood has it.
    reader: Option<Receiver>,
    stream: Stream,
    capture: Capture,
    /// Of all bytes, kept or not.
    sha256: Sha256,
    flood: Option<JoinHandle<Flood>>,
}

impl Reading {
    fn new(reader: Receiver, stream: Stream, output_max: u64) -> Self {
        Self {
            reader: Some(reader),
            stream,
            capture: Capture::new(output_max),
            sha256: Sha256::new(),
            flood: None,
        }
    }

    /// Reads to the end. What was read stays when the reading is given up, once that has
    /// [settled](Self::settle).
    async fn drain(&mut self, sink: &Sink) {
        let (mut buffer, mut size) = (Vec::new(), READ_FIRST);
        while let Some(reader) = &mut self.reader {
            buffer.clear();
            buffer.reserve(size);
            let length = match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            buffer = self.take(sink, buffer).await;
            // A pipe is full with less than it can hold, where pages of it are not.
            let filled = length >= size / 2;
            if filled && size == READ_MOST {
                self.flood(sink).await;
            } else if filled {
                size = self.larger(size);
            }
        }
    }

    /// The size of the next read after one that was filled.
    fn larger(&self, size: usize) -> usize {
        match (size, &self.reader) {
            (READ_FIRST, _) => READ_SIZE,
            (READ_SIZE, Some(reader)) => {
                let most = i32::try_from(READ_MOST).unwrap_or(i32::MAX);
                // A user may have so many of them, fcntl(2); then it stays as it is.
                let _ = fcntl(reader.as_fd(), FcntlArg::F_SETPIPE_SZ(most));
                READ_MOST
            }
            _ => size,
        }
    }

    async fn take(&mut self, sink: &Sink, bytes: Vec<u8>) -> Vec<u8> {
        self.sha256.update(&bytes);
        sink.look_at(self.stream, &mut self.capture, &bytes);
        sink.runs.keep(&sink.run, self.stream, bytes).await
    }

    /// Has threads read what comes without a pause, if there is room for them.
    async fn flood(&mut self, sink: &Sink) {
        let Some(place) = flood::place() else { return };
        let Some(Ok(reader)) = self.reader.take().map(Receiver::into_nonblocking_fd) else {
            return;
        };
        let flood = Flood {
            reader,
            stream: self.stream,
            capture: std::mem::take(&mut self.capture),
            sha256: std::mem::take(&mut self.sha256),
        };
        let (sink, span) = (sink.clone(), Span::current());
        self.flood = Some(spawn_blocking(move || {
            let _place = place;
            span.in_scope(|| flood.read(&sink))
        }));
        self.settle().await;
    }

    /// Waits until no thread reads it any more.
    async fn settle(&mut self) {
        let Some(flood) = &mut self.flood else { return };
        let read = flood.await;
        self.flood = None;
        if let Ok(read) = read {
            self.reader = Receiver::from_owned_fd_unchecked(read.reader).ok();
            self.capture = read.capture;
            self.sha256 = read.sha256;
        }
    }

    /// All of the stream so far, for the audit trail.
    fn digest(&self) -> StreamDigest {
        StreamDigest {
            sha256: self.sha256.clone().finalize().into(),
            bytes: self.capture.total(),
        }
    }

    fn finish(self, run: &KeptRun) -> Captured {
        Captured {
            kept: run.stream(self.stream).extent().kept,
            ..self.capture.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::Door;
    use std::io::Write;

    /// What writes so many pieces of 10,000 bytes, and what reads them.
    async fn read(pieces: usize) -> Reading {
        let pipes = Pool::new(Door::Socket("/w".into()), [0; 32])
            .pipes()
            .unwrap();
        let [writer, _] = pipes.writers().map(|end| end.try_clone_to_owned().unwrap());
        let (reader, _) = pipes.into_readers().unwrap();
        let written = std::thread::spawn(move || {
            let mut writer = std::fs::File::from(writer);
            for _ in 0..pieces {
                writer.write_all(&[b'x'; 10_000]).unwrap();
            }
        });
        let (runs, run) = crate::runs::of_test();
        let sink = Sink {
            runs,
            run,
            live: None,
            output_max: 1000,
        };
        let mut reading = Reading::new(reader, Stream::Stdout, sink.output_max);
        reading.drain(&sink).await;
        written.join().unwrap();
        reading
    }

    #[tokio::test]
    async fn a_stream_is_read_to_its_end_in_bounded_memory() {
        let captured = read(1000).await.capture.finish();
        assert_eq!(captured.bytes, 10_000_000);
        assert!(captured.truncated);
        assert!(captured.text.len() < 1100);
    }

    /// Time that this thread had on a processor, in nanoseconds.
    fn own_time() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    }

    /// The thread that serves everybody does not digest what one command prints.
    #[tokio::test]
    async fn a_flood_is_digested_elsewhere() {
        let began = own_time();
        let digest = Sha256::digest(vec![b'x'; 200_000_000]);
        let digesting = own_time() - began;
        let began = own_time();
        let reading = read(20_000).await;
        let reading_it = own_time() - began;
        assert_eq!(reading.digest().sha256, *digest);
        assert!(
            reading_it < digesting / 2,
            "{reading_it} ns here, {digesting} ns to digest"
        );
    }
}
