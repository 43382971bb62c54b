//! One call on a lane: pipes, request, output, outcome.

use super::Client;
use super::result::Ending;
use crate::lane::{LaneError, Lease, Pool};
use crate::output::Capture;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::pipe2;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use wire::{Correlation, Denial, Failure, Outcome, Reply, Report, Request, Run};

/// How long output may keep coming after the command and everything it started
/// have ended.
pub(super) const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Size of one read, in bytes: what a pipe holds.
pub(super) const READ_SIZE: usize = 64 * 1024;

/// Has the command of `run` executed and waits for its end, keeping at most
/// `output_max` bytes of each stream. Giving up the waiting kills the command.
pub(crate) async fn run(
    pool: &Arc<Pool>,
    client: &Client,
    run: Run,
    output_max: u64,
) -> Result<Ending, LaneError> {
    let (out_reader, out_writer) = pipe().map_err(LaneError::Pipe)?;
    let (err_reader, err_writer) = pipe().map_err(LaneError::Pipe)?;
    let mut descriptors = vec![out_writer.as_fd(), err_writer.as_fd()];
    descriptors.extend(socket(client));
    let mut lane = pool.submit(&Request::Run(run), &descriptors).await?;
    drop(descriptors);
    // The end of the output can be seen only when no write end is left here.
    drop((out_writer, err_writer));

    let mut stdout = Stream::new(out_reader, output_max);
    let mut stderr = Stream::new(err_reader, output_max);
    let reply = {
        let reading = async { tokio::join!(stdout.drain(), stderr.drain()) };
        tokio::pin!(reading);
        tokio::select! {
            reply = outcome(&mut lane) => {
                let reply = reply?;
                if reply.is_ok() {
                    // When this runs out, a descriptor outlived the command.
                    let _ = tokio::time::timeout(LAST_OUTPUT, reading).await;
                }
                reply
            }
            _ = &mut reading => outcome(&mut lane).await?,
        }
    };
    if reply.is_ok() {
        tell_output(&lane, &stdout.capture, &stderr.capture).await;
    }
    lane.settle();
    Ok(match reply {
        Ok(outcome) => Ending::Finished {
            outcome,
            stdout: stdout.capture.finish(),
            stderr: stderr.capture.finish(),
        },
        Err(refusal) => refusal,
    })
}

/// Has the trail tell what the command printed, if it printed anything. It is no
/// part of the call: a lane that ends meanwhile has recorded the call already.
async fn tell_output(lane: &Lease, stdout: &Capture, stderr: &Capture) {
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
    let failure = match record(pool, client, &report(arguments)).await {
        Err(LaneError::Request(_)) => record(pool, client, &report(None)).await?,
        result => result?,
    };
    Ok(failure.map_or(Ending::Denied(denial), Ending::Failed))
}

async fn record(
    pool: &Arc<Pool>,
    client: &Client,
    report: &Request,
) -> Result<Option<Failure>, LaneError> {
    let descriptors: Vec<BorrowedFd<'_>> = socket(client).collect();
    let mut lane = pool.submit(report, &descriptors).await?;
    let failure = match lane.reply().await? {
        Reply::Recorded => None,
        Reply::Failed(failure) => Some(failure),
        other @ (Reply::Welcome(_)
        | Reply::Started { .. }
        | Reply::Denied(_)
        | Reply::Finished(_)
        | Reply::Identified(_)
        | Reply::Reloaded) => return Err(LaneError::out_of_turn(&other)),
    };
    lane.settle();
    Ok(failure)
}

/// The client's own socket, by which it proves who it is.
pub(super) fn socket(client: &Client) -> impl Iterator<Item = BorrowedFd<'_>> {
    client.socket.iter().map(|socket| socket.as_fd())
}

/// Waits until the command has ended, or was not started after all.
async fn outcome(lane: &mut Lease) -> Result<Result<Outcome, Ending>, LaneError> {
    loop {
        match lane.reply().await? {
            Reply::Started { run } => tracing::debug!(run, "command started"),
            Reply::Finished(outcome) => return Ok(Ok(outcome)),
            Reply::Denied(denial) => return Ok(Err(Ending::Denied(denial))),
            Reply::Failed(failure) => return Ok(Err(Ending::Failed(failure))),
            other @ (Reply::Welcome(_)
            | Reply::Recorded
            | Reply::Identified(_)
            | Reply::Reloaded) => {
                return Err(LaneError::out_of_turn(&other));
            }
        }
    }
}

/// A pipe for a command's output: our end to read, and the command's to write.
/// The command runs as another user, and may open its output by name
/// (`/dev/stderr`), which needs permission to write.
pub(super) fn pipe() -> io::Result<(Receiver, OwnedFd)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    fchmod(&writer, Mode::from_bits_truncate(0o622))?;
    Ok((Receiver::from_owned_fd(reader)?, writer))
}

/// One output stream while it is read.
struct Stream {
    reader: Receiver,
    capture: Capture,
}

impl Stream {
    fn new(reader: Receiver, output_max: u64) -> Self {
        Self {
            reader,
            capture: Capture::new(output_max),
        }
    }

    /// Reads to the end. What was read stays when the reading is given up.
    async fn drain(&mut self) {
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            buffer.reserve(READ_SIZE);
            match self.reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.capture.push(&buffer),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn a_stream_is_read_to_its_end_in_bounded_memory() {
        let (reader, writer) = pipe().unwrap();
        let written = std::thread::spawn(move || {
            let mut writer = std::fs::File::from(writer);
            for _ in 0..1000 {
                writer.write_all(&[b'x'; 10_000]).unwrap();
            }
        });
        let mut stream = Stream::new(reader, 1000);
        stream.drain().await;
        written.join().unwrap();
        let captured = stream.capture.finish();
        assert_eq!(captured.bytes, 10_000_000);
        assert!(captured.truncated);
        assert!(captured.text.len() < 1100);
    }
}
