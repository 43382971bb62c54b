//! Where administrators ask the worker: a socket that root can connect to, and who is in
//! a group that the policy names for approvals; served by the first process between other events, so nobody here may keep it
//! waiting. Each connection is one question and one answer.

use crate::door::{Door, DoorError, Visit};
use crate::sys;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{MsgFlags, getsockopt, recv, recvmsg};
use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use wire::{ADMIN_VERSION, About, Answer, Question};

/// Most administrators at once; the one who has waited longest makes room.
const VISITORS_MAX: usize = 16;

/// Longest question, in bytes.
const QUESTION_MAX: usize = 4096;

/// The socket and whoever is connected.
#[derive(Debug)]
pub(crate) struct Admin {
    door: Door,
    /// By the number of their event, the oldest first.
    visitors: BTreeMap<u64, Visitor>,
    /// Those that are to be let go.
    leaving: Vec<OwnedFd>,
}

/// Whoever is connected, as the kernel proves him.
#[derive(Debug)]
struct Visitor {
    socket: OwnedFd,
    asker: Asker,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// His user id.
    pub uid: u32,
    /// His groups, the primary one among them.
    groups: Vec<u32>,
}

impl Asker {
    fn of(socket: &OwnedFd) -> nix::Result<Self> {
        let credentials = getsockopt(socket, PeerCredentials)?;
        let mut groups = sys::peer_groups(socket.as_fd())?;
        groups.push(credentials.gid());
        let uid = credentials.uid();
        Ok(Self { uid, groups })
    }

    /// Whether he is root, or in one of `groups`.
    pub(crate) fn is_of(&self, groups: &[u32]) -> bool {
        self.uid == 0 || self.groups.iter().any(|one| groups.contains(one))
    }
}

impl Admin {
    /// Listens at `path` for root alone.
    pub(crate) fn listen(path: &Path) -> Result<Self, DoorError> {
        Ok(Self {
            door: Door::listen(path, "0")?,
            visitors: BTreeMap::new(),
            leaving: Vec::new(),
        })
    }

    /// Lets in who is in one of `groups`, besides root.
    pub(crate) fn open_to(&mut self, groups: &[u32]) -> Result<(), Errno> {
        self.door.open_to(groups)
    }

    /// Lets somebody in, as `number`. Without room, lets the oldest go.
    pub(crate) fn admit(&mut self, number: u64) -> Result<Admitted<'_>, DoorError> {
        let connection = match self.door.accept()? {
            Visit::Connection(connection) => connection,
            Visit::Stranger(user, socket) => {
                self.leaving.push(socket);
                return Ok(Admitted::Stranger(user.as_raw()));
            }
            Visit::Shortage(_) | Visit::Nobody | Visit::Closed => return Ok(Admitted::Nobody),
        };
        let unblocked = fcntl(&connection, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        let (Ok(_), Ok(asker)) = (unblocked, Asker::of(&connection)) else {
            self.leaving.push(connection);
            return Ok(Admitted::Nobody);
        };
        if self.visitors.len() >= VISITORS_MAX {
            let oldest = self.visitors.pop_first();
            self.leaving.extend(oldest.map(|(_, one)| one.socket));
        }
        let socket = connection;
        self.visitors.insert(number, Visitor { socket, asker });
        let visitor = self.visitors.get(&number).map(|one| one.socket.as_fd());
        Ok(visitor.map_or(Admitted::Nobody, Admitted::Visitor))
    }

    /// Takes the question of a visitor and lets him go after `answer` to it.
    pub(crate) fn serve(
        &mut self,
        number: u64,
        answer: impl FnOnce(&Asker, About) -> Answer,
    ) -> Served {
        let Some(Visitor { socket, asker }) = self.visitors.remove(&number) else {
            return Served::Nobody;
        };
        let (answer, served) = match question(&socket) {
            Heard::Nothing => (None, Served::Visitor),
            Heard::Nonsense => (None, Served::Nonsense(asker.uid)),
            Heard::Question(Question {
                version: ADMIN_VERSION,
                about,
            }) => (Some(answer(&asker, about)), Served::Visitor),
            Heard::Question(_) => (Some(Answer::Version(ADMIN_VERSION)), Served::Visitor),
        };
        if let Some(packet) = answer.and_then(|answer| wire::encode(&answer).ok()) {
            let _gone_already = wire::send(socket.as_fd(), &packet, &[]);
        }
        self.leaving.push(socket);
        served
    }

    /// Who is to be let go, now that he is served or turned away.
    pub(crate) fn leaving(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.leaving)
    }
}

/// Who came in.
pub(crate) enum Admitted<'a> {
    /// Somebody who may ask.
    Visitor(BorrowedFd<'a>),
    /// A user who may not, turned away.
    Stranger(u32),
    /// Nobody after all.
    Nobody,
}

/// Who was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// A visitor, who is gone now.
    Visitor,
    /// A visitor, by user id, who asked nothing that can be understood.
    Nonsense(u32),
    /// No visitor.
    Nobody,
}

/// What a visitor said.
enum Heard {
    Question(Question),
    Nothing,
    Nonsense,
}

impl AsFd for Admin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.door.as_fd()
    }
}

/// What a visitor asks. What comes with descriptors is no question, and is not taken from
/// the socket, so that they are closed with that; see [`crate::discard`].
fn question(visitor: &OwnedFd) -> Heard {
    let mut buffer = [0; QUESTION_MAX];
    let peeked = {
        let mut room = [IoSliceMut::new(&mut buffer)];
        // Without room for descriptors none is taken in.
        let message = recvmsg::<()>(visitor.as_raw_fd(), &mut room, None, MsgFlags::MSG_PEEK);
        message.map(|message| (message.bytes, message.flags))
    };
    let cut = MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC;
    let (length, flags) = match peeked {
        Err(_) => return Heard::Nothing,
        Ok((length, flags)) if length == 0 && !flags.intersects(cut) => return Heard::Nothing,
        Ok(peeked) => peeked,
    };
    if flags.contains(MsgFlags::MSG_CTRUNC) {
        return Heard::Nonsense;
    }
    // It came alone. Left behind, it would cost the visitor the answer.
    let taken = recv(visitor.as_raw_fd(), &mut [0], MsgFlags::empty());
    if taken.is_err() || flags.contains(MsgFlags::MSG_TRUNC) {
        return Heard::Nonsense;
    }
    let packet = buffer.get(..length);
    let question = packet.and_then(|packet| wire::decode(packet).ok());
    question.map_or(Heard::Nonsense, Heard::Question)
}
