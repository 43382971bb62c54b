//! Where administrators ask the worker: a socket that root alone can connect to,
//! served by the first process between other events, so nobody here may keep it
//! waiting. Each connection is one question and one answer.

use crate::door::{Door, DoorError, Visit};
use crate::sys;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
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
    visitors: BTreeMap<u64, OwnedFd>,
}

impl Admin {
    /// Listens at `path` for root.
    pub(crate) fn listen(path: &Path) -> Result<Self, DoorError> {
        Ok(Self {
            door: Door::listen(path, "0")?,
            visitors: BTreeMap::new(),
        })
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
        self.visitors.insert(number, connection);
        Ok(self.visitors.get(&number).map(AsFd::as_fd))
    }

    /// Takes the question of a visitor and lets him go after `answer` to it.
    /// `false` when `number` is no visitor.
    pub(crate) fn serve(&mut self, number: u64, answer: impl FnOnce(About) -> Answer) -> bool {
        let Some(visitor) = self.visitors.remove(&number) else {
            return false;
        };
        if let Some(question) = question(&visitor) {
            let answer = match question {
                Question {
                    version: ADMIN_VERSION,
                    about,
                } => answer(about),
                Question { .. } => Answer::Version(ADMIN_VERSION),
            };
            if let Ok(packet) = wire::encode(&answer) {
                let _gone_already = wire::send(visitor.as_fd(), &packet, &[]);
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
