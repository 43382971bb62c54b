//! Lanes and their runs, as the first process keeps count of them.

use crate::admission::Places;
use crate::audit::{Began, Entry, Note, Waiting};
use crate::lane::send_note;
use crate::metrics::Counting;
use crate::sys::Process;
use nix::sys::signal::{Signal, kill};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

/// A lane as the first process sees it.
#[derive(Debug)]
pub(super) struct LaneProcess {
    pub(super) process: Process,
    pub(super) records: OwnedFd,
    /// The run that has begun and not ended.
    pub(super) run: Option<String>,
    /// The run that has ended last, until its output is told.
    pub(super) ended: Option<String>,
    /// The call that is approved and that it may start, once.
    pub(super) approved: Option<Box<Waiting>>,
    /// What that run occupies.
    pub(super) places: Places,
    /// The user that is its own.
    pub(super) user: Option<u32>,
    /// As what the run that has begun is counted.
    pub(super) counting: Option<Counting>,
}

/// Names runs: unique over restarts without randomness.
#[derive(Debug)]
pub(super) struct RunNames {
    epoch: u64,
    next: u64,
}

impl RunNames {
    pub(super) fn new() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            epoch: u64::try_from(since.as_millis()).unwrap_or_default(),
            next: 0,
        }
    }

    pub(super) fn next(&mut self) -> String {
        self.next += 1;
        format!("{:x}-{}", self.epoch, self.next)
    }
}

impl LaneProcess {
    /// Tells it, and never waits for it: a lane that does not listen is ended.
    pub(super) fn tell(&self, note: &Note) {
        if send_note(self.records.as_fd(), note).is_err() {
            let _ended_already = kill(self.process.pid, Signal::SIGKILL);
        }
    }

    /// The name of the run that `entry` is about.
    pub(super) fn name(&mut self, entry: &Entry, runs: &mut RunNames) -> Option<String> {
        match entry {
            Entry::Start { .. } => self.run.insert(runs.next()).clone().into(),
            Entry::Output(_) => self.ended.take(),
            Entry::End(_)
            | Entry::Deny { .. }
            | Entry::Refuse { .. }
            | Entry::WrongKey { .. }
            | Entry::Violation { .. } => self.run.clone(),
        }
    }

    /// What the lane is told; only a start gives it a name, and an end takes it away.
    pub(super) fn note_recorded(&mut self, entry: &Entry) -> Option<Began> {
        match entry {
            Entry::Start { .. } => Some(Began {
                run: self.run.clone().unwrap_or_default(),
                user: self.user,
            }),
            Entry::End(_) => {
                self.ended = self.run.take();
                None
            }
            Entry::Output(_)
            | Entry::Deny { .. }
            | Entry::Refuse { .. }
            | Entry::WrongKey { .. }
            | Entry::Violation { .. } => None,
        }
    }

    /// A start that is not recorded does not happen, and an end is not tried again.
    pub(super) fn note_lost(&mut self, entry: &Entry) {
        if matches!(entry, Entry::Start { .. } | Entry::End(_)) {
            self.run = None;
        }
    }
}
