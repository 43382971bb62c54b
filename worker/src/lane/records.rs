//! A lane's way to the audit trail: every entry is sent to the worker's first
//! process and counts only once that has answered.

use super::HangUp;
use super::call::stale;
use crate::audit::{ASK_MAX, Ask, Attachment, Began, Counted, Ending, Entry, Left, Note, Waiting};
use crate::metrics::Times;
use crate::sys;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::Serialize;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};
use wire::{Denial, Failure, FrameError, PolicyDigest, Reply, SendError};

/// How long a command may go on when the worker stops: less than the first process waits
/// for its lanes, so that its end is recorded.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// The socket to the first process.
#[derive(Debug)]
pub(super) struct Records {
    socket: OwnedFd,
    /// Since when the first process has the worker stop.
    stopping: Option<Instant>,
    lost: bool,
    retiring: bool,
    /// What came with the last answer.
    handed: Vec<OwnedFd>,
}

/// Why an entry does not count.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A limit leaves no room for the call; the denial is recorded.
    Denied(Denial),
    /// It was decided under a former policy; that is recorded.
    Stale,
    /// The trail cannot be written, for this reason.
    Unwritten(String),
}

/// What became of a call that is to start.
#[derive(Debug)]
pub(super) enum Admitted {
    /// It may run, and its start is recorded.
    Began(Began),
    /// It may not run.
    Refused(Refusal),
    /// It was decided under another policy than is in force.
    Stale,
    /// It waits for a place, and so many are before it.
    Queued(u32),
}

