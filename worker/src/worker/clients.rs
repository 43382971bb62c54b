//! Clients that come and go, and the keys that they show: what of it is recorded.

use super::Worker;
use super::left_out::Spared;
use super::recording::lost_line;
use super::sparing::Sparing;
use super::windows::Windows;
use crate::audit::{Attachment, Entry, Note, Offender, Proven};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long a key is not recorded again that is used from the same address.
const USED: Duration = Duration::from_secs(600);

/// Most pairs of key and address that are remembered.
const USES_MAX: usize = 4096;

/// Most clients whose end is waited for; those that the supervisor serves are fewer.
const ATTACHED_MAX: usize = 16_384;

/// What the names of clients begin with.
const CLIENT: &str = "c";

/// What is known of clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    key_uses: Sparing,
    used: BTreeMap<(String, IpAddr), Instant>,
    attaching: Windows,
    /// Those who are attached, by the names they have in the trail.
    attached: BTreeSet<String>,
}

impl Clients {
    /// Room for lines about keys that are used, and about each who attaches himself.
    pub(super) fn spared(&mut self) -> (&mut Sparing, impl Iterator<Item = &mut Sparing>) {
        (&mut self.key_uses, self.attaching.all())
    }

    /// Whether a line about the use of `key` at `address` is to be written; how many it
    /// stands for beside itself.
    fn room(&mut self, key: &str, address: IpAddr, now: Instant) -> Room {
        let pair = (key.to_owned(), address);
        let fresh = |then: &Instant| now.saturating_duration_since(*then) < USED;
        if self.used.get(&pair).is_some_and(fresh) {
            return Room::NotNews;
        }
        let Some(left_out) = self.key_uses.room(now) else {
            return Room::None;
        };
        if self.used.len() >= USES_MAX {
            self.used.retain(|_, then| fresh(then));
        }
        if self.used.len() < USES_MAX {
            self.used.insert(pair, now);
        }
        Room::For(left_out)
    }
}

/// Whether there is a line about the use of a key.
enum Room {
    /// It is known already.
    NotNews,
    /// There would be, had there not been many.
    None,
    /// There is; for how many it stands beside itself.
    For(u64),
}

impl Worker {
    /// Records what a lane tells, as far as there is room for it.
    pub(super) fn take_down(&mut self, number: u64, entry: Entry) -> Note {
        match entry {
            Entry::KeyUse { .. } => self.key_use(entry),
            Entry::Attach(attachment) => self.attach(attachment),
            Entry::Detach(name) => self.detach(name),
            Entry::Start { .. }
            | Entry::End(_)
            | Entry::Output(_)
            | Entry::Deny { .. }
            | Entry::Refuse { .. }
            | Entry::WrongKey { .. }
            | Entry::Violation { .. }
            | Entry::Recorded(_) => self.record(number, entry),
        }
    }

    /// Records that a valid key was presented, if that is news.
    fn key_use(&mut self, mut entry: Entry) -> Note {
        if let Entry::KeyUse {
            name,
            address,
            left_out,
            ..
        } = &mut entry
        {
            match self.clients.room(name, *address, Instant::now()) {
                Room::For(others) => *left_out = others,
                Room::NotNews => return Note::Recorded(None),
                Room::None => {
                    self.leave_out(Spared::KeyUse);
                    return Note::Recorded(None);
                }
            }
        }
        match self.log.record(&entry, None) {
            Ok(()) => Note::Recorded(None),
            Err(error) => lost_line(&error),
        }
    }

    /// Records that a client has attached itself, and names it.
    fn attach(&mut self, attachment: Attachment) -> Note {
        let who = match &attachment.caller {
            Proven::Peer { uid, .. } => format!("uid {uid}"),
            Proven::Key { name, .. } => format!("key {name}"),
        };
        let room = if self.clients.attached.len() >= ATTACHED_MAX {
            self.clients.attaching.leave_out(&who);
            None
        } else {
            self.clients.attaching.room(&who, Instant::now())
        };
        let Some(left_out) = room else {
            self.leave_out(Spared::Attach);
            return Note::Attached(None);
        };
        let name = format!("{CLIENT}{}", self.client_names.next());
        let entry = Entry::Attach(Attachment {
            name: name.clone(),
            left_out,
            ..attachment
        });
        match self.log.record(&entry, None) {
            Ok(()) => {
                self.clients.attached.insert(name.clone());
                Note::Attached(Some(name))
            }
            Err(error) => lost_line(&error),
        }
    }

    /// Records that a client is gone, if it had been there.
    fn detach(&mut self, name: String) -> Note {
        if !self.clients.attached.remove(&name) {
            // A client of a worker before this one ends later than that.
            if self.client_names.is_own(&name, CLIENT) {
                let what = "cannot let a client go who is not attached";
                self.violated(Offender::Supervisor, what);
            }
            return Note::Recorded(None);
        }
        match self.log.record(&Entry::Detach(name), None) {
            Ok(()) => Note::Recorded(None),
            Err(error) => lost_line(&error),
        }
    }
}
