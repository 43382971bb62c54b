//! A lane's way to the audit trail: every entry is sent to the worker's first
//! process and counts only once that has answered.

use super::HangUp;
use crate::audit::{Ask, Entry, Note};
use crate::sys;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use wire::{Failure, FrameError, PolicyDigest, SendError};

/// The socket to the first process.
#[derive(Debug)]
pub(super) struct Records {
    socket: OwnedFd,
    stopping: bool,
    retiring: bool,
}

impl AsFd for Records {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Records {
    /// Over one end of a socket pair whose other end the first process holds.
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            stopping: false,
            retiring: false,
        }
    }

    /// Whether the first process said to stop, or is gone.
    pub(super) fn stopping(&self) -> bool {
        self.stopping
    }

    /// Writes `entry` to the trail; the outer error is the loss of the first
    /// process, the inner one a trail that cannot be written.
    pub(super) fn record(
        &mut self,
        entry: &Entry,
    ) -> Result<Result<Option<String>, Failure>, HangUp> {
        self.ask(&Ask::Record(entry))
    }

    /// Has the first process load the policy again.
    pub(super) fn reload(&mut self, policy: PolicyDigest) -> Result<Result<(), Failure>, HangUp> {
        let answer = self.ask(&Ask::Reload(policy))?;
        Ok(answer.map(drop).map_err(|failure| Failure {
            code: "reload".to_owned(),
            ..failure
        }))
    }

    fn ask(&mut self, ask: &Ask<&Entry>) -> Result<Result<Option<String>, Failure>, HangUp> {
        let Ok(packet) = wire::encode(ask) else {
            let reason =
                "cannot record a call of this size\nhint: lower `max_length` in the policy"
                    .to_owned();
            return Ok(Err(Failure {
                code: "audit".to_owned(),
                reason,
            }));
        };
        wire::send(self.socket.as_fd(), &packet, &[]).map_err(|_| HangUp::Records)?;
        loop {
            match self.receive()? {
                Note::Recorded(run) => return Ok(Ok(run)),
                Note::Failed(reason) => {
                    return Ok(Err(Failure {
                        code: "audit".to_owned(),
                        reason,
                    }));
                }
                Note::Stop => self.stopping = true,
                Note::Retire => self.retiring = true,
            }
        }
    }

    /// Whether the policy has changed, so that the lane ends after what runs.
    pub(super) fn retiring(&self) -> bool {
        self.retiring
    }

    /// Call when the socket is readable outside [`Self::record`]; whatever cannot be
    /// understood then, and the end of the first process, means to stop.
    pub(super) fn notice(&mut self) {
        match self.receive() {
            Ok(Note::Retire) => self.retiring = true,
            Ok(Note::Stop | Note::Recorded(_) | Note::Failed(_)) | Err(_) => self.stopping = true,
        }
    }

    fn receive(&self) -> Result<Note, HangUp> {
        let mut buffer = [0; 4096];
        let packet = sys::receive(self.socket.as_fd(), &mut buffer).map_err(|_| HangUp::Records)?;
        wire::decode(buffer.get(..packet.length).unwrap_or_default()).map_err(|_| HangUp::Records)
    }
}

/// From the first process to a lane.
pub(crate) fn send_note(lane: BorrowedFd<'_>, note: &Note) -> Result<(), SendError> {
    let packet = wire::encode(note).map_err(|error: FrameError| SendError::Frame(error))?;
    wire::send(lane, &packet, &[])
}