impl Admitted {
    /// What `note` says of it, if anything.
    pub(super) fn of(note: Note) -> Option<Self> {
        match note {
            Note::Recorded(began) => Some(Self::Began(began?)),
            Note::Denied(denial) => Some(Self::Refused(Refusal::Denied(denial))),
            Note::Failed(reason) => Some(Self::Refused(Refusal::Unwritten(reason))),
            Note::Stale => Some(Self::Stale),
            Note::Queued(ahead) => Some(Self::Queued(ahead)),
            Note::Waiting(_)
            | Note::Approved(_)
            | Note::Left
            | Note::Attached(_)
            | Note::Retire
            | Note::Stop => None,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::Denied(denial) => denial.reason,
            Refusal::Stale => return stale(),
            Refusal::Unwritten(reason) => reason,
        };
        Self {
            code: "audit".to_owned(),
            reason,
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(denial) => Self::Denied(denial),
            Refusal::Stale | Refusal::Unwritten(_) => Self::Failed(refusal.into()),
        }
    }
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
            stopping: None,
            lost: false,
            retiring: false,
            handed: Vec::new(),
        }
    }

    /// The files that came with the answer to a start.
    pub(super) fn handed(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.handed)
    }

    /// Whether the first process said to stop, or is lost.
    pub(super) fn stopping(&self) -> bool {
        self.stopping.is_some() || self.lost
    }

    /// Until when a command may run on, where the worker stops.
    pub(super) fn farewell(&self) -> Option<Instant> {
        self.stopping.map(|since| since + DRAIN)
    }

    /// Whether the first process is gone, or cannot be understood: what runs must end
    /// at once.
    pub(super) fn lost(&self) -> bool {
        self.lost
    }

    /// Writes `entry` to the trail; the outer error is the loss of the first
    /// process, the inner one says why the entry does not count.
    pub(super) fn record(
        &mut self,
        entry: &Entry,
    ) -> Result<Result<Option<Began>, Refusal>, HangUp> {
        self.ask(&Ask::Record(entry))
    }

    /// Has the first process load the policy again.
    pub(super) fn reload(&mut self, policy: PolicyDigest) -> Result<Result<(), Failure>, HangUp> {
        let answer = self.ask(&Ask::Reload(policy))?;
        Ok(answer.map(drop).map_err(|refusal| Failure {
            code: "reload".to_owned(),
            ..refusal.into()
        }))
    }

    /// Has the first process end, since the supervisor speaks this `version`.
    pub(super) fn outdated(&mut self, version: u16) -> Result<(), HangUp> {
        self.send(&Ask::Outdated(version))?
            .map_err(|_| HangUp::Records)
    }

    /// Has the first process record the end of a run, and answer the supervisor itself, and
    /// tells it what was `counted`. A refusal is for the lane to tell.
    pub(super) fn end(
        &mut self,
        ending: Ending,
        times: Times,
        counted: Option<Counted>,
    ) -> Result<Result<(), Refusal>, HangUp> {
        self.send(&Ask::Ended(Box::new(ending), times, counted))
    }

    fn ask(&mut self, ask: &Ask<&Entry>) -> Result<Result<Option<Began>, Refusal>, HangUp> {
        match self.send(ask)? {
            Ok(()) => self.answer(),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn send(&mut self, ask: &Ask<&Entry>) -> Result<Result<(), Refusal>, HangUp> {
        let packet = wire::pack(ask).ok();
        let Some(packet) = packet.filter(|packet| packet.len() <= ASK_MAX) else {
            let reason =
                "cannot record a call of this size\nhint: lower `max_length` in the policy"
                    .to_owned();
            return Ok(Err(Refusal::Unwritten(reason)));
        };
        wire::send(self.socket.as_fd(), &packet, &[]).map_err(|_| HangUp::Records)?;
        Ok(Ok(()))
    }

    /// The answer to what was sent last.
    fn answer(&mut self) -> Result<Result<Option<Began>, Refusal>, HangUp> {
        loop {
            match self.receive()? {
                Note::Recorded(run) => return Ok(Ok(run)),
                Note::Denied(denial) => return Ok(Err(Refusal::Denied(denial))),
                Note::Failed(reason) => return Ok(Err(Refusal::Unwritten(reason))),
                Note::Stop => self.stop(),
                Note::Retire => self.retiring = true,
                Note::Stale => return Ok(Err(Refusal::Stale)),
                Note::Waiting(_)
                | Note::Approved(_)
                | Note::Left
                | Note::Queued(_)
                | Note::Attached(_) => {
                    return Err(HangUp::Records);
                }
            }
        }
    }

    /// Asks for the start of a call to be recorded; [`Self::admitted`] is the answer,
    /// unless there is one already.
    pub(super) fn ask_start(&mut self, start: &Entry) -> Result<Option<Admitted>, HangUp> {
        Ok(self.send(&Ask::Record(start))?.err().map(Admitted::Refused))
    }

    /// Asks for the start of a call to be recorded, and waits for what becomes of it.
    pub(super) fn start(&mut self, start: &Entry) -> Result<Admitted, HangUp> {
        match self.ask_start(start)? {
            Some(refused) => Ok(refused),
            None => self.admitted(),
        }
    }

    /// What became of the call whose start was asked for.
    pub(super) fn admitted(&mut self) -> Result<Admitted, HangUp> {
        Admitted::of(self.next()?).ok_or(HangUp::Records)
    }

    /// Waits no longer for a place; an answer that has crossed this, or that is given for
    /// it.
    pub(super) fn give_place_up(&mut self, left: Left) -> Result<Option<Admitted>, HangUp> {
        if self.send(&Ask::Leave(left))?.is_err() {
            return Err(HangUp::Records);
        }
        let mut answer = None;
        loop {
            let note = self.next()?;
            if let Note::Left = note {
                return Ok(answer);
            }
            let told = Admitted::of(note).ok_or(HangUp::Records)?;
            if !matches!(told, Admitted::Queued(_)) {
                answer = Some(told);
            }
        }
    }

    /// Records a client that has attached itself; what it is known by.
    pub(super) fn attach(
        &mut self,
        attachment: Attachment,
    ) -> Result<Result<Option<String>, Refusal>, HangUp> {
        if let Err(refusal) = self.send(&Ask::Record(&Entry::Attach(attachment)))? {
            return Ok(Err(refusal));
        }
        match self.next()? {
            Note::Attached(name) => Ok(Ok(name)),
            Note::Failed(reason) => Ok(Err(Refusal::Unwritten(reason))),
            Note::Recorded(_)
            | Note::Denied(_)
            | Note::Waiting(_)
            | Note::Approved(_)
            | Note::Stale
            | Note::Left
            | Note::Queued(_)
            | Note::Retire
            | Note::Stop => Err(HangUp::Records),
        }
    }

    /// Asks for an approval; the answer is what [`Ask::Approval`] tells.
    pub(super) fn approval(&mut self, waiting: Waiting) -> Result<Note, HangUp> {
        match self.send(&Ask::Approval(Box::new(waiting)))? {
            Ok(()) => self.next(),
            Err(Refusal::Denied(denial)) => Ok(Note::Denied(denial)),
            Err(Refusal::Stale) => Ok(Note::Stale),
            Err(Refusal::Unwritten(reason)) => Ok(Note::Failed(reason)),
        }
    }

    /// Waits no longer for the approval; the answer to the caller, where the first
    /// process has one. An approval that has crossed this counts no more.
    pub(super) fn leave(&mut self, left: Left) -> Result<Option<Reply>, HangUp> {
        if self.send(&Ask::Leave(left))?.is_err() {
            return Err(HangUp::Records);
        }
        let mut denied = None;
        loop {
            match self.next()? {
                Note::Denied(denial) if left == Left::Expired => {
                    return Ok(Some(Reply::Denied(denial)));
                }
                // An administrator's, which has crossed.
                Note::Denied(denial) => denied = Some(Reply::Denied(denial)),
                Note::Approved(_) => {}
                Note::Left => return Ok(denied),
                Note::Failed(reason) => {
                    return Ok(Some(Reply::Failed(Refusal::Unwritten(reason).into())));
                }
                Note::Recorded(_)
                | Note::Waiting(_)
                | Note::Stale
                | Note::Queued(_)
                | Note::Stop
                | Note::Retire
                | Note::Attached(_) => {
                    return Err(HangUp::Records);
                }
            }
        }
    }

    /// The next that is no order to end.
    fn next(&mut self) -> Result<Note, HangUp> {
        loop {
            match self.receive()? {
                Note::Stop => self.stop(),
                Note::Retire => self.retiring = true,
                note @ (Note::Recorded(_)
                | Note::Denied(_)
                | Note::Failed(_)
                | Note::Waiting(_)
                | Note::Approved(_)
                | Note::Stale
                | Note::Queued(_)
                | Note::Left
                | Note::Attached(_)) => return Ok(note),
            }
        }
    }

    /// Call when the socket is readable while a call waits: what is no order to end.
    /// Whatever cannot be understood means that it is lost.
    pub(super) fn news(&mut self) -> Option<Note> {
        match self.receive() {
            Ok(Note::Stop) => self.stop(),
            Ok(Note::Retire) => self.retiring = true,
            Ok(note) => return Some(note),
            Err(_) => self.lost = true,
        }
        None
    }

    /// Whether the policy has changed, so that the lane ends after what runs.
    pub(super) fn retiring(&self) -> bool {
        self.retiring
    }

    /// Call when the socket is readable outside [`Self::record`]; whatever cannot be
    /// understood then, and the end of the first process, means that it is lost.
    pub(super) fn notice(&mut self) {
        match self.receive() {
            Ok(Note::Retire) => self.retiring = true,
            Ok(Note::Stop) => self.stop(),
            Ok(_) | Err(_) => self.lost = true,
        }
    }

    fn stop(&mut self) {
        self.stopping.get_or_insert_with(Instant::now);
    }

    fn receive(&mut self) -> Result<Note, HangUp> {
        let mut buffer = [0; 4096];
        let packet = sys::receive(self.socket.as_fd(), &mut buffer).map_err(|_| HangUp::Records)?;
        if !packet.descriptors.is_empty() {
            self.handed = packet.descriptors;
        }
        wire::decode(buffer.get(..packet.length).unwrap_or_default()).map_err(|_| HangUp::Records)
    }
}

/// From the first process to a lane, with what that is to have; it does not wait for room.
pub(crate) fn hand_note(
    lane: BorrowedFd<'_>,
    note: &Note,
    handed: &[BorrowedFd<'_>],
) -> Result<(), SendError> {
    send_at_once(lane, note, handed)
}

/// From the first process to the supervisor, over the connection of a lane; it does not
/// wait for room.
pub(crate) fn send_reply(connection: BorrowedFd<'_>, reply: &Reply) -> Result<(), SendError> {
    send_at_once(connection, reply, &[])
}

fn send_at_once<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    handed: &[BorrowedFd<'_>],
) -> Result<(), SendError> {
    let packet = wire::encode(message).map_err(|error: FrameError| SendError::Frame(error))?;
    let raw: Vec<RawFd> = handed.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let packet = [IoSlice::new(&packet)];
    let sent = sendmsg::<()>(socket.as_raw_fd(), &packet, control, flags, None);
    sent.map(drop).map_err(SendError::Socket)
}
