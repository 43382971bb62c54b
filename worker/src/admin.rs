//! Where administrators ask the worker: a socket that root can connect to, and who is in
//! a group that the policy names for approvals; served by the first process between other events, so nobody here may keep it
//! waiting. Each connection is one question and one answer.

use crate::door::{Door, DoorError, Visit};
use crate::sys;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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
        })
    }

    /// Lets in who is in one of `groups`, besides root.
    pub(crate) fn open_to(&mut self, groups: &[u32]) -> Result<(), Errno> {
        self.door.open_to(groups)
    }

    /// Lets somebody in, as `number`. Without room, lets the oldest go.
    pub(crate) fn admit(&mut self, number: u64) -> Result<Option<BorrowedFd<'_>>, DoorError> {
        let Visit::Connection(connection) = self.door.accept()? else {
            return Ok(None);
        };
        if fcntl(&connection, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_err() {
            return Ok(None);
        }
        if self.visitors.len() >= VISITORS_MAX {
            // Closed, and so no event any more.
            self.visitors.pop_first();
        }
        let Ok(asker) = Asker::of(&connection) else {
            return Ok(None);
        };
        let socket = connection;
        self.visitors.insert(number, Visitor { socket, asker });
        Ok(self.visitors.get(&number).map(|one| one.socket.as_fd()))
    }

    /// Takes the question of a visitor and lets him go after `answer` to it.
    /// `false` when `number` is no visitor.
    pub(crate) fn serve(
        &mut self,
        number: u64,
        answer: impl FnOnce(&Asker, About) -> Answer,
    ) -> bool {
        let Some(visitor) = self.visitors.remove(&number) else {
            return false;
        };
        if let Some(question) = question(&visitor.socket) {
            let answer = match question {
                Question {
                    version: ADMIN_VERSION,
                    about,
                } => answer(&visitor.asker, about),
                Question { .. } => Answer::Version(ADMIN_VERSION),
            };
            if let Ok(packet) = wire::encode(&answer) {
                let _gone_already = wire::send(visitor.socket.as_fd(), &packet, &[]);
            }
        }
        true
    }
}

impl AsFd for Admin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.door.as_fd()
    }
}

/// What a visitor asks; `None` when it is no question, or he has gone.
fn question(visitor: &OwnedFd) -> Option<Question> {
    let mut buffer = [0; QUESTION_MAX];
    let packet = match sys::receive(visitor.as_fd(), &mut buffer) {
        Ok(packet) => packet,
        Err(_) => return None,
    };
    wire::decode(buffer.get(..packet.length)?).ok()
}
